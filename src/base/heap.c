/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"

static void put(struct heap *h, size_t i, struct heap_node *node)
{
    h->nodes[i] = node;
    node->place = i + 1;
}

static void sift_up(struct heap *h, size_t i)
{
    struct heap_node *node = h->nodes[i];

    for (size_t parent; i > 0 && h->nodes[parent = (i - 1) / 2]->due > node->due; i = parent)
        put(h, i, h->nodes[parent]);
    put(h, i, node);
}

static void sift_down(struct heap *h, size_t i)
{
    struct heap_node *node = h->nodes[i];

    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && h->nodes[child + 1]->due < h->nodes[child]->due)
            child++;
        if (h->nodes[child]->due >= node->due)
            break;
        put(h, i, h->nodes[child]);
    }
    put(h, i, node);
}

void heap_deinit(struct heap *h)
{
    free(h->nodes);
    *h = (struct heap){0};
}

void heap_set(struct heap *h, struct heap_node *node, int64_t due)
{
    node->due = due;
    if (node->place == 0) {
        *VEC_PUSH(h->nodes, h->n, h->cap) = node;
        node->place = h->n;
    }
    sift_up(h, node->place - 1);
    sift_down(h, node->place - 1);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    size_t i = node->place - 1;
    struct heap_node *last;

    if (node->place == 0)
        return;
    must(i < h->n && h->nodes[i] == node);
    last = h->nodes[--h->n];
    node->place = 0;
    if (last == node)
        return;
    put(h, i, last);
    sift_up(h, i);
    sift_down(h, last->place - 1);
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->n ? h->nodes[0] : NULL;
}
