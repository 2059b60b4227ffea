/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate(), increase(), delta(), irate(), idelta(), changes(), resets()
 */
#include <math.h>

#include "model/sample.h"
#include "promql/range_priv.h"

/* ---- counters that start again */

/* False: no value is less than the one before, as in most counters. The sign of a difference tells;
 * looked at for all at once, which takes no branch. */
static bool may_fall(const double *v, size_t n)
{
    uint64_t signs = 0;

    for (size_t i = 1; i < n; i++)
        signs |= double_bits(v[i] - v[i - 1]);
    return signs >> 63;
}

/*
 * The places where the counter falls are found once a series, so that a window adds up those in it
 * and needs not look at every sample. The order of additions is that of time: the result does not
 * depend on it.
 */
void rate_begin(struct eval *e, struct range_call *c)
{
    const struct track *t = &c->ranges->track;

    c->n_resets = c->next_reset = 0;
    if (!may_fall(t->v, t->n))
        return;
    for (size_t i = 1; i < t->n; i++) {
        if (!(t->v[i] < t->v[i - 1]))
            continue;
        if (c->n_resets == c->cap_resets) {
            size_t *more = arena_array(e->arena, 2 * c->cap_resets + 16, sizeof *more);

            for (size_t j = 0; j < c->n_resets; j++)
                more[j] = c->resets[j];
            c->resets = more;
            c->cap_resets = 2 * c->cap_resets + 16;
        }
        c->resets[c->n_resets++] = i;
    }
}

static bool looks_like_counter(struct str name)
{
    return str_has_suffix(name, STR("_total")) || str_has_suffix(name, STR("_sum")) ||
           str_has_suffix(name, STR("_count")) || str_has_suffix(name, STR("_bucket"));
}

void rate_end(struct eval *e, struct range_call *c, bool floats)
{
    struct str type;

    if (!floats || c->name.len == 0)
        return;
    if (!e->opts.type_and_unit_labels) {
        if (!looks_like_counter(c->name))
            note_no_counter_name(e, c->at, c->name);
        return;
    }
    type = metric_get(&c->metric, STR("__type__"));
    if (!str_eq(type, STR("counter")))
        note_no_counter_type(e, c->at, type, c->name);
}

static double float_increase(struct range_call *c, const struct window *w)
{
    double result = w->v[w->n - 1] - w->v[0];
    const double *v = c->ranges->track.v;

    while (c->next_reset < c->n_resets && c->resets[c->next_reset] <= w->first)
        c->next_reset++;
    for (size_t i = c->next_reset; i < c->n_resets && c->resets[i] < w->first + w->n; i++)
        result += v[c->resets[i] - 1];
    return result;
}

/* ---- native histograms */

/* The histogram from which the first one of the window is taken off. If the counter started again
 * right after it, that is an empty one: then it does not matter whether the first one fits the
 * others. */
static const struct histogram *base_of(struct eval *e, const struct window *w, bool is_counter)
{
    struct histogram *empty;

    if (!is_counter || !hist_is_reset(w->h[1], w->h[0]))
        return w->h[0];
    empty = arena_zalloc(e->arena, sizeof *empty);
    empty->schema = w->h[1]->schema;
    empty->bounds = w->h[1]->bounds;
    empty->n_bounds = w->h[1]->n_bounds;
    return empty;
}

static void note_wrong_kind(struct eval *e, struct range_call *c, const struct window *w)
{
    if (!c->is_counter) {
        if (w->h[0]->hint != RESET_GAUGE || w->h[w->nh - 1]->hint != RESET_GAUGE)
            note_not_gauge(e, c->at, c->name);
        return;
    }
    for (size_t i = 0; i < w->nh; i++) {
        if (w->h[i]->hint == RESET_GAUGE) {
            note_not_counter(e, c->at, c->name);
            return;
        }
    }
}

/* The resolution that all share; false: exponential and custom buckets are mixed. */
static bool common_schema(const struct window *w, const struct histogram *base, bool is_counter,
                          int32_t *ret)
{
    const struct histogram *last = w->h[w->nh - 1];

    *ret = base->schema < last->schema ? base->schema : last->schema;
    if (hist_is_custom(base) != hist_is_custom(last))
        return false;
    for (size_t i = 1; is_counter && i + 1 < w->nh; i++) {
        if (w->h[i]->schema < *ret)
            *ret = w->h[i]->schema;
        if (hist_is_custom(w->h[i]) != hist_is_custom(base))
            return false;
    }
    return true;
}

/* Leaves the increase in e->acc; false: there is none, and why is noted. */
static bool histogram_increase(struct eval *e, struct range_call *c, const struct window *w)
{
    const struct histogram *base = base_of(e, w, c->is_counter), *prev = base;
    enum hist_fit fit;
    int32_t schema;

    note_wrong_kind(e, c, w);
    if (!common_schema(w, base, c->is_counter, &schema)) {
        note_mixed_schemas(e, c->at, c->name);
        return false;
    }
    hist_acc_set(&e->acc, w->h[w->nh - 1]);
    hist_acc_reduce(&e->acc, schema);
    fit = hist_acc_sub(&e->acc, base);
    for (size_t i = 1; fit == HIST_FIT && c->is_counter && i < w->nh; i++) {
        if (hist_is_reset(w->h[i], prev))
            fit = hist_acc_add(&e->acc, prev);
        prev = w->h[i];
    }
    note_misfit(e, c->at, fit, c->name);
    e->acc.hint = RESET_GAUGE;
    hist_acc_compact(&e->acc);
    return fit == HIST_FIT;
}

/* ---- rate, increase, delta */

