// SPDX-License-Identifier: GPL-2.0-only
/* The requests of the control socket. */
#include "attach.h"
#include "control.h"
#include "device.h"
#include "gateways.h"
#include "work.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* JSON has no integers beyond 2^53 that every reader takes: use strings. */
static void add_hex(struct json_object *to, const char *key, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%016" PRIx64, value);
	json_object_object_add(to, key, json_object_new_string(text));
}

static void add_number(struct json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *to, const char *key, const char *value)
{
	if (value)
		json_object_object_add(to, key, json_object_new_string(value));
}

static const char *life_word(enum gateways_life life)
{
	switch (life) {
	case GATEWAYS_ALIVE:
		return "alive";
	case GATEWAYS_ENDED:
		return "ended";
	default:
		return "doubtful";
	}
}

static void add_flag(struct json_object *to, const char *key, bool value)
{
	json_object_object_add(to, key, json_object_new_boolean(value));
}

static void add_lease(struct json_object *to, const struct daemon *d)
{
	struct gateways_status status;

	gateways_status(d->engine.gateways, &status);
	add_number(to, "term", status.term);
	add_number(to, "lease_ms_left", status.lease_ms_left);
	if (!status.lease_ms_left)
		add_text(to, "lease_reason", status.reason);
}

static void add_life(struct json_object *to, const struct daemon *d,
		     const struct store_member *member)
{
	struct gateways *gateways = d->engine.gateways;

	add_number(to, "term", member->term);
	add_text(to, "life",
		 life_word(gateways_life(gateways, member->gateway,
					 member->term)));
	add_flag(to, "fenced",
		 gateways_fenced_off(gateways, member->gateway, member->term,
				     false));
}

static struct json_object *members_json(const struct daemon *d,
					const struct store_member *members,
					size_t count)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++) {
		struct json_object *member = json_object_new_object();

		add_text(member, "gateway", members[i].gateway);
		add_hex(member, "incarnation", members[i].incarnation);
		add_number(member, "installed", members[i].installed);
		add_number(member, "ended", members[i].ended);
		add_number(member, "seen", members[i].seen);
		add_life(member, d, &members[i]);
		json_object_array_add(list, member);
	}
	return list;
}

static void add_state(struct json_object *to, const struct device *dev)
{
	static const char *const words[] = {
		[ENGINE_JOINING] = "joining",
		[ENGINE_UNSETTLED] = "unsettled",
		[ENGINE_READY] = "ready",
		[ENGINE_FAILED] = "error",
	};
	struct engine_status status;

	if (!dev->engine) {
		add_text(to, "state", "error");
		add_text(to, "reason", dev->refused);
		add_number(to, "seq", 0);
		json_object_object_add(to, "members", json_object_new_array());
		return;
	}
	engine_status(dev->engine, &status);
	add_text(to, "state", words[status.state]);
	if (status.state == ENGINE_FAILED)
		add_text(to, "reason", status.reason);
	add_flag(to, "lost", status.lost);
	add_flag(to, "foreign", status.foreign);
	add_number(to, "seq", status.seq);
	add_number(to, "installed", status.installed);
	add_number(to, "settled", status.settled);
	json_object_object_add(
		to, "members",
		members_json(dev->daemon, status.members, status.count));
}

static struct json_object *device_json(const struct device *dev)
{
	struct json_object *obj = json_object_new_object();

	add_text(obj, "name", dev->name);
	add_text(obj, "backstore", dev->backstore);
	add_text(obj, "lu", dev->lu);
	add_state(obj, dev);
	return obj;
}

static void run_list(struct daemon *d, struct client *client,
		     struct json_object *request)
{
	struct json_object *reply = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct device *dev;

	(void)request;
	for (dev = d->devices; dev; dev = dev->link[DEVICES_ALL].next)
		if (dev->present)
			json_object_array_add(list, device_json(dev));
	add_text(reply, "gateway", d->config->gateway);
	add_flag(reply, "connected", netlink_is_up(d->nl));
	add_lease(reply, d);
	json_object_object_add(reply, "devices", list);
	control_reply(client, reply);
}

static struct json_object *gateway_json(const struct daemon *d, size_t i)
{
	struct json_object *obj = json_object_new_object();
	struct gateways_info info;

	gateways_info(d->engine.gateways, i, &info);
	add_text(obj, "gateway", info.gateway);
	add_number(obj, "term", info.term);
	add_text(obj, "life", life_word(info.life));
	add_number(obj, "quiet_ms", info.quiet_ms);
	add_flag(obj, "fenced", info.fenced);
	return obj;
}

static void run_gateways(struct daemon *d, struct client *client,
			 struct json_object *request)
{
	struct json_object *reply = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct gateways_status status;
	size_t i;

	(void)request;
	gateways_status(d->engine.gateways, &status);
	for (i = 0; i < status.count; i++)
		json_object_array_add(list, gateway_json(d, i));
	add_text(reply, "gateway", d->config->gateway);
	add_flag(reply, "connected", netlink_is_up(d->nl));
	add_lease(reply, d);
	add_number(reply, "lease_ms", d->config->lease_ms);
	add_number(reply, "margin_ms", d->config->margin_ms);
	json_object_object_add(reply, "gateways", list);
	control_reply(client, reply);
}

