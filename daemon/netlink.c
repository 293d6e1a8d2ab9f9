// SPDX-License-Identifier: GPL-2.0-only
/*
 * States: without a socket (WAIT), asking the generic netlink controller for
 * the family (RESOLVE), HELLO sent (HELLO), up (UP).  Any trouble closes the
 * socket and goes back to WAIT, which tries again every second: a message
 * that got lost cannot be asked for again, but HELLO makes the module tell
 * all.
 */
#include "netlink.h"
#include "log.h"
#include "nlmsg.h"
#include "train.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	RETRY_MS = 1000,
	BUFFER_BYTES = 16 << 20,
	RECEIVE_BYTES = 256 << 10,
	/* The controller's "notify" group is the first one there is. */
	CTRL_NOTIFY_GROUP = GENL_ID_CTRL,
};

enum state { WAIT, RESOLVE, HELLO, UP };

/* A message that the module has not acknowledged yet. */
struct sent {
	struct sent *next;
	uint32_t nlseq;
	uint8_t cmd;
	uint64_t seq;
	char device[64];
};

struct netlink {
	uv_loop_t *loop;
	const struct netlink_events *events;
	void *arg;
	const char *gateway;
	uint64_t incarnation;
	uint32_t lease_ms;

	enum state state;
	struct mnl_socket *socket;
	uv_poll_t *poll; /* with its own life, as uv_close() is not at once */
	uv_timer_t retry;
	bool closing;
	bool failing; /* a send failed: WAIT as soon as the stack is unwound */
	uint16_t family;
	uint32_t nlseq;
	int complained; /* errno of the last line about WAIT */
	struct sent *first, **last;
	struct trains trains;
	char buf[RECEIVE_BYTES];
};

bool netlink_is_up(const struct netlink *nl)
{
	return nl->state == UP;
}

static void sent_drop(struct netlink *nl)
{
	struct sent *sent;

	while ((sent = nl->first)) {
		nl->first = sent->next;
		free(sent);
	}
	nl->last = &nl->first;
}

static void poll_closed(uv_handle_t *handle)
{
	free(handle);
}

static void retry_at(struct netlink *nl, uint64_t ms);

static void go_wait(struct netlink *nl, bool unloaded)
{
	bool was_up = nl->state == UP;

	nl->state = WAIT;
	nl->failing = false;
	if (nl->poll)
		uv_close((uv_handle_t *)nl->poll, poll_closed);
	nl->poll = NULL;
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
	sent_drop(nl);
	trains_drop(&nl->trains);
	if (was_up)
		nl->events->down(nl->arg, unloaded);
	if (!nl->closing)
		retry_at(nl, RETRY_MS);
}

/* Says why there is no connection, once for each reason. */
static void complain(struct netlink *nl, int error, const char *what)
{
	if (nl->complained == error)
		return;
	nl->complained = error;
	log_line(error == ENOENT ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, NULL, 0,
		 "%s: %s; trying every second", what, strerror(error));
}

static void trouble(struct netlink *nl, int error, const char *what)
{
	complain(nl, error, what);
	go_wait(nl, false);
}

/* Sending */

static int send_all(struct netlink *nl, const void *data, size_t len)
{
	ssize_t n = mnl_socket_sendto(nl->socket, data, len);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EMSGSIZE;
}

/* Called from deep inside: the socket is given up by the retry timer. */
static void send_failed(struct netlink *nl, int error)
{
	complain(nl, error, "cannot send to the module");
	nl->failing = true;
	retry_at(nl, 0);
}

static bool sent_note(struct netlink *nl, const struct nlmsg *msg)
{
	struct sent *sent = calloc(1, sizeof(*sent));

	if (!sent)
		return false;
	sent->nlseq = nl->nlseq;
	sent->cmd = msg->cmd;
	sent->seq = msg->seq;
	if (msg->device)
		strncpy(sent->device, msg->device, sizeof(sent->device) - 1);
	*nl->last = sent;
	nl->last = &sent->next;
	return true;
}

