// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a gateway costs that has nothing to do, with 1 to 10,000 logical units:
 * CPU, and calls of the store.  Two gateways, a process each, all of the daemon
 * in them but the netlink socket; the kernel is a fake that says yes; the store
 * is a directory in memory whose calls are counted.  Neither the kernel's work
 * nor that of a network file system is in the numbers.
 *
 * usage: idle [SECONDS [LUS...]]
 *
 * Exit status 1 if the calls, or the CPU time, grow with the logical units.
 */
#include "attach.h"
#include "device.h"
#include "lease.h"
#include "log.h"
#include "news.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SECONDS = 10,
	QUIET_MS = 2000, /* before it counts: what was begun ends */
	READY_MS = 300000,
	CPU_SLACK_US = 5000, /* in a second: not worth to be called growth */
};

#define MEMORY "/dev/shm"

static void die(const char *what)
{
	fprintf(stderr, "idle: %s\n", what);
	exit(EXIT_FAILURE);
}

/* The store, counted */

enum call { BEAT, GATEWAYS, NEWS, OTHER, CALLS };

static atomic_ullong calls[CALLS];

static int count_beat(struct store *store, const struct store_beat *beat,
		      uint64_t *evicted)
{
	calls[BEAT]++;
	return store_dir_ops.beat(store, beat, evicted);
}

static int count_gateways(struct store *store, struct store_gateway **list,
			  size_t *count)
{
	calls[GATEWAYS]++;
	return store_dir_ops.gateways(store, list, count);
}

static int count_news(struct store *store, int timeout_ms, store_news_fn *fn,
		      void *arg)
{
	calls[NEWS]++;
	return store_dir_ops.news(store, timeout_ms, fn, arg);
}

static int count_load(struct store *store, const char *lu, char **str,
		      size_t *len, uint64_t *seq)
{
	calls[OTHER]++;
	return store_dir_ops.load(store, lu, str, len, seq);
}

static int count_swap(struct store *store, const char *lu, uint64_t expected,
		      const char *str, size_t len)
{
	calls[OTHER]++;
	return store_dir_ops.swap(store, lu, expected, str, len);
}

static int count_join(struct store *store, const char *lu, uint64_t term)
{
	calls[OTHER]++;
	return store_dir_ops.join(store, lu, term);
}

static int count_ack(struct store *store, const char *lu, uint64_t term,
		     uint64_t seq, uint64_t ended)
{
	calls[OTHER]++;
	return store_dir_ops.ack(store, lu, term, seq, ended);
}

static int count_members(struct store *store, const char *lu,
			 struct store_member **list, size_t *count)
{
	calls[OTHER]++;
	return store_dir_ops.members(store, lu, list, count);
}

static int count_announce(struct store *store, const char *lu,
			  const char *gateway,
			  const struct store_message *message)
{
	calls[OTHER]++;
	return store_dir_ops.announce(store, lu, gateway, message);
}

static int count_evict(struct store *store, const char *gateway, uint64_t term)
{
	calls[OTHER]++;
	return store_dir_ops.evict(store, gateway, term);
}

static struct store_ops counted_ops(void)
{
	struct store_ops ops = store_dir_ops;

	ops.beat = count_beat;
	ops.gateways = count_gateways;
	ops.news = count_news;
	ops.load = count_load;
	ops.swap = count_swap;
	ops.join = count_join;
	ops.ack = count_ack;
	ops.members = count_members;
	ops.announce = count_announce;
	ops.evict = count_evict;
	return ops;
}

/* The kernel */

struct answer {
	struct answer *next;
	char device[64]; /* "": to LEASE */
	uint64_t seq;
};

struct netlink {
	struct daemon *d;
	uv_idle_t idle; /* answers outside of the engines */
	struct answer *first, **last;
};

static void on_idle(uv_idle_t *idle)
{
	struct netlink *nl = idle->data;
	struct answer *answer;

	while ((answer = nl->first)) {
		nl->first = answer->next;
		if (!nl->first)
			nl->last = &nl->first;
		if (answer->device[0])
			device_events.push_done(nl->d, answer->device,
						answer->seq, 0);
		else
			device_events.lease_done(nl->d, 0);
		free(answer);
	}
	uv_idle_stop(idle);
}

