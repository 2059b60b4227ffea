/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/commit_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "model/sample.h"
#include "storage/column_priv.h"
#include "storage/histogram_code_priv.h"

#define PREFETCH_ROWS                                                                              \
    12 /* ahead: a series is a miss of about 100 ns, a row takes a few of them   \
                          */
#define KEEP_ROWS ((size_t)65536) /* memory of a larger commit is given back */

enum row_kind {
    ROW_FLOAT,
    ROW_LATE_FLOAT,
    ROW_HISTOGRAM,
    ROW_LATE_HISTOGRAM,
    /* The staleness marker of a series of histograms came as a float. */
    ROW_STALE_FLOAT_HISTOGRAM,
    ROW_STALE_INTEGER_HISTOGRAM,
};

void committer_init(struct committer *c, struct head *h, struct log *l)
{
    *c = (struct committer){.head = h,
                            .log = l,
                            .stale_histograms = {[HISTOGRAM_FLOAT] = {.sum = stale_nan()},
                                                 [HISTOGRAM_INTEGER] = {.kind = HISTOGRAM_INTEGER,
                                                                        .sum = stale_nan()}}};
}

void committer_deinit(struct committer *c)
{
    free(c->rows);
    free(c->kinds);
    free(c->fresh_exemplars);
    map_deinit(&c->by_series);
    ids_deinit(&c->fresh);
    ids_deinit(&c->again);
    buf_free(&c->record.bytes);
}

/* ---- series -------------------------------------------------------------------------------- */

static int check_labels(const struct label_set *labels, struct err *err)
{
    size_t n = label_set_count(labels), bytes = 0;

    if (n == 0)
        return err_set(err, -EINVAL, "a series needs at least one label");
    if (n > LABEL_COUNT_MAX)
        return err_set(err, -E2BIG, "a series has %zu labels, more than %d", n, LABEL_COUNT_MAX);
    for (size_t i = 0; i < n; i++) {
        struct label l = label_set_at(labels, i);

        bytes += l.name.len + l.value.len;
    }
    if (bytes > SERIES_TEXT_MAX)
        return err_set(err, -E2BIG, "the labels of a series have %zu bytes, more than %zu", bytes,
                       SERIES_TEXT_MAX);
    return 0;
}

static int find_series(struct committer *c, const struct label_set *labels, uint64_t hash, bool own,
                       series_id *ret, struct err *err)
{
    struct head *h = c->head;

    WITH_READ(&h->index);
    *ret = head_find(h, labels, hash);
    /* Asked here too, so that a flood of refused series does not take the lock for writing. */
    return *ret || own ? 0 : budget_check(c->budget, labels, err);
}

static int make_series(struct committer *c, const struct label_set *labels, uint64_t hash, bool own,
                       series_id *ret, struct err *err)
{
    struct head *h = c->head;
    int r = 0;

    WITH_WRITE(&h->index);
    *ret = head_find(h, labels, hash); /* another thread may have made it just now */
    if (*ret)
        return 0;
    if (!own)
        r = budget_check(c->budget, labels, err);
    if (r < 0)
        return r;
    *ret = head_add(h, 0, labels, hash);
    if (*ret == 0)
        return err_set(err, -ENOSPC, "all numbers of series are used up; a restart gives new ones");
    c->counters.series_created++;
    return 0;
}

int commit_series(struct committer *c, const struct label_set *labels, bool own, series_ref *ret,
                  struct err *err)
{
    uint64_t hash = label_set_stable_hash(labels);
    series_id id = 0;
    int r = find_series(c, labels, hash, own, &id, err);

    if (r == 0 && id == 0)
        r = check_labels(labels, err);
    if (r == 0 && id == 0)
        r = make_series(c, labels, hash, own, &id, err);
    if (r == -ENOSPC)
        budget_note(c->budget, labels, c->now(c->now_arg));
    if (r < 0)
        return r;
    *ret = id;
    return 0;
}

/* ---- judging ------------------------------------------------------------------------------- */

/* The newest sample of a series, as if the rows accepted so far were appended. */
struct newest {
    unix_ms t;
    uint64_t bits;
    bool is_histogram;
    const struct histogram *histogram; /* NULL though is_histogram: it is not in memory any more */
};

static bool is_late(enum row_kind k)
{
    return k == ROW_LATE_FLOAT || k == ROW_LATE_HISTOGRAM;
}

static bool has_series(const void *key, const void *value)
{
    return true; /* the hash is the number of the series */
}

static bool is_stale_histogram(enum row_kind k)
{
    return k == ROW_STALE_FLOAT_HISTOGRAM || k == ROW_STALE_INTEGER_HISTOGRAM;
}