static void send_msg(struct netlink *nl, const struct nlmsg *msg)
{
	struct nlmsghdr *nlh;
	int rc = -ENOMEM;

	if (!nl->socket || nl->failing ||
	    (nl->state != UP && msg->cmd != TCMU_PR_CMD_HELLO))
		return;
	nl->nlseq++;
	nlh = nlmsg_build(msg, nl->family, NLM_F_REQUEST | NLM_F_ACK,
			  nl->nlseq);
	if (nlh && sent_note(nl, msg))
		rc = send_all(nl, nlh, nlh->nlmsg_len);
	free(nlh);
	if (rc)
		send_failed(nl, -rc);
}

static void send_hello(struct netlink *nl)
{
	const struct nlmsg msg = {
		.cmd = TCMU_PR_CMD_HELLO,
		.has = nlmsg_bit(TCMU_ATTR_PR_GATEWAY) |
		       nlmsg_bit(TCMU_ATTR_PR_INCARNATION) |
		       nlmsg_bit(TCMU_ATTR_PR_PROTOCOL) |
		       nlmsg_bit(TCMU_ATTR_PR_LEASE_MS),
		.gateway = nl->gateway,
		.incarnation = nl->incarnation,
		.protocol = TCMU_PR_PROTOCOL,
		.lease_ms = nl->lease_ms,
	};

	nl->state = HELLO;
	send_msg(nl, &msg);
}

void netlink_lease(struct netlink *nl, uint64_t term, uint64_t until_ns)
{
	const struct nlmsg msg = {
		.cmd = TCMU_PR_CMD_LEASE,
		.has = nlmsg_bit(TCMU_ATTR_PR_TERM) |
		       nlmsg_bit(TCMU_ATTR_PR_UNTIL),
		.term = term,
		.until = until_ns,
	};

	send_msg(nl, &msg);
}

void netlink_push(struct netlink *nl, const char *device, uint64_t seq,
		  bool settled, const char *str, size_t len)
{
	const struct nlmsg msg = {
		.cmd = TCMU_PR_CMD_PUSH_PR_INFO,
		.has = nlmsg_bit(TCMU_ATTR_PR_DEVICE) |
		       nlmsg_bit(TCMU_ATTR_PR_SEQ) |
		       nlmsg_bit(TCMU_ATTR_PR_SETTLED),
		.device = device,
		.seq = seq,
		.settled = settled,
		.info = str,
		.info_len = len,
	};

	send_msg(nl, &msg);
}

void netlink_invalidate(struct netlink *nl, const char *device, int status)
{
	const struct nlmsg msg = {
		.cmd = TCMU_PR_CMD_INVALIDATE,
		.has = nlmsg_bit(TCMU_ATTR_PR_DEVICE) |
		       nlmsg_bit(TCMU_ATTR_PR_STATUS),
		.device = device,
		.status = (uint32_t)status,
	};

	send_msg(nl, &msg);
}

void netlink_get_done(struct netlink *nl, const char *device, uint64_t cookie,
		      int status, uint64_t seq, const char *str, size_t len)
{
	const struct nlmsg msg = {
		.cmd = TCMU_CMD_GET_PR_INFO_DONE,
		.has = nlmsg_bit(TCMU_ATTR_PR_DEVICE) |
		       nlmsg_bit(TCMU_ATTR_PR_COOKIE) |
		       nlmsg_bit(TCMU_ATTR_PR_STATUS) |
		       nlmsg_bit(TCMU_ATTR_PR_SEQ),
		.device = device,
		.cookie = cookie,
		.status = (uint32_t)status,
		.seq = seq,
		.info = str,
		.info_len = len,
	};

	send_msg(nl, &msg);
}

