/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON. A struct json is a json_t of jansson under another name. The library's names that
 * are also ours are moved out of the way while its header is read; none of those is used here.
 */
#define json_type    jansson_type
#define JSON_OBJECT  JANSSON_OBJECT
#define JSON_ARRAY   JANSSON_ARRAY
#define JSON_STRING  JANSSON_STRING
#define JSON_INTEGER JANSSON_INTEGER
#define JSON_REAL    JANSSON_REAL
#define JSON_TRUE    JANSSON_TRUE
#define JSON_FALSE   JANSSON_FALSE
#define JSON_NULL    JANSSON_NULL
#include <jansson.h>
#undef json_type
#undef json_is_true
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_INTEGER
#undef JSON_REAL
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

#include "base/json.h"

#include <errno.h>

#define JSON_DEPTH_MAX 64 /* levels; no format that we read has ten */

static json_t *inner(const struct json *j)
{
    return (json_t *)(uintptr_t)j; /* the library's readers want it without const */
}

/* Whether brackets nest too deeply. Looked at before parsing, because the parser calls itself. */
static bool is_too_deep(struct str text)
{
    bool in_string = false;
    int depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX)
                return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

int json_doc_parse(struct str text, struct json **ret, struct err *err)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_error_t why;
    json_t *root;

    if (text.len > JSON_DOC_MAX)
        return err_set(err, -E2BIG, "JSON text of %zu bytes is longer than %u", text.len,
                       JSON_DOC_MAX);
    if (is_too_deep(text))
        return err_set(err, -EINVAL, "JSON text has more than %d levels", JSON_DEPTH_MAX);
    root = json_loadb(text.p ? text.p : "", text.len, flags, &why);
    if (!root && json_error_code(&why) == json_error_numeric_overflow) /* integers beyond 64 bits */
        root = json_loadb(text.p, text.len, flags | JSON_DECODE_INT_AS_REAL, &why);
    if (!root)
        return err_set(err, -EINVAL, "JSON line %d column %d: %s", why.line, why.column, why.text);
    *ret = (struct json *)root;
    return 0;
}

void json_doc_free(struct json *root)
{
    json_decref(inner(root)); /* NULL is fine */
}

enum json_type json_type_of(const struct json *j)
{
    if (!j)
        return JSON_NULL;
    switch (json_typeof(inner(j))) {
    case JANSSON_OBJECT: return JSON_OBJECT;
    case JANSSON_ARRAY: return JSON_ARRAY;
    case JANSSON_STRING: return JSON_STRING;
    case JANSSON_INTEGER:
    case JANSSON_REAL: return JSON_NUMBER;
    case JANSSON_TRUE:
    case JANSSON_FALSE: return JSON_BOOL;
    case JANSSON_NULL: break;
    }
    return JSON_NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
    return (const struct json *)json_object_get(inner(object), key);
}

size_t json_len(const struct json *j)
{
    return json_type_of(j) == JSON_OBJECT ? json_object_size(inner(j)) : json_array_size(inner(j));
}

const struct json *json_at(const struct json *array, size_t i)
{
    return (const struct json *)json_array_get(inner(array), i);
}

struct str json_text(const struct json *j)
{
    const char *p = json_string_value(inner(j));

    return p ? str_n(p, json_string_length(inner(j))) : STR_NONE;
}

double json_double(const struct json *j)
{
    return json_number_value(inner(j));
}

int64_t json_int(const struct json *j)
{
    const double limit = 9223372036854775808.0; /* 2^63, the first that does not fit */
    double v;

    if (!j || json_typeof(inner(j)) == JANSSON_INTEGER)
        return json_integer_value(inner(j));
    v = json_double(j);
    return v >= -limit && v < limit && v == (double)(int64_t)v ? (int64_t)v : 0;
}

bool json_is_true(const struct json *j)
{
    return j && json_typeof(inner(j)) == JANSSON_TRUE;
}

bool json_each(const struct json *object,
               bool (*cb)(struct str key, const struct json *v, void *arg), void *arg)
{
    json_t *o = inner(object);

    for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at)) {
        struct str key = str_n(json_object_iter_key(at), json_object_iter_key_len(at));

        if (!cb(key, (const struct json *)json_object_iter_value(at), arg))
            return false;
    }
    return true;
}