/* The marker is of the kind of the histograms that it ends. */
static enum row_kind stale_kind(const struct newest *n)
{
    return n->histogram && n->histogram->kind == HISTOGRAM_INTEGER ? ROW_STALE_INTEGER_HISTOGRAM
                                                                   : ROW_STALE_FLOAT_HISTOGRAM;
}

static const struct histogram *histogram_of(const struct committer *c, const struct sample_row *row,
                                            enum row_kind kind)
{
    if (!is_stale_histogram(kind))
        return row->h;
    return &c->stale_histograms[kind == ROW_STALE_INTEGER_HISTOGRAM ? HISTOGRAM_INTEGER
                                                                    : HISTOGRAM_FLOAT];
}

static uintptr_t indexed_place(const struct committer *c, series_id id)
{
    return (uintptr_t)map_get(&c->by_series, id, has_series, NULL);
}

static void index_row(struct committer *c, size_t place)
{
    series_id id = c->rows[place].id;

    map_remove(&c->by_series, id, has_series, NULL);
    map_add(&c->by_series, id, (void *)(place + 1));
}

/* The last row accepted in order for the series in this commit, in place + 1. Rows of one series
 * mostly stand together; a table is made only when one comes back after others. */
static size_t last_accepted(struct committer *c, series_id id, const struct series *s)
{
    size_t n = c->n_rows;

    if (n > 0 && c->rows[n - 1].id == id && !is_late(c->kinds[n - 1]))
        return n;
    if (s->batch != c->batch)
        return 0;
    for (size_t i = 0; !c->indexed && i < n; i++)
        if (!is_late(c->kinds[i]))
            index_row(c, i);
    c->indexed = true;
    return indexed_place(c, id);
}

static struct newest newest_of(struct committer *c, series_id id, const struct series *s,
                               const struct sample_row *rows)
{
    size_t place = last_accepted(c, id, s);
    const struct sample_row *row;
    struct newest n;

    if (place == 0) {
        n = (struct newest){s->tip.last_t, s->tip.last_bits, s->tip.state & SERIES_HISTOGRAMS,
                            NULL};
        if (n.is_histogram)
            n.histogram = head_last_histogram(c->head, id, s);
        return n;
    }
    row = &rows[c->rows[place - 1].row];
    n.histogram = histogram_of(c, row, c->kinds[place - 1]);
    n.is_histogram = n.histogram != NULL;
    n.t = row->t;
    n.bits = double_bits(row->v);
    return n;
}

static bool is_same(const struct newest *n, const struct sample_row *row, enum row_kind kind)
{
    if (is_stale_histogram(kind))
        return n->histogram && histogram_is_stale(n->histogram);
    if (row->h)
        return n->histogram && histogram_same(n->histogram, row->h);
    return !n->is_histogram && n->bits == double_bits(row->v);
}

/* Prometheus' rules (spec: prometheus.md 5.8), in its order. */
static enum sample_verdict judge(const struct committer *c, const struct newest *n,
                                 const struct sample_row *row, enum row_kind *kind)
{
    unix_ms t = row->t;

    if (t > c->latest || t > TIME_ABS_MAX)
        return SAMPLE_TOO_NEW;
    if (t < -TIME_ABS_MAX || (c->late_window == 0 && t < c->valid_from))
        return SAMPLE_OUT_OF_BOUNDS;
    *kind = row->h                                ? ROW_HISTOGRAM
            : n->is_histogram && is_stale(row->v) ? stale_kind(n)
                                                  : ROW_FLOAT;
    if (t >= c->valid_from) {
        if (t > n->t)
            return SAMPLE_STORED;
        if (t == n->t)
            return is_same(n, row, *kind) ? SAMPLE_SAME : SAMPLE_DUPLICATE;
    }
    if (c->late_window > 0 && t >= c->newest - c->late_window) {
        *kind = row->h ? ROW_LATE_HISTOGRAM : ROW_LATE_FLOAT;
        return SAMPLE_STORED;
    }
    if (c->late_window > 0)
        return SAMPLE_TOO_OLD;
    return t < c->valid_from ? SAMPLE_OUT_OF_BOUNDS : SAMPLE_OUT_OF_ORDER;
}

static void accept(struct committer *c, size_t row, series_id id, struct series *s,
                   enum row_kind kind)
{
    struct accepted *a = VEC_PUSH(c->rows, c->n_rows, c->cap_rows);

