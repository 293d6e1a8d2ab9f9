// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections over IPv4 come from the address that is in BIND_TO, one more of
 * this machine: so a cluster sees another host.  To be linked in or preloaded.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

typedef int (*connect_fn)(int fd, const struct sockaddr *to, socklen_t len);

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	connect_fn real = (connect_fn)dlsym(RTLD_NEXT, "connect");
	struct sockaddr_in from = {.sin_family = AF_INET};
	const char *ip = getenv("BIND_TO");

	/* Whoever asks a second time whether it is connected is bound. */
	if (ip && to->sa_family == AF_INET &&
	    inet_pton(AF_INET, ip, &from.sin_addr) == 1 &&
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) && errno != EINVAL)
		return -1;
	return real(fd, to, len);
}
