/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "promql/annotations.h"
#include "promql/binary_priv.h"

/* ---- floats only */

#define LOOP(expr)                                                                                 \
    for (size_t k = 0; k < n; k++)                                                                 \
        out[k] = (expr);                                                                           \
    return

/* Steps without a value are computed too: that is cheaper than to leave them out. */
static void arithmetic(enum promql_op op, const double *restrict a, const double *restrict b,
                       size_t n, double *restrict out)
{
    switch (op) {
    case OP_ADD: LOOP(a[k] + b[k]);
    case OP_SUB: LOOP(a[k] - b[k]);
    case OP_MUL: LOOP(a[k] * b[k]);
    case OP_DIV: LOOP(a[k] / b[k]);
    default: LOOP(scalar_operate(op, a[k], b[k]));
    }
}

#define MASK(expr)                                                                                 \
    for (size_t k = 0; k < n; k++)                                                                 \
        mask |= (uint64_t)(expr) << k;                                                             \
    return mask

/* Bit k: does a[k] op b[k] hold? n <= 64 */
static uint64_t comparison(enum promql_op op, const double *a, const double *b, size_t n)
{
    uint64_t mask = 0;

    switch (op) {
    case OP_EQ: MASK(a[k] == b[k]);
    case OP_NE: MASK(a[k] != b[k]);
    case OP_LE: MASK(a[k] <= b[k]);
    case OP_LT: MASK(a[k] < b[k]);
    case OP_GE: MASK(a[k] >= b[k]);
    default: MASK(a[k] > b[k]);
    }
}

static void compare_floats(const struct operation *op, const struct row *left,
                           const struct row *right, size_t n, struct row *out)
{
    const double *kept = op->keeps_right ? right->values : left->values;

    for (size_t k = 0; k < n; k += 64) {
        size_t some = n - k < 64 ? n - k : 64;
        uint64_t mask = comparison(op->op, left->values + k, right->values + k, some);

        if (op->return_bool) {
            for (size_t j = 0; j < some; j++)
                out->values[k + j] = (double)(mask >> j & 1);
        } else {
            memcpy(out->values + k, kept + k, some * sizeof *kept);
            out->present[k / 64] &= mask;
        }
    }
}

/* ---- with histograms */

static bool note_types(struct eval *e, const struct operation *op, bool left, bool right)
{
    static const char *const names[] = {"float", "histogram"};
    const char *text = promql_op_text(op->op);

    note_info(e, op->node,
              "incompatible sample types encountered for binary operator \"%s\": %s %s %s", text,
              names[left], text, names[right]);
    return false;
}

/* Sum or difference; NULL: they do not fit, which is noted. */
static const struct histogram *add(struct eval *e, const struct operation *op,
                                   const struct histogram *a, const struct histogram *b)
{
    enum hist_fit fit;

    hist_acc_set(&e->acc, a);
    fit = op->op == OP_ADD ? hist_acc_add(&e->acc, b) : hist_acc_sub(&e->acc, b);
    if (fit != HIST_FIT) {
        note_warn(e, op->node, "incompatible bucket layout encountered for binary operator %s",
                  promql_op_text(op->op));
        return NULL;
    }
    hist_acc_compact(&e->acc);
    return hist_acc_get(&e->acc);
}

static const struct histogram *scale(struct eval *e, const struct histogram *h, double factor,
                                     bool divide)
{
    hist_acc_set(&e->acc, h);
    if (divide)
        hist_acc_div(&e->acc, factor);
    else
        hist_acc_mul(&e->acc, factor);
    hist_acc_compact(&e->acc);
    return hist_acc_get(&e->acc);
}

struct operand {
    double v;
    const struct histogram *h;
};

/* False: there is no result. A comparison's result is whether it holds. */
static bool operate(struct eval *e, const struct operation *op, struct operand a, struct operand b,
                    struct operand *ret, bool *holds)
{
    *holds = true;
    if (!a.h && !b.h) {
        ret->v = scalar_operate(op->op, a.v, b.v);
        *holds = ret->v != 0;
    } else if (a.h && b.h && (op->op == OP_ADD || op->op == OP_SUB)) {
        ret->h = add(e, op, a.h, b.h);
        return ret->h != NULL;
    } else if (a.h && b.h && (op->op == OP_EQ || op->op == OP_NE)) {
        *holds = hist_equal(a.h, b.h) == (op->op == OP_EQ);
    } else if (op->op == OP_MUL && !a.h != !b.h) {
        ret->h = a.h ? scale(e, a.h, b.v, false) : scale(e, b.h, a.v, false);
    } else if (op->op == OP_DIV && a.h && !b.h) {
        ret->h = scale(e, a.h, b.v, true);
    } else {
        return note_types(e, op, a.h != NULL, b.h != NULL);
    }
    return true;
}

static void combine_mixed(struct eval *e, const struct operation *op, const struct row *left,
                          const struct row *right, size_t n, struct row *out)
{
    for (size_t k = row_next(out, n, 0); k < n; k = row_next(out, n, k + 1)) {
        struct operand a = {left->values[k], row_hist(left, k)}, result = {0};
        struct operand b = {right->values[k], row_hist(right, k)};
        bool holds, there = operate(e, op, a, b, &result, &holds);

        if (promql_op_is_comparison(op->op)) {
            if (op->return_bool)
                result = (struct operand){holds, NULL};
            else
                result = op->keeps_right ? b : a;
            there = there && (holds || op->return_bool);
        }
        if (!there)
            row_unset(out, k);
        else if (result.h)
            row_set_hist(e, out, n, k, result.h);
        else
            out->values[k] = result.v;
    }
}

void combine_rows(struct eval *e, const struct operation *op, const struct row *left,
                  const struct row *right, size_t n, struct row *out)
{
    for (size_t w = 0; w < ROW_WORDS(n); w++)
        out->present[w] = left->present[w] & right->present[w];
    out->hists = NULL;
    if (left->hists || right->hists)
        combine_mixed(e, op, left, right, n, out);
    else if (promql_op_is_comparison(op->op))
        compare_floats(op, left, right, n, out);
    else
        arithmetic(op->op, left->values, right->values, n, out->values);
}
