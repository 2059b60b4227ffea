/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "model/ports.h"

#define COLUMNS_LEAST 128 /* samples: half an hour at one every 15 seconds */

void columns_reserve(struct columns *c, size_t n)
{
    size_t cap = c->cap + c->cap / 2;

    if (n <= c->cap)
        return;
    if (cap < COLUMNS_LEAST)
        cap = COLUMNS_LEAST;
    if (cap < n)
        cap = n;
    c->times = mem_resize(c->times, cap, sizeof *c->times);
    c->values = mem_resize(c->values, cap, sizeof *c->values);
    c->cap = cap;
}

void columns_deinit(struct columns *c)
{
    if (c->hold && c->hold_free)
        c->hold_free(c->hold);
    free(c->values);
    free(c->times);
    *c = (struct columns){0};
}
