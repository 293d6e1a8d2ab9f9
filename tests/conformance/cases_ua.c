// SPDX-License-Identifier: GPL-2.0-only
#include "conf.h"
const struct group group_ua = { NULL, 0 };