void netlink_set_done(struct netlink *nl, const char *device, uint64_t cookie,
		      int status)
{
	const struct nlmsg msg = {
		.cmd = TCMU_CMD_SET_PR_INFO_DONE,
		.has = nlmsg_bit(TCMU_ATTR_PR_DEVICE) |
		       nlmsg_bit(TCMU_ATTR_PR_COOKIE) |
		       nlmsg_bit(TCMU_ATTR_PR_STATUS),
		.device = device,
		.cookie = cookie,
		.status = (uint32_t)status,
	};

	send_msg(nl, &msg);
}

/* Acknowledgements */

static void go_up(struct netlink *nl)
{
	if (nl->state == UP)
		return;
	nl->state = UP;
	nl->complained = 0;
	log_line(LOG_LEVEL_INFO, NULL, 0,
		 "connected to the module as gateway %s", nl->gateway);
	nl->events->up(nl->arg);
}

static void ack_hello(struct netlink *nl, int error)
{
	if (error) {
		trouble(nl, error,
			error == EBUSY ? "the module has another daemon"
			: error == EPROTO
				? "the module speaks another protocol version"
			: error == ENOMEM
				? "the module could not name all its devices"
				: "the module refuses this daemon");
		return;
	}
	go_up(nl);
	nl->events->named(nl->arg);
}

static const char *command_name(uint8_t cmd)
{
	switch (cmd) {
	case TCMU_CMD_GET_PR_INFO_DONE:
		return "the answer to GET_PR_INFO";
	case TCMU_CMD_SET_PR_INFO_DONE:
		return "the answer to SET_PR_INFO";
	case TCMU_PR_CMD_PUSH_PR_INFO:
		return "a state";
	default:
		return "INVALIDATE";
	}
}

static void ack_sent(struct netlink *nl, const struct sent *sent, int error)
{
	if (sent->cmd == TCMU_PR_CMD_HELLO) {
		ack_hello(nl, error);
		return;
	}
	if (sent->cmd == TCMU_PR_CMD_LEASE) {
		nl->events->lease_done(nl->arg, error);
		return;
	}
	if (!error)
		return;
	/*
	 * ENODEV: detached in the meantime.  ESTALE for an answer: the module
	 * did not wait for it that long.
	 */
	log_line(error == ENODEV ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		 sent->device, sent->seq, "the module refuses %s: %s",
		 command_name(sent->cmd),
		 error == ESTALE ? "too late" : strerror(error));
	if (sent->cmd == TCMU_PR_CMD_PUSH_PR_INFO)
		nl->events->push_done(nl->arg, sent->device, sent->seq, error);
	/* Nobody would say it again: then all is, by a new connection. */
	if (sent->cmd == TCMU_PR_CMD_INVALIDATE && error == ENOMEM)
		trouble(nl, error, "the module could not be told of a loss");
}

static struct sent *sent_take(struct netlink *nl, uint32_t nlseq)
{
	struct sent **at = &nl->first, *sent;

	while (*at && (*at)->nlseq != nlseq)
		at = &(*at)->next;
	sent = *at;
	if (!sent)
		return NULL;
	*at = sent->next;
	if (nl->last == &sent->next)
		nl->last = at;
	return sent;
}

static void receive_ack(struct netlink *nl, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	struct sent *sent;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(err->error))
		return;
	if (nl->state == RESOLVE) {
		if (err->error)
			trouble(nl, -err->error,
				"netlink family " TCMU_PR_FAMILY_NAME
				" (is the module tcmu_pr loaded?)");
		return;
	}
	sent = sent_take(nl, nlh->nlmsg_seq);
	if (!sent)
		return;
	ack_sent(nl, sent, -err->error);
	free(sent);
}

/* The module's messages */

static void receive_set(struct netlink *nl, const struct nlmsg *msg)
{
	char *str = NULL;
	size_t len = 0;
	int rc = train_take(&nl->trains, msg, &str, &len);

	if (rc < 0) {
		log_line(LOG_LEVEL_ERROR, msg->device, msg->seq,
			 "a string from the module is incomplete: %s",
			 strerror(-rc));
		netlink_set_done(nl, msg->device, msg->cookie,
				 rc == -ENOMEM ? ENOMEM : EINVAL);
	} else if (rc > 0) {
		nl->events->set(nl->arg, msg->device, msg->cookie, msg->seq,
				str, len);
		free(str);
	}
}

