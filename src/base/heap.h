/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap - things ordered by when they are due: the earliest first
 *
 * Binary heap of nodes that are embedded in what they stand for (CONTAINER_OF gets back). A node
 * knows its place, so it can be moved or taken out in O(log n). A zeroed heap is empty, a zeroed
 * node is in none. Equal times come out in no order.
 */
#ifndef TOCSIN_BASE_HEAP_H
#define TOCSIN_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t due;
    size_t place; /* index + 1; 0: in no heap */
};

struct heap {
    struct heap_node **nodes;
    size_t n, cap;
};

void heap_deinit(struct heap *h); /* frees the table, not the nodes */
void heap_set(struct heap *h, struct heap_node *node, int64_t due); /* puts in, or moves */
void heap_remove(struct heap *h, struct heap_node *node);           /* fine when it is not in it */
struct heap_node *heap_first(const struct heap *h);                 /* NULL: empty */

static inline bool heap_contains(const struct heap_node *node)
{
    return node->place != 0;
}

#endif
