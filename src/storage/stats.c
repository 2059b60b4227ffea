/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "storage/storage_priv.h"

static void count_head(struct storage *st, struct storage_stats *ret)
{
    struct head *h = &st->head;

    WITH_READ(&h->index);
    WITH_READ(&h->apply);
    ret->series = h->n_series;
    ret->label_pairs = h->symbols.n_pairs - h->symbols.free_pairs.n;
    ret->symbols = h->symbols.by_text.n;
    ret->chunks = h->n_chunks;
    ret->samples = h->n_samples;
    ret->min_time = h->min_time;
    ret->max_time = h->max_time;
    ret->head_bytes = h->n_series * (sizeof(struct series) + 2 * sizeof(series_id)) +
                      h->symbols.bytes + pool_bytes(h->pool) +
                      h->late_samples * sizeof(struct late_sample);
}

static void count_blocks(struct storage *st, struct storage_stats *ret)
{
    struct view *v = view_take(&st->views);

    ret->lowest_time = ret->min_time;
    ret->blocks = v->n_blocks;
    for (size_t i = 0; i < v->n_blocks; i++) {
        const struct block *b = v->blocks[i];

        ret->block_bytes += b->file.len;
        ret->lowest_time = b->info.min_time < ret->lowest_time ? b->info.min_time
                                                               : ret->lowest_time;
    }
    view_give(v);
}

static void count_extras(struct storage *st, struct storage_stats *ret)
{
    struct exemplars *x = &st->exemplars;
    size_t bytes;

    ret->metadata_families = families_count(&st->families, &bytes);
    ret->metadata_bytes = bytes;
    ret->exemplars_appended = x->appended;
    ret->exemplars_out_of_order = x->out_of_order;
    ret->exemplars_max = x->max;
    WITH_LOCK(&x->lock);
    ret->exemplars = x->n;
    ret->exemplar_series = x->by_series.n;
}

static void copy_problem(struct storage *st, struct storage_stats *ret)
{
    WITH_LOCK(&st->problem_lock);
    for (size_t i = 0; i < STORAGE_WORKS && !ret->problem[0]; i++)
        snprintf(ret->problem, sizeof ret->problem, "%s", st->problems[i]);
}

void storage_stats(struct storage *st, struct storage_stats *ret)
{
    const struct commit_counters *c = &st->committer.counters;

    *ret = (struct storage_stats){
        .appended = c->appended,
        .out_of_order = c->verdicts[SAMPLE_OUT_OF_ORDER],
        .duplicate = c->verdicts[SAMPLE_DUPLICATE],
        .out_of_bounds = c->verdicts[SAMPLE_OUT_OF_BOUNDS],
        .too_old = c->verdicts[SAMPLE_TOO_OLD],
        .too_new = c->verdicts[SAMPLE_TOO_NEW],
        .unknown_ref = c->verdicts[SAMPLE_UNKNOWN_REF],
        .series_created = c->series_created,
        .series_removed = st->series_removed,
        .cuts = st->cuts,
        .cuts_failed = st->cuts_failed,
        .merges = st->merges,
        .merges_failed = st->merges_failed,
        .deletes = st->deletes,
        .fsyncs = st->log.syncs,
        .log_failed = c->failed,
        .damaged = st->damaged,
        .log_bytes = st->log.bytes,
        .image_bytes = st->image_bytes,
        .stopped = st->has_problem[WORK_LOG],
    };
    count_head(st, ret);
    count_blocks(st, ret);
    count_extras(st, ret);
    copy_problem(st, ret);
}

/* ---- what the labels are made of ----------------------------------------------------------- */

/* The `limit` largest, kept in order. */
struct best {
    struct storage_top *tops;
    size_t n, limit;
};

static void offer(struct best *b, uint64_t value, struct str first, struct str second)
{
    struct buf name = {0};
    size_t i;

    if (b->limit == 0 || (b->n == b->limit && value <= b->tops[b->n - 1].value))
        return;
    buf_add_str(&name, first);
    if (second.p) {
        buf_add_byte(&name, '=');
        buf_add_str(&name, second);
    }
    if (b->n == b->limit)
        free(b->tops[--b->n].name);
    for (i = b->n++; i > 0 && b->tops[i - 1].value < value; i--)
        b->tops[i] = b->tops[i - 1];
    b->tops[i] = (struct storage_top){buf_take(&name), value};
}

static void offer_pairs(const struct head *h, const struct label_name *name, struct best *by_metric,
                        struct best *by_pair, uint64_t *ret_bytes)
{
    bool is_metric = str_eq(symbol_str(name->symbol), LABEL_NAME);

    *ret_bytes = 0;
    for (size_t i = 0; i < name->n; i++) {
        const struct pair *p = h->symbols.pairs[name->pairs[i]];

        *ret_bytes += (uint64_t)p->value->len * p->series.n;
        offer(by_pair, p->series.n, symbol_str(p->name), symbol_str(p->value));
        if (is_metric)
            offer(by_metric, p->series.n, symbol_str(p->value), STR_NONE);
    }
}

void storage_cardinality(struct storage *st, size_t limit, struct storage_cardinality *ret)
{
    struct head *h = &st->head;
    struct best best[4];
    const struct label_name *name;

    for (size_t i = 0; i < ARRAY_LEN(best); i++)
        best[i] = (struct best){mem_array(limit, sizeof *best[i].tops), 0, limit};
    {
        WITH_READ(&h->index);
        for (size_t i = 0; (name = map_next(&h->symbols.names, &i));) {
            uint64_t bytes;

            offer_pairs(h, name, &best[0], &best[3], &bytes);
            offer(&best[1], name->n, symbol_str(name->symbol), STR_NONE);
            offer(&best[2], bytes, symbol_str(name->symbol), STR_NONE);
        }
    }
    *ret = (struct storage_cardinality){
        best[0].tops, best[1].tops, best[2].tops, best[3].tops,
        best[0].n,    best[1].n,    best[2].n,    best[3].n,
    };
}

static void tops_free(struct storage_top **tops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((*tops)[i].name);
    free(*tops);
    *tops = NULL;
}

void storage_cardinality_free(struct storage_cardinality *c)
{
    tops_free(&c->series_by_metric, c->n_series_by_metric);
    tops_free(&c->values_by_name, c->n_values_by_name);
    tops_free(&c->bytes_by_name, c->n_bytes_by_name);
    tops_free(&c->series_by_pair, c->n_series_by_pair);
    *c = (struct storage_cardinality){0};
}

/* ---- budgets ------------------------------------------------------------------------------- */

void storage_set_budget(struct storage *st, const struct config *c)
{
    budget_set(&st->budget, c);
}

void storage_budget(struct storage *st, struct storage_budget *ret)
{
    budget_view(&st->budget, ret);
}
