/* SPDX-License-Identifier: Apache-2.0 */
/*
 * series_cache - which reference storage gave for which label bytes
 *
 * Any thread. A request looks up all its series under one hold of the lock for reading, and adds those
 * that were not known under one hold for writing; in a steady state nobody ever writes. Labels are known
 * by a hash of 128 bits alone: 24 bytes a series instead of some hundred, one cache line instead of six.
 *
 * References that storage has forgotten stay until they are found out or the table is full; then it is
 * emptied as a whole, and each series in use costs one question to storage.
 */
#ifndef TOCSIN_REMOTE_SERIES_CACHE_PRIV_H
#define TOCSIN_REMOTE_SERIES_CACHE_PRIV_H

#include <pthread.h>

#include "remote/write_request_priv.h"

#define SERIES_CACHE_MAX ((size_t)3 << 20) /* series; 96 MiB */

struct series_entry {
    struct hash128 key;
    series_ref ref; /* 0: free slot */
};

struct series_cache {
    pthread_rwlock_t lock;
    struct series_entry *slots;
    size_t n, cap; /* cap is 0 or a power of two */
    size_t max;    /* of n */
};

void series_cache_init(struct series_cache *c, size_t max);
void series_cache_deinit(struct series_cache *c);

/* Sets ref of each, to 0 where it is not known. Returns how many are not. */
size_t series_cache_get(struct series_cache *c, struct write_series *series, size_t n);

/* Learns those that are fresh and have a ref. */
void series_cache_put(struct series_cache *c, const struct write_series *series, size_t n);

#endif
