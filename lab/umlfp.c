// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loaded in front of a user-mode Linux kernel (LD_PRELOAD), and corrects what
 * it asks of ptrace.
 *
 * It knows 2696 bytes of FPU state.  On a host whose processor has more (AMX),
 * the host takes back a process's state as a whole or not at all: so the rest
 * is put behind what UML sets, as the process has it.  No guest program uses
 * AMX.
 *
 * When the kernel is killed, the processes that it traces would go on, with
 * their system calls done by the host.  They must end with it.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

enum {
	PTRACE_OLDSETOPTIONS = 21,
};

/* Not on the stack, which is one of UML's; it has one thread here. */
static unsigned char state[65536];

static long set_xstate(pid_t pid, void *type, const struct iovec *part)
{
	struct iovec whole = { .iov_base = state, .iov_len = sizeof(state) };

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, type, &whole))
		return -1;
	memcpy(state, part->iov_base,
	       part->iov_len < whole.iov_len ? part->iov_len : whole.iov_len);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, type, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	void *addr, *data;
	long word, res;
	va_list args;
	pid_t pid;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	addr = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);
	if (request == PTRACE_SETREGSET && (long)addr == NT_X86_XSTATE)
		return set_xstate(pid, addr, data);
	if ((int)request == PTRACE_OLDSETOPTIONS ||
	    request == PTRACE_SETOPTIONS)
		return syscall(SYS_ptrace, PTRACE_SETOPTIONS, pid, addr,
			       (long)data | PTRACE_O_EXITKILL);
	/* The system call hands out a word by reference, the function as is. */
	if (request != PTRACE_PEEKTEXT && request != PTRACE_PEEKDATA &&
	    request != PTRACE_PEEKUSER)
		return syscall(SYS_ptrace, request, pid, addr, data);
	res = syscall(SYS_ptrace, request, pid, addr, &word);
	return res < 0 ? res : word;
}
