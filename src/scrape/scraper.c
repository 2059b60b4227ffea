/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scraper - one target's memory, and the way of a page into storage
 *
 * A page is mostly the last page with other numbers. So a hash of the raw text of every series
 * ("name{labels}") is kept with its storage reference, in the order of the page: the series
 * expected next is compared first, then the table is asked, and only a text never seen is parsed,
 * relabelled and given to storage for a reference. The text itself is not kept: it would be two
 * thirds of what a series takes here.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/sample.h"
#include "scrape/scrape_priv.h"

enum report {
    REPORT_UP,
    REPORT_DURATION,
    REPORT_SCRAPED,
    REPORT_KEPT,
    REPORT_ADDED,
    REPORTS,
};

static const char *const report_names[REPORTS] = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
};

struct entry {
    struct hash128 raw;  /* of its text */
    series_ref ref;      /* 0: dropped by metric_relabel_configs */
    struct entry *after; /* what followed it on the last page */
    uint32_t on;         /* number of the page it was read on last; numbers may come round again */
    bool live;  /* its last sample was stored and has not been ended by a staleness marker */
    bool timed; /* it brought its own time: no staleness marker */
    bool here;  /* on the last page */
};

struct scraper {
    const struct target *target;
    struct sample_sink sink;
    struct map entries;  /* by raw text */
    uint32_t page;       /* number of the page being taken */
    struct entry *first; /* of the last page */
    struct map former;   /* by reference: what the forebear had and no page of ours yet */
    series_ref reports[REPORTS];
    struct page_metadata *metadata; /* of the last good page; NULL: it said nothing */
    uint64_t metadata_hash;
    bool metadata_told; /* to storage */
    bool takes_native;

    /* of the page being taken */
    struct sample_row *rows;
    size_t n_rows, cap_rows;
    enum sample_verdict *verdicts;
    struct exemplar_row *exemplars; /* each with a reference to its labels */
    size_t n_exemplars, cap_exemplars;

    size_t usual_rows; /* of the last page */
};

struct scraper *scraper_new(const struct target *t, const struct sample_sink *sink)
{
    struct scraper *s = mem_zalloc(sizeof *s);

    s->target = t;
    s->sink = *sink;
    return s;
}

static void free_entries(struct map *m)
{
    struct entry *e;

    for (size_t i = 0; (e = map_next(m, &i));)
        free(e);
    map_deinit(m);
}

static void forget_entries(struct scraper *s)
{
    free_entries(&s->entries);
    free_entries(&s->former);
    s->first = NULL;
}

static void drop_exemplars(struct scraper *s)
{
    for (size_t i = 0; i < s->n_exemplars; i++)
        label_set_unref(s->exemplars[i].labels);
    mem_freep(&s->exemplars);
    s->exemplars = NULL;
    s->n_exemplars = s->cap_exemplars = 0;
}

void scraper_free(struct scraper *s)
{
    if (!s)
        return;
    forget_entries(s);
    drop_exemplars(s);
    page_metadata_unref(s->metadata);
    free(s->rows);
    free(s->verdicts);
    free(s);
}

/* ---- from forebear to heir ----------------------------------------------------------------- */

static bool entry_has_ref(const void *key, const void *value)
{
    return ((const struct entry *)value)->ref == *(const series_ref *)key;
}

static void move_living(struct map *from, struct map *to)
{
    struct entry *e;

    for (size_t i = 0; (e = map_next(from, &i));) {
        if (e->live && !map_get(to, e->ref, entry_has_ref, &e->ref))
            map_add(to, e->ref, e);
        else
            free(e);
    }
    map_deinit(from);
}

void scraper_inherit(struct scraper *s, struct scraper *from)
{
    move_living(&from->entries, &s->former);
    move_living(&from->former, &s->former);
    from->first = NULL;
    s->metadata = TAKE(from->metadata);
    s->metadata_hash = from->metadata_hash;
    s->metadata_told = from->metadata_told;
    memcpy(s->reports, from->reports, sizeof s->reports);
}

/* A series that the forebear had goes on: it is not new, and it ends like any other. */
static bool take_former(struct scraper *s, struct entry *e)
{
    struct entry *former = map_remove(&s->former, e->ref, entry_has_ref, &e->ref);

    if (!former)
        return false;
    e->live = true;
    free(former);
    return true;
}