/* Attach and detach */

const char *request_text(struct json_object *request, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(request, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

static void attach_ended(void *arg, const char *error)
{
	if (error)
		control_error(arg, "%s", error);
	else
		control_reply(arg, json_object_new_object());
}

static void run_attach(struct daemon *d, struct client *client,
		       struct json_object *request)
{
	const char *backstore = request_text(request, "backstore");

	if (!backstore)
		control_error(client, "attach needs a backstore");
	else
		attach_add(d->attacher, backstore,
			   request_text(request, "name"), attach_ended, client);
}

static void run_detach(struct daemon *d, struct client *client,
		       struct json_object *request)
{
	const char *name = request_text(request, "device");
	struct device *dev = name ? device_find(d, name) : NULL;

	if (!name)
		control_error(client, "detach needs a device");
	else
		attach_del(d->attacher, name, dev ? dev->backstore : NULL,
			   attach_ended, client);
}

/* Show and string: what the store holds at this moment */

struct look {
	struct daemon *d;
	struct client *client;
	struct json_object *reply;
	char *lu;
	struct engine_reply load;
	struct engine_reply members;
};

static void look_free(struct look *look)
{
	free(look->load.str);
	free(look->members.members);
	free(look->lu);
	json_object_put(look->reply);
	free(look);
}

static void look_work(void *arg)
{
	const struct engine_call load = {.op = ENGINE_LOAD};
	const struct engine_call members = {.op = ENGINE_MEMBERS};
	struct look *look = arg;

	work_store_now(look->d->ops, look->d->store, look->lu, &load,
		       &look->load);
	work_store_now(look->d->ops, look->d->store, look->lu, &members,
		       &look->members);
}

/* The engine may not have seen it yet. */
static void add_foreign(struct json_object *to)
{
	add_flag(to, "lost", true);
	add_flag(to, "foreign", true);
	if (!json_object_object_get_ex(to, "reason", NULL))
		add_text(to, "reason",
			 "another image's string, which came along with a copy "
			 "of it");
}

static void look_done(void *arg)
{
	struct look *look = arg;
	struct json_object *reply = look->reply;
	/* Another device's is there all the same. */
	bool string = !look->load.rc || look->load.rc == -EXDEV;

	if (!string)
		add_text(reply, "string_error",
			 look->load.rc == -ENOENT ? "it was never created"
			 : look->load.rc == -ENODATA
				 ? "it is lost"
				 : strerror(-look->load.rc));
	else
		add_number(reply, "string_seq", look->load.seq);
	if (string)
		json_object_object_add(
			reply, "string",
			json_object_new_string_len(look->load.str,
						   (int)look->load.len));
	if (look->load.rc == -EXDEV)
		add_foreign(reply);
	if (look->members.rc)
		add_text(reply, "members_error", strerror(-look->members.rc));
	else
		json_object_object_add(reply, "members",
				       members_json(look->d,
						    look->members.members,
						    look->members.count));
	look->reply = NULL;
	control_reply(look->client, reply);
	look_free(look);
}

static int look_start(struct daemon *d, struct client *client,
		      const struct device *dev)
{
	struct look *look = calloc(1, sizeof(*look));

	if (!look)
		return -ENOMEM;
	look->d = d;
	look->client = client;
	look->lu = strdup(dev->lu);
	look->reply = device_json(dev);
	add_lease(look->reply, d);
	if (look->lu && look->reply &&
	    !work_run(&d->loop, look_work, look_done, look))
		return 0;
	look_free(look);
	return -ENOMEM;
}

struct device *request_device(struct daemon *d, struct client *client,
			      struct json_object *request)
{
	const char *name = request_text(request, "device");
	struct device *dev = name ? device_find(d, name) : NULL;

	if (!name)
		control_error(client, "it needs a device");
	else if (!dev)
		control_error(client, "there is no device %s", name);
	else if (!dev->engine)
		control_error(client, "%s is not served: %s", name,
			      dev->refused);
	else
		return dev;
	return NULL;
}

static void run_show(struct daemon *d, struct client *client,
		     struct json_object *request)
{
	struct device *dev = request_device(d, client, request);

	if (dev && look_start(d, client, dev))
		control_error(client, "no memory");
}

static const struct {
	const char *command;
	void (*run)(struct daemon *d, struct client *client,
		    struct json_object *request);
} commands[] = {
	{"attach", run_attach}, {"detach", run_detach},
	{"list", run_list},	{"show", run_show},
	{"string", run_show},	{"repair", repair_run},
	{"forget", forget_run}, {"gateways", run_gateways},
};

void request_run(struct daemon *d, struct client *client,
		 struct json_object *request)
{
	const char *command = request_text(request, "command");
	size_t i;

	for (i = 0; command && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(command, commands[i].command)) {
			commands[i].run(d, client, request);
			return;
		}
	control_error(client, "unknown command");
}
