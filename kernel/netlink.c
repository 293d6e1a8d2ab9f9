// SPDX-License-Identifier: GPL-2.0-only
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>

#include "netlink.h"
#include "tcmu_pr.h"
#include "tpr_string.h"

enum {
	/* Longest string that any state has, and then some. */
	PR_INFO_MAX = 4 << 20,
	BACKSTORE_MAX = 256,
	/* Names, numbers and a serial number. */
	SMALL_MSG = 768,
};

static struct genl_family family;

/* The daemon.  Everything is protected by lock; portid is read without. */
static struct {
	struct mutex lock; /* the members below */
	u32 portid; /* 0: none */
	char gateway[TPR_GATEWAY_MAX + 1]; /* stays when the daemon goes */
	u64 incarnation; /* of this module, in the tokens of its changes */
	u64 count;
	u64 cookie;
} nl = {
	.lock = __MUTEX_INITIALIZER(nl.lock),
};

bool tpr_nl_connected(void)
{
	return READ_ONCE(nl.portid) != 0;
}

int tpr_nl_writer(struct tpr_writer *writer)
{
	int err = -ENOTCONN;

	mutex_lock(&nl.lock);
	if (nl.portid) {
		strscpy(writer->gateway, nl.gateway, sizeof(writer->gateway));
		writer->incarnation = nl.incarnation;
		writer->count = ++nl.count;
		err = 0;
	}
	mutex_unlock(&nl.lock);
	return err;
}

bool tpr_nl_is_own(const struct tpr_writer *writer)
{
	return writer->incarnation == nl.incarnation;
}

void tpr_nl_gateway(char name[TPR_GATEWAY_MAX + 1])
{
	mutex_lock(&nl.lock);
	strscpy(name, nl.gateway, sizeof(nl.gateway));
	mutex_unlock(&nl.lock);
}

/* A message to the daemon. */
struct msg {
	struct sk_buff *skb;
	void *hdr;
};

/* About @dev; NULL: about the gateway. */
static int msg_begin(struct msg *m, struct tpr_dev *dev, u8 cmd, size_t size)
{
	m->skb = genlmsg_new(size, GFP_NOIO);
	if (!m->skb)
		return -ENOMEM;
	m->hdr = genlmsg_put(m->skb, 0, 0, &family, 0, cmd);
	if (m->hdr && (!dev || !nla_put_string(m->skb, TCMU_ATTR_PR_DEVICE,
					       dev->name)))
		return 0;
	nlmsg_free(m->skb);
	return -EMSGSIZE;
}

/* Sends @m, or frees it when @err says that it is not complete. */
static int msg_end(struct msg *m, int err)
{
	u32 portid = READ_ONCE(nl.portid);

	if (!portid)
		err = -ENOTCONN;
	if (err) {
		nlmsg_free(m->skb);
		return err;
	}
	genlmsg_end(m->skb, m->hdr);
	err = genlmsg_unicast(&init_net, m->skb, portid);
	if (err == -EAGAIN) /* its buffer is full; not to be taken for a race */
		return -EBUSY;
	return err == -ECONNREFUSED ? -ENOTCONN : err;
}

static int put_u64(struct msg *m, int attr, u64 value)
{
	return nla_put_u64_64bit(m->skb, attr, value, TCMU_ATTR_PR_PAD);
}

static void warn_unsent(const struct tpr_dev *dev, const char *what, int err)
{
	if (err && err != -ENOTCONN)
		pr_warn_ratelimited("tcmu_pr: %s: cannot send %s to the daemon, error %d\n",
				    dev->name, what, -err);
}

/* The part of the configuration text that is TCMU's dev_config. */
static void dev_config(struct tpr_dev *dev, char *page)
{
	static const char start[] = "Config: ";
	char *end;

	dev->orig->show_configfs_dev_params(dev->se_dev, page);
	if (!strncmp(page, start, strlen(start)))
		memmove(page, page + strlen(start),
			strlen(page + strlen(start)) + 1);
	end = strstr(page, " Size: ");
	if (end)
		*end = 0;
}