/* ---- labels -------------------------------------------------------------------------------- */

/* A scraped label that the target has too is kept as exported_<name>, with as many prefixes as it
 * takes. */
static void keep_as_exported(struct label_builder *b, struct str name, struct str value)
{
    CLEANUP(buf_free) struct buf exported = {0}, longer = {0};

    buf_add_str(&exported, name);
    do {
        buf_reset(&longer);
        buf_addf(&longer, "exported_%s", exported.p);
        buf_reset(&exported);
        buf_add_str(&exported, buf_str(&longer));
    } while (label_builder_get(b, buf_str(&exported)).len);
    label_builder_set(b, buf_str(&exported), value);
}

static void add_target_labels(const struct target *t, struct label_builder *b)
{
    for (size_t i = 0; i < label_set_count(t->labels); i++) {
        struct label l = label_set_at(t->labels, i);
        struct str scraped = label_builder_get(b, l.name);

        if (scraped.len && t->job->honor_labels)
            continue;
        if (scraped.len) {
            CLEANUP(mem_freep) char *value = str_dup(scraped);

            keep_as_exported(b, l.name, str_n(value, scraped.len));
        }
        label_builder_set(b, l.name, l.value);
    }
}

static int check_limits(const struct config_scrape *job, const struct label_set *ls,
                        struct err *err)
{
    struct str metric = label_set_get(ls, LABEL_NAME);

    if (job->label_limit && label_set_count(ls) > job->label_limit)
        return err_set(err, -E2BIG,
                       "label_limit exceeded (metric: %.*s, number of labels: %zu, limit: %llu)",
                       STR_ARG(metric), label_set_count(ls), (unsigned long long)job->label_limit);
    for (size_t i = 0; i < label_set_count(ls); i++) {
        struct label l = label_set_at(ls, i);

        if (job->label_name_length_limit && l.name.len > job->label_name_length_limit)
            return err_set(
                err, -E2BIG,
                "label_name_length_limit exceeded (metric: %.*s, label name: %.*s, length: %zu, limit: %llu)",
                STR_ARG(metric), STR_ARG(l.name), l.name.len,
                (unsigned long long)job->label_name_length_limit);
        if (job->label_value_length_limit && l.value.len > job->label_value_length_limit)
            return err_set(
                err, -E2BIG,
                "label_value_length_limit exceeded (metric: %.*s, label name: %.*s, length: %zu, limit: %llu)",
                STR_ARG(metric), STR_ARG(l.name), l.value.len,
                (unsigned long long)job->label_value_length_limit);
    }
    return 0;
}

/* Sets *ret to the reference of the series that a line of the page means, or 0 when relabelling
 * drops it. 1, and no reference: storage has no room for it. */
static int resolve(struct scraper *s, const struct exposition_reader *r,
                   const struct exposition_entry *line, series_ref *ret, struct err *err)
{
    const struct config_scrape *job = s->target->job;
    struct label_builder b = {0};
    struct label_set *ls = NULL;
    int status = exposition_labels(r, line, &b, err);

    if (status == 0)
        add_target_labels(s->target, &b);
    if (status == 0 && relabel(&b, job->metric_relabel, job->n_metric_relabel) >= 0) {
        *ret = 0;
    } else if (status == 0) {
        ls = label_builder_build(&b);
        if (label_set_get(ls, LABEL_NAME).len == 0)
            status = err_set(err, -EINVAL, "missing metric name (__name__ label)");
        else if ((status = check_limits(job, ls, err)) == 0)
            status = s->sink.series(s->sink.self, ls, ret, err);
        if (status == -ENOSPC) /* past a budget of series: this one is left out */
            status = 1;
    }
    label_set_unref(ls);
    label_builder_deinit(&b);
    return status;
}

/* ---- entries ------------------------------------------------------------------------------- */

static bool entry_has_raw(const void *key, const void *value)
{
    const struct hash128 *a = key, *b = &((const struct entry *)value)->raw;

    return a->low == b->low && a->high == b->high;
}

/* The entry of a line: the one that followed `previous` on the last page, or any of that text, or a
 * new one. 1: there is none, storage has no room for the series. That is not kept in mind: there may
 * be room at the next page, and refused texts are those that never come back. */
