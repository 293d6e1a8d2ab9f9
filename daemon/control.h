/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket, for tcmu-pr(8): each connection carries one request
 * and one reply, a line of JSON each.
 *
 *	{"command":"attach","backstore":"user_0/disk0","name":"disk0"}
 *	{"command":"detach","device":"disk0"}
 *	{"command":"list"}
 *	{"command":"gateways"}
 *	{"command":"show","device":"disk0"}
 *	{"command":"string","device":"disk0"}
 *	{"command":"repair","device":"disk0","how":"empty","force":true}
 *	{"command":"repair","device":"disk0","how":"string","string":"vers..."}
 *	{"command":"forget","device":"disk0","gateway":"gw2"}
 *
 * A reply is {"error":TEXT} or has no member of that name.
 */
#ifndef TPR_CONTROL_H
#define TPR_CONTROL_H

#include "daemon.h"

struct json_object;
struct client;

/* 0 or -errno, after saying why. */
int control_open(struct daemon *d);
void control_close(struct control *control);

/* Answers; takes @reply.  Every request is answered exactly once. */
void control_reply(struct client *client, struct json_object *reply);
void control_error(struct client *client, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* request.c: what is asked for. */
void request_run(struct daemon *d, struct client *client,
		 struct json_object *request);
/* The text of member @key, NULL if it has none. */
const char *request_text(struct json_object *request, const char *key);
/* The device that is asked about, if it is served; NULL after an error. */
struct device *request_device(struct daemon *d, struct client *client,
			      struct json_object *request);

/* repair.c */
void repair_run(struct daemon *d, struct client *client,
		struct json_object *request);
void forget_run(struct daemon *d, struct client *client,
		struct json_object *request);

#endif
