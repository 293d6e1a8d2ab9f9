# SPDX-License-Identifier: GPL-2.0-only
# In front of Meson (user space) and Kbuild (the module).
#
#   make            build everything
#   make demo       two gateways, one device, one fence, shown step by step
#                   (STORE=rados: the device is a Ceph RBD image)
#   make unit       all tests that need no guest
#   make check      all tests (those that are nearly doubles, too: ALL=1)
#   make check-rados   those with the store on Ceph (all of the lab's and the
#                   conformance suite: ALL=1)
#   make install    build for the running kernel (or KERNEL=RELEASE) and
#                   install (DESTDIR, PREFIX); RADOS=disabled: without the
#                   store on Ceph RBD images, which needs librados
#   make conformance   the conformance suite on two gateways
#                   (TARGET=lio: on stock LIO)
#   make lint       checkpatch and sparse
#   make sim        simulate 20,000 histories of gateways, and find each
#                   deliberate bug
#   make model      have spin verify the protocol, and find bugs made on purpose
#   make mutants    break core/ line by line and see the unit tests notice
#   make clean
#
# All but install and clean install the Debian packages that they need first.

BUILD := build
INSTALL := $(BUILD)/install
PREFIX ?= /usr/local
# The store on Ceph RBD images, of "make install": enabled or disabled.
RADOS ?= enabled
# The kernel that "make install" builds the module for.
KERNEL ?= $(shell uname -r)
# The release of the stock kernel: that of the headers which linux-headers-amd64
# names; and the newest 6.12 that has headers here.
STOCK = $(shell dpkg-query -W -f '$${Depends}' linux-headers-amd64 2>/dev/null | \
	sed -n 's/.*linux-headers-\([^ ,]*\).*/\1/p')
LATER = $(shell ls -d /lib/modules/6.12.*/build 2>/dev/null | sort -V | tail -n 1 | \
	cut -d/ -f4)
MODULE_SOURCES := $(wildcard kernel/*.[ch] kernel/Kbuild core/*.[ch] \
	core/*.def include/uapi/*.h)

.PHONY: all deps user module module-later install unit check check-rados demo conformance lint model mutants sim clean

all: deps user module

deps:
	@scripts/deps

user: deps
	@test -f $(BUILD)/build.ninja || meson setup -Dprefix=$(PREFIX) $(BUILD)
	@ninja -C $(BUILD)

# Kbuild wants sources and objects in one directory, so it gets one of links.
# KERNEL_TREE, KERNEL_MAKE: for a kernel that is not installed (the lab's own).
kmod-%: KERNEL_TREE ?= /lib/modules/$*/build
kmod-%: FORCE
	@test -d $(KERNEL_TREE) || { \
		echo "no headers of kernel $* here: install linux-headers-$*" >&2; \
		exit 1; }
	@mkdir -p $(BUILD)/kmod-$*
	@ln -sf $(addprefix $(CURDIR)/,$(MODULE_SOURCES)) $(BUILD)/kmod-$*/
	@$(MAKE) --no-print-directory -C $(KERNEL_TREE) $(KERNEL_MAKE) \
		M=$(CURDIR)/$(BUILD)/kmod-$* modules

module: deps
	@$(MAKE) --no-print-directory kmod-$(STOCK)

module-later: deps
	@$(MAKE) --no-print-directory kmod-$(LATER)

# -t: four times the limits, which are for what hangs, not for a busy machine.
unit: user
	@meson test -C $(BUILD) -t 4 --print-errorlogs
	@scripts/sanitize

check: all
	@scripts/check

check-rados: all
	@scripts/check rados

demo: all
	@lab/demo $(if $(STORE),--store $(STORE))

conformance: all
	@tests/conformance/run.py --target $(or $(TARGET),pr) $(CONFORMANCE)

lint: deps
	@scripts/lint

sim: user
	@sim/check $(BUILD)

model: deps
	@model/run

mutants: deps
	@tests/core/mutants

install:
	@RADOS=$(RADOS) scripts/deps build $(KERNEL)
	@test -f $(INSTALL)/build.ninja || \
		meson setup -Dprefix=$(PREFIX) -Dtests=false $(INSTALL)
	@meson configure -Drados=$(RADOS) $(INSTALL)
	@ninja -C $(INSTALL)
	@$(MAKE) --no-print-directory kmod-$(KERNEL)
	@meson install -C $(INSTALL)
	@install -D -m 644 $(BUILD)/kmod-$(KERNEL)/tcmu_pr.ko \
		$(DESTDIR)/lib/modules/$(KERNEL)/updates/tcmu_pr.ko
	@test -n "$(DESTDIR)" || depmod $(KERNEL)

clean:
	rm -rf $(BUILD)

FORCE:
