/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/annotations.h"

#include <stdarg.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/quote.h"

void notes_deinit(struct notes *notes)
{
    map_deinit(&notes->seen);
    mem_freep(&notes->list);
    *notes = (struct notes){0};
}

static bool text_eq(const void *key, const void *value)
{
    const struct promql_annotation *a = value;

    return str_eq(*(const struct str *)key, str_c(a->text));
}

/* A text that is there already is the same annotation: the first place counts. */
static void note_add(struct eval *e, bool warning, const struct promql_node *at, const char *fmt,
                     va_list ap)
{
    struct notes *notes = e->notes;
    struct buf b = {.max = NOTE_TEXT_MAX};
    struct promql_annotation *a;
    struct str text;
    uint64_t hash;

    buf_add_c(&b, warning ? "PromQL warning: " : "PromQL info: ");
    buf_vaddf(&b, fmt, ap);
    text = buf_str(&b);
    hash = hash_bytes(text.p, text.len);
    if (!map_get(&notes->seen, hash, text_eq, &text) && notes->n < NOTES_MAX) {
        a = arena_zalloc(notes->arena, sizeof *a);
        a->warning = warning;
        a->text = arena_strdup(notes->arena, text);
        promql_position(e->expr->text, at->start, &a->line, &a->col);
        map_add(&notes->seen, hash, a);
        *VEC_PUSH(notes->list, notes->n, notes->cap) = a;
    }
    buf_free(&b);
}

void note_warn(struct eval *e, const struct promql_node *at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    note_add(e, true, at, fmt, ap);
    va_end(ap);
}

void note_info(struct eval *e, const struct promql_node *at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    note_add(e, false, at, fmt, ap);
    va_end(ap);
}

static const char *quoted(struct buf *b, struct str name)
{
    quote_add_go(b, name);
    return b->p;
}

#define METRIC_NOTE(function, level, words)                                                        \
    void function(struct eval *e, const struct promql_node *at, struct str metric)                 \
    {                                                                                              \
        struct buf b = {0};                                                                        \
                                                                                                   \
        level(e, at, words "%s", quoted(&b, metric));                                              \
        buf_free(&b);                                                                              \
    }

METRIC_NOTE(note_mixed_samples, note_warn,
            "encountered a mix of histograms and floats for metric name ")
METRIC_NOTE(note_mixed_histograms, note_warn,
            "vector contains a mix of classic and native histograms for metric name ")
METRIC_NOTE(note_not_counter, note_warn, "this native histogram metric is not a counter: ")
METRIC_NOTE(note_not_gauge, note_warn, "this native histogram metric is not a gauge: ")
METRIC_NOTE(note_mixed_schemas, note_warn,
            "vector contains a mix of histograms with exponential and custom buckets schemas for "
            "metric name ")
METRIC_NOTE(note_different_bounds, note_warn,
            "vector contains histograms with incompatible custom buckets for metric name ")
METRIC_NOTE(note_no_counter_name, note_info,
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ")
METRIC_NOTE(
    note_forced_monotonic, note_info,
    "input to histogram_quantile needed to be fixed for monotonicity (see "
    "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) for "
    "metric name ")
METRIC_NOTE(note_histograms_ignored, note_info,
            "ignored histograms in a range containing both floats and histograms for metric name ")
METRIC_NOTE(note_quantile_is_nan, note_info,
            "input to histogram_quantile has NaN observations, result is NaN for metric name ")
METRIC_NOTE(note_quantile_is_skewed, note_info,
            "input to histogram_quantile has NaN observations, result is skewed higher for metric "
            "name ")
METRIC_NOTE(
    note_fraction_has_nan, note_info,
    "input to histogram_fraction has NaN observations, which are excluded from all fractions "
    "for metric name ")

void note_misfit(struct eval *e, const struct promql_node *at, enum hist_fit fit, struct str metric)
{
    if (fit == HIST_MIXED_SCHEMAS)
        note_mixed_schemas(e, at, metric);
    else if (fit == HIST_DIFFERENT_BOUNDS)
        note_different_bounds(e, at, metric);
}

void note_bad_bucket(struct eval *e, const struct promql_node *at, struct str le, struct str metric)
{
    struct buf b = {0}, b2 = {0};

    note_warn(e, at,
              "bucket label \"le\" is missing or has a malformed value of %s for metric name %s",
              quoted(&b, le), quoted(&b2, metric));
    buf_free(&b);
    buf_free(&b2);
}

void note_no_counter_type(struct eval *e, const struct promql_node *at, struct str type,
                          struct str metric)
{
    struct buf b = {0}, b2 = {0};

    note_info(e, at,
              "metric might not be a counter, __type__ label is not set to \"counter\", got %s: %s",
              quoted(&b, type), quoted(&b2, metric));
    buf_free(&b);
    buf_free(&b2);
}

void note_number(struct eval *e, const struct promql_node *at, const char *words, double v)
{
    struct buf b = {0};

    num_add_short(&b, v);
    note_warn(e, at, "%s%s", words, b.p);
    buf_free(&b);
}