static int find_entry(struct scraper *s, const struct exposition_reader *r,
                      const struct exposition_entry *line, struct entry *previous,
                      struct entry **ret, bool *is_new, struct err *err)
{
    struct entry *e = previous ? previous->after : s->first;
    struct hash128 raw = hash_bytes_128(line->raw.p, line->raw.len);
    series_ref ref = 0;
    int status;

    *is_new = false;
    if (!e || !entry_has_raw(&raw, e)) {
        e = map_get(&s->entries, raw.low, entry_has_raw, &raw);
        if (!e) {
            status = resolve(s, r, line, &ref, err);
            if (status != 0)
                return status;
            e = mem_zalloc(sizeof *e);
            e->raw = raw;
            e->ref = ref;
            map_add(&s->entries, raw.low, e);
            *is_new = !take_former(s, e);
        }
        if (previous)
            previous->after = e;
        else
            s->first = e;
    }
    *ret = e;
    return 0;
}

static void add_row(struct scraper *s, series_ref ref, unix_ms t, double v)
{
    *VEC_PUSH(s->rows, s->n_rows, s->cap_rows) = (struct sample_row){.ref = ref, .t = t, .v = v};
}

/* One whose labels are bad is left out: its sample is good all the same. */
static void add_exemplar(struct scraper *s, const struct exposition_reader *r,
                         const struct exposition_entry *line, series_ref ref, unix_ms t)
{
    struct label_builder b = {0};

    if (exposition_exemplar_labels(r, line, &b, NULL) == 0)
        *VEC_PUSH(s->exemplars, s->n_exemplars, s->cap_exemplars) = (struct exemplar_row){
            .ref = ref,
            .labels = label_builder_build(&b),
            .t = line->exemplar_has_time ? line->exemplar_time : t,
            .has_time = line->exemplar_has_time,
            .v = line->exemplar_value};
    label_builder_deinit(&b);
}

/* Metadata is read in a second turn, and only when it is not that of the last page. */
static void take_metadata(struct scraper *s, struct str page, enum exposition_format format,
                          uint64_t hash)
{
    if (hash == s->metadata_hash)
        return;
    page_metadata_unref(s->metadata);
    s->metadata = hash ? page_metadata_new(page, format) : NULL;
    s->metadata_hash = hash;
    s->metadata_told = false;
}

struct page_metadata *scraper_metadata(const struct scraper *s)
{
    return s->metadata;
}

size_t scraper_texts(const struct scraper *s)
{
    return s->entries.n;
}

void scraper_take_native(struct scraper *s)
{
    s->takes_native = true;
}

/* Rows of the samples of a page in text. With `natives` its values are indexes of them. *previous is
 * the entry of the line before. */
static int read_lines(struct scraper *s, struct str page, enum exposition_format format,
                      const struct proto_page *natives, struct entry **previous_line,
                      uint64_t *metadata, unix_ms now, struct scrape_outcome *o, struct err *err)
{
    const struct config_scrape *job = s->target->job;
    struct exposition_reader r;
    struct exposition_entry line;
    struct entry *previous = *previous_line;
    int status;

    exposition_reader_init(&r, page, format);
    while ((status = exposition_next(&r, &line, err)) == 0 && line.kind != EXPOSITION_END) {
        struct entry *e;
        bool is_new;
        unix_ms t;

        if (line.kind != EXPOSITION_SERIES) {
            page_metadata_note(metadata, &line);
            continue;
        }
        o->scraped++;
        status = find_entry(s, &r, &line, previous, &e, &is_new, err);
        if (status < 0)
            return status;
        if (status > 0) {
            o->refused++;
            continue;
        }
        previous = e;
        previous->on = s->page;
        if (previous->ref == 0)
            continue;
        previous->timed = line.has_time && job->honor_timestamps &&
                          !job->track_timestamps_staleness;
        o->added += is_new;
        o->kept++;
        if (job->sample_limit && o->kept > job->sample_limit)
            return err_set(err, -E2BIG, "sample limit exceeded");
        t = line.has_time && job->honor_timestamps ? line.time : now;
        add_row(s, previous->ref, t, natives ? 0 : line.value);
        if (natives)
            s->rows[s->n_rows - 1].h = natives->histograms[(size_t)line.value];
        if (line.has_exemplar && s->sink.keeps_exemplars)
            add_exemplar(s, &r, &line, previous->ref, t);
    }
    *previous_line = previous;
    return status;
}