static void receive_added(struct netlink *nl, const struct nlmsg *msg)
{
	const struct netlink_device device = {
		.name = msg->device,
		.backstore = msg->backstore,
		.config = msg->config,
		.serial = msg->serial,
		.seq = msg->seq,
	};

	nl->events->added(nl->arg, &device);
}

static void receive_msg(struct netlink *nl, const struct nlmsghdr *nlh)
{
	struct nlmsg msg;

	if (nlmsg_parse(&msg, nlh)) {
		log_line(LOG_LEVEL_ERROR, msg.device, 0,
			 "the module sent a malformed command %u", msg.cmd);
		return;
	}
	switch (msg.cmd) {
	case TCMU_PR_CMD_DEVICE_ADDED:
		receive_added(nl, &msg);
		return;
	case TCMU_PR_CMD_DEVICE_REMOVED:
		train_drop(&nl->trains, msg.device);
		nl->events->removed(nl->arg, msg.device);
		return;
	case TCMU_CMD_GET_PR_INFO:
		nl->events->get(nl->arg, msg.device, msg.cookie);
		return;
	case TCMU_CMD_SET_PR_INFO:
		receive_set(nl, &msg);
		return;
	case TCMU_PR_CMD_PUSH_PR_INFO_DONE:
		nl->events->push_done(nl->arg, msg.device, msg.seq,
				      (int)msg.status);
		return;
	case TCMU_PR_CMD_WELCOME:
		nl->events->welcome(nl->arg, msg.term);
		return;
	case TCMU_PR_CMD_QUIET:
		nl->events->quiet(nl->arg, msg.term);
		return;
	case TCMU_PR_CMD_SETTLE:
		nl->events->settle(nl->arg, msg.device, msg.seq);
		return;
	default:
		log_line(LOG_LEVEL_DEBUG, msg.device, 0,
			 "the module sent command %u", msg.cmd);
	}
}

/* The controller's messages: families come and go */

struct family {
	const char *name;
	uint16_t id;
};

static int family_attr(const struct nlattr *attr, void *data)
{
	struct family *family = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_NAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		family->name = mnl_attr_get_str(attr);
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
	    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
		family->id = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static void receive_ctrl(struct netlink *nl, const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct family family = {NULL, 0};

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*genl))
		return;
	mnl_attr_parse(nlh, sizeof(*genl), family_attr, &family);
	if (!family.name || strcmp(family.name, TCMU_PR_FAMILY_NAME))
		return;
	if (genl->cmd == CTRL_CMD_DELFAMILY) {
		log_line(LOG_LEVEL_INFO, NULL, 0, "the module is unloaded");
		go_wait(nl, true);
	} else if (genl->cmd == CTRL_CMD_NEWFAMILY && nl->state == RESOLVE &&
		   family.id) {
		nl->family = family.id;
		send_hello(nl);
	}
}

/* Receiving */

static void dispatch(struct netlink *nl, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		receive_ack(nl, nlh);
		return;
	}
	if (nlh->nlmsg_type == GENL_ID_CTRL) {
		receive_ctrl(nl, nlh);
		return;
	}
	if (nlh->nlmsg_type != nl->family || nl->state < HELLO)
		return;
	/* Ahead of the acknowledgement of HELLO: as good as it. */
	go_up(nl);
	receive_msg(nl, nlh);
}

