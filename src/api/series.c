/* SPDX-License-Identifier: Apache-2.0 */
/*
 * series - series, labels, label/<name>/values: what label sets there are
 */
#include <stdlib.h>

#include "api/api_priv.h"
#include "base/mem.h"
#include "base/quote.h"

struct range {
    unix_ms start, end;
    size_t limit; /* 0: none */
};

static int read_range(const struct request *r, struct range *ret, struct answer *a)
{
    if (api_param_limit(r, "limit", &ret->limit, a) < 0 ||
        api_param_time(r, "start", API_TIME_MIN, &ret->start, a) < 0)
        return -1;
    return api_param_time(r, "end", API_TIME_MAX, &ret->end, a);
}

/* ---- series -------------------------------------------------------------------------------- */

struct label_sets {
    const struct label_set **items;
    size_t n, cap;
};

static int compare(const void *a, const void *b)
{
    return label_set_cmp(*(const struct label_set *const *)a, *(const struct label_set *const *)b);
}

static int collect(const struct request *r, const struct selectors *s, const struct range *range,
                   struct label_sets *ret, struct err *err)
{
    const struct series_reader *reader = &r->api->reader;

    for (size_t i = 0; i < s->n; i++) {
        struct selection *found = NULL;
        size_t n;
        const struct matcher *const *ms = selectors_get(s, i, &n);
        int result = reader->select(reader->self, ms, n, range->start, range->end, &found, err);

        if (result < 0)
            return result;
        for (size_t k = 0; k < found->n; k++)
            *VEC_PUSH(ret->items, ret->n, ret->cap) = label_set_ref(found->labels[k]);
        reader->release(found);
    }
    if (s->n > 1 && ret->n)
        qsort(ret->items, ret->n, sizeof *ret->items, compare);
    return 0;
}

static void write_series(const struct label_sets *sets, size_t limit, struct answer *a)
{
    size_t shown = 0;

    json_array_begin(&a->w);
    for (size_t i = 0; i < sets->n; i++) {
        if (i && label_set_eq(sets->items[i - 1], sets->items[i]))
            continue;
        if (limit && shown == limit) {
            api_warn_truncated(a);
            break;
        }
        api_add_labels(&a->w, sets->items[i]);
        shown++;
    }
    json_array_end(&a->w);
}

int api_series(const struct request *r, struct answer *a)
{
    CLEANUP(selectors_deinit) struct selectors s = {0};
    struct label_sets sets = {0};
    struct err err = {0};
    struct range range;
    int result;

    if (!http_param(r->http, "match[]", 0).p)
        return api_fail(a, API_BAD_DATA, "no match[] parameter provided");
    if (read_range(r, &range, a) < 0 || api_param_selectors(r, &s, a) < 0)
        return -1;
    result = collect(r, &s, &range, &sets, &err);
    if (result < 0)
        api_fail(a, API_INTERNAL, "%s", err.msg);
    else
        write_series(&sets, range.limit, a);
    for (size_t i = 0; i < sets.n; i++)
        label_set_unref(sets.items[i]);
    free(sets.items);
    return result < 0 ? -1 : 0;
}

/* ---- names and values ---------------------------------------------------------------------- */

/* The reader gives them sorted, but for each of several selectors anew. */
struct texts {
    struct str *items;
    size_t n, cap;
    struct arena arena;
};

static void texts_deinit(struct texts *t)
{
    free(t->items);
    arena_deinit(&t->arena);
}

static void add_text(struct str text, void *arg)
{
    struct texts *t = arg;

    *VEC_PUSH(t->items, t->n, t->cap) = arena_str(&t->arena, text);
}

static int compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Names when label.p is NULL. */
static int ask(const struct request *r, struct str label, const struct matcher *const *ms, size_t n,
               const struct range *range, struct texts *ret, struct err *err)
{
    const struct series_reader *reader = &r->api->reader;

    if (label.p)
        return reader->label_values(reader->self, label, ms, n, range->start, range->end, add_text,
                                    ret, err);
    return reader->label_names(reader->self, ms, n, range->start, range->end, add_text, ret, err);
}

static int ask_each(const struct request *r, struct str label, const struct selectors *s,
                    const struct range *range, struct texts *ret, struct err *err)
{
    int result = s->n == 0 ? ask(r, label, NULL, 0, range, ret, err) : 0;

    for (size_t i = 0; i < s->n && result == 0; i++) {
        size_t n;
        const struct matcher *const *ms = selectors_get(s, i, &n);

        result = ask(r, label, ms, n, range, ret, err);
    }
    if (s->n > 1 && ret->n)
        qsort(ret->items, ret->n, sizeof *ret->items, compare_texts);
    return result;
}

static void write_texts(const struct texts *t, size_t limit, struct answer *a)
{
    size_t shown = 0;

    json_array_begin(&a->w);
    for (size_t i = 0; i < t->n; i++) {
        if (i && str_eq(t->items[i - 1], t->items[i]))
            continue;
        if (limit && shown == limit) {
            api_warn_truncated(a);
            break;
        }
        json_str(&a->w, t->items[i]);
        shown++;
    }
    json_array_end(&a->w);
}

static int names_or_values(const struct request *r, struct str label, struct answer *a)
{
    CLEANUP(selectors_deinit) struct selectors s = {0};
    CLEANUP(texts_deinit) struct texts t = {0};
    struct err err = {0};
    struct range range;

    if (read_range(r, &range, a) < 0 || api_param_selectors(r, &s, a) < 0)
        return -1;
    if (ask_each(r, label, &s, &range, &t, &err) < 0)
        return api_fail(a, API_INTERNAL, "%s", err.msg);
    write_texts(&t, range.limit, a);
    return 0;
}

int api_labels(const struct request *r, struct answer *a)
{
    return names_or_values(r, STR_NONE, a);
}

int api_label_values(const struct request *r, struct answer *a)
{
    CLEANUP(buf_free) struct buf name = {0}, quoted = {0};

    if (!api_unescape_name(r->label, &name))
        buf_add_str(&name, r->label);
    if (!label_name_is_valid(buf_str(&name))) {
        quote_add_go(&quoted, buf_str(&name));
        return api_fail(a, API_BAD_DATA, "invalid label name: %s", quoted.p);
    }
    return names_or_values(r, buf_str(&name), a);
}
