/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promql - asks a series reader questions in Prometheus' query language
 *
 * promql_parse() (ast.h) makes an expression, promql_instant() and promql_range() evaluate it. Who
 * asks the same again and again (a rule) prepares it once with promql_prepare(). A result owns all
 * that it shows and outlives expression, query and reader.
 *
 * Expressions are only read: threads may evaluate one at the same time. A struct promql_query
 * belongs to one thread at a time. A result belongs to one thread.
 */
#ifndef TOCSIN_PROMQL_PROMQL_H
#define TOCSIN_PROMQL_PROMQL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/defs.h"
#include "base/err.h"
#include "model/duration.h"
#include "model/histogram.h"
#include "promql/ast.h"
#include "promql/functions_table.h" /* for who looks at the calls of an expression */
#include "promql/histogram_math.h"  /* for who shows native histograms */
#include "promql/series_desc.h"

struct crew;
struct label_set;
struct series_reader;

#define PROMQL_LOOKBACK_MS      (5 * 60 * 1000)
#define PROMQL_TIMEOUT_MS       (2 * 60 * 1000)
#define PROMQL_MAX_SAMPLES      50000000
#define PROMQL_SUBQUERY_STEP_MS (60 * 1000)

/* A zeroed struct is what Prometheus 3.5 does without flags. The experimental functions and
 * duration expressions are the parser's matter, see struct promql_features. */
struct promql_options {
    dur_ms lookback;      /* how long a sample counts as the present one; 0: PROMQL_LOOKBACK_MS */
    dur_ms timeout;       /* of one evaluation; 0: PROMQL_TIMEOUT_MS */
    dur_ms subquery_step; /* of [1h:], the global evaluation interval; 0: PROMQL_SUBQUERY_STEP_MS */
    size_t max_samples;   /* held at a time; 0: PROMQL_MAX_SAMPLES */
    size_t max_bytes;     /* of memory; 0: what max_samples of 16 bytes take and some more */
    bool delayed_name_removal; /* feature promql-delayed-name-removal */
    bool type_and_unit_labels; /* feature type-and-unit-labels: rate() looks at __type__ */
    bool per_step_stats;       /* feature promql-per-step-stats: count the samples of each step */
    struct crew *crew;         /* range queries may use its threads; NULL: only the caller's */
    bool explain;              /* the result gets a plan; slower by some clock readings a series */
    const atomic_bool *cancel; /* becomes true from outside: stop; NULL: nobody will */
};

/* Samples of one series in the result. */
struct promql_series {
    const struct label_set *labels;
    size_t n;
    const unix_ms *times;
    const double *values;                      /* NaN where there is a histogram */
    const struct histogram *const *histograms; /* NULL: all are floats; else NULL for each float */
};

struct promql_annotation {
    bool warning;     /* else: info */
    const char *text; /* "PromQL warning: ...", zero-terminated, without position */
    unsigned line, col;
};

struct promql_stats {
    uint64_t samples_read; /* within the windows and look-backs that were asked for */
    uint64_t series_read;
    size_t samples_peak; /* held at the same time */
    size_t bytes_peak;
    /* samples_read by step, with per_step_stats; in the arena of the result */
    uint64_t *samples_per_step;
    size_t n_steps;
    unix_ms first_step;
    dur_ms step;
    mono_ns total, select, sort; /* of the time: finding series, ordering the result */
};

/* What a node of the expression cost. In order of evaluation, parents before their arguments. */
struct promql_plan_node {
    const struct promql_node *node;
    unsigned depth;  /* 0: the whole expression */
    size_t steps;    /* at which it was evaluated; 1: once for all */
    size_t series;   /* 0 for scalars */
    uint64_t values; /* samples of a range selector or subquery, values of an instant vector */
    bool shared;     /* computed for another node, which prints the same */
    mono_ns took;    /* with all below it */
};

/*
 * type       what is set
 * SCALAR     series[0] with one point and no labels
 * STRING     text
 * VECTOR     series with one point each, all at the time asked for; in order of sort(), if there is
 * one MATRIX     series sorted by labels, with any number of points from 1
 */
struct promql_result {
    enum promql_type type;
    struct promql_series *series;
    size_t n;
    struct str text;
    unix_ms time;                          /* asked for, of SCALAR, STRING and VECTOR */
    struct promql_annotation *annotations; /* without doubles */
    size_t n_annotations;
    struct promql_stats stats;
    struct promql_plan_node *
        *plan; /* with `explain`: nodes of the expression, which must be alive to show them */
    size_t n_plan;
    struct arena arena; /* owns all but the label sets, of which each series holds one reference */
};

/*
 * Each returns 0 and a result to be freed; or, with words in err:
 *   -ETIMEDOUT  the timeout passed (API: type "timeout")
 *   -ECANCELED  somebody set *cancel (API: type "canceled")
 *   -EINVAL     the expression cannot be evaluated on these data, or not as asked (type
 * "execution") -E2BIG      too many samples or bytes (type "execution") others      what the reader
 * said, as it said it (type "internal") opts may be NULL. A range result has points at start, start
 * + step ... up to end; step > 0 unless start == end. For a range the expression must be a scalar
 * or an instant vector.
 */
int promql_instant(const struct promql_expr *expr, const struct series_reader *reader,
                   const struct promql_options *opts, unix_ms t, struct promql_result **ret,
                   struct err *err);
int promql_range(const struct promql_expr *expr, const struct series_reader *reader,
                 const struct promql_options *opts, unix_ms start, unix_ms end, dur_ms step,
                 struct promql_result **ret, struct err *err);
void promql_result_free(struct promql_result *result);
DEFINE_FREEP(promql_result, struct promql_result)

/* A JSON object: what was touched in all, and "nodes" with depth, kind, expr, steps, series, values,
 * seconds and ownSeconds. For results with a plan. */
struct json_writer;
void promql_plan_json(const struct promql_result *r, struct json_writer *w);

/* A standing question: keeps its memory from one evaluation to the next. expr must outlive it. */
struct promql_query;
struct promql_query *promql_prepare(const struct promql_expr *expr,
                                    const struct promql_options *opts);
void promql_query_free(struct promql_query *q);
DEFINE_FREEP(promql_query, struct promql_query)
int promql_query_instant(struct promql_query *q, const struct series_reader *reader, unix_ms t,
                         struct promql_result **ret, struct err *err);
int promql_query_range(struct promql_query *q, const struct series_reader *reader, unix_ms start,
                       unix_ms end, dur_ms step, struct promql_result **ret, struct err *err);

#endif
