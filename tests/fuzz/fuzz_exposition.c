/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "model/exposition.h"

/* A series that was taken can be written, and reads back with the same labels and value. */
static void check_round_trip(const struct label_builder *labels, double value)
{
    CLEANUP(label_builder_deinit) struct label_builder rest = {0}, back = {0};
    CLEANUP(label_set_unrefp)
    const struct label_set *want = label_builder_build(labels), *got = NULL;
    CLEANUP(buf_free) struct buf page = {0};
    struct exposition_reader r;
    struct exposition_entry e;
    struct err err = {0};

    label_builder_init(&rest, want);
    label_builder_del(&rest, LABEL_NAME);
    exposition_sample_labels(&page, label_set_get(want, LABEL_NAME), rest.labels, rest.n, value);
    exposition_reader_init(&r, buf_str(&page), EXPOSITION_TEXT);
    must(exposition_next(&r, &e, &err) == 0 && e.kind == EXPOSITION_SERIES);
    must(e.value == value || value != value);
    must(exposition_labels(&r, &e, &back, &err) == 0);
    got = label_builder_build(&back);
    must(label_set_eq(got, want));
}

static void read_page(struct str page, enum exposition_format format)
{
    struct exposition_reader r;
    struct exposition_entry e;
    struct err err = {0};

    exposition_reader_init(&r, page, format);
    for (;;) {
        CLEANUP(label_builder_deinit) struct label_builder b = {0}, exemplar = {0};
        size_t before = r.pos;

        if (exposition_next(&r, &e, &err) < 0)
            break;
        must(r.pos <= page.len && (r.pos > before || e.kind == EXPOSITION_END));
        if (e.kind == EXPOSITION_END)
            return;
        if (e.kind != EXPOSITION_SERIES)
            continue;
        must(e.raw.len > 0);
        if (e.has_exemplar)
            exposition_exemplar_labels(&r, &e, &exemplar, &err);
        if (exposition_labels(&r, &e, &b, &err) == 0)
            check_round_trip(&b, e.value);
    }
    must(err.code < 0 && err.msg[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_page(str_n((const char *)data, size), EXPOSITION_TEXT);
    read_page(str_n((const char *)data, size), EXPOSITION_OPENMETRICS);
    return 0;
}
