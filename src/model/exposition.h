/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposition - Prometheus' text format 0.0.4 and OpenMetrics text, read and written
 *
 * The reader walks a page without copying it: each step yields one line's meaning. The raw text of a series
 * is given too, so that a scraper can recognise a series it has seen without parsing labels again.
 */
#ifndef TOCSIN_MODEL_EXPOSITION_H
#define TOCSIN_MODEL_EXPOSITION_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "model/label_set.h"
#include "model/metadata.h"
#include "model/sample.h"

/* Messages of protobuf are not read here: whoever takes pages turns them into OpenMetrics first. */
enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS, EXPOSITION_PROTOBUF };

enum exposition_kind {
    EXPOSITION_END,
    EXPOSITION_HELP,
    EXPOSITION_TYPE,
    EXPOSITION_UNIT,
    EXPOSITION_COMMENT,
    EXPOSITION_SERIES,
};

struct exposition_entry {
    enum exposition_kind kind;
    struct str name;       /* of the metric: HELP, TYPE, UNIT */
    struct str text;       /* help, unit or comment (escapes as written) */
    enum metric_type type; /* of TYPE */
    struct str raw;        /* SERIES: its text up to the value, without blanks at its end */
    double value;
    bool has_time;
    unix_ms time;
    bool has_exemplar; /* exemplar text was well-formed; labels and value are in exemplar_* */
    struct str exemplar_raw;
    double exemplar_value;
    bool exemplar_has_time;
    unix_ms exemplar_time;
};

struct exposition_reader {
    struct str page;
    size_t pos;
    size_t line; /* from 1, of the entry read last */
    enum exposition_format format;
    bool seen_eof;
    bool more; /* set by the caller: the page is a piece of whole lines, the next one gets the same
                  reader; "# EOF" may be still to come */
    enum metric_type family_type; /* of the last TYPE line, for normalising le and quantile */
    struct str family_name;
};

void exposition_reader_init(struct exposition_reader *r, struct str page,
                            enum exposition_format format);

/* The next entry; 0 and kind EXPOSITION_END at the end; -EINVAL with "line N: ..." for a bad page. */
int exposition_next(struct exposition_reader *r, struct exposition_entry *ret, struct err *err);

/* Labels (with __name__) of the entry just read, le and quantile normalised. Fails on labels that are not
 * well-formed or occur twice. Appends to b. */
int exposition_labels(const struct exposition_reader *r, const struct exposition_entry *e,
                      struct label_builder *b, struct err *err);

/* Labels of its exemplar, when it has one. */
int exposition_exemplar_labels(const struct exposition_reader *r, const struct exposition_entry *e,
                               struct label_builder *b, struct err *err);

/* Appends text with \\, \n and \" replaced by what they stand for: HELP texts, label values. */
void exposition_unescape(struct str text, struct buf *out);

/*
 * Writing text 0.0.4: one family() before its samples, then sample() for each. Labels are name, value pairs
 * of zero-terminated strings, closed by NULL.
 */
void exposition_family(struct buf *out, const char *name, enum metric_type type, const char *help);
void exposition_type(struct buf *out, struct str name, enum metric_type type); /* without a help */
/* A line of OpenMetrics about a family; word is HELP, TYPE or UNIT. */
void exposition_openmetrics_meta(struct buf *out, const char *word, struct str name,
                                 struct str text);
void exposition_sample(struct buf *out, const char *name, double value, ...)
    __attribute__((sentinel));
void exposition_sample_labels(struct buf *out, struct str name, const struct label *labels,
                              size_t n, double value);
void exposition_sample_at(struct buf *out, struct str name, const struct label *labels, size_t n,
                          struct sample s); /* with its time */

/* Appends a page of text 0.0.4, with families that each stand together, as OpenMetrics 1.0: the same
 * series; help texts are left out. -EINVAL for a bad page. */
int exposition_openmetrics(struct str page, struct buf *out, struct err *err);

#endif
