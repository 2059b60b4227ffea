/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_page - what holds for the page of any replies
 */
#ifndef TOCSIN_TESTS_FUZZ_REDIS_PAGE_H
#define TOCSIN_TESTS_FUZZ_REDIS_PAGE_H

#include "base/hash.h"
#include "base/map.h"
#include "base/must.h"
#include "probes/probes.h"

static inline bool is_text(const void *key, const void *value)
{
    return str_eq(*(const struct str *)key, *(const struct str *)value);
}

/* It can be read, its labels are good, and no series stands on it twice. */
static inline void check_redis_page(const struct redis_replies *replies)
{
    CLEANUP(buf_free) struct buf page = {0};
    CLEANUP(map_deinit) struct map seen = {0};
    CLEANUP(arena_deinit) struct arena arena = {0};
    struct exposition_reader r;
    struct exposition_entry e;
    struct err err = {0};

    redis_page(replies, &page);
    exposition_reader_init(&r, buf_str(&page), EXPOSITION_TEXT);
    while (exposition_next(&r, &e, &err) == 0 && e.kind != EXPOSITION_END) {
        CLEANUP(label_builder_deinit) struct label_builder b = {0};
        struct str *raw = arena_alloc(&arena, sizeof *raw);
        uint64_t hash = hash_bytes(e.raw.p, e.raw.len);

        if (e.kind != EXPOSITION_SERIES)
            continue;
        must(exposition_labels(&r, &e, &b, &err) == 0);
        must(!map_get(&seen, hash, is_text, &e.raw));
        *raw = e.raw;
        map_add(&seen, hash, raw);
    }
    must(err.code == 0);
}

#endif
