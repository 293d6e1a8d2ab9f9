// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections come from the address that is in BIND_TO, one of several of this
 * machine: so a cluster sees several hosts.  To be linked in or preloaded.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

typedef int (*connect_fn)(int fd, const struct sockaddr *to, socklen_t len);

/* Whoever asks a second time whether it is connected is bound. */
static int bind_to(int fd, int family, const char *ip)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	const struct sockaddr *from = (struct sockaddr *)&v4;
	socklen_t len = sizeof(v4);

	if (family == AF_INET6) {
		if (inet_pton(AF_INET6, ip, &v6.sin6_addr) != 1)
			return 0;
		from = (struct sockaddr *)&v6;
		len = sizeof(v6);
	} else if (family != AF_INET ||
		   inet_pton(AF_INET, ip, &v4.sin_addr) != 1) {
		return 0;
	}
	return bind(fd, from, len) && errno != EINVAL ? -1 : 0;
}

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	connect_fn real = (connect_fn)dlsym(RTLD_NEXT, "connect");
	const char *ip = getenv("BIND_TO");

	if (ip && bind_to(fd, to->sa_family, ip))
		return -1;
	return real(fd, to, len);
}
