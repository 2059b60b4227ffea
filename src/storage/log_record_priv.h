/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_record - what a commit is in the log
 *
 * Byte tables: docs/formats/storage.md, "Log". A record is one commit: a header with two checksums
 * and sections: labels of series that the log has not told yet, samples in order, late samples,
 * exemplars, metadata. It is there as a whole or not at all. Numbers in it are not trusted.
 */
#ifndef TOCSIN_STORAGE_LOG_RECORD_PRIV_H
#define TOCSIN_STORAGE_LOG_RECORD_PRIV_H

#include "base/arena.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "storage/wire_priv.h"

#define LOG_RECORD_HEAD  16
#define LOG_RECORD_ALIGN 8
#define LOG_RECORD_MAX                                                                             \
    ((uint32_t)256 << 20) /* bytes of one commit: a request of 32 MiB takes less than half */

#define LOG_SEGMENT_HEAD    32
#define LOG_SEGMENT_VERSION 1

/* ---- writing ------------------------------------------------------------------------------- */

enum log_section {
    LOG_SERIES = 1,
    LOG_FLOATS,
    LOG_LATE_FLOATS,
    LOG_HISTOGRAMS,
    LOG_LATE_HISTOGRAMS,
    LOG_DELETES,
    LOG_EXEMPLARS,
    LOG_METADATA,
    LOG_SECTION_LAST = LOG_METADATA,
};

/* Builds one record in a buf that is used again and again. */
struct log_record {
    struct buf bytes; /* header and sections */
    size_t section;   /* begin of the section that is open, 0: none */
    uint32_t last_id;
    unix_ms last_t, last_to;
};

void log_record_begin(struct log_record *r);
void log_record_series(struct log_record *r, uint32_t id, const struct label *labels, size_t n);
void log_record_float(struct log_record *r, bool late, uint32_t id, unix_ms t, double v);
void log_record_histogram(struct log_record *r, bool late, uint32_t id, unix_ms t,
                          const struct histogram *h);
/* What the series has of [from, to] at this moment is deleted. */
void log_record_delete(struct log_record *r, uint32_t id, unix_ms from, unix_ms to);
void log_record_exemplar(struct log_record *r, const struct label_set *series,
                         const struct exemplar_row *e);
void log_record_metadata(struct log_record *r, const struct metric_metadata *m);
/* Ends the last section. Their bytes are behind the header, so many. */
size_t log_record_sections(struct log_record *r);
bool log_record_is_empty(const struct log_record *r);
void log_record_end(struct log_record *r); /* fills the header; bytes are ready to be written */

void log_segment_head(uint64_t number, uint8_t out[LOG_SEGMENT_HEAD]);

/* ---- reading ------------------------------------------------------------------------------- */

/* Where a good record's sections are in a segment. */
struct log_extent {
    size_t at, len;
};

/* What was found in a segment. */
struct log_scan {
    struct log_extent *records;
    size_t n, cap;
    size_t end;     /* behind the last good record */
    size_t damaged; /* places before `end` where bytes had to be skipped */
    size_t damaged_bytes;
    bool head_damaged;
};

/* Finds the good records in the bytes of a segment. After a bad one it goes on at the next good
 * one. */
void log_scan_segment(const uint8_t *p, size_t len, uint64_t number, struct log_scan *ret);
void log_scan_deinit(struct log_scan *s);

struct logged_exemplar {
    const struct label *series, *labels;
    size_t n_series, n_labels;
    unix_ms t;
    double v;
    bool has_time;
};

/* What a record says, in its order. Any may be NULL. What they get lives until they return. */
struct log_visitor {
    void *self;
    void (*series)(void *self, uint32_t id, const struct label *labels, size_t n);
    void (*sample)(void *self, bool late, uint32_t id, unix_ms t, double v);
    void (*histogram)(void *self, bool late, uint32_t id, unix_ms t, const struct histogram *h);
    void (*deleted)(void *self, uint32_t id, unix_ms from, unix_ms to);
    void (*exemplar)(void *self, const struct logged_exemplar *e);
    void (*metadata)(void *self, const struct metric_metadata *m);
};

/* False when the sections make no sense (what came before was visited). Sections without a function
 * are skipped. */
bool log_record_visit(const uint8_t *sections, size_t len, const struct log_visitor *v);

#endif
