/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote - other systems in our place: for now, those that send us samples by remote write
 *
 * remote_write_take() turns the body of one POST /api/v1/write into one commit at the sample sink
 * and an answer with Prometheus' status codes. Versions 1.0 and 2.0 of the protocol are taken.
 *
 * Any thread, several at the same time: requests share the table of known series and nothing else.
 */
#ifndef TOCSIN_REMOTE_REMOTE_H
#define TOCSIN_REMOTE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/defs.h"
#include "base/err.h"
#include "base/str.h"

struct remote_write;
struct sample_sink;

struct remote_write *remote_write_new(const struct sample_sink *sink); /* copies it */
void remote_write_free(struct remote_write *w); /* no request may be in it; NULL is fine */
DEFINE_FREEP(remote_write, struct remote_write)

/* All borrowed for the call. Of headers that are absent .p is NULL. */
struct remote_write_request {
    struct str body;
    struct str content_type, content_encoding;
};

enum remote_write_version { REMOTE_WRITE_1_0, REMOTE_WRITE_2_0 };

struct remote_write_answer {
    enum remote_write_version version; /* of the request, as far as it is known */
    int status;                        /* 204, 400, 415 or 500 */
    struct buf text;                   /* for the sender when it is not 204 */

    size_t samples, histograms, exemplars; /* that were taken; 2.0 tells it in headers */

    /* For the log. The reasons are the same words whenever the cause is the same, so that lines fold. */
    const char *refused; /* why it was not taken, or not all of it; NULL: it was */
    size_t n_skipped;    /* series that were left out because of their labels */
    const char *skipped; /* what is wrong with the first of them */
    struct buf skipped_labels;
};

void remote_write_answer_deinit(struct remote_write_answer *a);

void remote_write_take(struct remote_write *w, const struct remote_write_request *r,
                       struct remote_write_answer *ret);

/* ---- what batch jobs push ------------------------------------------------------------------ */

/*
 * The last page of every job that does not live long enough to be scraped, as Pushgateway keeps it:
 * by group, which is the labels of the path under which it was pushed. They are on disk before a push
 * is answered. Any thread.
 */
struct push_gateway;
struct keeper;
struct label_set;

enum push_method {
    PUSH_REPLACE, /* PUT: the whole group */
    PUSH_ADD,     /* POST: the families of these names */
    PUSH_DELETE,  /* the whole group */
};

struct push_request {
    enum push_method method;
    struct str path; /* behind /metrics/: job/NAME{/LABEL/VALUE} */
    struct str body, content_type, content_encoding;
};

/* Reads what the keeper has. What is damaged of it goes as lines into report and is left out. */
int push_gateway_open(const struct keeper *k, struct push_gateway **ret, struct buf *report,
                      struct err *err);
void push_gateway_free(struct push_gateway *g); /* NULL is fine */

/* Returns the status of the answer; text is what it says, without a newline. */
int push_gateway_take(struct push_gateway *g, const struct push_request *r, unix_ns now,
                      struct buf *text);

/* Appends one page, in text format 0.0.4, of all groups, with push_time_seconds and
 * push_failure_time_seconds of each. False: nothing was ever pushed. */
bool push_gateway_page(struct push_gateway *g, struct buf *out);

#endif
