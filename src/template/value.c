/* SPDX-License-Identifier: Apache-2.0 */
#include "template/value.h"

#include <errno.h>
#include <stdlib.h>

#include "model/label_set.h"

const struct tmpl_type tmpl_type_any = {.name = "interface {}", .kind = TMPL_ANY};
const struct tmpl_type tmpl_type_raw = {.name = "reflect.Value", .kind = TMPL_RAW};
const struct tmpl_type tmpl_type_bool = {.name = "bool", .kind = TMPL_BOOL};
const struct tmpl_type tmpl_type_int = {.name = "int", .kind = TMPL_INT};
const struct tmpl_type tmpl_type_int64 = {.name = "int64", .kind = TMPL_INT};
const struct tmpl_type tmpl_type_uint8 = {.name = "uint8", .kind = TMPL_UINT};
const struct tmpl_type tmpl_type_uint64 = {.name = "uint64", .kind = TMPL_UINT};
const struct tmpl_type tmpl_type_float64 = {.name = "float64", .kind = TMPL_FLOAT};
const struct tmpl_type tmpl_type_complex128 = {.name = "complex128", .kind = TMPL_COMPLEX};
const struct tmpl_type tmpl_type_string = {.name = "string", .kind = TMPL_STRING};
const struct tmpl_type tmpl_type_strings = {
    .name = "[]string", .kind = TMPL_LIST, .elem = &tmpl_type_string};
const struct tmpl_type tmpl_type_anys = {
    .name = "[]interface {}", .kind = TMPL_LIST, .elem = &tmpl_type_any};
const struct tmpl_type tmpl_type_string_map = {
    .name = "map[string]string", .kind = TMPL_MAP, .elem = &tmpl_type_string};
const struct tmpl_type tmpl_type_any_map = {
    .name = "map[string]interface {}", .kind = TMPL_MAP, .elem = &tmpl_type_any};
const struct tmpl_type tmpl_type_func = {.name = "func", .kind = TMPL_FUNC};
const struct tmpl_type tmpl_type_html = {.name = "template.HTML", .kind = TMPL_STRING};
const struct tmpl_type tmpl_type_url = {.name = "template.URL", .kind = TMPL_STRING};

int tmpl_take_buf(struct arena *a, struct buf *b, struct tmpl_value *ret, struct err *err)
{
    int r = 0;

    if (b->overflow)
        r = err_set(err, -E2BIG, "string longer than %u bytes", TMPL_STRING_MAX);
    else
        *ret = tmpl_str(arena_str(a, buf_str(b)));
    buf_free(b);
    return r;
}

/* By key; of equal keys in the order in which they were given. */
struct ranked {
    struct tmpl_pair pair;
    size_t rank;
};

static int ranked_cmp(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int c = str_cmp(x->pair.key, y->pair.key);

    return c != 0 ? c : (x->rank > y->rank) - (x->rank < y->rank);
}

struct tmpl_value tmpl_map(struct arena *a, const struct tmpl_type *type,
                           const struct tmpl_pair *pairs, size_t n)
{
    struct ranked *sorted = arena_array(a, n, sizeof *sorted);
    struct tmpl_pair *out = arena_array(a, n, sizeof *out);
    struct tmpl_map *m = arena_zalloc(a, sizeof *m);

    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct ranked){pairs[i], i};
    if (n > 1)
        qsort(sorted, n, sizeof *sorted, ranked_cmp);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || !str_eq(sorted[i].pair.key, sorted[i + 1].pair.key))
            out[m->n++] = sorted[i].pair;
    m->pairs = out;
    return (struct tmpl_value){.type = type, .map = m};
}

struct tmpl_value tmpl_labels(struct arena *a, const struct tmpl_type *type,
                              const struct label_set *ls)
{
    size_t n = ls ? label_set_count(ls) : 0;
    struct tmpl_pair *pairs = arena_array(a, n, sizeof *pairs);
    struct tmpl_map *m = arena_zalloc(a, sizeof *m);

    for (size_t i = 0; i < n; i++) {
        struct label l = label_set_at(ls, i);

        pairs[i] = (struct tmpl_pair){l.name, tmpl_str(l.value)};
    }
    *m = (struct tmpl_map){n, pairs};
    return (struct tmpl_value){.type = type, .map = m};
}

const struct tmpl_value *tmpl_map_get(const struct tmpl_map *m, struct str key)
{
    size_t lo = 0, hi = m ? m->n : 0;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(m->pairs[mid].key, key);

        if (c == 0)
            return &m->pairs[mid].value;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

struct tmpl_value tmpl_zero(const struct tmpl_type *type)
{
    if (!type || type->kind == TMPL_ANY || type->kind == TMPL_RAW)
        return tmpl_none();
    if (type->kind == TMPL_STRING)
        return (struct tmpl_value){.type = type, .s = STR("")};
    return (struct tmpl_value){.type = type};
}

bool tmpl_is_true(const struct tmpl_value *v)
{
    switch (tmpl_kind(v)) {
    case TMPL_BOOL: return v->b;
    case TMPL_INT: return v->i != 0;
    case TMPL_UINT: return v->u != 0;
    case TMPL_FLOAT: return v->f != 0;
    case TMPL_COMPLEX: return v->complex_parts[0] != 0 || v->complex_parts[1] != 0;
    case TMPL_STRING: return v->s.len > 0;
    case TMPL_LIST: return v->list.n > 0;
    case TMPL_MAP: return v->map && v->map->n > 0;
    case TMPL_OBJECT: return true;
    case TMPL_FUNC: return v->func != NULL;
    case TMPL_ANY:
    case TMPL_RAW: break;
    }
    return false;
}

struct str tmpl_type_name(struct arena *a, const struct tmpl_value *v)
{
    if (!v->type)
        return STR("<nil>");
    if (v->type->pointer)
        return str_c(arena_printf(a, "*%s", v->type->name));
    return str_c(v->type->name);
}
