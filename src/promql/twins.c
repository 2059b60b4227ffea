/* SPDX-License-Identifier: Apache-2.0 */
/*
 * twins - instant vectors that an expression has several times
 *
 * What prints the same is the same. Marking them costs a print of each node, which very long
 * expressions are spared: theirs are computed as often as they stand there.
 */
#include "base/hash.h"
#include "base/map.h"
#include "promql/parse_priv.h"

#define PRINTED_MAX ((size_t)256 << 10) /* bytes, of all nodes */

struct twin {
    struct str text;
    uint16_t number; /* 0: it stands alone until now */
    struct promql_node *first;
};

struct marking {
    struct arena arena;
    struct map by_text; /* struct twin */
    uint16_t numbers;
    size_t printed;
};

static bool has_text(const void *text, const void *twin)
{
    return str_eq(*(const struct str *)text, ((const struct twin *)twin)->text);
}

static bool is_worth_it(const struct promql_node *node, const struct promql_node *parent)
{
    switch (node->kind) {
    case NODE_UNARY:
    case NODE_BINARY:
    case NODE_AGGREGATE:
    case NODE_CALL: return node->type == PROMQL_VECTOR;
    case NODE_VECTOR: return !parent || parent->kind != NODE_MATRIX;
    default: return false;
    }
}

static int mark(struct promql_node *node, struct promql_node *const *parents, size_t n_parents,
                void *arg)
{
    struct marking *m = arg;
    CLEANUP(buf_free) struct buf text = {0};
    struct twin *t;
    struct str s;

    if (!is_worth_it(node, n_parents ? parents[n_parents - 1] : NULL))
        return 0;
    promql_print(node, &text);
    s = buf_str(&text);
    m->printed += s.len;
    t = map_get(&m->by_text, hash_bytes(s.p, s.len), has_text, &s);
    if (t) {
        if (t->number == 0)
            t->number = t->first->twin = ++m->numbers;
        node->twin = t->number;
    } else {
        t = arena_alloc(&m->arena, sizeof *t);
        *t = (struct twin){.text = arena_str(&m->arena, s), .first = node};
        map_add(&m->by_text, hash_bytes(s.p, s.len), t);
    }
    return m->printed > PRINTED_MAX || m->numbers == UINT16_MAX;
}

void mark_twins(struct promql_expr *e)
{
    struct marking m = {0};

    if (e->root->kind == NODE_VECTOR)
        return;
    arena_init(&m.arena, 0);
    promql_walk(e->root, mark, &m);
    map_deinit(&m.by_text);
    arena_deinit(&m.arena);
}