    *a = (struct accepted){(uint32_t)row, id};
    if (c->cap_kinds < c->cap_rows) {
        c->kinds = mem_resize(c->kinds, c->cap_rows, 1);
        c->cap_kinds = c->cap_rows;
    }
    c->kinds[c->n_rows - 1] = (uint8_t)kind;
    if (!(s->tip.state & SERIES_LOGGED) && (c->fresh.n == 0 || c->fresh.v[c->fresh.n - 1] != id))
        ids_push(&c->fresh, id);
    if (is_late(kind))
        return;
    s->batch = c->batch;
    if (c->indexed)
        index_row(c, c->n_rows - 1);
}

static enum sample_verdict judge_row(struct committer *c, const struct sample_row *rows, size_t i)
{
    series_id id = rows[i].ref <= SERIES_ID_MAX ? (series_id)rows[i].ref : 0;
    struct series *s = head_series(c->head, id);
    enum sample_verdict v;
    enum row_kind kind;
    struct newest n;

    if (!s)
        return SAMPLE_UNKNOWN_REF;
    n = newest_of(c, id, s, rows);
    v = judge(c, &n, &rows[i], &kind);
    if (v == SAMPLE_STORED)
        accept(c, i, id, s, kind);
    return v;
}

static void begin(struct committer *c, const struct sample_row *rows, size_t n)
{
    struct head *h = c->head;
    unix_ms limit;

    c->n_rows = 0;
    c->fresh.n = 0;
    if (c->indexed)
        map_deinit(&c->by_series);
    c->indexed = false;
    if (++c->batch == 0)
        c->batch = 1;
    c->newest = h->max_time;
    if (c->newest == TIME_NONE_MAX) /* the first sample of all says where the head begins */
        c->newest = n == 0 || rows[0].t < -TIME_ABS_MAX ? -TIME_ABS_MAX : rows[0].t;
    limit = c->newest - BLOCK_RANGE_MS / 2;
    c->valid_from = limit > h->valid_from ? limit : h->valid_from;
    c->latest = c->now(c->now_arg) + AHEAD_MAX_MS;
}

static const char *const verdict_texts[] = {
    [SAMPLE_STORED] = "stored",
    [SAMPLE_SAME] = "the same as the newest one",
    [SAMPLE_OUT_OF_ORDER] = "out of order sample",
    [SAMPLE_DUPLICATE] = "duplicate sample for timestamp",
    [SAMPLE_OUT_OF_BOUNDS] = "out of bounds",
    [SAMPLE_TOO_OLD] = "too old sample",
    [SAMPLE_TOO_NEW] = "timestamp is too far in the future",
    [SAMPLE_UNKNOWN_REF] = "unknown series reference",
};

static int judge_rows(struct committer *c, const struct sample_row *rows, size_t n,
                      enum commit_flags flags, enum sample_verdict *verdicts, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        enum sample_verdict v;

        if (i + PREFETCH_ROWS < n && rows[i + PREFETCH_ROWS].ref <= SERIES_ID_MAX)
            head_prefetch(c->head, (series_id)rows[i + PREFETCH_ROWS].ref);
        v = judge_row(c, rows, i);
        if (verdicts)
            verdicts[i] = v;
        if (v == SAMPLE_STORED)
            continue;
        c->counters.verdicts[v]++;
        if (v != SAMPLE_SAME && flags & COMMIT_ALL_OR_NOTHING)
            return err_set(err, -EINVAL, "sample %zu of %zu: %s", i + 1, n, verdict_texts[v]);
    }
    return 0;
}

/* ---- the record ---------------------------------------------------------------------------- */

static void tell_series(struct committer *c, const struct ids *ids)
{
    struct head *h = c->head;

    WITH_READ(&h->index);
    for (size_t i = 0; i < ids->n; i++) {
        const struct series *s = head_series(h, ids->v[i]);
        struct label labels[LABEL_COUNT_MAX];

        for (size_t k = 0; s && k < s->n_labels; k++)
            labels[k] = head_label(h, ids->v[i], k);
        if (s)
            log_record_series(&c->record, ids->v[i], labels, s->n_labels);
    }
}

static int make_record(struct committer *c, const struct sample_batch *b, struct err *err)
{
    const struct sample_row *rows = b->rows;
    struct log_record *r = &c->record;

    log_record_begin(r);
    ids_settle(&c->fresh);
    tell_series(c, &c->again);
    tell_series(c, &c->fresh);
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct sample_row *row = &rows[c->rows[i].row];
        enum row_kind kind = c->kinds[i];
        size_t before = r->bytes.len;

        if (kind == ROW_FLOAT || kind == ROW_LATE_FLOAT)
            log_record_float(r, kind == ROW_LATE_FLOAT, c->rows[i].id, row->t, row->v);
        else
            log_record_histogram(r, kind == ROW_LATE_HISTOGRAM, c->rows[i].id, row->t,
                                 histogram_of(c, row, kind));
        if (r->bytes.len - before > HISTOGRAM_BYTES_MAX)
            return err_set(err, -E2BIG, "a histogram takes %zu bytes, more than %d",
                           r->bytes.len - before, HISTOGRAM_BYTES_MAX);
    }
    extras_record(c, b);
    log_record_end(r);
    if (r->bytes.len > LOG_RECORD_MAX)
        return err_set(err, -E2BIG, "a commit takes %zu bytes, more than %u", r->bytes.len,
                       LOG_RECORD_MAX);
    return 0;
}

