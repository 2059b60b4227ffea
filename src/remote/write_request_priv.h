/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write_request - the message of remote write, taken apart; for the files of remote/ only
 *
 * Decoding knows nothing of storage: it yields rows without references, grouped by series, and of a
 * series the bytes of its labels, which nobody reads while the series is known. Label bytes and
 * strings point into the message, which must outlive the request. One thread at a time.
 */
#ifndef TOCSIN_REMOTE_WRITE_REQUEST_PRIV_H
#define TOCSIN_REMOTE_WRITE_REQUEST_PRIV_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "model/histogram.h"
#include "model/label_set.h"
#include "model/ports.h"

#define MESSAGE_MAX         ((size_t)32 << 20) /* bytes, decompressed: Prometheus' limit */
#define REQUEST_SAMPLES_MAX ((size_t)1 << 20)  /* senders have some thousands in a request */
#define REQUEST_MEMORY_MAX  ((size_t)64 << 20) /* bytes of histograms and of labels put together */

/* An exemplar of the series `series`; its labels are in the form of 1.0. */
struct write_exemplar {
    size_t series;
    struct str labels;
    unix_ms t;
    double v;
};

/* One TimeSeries that has samples or exemplars. */
struct write_series {
    struct str labels;  /* the fields of its labels as 1.0 has them, one after the other */
    struct hash128 key; /* of these bytes */
    size_t n_rows;
    bool has_exemplars;
    series_ref ref; /* 0: not known, or left out because of its labels */
    bool fresh;     /* storage was asked for it */
};

struct write_request {
    struct write_series *series;
    size_t n_series, cap_series;
    struct sample_row *rows; /* those of the first series, then those of the second, ... */
    size_t n_rows, cap_rows;
    struct write_exemplar *exemplars;
    size_t n_exemplars, cap_exemplars;
    struct metric_metadata *metadata; /* texts lie in the message */
    size_t n_metadata, cap_metadata;
    bool keep_exemplars; /* set by the caller: false reads over them */
    struct arena arena;

    struct label *labels; /* of the series last asked for */
    size_t n_labels, cap_labels;
};

/* What rows[].h points to. */
struct write_histogram {
    struct histogram h;
    const char *fault; /* NULL: it can be stored */
};

static inline const char *write_histogram_fault(const struct sample_row *row)
{
    return CONTAINER_OF(row->h, struct write_histogram, h)->fault;
}

void write_request_init(struct write_request *q);
void write_request_reset(struct write_request *q); /* keeps some memory for the next one */
void write_request_deinit(struct write_request *q);

/* Reads prometheus.WriteRequest. -EBADMSG: it is none; -E2BIG: beyond a limit. */
int write_request_read(struct write_request *q, struct str message, struct err *err);

/* The same for io.prometheus.write.v2.Request. Labels are put into the form of 1.0. */
int write_request_read_v2(struct write_request *q, struct str message, struct err *err);

/* The steps of it that 2.0 has as well: a series is begun, samples and exemplars are added, and it is
 * ended, which forgets it when it got none. */
void write_request_end_series(struct write_request *q, struct str labels, size_t first_row);
int write_request_add_sample(struct write_request *q, struct str message, struct err *err);
int write_request_add_exemplar(struct write_request *q, struct write_exemplar e, struct err *err);
int write_request_add_metadata(struct write_request *q, struct metric_metadata m, struct err *err);
int write_request_add_histogram(struct write_request *q, struct str message, struct err *err);
int write_request_broken(struct err *err);

/* Reads the labels of a series into q->labels and sorts them by name; of more than LABEL_COUNT_MAX
 * the first ones and one more. -EBADMSG. */
int write_request_read_labels(struct write_request *q, struct str fields, struct err *err);

/* Reads a Histogram of either version into the arena. A histogram that is well-formed but means nothing has
 * a fault. */
int write_histogram_read(struct write_request *q, struct str message, unix_ms *ret_t,
                         const struct write_histogram **ret, struct err *err);

/* Memory of the arena, zeroed; NULL when the request would take more than it may. */
void *write_request_alloc(struct write_request *q, size_t n, size_t size);

#endif
