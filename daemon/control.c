// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"
#include "log.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	/* The longest string, and what JSON makes of its line feeds. */
	REQUEST_MAX = 4 << 20,
	REQUEST_FIRST = 4096,
	BACKLOG = 16,
};

struct control {
	struct daemon *d;
	uv_pipe_t pipe;
	char *path;
	struct client *clients;
};

struct client {
	struct client *next;
	struct control *control;
	uv_pipe_t pipe;
	uv_write_t write;
	struct json_object *reply; /* while it is being written */
	bool asked; /* a request is being worked on, which will reply */
	bool closed; /* the handle is; free when the request has ended too */
	size_t len, cap;
	char *line;
};

/* The end of a connection */

static void client_free(struct client *client)
{
	if (client->asked || !client->closed)
		return;
	json_object_put(client->reply);
	free(client->line);
	free(client);
}

static void on_client_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	client->closed = true;
	client_free(client);
}

static void client_close(struct client *client)
{
	struct client **at;

	if (uv_is_closing((uv_handle_t *)&client->pipe))
		return;
	at = &client->control->clients;
	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

/* Replies */

static void on_written(uv_write_t *write, int status)
{
	(void)status; /* it went away; so be it */
	client_close(write->data);
}

void control_reply(struct client *client, struct json_object *reply)
{
	size_t len;
	const char *text;
	uv_buf_t bufs[2];

	client->asked = false;
	client->reply = reply;
	if (uv_is_closing((uv_handle_t *)&client->pipe)) {
		client_free(client);
		return;
	}
	text = json_object_to_json_string_length(reply, JSON_C_TO_STRING_PLAIN,
						 &len);
	if (!text) {
		client_close(client);
		return;
	}
	bufs[0] = uv_buf_init((char *)text, (unsigned int)len);
	bufs[1] = uv_buf_init("\n", 1);
	client->write.data = client;
	if (uv_write(&client->write, (uv_stream_t *)&client->pipe, bufs, 2,
		     on_written))
		client_close(client);
}

void control_error(struct client *client, const char *fmt, ...)
{
	struct json_object *reply = json_object_new_object();
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_object_add(reply, "error", json_object_new_string(text));
	control_reply(client, reply);
}

/* Requests */

static void client_line(struct client *client)
{
	struct json_object *request;
	enum json_tokener_error error;

	uv_read_stop((uv_stream_t *)&client->pipe);
	client->asked = true;
	request = json_tokener_parse_verbose(client->line, &error);
	if (!request || !json_object_is_type(request, json_type_object))
		control_error(client, "the request is no JSON object: %s",
			      json_tokener_error_desc(error));
	else
		request_run(client->control->d, client, request);
	json_object_put(request);
}

static bool client_grow(struct client *client)
{
	size_t cap = client->cap ? client->cap * 2 : REQUEST_FIRST;
	char *line = cap <= REQUEST_MAX ? realloc(client->line, cap) : NULL;

	if (!line)
		return false;
	client->line = line;
	client->cap = cap;
	return true;
}

static void on_room(uv_handle_t *handle, size_t want, uv_buf_t *buf)
{
	struct client *client = handle->data;

	(void)want;
	/* The last byte is for the NUL.  No room: an error ends it. */
	if (client->len + 1 >= client->cap && !client_grow(client)) {
		*buf = uv_buf_init(NULL, 0);
		return;
	}
	*buf = uv_buf_init(client->line + client->len,
			   (unsigned int)(client->cap - 1 - client->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *client = stream->data;
	char *end;

	(void)buf;
	if (n < 0) {
		/* Ended, failed, or the line is too long (UV_ENOBUFS). */
		client_close(client);
		return;
	}
	client->len += (size_t)n;
	client->line[client->len] = '\0';
	end = memchr(client->line, '\n', client->len);
	if (!end)
		return;
	*end = '\0';
	client_line(client);
}

/* Connections */

/* The socket's mode keeps others out; this does if somebody changed that. */
static bool peer_is_root(struct client *client)
{
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t len = sizeof(cred);
	uv_os_fd_t fd;

	return !uv_fileno((uv_handle_t *)&client->pipe, &fd) &&
	       !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	       cred.uid == 0;
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct control *control = stream->data;
	struct client *client;

	if (status < 0)
		return;
	client = calloc(1, sizeof(*client));
	if (!client)
		return;
	client->control = control;
	client->next = control->clients;
	control->clients = client;
	uv_pipe_init(&control->d->loop, &client->pipe, 0);
	client->pipe.data = client;
	if (uv_accept(stream, (uv_stream_t *)&client->pipe)) {
		client_close(client);
	} else if (!peer_is_root(client)) {
		client->asked = true;
		control_error(client, "only root may ask");
	} else if (uv_read_start((uv_stream_t *)&client->pipe, on_room,
				 on_read)) {
		client_close(client);
	}
}

/* Opening */

/* A socket that nobody listens at was left behind and may be removed. */
static int stale_remove(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	rc = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno
								 : -EADDRINUSE;
	close(fd);
	if (rc == -ENOENT)
		return 0;
	if (rc != -ECONNREFUSED)
		return rc;
	return unlink(path) ? -errno : 0;
}

static int listen_at(struct control *control)
{
	mode_t mask;
	int rc = stale_remove(control->path);

	if (rc)
		return rc;
	/* Never, not even for a moment, open to others. */
	mask = umask(0177);
	rc = uv_pipe_bind(&control->pipe, control->path);
	umask(mask);
	if (rc)
		return rc;
	return uv_listen((uv_stream_t *)&control->pipe, BACKLOG, on_connection);
}

static void on_control_closed(uv_handle_t *handle)
{
	struct control *control = handle->data;

	free(control->path);
	free(control);
}

int control_open(struct daemon *d)
{
	struct control *control = calloc(1, sizeof(*control));
	int rc;

	if (!control)
		return -ENOMEM;
	control->path = strdup(d->config->socket);
	if (!control->path) {
		free(control);
		return -ENOMEM;
	}
	control->d = d;
	uv_pipe_init(&d->loop, &control->pipe, 0);
	control->pipe.data = control;
	rc = listen_at(control);
	if (rc) {
		log_line(LOG_LEVEL_ERROR, NULL, 0, "control socket %s: %s",
			 control->path,
			 rc == -EADDRINUSE ? "another tcmu-prd listens there"
					   : strerror(-rc));
		uv_close((uv_handle_t *)&control->pipe, on_control_closed);
		return rc;
	}
	d->control = control;
	return 0;
}

void control_close(struct control *control)
{
	struct client *client, *next;

	if (!control)
		return;
	for (client = control->clients; client; client = next) {
		next = client->next;
		client_close(client);
	}
	/* libuv removes the socket that it bound. */
	uv_close((uv_handle_t *)&control->pipe, on_control_closed);
}