static int put_device_attrs(struct msg *m, struct tpr_dev *dev, const char *config)
{
	char backstore[BACKSTORE_MAX];
	u64 seq;

	mutex_lock(&dev->lock);
	seq = dev->newest ? dev->newest->seq : 0;
	mutex_unlock(&dev->lock);
	tpr_dev_backstore(dev, backstore, sizeof(backstore));
	if (nla_put_string(m->skb, TCMU_ATTR_PR_CONFIG, config) ||
	    nla_put_string(m->skb, TCMU_ATTR_PR_SERIAL,
			   dev->se_dev->t10_wwn.unit_serial) ||
	    nla_put_string(m->skb, TCMU_ATTR_PR_BACKSTORE, backstore))
		return -EMSGSIZE;
	return put_u64(m, TCMU_ATTR_PR_SEQ, seq);
}

int tpr_nl_device_added(struct tpr_dev *dev)
{
	char *page = (char *)get_zeroed_page(GFP_KERNEL);
	int err = -ENOMEM;
	struct msg m;

	if (page) {
		dev_config(dev, page);
		/* No larger than needed: there may be thousands of devices. */
		err = msg_begin(&m, dev, TCMU_PR_CMD_DEVICE_ADDED,
				strlen(page) + BACKSTORE_MAX + SMALL_MSG);
	}
	if (!err)
		err = msg_end(&m, put_device_attrs(&m, dev, page));
	warn_unsent(dev, "DEVICE_ADDED", err);
	free_page((unsigned long)page);
	return err;
}

void tpr_nl_device_removed(struct tpr_dev *dev)
{
	int tries = 100, err;
	struct msg m;

	/* A daemon that keeps it would let the others wait for us for ever. */
	while ((err = msg_begin(&m, dev, TCMU_PR_CMD_DEVICE_REMOVED,
				SMALL_MSG)) == -ENOMEM && --tries)
		msleep(20);
	if (!err)
		err = msg_end(&m, 0);
	warn_unsent(dev, "DEVICE_REMOVED", err);
}

int tpr_nl_push_done(struct tpr_dev *dev, u64 seq, int status)
{
	struct msg m;
	int err = msg_begin(&m, dev, TCMU_PR_CMD_PUSH_PR_INFO_DONE, SMALL_MSG);

	if (!err)
		err = msg_end(&m, put_u64(&m, TCMU_ATTR_PR_SEQ, seq) ?:
				  nla_put_u32(m.skb, TCMU_ATTR_PR_STATUS,
					      -status));
	warn_unsent(dev, "PUSH_PR_INFO_DONE", err);
	return err;
}

void tpr_nl_settle(struct tpr_dev *dev)
{
	int err, idx = srcu_read_lock(&dev->srcu);
	struct msg m;
	u64 seq;

	seq = srcu_dereference(dev->view, &dev->srcu)->seq;
	srcu_read_unlock(&dev->srcu, idx);
	err = msg_begin(&m, dev, TCMU_PR_CMD_SETTLE, SMALL_MSG);
	if (!err)
		err = msg_end(&m, put_u64(&m, TCMU_ATTR_PR_SEQ, seq));
	warn_unsent(dev, "SETTLE", err);
}

/*
 * Opens @dev's request; returns its cookie, 0 if there is no daemon or the
 * device is being detached.
 */
static u64 request_begin(struct tpr_dev *dev)
{
	u64 cookie = 0;

	mutex_lock(&nl.lock);
	if (nl.portid && READ_ONCE(dev->attached)) {
		cookie = ++nl.cookie;
		spin_lock(&dev->req_lock);
		dev->req.cookie = cookie;
		dev->req.done = false;
		dev->req.str = NULL;
		reinit_completion(&dev->req.completion);
		spin_unlock(&dev->req_lock);
	}
	mutex_unlock(&nl.lock);
	return cookie;
}

