/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gather - takes samples in any order and makes blocks of them
 *
 * Samples are kept per label set until there are GATHER_BYTES_MAX of them; then they become a block
 * of late samples, without those that the storage has already (of these the storage's stay), and
 * memory is free for more. Of several samples of a series at one time the first one stays. One
 * thread.
 */
#ifndef TOCSIN_STORAGE_GATHER_PRIV_H
#define TOCSIN_STORAGE_GATHER_PRIV_H

#include "base/map.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "storage/storage.h"

#define GATHER_BYTES_MAX ((size_t)96 << 20) /* six million floats */

struct gathered; /* the samples of one label set; stays where it is until gather_deinit() */

struct gather {
    struct storage *st; /* may be NULL in a dry run */
    bool dry_run;       /* counts what it would do and writes nothing */
    struct prom_counts counts;
    struct map by_labels;
    struct gathered **series;
    size_t n, cap, n_sorted;
    size_t bytes, bytes_max; /* of samples; 0: GATHER_BYTES_MAX. Tests set a small one */
};

void gather_deinit(struct gather *g);

/* The place for samples of these labels; takes a reference. */
struct gathered *gather_series(struct gather *g, const struct label_set *labels);
const struct label_set *gathered_labels(const struct gathered *s); /* its own reference */

/* h (or NULL) is copied. */
int gather_add(struct gather *g, struct gathered *s, unix_ms t, double v, const struct histogram *h,
               struct err *err);

/* Makes a block of what is there. */
int gather_flush(struct gather *g, struct err *err);

#endif
