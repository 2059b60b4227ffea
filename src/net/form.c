/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "net/form_priv.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

struct str percent_decode(struct arena *a, struct str s, bool plus_is_blank)
{
    size_t n = 0;
    char *out;

    if (s.len == 0 || (!memchr(s.p, '%', s.len) && !(plus_is_blank && memchr(s.p, '+', s.len))))
        return s;
    out = arena_alloc(a, s.len);
    for (size_t i = 0; i < s.len; i++) {
        int high = -1, low = -1;

        if (s.p[i] == '%' && s.len - i > 2) {
            high = hex_digit(s.p[i + 1]);
            low = hex_digit(s.p[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[n++] = plus_is_blank && s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    return str_n(out, n);
}

void form_add(struct form *f, struct arena *a, struct str text)
{
    while (text.len > 0 && f->n < FORM_PARAMS_MAX) {
        struct str value = str_cut(&text, '&'), name;
        struct form_param *p;

        if (value.len == 0)
            continue;
        name = str_cut(&value, '=');
        p = VEC_PUSH(f->params, f->n, f->cap);
        p->name = percent_decode(a, name, true);
        p->value = percent_decode(a, value, true);
        if (!p->value.p)
            p->value.p = "";
    }
}

struct str form_get(const struct form *f, struct str name, size_t i)
{
    for (size_t k = 0; k < f->n; k++)
        if (str_eq(f->params[k].name, name) && i-- == 0)
            return f->params[k].value;
    return STR_NONE;
}

void form_deinit(struct form *f)
{
    free(f->params);
    *f = (struct form){0};
}
