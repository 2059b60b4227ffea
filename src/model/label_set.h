/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label_set - the identity of a series or an alert: names with values, sorted by name
 *
 * Immutable and counted, so that threads may share it. Names are unique, no value is empty: a label with
 * an empty value is the same as none. Look inside only through the functions: the layout is private, so
 * that storage can change it.
 */
#ifndef TOCSIN_MODEL_LABEL_SET_H
#define TOCSIN_MODEL_LABEL_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/defs.h"
#include "base/err.h"
#include "base/str.h"

#define LABEL_NAME      STR("__name__")
#define LABEL_COUNT_MAX 1024 /* labels of one set; more is a fault of the sender */

struct label {
    struct str name;
    struct str value;
};

struct label_set;

/*
 * Copies n labels in any order. Empty values are left out; of a name that occurs twice the last one
 * counts (callers for whom that is an error check before). Returns a new reference.
 */
struct label_set *label_set_new(const struct label *labels, size_t n);
struct label_set *label_set_empty(void); /* a reference to the one without labels */
struct label_set *label_set_ref(const struct label_set *ls);
void label_set_unref(const struct label_set *ls); /* NULL is fine */
static inline void label_set_unrefp(const struct label_set **p)
{
    label_set_unref(*p);
}

size_t label_set_count(const struct label_set *ls);
struct label label_set_at(const struct label_set *ls, size_t i);       /* in order of names */
struct str label_set_get(const struct label_set *ls, struct str name); /* .len == 0: absent */
uint64_t label_set_hash(const struct label_set *ls);                   /* of this process only */
bool label_set_eq(const struct label_set *a, const struct label_set *b);
int label_set_cmp(const struct label_set *a, const struct label_set *b); /* Prometheus' order */

/* Prometheus' stable hash: xxHash64 of length-prefixed names and values (spec: prometheus.md 2.6). */
uint64_t label_set_stable_hash(const struct label_set *ls);

/* `name{a="b", c="d"}` as Prometheus prints a metric; `{a="b"}` without a name; `{}` when empty. */
void label_set_print(const struct label_set *ls, struct buf *out);

/* {"a":"b"} without HTML escaping, as the Prometheus API writes label sets. */
void label_set_add_json(const struct label_set *ls, struct buf *out);

/*
 * label_builder - changes to a set before it becomes one. A zeroed builder is empty. Strings that are put
 * in are copied into the builder. One thread.
 */
struct label_builder {
    struct label *labels;
    size_t n, cap;
    struct label_builder_chunk *chunks; /* memory of the copied strings */
};

void label_builder_init(struct label_builder *b, const struct label_set *from); /* NULL: empty */
void label_builder_deinit(struct label_builder *b);
void label_builder_set(struct label_builder *b, struct str name,
                       struct str value); /* empty: remove */
void label_builder_del(struct label_builder *b, struct str name);
struct str label_builder_get(const struct label_builder *b, struct str name);
struct label_set *label_builder_build(const struct label_builder *b); /* a new reference */

bool label_name_is_valid(struct str name);   /* UTF-8 scheme: not empty, valid UTF-8 */
bool label_name_is_legacy(struct str name);  /* [a-zA-Z_][a-zA-Z0-9_]* */
bool metric_name_is_legacy(struct str name); /* [a-zA-Z_:][a-zA-Z0-9_:]* */

#endif