int commit_write_record(struct committer *c, struct err *err)
{
    const struct buf *b = &c->record.bytes;
    int r = log_append(c->log, b->p, b->len, err);

    if (r == 0 && c->sync_each) {
        r = log_sync(c->log, err);
        if (r < 0)
            log_take_back(c->log, b->len);
    }
    return r;
}

/* ---- appending ----------------------------------------------------------------------------- */

static void append(struct committer *c, const struct sample_row *row, series_id id,
                   enum row_kind kind)
{
    struct head *h = c->head;
    struct series *s = head_series(h, id);

    switch (kind) {
    case ROW_FLOAT: head_append(h, s, row->t, row->v); break;
    case ROW_LATE_FLOAT: head_append_late(h, id, s, row->t, row->v); break;
    case ROW_LATE_HISTOGRAM: head_append_late_histogram(h, id, s, row->t, row->h); break;
    case ROW_HISTOGRAM:
    case ROW_STALE_FLOAT_HISTOGRAM:
    case ROW_STALE_INTEGER_HISTOGRAM:
        head_append_histogram(h, id, s, row->t, histogram_of(c, row, kind));
        break;
    }
}

static void append_all(struct committer *c, const struct sample_row *rows)
{
    struct head *h = c->head;

    WITH_WRITE(&h->apply);
    for (size_t i = 0; i < c->n_rows; i++) {
        if (i + PREFETCH_ROWS < c->n_rows)
            head_prefetch_open(h, c->rows[i + PREFETCH_ROWS].id);
        append(c, &rows[c->rows[i].row], c->rows[i].id, c->kinds[i]);
    }
    for (size_t i = 0; i < c->fresh.n; i++)
        head_series(h, c->fresh.v[i])->tip.state |= SERIES_LOGGED;
}

static void give_back_memory(struct committer *c)
{
    if (c->cap_rows > KEEP_ROWS) {
        mem_freep(&c->rows);
        mem_freep(&c->kinds);
        c->rows = NULL;
        c->kinds = NULL;
        c->n_rows = c->cap_rows = c->cap_kinds = 0;
        buf_free(&c->record.bytes);
    }
    if (c->cap_exemplars > KEEP_ROWS) {
        mem_freep(&c->fresh_exemplars);
        c->fresh_exemplars = NULL;
        c->n_exemplars = c->cap_exemplars = 0;
    }
}

/* The record is made; afterwards its samples, exemplars and metadata are there. */
static int write_and_apply(struct committer *c, const struct sample_batch *b, size_t *ret_exemplars,
                           struct err *err)
{
    struct ids told = c->again;
    int r = commit_write_record(c, err);

    if (r < 0)
        return r;
    if (c->n_rows > 0) {
        append_all(c, b->rows);
        c->counters.appended += c->n_rows;
        c->again = c->fresh;
        c->fresh = told;
    }
    *ret_exemplars = extras_apply(c, b);
    return 0;
}

int commit_batch(struct committer *c, const struct sample_batch *b, enum commit_flags flags,
                 enum sample_verdict *verdicts, size_t *ret_exemplars, struct err *err)
{
    size_t exemplars = 0;
    int r;

    if (ret_exemplars)
        *ret_exemplars = 0;
    if (b->n_rows + b->n_exemplars + b->n_metadata == 0)
        return 0;
    if (b->n_rows > UINT32_MAX || b->n_exemplars > UINT32_MAX)
        return err_set(err, -E2BIG, "a commit of %zu samples", b->n_rows);
    WITH_LOCK(&c->head->commit);
    begin(c, b->rows, b->n_rows);
    r = judge_rows(c, b->rows, b->n_rows, flags, verdicts, err);
    if (r == 0) {
        extras_judge(c, b);
        if (c->n_rows > 0 || extras_have_news(c)) {
            r = make_record(c, b, err);
            if (r == 0)
                r = write_and_apply(c, b, &exemplars, err);
            c->counters.failed += r < 0;
        }
    }
    give_back_memory(c);
    if (r == 0 && ret_exemplars)
        *ret_exemplars = exemplars;
    return r;
}
