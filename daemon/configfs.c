// SPDX-License-Identifier: GPL-2.0-only
#include "configfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HBA_PREFIX "user_"

__attribute__((format(printf, 3, 4))) static int fail(int rc, char *error,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CONFIGFS_ERROR_MAX, fmt, ap);
	va_end(ap);
	return rc;
}

__attribute__((format(printf, 2, 3))) static int path_make(char *path,
							   const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, PATH_MAX, fmt, ap);
	va_end(ap);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* One component, no way out of the directory. */
static bool name_ok(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '/') &&
	       strlen(name) < CONFIGFS_NAME_MAX;
}

static bool backstore_ok(const char *backstore)
{
	const char *slash = strchr(backstore, '/');

	return !strncmp(backstore, HBA_PREFIX, strlen(HBA_PREFIX)) && slash &&
	       slash[1] && slash[1] != '.' && !strchr(slash + 1, '/') &&
	       strlen(backstore) < CONFIGFS_BACKSTORE_MAX;
}

static int each_device(const char *root, const char *hba,
		       void (*fn)(void *arg, const char *backstore), void *arg)
{
	char path[PATH_MAX], backstore[CONFIGFS_BACKSTORE_MAX];
	struct dirent *entry;
	DIR *dir;
	int n;

	if (path_make(path, "%s/target/core/%s", root, hba))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || entry->d_type == DT_REG)
			continue;
		n = snprintf(backstore, sizeof(backstore), "%s/%s", hba,
			     entry->d_name);
		if (n < (int)sizeof(backstore))
			fn(arg, backstore);
	}
	closedir(dir);
	return 0;
}

int configfs_each(const char *root,
		  void (*fn)(void *arg, const char *backstore), void *arg)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	if (path_make(path, "%s/target/core", root))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, HBA_PREFIX, strlen(HBA_PREFIX)))
			/* An HBA that goes away meanwhile has no devices. */
			(void)each_device(root, entry->d_name, fn, arg);
	closedir(dir);
	return 0;
}

bool configfs_enabled(const char *root, const char *backstore)
{
	char path[PATH_MAX], c = '0';
	ssize_t n;
	int fd;

	if (!backstore_ok(backstore) ||
	    path_make(path, "%s/target/core/%s/enable", root, backstore))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, &c, 1);
	close(fd);
	return n == 1 && c == '1';
}

int configfs_config(const char *root, const char *backstore, char *text,
		    size_t cap)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	if (!backstore_ok(backstore))
		return -EINVAL;
	if (path_make(path, "%s/target/core/%s/attrib/dev_config", root,
		      backstore))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, cap);
	close(fd);
	if (n < 0)
		return -EIO;
	if ((size_t)n == cap)
		return -ENAMETOOLONG;
	if (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return 0;
}

/* The backstore that @name is linked to: the link's last two components. */
static int link_read(const char *root, const char *name, char *backstore)
{
	char path[PATH_MAX], to[PATH_MAX];
	char *slash;
	ssize_t n;

	if (path_make(path, "%s/tcmu_pr/%s/backstore", root, name))
		return -ENAMETOOLONG;
	n = readlink(path, to, sizeof(to) - 1);
	if (n < 0)
		return -errno;
	to[n] = '\0';
	slash = strrchr(to, '/');
	while (slash && slash > to && slash[-1] != '/')
		slash--;
	if (snprintf(backstore, CONFIGFS_BACKSTORE_MAX, "%s",
		     slash ? slash : to) >= CONFIGFS_BACKSTORE_MAX)
		return -ENAMETOOLONG;
	return 0;
}

static int link_make(const char *root, const char *backstore, const char *name,
		     char *error)
{
	char dir[PATH_MAX], link[PATH_MAX], to[PATH_MAX];
	int rc;

	if (path_make(dir, "%s/tcmu_pr/%s", root, name) ||
	    path_make(link, "%s/tcmu_pr/%s/backstore", root, name) ||
	    path_make(to, "%s/target/core/%s", root, backstore))
		return fail(-ENAMETOOLONG, error, "path too long");
	if (mkdir(dir, 0755) && errno != EEXIST)
		return fail(-errno, error, "cannot create %s: %s", dir,
			    strerror(errno));
	if (!symlink(to, link))
		return 0;
	rc = -errno;
	/* Leave nothing half made; if others use it that fails, rightly. */
	(void)rmdir(dir);
	if (rc == -EBUSY)
		return fail(rc, error,
			    "%s is busy; try again when nothing "
			    "uses it",
			    backstore);
	return fail(rc, error, "cannot link %s to %s: %s", link, to,
		    strerror(-rc));
}

/* 1: attached as @name already, 0: @name is free, -EEXIST: it is taken. */
static int name_state(const char *root, const char *backstore, const char *name)
{
	char other[CONFIGFS_BACKSTORE_MAX];

	if (link_read(root, name, other))
		return 0;
	return strcmp(other, backstore) ? -EEXIST : 1;
}

static int attach_as(const char *root, const char *backstore, const char *name,
		     char *error)
{
	int state;

	if (!name_ok(name))
		return fail(-EINVAL, error,
			    "\"%s\" cannot name a device: give "
			    "it a name of at most %d bytes",
			    name, CONFIGFS_NAME_MAX - 1);
	state = name_state(root, backstore, name);
	if (state > 0)
		return 0;
	if (state < 0)
		return fail(state, error, "the name %s is taken", name);
	return link_make(root, backstore, name, error);
}

int configfs_attach(const char *root, const char *backstore, const char *name,
		    char *error)
{
	char path[PATH_MAX], full[CONFIGFS_BACKSTORE_MAX];
	char *slash;
	int rc;

	if (!backstore_ok(backstore))
		return fail(-EINVAL, error,
			    "\"%s\" does not name a TCMU "
			    "backstore, as user_0/disk0 does",
			    backstore);
	if (path_make(path, "%s/tcmu_pr", root) || !is_dir(path))
		return fail(-ENODEV, error,
			    "%s/tcmu_pr is missing: load the "
			    "module tcmu_pr",
			    root);
	if (path_make(path, "%s/target/core/%s", root, backstore) ||
	    !is_dir(path))
		return fail(-ENOENT, error, "there is no backstore %s",
			    backstore);
	if (name)
		return attach_as(root, backstore, name, error);
	snprintf(full, sizeof(full), "%s", backstore);
	slash = strchr(full, '/');
	rc = attach_as(root, backstore, slash + 1, error);
	if (rc != -EEXIST)
		return rc;
	*slash = '-';
	return attach_as(root, backstore, full, error);
}

int configfs_detach(const char *root, const char *name, char *backstore,
		    char *error)
{
	char dir[PATH_MAX], link[PATH_MAX];

	backstore[0] = '\0';
	if (!name_ok(name))
		return fail(-EINVAL, error, "\"%s\" cannot name a device",
			    name);
	if (path_make(dir, "%s/tcmu_pr/%s", root, name) ||
	    path_make(link, "%s/tcmu_pr/%s/backstore", root, name))
		return fail(-ENAMETOOLONG, error, "path too long");
	if (!is_dir(dir))
		return fail(-ENOENT, error, "there is no device %s", name);
	if (link_read(root, name, backstore))
		backstore[0] = '\0';
	if (unlink(link) && errno != ENOENT)
		return fail(-errno, error, "cannot remove %s: %s", link,
			    strerror(errno));
	if (rmdir(dir))
		return fail(-errno, error, "cannot remove %s: %s", dir,
			    strerror(errno));
	return 0;
}
