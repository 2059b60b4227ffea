/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eq ne lt le gt ge. Integers compare with integers whatever their sign, all else only with its own
 * kind.
 */
#include <errno.h>

#include "template/builtin_priv.h"
#include "template/time_priv.h"

static bool is_basic(enum tmpl_kind k)
{
    return k >= TMPL_BOOL && k <= TMPL_STRING;
}

static int incompatible(const struct tmpl_call *c, const struct tmpl_value *a,
                        const struct tmpl_value *b, struct err *err)
{
    struct str x = tmpl_type_name(c->arena, a), y = tmpl_type_name(c->arena, b);

    return err_set(err, -EINVAL, "incompatible types for comparison: " STR_FMT " and " STR_FMT,
                   STR_ARG(x), STR_ARG(y));
}

/* -1, 0 or 1 of two integers, one of them unsigned. */
static int cmp_mixed(const struct tmpl_value *a, const struct tmpl_value *b)
{
    if (tmpl_kind(a) == TMPL_UINT)
        return -cmp_mixed(b, a);
    if (a->i < 0)
        return -1;
    return ((uint64_t)a->i > b->u) - ((uint64_t)a->i < b->u);
}

static bool is_nil(const struct tmpl_value *v)
{
    return !v->type || (v->type->kind == TMPL_LIST && !v->list.items) ||
           (v->type->kind == TMPL_MAP && !v->map);
}

static bool same_object(const struct tmpl_value *a, const struct tmpl_value *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == &tmpl_type_time) {
        const struct tmpl_time *t = time_of(a), *u = time_of(b);

        return t->seconds == u->seconds && t->nanos == u->nanos && t->zone == u->zone;
    }
    return a->object == b->object;
}

/* Neither is of a basic kind. */
static int equal_others(const struct tmpl_call *c, const struct tmpl_value *a,
                        const struct tmpl_value *b, bool *ret, struct err *err)
{
    struct buf text = {.max = ERR_MSG_MAX};

    if (is_nil(a) || is_nil(b)) {
        *ret = is_nil(a) && is_nil(b);
        return 0;
    }
    if (a->type->kind != b->type->kind)
        return incompatible(c, a, b, err);
    if (b->type->kind == TMPL_OBJECT) {
        *ret = same_object(a, b);
        return 0;
    }
    tmpl_print(b, &text, NULL);
    err_set(err, -EINVAL, "non-comparable type " STR_FMT ": %s", STR_ARG(buf_str(&text)),
            b->type->name);
    buf_free(&text);
    return -EINVAL;
}

static int equal(const struct tmpl_call *c, const struct tmpl_value *a, const struct tmpl_value *b,
                 bool *ret, struct err *err)
{
    enum tmpl_kind x = tmpl_kind(a), y = tmpl_kind(b);

    *ret = false;
    if (x != y && ((x == TMPL_INT && y == TMPL_UINT) || (x == TMPL_UINT && y == TMPL_INT))) {
        *ret = cmp_mixed(a, b) == 0;
        return 0;
    }
    if (!is_basic(x) && !is_basic(y))
        return equal_others(c, a, b, ret, err);
    if (x != y) /* nil is unequal to everything, the rest is a mistake */
        return a->type && b->type ? incompatible(c, a, b, err) : 0;
    switch (x) {
    case TMPL_BOOL: *ret = a->b == b->b; break;
    case TMPL_INT: *ret = a->i == b->i; break;
    case TMPL_UINT: *ret = a->u == b->u; break;
    case TMPL_FLOAT: *ret = a->f == b->f; break;
    case TMPL_COMPLEX:
        *ret = a->complex_parts[0] == b->complex_parts[0] &&
               a->complex_parts[1] == b->complex_parts[1];
        break;
    default: *ret = str_eq(a->s, b->s);
    }
    return 0;
}

static int less(const struct tmpl_call *c, const struct tmpl_value *a, const struct tmpl_value *b,
                bool *ret, struct err *err)
{
    enum tmpl_kind x = tmpl_kind(a), y = tmpl_kind(b);

    if (!is_basic(x) || !is_basic(y))
        return err_set(err, -EINVAL, "invalid type for comparison");
    if ((x == TMPL_INT && y == TMPL_UINT) || (x == TMPL_UINT && y == TMPL_INT)) {
        *ret = cmp_mixed(a, b) < 0;
        return 0;
    }
    if (x != y)
        return incompatible(c, a, b, err);
    switch (x) {
    case TMPL_INT: *ret = a->i < b->i; break;
    case TMPL_UINT: *ret = a->u < b->u; break;
    case TMPL_FLOAT: *ret = a->f < b->f; break;
    case TMPL_STRING: *ret = str_cmp(a->s, b->s) < 0; break;
    default: return err_set(err, -EINVAL, "invalid type for comparison");
    }
    return 0;
}

static int less_or_equal(const struct tmpl_call *c, bool *ret, struct err *err)
{
    int r = less(c, &c->args[0], &c->args[1], ret, err);

    if (r < 0 || *ret)
        return r;
    return equal(c, &c->args[0], &c->args[1], ret, err);
}

int builtin_eq(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    bool same = false;
    int r = 0;

    if (c->n < 2)
        return err_set(err, -EINVAL, "missing argument for comparison");
    for (size_t i = 1; i < c->n && !same && r == 0; i++)
        r = equal(c, &c->args[0], &c->args[i], &same, err);
    *ret = tmpl_bool(same);
    return r;
}

int builtin_ne(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    bool same;
    int r = equal(c, &c->args[0], &c->args[1], &same, err);

    *ret = tmpl_bool(!same);
    return r;
}

int builtin_lt(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    bool truth = false;
    int r = less(c, &c->args[0], &c->args[1], &truth, err);

    *ret = tmpl_bool(truth);
    return r;
}

int builtin_le(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    bool truth = false;
    int r = less_or_equal(c, &truth, err);

    *ret = tmpl_bool(truth);
    return r;
}

int builtin_gt(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    bool truth = false;
    int r = less_or_equal(c, &truth, err);

    *ret = tmpl_bool(!truth);
    return r;
}

int builtin_ge(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    bool truth = false;
    int r = less(c, &c->args[0], &c->args[1], &truth, err);

    *ret = tmpl_bool(!truth);
    return r;
}
