/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml gives a stream of events; here they become a tree in the arena of the document. An alias
 * shares the node of its anchor, but counts as if its nodes stood there again: whoever walks the
 * tree is bounded by the same two limits.
 */
#include "base/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <yaml.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

struct yaml_doc {
    struct arena mem; /* all nodes and texts */
    char *file;
    struct yaml_node **roots; /* NULL elements: empty documents */
    size_t n, cap;
};

struct anchor {
    struct str name;
    struct yaml_node *node;
    size_t nodes; /* of the subtree, expanded */
    int height;   /* levels of the subtree, expanded */
    bool open;    /* we are still inside of it */
};

struct builder {
    struct yaml_doc *doc;
    yaml_parser_t parser;
    yaml_event_t event; /* the one to be looked at */
    struct anchor *anchors;
    size_t n_anchors, cap_anchors;
    size_t nodes; /* so far, expanded */
    struct err *err;
};

static int parse_node(struct builder *b, int depth, struct yaml_node **ret, int *ret_height);

/* ---- messages ------------------------------------------------------------------------------ */

static int error_at(const char *file, int line, int column, struct err *err, const char *fmt,
                    va_list ap)
{
    CLEANUP(buf_free) struct buf words = {.max = ERR_MSG_MAX};

    buf_vaddf(&words, fmt, ap);
    return err_set(err, -EINVAL, "%s:%d:%d: " STR_FMT, file, line, column,
                   STR_ARG(buf_str(&words)));
}

PRINTF_LIKE(3, 4)
static int error_at_mark(struct builder *b, yaml_mark_t at, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = error_at(b->doc->file, (int)at.line + 1, (int)at.column + 1, b->err, fmt, ap);
    va_end(ap);
    return r;
}

int yaml_error(const struct yaml_doc *doc, const struct yaml_node *at, struct err *err,
               const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = error_at(doc->file, at ? at->line : 1, at ? at->column : 1, err, fmt, ap);
    va_end(ap);
    return r;
}

static int parser_error(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    const char *problem = p->problem ? p->problem : "no YAML";

    if (p->error == YAML_READER_ERROR)
        return err_set(b->err, -EINVAL, "%s: byte %zu: %s", b->doc->file, p->problem_offset + 1,
                       problem);
    if (p->context)
        return error_at_mark(b, p->problem_mark, "%s %s", problem, p->context);
    return error_at_mark(b, p->problem_mark, "%s", problem);
}

/* ---- events -------------------------------------------------------------------------------- */

static int next_event(struct builder *b)
{
    yaml_event_delete(&b->event);
    if (!yaml_parser_parse(&b->parser, &b->event))
        return parser_error(b);
    return 0;
}

static const char *tag_of_event(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return (const char *)e->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT: return (const char *)e->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT: return (const char *)e->data.mapping_start.tag;
    default: return NULL;
    }
}

/* Tags that change nothing but what a scalar is taken for. The text of the others, !!binary before
 * all, is not what stands there. */
static int check_tag(struct builder *b)
{
    static const char *const tags[] = {"!",           YAML_STR_TAG,  YAML_INT_TAG, YAML_FLOAT_TAG,
                                       YAML_BOOL_TAG, YAML_NULL_TAG, YAML_SEQ_TAG, YAML_MAP_TAG};
    const char *tag = tag_of_event(&b->event);

    for (size_t i = 0; tag && i < ARRAY_LEN(tags); i++)
        if (strcmp(tag, tags[i]) == 0)
            return 0;
    return tag ? error_at_mark(b, b->event.start_mark, "tag \"%s\" is not supported", tag) : 0;
}

static const char *anchor_of_event(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return (const char *)e->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT: return (const char *)e->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT: return (const char *)e->data.mapping_start.anchor;
    default: return NULL;
    }
}

/* A name that is given again means the later node from then on. Returns its place, not a pointer:
 * the array grows. */