/* Rows of the page's samples; nothing is stored yet. Rows of a protobuf page point into `proto`. */
static int read_page(struct scraper *s, struct str page, enum exposition_format format,
                     struct proto_page *proto, unix_ms now, struct scrape_outcome *o,
                     struct err *err)
{
    struct proto_options options = {s->takes_native,
                                    s->target->job->always_scrape_classic_histograms};
    struct entry *previous = NULL;
    uint64_t metadata = 0;
    int status = 0;

    if (format == EXPOSITION_PROTOBUF) {
        status = proto_page_read(page, &options, proto, err);
        page = buf_str(&proto->text);
        format = EXPOSITION_OPENMETRICS;
    }
    if (status == 0)
        status = read_lines(s, page, format, NULL, &previous, &metadata, now, o, err);
    if (status == 0 && proto->n_histograms > 0)
        status = read_lines(s, buf_str(&proto->natives), format, proto, &previous, &metadata, now,
                            o, err);
    if (status == 0)
        take_metadata(s, page, format, metadata);
    return status;
}

/* ---- commit -------------------------------------------------------------------------------- */

static void end_former(struct scraper *s, unix_ms now)
{
    struct entry *e;

    for (size_t i = 0; (e = map_next(&s->former, &i));)
        if (!e->timed)
            add_row(s, e->ref, now, stale_nan());
    free_entries(&s->former);
}

/* Series that did not stand on this page end now. Texts that did not, also of those that relabelling
 * drops, are forgotten. */
static void end_vanished(struct scraper *s, unix_ms now)
{
    struct map kept = {0};
    struct entry *e;
    size_t vanished = 0;

    end_former(s, now);
    for (size_t i = 0; (e = map_next(&s->entries, &i));) {
        bool here = e->on == s->page;

        if (!here && e->live && !e->timed)
            add_row(s, e->ref, now, stale_nan());
        e->live = here && e->ref;
        e->here = here;
        vanished += !here;
    }
    if (!vanished)
        return;
    for (size_t i = 0; (e = map_next(&s->entries, &i));)
        if (e->here)
            map_add(&kept, e->raw.low, e);
    for (size_t i = 0; (e = map_next(&s->entries, &i));) {
        if (!e->here)
            free(e);
        else
            e->after = NULL; /* it may lead to what is freed: the next page finds its order again */
    }
    map_deinit(&s->entries);
    s->entries = kept;
    s->first = NULL;
}

static int report_ref(struct scraper *s, enum report which, struct err *err)
{
    struct label_builder b;
    struct label_set *ls;
    int r;

    if (s->reports[which])
        return 0;
    label_builder_init(&b, s->target->labels);
    label_builder_set(&b, LABEL_NAME, str_c(report_names[which]));
    ls = label_builder_build(&b);
    label_builder_deinit(&b);
    r = sample_sink_own_series(&s->sink, ls, &s->reports[which], err);
    label_set_unref(ls);
    return r;
}

static void add_report_rows(struct scraper *s, const double values[REPORTS], unix_ms now)
{
    for (int i = 0; i < REPORTS; i++)
        if (report_ref(s, (enum report)i, NULL) == 0)
            add_row(s, s->reports[i], now, values[i]);
}

/* References that storage has dropped are forgotten, so that the next page asks for new ones. */
static bool forget_unknown(struct scraper *s)
{
    for (size_t i = 0; i < s->n_rows; i++)
        if (s->verdicts[i] == SAMPLE_UNKNOWN_REF) {
            forget_entries(s);
            memset(s->reports, 0, sizeof s->reports);
            return true;
        }
    return false;
}

static int commit(struct scraper *s, struct err *err)
{
    struct sample_batch b;
    int r;

    s->verdicts = mem_resize(s->verdicts, s->n_rows, sizeof *s->verdicts);
    b = (struct sample_batch){.rows = s->rows,
                              .n_rows = s->n_rows,
                              .exemplars = s->exemplars,
                              .n_exemplars = s->n_exemplars};
    if (s->metadata && !s->metadata_told) {
        b.metadata = s->metadata->v;
        b.n_metadata = s->metadata->n;
    }
    r = sample_sink_commit_batch(&s->sink, &b, COMMIT_SKIP_BAD, s->verdicts, NULL, err);
    s->metadata_told |= r == 0;
    return r;
}

