/* SPDX-License-Identifier: Apache-2.0 */
/* What form_add() reads, escaped and read again, is the same list of names and values. */
#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "base/must.h"
#include "base/quote.h"
#include "net/form_priv.h"

static void write_form(const struct form *f, struct buf *out)
{
    for (size_t i = 0; i < f->n; i++) {
        quote_add_url(out, f->params[i].name);
        buf_add_byte(out, '=');
        quote_add_url(out, f->params[i].value);
        buf_add_byte(out, '&');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct form first = {0}, second = {0};
    struct buf text = {0};
    struct arena a;

    arena_init(&a, 0);
    form_add(&first, &a, str_n((const char *)data, size));
    write_form(&first, &text);
    form_add(&second, &a, buf_str(&text));
    must(first.n == second.n && first.n <= FORM_PARAMS_MAX);
    for (size_t i = 0; i < first.n; i++) {
        must(str_eq(first.params[i].name, second.params[i].name));
        must(str_eq(first.params[i].value, second.params[i].value));
        must(form_get(&first, first.params[i].name, 0).p != NULL);
    }
    form_deinit(&first);
    form_deinit(&second);
    buf_free(&text);
    arena_deinit(&a);
    return 0;
}
