// SPDX-License-Identifier: GPL-2.0-only
/*
 * Strings of another device: the store knows it (a copied image), or they name
 * another unit serial number.  Nobody obeys them; the administrator drops or
 * adopts them, or an initiator replaces them.
 */
#include "test_engine.h"

/* Two registrations and a reservation, of version @seq. */
static void put_state(struct world *w, uint64_t seq, const char *identity)
{
	struct tcmu_pr_info *info = malloc(tpr_info_size(2));
	struct tpr_order order = {.action = TPR_ACT_REGISTER};
	struct tpr_writer writer = {.gateway = "gw9", .incarnation = 9};
	char *str = malloc(tpr_encoded_max(2));

	tpr_info_init(info, 2);
	strcpy(info->device, identity);
	info->gen = 7;
	info->aptpl = true;
	for (int i = 0; i < 2; i++) {
		struct tpr_nexus nexus = {.proto = TPR_PROTO_ISCSI, .tag = 1};

		strcpy(nexus.initiator, i ? "iqn.example:b" : "iqn.example:a");
		strcpy(nexus.target, "iqn.example:t");
		assert_true(tpr_reg_add(info, &nexus, 0xa + (u64)i, false) >= 0);
	}
	info->rsv.type = 3;
	info->rsv.holder = 1;
	info->seq = seq - 1;
	tpr_stamp(info, &writer, &order);
	world_set(w, seq, str, (size_t)tpr_encode(info, str, tpr_encoded_max(2)));
	free(str);
	free(info);
}

/* Its unit serial number may be the same, if the store knows better. */
static void test_foreign_image(void **state)
{
	struct world *w = *state;
	int i;

	put_state(w, 5, IDENTITY);
	w->foreign = 5;
	begin(w, 2);
	for (i = 0; i < 2; i++) {
		assert_lost(w, i, 5);
		assert_broken(w, i, EBADMSG, "another image's");
		assert_true(gw_status(w, i).foreign);
	}
	assert_int_equal(w->newest, 5);
	client_replace(w, 0);
	world_run(w, 100);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_ready(w, 0, 6);
	assert_ready(w, 1, 6);
	assert_false(gw_status(w, 0).foreign);
	world_check(w);
}

/* What was known here is newer than what the copy had. */
static void test_foreign_of_before(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	write_through(w, 0);
	write_through(w, 0);
	put_state(w, 2, IDENTITY);
	w->foreign = 2;
	w->damaged = 3;
	news(w, 0);
	world_run(w, 500);
	assert_true(gw_status(w, 0).lost);
	assert_false(gw_status(w, 0).foreign);
	assert_int_equal(w->newest, 3);
}

/* A copy replaced the image behind a gateway that serves it. */
static void test_foreign_under_way(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	put_state(w, 9, IDENTITY);
	w->foreign = 9;
	news(w, 0);
	assert_lost(w, 0, 9);
	assert_true(gw_status(w, 0).foreign);
	client_write(w, 1);
	world_run(w, 300);
	assert_int_equal(w->gw[1].client.set_status, -1);
	assert_int_equal(w->newest, 9);
	assert_true(gw_status(w, 1).foreign);
}

static void assert_adopted(struct world *w, uint64_t seq)
{
	struct tcmu_pr_info *info = world_newest(w);

	assert_repaired(w, seq, 7);
	assert_string_equal(info->device, IDENTITY);
	assert_int_equal(info->num_regs, 2);
	assert_int_equal(info->rsv.type, 3);
	assert_true(info->aptpl);
	/* None of its changes was one of this device. */
	assert_int_equal(info->num_changes, 1);
	free(info);
	assert_false(gw_status(w, 0).foreign);
	write_through(w, 1);
	world_check(w);
}

static void test_adopt_image(void **state)
{
	struct world *w = *state;

	put_state(w, 5, "serial-2");
	w->foreign = 5;
	begin(w, 2);
	assert_lost(w, 1, 5);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_ADOPT, false, NULL, 0), 0);
	world_run(w, 500);
	assert_adopted(w, 6);
}

static void test_adopt_serial(void **state)
{
	struct world *w = *state;

	put_state(w, 5, "serial-2");
	begin(w, 2);
	assert_true(gw_status(w, 1).foreign);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_ADOPT, false, NULL, 0), 0);
	world_run(w, 500);
	assert_adopted(w, 6);
}

/* Nobody who has its nexus would ever end it. */
static void test_adopt_scsi2(void **state)
{
	struct world *w = *state;
	struct tcmu_pr_info *info = malloc(tpr_info_size(0));
	struct tpr_writer writer = {.gateway = "gw9", .incarnation = 9};
	struct tpr_order order = {.action = TPR_ACT_REPAIR};
	char *str = malloc(tpr_encoded_max(0));

	tpr_info_init(info, 0);
	strcpy(info->device, IDENTITY);
	info->scsi2_held = true;
	info->scsi2_holder.proto = TPR_PROTO_ISCSI;
	info->scsi2_holder.tag = 1;
	strcpy(info->scsi2_holder.initiator, "iqn.example:a");
	strcpy(info->scsi2_holder.target, "iqn.example:t");
	strcpy(info->scsi2_gateway, "gw1");
	info->seq = 4;
	tpr_stamp(info, &writer, &order);
	world_set(w, 5, str, (size_t)tpr_encode(info, str, tpr_encoded_max(0)));
	free(info);
	w->foreign = 5;
	begin(w, 2);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_ADOPT, false, NULL, 0), 0);
	world_run(w, 500);
	assert_repaired(w, 6, 0);
	info = world_newest(w);
	assert_false(info->scsi2_held);
	free(info);
	free(str);
}

static void test_adopt_nothing(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_ADOPT, false, NULL, 0), 0);
	assert_int_equal(w->gw[0].repair_status, ENOENT);
	corrupt(w, 1);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_ADOPT, false, NULL, 0), 0);
	assert_int_equal(w->gw[0].repair_status, ENOENT);
	assert_int_equal(w->newest, 1);
}

static void test_adopt_corrupt(void **state)
{
	struct world *w = *state;

	put_state(w, 5, IDENTITY);
	corrupt(w, 5);
	w->foreign = 5;
	begin(w, 2);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_ADOPT, false, NULL, 0), 0);
	assert_int_equal(w->gw[0].repair_status, EBADMSG);
	assert_int_equal(w->newest, 5);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_EMPTY, false, NULL, 0), 0);
	world_run(w, 500);
	assert_repaired(w, 6, 0);
}

static void test_adopt_unclear(void **state)
{
	struct world *w = *state;

	put_state(w, 5, "serial-2");
	w->foreign = 5;
	begin(w, 2);
	w->gw[0].swap_mode = SWAP_UNCLEAR_LATE;
	repair(w, 0, ENGINE_REPAIR_ADOPT, false, NULL, 0);
	w->gw[0].swap_mode = SWAP_GOOD;
	world_run(w, 1000);
	assert_adopted(w, 6);
}

/* Dropped or adopted through one gateway, each serves it. */
static void test_foreign_elsewhere(void **state)
{
	struct world *w = *state;

	put_state(w, 5, IDENTITY);
	w->foreign = 5;
	begin(w, 2);
	w->gw[1].deaf = true;
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_EMPTY, false, NULL, 0), 0);
	world_run(w, 3000);
	assert_repaired(w, 6, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(foreign_image),
		T(foreign_of_before),
		T(foreign_under_way),
		T(adopt_image),
		T(adopt_serial),
		T(adopt_scsi2),
		T(adopt_nothing),
		T(adopt_corrupt),
		T(adopt_unclear),
		T(foreign_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
