/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of Alertmanager's notification templates.
 */
#include <errno.h>

#include "base/zone.h"
#include "template/common_priv.h"
#include "template/humanize_priv.h"
#include "template/template.h"
#include "template/text_priv.h"
#include "template/time_priv.h"
#include "template/unicode.h"

static const struct tmpl_value no_items[1]; /* an empty list that is not nil */

static int trim_space(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct str s = c->args[0].s;
    size_t begin = s.len, end = 0;

    for (size_t i = 0; i < s.len;) {
        uint32_t ch;
        size_t n = str_utf8_next(str_n(s.p + i, s.len - i), &ch);

        if (!unicode_is_space(ch)) {
            begin = begin < i ? begin : i;
            end = i + n;
        }
        i += n;
    }
    *ret = tmpl_str(end > 0 ? str_n(s.p + begin, end - begin) : STR(""));
    return 0;
}

static int safe_url(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = (struct tmpl_value){.type = &tmpl_type_url, .s = c->args[0].s};
    return 0;
}

static int url_unescape(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};
    int r = text_query_unescape(c->args[0].s, &b, err);

    if (r < 0) {
        buf_free(&b);
        return r;
    }
    return tmpl_take_buf(c->arena, &b, ret, err);
}

/* ---- times --------------------------------------------------------------------------------- */

static int date(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};

    time_add_layout(&b, time_of(&c->args[1]), c->args[0].s);
    return tmpl_take_buf(c->arena, &b, ret, err);
}

static int tz(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_time t = *time_of(&c->args[1]);
    int r = zone_find(c->args[0].s, &t.zone, err);

    if (r == 0)
        *ret = tmpl_time(c->arena, t);
    return r;
}

static int now(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_time t = tmpl_time_of_ns(c->env->now);

    t.zone = zone_local();
    *ret = tmpl_time(c->arena, t);
    return 0;
}

static int since(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_time t = tmpl_time_of_ns(c->env->now);

    *ret = tmpl_duration(time_sub(&t, time_of(&c->args[0])));
    return 0;
}

/* ---- lists and maps ------------------------------------------------------------------------ */

static int to_json(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};
    int r = tmpl_add_json(&c->args[0], c->arena, &b, err);

    if (r < 0) {
        buf_free(&b);
        return r;
    }
    return tmpl_take_buf(c->arena, &b, ret, err);
}

static int list(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    *ret = tmpl_list(&tmpl_type_anys, c->n > 0 ? c->args : no_items, c->n);
    return 0;
}

static int append(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    const struct tmpl_list *old = &c->args[0].list;
    size_t n = old->n + c->n - 1;
    struct tmpl_value *items = arena_array(c->arena, n + 1, sizeof *items);

    if (old->n > 0)
        memcpy(items, old->items, old->n * sizeof *items);
    if (c->n > 1)
        memcpy(items + old->n, c->args + 1, (c->n - 1) * sizeof *items);
    *ret = tmpl_list(&tmpl_type_anys, items, n);
    return 0;
}

static int dict(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_pair *pairs = arena_array(c->arena, c->n / 2, sizeof *pairs);

    if (c->n % 2)
        return err_set(err, -EINVAL, "dict requires an even number of arguments");
    for (size_t i = 0; i < c->n / 2; i++) {
        if (c->args[2 * i].type != &tmpl_type_string)
            return err_set(err, -EINVAL, "dict keys must be strings");
        pairs[i] = (struct tmpl_pair){c->args[2 * i].s, c->args[2 * i + 1]};
    }
    *ret = tmpl_map(c->arena, &tmpl_type_any_map, pairs, c->n / 2);
    return 0;
}

#define ANY     &tmpl_type_any
#define STRING  &tmpl_type_string
#define STRINGS &tmpl_type_strings
#define TIME    &tmpl_type_time

static const struct tmpl_func funcs[] = {
    {.name = "append", .fn = append, .params = {&tmpl_type_anys, ANY}, .variadic = true},
    {.name = "date", .fn = date, .params = {STRING, TIME}},
    {.name = "dict", .fn = dict, .params = {ANY}, .variadic = true},
    {.name = "humanizeDuration", .fn = humanize_duration_fn, .params = {ANY}},
    {.name = "join", .fn = common_join, .params = {STRING, STRINGS}},
    {.name = "list", .fn = list, .params = {ANY}, .variadic = true},
    {.name = "match", .fn = common_match, .params = {STRING, STRING}},
    {.name = "now", .fn = now},
    {.name = "reReplaceAll", .fn = common_replace, .params = {STRING, STRING, STRING}},
    {.name = "safeHtml", .fn = common_safe_html, .params = {STRING}},
    {.name = "safeUrl", .fn = safe_url, .params = {STRING}},
    {.name = "since", .fn = since, .params = {TIME}},
    {.name = "stringSlice", .fn = common_string_slice, .params = {STRING}, .variadic = true},
    {.name = "title", .fn = common_title, .params = {STRING}},
    {.name = "toJson", .fn = to_json, .params = {ANY}},
    {.name = "toLower", .fn = common_to_lower, .params = {STRING}},
    {.name = "toUpper", .fn = common_to_upper, .params = {STRING}},
    {.name = "trimSpace", .fn = trim_space, .params = {STRING}},
    {.name = "tz", .fn = tz, .params = {STRING, TIME}},
    {.name = "urlUnescape", .fn = url_unescape, .params = {STRING}},
};

const struct tmpl_functions template_alertmanager_functions = {funcs, ARRAY_LEN(funcs), NULL};
