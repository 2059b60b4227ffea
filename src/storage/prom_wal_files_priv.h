/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prom_wal_files - which files of a Prometheus data directory have the samples of its head
 */
#ifndef TOCSIN_STORAGE_PROM_WAL_FILES_PRIV_H
#define TOCSIN_STORAGE_PROM_WAL_FILES_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct prom_segment {
    char *name;   /* from the data directory on: wal/00000003 */
    bool is_late; /* of wbl: samples that came out of order */
    bool is_last; /* of its log: a server that was killed may have left half a record */
    uint64_t bytes;
};

/* In the order in which they have to be read. */
struct prom_segments {
    struct prom_segment *v;
    size_t n, cap;
    uint64_t bytes;
};

/* The newest checkpoint, the segments of the log behind it, those of wbl. Numbers that are missing
 * are told in `report`, a line each. */
int prom_segments_find(const char *dir, struct prom_segments *ret, struct buf *report,
                       struct err *err);
void prom_segments_deinit(struct prom_segments *s);

#endif
