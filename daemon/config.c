// SPDX-License-Identifier: GPL-2.0-only
#include "config.h"
#include "rbd_config.h"
#include "store.h"
#include "tpr_string.h"

#include <confuse.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LEASE_MS = 15000,
	LEASE_MIN_MS = 2000,
	LEASE_MAX_MS = 300000,
	MARGIN_MS = 2000,
	MARGIN_MIN_MS = 500,
	/* Of the lease: two clocks may run apart so far. */
	MARGIN_PERCENT = 2,
	/* Heartbeats in a lease, as long as that is not too often, or rare. */
	BEATS = 15,
	BEAT_MIN_MS = 100,
	BEAT_MAX_MS = 1000,
	/* On top of lease and margin: for eviction, and the stragglers. */
	MEMBER_TIMEOUT_MORE_MS = 3000,
	MEMBER_TIMEOUT_MAX_S = 900,
	FENCE_TIMEOUT_S = 60,
	FENCE_TIMEOUT_MAX_S = 600,
	DEVICE_NAME_MAX = 63, /* TCMU_ATTR_PR_DEVICE */
};

static const char *const level_words[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

static int level_find(const char *word)
{
	int i;

	for (i = 0; i <= LOG_LEVEL_DEBUG; i++)
		if (!strcmp(word, level_words[i]))
			return i;
	return -1;
}

/* libconfuse knows the line in a section, but not the file. */
static const char *reading;

static void complain(cfg_t *cfg, const char *fmt, va_list ap)
{
	fprintf(stderr, "%s:%d: ", reading, cfg ? cfg->line : 0);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

/* The checks of single values; libconfuse wants -1 for a bad one. */

static const char *value(cfg_t *cfg, cfg_opt_t *opt)
{
	(void)cfg;
	return cfg_opt_getnstr(opt, 0);
}

static int check_gateway(cfg_t *cfg, cfg_opt_t *opt)
{
	if (tpr_gateway_valid(value(cfg, opt)))
		return 0;
	cfg_error(cfg,
		  "gateway name \"%s\" is not 1 to 63 letters, digits, "
		  "\"-\", \".\" or \"_\"",
		  value(cfg, opt));
	return -1;
}

static const struct store_ops *const stores[] = {
	&store_dir_ops,
#ifdef TPR_RADOS
	&store_rados_ops,
#endif
};

#define RADOS "rados"

static const struct store_ops *store_find(const char *type)
{
	size_t i;

	for (i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		if (!strcmp(type, stores[i]->type))
			return stores[i];
	return NULL;
}

static int check_type(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *type = value(cfg, opt);

	if (store_find(type))
		return 0;
	if (!strcmp(type, RADOS))
		cfg_error(cfg,
			  "store type \"%s\": this tcmu-prd was built "
			  "without Ceph",
			  type);
	else
		cfg_error(cfg,
			  "store type \"%s\" is unknown; there is: dir, " RADOS,
			  type);
	return -1;
}

/* A part of the store's place, which is written in one line: rbd_config.h. */
static int check_part(cfg_t *cfg, cfg_opt_t *opt, const char *bad)
{
	const char *text = value(cfg, opt), *c;

	for (c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || strchr(bad, *c))
			break;
	if (c != text && !*c && c - text < RBD_PART_MAX)
		return 0;
	cfg_error(cfg,
		  "store %s \"%s\" is not 1 to %d bytes without any of "
		  "%s and control characters",
		  cfg_opt_name(opt), text, RBD_PART_MAX - 1, bad);
	return -1;
}

static int check_pool(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_part(cfg, opt, "/;");
}

static int check_id(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *id = value(cfg, opt);

	if (strncmp(id, "client.", 7) != 0)
		return check_part(cfg, opt, ";");
	cfg_error(cfg, "store id \"%s\": write it without \"client.\"", id);
	return -1;
}

static int check_conf(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = value(cfg, opt);

	if (path[0] != '/')
		cfg_error(cfg, "store conf \"%s\" is not absolute", path);
	else if (access(path, R_OK))
		cfg_error(cfg, "store conf %s: %s", path, strerror(errno));
	else
		return check_part(cfg, opt, ";");
	return -1;
}

static int check_store_path(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = value(cfg, opt);
	struct stat st;

	if (path[0] != '/')
		cfg_error(cfg, "store path \"%s\" is not absolute", path);
	else if (stat(path, &st))
		cfg_error(cfg, "store path %s: %s", path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		cfg_error(cfg, "store path %s is not a directory", path);
	else
		return 0;
	return -1;
}

static int check_socket(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = value(cfg, opt);

	if (path[0] == '/' &&
	    strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path))
		return 0;
	cfg_error(cfg,
		  "socket \"%s\" is not an absolute path that fits a "
		  "socket address",
		  path);
	return -1;
}

static int check_timeout(cfg_t *cfg, cfg_opt_t *opt)
{
	long seconds = cfg_opt_getnint(opt, 0);

	if (seconds >= 1 && seconds <= MEMBER_TIMEOUT_MAX_S)
		return 0;
	cfg_error(cfg, "member_timeout %ld is not 1 to %d seconds", seconds,
		  MEMBER_TIMEOUT_MAX_S);
	return -1;
}

static int check_duration(cfg_t *cfg, cfg_opt_t *opt)
{
	double seconds = cfg_opt_getnfloat(opt, 0);

	if (seconds >= LEASE_MIN_MS / 1000.0 &&
	    seconds <= LEASE_MAX_MS / 1000.0)
		return 0;
	cfg_error(cfg, "lease duration %g is not %d to %d seconds", seconds,
		  LEASE_MIN_MS / 1000, LEASE_MAX_MS / 1000);
	return -1;
}

static int check_margin(cfg_t *cfg, cfg_opt_t *opt)
{
	double seconds = cfg_opt_getnfloat(opt, 0);

	if (seconds >= MARGIN_MIN_MS / 1000.0 &&
	    seconds <= LEASE_MAX_MS / 1000.0)
		return 0;
	cfg_error(cfg, "lease margin %g is not %g to %d seconds", seconds,
		  MARGIN_MIN_MS / 1000.0, LEASE_MAX_MS / 1000);
	return -1;
}

static int check_fence_timeout(cfg_t *cfg, cfg_opt_t *opt)
{
	long seconds = cfg_opt_getnint(opt, 0);

	if (seconds >= 1 && seconds <= FENCE_TIMEOUT_MAX_S)
		return 0;
	cfg_error(cfg, "fence timeout %ld is not 1 to %d seconds", seconds,
		  FENCE_TIMEOUT_MAX_S);
	return -1;
}

/* It runs as root. */
static int check_fence_command(cfg_t *cfg, cfg_opt_t *opt)
{
	char path[PATH_MAX] = "";
	struct stat st;

	sscanf(value(cfg, opt), "%4095s", path);
	if (path[0] != '/')
		cfg_error(cfg,
			  "fence command \"%s\" does not begin with an "
			  "absolute path",
			  value(cfg, opt));
	else if (stat(path, &st))
		cfg_error(cfg, "fence command %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		cfg_error(cfg, "fence command %s is no executable file", path);
	else if (st.st_mode & 0022)
		cfg_error(cfg, "fence command %s can be written by others",
			  path);
	else
		return 0;
	return -1;
}

static int check_level(cfg_t *cfg, cfg_opt_t *opt)
{
	if (level_find(value(cfg, opt)) >= 0)
		return 0;
	cfg_error(cfg, "log_level \"%s\" is not error, warning, info or debug",
		  value(cfg, opt));
	return -1;
}

static int check_name(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = value(cfg, opt);

	if (name[0] && name[0] != '.' && !strchr(name, '/') &&
	    strlen(name) <= DEVICE_NAME_MAX)
		return 0;
	cfg_error(cfg,
		  "name \"%s\" is not 1 to %d bytes that can name a "
		  "directory",
		  name, DEVICE_NAME_MAX);
	return -1;
}

static int check_lu(cfg_t *cfg, cfg_opt_t *opt)
{
	if (value(cfg, opt)[0])
		return 0;
	cfg_error(cfg, "lu is empty");
	return -1;
}

static int check_device(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const char *title = cfg_title(sec);
	const char *slash = strchr(title, '/');

	if (slash && slash != title && slash[1] && !strchr(slash + 1, '/'))
		return 0;
	cfg_error(cfg,
		  "device \"%s\" is not of the form HBA/DEVICE, as "
		  "\"user_0/disk0\"",
		  title);
	return -1;
}

static void set_checks(cfg_t *cfg)
{
	cfg_set_validate_func(cfg, "gateway|name", check_gateway);
	cfg_set_validate_func(cfg, "store|type", check_type);
	cfg_set_validate_func(cfg, "store|path", check_store_path);
	cfg_set_validate_func(cfg, "store|pool", check_pool);
	cfg_set_validate_func(cfg, "store|namespace", check_pool);
	cfg_set_validate_func(cfg, "store|conf", check_conf);
	cfg_set_validate_func(cfg, "store|id", check_id);
	cfg_set_validate_func(cfg, "timeouts|member_timeout", check_timeout);
	cfg_set_validate_func(cfg, "lease|duration", check_duration);
	cfg_set_validate_func(cfg, "lease|margin", check_margin);
	cfg_set_validate_func(cfg, "fence|command", check_fence_command);
	cfg_set_validate_func(cfg, "fence|timeout", check_fence_timeout);
	cfg_set_validate_func(cfg, "control|socket", check_socket);
	cfg_set_validate_func(cfg, "log_level", check_level);
	cfg_set_validate_func(cfg, "device", check_device);
	cfg_set_validate_func(cfg, "device|name", check_name);
	cfg_set_validate_func(cfg, "device|lu", check_lu);
}

static cfg_t *config_parser(void)
{
	static cfg_opt_t gateway[] = {
		CFG_STR("name", NULL, CFGF_NODEFAULT),
		CFG_END(),
	};
	static cfg_opt_t store[] = {
		CFG_STR("type", NULL, CFGF_NODEFAULT),
		CFG_STR("path", NULL, CFGF_NODEFAULT),
		CFG_STR("pool", NULL, CFGF_NODEFAULT),
		CFG_STR("namespace", NULL, CFGF_NODEFAULT),
		CFG_STR("conf", NULL, CFGF_NODEFAULT),
		CFG_STR("id", NULL, CFGF_NODEFAULT),
		CFG_END(),
	};
	static cfg_opt_t timeouts[] = {
		CFG_INT("member_timeout", 0, CFGF_NODEFAULT),
		CFG_END(),
	};
	static cfg_opt_t lease[] = {
		CFG_FLOAT("duration", LEASE_MS / 1000.0, CFGF_NONE),
		CFG_FLOAT("margin", 0, CFGF_NODEFAULT),
		CFG_END(),
	};
	static cfg_opt_t fence[] = {
		CFG_STR("command", NULL, CFGF_NODEFAULT),
		CFG_INT("timeout", FENCE_TIMEOUT_S, CFGF_NONE),
		CFG_BOOL("blocklist", cfg_false, CFGF_NODEFAULT),
		CFG_END(),
	};
	static cfg_opt_t control[] = {
		CFG_STR("socket", "/run/tcmu-prd.sock", CFGF_NONE),
		CFG_END(),
	};
	static cfg_opt_t device[] = {
		CFG_BOOL("attach", cfg_true, CFGF_NONE),
		CFG_STR("name", NULL, CFGF_NODEFAULT),
		CFG_STR("lu", NULL, CFGF_NODEFAULT),
		CFG_END(),
	};
	static cfg_opt_t all[] = {
		CFG_SEC("gateway", gateway, CFGF_NONE),
		CFG_SEC("store", store, CFGF_NONE),
		CFG_SEC("timeouts", timeouts, CFGF_NONE),
		CFG_SEC("lease", lease, CFGF_NONE),
		CFG_SEC("fence", fence, CFGF_NONE),
		CFG_SEC("control", control, CFGF_NONE),
		CFG_SEC("device", device,
			CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_BOOL("auto_attach", cfg_true, CFGF_NONE),
		CFG_STR("log_level", "info", CFGF_NONE),
		CFG_END(),
	};
	cfg_t *cfg = cfg_init(all, CFGF_NONE);

	if (!cfg)
		return NULL;
	cfg_set_error_function(cfg, complain);
	set_checks(cfg);
	return cfg;
}

static bool take(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

static bool take_devices(struct config *config, cfg_t *cfg)
{
	unsigned int i, count = cfg_size(cfg, "device");

	config->devices = calloc(count + 1, sizeof(*config->devices));
	if (!config->devices)
		return false;
	for (i = 0; i < count; i++) {
		struct config_device *dev = &config->devices[i];
		cfg_t *sec = cfg_getnsec(cfg, "device", i);

		config->count = i + 1;
		dev->attach = cfg_getbool(sec, "attach");
		if (!take(&dev->backstore, cfg_title(sec)) ||
		    !take(&dev->name, cfg_getstr(sec, "name")) ||
		    !take(&dev->lu, cfg_getstr(sec, "lu")))
			return false;
	}
	return true;
}

/* Milliseconds of an option in seconds; @missing when it is not set. */
static uint32_t take_ms(cfg_t *cfg, const char *name, uint32_t missing)
{
	if (!cfg_size(cfg, name))
		return missing;
	return (uint32_t)(cfg_getfloat(cfg, name) * 1000 + 0.5);
}

static uint32_t margin_least(uint32_t lease_ms)
{
	uint32_t least = (lease_ms * MARGIN_PERCENT + 99) / 100;

	return least > MARGIN_MIN_MS ? least : MARGIN_MIN_MS;
}

static void take_times(struct config *config, cfg_t *cfg)
{
	uint32_t lease = take_ms(cfg, "lease|duration", LEASE_MS);
	uint32_t margin = margin_least(lease);
	uint32_t beat = lease / BEATS;

	margin = take_ms(cfg, "lease|margin",
			 margin > MARGIN_MS ? margin : MARGIN_MS);
	config->lease_ms = lease;
	config->margin_ms = margin;
	config->beat_ms = beat < BEAT_MIN_MS   ? BEAT_MIN_MS
			  : beat > BEAT_MAX_MS ? BEAT_MAX_MS
					       : beat;
	config->fence_timeout_ms =
		1000u * (uint32_t)cfg_getint(cfg, "fence|timeout");
	config->member_timeout_ms = lease + margin + MEMBER_TIMEOUT_MORE_MS;
	if (cfg_size(cfg, "timeouts|member_timeout"))
		config->member_timeout_ms =
			1000u *
			(uint32_t)cfg_getint(cfg, "timeouts|member_timeout");
}

/* Words are what is between blanks; there are no quotes. */
static bool take_words(struct config *config, const char *command)
{
	char *copy, *word, *rest;
	size_t n = 0;

	if (!command)
		return true;
	copy = strdup(command);
	config->fence_words =
		calloc(strlen(command) + 1, sizeof(*config->fence_words));
	if (!copy || !config->fence_words) {
		free(copy);
		return false;
	}
	for (rest = copy; (word = strsep(&rest, " \t\n"));)
		if (*word)
			config->fence_words[n++] = strdup(word);
	free(copy);
	while (n--)
		if (!config->fence_words[n])
			return false;
	return true;
}

/* Without a type, a path tells that it is a directory. */
static bool take_store(struct config *config, cfg_t *cfg)
{
	const char *type = cfg_getstr(cfg, "store|type");
	const char *path = cfg_getstr(cfg, "store|path");

	if (!type)
		type = path ? store_dir_ops.type : RADOS;
	config->store = store_find(type);
	config->blocklist = config->store && config->store->cut;
	if (cfg_size(cfg, "fence|blocklist"))
		config->blocklist = cfg_getbool(cfg, "fence|blocklist");
	return take(&config->store_path, path) &&
	       take(&config->store_pool, cfg_getstr(cfg, "store|pool")) &&
	       take(&config->store_ns, cfg_getstr(cfg, "store|namespace")) &&
	       take(&config->store_conf, cfg_getstr(cfg, "store|conf")) &&
	       take(&config->store_id, cfg_getstr(cfg, "store|id"));
}

static bool take_all(struct config *config, cfg_t *cfg)
{
	take_times(config, cfg);
	config->auto_attach = cfg_getbool(cfg, "auto_attach");
	config->log_level =
		(enum log_level)level_find(cfg_getstr(cfg, "log_level"));
	return take(&config->gateway, cfg_getstr(cfg, "gateway|name")) &&
	       take_store(config, cfg) &&
	       take(&config->socket, cfg_getstr(cfg, "control|socket")) &&
	       take_words(config, cfg_getstr(cfg, "fence|command")) &&
	       take_devices(config, cfg);
}

/* The host's name serves where the file gives none. */
static bool gateway_default(struct config *config, const char *file)
{
	char name[256] = "";

	if (config->gateway)
		return true;
	if (gethostname(name, sizeof(name) - 1) || !tpr_gateway_valid(name)) {
		fprintf(stderr,
			"%s: the host name \"%s\" cannot name a "
			"gateway: set name in section gateway\n",
			file, name);
		return false;
	}
	return take(&config->gateway, name);
}

/* What is unsafe only together. */
static bool times_check(const struct config *config, const char *file)
{
	uint32_t lease = config->lease_ms, margin = config->margin_ms;

	if (margin < margin_least(lease))
		fprintf(stderr,
			"%s: a lease margin of %g s is too short: a lease of "
			"%g s needs at least %g s\n",
			file, margin / 1000.0, lease / 1000.0,
			margin_least(lease) / 1000.0);
	else if (margin > lease)
		fprintf(stderr,
			"%s: a lease margin of %g s is longer than the lease, "
			"%g s\n",
			file, margin / 1000.0, lease / 1000.0);
	else if (config->member_timeout_ms < lease + margin)
		fprintf(stderr,
			"%s: a member_timeout of %g s is too short: the end of "
			"a gateway is certain only after lease and margin, "
			"%g s\n",
			file, config->member_timeout_ms / 1000.0,
			(lease + margin) / 1000.0);
	else
		return true;
	return false;
}

static bool dir_check(const struct config *config, const char *file)
{
	const char *key = config->store_pool   ? "pool"
			  : config->store_ns   ? "namespace"
			  : config->store_conf ? "conf"
			  : config->store_id   ? "id"
					       : NULL;

	if (key)
		fprintf(stderr, "%s: store %s is for type = " RADOS "\n", file,
			key);
	else if (!config->store_path)
		fprintf(stderr, "%s: section store does not set path\n", file);
	else if (config->blocklist)
		fprintf(stderr,
			"%s: fence blocklist is for a store of type = " RADOS
			"\n",
			file);
	else
		return true;
	return false;
}

static bool rados_check(const struct config *config, const char *file)
{
	struct rbd_config rbd;
	size_t i;

	if (config->store_path) {
		fprintf(stderr, "%s: store path is for type = dir\n", file);
		return false;
	}
	for (i = 0; i < config->count; i++) {
		const struct config_device *dev = &config->devices[i];

		if (!dev->lu || !rbd_config_parse_lu(dev->lu, &rbd))
			continue;
		fprintf(stderr,
			"%s: device \"%s\": lu \"%s\" is not of the form "
			"POOL/IMAGE\n",
			file, dev->backstore, dev->lu);
		return false;
	}
	return true;
}

/* What is wrong only together. */
static bool store_check(const struct config *config, const char *file)
{
	if (!config->store)
		fprintf(stderr,
			"%s: section store does not set path, and this "
			"tcmu-prd was built without Ceph\n",
			file);
	else if (config->store == &store_dir_ops)
		return dir_check(config, file);
	else
		return rados_check(config, file);
	return false;
}

static bool complete(struct config *config, const char *file)
{
	return store_check(config, file) && times_check(config, file) &&
	       gateway_default(config, file);
}

struct config *config_read(const char *file, bool may_lack)
{
	struct config *config = calloc(1, sizeof(*config));
	cfg_t *cfg = config_parser();
	bool good = false;

	reading = file;
	may_lack = may_lack && access(file, F_OK) && errno == ENOENT;
	if (!config || !cfg)
		fprintf(stderr, "%s: no memory\n", file);
	else
		switch (may_lack ? cfg_parse_buf(cfg, "")
				 : cfg_parse(cfg, file)) {
		case CFG_SUCCESS:
			good = take_all(config, cfg) && complete(config, file);
			break;
		case CFG_FILE_ERROR:
			fprintf(stderr, "%s: %s\n", file, strerror(errno));
			break;
		default: /* the error function has spoken */
			break;
		}
	if (cfg)
		cfg_free(cfg);
	if (good)
		return config;
	config_free(config);
	return NULL;
}

void config_free(struct config *config)
{
	size_t i;

	if (!config)
		return;
	for (i = 0; i < config->count; i++) {
		free(config->devices[i].backstore);
		free(config->devices[i].name);
		free(config->devices[i].lu);
	}
	free(config->devices);
	for (i = 0; config->fence_words && config->fence_words[i]; i++)
		free(config->fence_words[i]);
	free(config->fence_words);
	free(config->gateway);
	free(config->store_path);
	free(config->store_pool);
	free(config->store_ns);
	free(config->store_conf);
	free(config->store_id);
	free(config->socket);
	free(config);
}

const struct config_device *config_device(const struct config *config,
					  const char *backstore)
{
	size_t i;

	for (i = 0; i < config->count; i++)
		if (!strcmp(config->devices[i].backstore, backstore))
			return &config->devices[i];
	return NULL;
}
