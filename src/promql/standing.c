/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/standing_priv.h"

#include <stdlib.h>

#include "base/mem.h"

/* Label sets that one question may keep: with ten thousand rules this is what memory goes to. */
#define KEEP_SERIES 512

static void drop(struct standing *st, size_t i)
{
    st->n_series -= st->items[i].selection->n;
    st->reader.release(st->items[i].selection);
    st->items[i] = st->items[--st->n];
}

static void drop_all(struct standing *st)
{
    while (st->n > 0)
        drop(st, st->n - 1);
}

void standing_deinit(struct standing *st)
{
    drop_all(st);
    mem_freep(&st->items);
    st->cap = 0;
}

/* Another reader knows nothing of what this one found. */
static bool is_same(const struct standing *st, const struct series_reader *reader)
{
    return st->reader.self == reader->self && st->reader.renew == reader->renew;
}

struct selection *standing_renew(struct standing *st, const struct series_reader *reader,
                                 const struct matcher *const *matchers, size_t n_matchers,
                                 unix_ms from, unix_ms to)
{
    for (size_t i = 0; i < st->n && is_same(st, reader); i++) {
        struct standing_selection *s = &st->items[i];

        if (s->matchers != matchers || s->lent)
            continue;
        if (reader->renew(s->selection, matchers, n_matchers, from, to)) {
            s->lent = true;
            return s->selection;
        }
        drop(st, i);
        break;
    }
    return NULL;
}

bool standing_keep(struct standing *st, const struct series_reader *reader,
                   const struct matcher *const *matchers, struct selection *take)
{
    if (!reader->park || !reader->renew)
        return false;
    if (!is_same(st, reader))
        drop_all(st);
    if (st->n_series + take->n > KEEP_SERIES)
        return false;
    st->reader = *reader;
    st->n_series += take->n;
    *VEC_PUSH(st->items, st->n, st->cap) = (struct standing_selection){matchers, take, true};
    return true;
}

void standing_park(struct standing *st)
{
    for (size_t i = 0; i < st->n; i++) {
        if (st->items[i].lent)
            st->reader.park(st->items[i].selection);
        st->items[i].lent = false;
    }
}
