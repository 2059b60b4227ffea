/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - a document as a tree of nodes that know their place; the only user of libyaml
 *
 * Every node has line and column (from 1), so that whoever checks it can say where. Anchors and aliases are
 * resolved, merge keys (<<) are applied; recursion through an alias, duplicate keys, tags beyond YAML's own
 * !!str, !!int and the like (also !!binary), more than YAML_DEPTH_MAX levels or YAML_NODES_MAX nodes after
 * expansion are errors. Text of scalars is kept as written; what it means (true, 15s, 200MB) is decided by who
 * reads it.
 */
#ifndef TOCSIN_BASE_YAML_H
#define TOCSIN_BASE_YAML_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define YAML_BYTES_MAX (16u << 20)
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX 1000000

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_kind kind;
    int line, column;
    bool quoted;               /* a scalar in quotes or a block scalar: always a string */
    struct str text;           /* of a scalar; zero-terminated behind its end */
    size_t n;                  /* elements, or pairs */
    struct yaml_node **keys;   /* of a mapping: scalars */
    struct yaml_node **values; /* of a mapping, or the elements of a sequence */
};

struct yaml_doc; /* owns its nodes */

/*
 * Parses one stream of documents. `file` is used in messages ("FILE:LINE:COL: ..."). Free with
 * yaml_doc_free().
 */
int yaml_parse(const char *file, struct str text, struct yaml_doc **ret, struct err *err);
int yaml_parse_file(const char *path, struct yaml_doc **ret, struct err *err);
void yaml_doc_free(struct yaml_doc *doc);
DEFINE_FREEP(yaml_doc, struct yaml_doc)

const char *yaml_file(const struct yaml_doc *doc);
size_t yaml_count(const struct yaml_doc *doc); /* documents in the stream */
const struct yaml_node *yaml_root(const struct yaml_doc *doc,
                                  size_t i); /* NULL: an empty document */

/* A plain scalar null, ~ or nothing; also a NULL node. */
bool yaml_is_null(const struct yaml_node *node);
const struct yaml_node *yaml_get(const struct yaml_node *mapping,
                                 const char *key); /* NULL: absent */

/* Sets err to "FILE:LINE:COL: <words>" and returns -EINVAL. */
int yaml_error(const struct yaml_doc *doc, const struct yaml_node *at, struct err *err,
               const char *fmt, ...) PRINTF_LIKE(4, 5);

/* JSON text of a node: scalars that look like null, booleans and numbers become those. */
struct buf;
void yaml_to_json(const struct yaml_node *node, struct buf *out);

#endif
