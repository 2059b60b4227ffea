/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - a streaming writer, and reading through jansson
 *
 * The writer keeps no tree: it appends to a buf and puts the commas itself. Strings are written as Go's
 * encoding/json does: invalid UTF-8 becomes U+FFFD, control characters \u00XX (\n \r \t \b \f short),
 * U+2028/9 escaped; with JSON_HTML_SAFE also < > & as \u003c \u003e \u0026.
 */
#ifndef TOCSIN_BASE_JSON_H
#define TOCSIN_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum json_flags { JSON_PLAIN = 0, JSON_HTML_SAFE = 1 };

struct json_writer {
    struct buf *out;
    enum json_flags flags;
    bool comma; /* the next element needs one before it */
};

void json_writer_init(struct json_writer *w, struct buf *out, enum json_flags flags);
void json_object_begin(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array_begin(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, struct str key);
void json_key_c(struct json_writer *w, const char *key);
void json_str(struct json_writer *w, struct str s);
void json_c(struct json_writer *w, const char *s);
void json_i64(struct json_writer *w, int64_t v);
void json_u64(struct json_writer *w, uint64_t v);
void json_bool(struct json_writer *w, bool v);
void json_null_value(struct json_writer *w);
void json_raw(struct json_writer *w, struct str ready); /* one ready value, e.g. a number's text */

/* key and value in one call */
void json_kv_str(struct json_writer *w, const char *key, struct str s);
void json_kv_c(struct json_writer *w, const char *key, const char *s);
void json_kv_i64(struct json_writer *w, const char *key, int64_t v);
void json_kv_bool(struct json_writer *w, const char *key, bool v);

/* Only the string with its quotes, for callers that write the rest themselves. */
void json_add_string(struct buf *out, struct str s, enum json_flags flags);

/* Whether JSON_PLAIN escapes nothing in s: it can be copied between quotes. */
bool json_is_plain(struct str s);

/*
 * Reading. A struct json is one value of a parsed document; it lives as long as the document. The
 * accessors are total: of a value that is absent (NULL) or of another type they give NULL, STR_NONE, 0 or
 * false, so that nested reading needs one check at its end.
 */
struct json;
enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

#define JSON_DOC_MAX (64u << 20) /* bytes; the largest body that any of our APIs takes */

/* Refuses duplicate keys, text after the value, and more than 64 levels. Free with json_doc_free(). */
int json_doc_parse(struct str text, struct json **ret, struct err *err);
void json_doc_free(struct json *root);
DEFINE_FREEP(json_doc, struct json)

enum json_type json_type_of(const struct json *j);
const struct json *json_get(const struct json *object, const char *key); /* NULL: absent */
size_t json_len(const struct json *j);                                   /* elements or members */
const struct json *json_at(const struct json *array, size_t i);
struct str json_text(const struct json *j); /* of a string */
double json_double(const struct json *j);   /* of a number */
int64_t json_int(const struct json *j);     /* of an integer number */
bool json_is_true(const struct json *j);

/* Walks the members of an object in document order; false at the end or when cb returns false. */
bool json_each(const struct json *object,
               bool (*cb)(struct str key, const struct json *v, void *arg), void *arg);

#endif
