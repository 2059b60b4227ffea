/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/write_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/quote.h"
#include "model/selfmetrics.h"

SELFMETRIC(skipped_series, METRIC_COUNTER, "tocsin_remote_write_series_skipped_total", NULL,
           "Series of remote write requests that were left out because of their labels.");

void write_print_labels(const struct write_request *q, struct buf *out)
{
    buf_add_byte(out, '{');
    for (size_t i = 0; i < q->n_labels; i++) {
        if (i > 0)
            buf_add_c(out, ", ");
        if (label_name_is_legacy(q->labels[i].name))
            buf_add_str(out, q->labels[i].name);
        else
            quote_add_go(out, q->labels[i].name);
        buf_add_byte(out, '=');
        quote_add_go(out, q->labels[i].value);
    }
    buf_add_byte(out, '}');
}

/* ---- labels -------------------------------------------------------------------------------- */

/* What is wrong with the labels, which are sorted; NULL: nothing. */
static const char *fault_of(const struct write_request *q)
{
    bool named = false;

    if (q->n_labels > LABEL_COUNT_MAX)
        return "too many labels";
    for (size_t i = 0; i < q->n_labels; i++) {
        const struct label *l = &q->labels[i];

        if (!label_name_is_valid(l->name))
            return "a label name is empty or no UTF-8";
        if (!str_is_utf8(l->value))
            return "a label value is no UTF-8";
        named |= str_eq(l->name, LABEL_NAME) && l->value.len > 0;
    }
    if (!named)
        return "no metric name";
    for (size_t i = 1; i < q->n_labels; i++)
        if (str_eq(q->labels[i - 1].name, q->labels[i].name))
            return "a label twice";
    return NULL;
}

static void skip(const struct write_request *q, struct remote_write_answer *ret, const char *why)
{
    selfmetric_add(&skipped_series, 1);
    if (ret->version == REMOTE_WRITE_2_0) {
        write_add_line(ret, "series left out, ");
        buf_add_c(&ret->text, why);
        buf_add_c(&ret->text, ": ");
        write_print_labels(q, &ret->text);
    }
    if (ret->n_skipped++ > 0)
        return;
    ret->skipped = why;
    ret->skipped_labels.max = WRITE_TEXT_MAX;
    write_print_labels(q, &ret->skipped_labels);
}

/* ---- references ---------------------------------------------------------------------------- */

static int ask_storage(struct remote_write *w, struct write_request *q, struct write_series *s,
                       struct remote_write_answer *ret, struct err *err)
{
    CLEANUP(label_set_unrefp) const struct label_set *labels = NULL;
    const char *fault;
    int r = write_request_read_labels(q, s->labels, err);

    if (r < 0)
        return r;
    fault = fault_of(q);
    if (fault) {
        skip(q, ret, fault);
        return 0;
    }
    labels = label_set_new(q->labels, q->n_labels);
    r = w->sink.series(w->sink.self, labels, &s->ref, err);
    if (r == -EINVAL || r == -E2BIG) {
        skip(q, ret, "labels that storage does not take");
        return 0;
    }
    if (r == -ENOSPC) {
        skip(q, ret, "the budget of series is used up");
        return 0;
    }
    return r;
}

/* Rows of series without a reference go. */
static void give_references(struct write_request *q)
{
    size_t from = 0, to = 0;

    for (size_t i = 0; i < q->n_series; i++) {
        struct write_series *s = &q->series[i];
        size_t n = s->n_rows;

        if (s->ref == 0)
            s->n_rows = 0;
        for (size_t k = 0; k < s->n_rows; k++) {
            q->rows[to] = q->rows[from + k];
            q->rows[to++].ref = s->ref;
        }
        from += n;
    }
    q->n_rows = to;
}

/*
 * One request at a time: storage makes a series under a lock that all its readers share, and
 * threads that wake each other for every series come to a tenth of what one of them does alone.
 */
static int ask_for_all(struct remote_write *w, struct write_request *q, bool anew,
                       struct remote_write_answer *ret, struct err *err)
{
    WITH_LOCK(&w->asking);
    int r = 0;

    for (size_t i = 0; i < q->n_series && r == 0; i++) {
        struct write_series *s = &q->series[i];

        if ((s->ref != 0 && !anew) || (s->n_rows == 0 && !s->has_exemplars))
            continue;
        s->ref = 0;
        s->fresh = true;
        r = ask_storage(w, q, s, ret, err);
    }
    series_cache_put(&w->cache, q->series, q->n_series);
    return r;
}

int write_find_series(struct remote_write *w, struct write_request *q, bool anew,
                      struct remote_write_answer *ret, struct err *err)
{
    size_t unknown = anew ? q->n_series : series_cache_get(&w->cache, q->series, q->n_series);
    int r = unknown > 0 ? ask_for_all(w, q, anew, ret, err) : 0;

    if (r == 0)
        give_references(q);
    return r;
}
