/* SPDX-License-Identifier: Apache-2.0 */
/*
 * series - series, labels, label/<name>/values: what label sets there are
 */
#include <errno.h>
#include <stdlib.h>

#include "api/api_priv.h"
#include "base/mem.h"
#include "base/quote.h"
#include "promql/promql.h"

#define MATCH_MAX 64 /* match[] parameters of one request */

struct selectors {
    struct promql_expr *exprs[MATCH_MAX];
    size_t n;
};

static void selectors_deinit(struct selectors *s)
{
    for (size_t i = 0; i < s->n; i++)
        promql_expr_free(s->exprs[i]);
}

static int read_selectors(const struct request *r, struct selectors *s, struct answer *a)
{
    struct str text;

    for (size_t i = 0; (text = http_param(r->http, "match[]", i)).p; i++) {
        struct err err = {0};

        if (i == MATCH_MAX)
            return api_fail(a, API_BAD_DATA, "more than %d match[] parameters", MATCH_MAX);
        if (promql_parse_selector(text, &s->exprs[i], &err) < 0) {
            bool empty = str_find(str_c(err.msg), STR("at least one non-empty matcher")) <
                         strlen(err.msg);

            return api_fail(a, API_BAD_DATA, "invalid parameter \"match[]\": %s",
                            empty ? "match[] must contain at least one non-empty matcher"
                                  : err.msg);
        }
        s->n++;
    }
    return 0;
}

struct range {
    unix_ms start, end;
    size_t limit;
};

static int read_range(const struct request *r, struct range *ret, struct answer *a)
{
    if (api_param_time(r, "start", API_TIME_MIN, &ret->start, a) < 0 ||
        api_param_time(r, "end", API_TIME_MAX, &ret->end, a) < 0)
        return -1;
    return api_param_limit(r, "limit", &ret->limit, a);
}

static void truncated(struct answer *a)
{
    a->warnings[a->n_warnings++] = mem_strdup("results truncated due to limit");
}

static int failed(const struct err *err, struct answer *a)
{
    return api_fail(a, API_INTERNAL, "%s", err->msg);
}

/* ---- series
 * -------------------------------------------------------------------------------------------------------
 */

struct label_sets {
    const struct label_set **items;
    size_t n, cap;
};

static int compare(const void *a, const void *b)
{
    return label_set_cmp(*(const struct label_set *const *)a, *(const struct label_set *const *)b);
}

static int collect(const struct request *r, const struct selectors *s, const struct range *range,
                   struct label_sets *ret, struct answer *a)
{
    const struct series_reader *reader = &r->api->reader;

    for (size_t i = 0; i < s->n; i++) {
        const struct promql_node *v = s->exprs[i]->root;
        struct selection *found = NULL;
        struct err err = {0};

        if (reader->select(reader->self, (const struct matcher *const *)v->vector.matchers,
                           v->vector.n_matchers, range->start, range->end, &found, &err) < 0)
            return failed(&err, a);
        for (size_t k = 0; k < found->n; k++)
            *VEC_PUSH(ret->items, ret->n, ret->cap) = label_set_ref(found->labels[k]);
        reader->release(found);
    }
    if (ret->n)
        qsort(ret->items, ret->n, sizeof *ret->items, compare);
    return 0;
}

int api_series(const struct request *r, struct answer *a)
{
    struct selectors s = {0};
    struct range range;
    struct label_sets sets = {0};
    struct json_writer w;
    size_t shown = 0;
    int result = -1;

    if (read_selectors(r, &s, a) == 0 && s.n == 0)
        api_fail(a, API_BAD_DATA, "no match[] parameter provided");
    else if (s.n && a->words[0] == '\0' && read_range(r, &range, a) == 0)
        result = collect(r, &s, &range, &sets, a);
    if (result == 0) {
        json_writer_init(&w, &a->data, JSON_PLAIN);
        json_array_begin(&w);
        for (size_t i = 0; i < sets.n; i++) {
            if (i && label_set_eq(sets.items[i - 1], sets.items[i]))
                continue;
            if (range.limit && shown == range.limit) {
                truncated(a);
                break;
            }
            api_add_labels(&w, sets.items[i]);
            shown++;
        }
        json_array_end(&w);
    }
    for (size_t i = 0; i < sets.n; i++)
        label_set_unref(sets.items[i]);
    free(sets.items);
    selectors_deinit(&s);
    return result;
}

