/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deriv(), predict_linear(), double_exponential_smoothing()
 */
#include <errno.h>
#include <math.h>

#include "promql/range_priv.h"

struct line {
    double slope, intercept;
};

/* Least squares over the floats; the intercept is the value at `origin`. */
static struct line regression(const struct window *w, unix_ms origin)
{
    double n = (double)w->n, x = 0, lost_x = 0, y = 0, lost_y = 0;
    double xy = 0, lost_xy = 0, xx = 0, lost_xx = 0;
    bool constant = true;
    struct line line;

    for (size_t i = 0; i < w->n; i++) {
        double at = (double)(w->t[i] - origin) / 1e3;

        constant = constant && (i == 0 || w->v[i] == w->v[0]);
        add_exactly(at, &x, &lost_x);
        add_exactly(w->v[i], &y, &lost_y);
        add_exactly(at * w->v[i], &xy, &lost_xy);
        add_exactly(at * at, &xx, &lost_xx);
    }
    if (constant)
        return isinf(w->v[0]) ? (struct line){NAN, NAN} : (struct line){0, w->v[0]};
    x += lost_x;
    y += lost_y;
    xy += lost_xy;
    xx += lost_xx;
    line.slope = (xy - x * y / n) / (xx - x * x / n);
    line.intercept = y / n - line.slope * x / n;
    return line;
}

/* False: fewer than two floats. Says so when there are histograms beside them. */
static bool two_floats(struct eval *e, struct range_call *c, const struct window *w)
{
    if (w->n > 0 && w->nh > 0)
        note_histograms_ignored(e, c->at, c->name);
    return w->n >= 2;
}

int range_deriv(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                struct answer *ret, struct err *err)
{
    if (!two_floats(e, c, w))
        return 0;
    ret->v = regression(w, w->t[0]).slope;
    return 1;
}

int range_predict_linear(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                         struct answer *ret, struct err *err)
{
    struct line line;

    if (!two_floats(e, c, w))
        return 0;
    line = regression(w, w->now);
    ret->v = line.slope * c->scalars[0][k] + line.intercept;
    return 1;
}

int range_smoothing(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                    struct answer *ret, struct err *err)
{
    double sf = c->scalars[0][k], tf = c->scalars[1][k], before = 0, now, trend;

    if (sf <= 0 || sf >= 1)
        return err_set(err, -EINVAL, "invalid smoothing factor. Expected: 0 < sf < 1, got: %f", sf);
    if (tf <= 0 || tf >= 1)
        return err_set(err, -EINVAL, "invalid trend factor. Expected: 0 < tf < 1, got: %f", tf);
    if (!two_floats(e, c, w))
        return 0;
    now = w->v[0];
    trend = w->v[1] - w->v[0];
    for (size_t i = 1; i < w->n; i++) {
        double smoothed;

        if (i > 1)
            trend = tf * (now - before) + (1 - tf) * trend;
        smoothed = sf * w->v[i] + (1 - sf) * (now + trend);
        before = now;
        now = smoothed;
    }
    ret->v = now;
    return 1;
}
