/* SPDX-License-Identifier: Apache-2.0 */
#include "template/builtin_priv.h"

#include <errno.h>

#include "base/quote.h"
#include "template/exec_priv.h"
#include "template/fmt_priv.h"
#include "template/text_priv.h"

size_t func_params(const struct tmpl_func *f)
{
    size_t n = 0;

    while (n < TMPL_PARAMS_MAX && f->params[n])
        n++;
    return n;
}

/* and and or are evaluated by eval.c, which stops at the argument that decides. */
int builtin_and_or(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = c->args[c->n - 1];
    return 0;
}

static int not(struct tmpl_call * c, struct tmpl_value *ret, struct err *err)
{
    *ret = tmpl_bool(!tmpl_is_true(&c->args[0]));
    return 0;
}

static int len(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    const struct tmpl_value *v = &c->args[0];

    switch (tmpl_kind(v)) {
    case TMPL_STRING: *ret = tmpl_int((int64_t)v->s.len); return 0;
    case TMPL_LIST: *ret = tmpl_int((int64_t)v->list.n); return 0;
    case TMPL_MAP: *ret = tmpl_int(v->map ? (int64_t)v->map->n : 0); return 0;
    default:
        if (!v->type)
            return err_set(err, -EINVAL, "reflect: call of reflect.Value.Type on zero Value");
        return err_set(err, -EINVAL, "len of type %s", v->type->name);
    }
}

/* An index into something of `cap` elements; cap itself passes, for slice. */
static int index_arg(const struct tmpl_value *v, size_t cap, size_t *ret, struct err *err)
{
    int64_t i;

    if (tmpl_kind(v) == TMPL_INT)
        i = v->i;
    else if (tmpl_kind(v) == TMPL_UINT)
        i = (int64_t)v->u;
    else
        return err_set(err, -EINVAL, "cannot index slice/array with %s%s",
                       v->type ? "type " : "nil", v->type ? v->type->name : "");
    if (i < 0 || (uint64_t)i > cap)
        return err_set(err, -EINVAL, "index out of range: %lld", (long long)i);
    *ret = (size_t)i;
    return 0;
}

static int index_map(const struct tmpl_value *map, const struct tmpl_value *key,
                     struct tmpl_value *ret, struct err *err)
{
    const struct tmpl_value *v;

    if (!key->type)
        return err_set(err, -EINVAL, "value is nil; should be of type string");
    if (!type_fits(key->type, &tmpl_type_string))
        return err_set(err, -EINVAL, "value has type %s; should be string", key->type->name);
    v = tmpl_map_get(map->map, key->s);
    *ret = v ? *v : tmpl_zero(map->type->elem);
    return 0;
}

static int index_one(const struct tmpl_value *v, const struct tmpl_value *key,
                     struct tmpl_value *ret, struct err *err)
{
    enum tmpl_kind kind = tmpl_kind(v);
    size_t i = 0, n;
    int r;

    if (!v->type)
        return err_set(err, -EINVAL, "index of nil pointer");
    if (kind == TMPL_MAP)
        return index_map(v, key, ret, err);
    if (kind != TMPL_LIST && kind != TMPL_STRING)
        return err_set(err, -EINVAL, "can't index item of type %s", v->type->name);
    n = kind == TMPL_LIST ? v->list.n : v->s.len;
    r = index_arg(key, n, &i, err);
    if (r < 0)
        return r;
    if (i == n)
        return err_set(err, -EINVAL, "reflect: %s index out of range",
                       kind == TMPL_LIST ? "slice" : "string");
    if (kind == TMPL_LIST)
        *ret = v->list.items[i];
    else
        *ret = (struct tmpl_value){.type = &tmpl_type_uint8, .u = (unsigned char)v->s.p[i]};
    return 0;
}

static int index_fn(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_value v = c->args[0];

    if (!v.type)
        return err_set(err, -EINVAL, "index of untyped nil");
    for (size_t i = 1; i < c->n; i++) {
        struct tmpl_value next = tmpl_none();
        int r = index_one(&v, &c->args[i], &next, err);

        if (r < 0)
            return r;
        v = next;
    }
    *ret = v;
    return 0;
}

static int slice(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    const struct tmpl_value *v = &c->args[0];
    enum tmpl_kind kind = tmpl_kind(v);
    size_t n = kind == TMPL_LIST ? v->list.n : v->s.len, at[3] = {0, n, n};

    if (!v->type)
        return err_set(err, -EINVAL, "slice of untyped nil");
    if (c->n > 4)
        return err_set(err, -EINVAL, "too many slice indexes: %zu", c->n - 1);
    if (kind == TMPL_STRING && c->n == 4)
        return err_set(err, -EINVAL, "cannot 3-index slice a string");
    if (kind != TMPL_STRING && kind != TMPL_LIST)
        return err_set(err, -EINVAL, "can't slice item of type %s", v->type->name);
    for (size_t i = 1; i < c->n; i++) {
        int r = index_arg(&c->args[i], n, &at[i - 1], err);

        if (r < 0)
            return r;
    }
    for (int i = 0; i < 2; i++)
        if (at[i] > at[i + 1])
            return err_set(err, -EINVAL, "invalid slice index: %zu > %zu", at[i], at[i + 1]);
    *ret = *v;
    if (kind == TMPL_STRING)
        ret->s = str_n(v->s.p + at[0], at[1] - at[0]);
    else if (v->list.items)
        ret->list = (struct tmpl_list){v->list.items + at[0], at[1] - at[0]};
    return 0;
}

