// SPDX-License-Identifier: GPL-2.0-only
#include "print.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	/* ,i,0x and the ISID, or ,t,0x and the tag */
	PORT_MAX = TPR_NAME_MAX + 32,
};

struct tcmu_pr_info *state_decode(const char *str, size_t len,
				  struct tpr_string_error *err)
{
	int regs = tpr_peek_regs(str, len);
	struct tcmu_pr_info *info;

	/* Without a believable count, let the decoder name the line. */
	if (regs < 0)
		regs = 0;
	err->line = 0;
	info = malloc(tpr_info_size((u32)regs));
	if (!info) {
		err->what = "no memory";
		return NULL;
	}
	tpr_info_init(info, (u32)regs);
	err->what = "impossible number of registrations";
	if (!tpr_decode(info, str, len, err))
		return info;
	free(info);
	return NULL;
}

static const char *type_name(u8 type)
{
	switch (type) {
	case TPR_WRITE_EXCLUSIVE:
		return "Write Exclusive";
	case TPR_EXCLUSIVE_ACCESS:
		return "Exclusive Access";
	case TPR_WRITE_EXCLUSIVE_RO:
		return "Write Exclusive, Registrants Only";
	case TPR_EXCLUSIVE_ACCESS_RO:
		return "Exclusive Access, Registrants Only";
	case TPR_WRITE_EXCLUSIVE_AR:
		return "Write Exclusive, All Registrants";
	case TPR_EXCLUSIVE_ACCESS_AR:
		return "Exclusive Access, All Registrants";
	default:
		return "none";
	}
}

static const char *protocol_name(u8 proto)
{
	switch (proto) {
	case TPR_PROTO_FC:
		return "fc";
	case TPR_PROTO_SRP:
		return "srp";
	case TPR_PROTO_ISCSI:
		return "iscsi";
	case TPR_PROTO_SAS:
		return "sas";
	default:
		return "other";
	}
}

static const char *initiator_text(const struct tpr_nexus *nexus, char *buf)
{
	const u8 *i = nexus->isid;

	if (nexus->proto == TPR_PROTO_ISCSI)
		snprintf(buf, PORT_MAX, "%s,i,0x%02x%02x%02x%02x%02x%02x",
			 nexus->initiator, i[0], i[1], i[2], i[3], i[4], i[5]);
	else
		snprintf(buf, PORT_MAX, "%s", nexus->initiator);
	return buf;
}

static const char *target_text(const struct tpr_nexus *nexus, char *buf)
{
	if (!nexus->target[0])
		return "all target ports";
	snprintf(buf, PORT_MAX, "%s,t,0x%04x", nexus->target, nexus->tag);
	return buf;
}

/* For people */

static void print_reservation(const struct tcmu_pr_info *info)
{
	char initiator[PORT_MAX], target[PORT_MAX];
	const struct tpr_nexus *nexus;

	printf("Reservation:   %s\n", type_name(info->rsv.type));
	if (info->rsv.type != TPR_NO_RESERVATION &&
	    info->rsv.holder == TPR_HOLDER_ALL)
		puts("  Holder:      all registrants");
	if (info->rsv.holder != TPR_HOLDER_ALL) {
		nexus = &info->regs[info->rsv.holder].nexus;
		printf("  Holder:      %s to %s\n",
		       initiator_text(nexus, initiator),
		       target_text(nexus, target));
	}
	if (info->scsi2_held)
		printf("SPC-2 holder:  %s to %s, at gateway %s\n",
		       initiator_text(&info->scsi2_holder, initiator),
		       target_text(&info->scsi2_holder, target),
		       info->scsi2_gateway);
}

static void print_registrations(const struct tcmu_pr_info *info)
{
	char initiator[PORT_MAX], target[PORT_MAX];
	u32 i;

	printf("Registrations: %u\n", info->num_regs);
	for (i = 0; i < info->num_regs; i++) {
		const struct tpr_reg *reg = &info->regs[i];

		printf("  0x%016llx %s to %s, relative port %u%s\n", reg->key,
		       initiator_text(&reg->nexus, initiator),
		       target_text(&reg->nexus, target), reg->nexus.rtpi,
		       tpr_is_holder(info, i) ? ", holder" : "");
	}
}

static void print_order(const struct tpr_order *order)
{
	char initiator[PORT_MAX], target[PORT_MAX];

	if (!order->nexus.initiator[0])
		return;
	printf("      of %s to %s\n", initiator_text(&order->nexus, initiator),
	       target_text(&order->nexus, target));
	printf("      key 0x%016llx, scope %u, type %u, flags 0x%02x\n",
	       order->sa_key, order->scope_type >> 4, order->scope_type & 0xf,
	       order->flags);
}

