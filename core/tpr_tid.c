// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_tid.h"
#include "tpr_bytes.h"

enum {
	/* TransportIDs of all protocols but iSCSI. */
	FIXED_LEN = 24,
	/* iSCSI's additional length at least, SPC-4 7.6.4.6. */
	ISCSI_LEN_MIN = 20,
	/* Byte 0: what is to be found behind it. */
	FORMAT_MASK = 0xc0,
	FORMAT_DEVICE = 0x00, /* iSCSI: all ports of an initiator device */
	FORMAT_PORT = 0x40, /* iSCSI: one port */
	PROTO_MASK = 0x0f,
};

static const char separator[] = ",i,0x";
static const char digits[] = "0123456789abcdef";

/* Where the binary name of a protocol stands in its TransportID. */
struct place {
	const char *prefix; /* of the name as text */
	u8 at;
	u8 len;
};

/* SPC-4 7.6.4.2, .5 and .7; len 0: nothing that we know. */
static struct place place_of(u8 proto)
{
	switch (proto) {
	case TPR_PROTO_FC:
		return (struct place){ "naa.", 8, 8 };
	case TPR_PROTO_SRP:
		return (struct place){ "0x", 8, 16 };
	case TPR_PROTO_SAS:
		return (struct place){ "naa.", 4, 8 };
	default:
		return (struct place){ "", 0, 0 };
	}
}

static u8 hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (u8)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (u8)(c - 'a' + 10) : 0xff;
}

/* @len bytes as hexadecimal digits, NUL-terminated. */
static void put_hex(char *text, const u8 *bytes, u32 len)
{
	u32 i;

	for (i = 0; i < 2 * len; i++)
		text[i] = digits[bytes[i / 2] >> (i & 1 ? 0 : 4) & 15];
	text[i] = 0;
}

static const char *skip_prefix(const char *name)
{
	if (!strncmp(name, "naa.", 4) || !strncmp(name, "eui.", 4))
		return name + 4;
	return strncmp(name, "0x", 2) ? name : name + 2;
}

/*
 * The hexadecimal digits of @name, whatever stands between, as @len bytes:
 * the first ones if there are too many, zeroes after them if too few.
 */
static void name_to_bytes(const char *name, u8 *bytes, u32 len)
{
	u32 n = 0;

	memset(bytes, 0, len);
	for (name = skip_prefix(name); *name && n < 2 * len; name++) {
		u8 digit = hex_digit(*name);

		if (digit == 0xff)
			continue;
		bytes[n / 2] |= (u8)(n & 1 ? digit : digit << 4);
		n++;
	}
}

/* Length of the iSCSI name, separator, ISID and NUL, padded to a dword. */
static u32 iscsi_len(const struct tpr_nexus *nexus)
{
	u32 len = (u32)strlen(nexus->initiator) + sizeof(separator) - 1 +
		  2 * TPR_ISID_LEN + 1;

	return (len + 3) & ~3u;
}

u32 tpr_tid_len(const struct tpr_nexus *nexus)
{
	return nexus->proto == TPR_PROTO_ISCSI ? 4 + iscsi_len(nexus) :
						 FIXED_LEN;
}

u32 tpr_tid_put(const struct tpr_nexus *nexus, u8 buf[TPR_TID_MAX])
{
	struct place place = place_of(nexus->proto);
	u32 len = tpr_tid_len(nexus);
	char *text = (char *)buf + 4;

	memset(buf, 0, len);
	buf[0] = nexus->proto;
	if (nexus->proto != TPR_PROTO_ISCSI) {
		name_to_bytes(nexus->initiator, buf + place.at, place.len);
		return len;
	}
	buf[0] |= FORMAT_PORT;
	tpr_put_be16(buf + 2, (u16)(len - 4));
	memcpy(text, nexus->initiator, strlen(nexus->initiator));
	text += strlen(nexus->initiator);
	memcpy(text, separator, sizeof(separator) - 1);
	put_hex(text + sizeof(separator) - 1, nexus->isid, TPR_ISID_LEN);
	return len;
}