/*
 * Ends @dev's request @cookie (0: whichever is open) with @status; takes over
 * @str.  False if it was not open (any more); then @str is still the caller's.
 */
static bool request_done(struct tpr_dev *dev, u64 cookie, int status,
			 char *str, size_t len, u64 seq)
{
	bool open;

	spin_lock(&dev->req_lock);
	open = dev->req.cookie && !dev->req.done &&
	       (!cookie || cookie == dev->req.cookie);
	if (open) {
		dev->req.done = true;
		dev->req.status = status;
		dev->req.str = str;
		dev->req.len = len;
		dev->req.seq = seq;
		complete(&dev->req.completion);
	}
	spin_unlock(&dev->req_lock);
	return open;
}

/* Waits for the answer; -ETIME when none came in time, -ESHUTDOWN: no lease. */
static int request_wait(struct tpr_dev *dev, char **str, size_t *len,
			u64 *seq)
{
	unsigned long end = jiffies +
		msecs_to_jiffies(READ_ONCE(tpr_reply_timeout_ms));
	int status = -ETIME;

	while (status == -ETIME && time_before(jiffies, end)) {
		if (wait_for_completion_timeout(&dev->req.completion,
						tpr_lease_slice(end - jiffies)))
			break;
		if (!tpr_lease_left())
			status = -ESHUTDOWN;
	}
	spin_lock(&dev->req_lock);
	*str = NULL;
	if (dev->req.done) {
		status = dev->req.status;
		*str = dev->req.str;
		*len = dev->req.len;
		*seq = dev->req.seq;
	}
	dev->req.cookie = 0;
	dev->req.str = NULL;
	spin_unlock(&dev->req_lock);
	return status;
}

static void request_cancel(struct tpr_dev *dev)
{
	char *str;

	spin_lock(&dev->req_lock);
	dev->req.cookie = 0;
	str = dev->req.str;
	dev->req.str = NULL;
	spin_unlock(&dev->req_lock);
	kvfree(str); /* may sleep */
}

int tpr_nl_get(struct tpr_dev *dev, char **str, size_t *len, u64 *lost)
{
	u64 cookie = request_begin(dev);
	struct msg m;
	int err;

	if (!cookie)
		return -ENOTCONN;
	err = msg_begin(&m, dev, TCMU_CMD_GET_PR_INFO, SMALL_MSG);
	if (!err)
		err = msg_end(&m, put_u64(&m, TCMU_ATTR_PR_COOKIE, cookie));
	if (err) {
		request_cancel(dev);
		return err;
	}
	err = request_wait(dev, str, len, lost);
	if (!err && !*str)
		err = -EBADMSG;
	if (err) {
		kvfree(*str);
		*str = NULL;
	}
	return err == -ETIME ? -ETIMEDOUT : err;
}

static int send_part(struct tpr_dev *dev, u64 cookie, u64 expected,
		     const char *str, size_t len, size_t offset)
{
	size_t part = min_t(size_t, len - offset, TCMU_PR_INFO_PART);
	struct msg m;
	int err;

	err = msg_begin(&m, dev, TCMU_CMD_SET_PR_INFO, part + SMALL_MSG);
	if (err)
		return err;
	err = put_u64(&m, TCMU_ATTR_PR_COOKIE, cookie);
	if (!err)
		err = put_u64(&m, TCMU_ATTR_PR_SEQ, expected);
	if (!err)
		err = nla_put_u32(m.skb, TCMU_ATTR_PR_INFO_SIZE, len);
	if (!err)
		err = nla_put_u32(m.skb, TCMU_ATTR_PR_INFO_OFFSET, offset);
	if (!err)
		err = nla_put(m.skb, TCMU_ATTR_PR_INFO, part, str + offset);
	return msg_end(&m, err);
}

