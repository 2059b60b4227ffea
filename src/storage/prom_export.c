/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a storage to Prometheus blocks, one for each window of two hours, which is what Prometheus
 * expects of young blocks and compacts itself.
 */
#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"
#include "storage/head_priv.h"
#include "storage/prom_block_writer_priv.h"
#include "storage/prom_chunk_priv.h"
#include "storage/storage_priv.h"

/* Samples that came late lie outside of the times that the head tells. */
static unix_ms next_late(struct head *h, unix_ms t)
{
    unix_ms least = INT64_MAX;
    const struct late *l;

    WITH_READ(&h->apply);
    for (size_t i = 0; (l = map_next(&h->late, &i));)
        for (uint32_t k = 0; k < l->n; k++)
            if (l->samples[k].t >= t && l->samples[k].t < least)
                least = l->samples[k].t;
    return least;
}

/* The first time from t on at which there may be samples; INT64_MAX when there is none. */
static unix_ms next_time(struct storage *st, unix_ms t)
{
    struct view *v = view_take(&st->views);
    unix_ms least = next_late(&st->head, t);
    struct storage_stats stats;

    for (size_t i = 0; i < v->n_blocks; i++) {
        const struct block_info *b = &v->blocks[i]->info;
        unix_ms begin = b->min_time > t ? b->min_time : t;

        if (b->max_time >= t && begin < least)
            least = begin;
    }
    view_give(v);
    storage_stats(st, &stats);
    if (stats.max_time >= t) {
        unix_ms begin = stats.min_time > t ? stats.min_time : t;

        least = begin < least ? begin : least;
    }
    return least;
}

static unix_ms window_of(unix_ms t)
{
    unix_ms r = t % BLOCK_RANGE_MS;

    return t - (r < 0 ? r + BLOCK_RANGE_MS : r);
}

static int write_series(const struct selection *s, size_t i, unix_ms from, unix_ms to,
                        struct columns *c, struct prom_block_writer *w, struct prom_counts *counts,
                        struct err *err)
{
    int r = s->reader->read(s, i, from, to, c, err);

    if (r < 0 || c->n == 0)
        return r;
    prom_block_writer_series(w, s->labels[i], c);
    counts->series++;
    counts->samples += c->n;
    for (size_t k = 0; c->histograms && k < c->n; k++)
        counts->histograms += c->histograms[k] != NULL;
    return w->error < 0 ? err_set(err, w->error, "write: %m") : 0;
}

static int write_selection(const struct selection *s, const struct prom_export_options *o,
                           unix_ms from, unix_ms to, struct prom_counts *counts, struct buf *report,
                           struct err *err)
{
    struct prom_counts own = {.blocks = 1};
    struct prom_block_writer w;
    struct columns c = {0};
    char ulid[PROM_ULID_LEN + 1];
    int r = prom_block_writer_open(&w, o->out, err);

    if (r < 0)
        return r;
    memcpy(ulid, w.ulid, sizeof ulid);
    for (size_t i = 0; i < s->n && r == 0; i++)
        r = write_series(s, i, from, to, &c, &w, &own, err);
    columns_deinit(&c);
    if (r < 0 || own.series == 0) {
        prom_block_writer_abort(&w);
        return r;
    }
    r = prom_block_writer_finish(&w, err);
    if (r < 0)
        return r;
    counts->blocks += own.blocks;
    counts->series += own.series;
    counts->samples += own.samples;
    counts->histograms += own.histograms;
    if (report)
        buf_addf(report, "%s\n", ulid);
    return 0;
}

static int write_window(struct storage *st, const struct prom_export_options *o, unix_ms from,
                        unix_ms to, struct prom_counts *counts, struct buf *report, struct err *err)
{
    const struct series_reader *reader = storage_reader(st);
    struct selection *s = NULL;
    int r = reader->select(reader->self, o->matchers, o->n_matchers, from, to, &s, err);

    if (r == 0 && s->n > 0)
        r = write_selection(s, o, from, to, counts, report, err);
    reader->release(s);
    return r;
}

/* promtool opens a folder only when there is a log in it, be it empty. */
static int make_folders(const char *out, struct err *err)
{
    CLEANUP(buf_free) struct buf wal = {0};

    buf_addf(&wal, "%s/wal", out);
    return file_make_dirs(wal.p, err);
}

int prom_export(struct storage *st, const struct prom_export_options *o, struct prom_counts *counts,
                struct buf *report, struct err *err)
{
    unix_ms t = o->from > -PROM_TIME_MAX ? o->from : -PROM_TIME_MAX;
    unix_ms end = o->to < PROM_TIME_MAX ? o->to : PROM_TIME_MAX;
    int r = make_folders(o->out, err);

    while (r == 0 && (t = next_time(st, t)) <= end) {
        unix_ms window_end = window_of(t) + BLOCK_RANGE_MS;

        r = write_window(st, o, t, window_end <= end ? window_end - 1 : end, counts, report, err);
        t = window_end;
    }
    return r;
}
