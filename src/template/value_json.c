/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "base/json.h"
#include "base/num.h"
#include "template/value.h"

static int add(const struct tmpl_value *v, struct arena *a, int depth, struct buf *out,
               struct err *err);

/* Go writes 1e-7 where the sample format has 1e-07. */
static int add_float(double f, struct buf *out, struct err *err)
{
    char text[NUM_TEXT_MAX];
    size_t n;

    if (!isfinite(f))
        return err_set(err, -EINVAL, "json: unsupported value: %s",
                       isnan(f) ? "NaN"
                       : f > 0  ? "+Inf"
                                : "-Inf");
    n = num_format_sample(f, text);
    if (n >= 4 && text[n - 4] == 'e' && text[n - 3] == '-' && text[n - 2] == '0') {
        text[n - 2] = text[n - 1];
        n--;
    }
    buf_add(out, text, n);
    return 0;
}

static int add_list(const struct tmpl_list *l, struct arena *a, int depth, struct buf *out,
                    struct err *err)
{
    if (!l->items) {
        buf_add_c(out, "null");
        return 0;
    }
    buf_add_byte(out, '[');
    for (size_t i = 0; i < l->n && !out->overflow; i++) {
        int r;

        if (i > 0)
            buf_add_byte(out, ',');
        r = add(&l->items[i], a, depth + 1, out, err);
        if (r < 0)
            return r;
    }
    buf_add_byte(out, ']');
    return 0;
}

static int add_map(const struct tmpl_map *m, struct arena *a, int depth, struct buf *out,
                   struct err *err)
{
    if (!m) {
        buf_add_c(out, "null");
        return 0;
    }
    buf_add_byte(out, '{');
    for (size_t i = 0; i < m->n && !out->overflow; i++) {
        int r;

        if (i > 0)
            buf_add_byte(out, ',');
        json_add_string(out, m->pairs[i].key, JSON_HTML_SAFE);
        buf_add_byte(out, ':');
        r = add(&m->pairs[i].value, a, depth + 1, out, err);
        if (r < 0)
            return r;
    }
    buf_add_byte(out, '}');
    return 0;
}

static int add_object(const struct tmpl_value *v, struct arena *a, int depth, struct buf *out,
                      struct err *err)
{
    bool comma = false;

    buf_add_byte(out, '{');
    for (size_t i = 0; i < v->type->n_fields; i++) {
        const struct tmpl_field *f = &v->type->fields[i];
        struct tmpl_value field = tmpl_none();
        int r;

        if (!f->json)
            continue;
        if (comma)
            buf_add_byte(out, ',');
        comma = true;
        json_add_string(out, str_c(f->json), JSON_HTML_SAFE);
        buf_add_byte(out, ':');
        f->get(v->object, a, &field);
        r = add(&field, a, depth + 1, out, err);
        if (r < 0)
            return r;
    }
    buf_add_byte(out, '}');
    return 0;
}

static int add(const struct tmpl_value *v, struct arena *a, int depth, struct buf *out,
               struct err *err)
{
    if (depth > TMPL_NESTING_MAX)
        return err_set(err, -E2BIG, "value nested more than %d levels deep", TMPL_NESTING_MAX);
    if (v->type && v->type->json) {
        v->type->json(v, out);
        return 0;
    }
    switch (tmpl_kind(v)) {
    case TMPL_ANY:
    case TMPL_RAW: buf_add_c(out, "null"); return 0;
    case TMPL_BOOL: buf_add_c(out, v->b ? "true" : "false"); return 0;
    case TMPL_INT: num_add_i64(out, v->i); return 0;
    case TMPL_UINT: buf_addf(out, "%llu", (unsigned long long)v->u); return 0;
    case TMPL_FLOAT: return add_float(v->f, out, err);
    case TMPL_STRING: json_add_string(out, v->s, JSON_HTML_SAFE); return 0;
    case TMPL_LIST: return add_list(&v->list, a, depth, out, err);
    case TMPL_MAP: return add_map(v->map, a, depth, out, err);
    case TMPL_OBJECT: return add_object(v, a, depth, out, err);
    case TMPL_COMPLEX:
    case TMPL_FUNC: break;
    }
    return err_set(err, -EINVAL, "json: unsupported type: %s", v->type->name);
}

int tmpl_add_json(const struct tmpl_value *v, struct arena *a, struct buf *out, struct err *err)
{
    return add(v, a, 0, out, err);
}