int tpr_nl_set(struct tpr_dev *dev, u64 expected, const char *str, size_t len)
{
	u64 cookie = request_begin(dev);
	size_t offset, unused_len;
	u64 unused_seq;
	char *unused;
	int err = 0;

	if (!cookie)
		return -ENOTCONN;
	for (offset = 0; !err && offset < len; offset += TCMU_PR_INFO_PART)
		err = send_part(dev, cookie, expected, str, len, offset);
	if (err) { /* the train is not complete: nothing happens */
		request_cancel(dev);
		return err;
	}
	err = request_wait(dev, &unused, &unused_len, &unused_seq);
	kvfree(unused);
	/* An answer's ETIMEDOUT means stored; no answer means unknown. */
	switch (err) {
	case -ETIME:
	case -ENOTCONN: /* the daemon went away */
	case -ENODEV: /* the device is being detached */
	case -ESHUTDOWN: /* the lease has ended */
		return -EINPROGRESS;
	default:
		return err;
	}
}

static const struct nla_policy policy[TCMU_ATTR_PR_MAX + 1] = {
	[TCMU_ATTR_PR_DEVICE] = { .type = NLA_NUL_STRING,
				  .len = TPR_DEV_NAME_MAX },
	[TCMU_ATTR_PR_GATEWAY] = { .type = NLA_NUL_STRING,
				   .len = TPR_GATEWAY_MAX },
	[TCMU_ATTR_PR_INCARNATION] = { .type = NLA_U64 },
	[TCMU_ATTR_PR_PROTOCOL] = { .type = NLA_U32 },
	[TCMU_ATTR_PR_COOKIE] = { .type = NLA_U64 },
	[TCMU_ATTR_PR_STATUS] = NLA_POLICY_MAX(NLA_U32, MAX_ERRNO),
	[TCMU_ATTR_PR_SEQ] = { .type = NLA_U64 },
	[TCMU_ATTR_PR_SETTLED] = NLA_POLICY_MAX(NLA_U8, 1),
	[TCMU_ATTR_PR_INFO] = { .type = NLA_BINARY,
				.len = TCMU_PR_INFO_PART },
	[TCMU_ATTR_PR_LEASE_MS] = { .type = NLA_U32 },
	[TCMU_ATTR_PR_TERM] = { .type = NLA_U64 },
	[TCMU_ATTR_PR_UNTIL] = { .type = NLA_U64 },
};

static bool from_daemon(const struct genl_info *info)
{
	return info->snd_portid && info->snd_portid == READ_ONCE(nl.portid);
}

/* The device that a message is about, with a reference; or an error. */
static struct tpr_dev *device_of(struct genl_info *info)
{
	struct nlattr *name = info->attrs[TCMU_ATTR_PR_DEVICE];
	struct tpr_dev *dev;

	if (!from_daemon(info))
		return ERR_PTR(-EPERM);
	if (!name)
		return ERR_PTR(-EINVAL);
	dev = tpr_dev_find(nla_data(name));
	return dev ? dev : ERR_PTR(-ENODEV);
}

/* Bytes in all PR_INFO attributes of the message; copies them to @to. */
static size_t gather(const struct genl_info *info, char *to)
{
	struct nlattr *attr;
	size_t len = 0;
	int rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != TCMU_ATTR_PR_INFO)
			continue;
		if (to)
			memcpy(to + len, nla_data(attr), nla_len(attr));
		len += nla_len(attr);
	}
	return len;
}

/* The string of a message, NULL if it has none; or an error. */
static char *string_of(struct genl_info *info, size_t *len)
{
	char *str;

	*len = gather(info, NULL);
	if (!*len)
		return NULL;
	if (*len > PR_INFO_MAX)
		return ERR_PTR(-EMSGSIZE);
	str = kvmalloc(*len, GFP_KERNEL);
	if (!str)
		return ERR_PTR(-ENOMEM);
	gather(info, str);
	return str;
}

static void announce_device(struct tpr_dev *dev, void *arg)
{
	int *err = arg;

	if (!*err)
		*err = tpr_nl_device_added(dev);
}

int tpr_nl_term(u8 cmd, u64 term)
{
	struct msg m;

	return msg_begin(&m, NULL, cmd, SMALL_MSG) ?:
	       msg_end(&m, put_u64(&m, TCMU_ATTR_PR_TERM, term));
}

