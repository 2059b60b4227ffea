/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/quantile.h"

#include <math.h>

#include "promql/range_priv.h"

#define ROUNDING 1e-12 /* relative difference of bucket counts that sums of floats bring about */

/* ---- classic histograms */

static size_t add_equal_bounds(struct bucket *b, size_t n)
{
    size_t to = 0;

    for (size_t i = 1; i < n; i++) {
        if (b[i].upper == b[to].upper)
            b[to].count += b[i].count;
        else
            b[++to] = b[i];
    }
    return to + 1;
}

static bool is_nearly(double a, double b)
{
    double sum = fabs(a) + fabs(b), difference = fabs(a - b);

    if (a == b || (isnan(a) && isnan(b)))
        return true;
    if (a == 0 || b == 0 || sum < 0x1p-1022)
        return difference < ROUNDING * 0x1p-1022;
    return difference / fmin(sum, 0x1.fffffffffffffp1023) < ROUNDING;
}

/* Counts are sums of all below: they cannot fall. */
static bool remove_decreases(struct bucket *b, size_t n)
{
    double before = b[0].count;
    bool forced = false;

    for (size_t i = 1; i < n; i++) {
        if (is_nearly(b[i].count, before)) {
            b[i].count = before;
        } else if (b[i].count < before) {
            b[i].count = before;
            forced = true;
        }
        before = b[i].count;
    }
    return forced;
}