static void begin(struct scraper *s, struct scrape_outcome *o)
{
    *o = (struct scrape_outcome){0};
    s->page++;
    s->n_rows = 0;
    drop_exemplars(s);
    if (!s->rows && s->usual_rows) {
        s->cap_rows = s->usual_rows;
        s->rows = mem_array(s->cap_rows, sizeof *s->rows);
    }
}

/* Between two pages the next target has this memory: kept by each, it would be a third of what its
 * series take here. */
static void give_back_rows(struct scraper *s)
{
    s->usual_rows = s->n_rows;
    s->n_rows = s->cap_rows = 0;
    drop_exemplars(s);
    mem_freep(&s->rows);
    mem_freep(&s->verdicts);
    s->rows = NULL;
    s->verdicts = NULL;
}

/* Returns true when storage had forgotten references: the page has to be taken once more. */
static bool finish(struct scraper *s, struct scrape_outcome *o, unix_ms now, int64_t duration_ns)
{
    double values[REPORTS] = {
        [REPORT_UP] = o->err.code == 0,        [REPORT_DURATION] = (double)duration_ns / 1e9,
        [REPORT_SCRAPED] = (double)o->scraped, [REPORT_KEPT] = (double)o->kept,
        [REPORT_ADDED] = (double)o->added,
    };

    bool again;

    end_vanished(s, now);
    add_report_rows(s, values, now);
    again = commit(s, &o->err) == 0 && forget_unknown(s);
    give_back_rows(s);
    return again;
}

/* Nothing of a page is stored; `scraped` and `kept` of its samples were read. With new references
 * when storage had forgotten some, so that up=0 is never lost. */
static void fail(struct scraper *s, const struct err *why, size_t scraped, size_t kept, unix_ms now,
                 int64_t duration_ns, struct scrape_outcome *ret)
{
    for (int attempt = 0;; attempt++) {
        begin(s, ret);
        ret->err = *why;
        ret->scraped = scraped;
        ret->kept = kept;
        if (!finish(s, ret, now, duration_ns) || attempt)
            return;
    }
}

/* `down` says why the target is down although it gave a page; NULL: it is up. */
static void take(struct scraper *s, struct str page, enum exposition_format format,
                 const struct err *down, unix_ms now, int64_t duration_ns,
                 struct scrape_outcome *ret)
{
    struct err why = {0};

    for (int attempt = 0;; attempt++) {
        CLEANUP(proto_page_deinit) struct proto_page proto = {0};

        begin(s, ret);
        if (read_page(s, page, format, &proto, now, ret, &why) < 0) {
            fail(s, &why, ret->scraped, ret->kept, now, duration_ns, ret);
            return;
        }
        if (down)
            ret->err = *down;
        /* With new references; what was stored already is met again as the same sample. */
        if (!finish(s, ret, now, duration_ns) || attempt)
            return;
    }
}

void scraper_take(struct scraper *s, struct str page, enum exposition_format format, unix_ms now,
                  int64_t duration_ns, struct scrape_outcome *ret)
{
    take(s, page, format, NULL, now, duration_ns, ret);
}

void scraper_take_down(struct scraper *s, struct str page, enum exposition_format format,
                       const struct err *why, unix_ms now, int64_t duration_ns,
                       struct scrape_outcome *ret)
{
    take(s, page, format, why, now, duration_ns, ret);
}

void scraper_fail(struct scraper *s, const struct err *why, unix_ms now, int64_t duration_ns,
                  struct scrape_outcome *ret)
{
    fail(s, why, 0, 0, now, duration_ns, ret);
}

/* A target that was never scraped has nothing to end. */
void scraper_end(struct scraper *s, unix_ms now)
{
    struct scrape_outcome o;

    begin(s, &o);
    end_vanished(s, now);
    for (int i = 0; i < REPORTS; i++)
        if (s->reports[i])
            add_row(s, s->reports[i], now, stale_nan());
    if (s->n_rows)
        commit(s, NULL);
}
