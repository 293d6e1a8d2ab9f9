// SPDX-License-Identifier: GPL-2.0-only
#include "times.h"
#include "log.h"

#include <uv.h>

static uint64_t now_us(void)
{
	return uv_hrtime() / 1000;
}

/* From one moment to a later one; 0 if one of them was not. */
static unsigned long long between(uint64_t from, uint64_t to)
{
	return from && to > from ? to - from : 0;
}

void times_get(struct times *t)
{
	t->get = now_us();
	t->told = 0;
}

void times_get_done(struct times *t)
{
	t->told = now_us();
}

void times_set(struct times *t, uint64_t expected)
{
	t->set = now_us();
	t->seq = expected + 1;
	t->stored = 0;
	t->announced = 0;
	t->announcing = 0;
	t->own = 0;
	/* What this gateway makes itself is not installed for another. */
	t->news = 0;
}

void times_set_done(struct times *t)
{
	t->done = now_us();
}

void times_log(const struct times *t, const char *device)
{
	uint64_t announced = t->announced ? t->announced : t->stored;

	if (!t->stored)
		return;
	log_line(LOG_LEVEL_DEBUG, device, t->seq,
		 "microseconds: read %llu, decide %llu, swap %llu, announce "
		 "%llu, acknowledge %llu; own kernel %llu after the swap",
		 between(t->get, t->told), between(t->told, t->set),
		 between(t->set, t->stored), between(t->stored, announced),
		 between(announced, t->done), between(t->stored, t->own));
}

void times_news(struct times *t)
{
	if (t->news)
		return;
	t->news = now_us();
	t->loading = false;
	t->loaded = 0;
	t->pushed = 0;
}

void times_told(struct times *t, uint64_t seq)
{
	if (t->news && !t->loaded && seq > t->installed)
		t->loaded = now_us();
}

void times_push_done(struct times *t, uint64_t seq)
{
	/* Another one for the same version says that it is settled. */
	if (t->stored && seq == t->seq && !t->own)
		t->own = now_us();
	if (seq <= t->installed)
		return;
	if (t->loaded)
		t->pushed = now_us();
	t->installed = seq;
}

/* The news may be that what is installed here has been settled. */
static void loaded(struct times *t, uint64_t seq)
{
	if (!t->news || t->loaded)
		return;
	if (seq > t->installed)
		t->loaded = now_us();
	else if (t->loading)
		t->news = 0;
}

static void acknowledged(struct times *t, const char *device)
{
	if (t->news && t->pushed)
		log_line(LOG_LEVEL_DEBUG, device, t->installed,
			 "microseconds: load %llu, kernel %llu, record %llu",
			 between(t->news, t->loaded),
			 between(t->loaded, t->pushed),
			 between(t->pushed, now_us()));
	t->news = 0;
}

void times_store(struct times *t, const struct engine_call *call)
{
	if (call->op == ENGINE_ANNOUNCE && t->stored && !t->announced)
		t->announcing++;
	if (call->op == ENGINE_LOAD && t->news)
		t->loading = true;
}

void times_store_done(struct times *t, const char *device,
		      const struct engine_reply *reply)
{
	if (reply->rc)
		return;
	switch (reply->op) {
	case ENGINE_SWAP:
		t->stored = now_us();
		break;
	case ENGINE_ANNOUNCE:
		if (t->announcing && !--t->announcing)
			t->announced = now_us();
		break;
	case ENGINE_LOAD:
		loaded(t, reply->seq);
		break;
	case ENGINE_ACK:
		acknowledged(t, device);
		break;
	default:
		break;
	}
}
