/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/series_desc.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "model/label_set.h"
#include "model/sample.h"
#include "promql/histogram_math.h"
#include "promql/parse_priv.h"

static const char values_context[] = "series values";

/* ---- the metric */

static void parse_label_item(struct parser *p, struct label *ret)
{
    enum token_kind kind = parser_peek(p);
    struct token t;

    if (kind != TOKEN_IDENTIFIER && kind != TOKEN_STRING) {
        parser_unexpected(p, "label set", "identifier or \"}\"");
        return;
    }
    t = parser_take(p);
    ret->name = kind == TOKEN_STRING ? parser_unquote(p, t) : token_text(&p->lex, t);
    if (kind == TOKEN_STRING && parser_peek(p) != TOKEN_EQL) {
        *ret = (struct label){LABEL_NAME, ret->name};
        return;
    }
    if (!parser_expect(p, TOKEN_EQL, "label set", "\"=\""))
        return;
    if (parser_peek(p) == TOKEN_STRING)
        ret->value = parser_unquote(p, parser_take(p));
    else
        parser_unexpected(p, "label set", "string");
}

static const struct label_set *parse_metric(struct parser *p)
{
    struct label *labels = NULL;
    size_t n = 0, cap = 0;
    struct str name = STR_NONE;

    if (parser_is_metric_name(parser_peek(p)))
        name = token_text(&p->lex, parser_take(p));
    if (parser_accept(p, TOKEN_LEFT_BRACE)) {
        while (!parser_accept(p, TOKEN_RIGHT_BRACE) && !p->code) {
            labels = parser_grow(p, labels, n, &cap, sizeof *labels);
            parse_label_item(p, &labels[n++]);
            if (parser_peek(p) != TOKEN_RIGHT_BRACE)
                parser_expect(p, TOKEN_COMMA, "label set", "\",\" or \"}\"");
        }
    }
    if (name.len > 0) {
        labels = parser_grow(p, labels, n, &cap, sizeof *labels);
        labels[n++] = (struct label){LABEL_NAME, name};
    }
    return p->code ? NULL : label_set_new(labels, n);
}

/* ---- values */

static void add_value(struct parser *p, struct series_desc *d, struct series_value v)
{
    if (d->n >= SERIES_DESC_VALUES_MAX) {
        parser_fail_code(p, -E2BIG, "series has more than %d values", SERIES_DESC_VALUES_MAX);
        return;
    }
    if (p->arena->overflow) {
        parser_fail_code(p, -E2BIG, "series takes more than %u bytes", SERIES_DESC_MEMORY_MAX);
        return;
    }
    d->values = parser_grow(p, d->values, d->n, &d->cap, sizeof *d->values);
    d->values[d->n++] = v;
}

/* A count without sign, point or exponent. */
static uint64_t parse_count(struct parser *p)
{
    uint64_t n = 0;
    struct token t;

    if (parser_peek(p) != TOKEN_NUMBER) {
        parser_unexpected(p, values_context, NULL);
        return 0;
    }
    t = parser_take(p);
    if (!num_parse_u64(token_text(&p->lex, t), &n))
        parser_fail_quoted(p, t.start,
                           "invalid repetition in series values: strconv.ParseUint: parsing ",
                           token_text(&p->lex, t), ": invalid syntax");
    return n;
}

static uint64_t parse_times(struct parser *p)
{
    parser_expect(p, TOKEN_TIMES, values_context, NULL);
    return parse_count(p);
}

static bool is_number(enum token_kind kind)
{
    return kind == TOKEN_NUMBER || kind == TOKEN_DURATION;
}

static double parse_signed_number(struct parser *p, const char *context, const char *expected)
{
    bool minus = parser_peek(p) == TOKEN_SUB;
    double v;

    if (minus || parser_peek(p) == TOKEN_ADD)
        parser_take(p);
    if (!is_number(parser_peek(p))) {
        parser_unexpected(p, context, expected);
        return 0;
    }
    v = parser_number(p, parser_take(p));
    return minus ? -v : v;
}