/* The text in @len bytes, with nothing but NULs, one at least, behind it. */
static int padded_len(const u8 *buf, u32 len)
{
	u32 n = 0, i;

	while (n < len && buf[n])
		n++;
	for (i = n; i < len; i++)
		if (buf[i])
			return -EINVAL;
	return n < len ? (int)n : -EINVAL;
}

/* Reads the digits that end a name of @len bytes; its new length. */
static int get_isid(const u8 *text, int len, u8 isid[TPR_ISID_LEN])
{
	int tail = (int)sizeof(separator) - 1 + 2 * TPR_ISID_LEN, i;

	if (len <= tail)
		return -EINVAL;
	len -= tail;
	text += len;
	if (memcmp(text, separator, sizeof(separator) - 1))
		return -EINVAL;
	text += sizeof(separator) - 1;
	for (i = 0; i < 2 * TPR_ISID_LEN; i++) {
		u8 digit = hex_digit((char)text[i]);

		if (digit == 0xff)
			return -EINVAL;
		isid[i / 2] = (u8)(isid[i / 2] << 4 | digit);
	}
	return len;
}

/* SPC-4 7.6.4.6. */
static int get_iscsi(const u8 *buf, u32 len, struct tpr_nexus *nexus,
		     bool *any_port)
{
	u32 rest = tpr_be16(buf + 2);
	u8 format = buf[0] & FORMAT_MASK;
	int name_len;

	if (rest < ISCSI_LEN_MIN || rest % 4 || rest > len - 4)
		return -EINVAL;
	name_len = padded_len(buf + 4, rest);
	if (format == FORMAT_PORT)
		name_len = get_isid(buf + 4, name_len, nexus->isid);
	else if (format != FORMAT_DEVICE)
		return -EINVAL;
	if (name_len < 0 || name_len > TPR_NAME_MAX)
		return -EINVAL;
	memcpy(nexus->initiator, buf + 4, (size_t)name_len);
	nexus->initiator[name_len] = 0;
	if (!tpr_name_valid(nexus->initiator))
		return -EINVAL;
	*any_port = format == FORMAT_DEVICE;
	return 4 + (int)rest;
}

int tpr_tid_get(const u8 *buf, u32 len, struct tpr_nexus *nexus,
		bool *any_port)
{
	struct place place;
	size_t prefix;

	if (len < FIXED_LEN)
		return -EINVAL;
	nexus->proto = buf[0] & PROTO_MASK;
	memset(nexus->initiator, 0, sizeof(nexus->initiator));
	memset(nexus->isid, 0, sizeof(nexus->isid));
	*any_port = false;
	if (nexus->proto == TPR_PROTO_ISCSI)
		return get_iscsi(buf, len, nexus, any_port);
	place = place_of(nexus->proto);
	if (!place.len || buf[0] & FORMAT_MASK)
		return -EINVAL;
	prefix = strlen(place.prefix);
	memcpy(nexus->initiator, place.prefix, prefix);
	put_hex(nexus->initiator + prefix, buf + place.at, place.len);
	return FIXED_LEN;
}

bool tpr_port_name(u8 proto, const char *raw, char name[TPR_NAME_MAX + 1])
{
	struct place place = place_of(proto);
	u8 bytes[16];
	const char *p;
	size_t len;
	u32 n = 0;

	if (!place.len) {
		len = strlen(raw);
		if (len > TPR_NAME_MAX)
			return false;
		memcpy(name, raw, len + 1);
		return tpr_name_valid(name);
	}
	for (p = skip_prefix(raw); *p; p++) {
		if (hex_digit(*p) != 0xff)
			n++;
		else if (*p != ':' && *p != '-' && *p != '.')
			return false;
	}
	if (n != 2 * place.len)
		return false;
	name_to_bytes(raw, bytes, place.len);
	len = strlen(place.prefix);
	memcpy(name, place.prefix, len);
	put_hex(name + len, bytes, place.len);
	return true;
}