/* Bytes of the next datagram from the kernel; 0: none; -errno. */
static ssize_t receive(struct netlink *nl)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {nl->buf, sizeof(nl->buf)};
	struct msghdr msg = {.msg_name = &from,
			     .msg_namelen = sizeof(from),
			     .msg_iov = &iov,
			     .msg_iovlen = 1};
	ssize_t n = recvmsg(mnl_socket_get_fd(nl->socket), &msg, 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (msg.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	/* Not from the kernel: no reason to believe it. */
	if (from.nl_pid)
		return sizeof(struct nlmsghdr) - 1;
	return n;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct netlink *nl = poll->data;
	const struct nlmsghdr *nlh;
	ssize_t n;
	int left;

	(void)events;
	if (status < 0) {
		trouble(nl, -status, "netlink socket");
		return;
	}
	/* Each message may take the socket away. */
	while (nl->socket && (n = receive(nl)) != 0) {
		if (n < 0) {
			trouble(nl, (int)-n, "netlink socket");
			return;
		}
		nlh = (const struct nlmsghdr *)nl->buf;
		left = (int)n;
		while (nl->socket && mnl_nlmsg_ok(nlh, left)) {
			dispatch(nl, nlh);
			nlh = mnl_nlmsg_next(nlh, &left);
		}
	}
}

/* Connecting */

static int request_family(struct netlink *nl)
{
	char buf[256] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = GENL_ID_CTRL;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++nl->nlseq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, TCMU_PR_FAMILY_NAME);
	return send_all(nl, nlh, nlh->nlmsg_len);
}

static int options(struct netlink *nl)
{
	int fd = mnl_socket_get_fd(nl->socket);
	int size = BUFFER_BYTES, one = 1, group = CTRL_NOTIFY_GROUP;

	/* Without the privilege to force them the strings have to be short. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		log_line(LOG_LEVEL_WARNING, NULL, 0,
			 "netlink buffers of 16 MiB: %s", strerror(errno));
	/* Or a refusal would return the whole string. */
	if (mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &one,
				  sizeof(one)) ||
	    mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP, &group,
				  sizeof(group)))
		return -errno;
	return 0;
}

static int poll_start(struct netlink *nl)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));
	int rc;

	if (!poll)
		return -ENOMEM;
	rc = uv_poll_init(nl->loop, poll, mnl_socket_get_fd(nl->socket));
	if (rc) {
		free(poll);
		return rc;
	}
	poll->data = nl;
	nl->poll = poll;
	return uv_poll_start(poll, UV_READABLE, on_readable);
}

static int connect_kernel(struct netlink *nl)
{
	int rc;

	nl->socket =
		mnl_socket_open2(NETLINK_GENERIC, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	rc = options(nl);
	if (!rc)
		rc = poll_start(nl);
	if (rc)
		return rc;
	nl->state = RESOLVE;
	return request_family(nl);
}

static void on_retry(uv_timer_t *timer)
{
	struct netlink *nl = timer->data;
	int rc;

	if (nl->failing) {
		go_wait(nl, false);
		return;
	}
	if (nl->state != WAIT)
		return;
	rc = connect_kernel(nl);
	if (rc)
		trouble(nl, -rc, "netlink socket");
}

static void retry_at(struct netlink *nl, uint64_t ms)
{
	uv_timer_start(&nl->retry, on_retry, ms, 0);
}

struct netlink *netlink_open(uv_loop_t *loop,
			     const struct netlink_events *events, void *arg,
			     const char *gateway, uint64_t incarnation,
			     uint32_t lease_ms)
{
	struct netlink *nl = calloc(1, sizeof(*nl));

	if (!nl)
		return NULL;
	nl->loop = loop;
	nl->events = events;
	nl->arg = arg;
	nl->gateway = gateway;
	nl->incarnation = incarnation;
	nl->lease_ms = lease_ms;
	nl->last = &nl->first;
	uv_timer_init(loop, &nl->retry);
	nl->retry.data = nl;
	retry_at(nl, 0);
	return nl;
}

static void retry_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void netlink_close(struct netlink *nl)
{
	if (!nl)
		return;
	nl->closing = true;
	go_wait(nl, false);
	uv_close((uv_handle_t *)&nl->retry, retry_closed);
}
