/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backtest_values - counts of values by their first bits
 *
 * Doubles of one sign are in the order of their bits, so the sign, the exponent and the first seven
 * bits of the fraction make buckets that are 1 % wide and whole numbers up to 256 exact.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/sample.h"
#include "rules/backtest_priv.h"

#define DROPPED 45 /* bits of the fraction that are not looked at */
#define BUCKETS (1u << (64 - DROPPED))
#define SIGN    (UINT64_C(1) << 63)

/* Ascending with v: negative ones have all their bits turned, the others the sign. */
static size_t bucket_of(double v)
{
    uint64_t bits = double_bits(v);

    return (size_t)((bits & SIGN ? ~bits : bits | SIGN) >> DROPPED);
}

/* The value of the bucket that is nearest to zero, which is what a round value has. */
static double value_of(size_t bucket)
{
    uint64_t bits = (uint64_t)bucket << DROPPED;

    return bits & SIGN ? double_of_bits(bits & ~SIGN)
                       : double_of_bits(~(bits | ((UINT64_C(1) << DROPPED) - 1)));
}

void value_counts_add(struct value_counts *c, double v)
{
    if (isnan(v))
        return;
    if (!c->buckets) {
        c->buckets = mem_array(BUCKETS, sizeof *c->buckets);
        c->least = c->greatest = v;
    }
    c->buckets[bucket_of(v)]++;
    c->n++;
    if (v < c->least)
        c->least = v;
    if (v > c->greatest)
        c->greatest = v;
}

double value_counts_quantile(const struct value_counts *c, double q)
{
    uint64_t before = 0, rank = (uint64_t)ceil(q * (double)c->n);
    double v = c->greatest;

    if (q <= 0)
        return c->least;
    if (q >= 1)
        return c->greatest;
    for (size_t i = 0; i < BUCKETS; i++) {
        before += c->buckets[i];
        if (before >= rank) {
            v = value_of(i);
            break;
        }
    }
    return v < c->least ? c->least : v > c->greatest ? c->greatest : v;
}

void value_counts_deinit(struct value_counts *c)
{
    free(c->buckets);
}

double round_for_people(double v, bool bytes)
{
    double unit = 1, figures;

    if (v == 0 || !isfinite(v))
        return v;
    while (bytes && fabs(v) / unit >= 1024)
        unit *= 1024;
    figures = pow(10, floor(log10(fabs(v / unit))) - 1);
    /* Divided where it is a fraction: 17 times 0.01 is not 0.17. */
    return figures < 1 ? round(v / unit * round(1 / figures)) / round(1 / figures) * unit
                       : round(v / unit / figures) * figures * unit;
}
