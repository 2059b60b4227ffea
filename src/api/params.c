/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params - what a request asks for (prometheus.md 1.2), and Prometheus' words when it cannot be
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "api/api_priv.h"
#include "base/mem.h"
#include "base/num.h"

/* Go's bounds of time, which clients send for "all there is". */
static const char go_least[] = "-292273086-05-16T16:47:06Z";
static const char go_most[] = "292277025-08-18T07:12:54.999999999Z";

struct str api_param(const struct request *r, const char *name)
{
    return http_param(r->http, name, 0);
}

int api_parse_time(struct str s, unix_ms *ret, struct err *err)
{
    double seconds;
    unix_ns ns;

    if (str_eq_c(s, go_least) || str_eq_c(s, go_most)) {
        *ret = s.p[0] == '-' ? API_TIME_MIN : API_TIME_MAX;
        return 0;
    }
    if (num_parse_double(s, &seconds) && fabs(seconds) < (double)API_TIME_MAX / 1000) {
        *ret = (unix_ms)llround(seconds * 1000);
        return 0;
    }
    if (time_parse_rfc3339(s, &ns, NULL, NULL) == 0 && ns != UNIX_NS_ZERO) {
        *ret = unix_ms_of_ns(ns);
        return 0;
    }
    return err_set(err, -EINVAL, "cannot parse \"%.*s\" to a valid timestamp", STR_ARG(s));
}

int api_parse_duration(struct str s, dur_ms *ret, struct err *err)
{
    double seconds;

    if (num_parse_double(s, &seconds) && !isnan(seconds)) {
        if (fabs(seconds) * 1e9 > (double)INT64_MAX)
            return err_set(err, -ERANGE,
                           "cannot parse \"%.*s\" to a valid duration. It overflows int64",
                           STR_ARG(s));
        *ret = (dur_ms)llround(seconds * 1000);
        return 0;
    }
    if (s.len && duration_parse(s.p, s.len, ret, NULL) == 0)
        return 0;
    return err_set(err, -EINVAL, "cannot parse \"%.*s\" to a valid duration", STR_ARG(s));
}

static int invalid(struct answer *a, const char *name, const struct err *err)
{
    return api_fail(a, API_BAD_DATA, "invalid parameter \"%s\": %s", name, err->msg);
}

int api_param_time(const struct request *r, const char *name, unix_ms standard, unix_ms *ret,
                   struct answer *a)
{
    struct str s = api_param(r, name);
    struct err err = {0};

    if (s.len == 0) {
        *ret = standard;
        return 0;
    }
    if (api_parse_time(s, ret, &err) == 0)
        return 0;
    err_in(&err, err.code, "invalid time value for '%s'", name);
    return invalid(a, name, &err);
}

int api_param_duration(const struct request *r, const char *name, dur_ms standard, dur_ms *ret,
                       struct answer *a)
{
    struct str s = api_param(r, name);
    struct err err = {0};

    if (s.len == 0) {
        *ret = standard;
        return 0;
    }
    return api_parse_duration(s, ret, &err) < 0 ? invalid(a, name, &err) : 0;
}

int api_param_limit(const struct request *r, const char *name, size_t *ret, struct answer *a)
{
    struct str s = api_param(r, name);
    int64_t n = 0;

    if (s.len && !num_parse_i64(s, &n))
        return api_fail(a, API_BAD_DATA, "invalid parameter \"%s\": %s must be a number", name,
                        name);
    if (n < 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"%s\": %s must be non-negative", name,
                        name);
    *ret = (size_t)n;
    return 0;
}

/* ---- match[] ------------------------------------------------------------------------------- */

const struct matcher *const *selectors_get(const struct selectors *s, size_t i, size_t *ret_n)
{
    const struct promql_node *v = s->exprs[i]->root;

    *ret_n = v->vector.n_matchers;
    return (const struct matcher *const *)v->vector.matchers;
}

void selectors_deinit(struct selectors *s)
{
    for (size_t i = 0; i < s->n; i++)
        promql_expr_free(s->exprs[i]);
    free(s->exprs);
}

/* One that every label set fulfils would bring all there is. */
static bool selects_something(const struct selectors *s, size_t i)
{
    size_t n;
    const struct matcher *const *ms = selectors_get(s, i, &n);

    for (size_t k = 0; k < n; k++)
        if (!matcher_matches(ms[k], STR("")))
            return true;
    return false;
}

int api_read_selectors(const struct request *r, struct selectors *ret, struct err *err)
{
    struct str text;

    while ((text = http_param(r->http, "match[]", ret->n)).p) {
        struct promql_expr *expr = NULL;
        int result;

        if (ret->n == API_SELECTORS_MAX)
            return err_set(err, -E2BIG, "more than %d match[] parameters", API_SELECTORS_MAX);
        result = promql_parse_selector(text, &expr, err);
        if (result < 0)
            return result;
        *VEC_PUSH(ret->exprs, ret->n, ret->cap) = expr;
    }
    return 0;
}

static int read_selectors(const struct request *r, bool all_allowed, struct selectors *ret,
                          struct answer *a)
{
    struct err err = {0};
    int result = api_read_selectors(r, ret, &err);

    if (result < 0)
        return result == -E2BIG ? api_fail(a, API_BAD_DATA, "%s", err.msg)
                                : invalid(a, "match[]", &err);
    for (size_t i = 0; !all_allowed && i < ret->n; i++)
        if (!selects_something(ret, i))
            return api_fail(a, API_BAD_DATA,
                            "invalid parameter \"match[]\": match[] must contain at least one "
                            "non-empty matcher");
    return 0;
}

int api_param_selectors(const struct request *r, struct selectors *ret, struct answer *a)
{
    return read_selectors(r, false, ret, a);
}

int api_param_any_selectors(const struct request *r, struct selectors *ret, struct answer *a)
{
    return read_selectors(r, true, ret, a);
}

/* ---- label names in a path ----------------------------------------------------------------- */

#define ESCAPE_DIGITS_MAX 6 /* of U+10FFFF */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Reads "XX_" at the start of s: a code point in hexadecimal. Returns the bytes it took, 0 when it
 * is none. */
static size_t read_escape(struct str s, uint32_t *ret)
{
    uint32_t code = 0;
    size_t i = 0;

    for (; i < s.len && i < ESCAPE_DIGITS_MAX && hex_digit(s.p[i]) >= 0; i++)
        code = code * 16 + (uint32_t)hex_digit(s.p[i]);
    if (i == 0 || i == s.len || s.p[i] != '_' || code > 0x10ffff ||
        (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret = code;
    return i + 1;
}

bool api_unescape_name(struct str name, struct buf *out)
{
    const struct str mark = STR("U__");
    CLEANUP(buf_free) struct buf text = {0};

    if (!str_has_prefix(name, mark))
        return false;
    for (size_t i = mark.len; i < name.len;) {
        struct str behind = str_n(name.p + i + 1, name.len - i - 1);
        uint32_t code = 0;
        size_t taken;

        if (name.p[i] != '_') {
            buf_add_byte(&text, name.p[i++]);
        } else if (behind.len && behind.p[0] == '_') {
            buf_add_byte(&text, '_');
            i += 2;
        } else {
            taken = read_escape(behind, &code);
            if (taken == 0)
                return false;
            buf_add_utf8(&text, code);
            i += 1 + taken;
        }
    }
    buf_add_str(out, buf_str(&text));
    return true;
}
