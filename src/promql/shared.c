/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared - what an expression has several times is computed once
 *
 * Whoever asks for one of twins on the same steps gets the same vec, whose rows are kept. The samples
 * count each time, as Prometheus counts them. Twins that say something (annotations) say it with
 * their own place in the text, and large ones would take memory for a little time: those are
 * computed each.
 */
#include <string.h>

#include "base/mem.h"
#include "promql/annotations.h"
#include "promql/eval_priv.h"

#define SHARED_VALUES_MAX 65536 /* series times steps: half a megabyte */

struct shared {
    uint16_t twin;
    struct grid grid;
    struct counting counting;
    struct vec *vec;  /* computed; NULL: each for itself */
    uint64_t samples; /* that it looked at */
};

static struct shared *find(const struct eval *e, uint16_t twin, const struct grid *grid)
{
    for (size_t i = 0; i < e->n_shared; i++) {
        struct shared *s = e->shared[i];

        if (s->twin == twin && s->grid.start == grid->start && s->grid.step == grid->step &&
            s->grid.n == grid->n && s->counting.at == e->counting.at &&
            s->counting.times == e->counting.times)
            return s;
    }
    return NULL;
}

bool shared_find(struct eval *e, const struct promql_node *node, const struct grid *grid,
                 struct vec **ret)
{
    struct shared *s = node->twin ? find(e, node->twin, grid) : NULL;

    if (!s || !s->vec)
        return false;
    e->stats->samples_read += s->samples;
    *ret = s->vec;
    return true;
}

/* The samples that it holds are those of one who reads it, and counted there. */
int shared_offer(struct eval *e, const struct promql_node *node, const struct grid *grid,
                 struct shared_before before, struct vec *v, struct err *err)
{
    size_t held = e->held;
    struct shared *s;
    int r;

    if (!node->twin || e->opts.per_step_stats || v->n * grid->n > SHARED_VALUES_MAX ||
        find(e, node->twin, grid))
        return 0;
    r = vec_compute(e, v, err);
    e->held = held;
    if (r < 0)
        return r;
    s = arena_zalloc(e->arena, sizeof *s);
    *s = (struct shared){node->twin, *grid, e->counting, v,
                         e->stats->samples_read - before.samples};
    if (e->notes->n > before.notes)
        s->vec = NULL;
    *VEC_PUSH(e->shared, e->n_shared, e->cap_shared) = s;
    return 0;
}
