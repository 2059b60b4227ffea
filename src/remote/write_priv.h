/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write - what one request of remote write has at hand; for the files of remote/ only
 *
 * Workbenches are kept from request to request, so that a steady stream allocates nothing: there are as many
 * as there were requests at the same time.
 */
#ifndef TOCSIN_REMOTE_WRITE_PRIV_H
#define TOCSIN_REMOTE_WRITE_PRIV_H

#include "base/thread.h"
#include "remote/remote.h"
#include "remote/series_cache_priv.h"
#include "remote/write_request_priv.h"

#define WRITE_TEXT_MAX ((size_t)16 << 10) /* bytes of an answer: enough to find the fault */

struct remote_write {
    struct sample_sink sink;
    struct series_cache cache;

    struct lock lock;
    struct workbench *idle; /* under lock */
    struct lock asking;     /* held by the request that asks storage for series */
};

/* Owned by one request at a time. */
struct workbench {
    struct workbench *next;
    struct buf message;
    struct write_request request;
    enum sample_verdict *verdicts; /* of request.rows */
    size_t cap_verdicts;
    struct exemplar_row *exemplars; /* of request.exemplars, as far as they are good */
    size_t n_exemplars, cap_exemplars;
};

/*
 * Finds the reference of every series of q and gives it to its rows; rows of series whose labels are
 * no good are taken out. `anew` asks storage for all of them. -EBADMSG: labels are no message; else what
 * storage said.
 */
int write_find_series(struct remote_write *w, struct write_request *q, bool anew,
                      struct remote_write_answer *ret, struct err *err);

/* Writes q->labels: `{__name__="up", job="x"}`. */
void write_print_labels(const struct write_request *q, struct buf *out);

/* Commits the rows, all or none of them (1.0) or those that are good (2.0), and answers. */
void write_commit(struct remote_write *w, struct workbench *b, struct remote_write_answer *ret);

/* ---- answering: `refused` is a fixed word or two, for the log ------------------------------ */

void write_refuse(struct remote_write_answer *ret, int status, const char *refused, const char *fmt,
                  ...) PRINTF_LIKE(4, 5);
void write_add_line(struct remote_write_answer *ret,
                    const char *text); /* begins one in ret->text */

#endif