static void answer_later(struct netlink *nl, const char *device, uint64_t seq)
{
	struct answer *answer = calloc(1, sizeof(*answer));

	if (!answer)
		die("no memory");
	snprintf(answer->device, sizeof(answer->device), "%s", device);
	answer->seq = seq;
	*nl->last = answer;
	nl->last = &answer->next;
	uv_idle_start(&nl->idle, on_idle);
}

bool netlink_is_up(const struct netlink *nl)
{
	(void)nl;
	return true;
}

void netlink_push(struct netlink *nl, const char *device, uint64_t seq,
		  bool settled, const char *str, size_t len)
{
	(void)str;
	(void)len;
	if (!settled)
		answer_later(nl, device, seq);
}

void netlink_lease(struct netlink *nl, uint64_t term, uint64_t until_ns)
{
	(void)term;
	(void)until_ns;
	answer_later(nl, "", 0);
}

void netlink_invalidate(struct netlink *nl, const char *device, int status)
{
	(void)nl;
	(void)device;
	(void)status;
}

void netlink_get_done(struct netlink *nl, const char *device, uint64_t cookie,
		      int status, uint64_t seq, const char *str, size_t len)
{
	(void)nl;
	(void)device;
	(void)cookie;
	(void)status;
	(void)seq;
	(void)str;
	(void)len;
}

void netlink_set_done(struct netlink *nl, const char *device, uint64_t cookie,
		      int status)
{
	(void)nl;
	(void)device;
	(void)cookie;
	(void)status;
}

/* A gateway */

static struct daemon d;
static struct netlink nl;
static struct store_ops counted;
static struct config config = {
	.lease_ms = 15000,
	.margin_ms = 2000,
	.beat_ms = 1000,
	.member_timeout_ms = 20000,
};

static void gateway_start(const char *where, char *name, uint64_t incarnation)
{
	char *err = NULL;

	counted = counted_ops();
	config.gateway = name;
	d.config = &config;
	d.ops = &counted;
	d.nl = &nl;
	d.engine.gateway = name;
	d.engine.incarnation = incarnation;
	d.engine.member_timeout_ms = config.member_timeout_ms;
	if (uv_loop_init(&d.loop))
		die("event loop");
	if (d.ops->open(&d.store, where, name, incarnation, &err))
		die(err ? err : "store");
	nl.d = &d;
	nl.last = &nl.first;
	uv_idle_init(&d.loop, &nl.idle);
	nl.idle.data = &nl;
	if (lease_open(&d))
		die("lease");
	d.attacher = attach_open(&d.loop, where, &config);
	d.news = news_start(&d.loop, d.ops, d.store, device_news, &d);
	if (!d.attacher || !d.news)
		die("no memory");
	device_events.welcome(&d, 0);
}

static void add(int i)
{
	char name[32], backstore[64], conf[64], serial[32];
	const struct netlink_device device = {name, backstore, conf, serial, 0};

	snprintf(name, sizeof(name), "disk%d", i);
	snprintf(backstore, sizeof(backstore), "user_0/disk%d", i);
	snprintf(conf, sizeof(conf), "pool/disk%d", i);
	snprintf(serial, sizeof(serial), "serial%d", i);
	device_events.added(&d, &device);
}

