// SPDX-License-Identifier: GPL-2.0-only
/* One request to the daemon and its reply, see daemon/control.h. */
#include "cli.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	/* A detach waits for the device to become quiet. */
	REPLY_TIMEOUT_S = 60,
	CHUNK = 65536,
};

struct json_object *request_new(const char *command)
{
	struct json_object *request = json_object_new_object();

	json_object_object_add(request, "command",
			       json_object_new_string(command));
	return request;
}

static void complain(const char *path, int error)
{
	if (error == ENOENT || error == ECONNREFUSED)
		fprintf(stderr,
			"tcmu-pr: no daemon listens at %s: start it "
			"with \"systemctl start tcmu-prd\", or name its "
			"socket with --socket\n",
			path);
	else if (error == EAGAIN)
		fprintf(stderr,
			"tcmu-pr: the daemon did not answer in %d s; "
			"does its store hang? See its log\n",
			REPLY_TIMEOUT_S);
	else
		fprintf(stderr, "tcmu-pr: %s: %s\n", path, strerror(error));
}

/* A connected socket, or -errno. */
static int dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = REPLY_TIMEOUT_S};
	int fd, rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int send_line(int fd, struct json_object *request)
{
	const char *text =
		json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	size_t len = strlen(text), at;
	ssize_t n;

	for (at = 0; at < len; at += (size_t)n) {
		n = send(fd, text + at, len - at, MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
	}
	return send(fd, "\n", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* Reads up to the end of the connection, feeding the parser. */
static int receive(int fd, struct json_object **reply)
{
	struct json_tokener *tok = json_tokener_new();
	char *buf = malloc(CHUNK);
	int rc = tok && buf ? 0 : -ENOMEM;
	ssize_t n;

	*reply = NULL;
	while (!rc && !*reply) {
		n = recv(fd, buf, CHUNK, 0);
		if (n < 0)
			rc = -errno;
		else if (!n)
			rc = -EPIPE;
		else
			*reply = json_tokener_parse_ex(tok, buf, (int)n);
		if (!rc && !*reply &&
		    json_tokener_get_error(tok) != json_tokener_continue)
			rc = -EPROTO;
	}
	free(buf);
	if (tok)
		json_tokener_free(tok);
	return rc;
}

struct json_object *ask(const char *path, struct json_object *request)
{
	struct json_object *reply = NULL;
	int fd = dial(path);
	int rc = fd < 0 ? fd : send_line(fd, request);

	json_object_put(request);
	if (!rc)
		rc = receive(fd, &reply);
	if (fd >= 0)
		close(fd);
	if (rc) {
		complain(path, -rc);
		return NULL;
	}
	if (!member_text(reply, "error")[0])
		return reply;
	fprintf(stderr, "tcmu-pr: %s\n", member_text(reply, "error"));
	json_object_put(reply);
	return NULL;
}
