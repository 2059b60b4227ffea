/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include "base/json.h"
#include "base/must.h"
#include "base/num.h"

static bool write_member(struct str key, const struct json *v, void *arg);

static void write_value(struct json_writer *w, const struct json *v)
{
    char number[NUM_TEXT_MAX];

    switch (json_type_of(v)) {
    case JSON_NULL: json_null_value(w); break;
    case JSON_BOOL: json_bool(w, json_is_true(v)); break;
    case JSON_NUMBER: json_raw(w, str_n(number, num_format_e(json_double(v), number))); break;
    case JSON_STRING: json_str(w, json_text(v)); break;
    case JSON_ARRAY:
        json_array_begin(w);
        for (size_t i = 0; i < json_len(v); i++)
            write_value(w, json_at(v, i));
        json_array_end(w);
        break;
    case JSON_OBJECT:
        json_object_begin(w);
        json_each(v, write_member, w);
        json_object_end(w);
        break;
    }
}

static bool write_member(struct str key, const struct json *v, void *arg)
{
    json_key(arg, key);
    write_value(arg, v);
    return true;
}

/* What was read, written and read again is written the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(json_doc_freep) struct json *first = NULL, *second = NULL;
    CLEANUP(buf_free) struct buf once = {0}, twice = {0};
    struct json_writer w;
    struct err err = {0};

    if (json_doc_parse(str_n((const char *)data, size), &first, &err) < 0) {
        must(err.code < 0 && err.msg[0] && !first);
        return 0;
    }
    json_writer_init(&w, &once, JSON_HTML_SAFE);
    write_value(&w, first);
    must(json_doc_parse(buf_str(&once), &second, &err) == 0);
    json_writer_init(&w, &twice, JSON_HTML_SAFE);
    write_value(&w, second);
    must(str_eq(buf_str(&once), buf_str(&twice)));
    return 0;
}
