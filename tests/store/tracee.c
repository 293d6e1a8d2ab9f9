// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "tracee.h"

struct tracee_result {
	volatile int ret;
	volatile int done;
};

static void tracee_child(struct tracee_result *shared, const char *gateway,
			 uint64_t incarnation, int (*op)(struct store *store))
{
	struct store *store = NULL;
	char *err;

	if (gateway &&
	    ops->open(&store, area_where, gateway, incarnation, &err))
		_exit(3);
	if (ptrace(PTRACE_TRACEME, 0, 0, 0))
		_exit(4);
	raise(SIGSTOP);
	shared->ret = op(store);
	shared->done = 1;
	_exit(0);
}

void tracee_start(struct tracee *t, const char *gateway, uint64_t incarnation,
		  int (*op)(struct store *store))
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
	int status;

	memset(t, 0, sizeof(*t));
	t->shared = mmap(NULL, sizeof(*t->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(t->shared != MAP_FAILED);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (t->pid == 0)
		tracee_child(t->shared, gateway, incarnation, op);
	assert_int_equal(waitpid(t->pid, &status, __WALL), t->pid);
	if (!WIFSTOPPED(status))
		fail_msg("the child did not start, status %x", status);
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, t->pid, 0, options), 0);
}

static void tracee_info(struct tracee *t)
{
	struct __ptrace_syscall_info info = {0};

	assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info),
			   &info) > 0);
	t->entry = info.op == PTRACE_SYSCALL_INFO_ENTRY;
	if (t->entry) {
		t->call = info.entry.nr;
		for (int i = 0; i < 6; i++)
			t->arg[i] = info.entry.args[i];
	} else {
		t->result = info.exit.rval;
	}
}

bool tracee_step(struct tracee *t)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SYSCALL, t->pid, 0, 0), 0);
	assert_int_equal(waitpid(t->pid, &status, __WALL), t->pid);
	if (WIFEXITED(status)) {
		assert_int_equal(WEXITSTATUS(status), 0);
		t->pid = 0;
		return false;
	}
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80))
		fail_msg("unexpected stop of the child, status %x", status);
	tracee_info(t);
	return true;
}

bool tracee_step_to(struct tracee *t, long call)
{
	while (tracee_step(t))
		if (t->entry && t->call == call)
			return true;
	return false;
}

int tracee_finish(struct tracee *t)
{
	while (t->pid && tracee_step(t))
		;
	assert_true(t->shared->done);
	return t->shared->ret;
}

void tracee_kill(struct tracee *t)
{
	int status;

	if (!t->pid)
		return;
	kill(t->pid, SIGKILL);
	do {
		assert_int_equal(waitpid(t->pid, &status, __WALL), t->pid);
	} while (WIFSTOPPED(status));
	t->pid = 0;
}

bool tracee_done(const struct tracee *t, int *ret)
{
	*ret = t->shared->ret;
	return t->shared->done;
}

void tracee_free(struct tracee *t)
{
	tracee_kill(t);
	munmap(t->shared, sizeof(*t->shared));
}

bool tracee_can_inject(void)
{
#ifdef __x86_64__
	return true;
#else
	return false;
#endif
}

void tracee_inject(struct tracee *t, int err)
{
#ifdef __x86_64__
	struct user_regs_struct regs;

	if (t->entry) {
		assert_int_equal(ptrace(PTRACE_GETREGS, t->pid, 0, &regs), 0);
		regs.orig_rax = -1;
		assert_int_equal(ptrace(PTRACE_SETREGS, t->pid, 0, &regs), 0);
		assert_true(tracee_step(t));
	}
	assert_int_equal(ptrace(PTRACE_GETREGS, t->pid, 0, &regs), 0);
	regs.rax = -err;
	assert_int_equal(ptrace(PTRACE_SETREGS, t->pid, 0, &regs), 0);
	t->result = -err;
#else
	(void)t;
	(void)err;
#endif
}

void tracee_string(const struct tracee *t, uint64_t addr, char *buf, size_t cap)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", t->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = pread(fd, buf, cap - 1, (off_t)addr);
	close(fd);
	assert_true(n > 0);
	buf[n] = '\0';
}

void tracee_path(const struct tracee *t, int dirfd, uint64_t name, char *buf,
		 size_t cap)
{
	char link[64], dir[512] = "", base[512] = "";
	ssize_t n;

	if (name)
		tracee_string(t, name, base, sizeof(base));
	if (base[0] != '/' && dirfd >= 0) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", t->pid, dirfd);
		n = readlink(link, dir, sizeof(dir) - 1);
		dir[n > 0 ? n : 0] = '\0';
	}
	snprintf(buf, cap, "%s%s%s", dir, dir[0] && base[0] ? "/" : "", base);
}
