/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "probes/reply_priv.h"
#include "tests/fuzz/redis_page.h"

static void check_tree(const struct redis_reply *r, int depth)
{
    must(depth <= REPLY_DEPTH_MAX + 1 && r->n <= REPLY_ITEMS_MAX);
    for (size_t i = 0; i < r->n; i++)
        check_tree(&r->items[i], depth + 1);
}

/* Any answer may come to any question. */
static void check_as_answers(const struct redis_reply *r)
{
    const struct redis_sentinel_replies about = {r, r, r};

    check_tree(r, 0);
    check_redis_page(&(struct redis_replies){.info = reply_text(r),
                                             .config = r,
                                             .latency_latest = r,
                                             .latency_histogram = r,
                                             .slowlog_len = r,
                                             .slowlog_get = r,
                                             .sentinel_masters = r,
                                             .masters = &about,
                                             .n_masters = 1});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_deinit) struct arena arena = {.max = REPLY_MEMORY_MAX};
    CLEANUP(reply_reader_freep) struct reply_reader *reader = reply_reader_new(&arena);
    const struct redis_reply *reply;
    struct err err = {0};
    int r = 0;

    for (size_t i = 0; i < size && r >= 0; i += 64) { /* as it may arrive */
        reply_reader_feed(reader, str_n((const char *)data + i, size - i < 64 ? size - i : 64));
        while ((r = reply_reader_next(reader, &reply, &err)) > 0)
            check_as_answers(reply);
    }
    must(r >= 0 || (err.code == r && err.msg[0]));
    return 0;
}
