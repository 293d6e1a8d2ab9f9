// SPDX-License-Identifier: GPL-2.0-only
/* Addresses of Ceph clients, in the texts that Ceph writes. */
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "store_rados_addr.h"

static const char *sr_addr_back(const char *begin, const char *end,
				const char *set)
{
	while (end > begin && strchr(set, end[-1]))
		end--;
	return end;
}

/* The IP address that ends at @end; in its usual form, whatever it had. */
static bool sr_addr_ip(const char *begin, const char *end, struct sr_addr *addr)
{
	static const char hex[] = "0123456789abcdefABCDEF:.";
	unsigned char raw[sizeof(struct in6_addr)];
	char text[SR_IP_CAP];
	const char *from;
	int family = AF_INET;

	if (end > begin && end[-1] == ']') {
		from = sr_addr_back(begin, --end, hex);
		family = AF_INET6;
	} else {
		from = sr_addr_back(begin, end, "0123456789.");
	}
	if (from == end || end - from >= (ptrdiff_t)sizeof(text))
		return false;
	memcpy(text, from, end - from);
	text[end - from] = '\0';
	return inet_pton(family, text, raw) == 1 &&
	       inet_ntop(family, raw, addr->ip, sizeof(addr->ip));
}

static bool sr_addr_whole(const char *begin, const char *slash,
			  struct sr_addr *addr)
{
	const char *port = sr_addr_back(begin, slash, "0123456789");
	size_t nonce = strspn(slash + 1, "0123456789");

	if (port == slash || slash - port > 5 || port == begin ||
	    port[-1] != ':' || !nonce || nonce > 20)
		return false;
	if (!sr_addr_ip(begin, port - 1, addr))
		return false;
	memcpy(addr->port, port, slash - port);
	addr->port[slash - port] = '\0';
	memcpy(addr->nonce, slash + 1, nonce);
	addr->nonce[nonce] = '\0';
	return true;
}

bool sr_addr_next(const char **text, struct sr_addr *addr)
{
	const char *begin = *text;
	const char *slash = begin;

	while ((slash = strchr(slash, '/'))) {
		if (sr_addr_whole(begin, slash, addr)) {
			*text = slash + 1;
			return true;
		}
		slash++;
	}
	return false;
}

bool sr_addr_is_host(const struct sr_addr *addr)
{
	return !strcmp(addr->port, "0") && !strcmp(addr->nonce, "0");
}