static void on_stop(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static void run_for(uint64_t ms)
{
	static uv_timer_t timer;
	static bool made;

	if (!made)
		uv_timer_init(&d.loop, &timer);
	made = true;
	uv_timer_start(&timer, on_stop, ms, 0);
	uv_run(&d.loop, UV_RUN_DEFAULT);
}

static int not_ready(void)
{
	const struct device *dev;
	int count = 0;

	for (dev = d.devices; dev; dev = dev->link[DEVICES_ALL].next) {
		struct engine_status status;

		engine_status(dev->engine, &status);
		/* Both gateways, so that it is as in real life. */
		count += status.state != ENGINE_READY || status.count != 2;
	}
	return count;
}

static double cpu_us(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

struct result {
	double cpu_us; /* these in a second */
	double calls[CALLS];
	double setup_s;
};

static void measure(int seconds, struct result *result)
{
	unsigned long long before[CALLS];
	uint64_t start;
	double cpu, took;
	int i;

	run_for(QUIET_MS);
	for (i = 0; i < CALLS; i++)
		before[i] = calls[i];
	cpu = cpu_us();
	start = uv_hrtime();
	run_for((uint64_t)seconds * 1000);
	took = (double)(uv_hrtime() - start) / 1e9;
	result->cpu_us = (cpu_us() - cpu) / took;
	for (i = 0; i < CALLS; i++)
		result->calls[i] = (double)(calls[i] - before[i]) / took;
}

static void gateway_run(const char *where, int number, int lus, int seconds,
			int to)
{
	char name[] = "gw0";
	struct result result = {0};
	uint64_t start = uv_hrtime();
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	name[2] += (char)number;
	log_init(LOG_LEVEL_ERROR);
	setenv("UV_THREADPOOL_SIZE", "16", 0);
	gateway_start(where, name, 100 + (uint64_t)number);
	for (i = 0; i < lus; i++)
		add(i);
	do {
		run_for(200);
		if (uv_hrtime() - start > READY_MS * 1000000ull)
			die("not ready");
	} while (not_ready());
	result.setup_s = (double)(uv_hrtime() - start) / 1e9;
	measure(seconds, &result);
	if (write(to, &result, sizeof(result)) != sizeof(result))
		die("pipe");
	/* The other one may still count. */
	run_for(READY_MS);
	_exit(EXIT_FAILURE);
}

/* All of them */

static int rm(const char *path, const struct stat *st, int type,
	      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static struct result run(int lus, int seconds)
{
	char where[] = MEMORY "/tcmu-pr-idle-XXXXXX";
	struct result result[2];
	pid_t pids[2];
	int fds[2], i;
	bool good = true;

	if (!mkdtemp(where) || pipe(fds))
		die(MEMORY);
	for (i = 0; i < 2; i++) {
		pids[i] = fork();
		if (!pids[i])
			gateway_run(where, i, lus, seconds, fds[1]);
		good = good && pids[i] > 0;
	}
	close(fds[1]);
	for (i = 0; good && i < 2; i++)
		good = read(fds[0], &result[i], sizeof(result[i])) ==
		       sizeof(result[i]);
	close(fds[0]);
	for (i = 0; i < 2; i++)
		if (pids[i] > 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
	nftw(where, rm, 16, FTW_DEPTH | FTW_PHYS);
	if (!good)
		die("a gateway failed");
	return result[result[1].cpu_us > result[0].cpu_us];
}

static bool flat(const struct result *one, const struct result *many)
{
	double a = 0, b = 0;
	int i;

	for (i = 0; i < CALLS; i++) {
		a += one->calls[i];
		b += many->calls[i];
	}
	return b <= a * 1.2 + 1 &&
	       many->cpu_us <= one->cpu_us * 1.5 + CPU_SLACK_US;
}

int main(int argc, char **argv)
{
	static const int usual[] = {1, 100, 1000, 10000};
	int seconds = argc > 1 ? atoi(argv[1]) : SECONDS;
	int count = argc > 2 ? argc - 2 : 4;
	struct result first = {0}, last;
	bool good = true;
	int i;

	if (seconds < 1)
		die("usage: idle [SECONDS [LUS...]]");
	printf("A gateway of two, idle, in a second (the busier one; start: "
	       "until all are ready):\n"
	       "   LUs  CPU ms   beats  lists   news  others  start s\n");
	for (i = 0; i < count; i++) {
		int lus = argc > 2 ? atoi(argv[i + 2]) : usual[i];

		last = run(lus, seconds);
		if (!i)
			first = last;
		printf("%6d %7.2f %7.2f %6.2f %6.2f %7.2f %8.1f\n", lus,
		       last.cpu_us / 1000, last.calls[BEAT],
		       last.calls[GATEWAYS], last.calls[NEWS],
		       last.calls[OTHER], last.setup_s);
		fflush(stdout);
		good = good && flat(&first, &last);
	}
	puts(good ? "flat" : "NOT flat");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