static int hello(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *gateway = info->attrs[TCMU_ATTR_PR_GATEWAY];
	struct nlattr *lease = info->attrs[TCMU_ATTR_PR_LEASE_MS];
	struct nlattr *protocol = info->attrs[TCMU_ATTR_PR_PROTOCOL];
	int err = 0;

	if (!protocol || nla_get_u32(protocol) != TCMU_PR_PROTOCOL)
		return -EPROTO;
	if (!gateway || !tpr_gateway_valid(nla_data(gateway)))
		return -EINVAL;
	if (!lease || nla_get_u32(lease) > TCMU_PR_LEASE_MAX_MS)
		return -EINVAL;
	mutex_lock(&nl.lock);
	if (nl.portid && nl.portid != info->snd_portid) {
		err = -EBUSY;
	} else {
		strscpy(nl.gateway, nla_data(gateway), sizeof(nl.gateway));
		WRITE_ONCE(nl.portid, info->snd_portid);
	}
	mutex_unlock(&nl.lock);
	if (err)
		return err;
	pr_info("tcmu_pr: daemon of gateway %s connected\n",
		(char *)nla_data(gateway));
	/*
	 * A daemon that is not told of a device would take it for removed.
	 * It closes its socket on an error, and tries again.
	 */
	tpr_lease_clip(nla_get_u32(lease));
	err = tpr_nl_term(TCMU_PR_CMD_WELCOME, tpr_lease_term());
	tpr_dev_for_each(announce_device, &err);
	tpr_quiet_tell();
	return err;
}

static int lease(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *term = info->attrs[TCMU_ATTR_PR_TERM];
	struct nlattr *until = info->attrs[TCMU_ATTR_PR_UNTIL];

	if (!from_daemon(info))
		return -EPERM;
	if (!term || !until)
		return -EINVAL;
	return tpr_lease_set(nla_get_u64(term), nla_get_u64(until));
}

static int request_answer(struct genl_info *info, bool get)
{
	struct nlattr *cookie = info->attrs[TCMU_ATTR_PR_COOKIE];
	struct nlattr *status = info->attrs[TCMU_ATTR_PR_STATUS];
	struct nlattr *seq = info->attrs[TCMU_ATTR_PR_SEQ];
	struct tpr_dev *dev = device_of(info);
	int err = -EINVAL;
	size_t len;
	char *str;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (!cookie || !nla_get_u64(cookie) || !status)
		goto put;
	str = string_of(info, &len);
	err = PTR_ERR_OR_ZERO(str);
	/*
	 * The daemon does not send it again: end what waits for it now, not
	 * when its time is up.  A SET it would tell that nothing was stored.
	 */
	if (err == -ENOMEM && get)
		request_done(dev, nla_get_u64(cookie), err, NULL, 0, 0);
	if (err)
		goto put;
	if (!request_done(dev, nla_get_u64(cookie), -(int)nla_get_u32(status),
			  str, len, seq ? nla_get_u64(seq) : 0)) {
		kvfree(str);
		err = -ESTALE;
	}
put:
	tpr_dev_put(dev);
	return err;
}

static int get_done(struct sk_buff *skb, struct genl_info *info)
{
	return request_answer(info, true);
}

static int set_done(struct sk_buff *skb, struct genl_info *info)
{
	return request_answer(info, false);
}

/* Takes over @str. */
static int queue_push(struct tpr_dev *dev, struct tpr_push push)
{
	struct tpr_push *p = kmalloc(sizeof(*p), GFP_KERNEL);
	int err;

	if (!p) {
		kvfree(push.str);
		return -ENOMEM;
	}
	*p = push;
	p->term = tpr_lease_term();
	err = tpr_push_queue(dev, p);
	if (err)
		tpr_push_free(p);
	return err;
}