/* ---- names and values
 * ------------------------------------------------------------------------------------------------
 */

/* Texts that readers give sorted, for each of several selectors: kept together, sorted once at the
 * end. */
struct texts {
    struct str *items;
    size_t n, cap;
    struct arena arena;
};

static void add_text(struct str text, void *arg)
{
    struct texts *t = arg;

    *VEC_PUSH(t->items, t->n, t->cap) = arena_str(&t->arena, text);
}

static int compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int ask(const struct request *r, struct str label, const struct promql_node *v,
               const struct range *range, struct texts *ret, struct err *err)
{
    const struct series_reader *reader = &r->api->reader;
    const struct matcher *const *matchers = v ? (const struct matcher *const *)v->vector.matchers
                                              : NULL;
    size_t n = v ? v->vector.n_matchers : 0;

    if (label.p)
        return reader->label_values(reader->self, label, matchers, n, range->start, range->end,
                                    add_text, ret, err);
    return reader->label_names(reader->self, matchers, n, range->start, range->end, add_text, ret,
                               err);
}

static void write_texts(struct texts *t, size_t limit, struct answer *a)
{
    struct json_writer w;
    size_t shown = 0;

    if (t->n)
        qsort(t->items, t->n, sizeof *t->items, compare_texts);
    json_writer_init(&w, &a->data, JSON_HTML_SAFE);
    json_array_begin(&w);
    for (size_t i = 0; i < t->n; i++) {
        if (i && str_eq(t->items[i - 1], t->items[i]))
            continue;
        if (limit && shown == limit) {
            truncated(a);
            break;
        }
        json_str(&w, t->items[i]);
        shown++;
    }
    json_array_end(&w);
}

/* label.p NULL: names. */
static int names_or_values(const struct request *r, struct str label, struct answer *a)
{
    struct selectors s = {0};
    struct range range;
    struct texts t = {0};
    struct err err = {0};
    int result = -1;

    if (read_selectors(r, &s, a) == 0 && read_range(r, &range, a) == 0) {
        result = s.n == 0 ? ask(r, label, NULL, &range, &t, &err) : 0;
        for (size_t i = 0; i < s.n && result == 0; i++)
            result = ask(r, label, s.exprs[i]->root, &range, &t, &err);
        if (result < 0)
            failed(&err, a);
    }
    if (result == 0)
        write_texts(&t, range.limit, a);
    free(t.items);
    arena_deinit(&t.arena);
    selectors_deinit(&s);
    return result < 0 ? -1 : 0;
}

int api_labels(const struct request *r, struct answer *a)
{
    return names_or_values(r, STR_NONE, a);
}

/* U__ escapes of names that are no legacy names: "_" is "__", "_XX_" the code point in hexadecimal.
 */
static void unescape_name(struct str name, struct buf *out)
{
    if (!str_has_prefix(name, STR("U__"))) {
        buf_add_str(out, name);
        return;
    }
    for (size_t i = 3; i < name.len; i++) {
        uint32_t code = 0;
        size_t k = i + 1;

        if (name.p[i] != '_') {
            buf_add_byte(out, name.p[i]);
            continue;
        }
        if (k < name.len && name.p[k] == '_') {
            buf_add_byte(out, '_');
            i = k;
            continue;
        }
        for (; k < name.len && k - i <= 6 && name.p[k] != '_'; k++) {
            char c = name.p[k];
            int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

            if (digit < 0)
                break;
            code = code * 16 + (uint32_t)digit;
        }
        if (k == name.len || name.p[k] != '_' || k == i + 1) { /* no escape after all: as it is */
            buf_reset(out);
            buf_add_str(out, name);
            return;
        }
        buf_add_utf8(out, code);
        i = k;
    }
}

int api_label_values(const struct request *r, struct answer *a)
{
    CLEANUP(buf_free) struct buf name = {0}, quoted = {0};

    unescape_name(r->label, &name);
    if (!label_name_is_valid(buf_str(&name))) {
        quote_add_go(&quoted, buf_str(&name));
        return api_fail(a, API_BAD_DATA, "invalid label name: %s", quoted.p);
    }
    return names_or_values(r, buf_str(&name), a);
}
