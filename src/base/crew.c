/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crew.h"

#include <stddef.h>

#include "base/must.h"

unsigned crew_take(struct crew *c, unsigned wanted)
{
    unsigned busy, take;

    if (!c)
        return 0;
    busy = atomic_load(&c->busy);
    do {
        take = busy >= c->most ? 0 : c->most - busy;
        take = take < wanted ? take : wanted;
    } while (take > 0 && !atomic_compare_exchange_weak(&c->busy, &busy, busy + take));
    return take;
}

void crew_give(struct crew *c, unsigned n)
{
    if (n > 0)
        must(atomic_fetch_sub(&c->busy, n) >= n);
}
