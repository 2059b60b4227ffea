/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/eval_priv.h"

/* End of the window of step k; it reaches back by range, its left end excluded. */
static unix_ms window_end(const struct ranges *r, const struct grid *grid, size_t k)
{
    return (r->fixed ? r->at : grid_at(grid, k)) - r->offset;
}

bool ranges_span(const struct ranges *r, const struct grid *grid, unix_ms *ret_from,
                 unix_ms *ret_to)
{
    if (grid->n == 0)
        return false;
    *ret_from = window_end(r, grid, 0) - r->range + 1;
    *ret_to = window_end(r, grid, grid->n - 1);
    return true;
}

/* Windows only move forward: each end of the cursor passes over every sample once. */
static void slide(const unix_ms *t, size_t n, unix_ms start, unix_ms end, size_t *lo, size_t *hi)
{
    while (*lo < n && t[*lo] <= start)
        (*lo)++;
    if (*hi < *lo)
        *hi = *lo;
    while (*hi < n && t[*hi] <= end)
        (*hi)++;
}

void ranges_window(const struct ranges *r, const struct grid *grid, size_t k,
                   struct window_cursor *c, struct window *ret)
{
    const struct track *track = &r->track;
    unix_ms end = window_end(r, grid, k), start = end - r->range;

    slide(track->t, track->n, start, end, &c->lo, &c->hi);
    if (track->nh)
        slide(track->ht, track->nh, start, end, &c->hlo, &c->hhi);
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