static size_t open_anchor(struct builder *b, const char *name, struct yaml_node *node)
{
    struct anchor *a = NULL;

    for (size_t i = 0; i < b->n_anchors && !a; i++)
        if (str_eq_c(b->anchors[i].name, name))
            a = &b->anchors[i];
    if (!a)
        a = VEC_PUSH(b->anchors, b->n_anchors, b->cap_anchors);
    *a = (struct anchor){arena_str(&b->doc->mem, str_c(name)), node, 0, 0, true};
    return (size_t)(a - b->anchors);
}

static int parse_alias(struct builder *b, int depth, struct yaml_node **ret, int *ret_height)
{
    const char *name = (const char *)b->event.data.alias.anchor;
    yaml_mark_t at = b->event.start_mark;

    for (size_t i = 0; i < b->n_anchors; i++) {
        const struct anchor *a = &b->anchors[i];

        if (!str_eq_c(a->name, name))
            continue;
        if (a->open)
            return error_at_mark(b, at, "alias \"%s\" stands inside of what it names", name);
        if (depth + a->height - 1 > YAML_DEPTH_MAX)
            return error_at_mark(b, at, "more than %d levels", YAML_DEPTH_MAX);
        if (a->nodes > YAML_NODES_MAX - b->nodes)
            return error_at_mark(b, at, "more than %d nodes after aliases are expanded",
                                 YAML_NODES_MAX);
        b->nodes += a->nodes;
        *ret = a->node;
        *ret_height = a->height;
        return 0;
    }
    return error_at_mark(b, at, "alias \"%s\" names no anchor above it", name);
}

static void fill_scalar(struct builder *b, struct yaml_node *node)
{
    const char *tag = (const char *)b->event.data.scalar.tag;

    node->kind = YAML_SCALAR;
    node->quoted = b->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (tag && (strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, "!") == 0))
        node->quoted = true;
    node->text = arena_str(
        &b->doc->mem, str_n((const char *)b->event.data.scalar.value, b->event.data.scalar.length));
}

/* Nodes that are collected before their number is known. */
struct pile {
    struct yaml_node **nodes;
    size_t n, cap;
};

static void pile_deinit(struct pile *p)
{
    free(p->nodes);
}

static struct yaml_node **pile_to_arena(struct builder *b, const struct pile *p)
{
    struct yaml_node **out = arena_alloc(&b->doc->mem, p->n * sizeof *out);

    if (p->n > 0)
        memcpy(out, p->nodes, p->n * sizeof *out);
    return out;
}

