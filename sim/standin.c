// SPDX-License-Identifier: GPL-2.0-only
/* Until the engine knows terms: to be deleted then. */
#include "engine.h"

__attribute__((weak)) void engine_term(struct engine_lu *lu)
{
	(void)lu;
}

__attribute__((weak)) void engine_lives(struct engine_lu *lu)
{
	(void)lu;
}
