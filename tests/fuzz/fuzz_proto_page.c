/* SPDX-License-Identifier: Apache-2.0 */
/* Pages in protobuf. What is accepted is a page in OpenMetrics, and has as many native histograms as lines of them. */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "scrape/scrape_priv.h"

/* Labels may be wrong still, values and their number must not. */
static size_t count_series(struct str page)
{
    struct exposition_reader r;
    struct exposition_entry e;
    size_t n = 0;

    exposition_reader_init(&r, page, EXPOSITION_OPENMETRICS);
    while (exposition_next(&r, &e, NULL) == 0 && e.kind != EXPOSITION_END)
        n += e.kind == EXPOSITION_SERIES;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct proto_options o = {.native_histograms = true, .classic_too = size % 2};
    struct proto_page page = {0};
    struct err err = {0};

    if (proto_page_read(str_n((const char *)data, size), &o, &page, &err) < 0) {
        must(err.code < 0 && err.msg[0]);
    } else {
        count_series(buf_str(&page.text));
        must(count_series(buf_str(&page.natives)) <= page.n_histograms);
        for (size_t i = 0; i < page.n_histograms; i++)
            must(page.histograms[i]);
    }
    proto_page_deinit(&page);
    return 0;
}