double bucket_quantile(double q, struct bucket *b, size_t n, bool *forced)
{
    size_t at = 0;
    double rank, start = 0, below = 0;

    *forced = false;
    if (isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (b[n - 1].upper != INFINITY)
        return NAN;
    n = add_equal_bounds(b, n);
    *forced = remove_decreases(b, n);
    if (n < 2 || b[n - 1].count == 0)
        return NAN;
    rank = q * b[n - 1].count;
    while (at < n - 1 && !(b[at].count >= rank))
        at++;
    if (at == n - 1)
        return b[n - 2].upper;
    if (at == 0 && b[0].upper <= 0)
        return b[0].upper;
    if (at > 0) {
        start = b[at - 1].upper;
        below = b[at - 1].count;
    }
    return start + (b[at].upper - start) * ((rank - below) / (b[at].count - below));
}

/* Observations below v, where buckets give their own counts: those in the bucket of v by `share`.
 */
struct rank_search {
    double wanted, rank;
    bool found;
};

typedef double share_below(const struct hist_bucket *b, double v);

/* `before` observations lie in the buckets below b. True: the search is over. */
static bool search_bucket(struct rank_search *s, const struct hist_bucket *b, double before,
                          share_below *share)
{
    if (s->found)
        return true;
    if (b->lower >= s->wanted)
        s->rank = before;
    else if (b->upper > s->wanted)
        s->rank = before + b->count * share(b, s->wanted);
    else
        return false;
    s->found = true;
    return true;
}

static double fraction_of(struct rank_search *lower, struct rank_search *upper, double count)
{
    if (!lower->found || lower->rank > count)
        lower->rank = count;
    if (!upper->found || upper->rank > count)
        upper->rank = count;
    return (upper->rank - lower->rank) / count;
}

/* Of a bucket without lower end nobody knows which part lies below v: NaN. */
static double share_linear(const struct hist_bucket *b, double v)
{
    return (v - b->lower) / (b->upper - b->lower);
}

double bucket_fraction(double lower, double upper, struct bucket *b, size_t n)
{
    struct rank_search low = {.wanted = lower}, high = {.wanted = upper};
    double before = 0;

    if (b[n - 1].upper != INFINITY)
        return NAN;
    n = add_equal_bounds(b, n);
    if (!(b[n - 1].count != 0) || isnan(lower) || isnan(upper))
        return NAN;
    if (lower >= upper)
        return 0;
    for (size_t i = 0; i < n; i++) {
        struct hist_bucket h = {.lower = i ? b[i - 1].upper : -INFINITY,
                                .upper = b[i].upper,
                                .count = b[i].count - before};
        bool done = search_bucket(&low, &h, before, share_linear);

        if (search_bucket(&high, &h, before, share_linear) && done)
            break;
        before = b[i].count;
    }
    return fraction_of(&low, &high, b[n - 1].count);
}

/* ---- native histograms */

static bool spans_zero(const struct hist_bucket *b)
{
    return b->lower <= 0 && b->upper >= 0;
}

/* The zero bucket reaches only to the side where there are other observations. */
static struct hist_bucket trimmed(const struct histogram *h, const struct hist_bucket *b)
{
    struct hist_bucket t = *b;

    if (hist_is_custom(h) || !spans_zero(b))
        return t;
    if (h->n_negative == 0 && h->n_positive > 0)
        t.lower = 0;
    else if (h->n_positive == 0 && h->n_negative > 0)
        t.upper = 0;
    return t;
}

/* The value below which `share` of the bucket's observations lie. */
static double value_at(const struct hist_bucket *b, double share, bool linear)
{
    double low = log2(fabs(b->lower)), high = log2(fabs(b->upper));

    if (linear || spans_zero(b))
        return b->lower + (b->upper - b->lower) * share;
    if (b->lower > 0)
        return exp2(low + (high - low) * share);
    return -exp2(high + (low - high) * (1 - share));
}

static double share_logarithmic(const struct hist_bucket *b, double v)
{
    double low, high;

    if (spans_zero(b))
        return share_linear(b, v);
    low = log2(fabs(b->lower));
    high = log2(fabs(b->upper));
    if (v > 0)
        return (log2(v) - low) / (high - low);
    return 1 - (log2(fabs(v)) - high) / (low - high);
}

/* Is there a NaN among the observations? They count in h->count but are in no bucket. */
static bool misses_some(const struct histogram *h, const struct hist_buckets *bs)
{
    double count = 0;

    for (size_t i = 0; i < bs->n; i++)
        count += bs->b[i].count;
    return count < h->count;
}

struct found {
    struct hist_bucket bucket;
    double count; /* of all buckets passed, with this one */
};

/* Passes buckets, upwards or downwards, until `rank` observations are behind. */
static struct found find_bucket(const struct hist_buckets *bs, double rank, bool upwards)
{
    struct found f = {0};

    for (size_t i = 0; i < bs->n; i++) {
        const struct hist_bucket *b = &bs->b[upwards ? i : bs->n - 1 - i];

        if (b->count == 0)
            continue;
        f.bucket = *b;
        f.count += b->count;
        if (f.count >= rank)
            break;
    }
    return f;
}

double hist_quantile(double q, const struct histogram *h, struct hist_buckets *room,
                     enum nan_effect *effect)
{
    bool upwards = isnan(h->sum) || q < 0.5;
    double rank = (upwards ? q : 1 - q) * h->count, share;
    struct hist_bucket b;
    struct found f;

    *effect = NAN_NONE;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (h->count == 0 || isnan(q))
        return NAN;
    hist_buckets_fill(room, h);
    f = find_bucket(room, rank, upwards);
    b = trimmed(h, &f.bucket);
    if (f.count > h->count)
        f.count = h->count; /* rounding of the sum */
    if (isnan(h->sum) && misses_some(h, room))
        *effect = f.count < rank ? NAN_RESULT : NAN_SKEW;
    if (*effect == NAN_RESULT)
        return NAN;
    if (hist_is_custom(h) && b.lower == -INFINITY) {
        if (b.upper <= 0)
            return b.upper;
        b.lower = 0; /* where observations mostly begin */
    } else if (hist_is_custom(h) && b.upper == INFINITY) {
        return b.lower;
    }
    if (f.count < rank)
        return b.upper;
    share = (upwards ? rank - (f.count - b.count) : f.count - rank) / b.count;
    return value_at(&b, share, hist_is_custom(h));
}

double hist_fraction(double lower, double upper, const struct histogram *h,
                     struct hist_buckets *room)
{
    struct rank_search low = {.wanted = lower}, high = {.wanted = upper};
    share_below *share = hist_is_custom(h) ? share_linear : share_logarithmic;
    double before = 0;

    if (h->count == 0 || isnan(lower) || isnan(upper))
        return NAN;
    if (lower >= upper)
        return 0;
    hist_buckets_fill(room, h);
    for (size_t i = 0; i < room->n; i++) {
        struct hist_bucket b = trimmed(h, &room->b[i]);
        bool done = search_bucket(&low, &b, before, share);

        if (search_bucket(&high, &b, before, share) && done)
            break;
        before += b.count;
    }
    /* NaN observations lie on neither side of anything. */
    if (isnan(h->sum) && (!low.found || !high.found)) {
        double all = 0;

        for (size_t i = 0; i < room->n; i++)
            all += room->b[i].count;
        if (!low.found)
            low = (struct rank_search){lower, all, true};
        if (!high.found)
            high = (struct rank_search){upper, all, true};
    }
    return fraction_of(&low, &high, h->count);
}

double hist_variance(const struct histogram *h, struct hist_buckets *room)
{
    double mean = h->sum / h->count, sum = 0, lost = 0;

    hist_buckets_fill(room, h);
    for (size_t i = 0; i < room->n; i++) {
        const struct hist_bucket *b = &room->b[i];
        double middle;

        if (b->count == 0)
            continue;
        if (hist_is_custom(h))
            middle = (b->upper + b->lower) / 2;
        else if (spans_zero(b))
            middle = 0;
        else
            middle = b->upper < 0 ? -sqrt(b->upper * b->lower) : sqrt(b->upper * b->lower);
        add_exactly(b->count * (middle - mean) * (middle - mean), &sum, &lost);
    }
    return (sum + lost) / h->count;
}