/*
 * By how much an increase between the first and the last sample grows when it is stretched to the
 * window: up to its ends where samples go on nearly up to them, else by half a distance of samples;
 * a counter's not to before the time when it was zero.
 */
static double stretch(const struct window *w, unix_ms first, unix_ms last, size_t n, double to_zero)
{
    double sampled = (double)(last - first) / 1000, average = sampled / (double)(n - 1);
    double to_start = (double)(first - w->start) / 1000, to_end = (double)(w->end - last) / 1000;

    if (to_start >= average * 1.1)
        to_start = average / 2;
    if (to_zero < to_start)
        to_start = to_zero;
    if (to_end >= average * 1.1)
        to_end = average / 2;
    return (sampled + to_start + to_end) / sampled;
}

int range_rate(struct eval *e, struct range_call *c, const struct window *w, size_t k,
               struct answer *ret, struct err *err)
{
    double seconds = c->is_rate ? (double)c->ranges->range / 1000 : 1, to_zero = INFINITY;

    if (w->n && w->nh) {
        note_mixed_samples(e, c->at, c->name);
        return 0;
    }
    if (w->n + w->nh < 2)
        return 0;
    if (w->nh) {
        if (!histogram_increase(e, c, w))
            return 0;
        hist_acc_mul(&e->acc, stretch(w, w->ht[0], w->ht[w->nh - 1], w->nh, to_zero) / seconds);
        ret->h = hist_acc_get(&e->acc);
        return 1;
    }
    ret->v = float_increase(c, w);
    if (c->is_counter && ret->v > 0 && w->v[0] >= 0)
        to_zero = (double)(w->t[w->n - 1] - w->t[0]) / 1000 * (w->v[0] / ret->v);
    ret->v *= stretch(w, w->t[0], w->t[w->n - 1], w->n, to_zero) / seconds;
    return 1;
}

/* ---- the last two samples */

struct mixed_sample {
    unix_ms t;
    double v;
    const struct histogram *h;
};

/* The newest and the one before it, of both kinds; false: there are not two. */
static bool last_two(const struct window *w, struct mixed_sample ret[2])
{
    size_t i = w->n, j = w->nh;

    if (i + j < 2)
        return false;
    for (int to = 1; to >= 0; to--) {
        if (j == 0 || (i > 0 && w->t[i - 1] > w->ht[j - 1])) {
            i--;
            ret[to] = (struct mixed_sample){w->t[i], w->v[i], NULL};
        } else {
            j--;
            ret[to] = (struct mixed_sample){w->ht[j], NAN, w->h[j]};
        }
    }
    return true;
}

static bool histogram_step(struct eval *e, struct range_call *c, const struct mixed_sample s[2])
{
    enum hist_fit fit = HIST_FIT;

    if (c->is_rate && (s[0].h->hint == RESET_GAUGE || s[1].h->hint == RESET_GAUGE))
        note_not_counter(e, c->at, c->name);
    if (!c->is_rate && (s[0].h->hint != RESET_GAUGE || s[1].h->hint != RESET_GAUGE))
        note_not_gauge(e, c->at, c->name);
    hist_acc_set(&e->acc, s[1].h);
    if (!c->is_rate || !hist_is_reset(s[1].h, s[0].h))
        fit = hist_acc_sub(&e->acc, s[0].h);
    note_misfit(e, c->at, fit, c->name);
    e->acc.hint = RESET_GAUGE;
    hist_acc_compact(&e->acc);
    return fit == HIST_FIT;
}

int range_irate(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                struct answer *ret, struct err *err)
{
    struct mixed_sample s[2];
    double seconds;

    if (!last_two(w, s) || s[0].t == s[1].t)
        return 0;
    seconds = c->is_rate ? (double)(s[1].t - s[0].t) / 1000 : 1;
    if (!s[0].h != !s[1].h) {
        note_mixed_samples(e, c->at, c->name);
        return 0;
    }
    if (s[0].h) {
        if (!histogram_step(e, c, s))
            return 0;
        if (c->is_rate)
            hist_acc_div(&e->acc, seconds);
        ret->h = hist_acc_get(&e->acc);
        return 1;
    }
    ret->v = c->is_rate && s[1].v < s[0].v ? s[1].v : s[1].v - s[0].v;
    ret->v /= seconds;
    return 1;
}

/* ---- changes, resets */

typedef bool differ_fn(const struct mixed_sample *a, const struct mixed_sample *b);

static bool changed(const struct mixed_sample *a, const struct mixed_sample *b)
{
    return a->h ? !hist_equal(a->h, b->h) : b->v != a->v && !(isnan(a->v) && isnan(b->v));
}

static bool fell(const struct mixed_sample *a, const struct mixed_sample *b)
{
    return a->h ? hist_is_reset(b->h, a->h) : b->v < a->v;
}

/* Pairs of neighbours that differ; a float beside a histogram always does. */
static double count_pairs(const struct window *w, differ_fn *differ)
{
    struct mixed_sample prev = {0};
    size_t i = 0, j = 0;
    double count = 0;

    while (i < w->n || j < w->nh) {
        bool is_float = j == w->nh || (i < w->n && w->t[i] < w->ht[j]);
        struct mixed_sample s = {.v = is_float ? w->v[i] : NAN, .h = is_float ? NULL : w->h[j]};

        if (i + j > 0)
            count += !prev.h != !s.h || differ(&prev, &s);
        i += is_float;
        j += !is_float;
        prev = s;
    }
    return count;
}

int range_changes(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                  struct answer *ret, struct err *err)
{
    ret->v = count_pairs(w, changed);
    return 1;
}

int range_resets(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                 struct answer *ret, struct err *err)
{
    ret->v = count_pairs(w, fell);
    return 1;
}