static int parse_sequence(struct builder *b, int depth, struct yaml_node *node, int *ret_height)
{
    CLEANUP(pile_deinit) struct pile elements = {0};
    int r, height, tallest = 0;

    for (;;) {
        struct yaml_node *element;

        r = next_event(b);
        if (r < 0)
            return r;
        if (b->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        r = parse_node(b, depth + 1, &element, &height);
        if (r < 0)
            return r;
        *VEC_PUSH(elements.nodes, elements.n, elements.cap) = element;
        if (height > tallest)
            tallest = height;
    }
    node->kind = YAML_SEQUENCE;
    node->n = elements.n;
    node->values = pile_to_arena(b, &elements);
    *ret_height = tallest + 1;
    return 0;
}

/* ---- mappings ------------------------------------------------------------------------------ */

/* A mapping while it is read. `by_key` finds keys by their text; its values are key nodes. */
struct pairs {
    struct pile keys, values, merges;
    struct map by_key;
};

static void pairs_deinit(struct pairs *p)
{
    pile_deinit(&p->keys);
    pile_deinit(&p->values);
    pile_deinit(&p->merges);
    map_deinit(&p->by_key);
}

static bool key_is(const void *key, const void *value)
{
    return str_eq(*(const struct str *)key, ((const struct yaml_node *)value)->text);
}

static const struct yaml_node *pairs_find(const struct pairs *p, struct str key)
{
    return map_get(&p->by_key, hash_bytes(key.p, key.len), key_is, &key);
}

static void pairs_add(struct pairs *p, struct yaml_node *key, struct yaml_node *value)
{
    *VEC_PUSH(p->keys.nodes, p->keys.n, p->keys.cap) = key;
    *VEC_PUSH(p->values.nodes, p->values.n, p->values.cap) = value;
    map_add(&p->by_key, hash_bytes(key->text.p, key->text.len), key);
}

static bool is_merge_key(const struct yaml_node *key)
{
    return !key->quoted && str_eq(key->text, STR("<<"));
}

/* Pairs of `from` whose key is not there yet: what is written out wins, then the earlier merge. */
static int merge_mapping(struct builder *b, struct pairs *p, const struct yaml_node *from)
{
    if (from->kind != YAML_MAPPING)
        return yaml_error(b->doc, from, b->err, "<< wants a mapping or a list of mappings");
    for (size_t i = 0; i < from->n; i++)
        if (!pairs_find(p, from->keys[i]->text))
            pairs_add(p, from->keys[i], from->values[i]);
    return 0;
}

static int merge_all(struct builder *b, struct pairs *p)
{
    for (size_t m = 0; m < p->merges.n; m++) {
        const struct yaml_node *from = p->merges.nodes[m];
        bool list = from->kind == YAML_SEQUENCE;

        for (size_t i = 0; i < (list ? from->n : 1); i++) {
            int r = merge_mapping(b, p, list ? from->values[i] : from);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* The key at the current event, then its value. */
static int parse_pair(struct builder *b, int depth, struct pairs *p, int *ret_height)
{
    yaml_mark_t at = b->event.start_mark;
    struct yaml_node *key, *value;
    const struct yaml_node *first;
    int r;

    r = parse_node(b, depth + 1, &key, ret_height);
    if (r < 0)
        return r;
    if (key->kind != YAML_SCALAR)
        return error_at_mark(b, at, "a key must be a single word or text, not a list or mapping");
    first = is_merge_key(key) ? NULL : pairs_find(p, key->text);
    if (first)
        return error_at_mark(b, at, "key \"" STR_FMT "\" is already set on line %d",
                             STR_ARG(key->text), first->line);
    r = next_event(b);
    if (r < 0)
        return r;
    r = parse_node(b, depth + 1, &value, ret_height);
    if (r < 0)
        return r;
    if (is_merge_key(key))
        *VEC_PUSH(p->merges.nodes, p->merges.n, p->merges.cap) = value;
    else
        pairs_add(p, key, value);
    return 0;
}

static int parse_mapping(struct builder *b, int depth, struct yaml_node *node, int *ret_height)
{
    CLEANUP(pairs_deinit) struct pairs p = {0};
    int r, height, tallest = 0;

    for (;;) {
        r = next_event(b);
        if (r < 0)
            return r;
        if (b->event.type == YAML_MAPPING_END_EVENT)
            break;
        r = parse_pair(b, depth, &p, &height);
        if (r < 0)
            return r;
        if (height > tallest)
            tallest = height;
    }
    r = merge_all(b, &p);
    if (r < 0)
        return r;
    node->kind = YAML_MAPPING;
    node->n = p.keys.n;
    node->keys = pile_to_arena(b, &p.keys);
    node->values = pile_to_arena(b, &p.values);
    *ret_height = tallest + 1;
    return 0;
}

/* The node that begins with the current event; afterwards the current event is its last one. */
static int parse_node(struct builder *b, int depth, struct yaml_node **ret, int *ret_height)
{
    yaml_mark_t at = b->event.start_mark;
    size_t nodes_before = b->nodes, anchor = 0;
    const char *anchor_name = anchor_of_event(&b->event);
    bool anchored = anchor_name;
    struct yaml_node *node;
    int r = 0;

    if (depth > YAML_DEPTH_MAX)
        return error_at_mark(b, at, "more than %d levels", YAML_DEPTH_MAX);
    if (b->event.type == YAML_ALIAS_EVENT)
        return parse_alias(b, depth, ret, ret_height);
    if (b->nodes++ == YAML_NODES_MAX)
        return error_at_mark(b, at, "more than %d nodes", YAML_NODES_MAX);
    r = check_tag(b);
    if (r < 0)
        return r;
    node = arena_zalloc(&b->doc->mem, sizeof *node);
    node->line = (int)at.line + 1;
    node->column = (int)at.column + 1;
    if (anchored)
        anchor = open_anchor(b, anchor_name, node);
    *ret_height = 1;
    if (b->event.type == YAML_SEQUENCE_START_EVENT)
        r = parse_sequence(b, depth, node, ret_height);
    else if (b->event.type == YAML_MAPPING_START_EVENT)
        r = parse_mapping(b, depth, node, ret_height);
    else
        fill_scalar(b, node);
    if (r < 0)
        return r;
    if (anchored && b->anchors[anchor].node == node) {
        b->anchors[anchor].nodes = b->nodes - nodes_before;
        b->anchors[anchor].height = *ret_height;
        b->anchors[anchor].open = false;
    }
    *ret = node;
    return 0;
}

/* ---- documents ----------------------------------------------------------------------------- */

static bool is_empty(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->quoted && node->text.len == 0;
}

/* From a document's start event to its end event. Anchors are known only in their document. */
static int parse_document(struct builder *b)
{
    struct yaml_node *root;
    int r, height;

    b->n_anchors = 0;
    r = next_event(b);
    if (r < 0)
        return r;
    r = parse_node(b, 1, &root, &height);
    if (r < 0)
        return r;
    *VEC_PUSH(b->doc->roots, b->doc->n, b->doc->cap) = is_empty(root) ? NULL : root;
    return next_event(b);
}

static int parse_stream(struct builder *b)
{
    int r;

    do {
        r = next_event(b);
        if (r == 0 && b->event.type == YAML_DOCUMENT_START_EVENT)
            r = parse_document(b);
    } while (r == 0 && b->event.type != YAML_STREAM_END_EVENT);
    return r;
}

int yaml_parse(const char *file, struct str text, struct yaml_doc **ret, struct err *err)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = mem_zalloc(sizeof *doc);
    struct builder b = {.doc = doc, .err = err};
    int r;

    doc->file = mem_strdup(file);
    if (text.len > YAML_BYTES_MAX)
        return err_set(err, -E2BIG, "%s: %zu bytes, more than %u", file, text.len, YAML_BYTES_MAX);
    if (!yaml_parser_initialize(&b.parser))
        return err_set(err, -ENOMEM, "%s: %m", file);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.p ? text.p : ""),
                                 text.len);
    r = parse_stream(&b);
    yaml_event_delete(&b.event);
    yaml_parser_delete(&b.parser);
    free(b.anchors);
    if (r < 0)
        return r;
    *ret = TAKE(doc);
    return 0;
}

int yaml_parse_file(const char *path, struct yaml_doc **ret, struct err *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    int r = file_read(path, YAML_BYTES_MAX, &text, err);

    return r < 0 ? r : yaml_parse(path, buf_str(&text), ret, err);
}

void yaml_doc_free(struct yaml_doc *doc)
{
    if (!doc)
        return;
    arena_deinit(&doc->mem);
    free(doc->roots);
    free(doc->file);
    free(doc);
}

const char *yaml_file(const struct yaml_doc *doc)
{
    return doc->file;
}

size_t yaml_count(const struct yaml_doc *doc)
{
    return doc->n;
}

const struct yaml_node *yaml_root(const struct yaml_doc *doc, size_t i)
{
    return i < doc->n ? doc->roots[i] : NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    if (!node)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (node->kind == YAML_SCALAR && !node->quoted && str_eq_c(node->text, words[i]))
            return true;
    return false;
}

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
    if (!mapping || mapping->kind != YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->n; i++)
        if (str_eq_c(mapping->keys[i]->text, key))
            return mapping->values[i];
    return NULL;
}