static double parse_value(struct parser *p)
{
    if (parser_peek(p) != TOKEN_IDENTIFIER)
        return parse_signed_number(p, values_context, NULL);
    if (!str_eq_c(token_text(&p->lex, p->next), "stale"))
        parser_unexpected(p, values_context, "number or \"stale\"");
    parser_take(p);
    return stale_nan();
}

static void parse_floats(struct parser *p, struct series_desc *d)
{
    double v = parse_value(p), step = 0;
    uint64_t times = 0;

    if (parser_peek(p) == TOKEN_ADD || parser_peek(p) == TOKEN_SUB) {
        step = parse_signed_number(p, values_context, NULL);
        times = parse_times(p);
    } else if (parser_peek(p) == TOKEN_TIMES) {
        times = parse_times(p);
    }
    for (uint64_t i = 0; i <= times && !p->code; i++) {
        add_value(p, d, (struct series_value){.v = v});
        if (step != 0)
            v += step;
    }
}

static void parse_gaps(struct parser *p, struct series_desc *d)
{
    uint64_t n = 1;

    parser_take(p);
    if (parser_peek(p) == TOKEN_TIMES)
        n = parse_times(p);
    for (uint64_t i = 0; i < n && !p->code; i++)
        add_value(p, d, (struct series_value){.omitted = true});
}

/* ---- histograms */

struct buckets {
    double *counts;
    size_t n;
    int32_t offset;
};

struct hist_desc {
    struct parser *p;
    const char *context, *expected; /* of messages */
    unsigned seen;                  /* keys, one bit each */
    struct histogram *h;
    struct buckets positive, negative, bounds;
};

static double hist_number(struct hist_desc *hd)
{
    return parse_signed_number(hd->p, hd->context, hd->expected);
}

static int32_t hist_int(struct hist_desc *hd, int64_t least, int64_t most)
{
    bool minus = parser_accept(hd->p, TOKEN_SUB);
    uint64_t n = parse_count(hd->p);
    int64_t v;

    if (n > INT32_MAX)
        n = INT32_MAX;
    v = minus ? -(int64_t)n : (int64_t)n;
    if (v < least || v > most) {
        parser_fail(hd->p, hd->p->last.start, "number %lld is not between %lld and %lld",
                    (long long)v, (long long)least, (long long)most);
        return 0;
    }
    return (int32_t)v;
}

static void hist_list(struct hist_desc *hd, struct buckets *b)
{
    struct parser *p = hd->p;
    size_t cap = 0;

    parser_expect(p, TOKEN_LEFT_BRACKET, hd->context, hd->expected);
    do {
        b->counts = parser_grow(p, b->counts, b->n, &cap, sizeof *b->counts);
        b->counts[b->n++] = hist_number(hd);
        if (parser_peek(p) != TOKEN_RIGHT_BRACKET)
            parser_expect(p, TOKEN_SPACE, hd->context, hd->expected);
    } while (!p->code && !parser_accept(p, TOKEN_RIGHT_BRACKET));
}

static void hist_schema(struct hist_desc *hd)
{
    hd->h->schema = hist_int(hd, HISTOGRAM_CUSTOM_SCHEMA, 8);
    if (hd->h->schema < -4 && hd->h->schema != HISTOGRAM_CUSTOM_SCHEMA)
        parser_fail(hd->p, hd->p->last.start, "there is no schema %d", hd->h->schema);
}

static void hist_hint(struct hist_desc *hd)
{
    enum token_kind kind = parser_peek(hd->p);

    if (kind < TOKEN_HINT_UNKNOWN || kind > TOKEN_HINT_GAUGE) {
        parser_unexpected(hd->p, hd->context, hd->expected);
        return;
    }
    parser_take(hd->p);
    hd->h->hint = (enum counter_reset_hint)(kind - TOKEN_HINT_UNKNOWN);
}

