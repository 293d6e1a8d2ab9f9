// SPDX-License-Identifier: GPL-2.0-only
/* What the administrator mends: lost states, and members that are no more. */
#include "control.h"
#include "device.h"
#include "log.h"
#include "work.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

/* Repair */

static const char *repair_refused(int rc)
{
	switch (rc) {
	case -EBUSY:
		return "another change is under way: try again";
	case -ENODATA:
		return "this daemon has not given the kernel a state since it "
		       "started; older versions may still be in the store, for "
		       "--file";
	case -EINVAL:
		return "the string is refused; see \"tcmu-pr decode\"";
	case -EXDEV:
		return "the string is another device's: it names another unit "
		       "serial number";
	case -ENOTCONN:
		return "this daemon does not serve it";
	default:
		return strerror(-rc);
	}
}

/* One that ended without being in force everywhere. */
static void repair_failed(struct client *client, int status, uint64_t seq)
{
	unsigned long long number = seq;

	if (status == EEXIST)
		control_error(client,
			      "the state is not lost; --force replaces it all "
			      "the same");
	else if (status == ENOENT)
		control_error(client,
			      "there is nothing to adopt: the string is not "
			      "another device's");
	else if (status == EBADMSG)
		control_error(client,
			      "the string is another device's, but cannot be "
			      "decoded; see \"tcmu-pr string\"");
	else if (status == EAGAIN)
		control_error(client,
			      "another change was faster: look at it first");
	else if (status == ETIMEDOUT)
		control_error(client,
			      "version %llu is stored, but some members have "
			      "not installed it in time; it counts once they "
			      "have",
			      number);
	else if (status == EINPROGRESS)
		control_error(client,
			      "it is not known whether version %llu was "
			      "stored: look",
			      number);
	else
		control_error(client, "nothing was stored: %s",
			      strerror(status));
}

static void repair_done(void *arg, int status, uint64_t seq)
{
	struct json_object *reply;

	if (status) {
		repair_failed(arg, status, seq);
		return;
	}
	reply = json_object_new_object();
	json_object_object_add(reply, "seq", json_object_new_uint64(seq));
	control_reply(arg, reply);
}

static bool repair_how(struct json_object *request, enum engine_repair *how)
{
	static const char *const words[] = {
		[ENGINE_REPAIR_EMPTY] = "empty",
		[ENGINE_REPAIR_LAST] = "last",
		[ENGINE_REPAIR_STRING] = "string",
		[ENGINE_REPAIR_ADOPT] = "adopt",
	};
	const char *word = request_text(request, "how");
	size_t i;

	for (i = 0; word && i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(word, words[i])) {
			*how = (enum engine_repair)i;
			return true;
		}
	return false;
}

void repair_run(struct daemon *d, struct client *client,
		struct json_object *request)
{
	struct device *dev = request_device(d, client, request);
	const char *str = request_text(request, "string");
	struct json_object *force = NULL;
	enum engine_repair how;
	int rc;

	if (!dev)
		return;
	if (!repair_how(request, &how)) {
		control_error(client, "repair needs to know how");
		return;
	}
	json_object_object_get_ex(request, "force", &force);
	/* The engine may answer before it returns. */
	if (dev->repair_done) {
		control_error(client, "%s", repair_refused(-EBUSY));
		return;
	}
	dev->repair_done = repair_done;
	dev->repair_arg = client;
	rc = engine_repair(dev->engine, how, json_object_get_boolean(force),
			   str ? str : "", str ? strlen(str) : 0);
	if (!rc)
		return;
	dev->repair_done = NULL;
	control_error(client, "%s", repair_refused(rc));
}

/* Forget */

struct forget {
	struct daemon *d;
	struct client *client;
	char *device;
	char *lu;
	char *gateway;
	int rc;
};

static void forget_free(struct forget *forget)
{
	free(forget->device);
	free(forget->lu);
	free(forget->gateway);
	free(forget);
}

static void forget_work(void *arg)
{
	struct forget *forget = arg;

	forget->rc = forget->d->ops->forget(forget->d->store, forget->lu,
					    forget->gateway);
}

static void forget_done(void *arg)
{
	struct forget *forget = arg;
	struct device *dev = device_find(forget->d, forget->device);

	if (forget->rc == -ENOENT) {
		control_error(forget->client, "%s is no member of %s",
			      forget->gateway, forget->device);
	} else if (forget->rc) {
		control_error(forget->client, "store: %s",
			      strerror(-forget->rc));
	} else {
		log_line(LOG_LEVEL_WARNING, forget->device, 0,
			 "the administrator says that %s is off: it is no "
			 "member any more",
			 forget->gateway);
		control_reply(forget->client, json_object_new_object());
	}
	/* What waits for it need not any more. */
	if (dev && dev->engine && !forget->d->stopping)
		engine_news(dev->engine);
	forget_free(forget);
}

static int forget_start(struct daemon *d, struct client *client,
			const struct device *dev, const char *gateway)
{
	struct forget *forget = calloc(1, sizeof(*forget));

	if (!forget)
		return -ENOMEM;
	forget->d = d;
	forget->client = client;
	forget->device = strdup(dev->name);
	forget->lu = strdup(dev->lu);
	forget->gateway = strdup(gateway);
	if (forget->device && forget->lu && forget->gateway &&
	    !work_run(&d->loop, forget_work, forget_done, forget))
		return 0;
	forget_free(forget);
	return -ENOMEM;
}

void forget_run(struct daemon *d, struct client *client,
		struct json_object *request)
{
	struct device *dev = request_device(d, client, request);
	const char *gateway = request_text(request, "gateway");

	if (!dev)
		return;
	if (!gateway)
		control_error(client, "forget needs a gateway");
	else if (!strcmp(gateway, d->config->gateway))
		control_error(client, "%s is this gateway: detach %s instead",
			      gateway, dev->name);
	else if (forget_start(d, client, dev, gateway))
		control_error(client, "no memory");
}
