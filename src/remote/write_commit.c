/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/mem.h"
#include "base/num.h"
#include "model/selfmetrics.h"
#include "remote/write_priv.h"

SELFMETRIC(samples_taken, METRIC_COUNTER, "tocsin_remote_write_samples_total", NULL,
           "Samples taken by remote write, histograms included.");

/* What the sink found, in Prometheus' words, which people look for. */
static const char *const verdict_words[] = {
    [SAMPLE_OUT_OF_ORDER] = "out of order sample",
    [SAMPLE_DUPLICATE] = "duplicate sample for timestamp",
    [SAMPLE_OUT_OF_BOUNDS] = "out of bounds",
    [SAMPLE_TOO_OLD] = "too old sample",
    [SAMPLE_TOO_NEW] = "out of bounds: timestamp is too far in the future",
    [SAMPLE_UNKNOWN_REF] = "a series went while it was written to",
};

static bool is_good(enum sample_verdict v)
{
    return v == SAMPLE_STORED || v == SAMPLE_SAME;
}

static void add_verdict(struct buf *out, const struct sample_row *row, enum sample_verdict v)
{
    buf_add_c(out, verdict_words[v]);
    if (v != SAMPLE_DUPLICATE)
        return;
    buf_addf(out, " %lld; overrides not allowed", (long long)row->t);
    if (row->h)
        return;
    buf_add_c(out, ": new value ");
    num_add_short(out, row->v);
}

static void refuse_commit(struct remote_write_answer *ret, int code, const struct err *err)
{
    bool large = code == -E2BIG; /* and will be the next time, too */

    write_refuse(ret, large ? 400 : 500, large ? "too large" : "storage refused", "%s", err->msg);
}

/* What a label set of an exemplar may not be makes it none; nobody is told, as with Prometheus. */
static const struct label_set *exemplar_labels(struct write_request *q, struct str fields)
{
    if (write_request_read_labels(q, fields, NULL) < 0 || q->n_labels > LABEL_COUNT_MAX)
        return NULL;
    for (size_t i = 0; i < q->n_labels; i++) {
        const struct label *l = &q->labels[i];

        if (!label_name_is_valid(l->name) || !str_is_utf8(l->value) ||
            (i > 0 && str_eq(l->name, q->labels[i - 1].name)))
            return NULL;
    }
    return label_set_new(q->labels, q->n_labels);
}

static void make_exemplars(struct workbench *b)
{
    struct write_request *q = &b->request;

    b->n_exemplars = 0;
    for (size_t i = 0; i < q->n_exemplars; i++) {
        const struct write_exemplar *e = &q->exemplars[i];
        series_ref ref = q->series[e->series].ref;
        const struct label_set *labels = ref ? exemplar_labels(q, e->labels) : NULL;

        if (labels)
            *VEC_PUSH(b->exemplars, b->n_exemplars,
                      b->cap_exemplars) = (struct exemplar_row){ref, labels, e->t, true, e->v};
    }
}

static void forget_exemplars(struct workbench *b)
{
    for (size_t i = 0; i < b->n_exemplars; i++)
        label_set_unref(b->exemplars[i].labels);
    b->n_exemplars = 0;
}

/* Calls the sink with as many verdicts as rows. */
static int commit(struct remote_write *w, struct workbench *b, enum commit_flags flags,
                  struct remote_write_answer *ret, struct err *err)
{
    const struct write_request *q = &b->request;
    struct sample_batch batch = {
        .rows = q->rows, .n_rows = q->n_rows, .metadata = q->metadata, .n_metadata = q->n_metadata};
    size_t taken = 0;
    int r;

    if (b->cap_verdicts < q->n_rows) {
        b->cap_verdicts = q->cap_rows;
        b->verdicts = mem_resize(b->verdicts, b->cap_verdicts, sizeof *b->verdicts);
    }
    if (q->n_rows > 0)
        memset(b->verdicts, 0, q->n_rows * sizeof *b->verdicts);
    make_exemplars(b);
    batch.exemplars = b->exemplars;
    batch.n_exemplars = b->n_exemplars;
    r = sample_sink_commit_batch(&w->sink, &batch, flags, b->verdicts, &taken, err);
    forget_exemplars(b);
    if (r == 0)
        ret->exemplars += taken;
    return r;
}

static size_t first_bad(const struct workbench *b)
{
    size_t i = 0;

    while (i < b->request.n_rows && is_good(b->verdicts[i]))
        i++;
    return i;
}

static void count_taken(struct workbench *b, struct remote_write_answer *ret)
{
    const struct write_request *q = &b->request;
    size_t n[2] = {0, 0}; /* samples, histograms */

    for (size_t i = 0; i < q->n_rows; i++)
        n[q->rows[i].h != NULL] += is_good(b->verdicts[i]);
    ret->samples += n[0];
    ret->histograms += n[1];
    selfmetric_add(&samples_taken, (int64_t)(n[0] + n[1]));
}