static void hist_member(struct hist_desc *hd, enum token_kind key)
{
    switch (key) {
    case TOKEN_KEY_SUM: hd->h->sum = hist_number(hd); break;
    case TOKEN_KEY_COUNT: hd->h->count = hist_number(hd); break;
    case TOKEN_KEY_SCHEMA: hist_schema(hd); break;
    case TOKEN_KEY_OFFSET: hd->positive.offset = hist_int(hd, -INT32_MAX, INT32_MAX); break;
    case TOKEN_KEY_N_OFFSET: hd->negative.offset = hist_int(hd, -INT32_MAX, INT32_MAX); break;
    case TOKEN_KEY_BUCKETS: hist_list(hd, &hd->positive); break;
    case TOKEN_KEY_N_BUCKETS: hist_list(hd, &hd->negative); break;
    case TOKEN_KEY_Z_BUCKET: hd->h->zero_count = hist_number(hd); break;
    case TOKEN_KEY_Z_BUCKET_W: hd->h->zero_threshold = hist_number(hd); break;
    case TOKEN_KEY_CUSTOM_VALUES: hist_list(hd, &hd->bounds); break;
    default: hist_hint(hd); break;
    }
}

static void hist_item(struct hist_desc *hd)
{
    struct parser *p = hd->p;
    enum token_kind key = parser_peek(p);
    struct token t;

    if (key < TOKEN_KEY_SUM || key > TOKEN_KEY_COUNTER_RESET_HINT) {
        parser_unexpected(p, hd->context, hd->expected);
        return;
    }
    t = parser_take(p);
    if (hd->seen & (1u << (key - TOKEN_KEY_SUM)))
        parser_fail_quoted(p, 0, "duplicate key ", token_text(&p->lex, t), " in histogram");
    hd->seen |= 1u << (key - TOKEN_KEY_SUM);
    parser_expect(p, TOKEN_COLON, hd->context, hd->expected);
    if (!p->code)
        hist_member(hd, key);
}

static const struct histogram_span *hist_span(struct parser *p, const struct buckets *b)
{
    struct histogram_span *span = arena_zalloc(p->arena, sizeof *span);

    *span = (struct histogram_span){b->offset, (uint32_t)b->n};
    return span;
}

static const struct histogram *hist_finish(struct hist_desc *hd)
{
    struct histogram *h = hd->h;

    if (hd->positive.n > 0) {
        h->positive_spans = hist_span(hd->p, &hd->positive);
        h->n_positive_spans = 1;
        h->positive = hd->positive.counts;
        h->n_positive = (uint32_t)hd->positive.n;
    }
    if (hd->negative.n > 0) {
        h->negative_spans = hist_span(hd->p, &hd->negative);
        h->n_negative_spans = 1;
        h->negative = hd->negative.counts;
        h->n_negative = (uint32_t)hd->negative.n;
    }
    h->bounds = hd->bounds.counts;
    h->n_bounds = (uint32_t)hd->bounds.n;
    return h;
}

/* {{key:value key:value}}, one blank or more between the members */
static const struct histogram *parse_histogram(struct parser *p)
{
    struct hist_desc hd = {.p = p, .context = values_context};

    hd.h = arena_zalloc(p->arena, sizeof *hd.h);
    parser_expect(p, TOKEN_OPEN_HIST, values_context, NULL);
    if (parser_accept(p, TOKEN_SPACE)) {
        parser_expect(p, TOKEN_CLOSE_HIST, values_context, NULL);
        return hd.h;
    }
    while (!p->code && !parser_accept(p, TOKEN_CLOSE_HIST)) {
        hist_item(&hd);
        hd.context = "histogram description";
        hd.expected = "histogram description key, e.g. buckets:[5 10 7]";
        if (parser_peek(p) != TOKEN_CLOSE_HIST)
            parser_expect(p, TOKEN_SPACE, hd.context, hd.expected);
    }
    return hist_finish(&hd);
}

