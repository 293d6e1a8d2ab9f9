// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tcmu-runner 1.5.4 (Debian 12) and 1.6.2 make of a dev_config, as far as
 * it names one image:
 * - Slashes in front of the pool's name, and semicolons in front of the
 *   image's, do not count.
 * - Options stand in any order, the last one of a name counts, unknown ones are
 *   ignored, and so are empty ones; but conf, id or osd_op_timeout without a
 *   value is an error.
 * - The value of osd_op_timeout is a number of seconds, with whatever behind
 *   it.  What is no number counts as if it were not there.
 * They know no namespaces: a further slash is part of the image's name there,
 * and there is no such image.  Here it ends a namespace's name, for a handler
 * that does know them.
 *
 * A control character, or a semicolon in a pool's name, is an error here: names
 * are shown in logs, and the normal form has to be readable again.
 */
#include "rbd_config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HANDLER "rbd/"

static int part_set(char *part, const char *from, size_t len)
{
	if (len >= RBD_PART_MAX)
		return -ENAMETOOLONG;
	memcpy(part, from, len);
	part[len] = '\0';
	return 0;
}

static bool printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* Whole seconds, and 1 for any part of the first one: 0 would mean none. */
static unsigned int seconds(const char *text, size_t len)
{
	const char *end = text + len;
	unsigned long s = 0;
	bool fraction = false;

	for (; text < end && *text >= '0' && *text <= '9'; text++)
		if (s < RBD_OP_TIMEOUT_MAX_S)
			s = s * 10 + (unsigned long)(*text - '0');
	if (s > RBD_OP_TIMEOUT_MAX_S)
		return RBD_OP_TIMEOUT_MAX_S;
	if (s || text == end || *text != '.')
		return (unsigned int)s;
	for (text++; text < end && *text >= '0' && *text <= '9'; text++)
		fraction |= *text != '0';
	return fraction;
}

/* The value of option @name; NULL: @text is another one. */
static const char *option(const char *text, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len >= n && !strncmp(text, name, n) ? text + n : NULL;
}

static int option_parse(const char *text, size_t len, struct rbd_config *rbd)
{
	const char *end = text + len, *value;

	value = option(text, len, "conf=");
	if (value)
		return value == end ? -EINVAL
				    : part_set(rbd->conf, value,
					       (size_t)(end - value));
	value = option(text, len, "id=");
	if (value)
		return value == end ? -EINVAL
				    : part_set(rbd->id, value,
					       (size_t)(end - value));
	value = option(text, len, "osd_op_timeout=");
	if (!value)
		return 0;
	rbd->osd_op_timeout = seconds(value, (size_t)(end - value));
	return value == end ? -EINVAL : 0;
}

/* @text is at a semicolon, or at its end. */
static int options_parse(const char *text, struct rbd_config *rbd)
{
	size_t len;
	int rc = 0;

	while (!rc && *(text += strspn(text, ";"))) {
		len = strcspn(text, ";");
		rc = option_parse(text, len, rbd);
		text += len;
	}
	return rc;
}

/* [NAMESPACE/]IMAGE */
static int image_parse(const char *text, size_t len, struct rbd_config *rbd)
{
	const char *slash = memchr(text, '/', len), *end = text + len;
	int rc;

	if (!slash)
		return len ? part_set(rbd->image, text, len) : -EINVAL;
	if (slash == text || slash + 1 == end ||
	    memchr(slash + 1, '/', (size_t)(end - slash) - 1))
		return -EINVAL;
	rc = part_set(rbd->ns, text, (size_t)(slash - text));
	return rc ? rc
		  : part_set(rbd->image, slash + 1, (size_t)(end - slash) - 1);
}

static int lu_parse(const char *text, struct rbd_config *rbd)
{
	size_t len = strcspn(text, "/;");
	int rc;

	memset(rbd, 0, sizeof(*rbd));
	if (!printable(text) || !len || text[len] != '/')
		return -EINVAL;
	rc = part_set(rbd->pool, text, len);
	text += len + 1;
	text += strspn(text, ";");
	len = strcspn(text, ";");
	if (!rc)
		rc = image_parse(text, len, rbd);
	return rc ? rc : options_parse(text + len, rbd);
}

int rbd_config_parse(const char *dev_config, struct rbd_config *rbd)
{
	memset(rbd, 0, sizeof(*rbd));
	if (strncmp(dev_config, HANDLER, strlen(HANDLER)) != 0)
		return -EINVAL;
	dev_config += strlen(HANDLER);
	return lu_parse(dev_config + strspn(dev_config, "/"), rbd);
}

int rbd_config_parse_lu(const char *lu, struct rbd_config *rbd)
{
	return lu_parse(lu, rbd);
}

/* Of the text so far, when the rest is written behind it. */
static int fits(int n, size_t cap)
{
	return n >= 0 && (size_t)n < cap ? 0 : -ENAMETOOLONG;
}

int rbd_config_where(const struct rbd_config *rbd, char *where, size_t cap)
{
	return fits(snprintf(where, cap, "%s%s%s%s%s%s%s", rbd->pool,
			     rbd->ns[0] ? "/" : "", rbd->ns,
			     rbd->conf[0] ? ";conf=" : "", rbd->conf,
			     rbd->id[0] ? ";id=" : "", rbd->id),
		    cap);
}

int rbd_config_lu(const struct rbd_config *rbd, char *lu, size_t cap)
{
	char timeout[32] = "";

	if (rbd->osd_op_timeout)
		snprintf(timeout, sizeof(timeout), ";osd_op_timeout=%u",
			 rbd->osd_op_timeout);
	return fits(snprintf(lu, cap, "%s/%s%s%s%s%s%s%s%s", rbd->pool, rbd->ns,
			     rbd->ns[0] ? "/" : "", rbd->image,
			     rbd->conf[0] ? ";conf=" : "", rbd->conf,
			     rbd->id[0] ? ";id=" : "", rbd->id, timeout),
		    cap);
}

int rbd_config_parse_where(const char *where, struct rbd_config *rbd)
{
	size_t len = strcspn(where, "/;"), ns;
	int rc;

	memset(rbd, 0, sizeof(*rbd));
	if (!printable(where) || !len)
		return -EINVAL;
	rc = part_set(rbd->pool, where, len);
	where += len;
	if (!rc && *where == '/') {
		where++;
		ns = strcspn(where, "/;");
		if (!ns || where[ns] == '/')
			return -EINVAL;
		rc = part_set(rbd->ns, where, ns);
		where += ns;
	}
	return rc ? rc : options_parse(where, rbd);
}
