/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool - many small pieces of bytes, named by 32-bit handles
 *
 * A head of a million series holds a few million pieces of 16 to 500 bytes; malloc would add a
 * pointer of eight bytes in the owner and eight to sixteen bytes of its own to each. Pieces are
 * slots of equal size in pages of 32 KiB, all in one reserved range of addresses: a handle is the
 * distance from its begin in units of 8 bytes. Pieces do not move. The memory of an empty page is
 * given back to the system.
 *
 * One thread changes the pool at a time (the head's apply lock); reading the bytes of a piece that
 * nobody frees needs no lock.
 */
#ifndef TOCSIN_STORAGE_POOL_PRIV_H
#define TOCSIN_STORAGE_POOL_PRIV_H

#include <stddef.h>
#include <stdint.h>

#define POOL_PIECE_MAX                                                                             \
    8192 /* bytes: more than an open chunk can grow to and a sealed one can have */

typedef uint32_t pool_ref; /* 0 is none */

struct pool;

/* Pieces that go soon lie in pages of their own: among lasting ones, each would leave a hole in a
 * page that cannot be given back. */
enum pool_life { POOL_BRIEF, POOL_LASTING };

struct pool *pool_new(void);
void pool_free(struct pool *p);

/* A piece of at least `size` bytes, not zeroed; its class goes to *ret_class and has to be given
 * back. */
pool_ref pool_get(struct pool *p, size_t size, enum pool_life life, uint8_t *ret_class);
void pool_put(struct pool *p, pool_ref ref, uint8_t class);
size_t pool_class_bytes(uint8_t class); /* bytes that a piece of the class has */
uint8_t *pool_at(const struct pool *p, pool_ref ref);
size_t pool_bytes(const struct pool *p); /* memory in pages */

#endif
