/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prom_wal - Prometheus' write-ahead log: records of a segment, and what stands in a record
 *
 * A segment is pages of 32 KiB with fragments of records. Works on bytes that somebody else keeps;
 * nothing in them is trusted. One thread.
 */
#ifndef TOCSIN_STORAGE_PROM_WAL_PRIV_H
#define TOCSIN_STORAGE_PROM_WAL_PRIV_H

#include "base/clock.h"
#include "base/err.h"
#include "model/label_set.h"
#include "storage/wire_priv.h"

#define PROM_WAL_PAGE       32768
#define PROM_WAL_HEAD       7                  /* bytes before a fragment: type, length, checksum */
#define PROM_WAL_RECORD_MAX ((size_t)64 << 20) /* bytes; Prometheus' have at most some MiB */

struct histogram;
struct metric_metadata;

/* Zeroed, then `bytes` is set. */
struct prom_wal {
    struct str bytes; /* of one segment */
    bool unchecked;   /* checksums are not compared: for fuzzing what stands behind them */
    size_t at;
    size_t record_at;  /* where the record that was read last began */
    struct buf record; /* put together from fragments */
    struct buf plain;  /* decompressed */
};

void prom_wal_deinit(struct prom_wal *w);

/*
 * 1 and *ret (valid until the next call); 0 at the end; -EBADMSG with the place in words when the
 * bytes make no sense, -ENODATA when the last record is not complete; there is nothing more to
 * read then. -ENOTSUP: this record cannot be decompressed; the next one may be read.
 */
int prom_wal_next(struct prom_wal *w, struct str *ret, struct err *err);

/* Is told what a record has. What is passed is valid for the call. */
struct prom_wal_face {
    void *self;
    int (*series)(void *self, uint64_t ref, const struct label *labels, size_t n, struct err *err);
    /* h NULL: a float */
    int (*sample)(void *self, uint64_t ref, unix_ms t, double v, const struct histogram *h,
                  struct err *err);
    int (*deleted)(void *self, uint64_t ref, unix_ms min, unix_ms max, struct err *err);
    int (*exemplar)(void *self, uint64_t ref, const struct label *labels, size_t n, unix_ms t,
                    double v, struct err *err);
    /* m->family is not set: it is told of a series */
    int (*metadata)(void *self, uint64_t ref, struct metric_metadata *m, struct err *err);
};

/* Functions of the face may be NULL. 0; 1 when the record is of a kind that is not known; -EBADMSG
 * when it makes no sense (what stands before that place has been told); or what a function said. */
int prom_wal_record(struct str record, const struct prom_wal_face *face, struct err *err);

#endif
