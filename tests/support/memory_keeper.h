/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_keeper - the keeper port without a disk, with faults on demand
 *
 * Zero a struct memory_keeper, take its port with memory_keeper_port(). `fail_writes` makes so many
 * of the next writes fail with -ENOSPC (-1: all until it is set to 0 again). A memory keeper that
 * outlives its user is what a disk is to a restarted program.
 */
#ifndef TOCSIN_TESTS_SUPPORT_MEMORY_KEEPER_H
#define TOCSIN_TESTS_SUPPORT_MEMORY_KEEPER_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/ports.h"

struct memory_record {
    char *table;
    char *key, *value;
    size_t key_len, value_len;
};

struct memory_keeper {
    struct memory_record *records; /* sorted by table, then key */
    size_t n, cap;
    int fail_writes;
    unsigned writes; /* that worked */
};

static inline int memory_record_cmp(const struct memory_record *r, const char *table,
                                    struct str key)
{
    int c = strcmp(r->table, table);

    return c ? c : str_cmp(str_n(r->key, r->key_len), key);
}

/* Where the record is, or has to be put. */
static inline size_t memory_keeper_place(const struct memory_keeper *k, const char *table,
                                         struct str key)
{
    size_t i = 0;

    while (i < k->n && memory_record_cmp(&k->records[i], table, key) < 0)
        i++;
    return i;
}

static inline void memory_record_clear(struct memory_record *r)
{
    free(r->table);
    free(r->key);
    free(r->value);
}

static inline void memory_keeper_apply(struct memory_keeper *k, const struct keeper_op *op)
{
    size_t i = memory_keeper_place(k, op->table, op->key);

    if (i < k->n && memory_record_cmp(&k->records[i], op->table, op->key) == 0) {
        memory_record_clear(&k->records[i]);
        memmove(&k->records[i], &k->records[i + 1], (k->n - i - 1) * sizeof *k->records);
        k->n--;
    }
    if (!op->value.p)
        return;
    (void)VEC_PUSH(k->records, k->n, k->cap);
    memmove(&k->records[i + 1], &k->records[i], (k->n - i - 1) * sizeof *k->records);
    k->records[i] = (struct memory_record){
        mem_strdup(op->table), mem_strndup(op->key.p, op->key.len),
        mem_strndup(op->value.p, op->value.len), op->key.len, op->value.len};
}

static inline int memory_keeper_write(void *self, const struct keeper_op *ops, size_t n,
                                      struct err *err)
{
    struct memory_keeper *k = self;

    if (k->fail_writes != 0) {
        k->fail_writes -= k->fail_writes > 0;
        return err_set(err, -ENOSPC, "no space left on the device of the test");
    }
    for (size_t i = 0; i < n; i++)
        memory_keeper_apply(k, &ops[i]);
    k->writes++;
    return 0;
}

static inline int memory_keeper_each(void *self, const char *table,
                                     int (*cb)(struct str key, struct str value, void *arg),
                                     void *arg, struct err *err)
{
    struct memory_keeper *k = self;
    int r = 0;

    for (size_t i = 0; i < k->n && r == 0; i++)
        if (strcmp(k->records[i].table, table) == 0)
            r = cb(str_n(k->records[i].key, k->records[i].key_len),
                   str_n(k->records[i].value, k->records[i].value_len), arg);
    return r;
}

static inline struct keeper memory_keeper_port(struct memory_keeper *k)
{
    return (struct keeper){.self = k, .write = memory_keeper_write, .each = memory_keeper_each};
}

static inline size_t memory_keeper_count(const struct memory_keeper *k, const char *table)
{
    size_t n = 0;

    for (size_t i = 0; i < k->n; i++)
        n += strcmp(k->records[i].table, table) == 0;
    return n;
}

static inline void memory_keeper_deinit(struct memory_keeper *k)
{
    for (size_t i = 0; i < k->n; i++)
        memory_record_clear(&k->records[i]);
    free(k->records);
    *k = (struct memory_keeper){0};
}

#endif
