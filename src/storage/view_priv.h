/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view - which blocks there are, and from when on the head has the samples
 *
 * A view is immutable and counted. A selection holds the view that was the current one when it was
 * made; so its blocks stay mapped, and nothing is freed in the head that they do not have. When a
 * block is cut, a new view with the block and a later `cut` takes the place of the current one;
 * what the head has before the cut is freed when the older views are gone.
 */
#ifndef TOCSIN_STORAGE_VIEW_PRIV_H
#define TOCSIN_STORAGE_VIEW_PRIV_H

#include "base/thread.h"
#include "storage/block_priv.h"

struct view {
    struct views *of;
    unsigned refs;         /* under of->lock */
    uint64_t cuts;         /* how many times the head had been cut */
    unix_ms cut;           /* samples in order are in blocks before this, in the head from it on */
    struct block **blocks; /* in the order in which a reader joins them, see view.c */
    size_t n_blocks;
    struct stones **stones;     /* what is deleted of each block, NULL: nothing */
    struct stones *head_stones; /* and of the head, or NULL */
    struct view *next;          /* of those that live, newest first */
};

struct views {
    struct lock lock;
    struct view *current; /* has a reference of its own */
};

void views_init(struct views *vs);   /* without blocks, cut at INT64_MIN */
void views_deinit(struct views *vs); /* all views but the current one must have been given back */

struct view *view_take(struct views *vs);
void view_give(struct view *v); /* NULL is fine */

/* Makes a new current view of the present one: without the blocks of `drop`, with those of `add`
 * (whose references it takes). `is_cut` says that the head was cut at `cut`. */
void views_change(struct views *vs, struct block *const *drop, size_t n_drop,
                  struct block *const *take_add, size_t n_add, bool is_cut, unix_ms cut);

/* What is deleted of a block from now on. */
struct stones_change {
    const struct block *block; /* NULL: the head */
    struct stones *take;       /* or NULL: nothing */
};

/* Makes a new current view with these; the others keep what they have. */
void views_set_stones(struct views *vs, const struct stones_change *changes, size_t n);

/* Whether every living view is younger than the last cut. */
bool views_all_cut(struct views *vs);

#endif
