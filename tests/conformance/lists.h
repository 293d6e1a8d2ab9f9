/* SPDX-License-Identifier: GPL-2.0-only */
/* Parameter lists and TransportIDs, built from the standard's tables. */
#ifndef LISTS_H
#define LISTS_H

#include "conf.h"

void put(uint8_t *to, uint64_t value, size_t bytes);
uint64_t get(const uint8_t *from, size_t bytes);

/* TransportID of an initiator port, format 01b; its length. */
size_t transport_id(uint8_t *to, const char *name, uint64_t isid);
/* The parameter list of a PR OUT; its length. */
size_t build_list(const struct step *s, uint8_t *list);

#endif