static void print_changes(const struct tcmu_pr_info *info)
{
	u32 i;

	puts("Last changes:");
	for (i = 0; i < info->num_changes; i++) {
		const struct tpr_change *change = &info->changes[i];

		printf("  %llu %s by %s (0x%016llx, %llu)\n", change->seq,
		       tpr_action_name(change->order.action),
		       change->writer.gateway, change->writer.incarnation,
		       change->writer.count);
		print_order(&change->order);
	}
}

void state_print(const struct tcmu_pr_info *info)
{
	printf("Serial number: %s\n", info->device);
	printf("Version:       %llu\n", info->seq);
	printf("Generation:    0x%08x\n", info->gen);
	printf("Persists:      %s\n",
	       info->aptpl ? "yes (APTPL=1)" : "no (APTPL=0)");
	print_reservation(info);
	print_registrations(info);
	print_changes(info);
}

/* As JSON */

static void add(struct json_object *to, const char *key,
		struct json_object *value)
{
	json_object_object_add(to, key, value);
}

static void add_text(struct json_object *to, const char *key, const char *value)
{
	add(to, key, json_object_new_string(value));
}

static void add_hex(struct json_object *to, const char *key, u64 value)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%016llx", value);
	add_text(to, key, text);
}

static void add_nexus(struct json_object *to, const struct tpr_nexus *nexus)
{
	char buf[PORT_MAX];

	add_text(to, "protocol", protocol_name(nexus->proto));
	add_text(to, "initiator_port", initiator_text(nexus, buf));
	add(to, "target_port",
	    nexus->target[0] ? json_object_new_string(target_text(nexus, buf))
			     : NULL);
	add(to, "relative_target_port", json_object_new_int(nexus->rtpi));
}

static struct json_object *registrations_json(const struct tcmu_pr_info *info)
{
	struct json_object *list = json_object_new_array();
	u32 i;

	for (i = 0; i < info->num_regs; i++) {
		struct json_object *reg = json_object_new_object();

		add_hex(reg, "key", info->regs[i].key);
		add_nexus(reg, &info->regs[i].nexus);
		add(reg, "all_target_ports",
		    json_object_new_boolean(info->regs[i].all_tg_pt));
		add(reg, "holder",
		    json_object_new_boolean(tpr_is_holder(info, i)));
		json_object_array_add(list, reg);
	}
	return list;
}

static struct json_object *order_json(const struct tpr_order *order)
{
	struct json_object *obj;

	if (!order->nexus.initiator[0])
		return NULL;
	obj = json_object_new_object();
	add_hex(obj, "service_action_key", order->sa_key);
	add(obj, "scope", json_object_new_int(order->scope_type >> 4));
	add(obj, "type", json_object_new_int(order->scope_type & 0xf));
	add(obj, "flags", json_object_new_int(order->flags));
	add_nexus(obj, &order->nexus);
	return obj;
}

static struct json_object *changes_json(const struct tcmu_pr_info *info)
{
	struct json_object *list = json_object_new_array();
	u32 i;

	for (i = 0; i < info->num_changes; i++) {
		const struct tpr_change *change = &info->changes[i];
		struct json_object *obj = json_object_new_object();

		add(obj, "seq", json_object_new_uint64(change->seq));
		add_text(obj, "action", tpr_action_name(change->order.action));
		add_text(obj, "gateway", change->writer.gateway);
		add_hex(obj, "incarnation", change->writer.incarnation);
		add(obj, "count", json_object_new_uint64(change->writer.count));
		add(obj, "order", order_json(&change->order));
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *reservation_json(const struct tcmu_pr_info *info)
{
	struct json_object *rsv;

	if (info->rsv.type == TPR_NO_RESERVATION)
		return NULL;
	rsv = json_object_new_object();
	add(rsv, "type", json_object_new_int(info->rsv.type));
	add_text(rsv, "type_name", type_name(info->rsv.type));
	add(rsv, "holder",
	    info->rsv.holder == TPR_HOLDER_ALL
		    ? json_object_new_string("all")
		    : json_object_new_int64(info->rsv.holder));
	return rsv;
}

void state_json(const struct tcmu_pr_info *info, struct json_object *to)
{
	struct json_object *spc2 = NULL;

	if (info->scsi2_held) {
		spc2 = json_object_new_object();
		add_nexus(spc2, &info->scsi2_holder);
		add_text(spc2, "gateway", info->scsi2_gateway);
	}
	add(to, "format", json_object_new_int((int)info->vers));
	add(to, "seq", json_object_new_uint64(info->seq));
	add_text(to, "device", info->device);
	add(to, "generation", json_object_new_int64(info->gen));
	add(to, "aptpl", json_object_new_boolean(info->aptpl));
	add(to, "spc2_reservation", spc2);
	add(to, "reservation", reservation_json(info));
	add(to, "registrations", registrations_json(info));
	add(to, "changes", changes_json(info));
}

void json_print(struct json_object *obj)
{
	puts(json_object_to_json_string_ext(
		obj, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			     JSON_C_TO_STRING_NOSLASHESCAPE));
}
