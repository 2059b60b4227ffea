/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_priv - an exposition page in the making: samples come in any order, a page goes out in order
 *
 * Of two samples with the same name and labels the first one counts: a peer that says something
 * twice does not spoil the page. Texts are borrowed until the page is written.
 */
#ifndef TOCSIN_PROBES_PAGE_PRIV_H
#define TOCSIN_PROBES_PAGE_PRIV_H

#include "base/arena.h"
#include "base/map.h"
#include "model/exposition.h"

/* A Redis with all modules has about 10,000; a peer that has more must not fill the storage. */
#define PAGE_SAMPLES_MAX 50000

struct metric_line;

struct metric_page {
    struct arena arena; /* of lines and of texts made for them */
    struct map seen;    /* lines by name and labels */
    struct metric_line **lines;
    size_t n, cap;
    size_t left_out; /* samples beyond PAGE_SAMPLES_MAX */
};

void metric_page_deinit(struct metric_page *p); /* a zeroed page is empty and valid */

/* Labels of a sample as two arguments: LABELS({STR("db"), name}) and NO_LABELS. */
#define LABELS(...)                                                                                \
    (const struct label[]){__VA_ARGS__}, ARRAY_LEN(((const struct label[]){__VA_ARGS__}))
#define NO_LABELS NULL, 0

void metric_page_gauge(struct metric_page *p, const char *name, double value,
                       const struct label *labels, size_t n);
void metric_page_counter(struct metric_page *p, const char *name, double value,
                         const struct label *labels, size_t n);

/* A sample of a family of several: its name is the family's with a suffix ("_bucket", "" ...). */
void metric_page_add(struct metric_page *p, const char *family, enum metric_type type,
                     const char *suffix, double value, const struct label *labels, size_t n);

struct str metric_page_number(struct metric_page *p, double v); /* as text, for a label */

/* Appends all. Families sort by name, samples of a family by label values; buckets and quantiles
 * stay in the order in which they came. */
void metric_page_write(struct metric_page *p, struct buf *out);

#endif