/* ---- 1.0: all or nothing ------------------------------------------------------------------- */

static void commit_all(struct remote_write *w, struct workbench *b, struct remote_write_answer *ret)
{
    struct write_request *q = &b->request;
    struct err err = {0};
    int r = commit(w, b, COMMIT_ALL_OR_NOTHING, ret, &err);
    size_t bad = r < 0 ? first_bad(b) : q->n_rows;

    /* A series that got no sample for hours was dropped: it, and maybe others, want new references. */
    if (bad < q->n_rows && b->verdicts[bad] == SAMPLE_UNKNOWN_REF) {
        r = write_find_series(w, q, true, ret, &err);
        if (r == 0)
            r = commit(w, b, COMMIT_ALL_OR_NOTHING, ret, &err);
        bad = r < 0 ? first_bad(b) : q->n_rows;
    }
    if (r == 0) {
        count_taken(b, ret);
    } else if (bad < q->n_rows && b->verdicts[bad] != SAMPLE_UNKNOWN_REF) {
        CLEANUP(buf_free) struct buf words = {0};

        add_verdict(&words, &q->rows[bad], b->verdicts[bad]);
        write_refuse(ret, 400, verdict_words[b->verdicts[bad]], "%s", words.p);
    } else {
        refuse_commit(ret, r, &err);
    }
}

/* ---- 2.0: what is good --------------------------------------------------------------------- */

/* Leaves only the rows that were not taken because their series went, and commits them once more. */
static int commit_forgotten(struct remote_write *w, struct workbench *b,
                            struct remote_write_answer *ret, struct err *err)
{
    struct write_request *q = &b->request;
    size_t row = 0, kept = 0;
    int r;

    for (size_t i = 0; i < q->n_series; i++) {
        struct write_series *s = &q->series[i];
        size_t n = s->n_rows;

        s->n_rows = 0;
        s->has_exemplars = false;
        for (; n > 0; n--, row++)
            if (b->verdicts[row] == SAMPLE_UNKNOWN_REF) {
                q->rows[kept++] = q->rows[row];
                s->n_rows++;
            }
    }
    q->n_rows = kept;
    q->n_exemplars = q->n_metadata = 0; /* are taken already */
    r = write_find_series(w, q, true, ret, err);
    return r < 0 ? r : commit(w, b, COMMIT_SKIP_BAD, ret, err);
}

static void tell_bad_rows(struct workbench *b, struct remote_write_answer *ret)
{
    struct write_request *q = &b->request;
    size_t row = 0;

    for (size_t i = 0; i < q->n_series; i++)
        for (size_t n = q->series[i].n_rows; n > 0; n--, row++) {
            if (is_good(b->verdicts[row]) || b->verdicts[row] == SAMPLE_UNKNOWN_REF)
                continue;
            ret->status = 400;
            ret->refused = verdict_words[b->verdicts[row]];
            if (ret->text.overflow)
                continue;
            write_add_line(ret, "");
            add_verdict(&ret->text, &q->rows[row], b->verdicts[row]);
            buf_add_c(&ret->text, " for series ");
            (void)write_request_read_labels(q, q->series[i].labels, NULL); /* was read before */
            write_print_labels(q, &ret->text);
        }
}

static bool any_forgotten(const struct workbench *b)
{
    for (size_t i = 0; i < b->request.n_rows; i++)
        if (b->verdicts[i] == SAMPLE_UNKNOWN_REF)
            return true;
    return false;
}

static void commit_good(struct remote_write *w, struct workbench *b,
                        struct remote_write_answer *ret)
{
    struct err err = {0};
    int r = commit(w, b, COMMIT_SKIP_BAD, ret, &err);

    if (r == 0) {
        count_taken(b, ret);
        tell_bad_rows(b, ret);
        if (any_forgotten(b)) {
            r = commit_forgotten(w, b, ret, &err);
            if (r == 0) {
                count_taken(b, ret);
                tell_bad_rows(b, ret);
                if (any_forgotten(b))
                    r = err_set(&err, -EAGAIN, "%s", verdict_words[SAMPLE_UNKNOWN_REF]);
            }
        }
    }
    if (r < 0)
        refuse_commit(ret, r, &err);
}

void write_commit(struct remote_write *w, struct workbench *b, struct remote_write_answer *ret)
{
    const struct write_request *q = &b->request;

    if (q->n_rows + q->n_exemplars + q->n_metadata == 0)
        return;
    if (ret->version == REMOTE_WRITE_1_0)
        commit_all(w, b, ret);
    else
        commit_good(w, b, ret);
}
