/* SPDX-License-Identifier: Apache-2.0 */
/* What a storage knows besides samples, as text. */
#ifndef TOCSIN_TESTS_STORAGE_EXTRAS_H
#define TOCSIN_TESTS_STORAGE_EXTRAS_H

#include "model/metadata.h"
#include "tests/unit/storage/storage_fixture.h"

static void write_family(const struct metric_metadata *m, void *arg)
{
    buf_addf(arg, STR_FMT " %s '" STR_FMT "' '" STR_FMT "'\n", STR_ARG(m->family),
             metric_type_name(m->type), STR_ARG(m->help), STR_ARG(m->unit));
}

static void write_exemplars(const struct label_set *series, const struct exemplar *e, size_t n,
                            void *arg)
{
    struct buf *out = arg;

    label_set_print(series, out);
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, " [%lld %g ", (long long)e[i].t, e[i].v);
        label_set_print(e[i].labels, out);
        buf_add_byte(out, ']');
    }
    buf_add_byte(out, '\n');
}

static void write_extras(struct storage *st, struct buf *out)
{
    CLEANUP(matcher_freep) struct matcher *m = NULL;
    struct err err = {0};
    struct matcher_list list = {.n = 1};
    const struct exemplar_reader *x = storage_exemplars(st);
    const struct metadata_reader *f = storage_metadata(st);

    buf_reset(out);
    assert_int_equal(matcher_new(MATCH_NE, STR("__name__"), STR(""), &m, &err), 0);
    list.matchers = (const struct matcher *const *)&m;
    x->each(x->self, &list, 1, INT64_MIN, INT64_MAX, write_exemplars, out);
    f->each(f->self, (struct str){0}, write_family, out);
}

__attribute__((unused)) static void assert_extras(struct storage *st, const char *expected)
{
    struct buf text = {0};

    write_extras(st, &text);
    assert_string_equal(text.p ? text.p : "", expected);
    buf_free(&text);
}

#endif
