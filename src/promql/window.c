/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/eval_priv.h"

bool ranges_span(const struct ranges *r, const struct grid *grid, unix_ms *ret_from,
                 unix_ms *ret_to)
{
    if (grid->n == 0)
        return false;
    *ret_from = window_end(r, grid, 0) - r->range + 1;
    *ret_to = window_end(r, grid, grid->n - 1);
    return true;
}

void ranges_window(const struct ranges *r, const struct grid *grid, size_t k,
                   struct window_cursor *c, struct window *ret)
{
    const struct track *track = &r->track;
    unix_ms end = window_end(r, grid, k), start = end - r->range;

    window_slide(track->t, track->n, start, end, &c->lo, &c->hi);
    if (track->nh)
        window_slide(track->ht, track->nh, start, end, &c->hlo, &c->hhi);
    *ret = (struct window){
        .n = c->hi - c->lo,
        .nh = c->hhi - c->hlo,
        .t = track->t + c->lo,
        .v = track->v + c->lo,
        .start = start,
        .end = end,
        .now = grid_at(grid, k),
        .first = c->lo,
    };
    if (ret->nh) {
        ret->ht = track->ht + c->hlo;
        ret->h = track->h + c->hlo;
    }
}