static int push_pr_info(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *seq = info->attrs[TCMU_ATTR_PR_SEQ];
	struct nlattr *settled = info->attrs[TCMU_ATTR_PR_SETTLED];
	struct tpr_dev *dev = device_of(info);
	struct tpr_push push = { 0 };
	int err = -EINVAL;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (!seq || !nla_get_u64(seq) || !settled)
		goto put;
	push.seq = nla_get_u64(seq);
	push.settled = nla_get_u8(settled);
	push.str = string_of(info, &push.len);
	err = PTR_ERR_OR_ZERO(push.str);
	if (!err && !push.str && !push.settled)
		err = -EINVAL;
	if (!err)
		err = queue_push(dev, push);
put:
	tpr_dev_put(dev);
	return err;
}

static int invalidate(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *status = info->attrs[TCMU_ATTR_PR_STATUS];
	struct tpr_dev *dev = device_of(info);
	struct tpr_push push = { 0 };
	int err = -EINVAL;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (status && nla_get_u32(status)) {
		push.invalidate = nla_get_u32(status);
		err = queue_push(dev, push);
	}
	tpr_dev_put(dev);
	return err;
}

#define OP(id, function)                                            \
	{                                                           \
		.cmd = (id), .doit = (function), .flags = GENL_ADMIN_PERM, \
	}

static const struct genl_small_ops ops[] = {
	OP(TCMU_PR_CMD_HELLO, hello),
	OP(TCMU_CMD_GET_PR_INFO_DONE, get_done),
	OP(TCMU_CMD_SET_PR_INFO_DONE, set_done),
	OP(TCMU_PR_CMD_PUSH_PR_INFO, push_pr_info),
	OP(TCMU_PR_CMD_INVALIDATE, invalidate),
	OP(TCMU_PR_CMD_LEASE, lease),
};

static struct genl_family family __ro_after_init = {
	.name = TCMU_PR_FAMILY_NAME,
	.version = TCMU_PR_FAMILY_VERSION,
	.maxattr = TCMU_ATTR_PR_MAX,
	.policy = policy,
	.small_ops = ops,
	.n_small_ops = ARRAY_SIZE(ops),
	.resv_start_op = TCMU_PR_CMD_MAX + 1,
	.parallel_ops = true, /* own locking; a push must not wait for others */
	.module = THIS_MODULE,
};

void tpr_nl_fail_request(struct tpr_dev *dev, int err)
{
	request_done(dev, 0, err, NULL, 0, 0);
}

static void fail_request(struct tpr_dev *dev, void *arg)
{
	tpr_nl_fail_request(dev, -ENOTCONN);
}

/* The daemon's socket closed, whatever the reason. */
static void daemon_gone(struct work_struct *work)
{
	pr_warn("tcmu_pr: the daemon is gone: the installed states stay enforced until the lease ends, PR commands are refused\n");
	tpr_dev_for_each(fail_request, NULL);
}

static DECLARE_WORK(gone_work, daemon_gone);

/* Context: may be atomic, so portid goes without nl.lock. */
static int netlink_event(struct notifier_block *nb, unsigned long event,
			 void *data)
{
	const struct netlink_notify *n = data;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC ||
	    !net_eq(n->net, &init_net) || !n->portid)
		return NOTIFY_DONE;
	if (cmpxchg(&nl.portid, n->portid, 0) == n->portid)
		queue_work(tpr_reap_wq, &gone_work);
	return NOTIFY_OK;
}

static struct notifier_block netlink_notifier = {
	.notifier_call = netlink_event,
};

int tpr_nl_register(void)
{
	int err;

	nl.incarnation = get_random_u64();
	/* An answer to another life of the module must not fit. */
	nl.cookie = get_random_u64() >> 1;
	err = netlink_register_notifier(&netlink_notifier);
	if (err)
		return err;
	err = genl_register_family(&family);
	if (err)
		netlink_unregister_notifier(&netlink_notifier);
	return err;
}

void tpr_nl_unregister(void)
{
	genl_unregister_family(&family);
	netlink_unregister_notifier(&netlink_notifier);
	cancel_work_sync(&gone_work);
}