static void combine(struct parser *p, struct hist_acc *acc, const struct histogram *step,
                    bool minus)
{
    enum hist_fit fit = HIST_FIT;

    if (acc->schema > step->schema) {
        parser_fail(p, p->last.start,
                    "error combining histograms: cannot merge from schema %d to %d", step->schema,
                    acc->schema);
        return;
    }
    fit = minus ? hist_acc_sub(acc, step) : hist_acc_add(acc, step);
    if (fit == HIST_MIXED_SCHEMAS)
        parser_fail(p, p->last.start,
                    "error combining histograms: exponential and custom buckets do not mix");
    else if (fit == HIST_DIFFERENT_BOUNDS)
        parser_fail(p, p->last.start,
                    "error combining histograms: the custom buckets have different bounds");
}

static void parse_histograms(struct parser *p, struct series_desc *d)
{
    const struct histogram *h = parse_histogram(p), *step = NULL;
    bool minus = parser_peek(p) == TOKEN_SUB;
    struct hist_acc acc;
    uint64_t times = 0;

    if (minus || parser_peek(p) == TOKEN_ADD) {
        parser_take(p);
        step = parse_histogram(p);
        times = parse_times(p);
    } else if (parser_peek(p) == TOKEN_TIMES) {
        times = parse_times(p);
    }
    if (p->code)
        return;
    hist_acc_init(&acc, p->arena);
    hist_acc_set(&acc, h);
    add_value(p, d, (struct series_value){.histogram = h});
    for (uint64_t i = 0; i < times && !p->code; i++) {
        if (step) {
            combine(p, &acc, step, minus);
            h = hist_acc_get(&acc);
        }
        add_value(p, d, (struct series_value){.histogram = h});
    }
}

/* ---- the line */

static void parse_values(struct parser *p, struct series_desc *d)
{
    while (!p->code && parser_peek(p) != TOKEN_EOF) {
        if (!parser_expect(p, TOKEN_SPACE, values_context, NULL))
            return;
        switch (parser_peek(p)) {
        case TOKEN_EOF: return;
        case TOKEN_BLANK: parse_gaps(p, d); break;
        case TOKEN_OPEN_HIST: parse_histograms(p, d); break;
        default: parse_floats(p, d);
        }
    }
}

static int start(struct parser *p, struct arena *arena, struct str text, bool series,
                 struct err *err)
{
    if (text.len > SERIES_DESC_TEXT_MAX)
        return err_set(err, -E2BIG, "series has %zu bytes, %u at most", text.len,
                       SERIES_DESC_TEXT_MAX);
    *p = (struct parser){.arena = arena};
    lexer_init(&p->lex, text, series);
    return 0;
}

int series_desc_parse(struct str text, struct series_desc **ret, struct err *err)
{
    CLEANUP(series_desc_freep) struct series_desc *d = mem_zalloc(sizeof *d);
    struct parser p;
    int r;

    arena_init(&d->arena, SERIES_DESC_MEMORY_MAX);
    r = start(&p, &d->arena, text, true, err);
    if (r < 0)
        return r;
    d->metric = parse_metric(&p);
    parse_values(&p, d);
    if (p.code)
        return err_set(err, p.code, "%s", p.err.msg);
    *ret = TAKE(d);
    return 0;
}

void series_desc_free(struct series_desc *d)
{
    if (!d)
        return;
    label_set_unref(d->metric);
    arena_deinit(&d->arena);
    free(d);
}

int promql_parse_metric(struct str text, const struct label_set **ret, struct err *err)
{
    CLEANUP(arena_deinit) struct arena arena;
    CLEANUP(label_set_unrefp) const struct label_set *metric = NULL;
    struct parser p;
    int r;

    arena_init(&arena, 0);
    r = start(&p, &arena, text, false, err);
    if (r < 0)
        return r;
    metric = parse_metric(&p);
    if (parser_peek(&p) != TOKEN_EOF)
        parser_unexpected(&p, NULL, NULL);
    if (p.code)
        return err_set(err, p.code, "%s", p.err.msg);
    *ret = TAKE(metric);
    return 0;
}
