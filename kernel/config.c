// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/config/tcmu_pr/NAME/: one directory for each device.  A link in
 * it to the backstore's directory attaches, removing the link detaches; while
 * it stands, configfs keeps the backstore.  Attributes, read-only:
 *
 *	state	ready | unsettled | joining | detached | no lease | error: ERRNO
 *	seq	number of the newest installed state, 0: none
 *
 * /sys/kernel/config/tcmu_pr/, of the gateway, read-only:
 *
 *	lease_term	number of its term, 0: none yet
 *	lease_ms_left	until its lease ends, 0: there is none
 */
#include <linux/configfs.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "tcmu_pr_dev.h"
#include "tpr_string.h"

struct tpr_item {
	struct config_item item;
	struct mutex lock; /* protects dev */
	struct tpr_dev *dev; /* NULL: detached */
};

static struct tpr_item *to_tpr_item(struct config_item *item)
{
	return container_of(item, struct tpr_item, item);
}

static ssize_t show_state(struct tpr_dev *dev, char *page)
{
	ssize_t n;

	mutex_lock(&dev->lock);
	if (!tpr_lease_left())
		n = sprintf(page, "no lease\n");
	else if (dev->term != tpr_lease_term())
		n = sprintf(page, "joining\n");
	else if (dev->error)
		n = sprintf(page, "error: %u\n", dev->error);
	else if (!dev->newest)
		n = sprintf(page, "joining\n");
	else
		n = sprintf(page, "%s\n", dev->settled ? "ready" : "unsettled");
	mutex_unlock(&dev->lock);
	return n;
}

static ssize_t tpr_item_state_show(struct config_item *item, char *page)
{
	struct tpr_item *ti = to_tpr_item(item);
	ssize_t n;

	mutex_lock(&ti->lock);
	n = ti->dev ? show_state(ti->dev, page) : sprintf(page, "detached\n");
	mutex_unlock(&ti->lock);
	return n;
}
CONFIGFS_ATTR_RO(tpr_item_, state);

static ssize_t tpr_item_seq_show(struct config_item *item, char *page)
{
	struct tpr_item *ti = to_tpr_item(item);
	u64 seq = 0;

	mutex_lock(&ti->lock);
	if (ti->dev) {
		mutex_lock(&ti->dev->lock);
		if (ti->dev->newest)
			seq = ti->dev->newest->seq;
		mutex_unlock(&ti->dev->lock);
	}
	mutex_unlock(&ti->lock);
	return sprintf(page, "%llu\n", seq);
}
CONFIGFS_ATTR_RO(tpr_item_, seq);

static struct configfs_attribute *tpr_item_attrs[] = {
	&tpr_item_attr_state,
	&tpr_item_attr_seq,
	NULL,
};

/*
 * True if @item is the directory of a TCMU device: made by target_core_user,
 * three levels below the root of the target subsystem.
 */
static bool is_tcmu_device(struct config_item *item)
{
	struct config_item *core = item->ci_parent ?
		item->ci_parent->ci_parent : NULL;
	struct config_item *root = core ? core->ci_parent : NULL;

	if (!root || strcmp(config_item_name(root), "target") ||
	    strcmp(config_item_name(core), "core"))
		return false;
	if (strncmp(config_item_name(item->ci_parent), "user_", 5))
		return false;
	return item->ci_type && item->ci_type->ct_owner &&
	       !strcmp(module_name(item->ci_type->ct_owner),
		       "target_core_user");
}

static int tpr_item_allow_link(struct config_item *src,
			       struct config_item *target)
{
	struct tpr_item *ti = to_tpr_item(src);
	struct tpr_dev *dev;
	int err = 0;

	if (!is_tcmu_device(target)) {
		pr_err("tcmu_pr: %s: not the directory of a TCMU device: %s\n",
		       config_item_name(src), config_item_name(target));
		return -EINVAL;
	}
	mutex_lock(&ti->lock);
	if (ti->dev) {
		err = -EBUSY;
	} else {
		dev = tpr_dev_attach(config_item_name(src),
				     container_of(to_config_group(target),
						  struct se_device, dev_group));
		if (IS_ERR(dev))
			err = PTR_ERR(dev);
		else
			ti->dev = dev;
	}
	mutex_unlock(&ti->lock);
	return err;
}

static void tpr_item_drop_link(struct config_item *src,
			       struct config_item *target)
{
	struct tpr_item *ti = to_tpr_item(src);

	mutex_lock(&ti->lock);
	tpr_dev_detach(ti->dev);
	ti->dev = NULL;
	mutex_unlock(&ti->lock);
}

static void tpr_item_release(struct config_item *item)
{
	kfree(to_tpr_item(item));
}

static struct configfs_item_operations tpr_item_ops = {
	.release = tpr_item_release,
	.allow_link = tpr_item_allow_link,
	.drop_link = tpr_item_drop_link,
};

static const struct config_item_type tpr_item_type = {
	.ct_item_ops = &tpr_item_ops,
	.ct_attrs = tpr_item_attrs,
	.ct_owner = THIS_MODULE,
};

static struct config_item *tpr_make_item(struct config_group *group,
					 const char *name)
{
	struct tpr_item *ti;

	if (!tpr_gateway_valid(name))
		return ERR_PTR(-EINVAL);
	ti = kzalloc(sizeof(*ti), GFP_KERNEL);
	if (!ti)
		return ERR_PTR(-ENOMEM);
	mutex_init(&ti->lock);
	config_item_init_type_name(&ti->item, name, &tpr_item_type);
	return &ti->item;
}

static ssize_t tpr_group_lease_term_show(struct config_item *item, char *page)
{
	return sprintf(page, "%llu\n", tpr_lease_term());
}
CONFIGFS_ATTR_RO(tpr_group_, lease_term);

static ssize_t tpr_group_lease_ms_left_show(struct config_item *item,
					    char *page)
{
	return sprintf(page, "%llu\n",
		       div_u64(tpr_lease_left(), NSEC_PER_MSEC));
}
CONFIGFS_ATTR_RO(tpr_group_, lease_ms_left);

static struct configfs_attribute *tpr_group_attrs[] = {
	&tpr_group_attr_lease_term,
	&tpr_group_attr_lease_ms_left,
	NULL,
};

static struct configfs_group_operations tpr_group_ops = {
	.make_item = tpr_make_item,
};

static const struct config_item_type tpr_group_type = {
	.ct_group_ops = &tpr_group_ops,
	.ct_attrs = tpr_group_attrs,
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem tpr_subsystem = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = "tcmu_pr",
			.ci_type = &tpr_group_type,
		},
	},
};

int tpr_config_register(void)
{
	config_group_init(&tpr_subsystem.su_group);
	mutex_init(&tpr_subsystem.su_mutex);
	return configfs_register_subsystem(&tpr_subsystem);
}

void tpr_config_unregister(void)
{
	configfs_unregister_subsystem(&tpr_subsystem);
}
