/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "probes/spring_priv.h"

/* Whatever a service says of its health, the page of it can be read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct metric_page page = {0};
    struct exposition_reader reader;
    struct exposition_entry e;
    CLEANUP(buf_free) struct buf failed = {0}, text = {0};
    struct err err = {0};

    arena_init(&page.arena, 4u << 20);
    if (spring_health_read(str_n((const char *)data, size), &page, &failed, &err) < 0)
        must(page.n == 0 && failed.len == 0);
    metric_page_write(&page, &text);
    exposition_reader_init(&reader, buf_str(&text), EXPOSITION_TEXT);
    do
        must(exposition_next(&reader, &e, &err) == 0);
    while (e.kind != EXPOSITION_END);
    metric_page_deinit(&page);
    return 0;
}