/* ---- text ---------------------------------------------------------------------------------- */

static int print(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};
    int r = fmt_print(c->args, c->n, false, &b, err), taken = tmpl_take_buf(c->arena, &b, ret, err);

    return r < 0 ? r : taken;
}

static int println(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};
    int r = fmt_println(c->args, c->n, &b, err), taken = tmpl_take_buf(c->arena, &b, ret, err);

    return r < 0 ? r : taken;
}

static int print_format(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};
    int r = fmt_printf(c->args[0].s, c->args + 1, c->n - 1, &b, err);
    int taken = tmpl_take_buf(c->arena, &b, ret, err);

    return r < 0 ? r : taken;
}

int builtin_args_text(const struct tmpl_value *args, size_t n, struct buf *out, struct err *err)
{
    struct arena a = {0};
    struct tmpl_value *shown = arena_array(&a, n, sizeof *shown);
    int r;

    for (size_t i = 0; i < n; i++)
        shown[i] = args[i].type ? args[i] : tmpl_str(STR("<no value>"));
    r = fmt_print(shown, n, true, out, err);
    arena_deinit(&a);
    return r;
}

static int escape(struct tmpl_call *c, void (*add)(struct buf *, struct str),
                  struct tmpl_value *ret, struct err *err)
{
    struct buf text = {.max = TMPL_STRING_MAX}, b = {.max = TMPL_STRING_MAX};
    int r = builtin_args_text(c->args, c->n, &text, err);

    if (r == 0)
        add(&b, buf_str(&text));
    b.overflow |= text.overflow;
    buf_free(&text);
    if (r == 0)
        return tmpl_take_buf(c->arena, &b, ret, err);
    buf_free(&b);
    return r;
}

static int html(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return escape(c, text_add_html, ret, err);
}

static int js(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return escape(c, text_add_js, ret, err);
}

static int urlquery(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return escape(c, quote_add_url, ret, err);
}

/* ---- call ---------------------------------------------------------------------------------- */

static int call(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    const struct tmpl_value *fn = &c->args[0];
    struct tmpl_call inner = *c;
    size_t want;

    if (!fn->type)
        return err_set(err, -EINVAL, "call of nil");
    if (fn->type->kind != TMPL_FUNC)
        return err_set(err, -EINVAL, "non-function of type %s", fn->type->name);
    if (!fn->func)
        return err_set(err, -EINVAL, "call of nil");
    inner.args++;
    inner.n--;
    want = func_params(fn->func) - fn->func->variadic;
    if (inner.n < want || (inner.n > want && !fn->func->variadic))
        return err_set(err, -EINVAL, "wrong number of args: got %zu want %s%zu", inner.n,
                       fn->func->variadic ? "at least " : "", want);
    for (size_t i = 0; i < inner.n; i++) {
        const struct tmpl_type *type = fn->func->params[i < want ? i : want];

        if (!type_fits(inner.args[i].type, type))
            return err_set(err, -EINVAL, "arg %zu has type %s; should be %s", i,
                           inner.args[i].type ? inner.args[i].type->name : "<nil>", type->name);
    }
    return fn->func->fn(&inner, ret, err);
}

#define RAW &tmpl_type_raw
#define ANY &tmpl_type_any

static const struct tmpl_func funcs[] = {
    {.name = "and", .fn = builtin_and_or, .params = {RAW, RAW}, .variadic = true},
    {.name = "call", .fn = call, .params = {RAW, RAW}, .variadic = true},
    {.name = "eq", .fn = builtin_eq, .params = {RAW, RAW}, .variadic = true},
    {.name = "ge", .fn = builtin_ge, .params = {RAW, RAW}},
    {.name = "gt", .fn = builtin_gt, .params = {RAW, RAW}},
    {.name = "html", .fn = html, .params = {ANY}, .variadic = true},
    {.name = "index", .fn = index_fn, .params = {RAW, RAW}, .variadic = true},
    {.name = "js", .fn = js, .params = {ANY}, .variadic = true},
    {.name = "le", .fn = builtin_le, .params = {RAW, RAW}},
    {.name = "len", .fn = len, .params = {RAW}},
    {.name = "lt", .fn = builtin_lt, .params = {RAW, RAW}},
    {.name = "ne", .fn = builtin_ne, .params = {RAW, RAW}},
    {.name = "not", .fn = not, .params = {RAW}},
    {.name = "or", .fn = builtin_and_or, .params = {RAW, RAW}, .variadic = true},
    {.name = "print", .fn = print, .params = {ANY}, .variadic = true},
    {.name = "printf", .fn = print_format, .params = {&tmpl_type_string, ANY}, .variadic = true},
    {.name = "println", .fn = println, .params = {ANY}, .variadic = true},
    {.name = "slice", .fn = slice, .params = {RAW, RAW}, .variadic = true},
    {.name = "urlquery", .fn = urlquery, .params = {ANY}, .variadic = true},
};

const struct tmpl_functions builtin_functions = {funcs, ARRAY_LEN(funcs), NULL};
