// SPDX-License-Identifier: GPL-2.0-only
/*
 * The RADOS store: the string is metadata of the RBD image that it is about.
 *
 * In the image's own pool and namespace:
 *	rbd_header.<ID>		RBD's; two keys of its omap are ours
 *	    metadata_tcmu_pr_info	the string: rbd image-meta get POOL/IMAGE
 *				tcmu_pr_info
 *	    metadata_tcmu_pr_version	"seq N image IDENTITY writer TOKEN
 *				[touched TOKEN]": what is compared
 *	    metadata_tcmu_pr_info_before	what mark_lost() replaced
 *	tcmu_pr.<ID>		ours, beside the image
 *	    created		marker: there has been a version
 *	    member.<GATEWAY>	"incarnation term installed ended seen counter"
 * In the home, a pool and namespace of the administrator's choice:
 *	tcmu_pr_gateways
 *	    beat.<GATEWAY>	"term incarnation count lease boot"
 *	    evicted.<GATEWAY>	evicted from all terms up to this
 *	    fenced.<GATEWAY>	the same for "fenced"
 *	    clients.<GATEWAY>, cut.<GATEWAY>
 *				see store_rados_hosts.c, store_rados_cut.c
 *	tcmu_pr_inbox.<GATEWAY>	watched by that gateway
 *
 * IDENTITY is FSID/POOL-ID/[NAMESPACE]/IMAGE-ID, TOKEN is
 * GATEWAY/incarnation/counter and never the same twice.
 */
#include <errno.h>

#include "store_rados_int.h"

static int sr_lu_name(const char *dev_config, char *name, size_t cap)
{
	struct rbd_config rbd;
	int ret = rbd_config_parse(dev_config, &rbd);

	return ret ? ret : rbd_config_lu(&rbd, name, cap);
}

const struct store_ops store_rados_ops = {
	.type = "rados",
	.open = sr_open,
	.close = sr_close,
	.lu_name = sr_lu_name,
	.load = sr_load,
	.swap = sr_swap,
	.mark_lost = sr_mark_lost,
	.join = sr_join,
	.leave = sr_leave,
	.forget = sr_forget,
	.ack = sr_ack,
	.members = sr_members,
	.beat = sr_beat,
	.gateways = sr_gateways,
	.evict = sr_evict,
	.fence = sr_fence,
	.cut = sr_cut,
	.lift = sr_lift,
	.announce = sr_announce,
	.news = sr_news,
	.wake = sr_wake,
};
