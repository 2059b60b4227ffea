/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prom_extras - exemplars and metadata of an import
 *
 * They are gathered while samples are read, the newest exemplars and the last word on each family, and given
 * to the storage at the end. What the storage has already stays: exemplars get the room that is left,
 * and a family that is known is not told anew. One thread.
 */
#ifndef TOCSIN_STORAGE_PROM_EXTRAS_PRIV_H
#define TOCSIN_STORAGE_PROM_EXTRAS_PRIV_H

#include "storage/exemplars_priv.h"
#include "storage/families_priv.h"
#include "storage/storage.h"

#define PROM_EXEMPLARS_MAX ((size_t)100000) /* after an import: what a server keeps by default */

struct prom_extras {
    struct exemplars exemplars;
    struct families families;
};

/* The storage may be NULL in a dry run. */
void prom_extras_init(struct prom_extras *x, struct storage *st);
void prom_extras_deinit(struct prom_extras *x);

/* One that is older than the one before of its series is left out. */
void prom_extras_exemplar(struct prom_extras *x, const struct label_set *series,
                          const struct exemplar *e);

void prom_extras_metadata(struct prom_extras *x, const struct metric_metadata *m);

/* Gives them to the storage (NULL: only counts); adds to *counts. */
int prom_extras_flush(struct prom_extras *x, struct storage *st, struct prom_counts *counts,
                      struct err *err);

#endif
