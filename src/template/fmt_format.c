/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sprintf: %[flags][width][.precision][[argument]]verb. What is wrong is said in the output, as Go
 * does:
 * %!d(string=x), %!d(MISSING), %!(EXTRA int=2), %!(NOVERB), %!(BADWIDTH), %!d(BADINDEX).
 */
#include <errno.h>

#include "template/fmt_priv.h"

struct printf_state {
    struct fmt f;
    struct str format;
    size_t i; /* byte in format */
    const struct tmpl_value *args;
    size_t n, arg;  /* arg: the next one */
    bool reordered; /* [n] was used: no complaint about what is left over */
    bool good_index;
    bool after_index; /* the last thing read was [n] */
};

static bool more(const struct printf_state *p)
{
    return p->i < p->format.len;
}

static bool at(const struct printf_state *p, char c)
{
    return more(p) && p->format.p[p->i] == c;
}

static bool read_number(struct printf_state *p, int *ret)
{
    size_t from = p->i;
    int v = 0;

    for (; more(p) && p->format.p[p->i] >= '0' && p->format.p[p->i] <= '9'; p->i++) {
        if (v > FMT_NUMBER_MAX) {
            *ret = 0;
            p->i = p->format.len; /* Go gives up on the whole text here */
            return false;
        }
        v = v * 10 + (p->format.p[p->i] - '0');
    }
    *ret = v;
    return p->i > from;
}

/* [n]: arguments are numbered from 1. */
static void read_index(struct printf_state *p)
{
    size_t close;
    int v;

    p->after_index = false;
    if (!at(p, '['))
        return;
    p->reordered = true;
    close = p->i + str_find(str_n(p->format.p + p->i, p->format.len - p->i), STR("]"));
    if (close == p->format.len || p->format.len - p->i < 3) {
        p->i++;
        p->good_index = false;
        return;
    }
    p->i++;
    if (!read_number(p, &v) || p->i != close) {
        p->i = close + 1;
        p->good_index = false;
        return;
    }
    p->i = close + 1;
    p->after_index = true;
    if (v >= 1 && (size_t)v <= p->n)
        p->arg = (size_t)v - 1;
    else
        p->good_index = false;
}

/* A number given by *. */
static bool star(struct printf_state *p, int *ret)
{
    const struct tmpl_value *v = p->arg < p->n ? &p->args[p->arg] : NULL;
    int64_t i = 0;

    p->i++;
    p->after_index = false;
    *ret = 0;
    if (!v)
        return false;
    p->arg++;
    if (tmpl_kind(v) == TMPL_INT)
        i = v->i;
    else if (tmpl_kind(v) == TMPL_UINT)
        i = v->u > FMT_NUMBER_MAX ? FMT_NUMBER_MAX + 1 : (int64_t)v->u;
    else
        return false;
    if (i > FMT_NUMBER_MAX || i < -FMT_NUMBER_MAX)
        return false;
    *ret = (int)i;
    return true;
}

static void read_flags(struct printf_state *p)
{
    for (; more(p); p->i++) {
        switch (p->format.p[p->i]) {
        case '#': p->f.sharp = true; break;
        case '0': p->f.zero = true; break;
        case '+': p->f.plus = true; break;
        case '-': p->f.minus = true; break;
        case ' ': p->f.space = true; break;
        default: return;
        }
    }
}

static void read_width(struct printf_state *p)
{
    if (!at(p, '*')) {
        p->f.has_width = read_number(p, &p->f.width);
        if (p->after_index && p->f.has_width)
            p->good_index = false; /* %[3]2d */
        return;
    }
    p->f.has_width = star(p, &p->f.width);
    if (!p->f.has_width)
        buf_add_c(p->f.out, "%!(BADWIDTH)");
    if (p->f.width < 0) {
        p->f.width = -p->f.width;
        p->f.minus = true;
        p->f.zero = false;
    }
}

static void read_precision(struct printf_state *p)
{
    if (!at(p, '.'))
        return;
    p->i++;
    if (p->after_index)
        p->good_index = false; /* %[3].2d */
    read_index(p);
    if (!at(p, '*')) {
        if (!read_number(p, &p->f.prec))
            p->f.prec = 0;
        p->f.has_prec = true;
        return;
    }
    p->f.has_prec = star(p, &p->f.prec);
    if (p->f.prec < 0) {
        p->f.prec = 0;
        p->f.has_prec = false;
    }
    if (!p->f.has_prec)
        buf_add_c(p->f.out, "%!(BADPREC)");
}

static void complain(struct printf_state *p, uint32_t verb, const char *about)
{
    buf_add_c(p->f.out, "%!");
    buf_add_utf8(p->f.out, verb);
    buf_add_c(p->f.out, about);
}

/* Behind a percent sign. */
static void print_verb(struct printf_state *p)
{
    struct fmt *f = &p->f;
    uint32_t verb;

    *f = (struct fmt){.out = f->out, .too_deep = f->too_deep, .scratch = f->scratch};
    p->good_index = true;
    read_flags(p);
    read_index(p);
    read_width(p);
    read_precision(p);
    if (!p->after_index)
        read_index(p);
    if (!more(p)) {
        buf_add_c(f->out, "%!(NOVERB)");
        return;
    }
    p->i += str_utf8_next(str_n(p->format.p + p->i, p->format.len - p->i), &verb);
    if (verb == '%') {
        buf_add_byte(f->out, '%');
    } else if (!p->good_index) {
        complain(p, verb, "(BADINDEX)");
    } else if (p->arg >= p->n) {
        complain(p, verb, "(MISSING)");
    } else {
        if (verb == 'v') {
            f->sharp_v = f->sharp;
            f->plus_v = f->plus;
            f->sharp = f->plus = false;
        }
        fmt_arg(f, &p->args[p->arg++], verb);
    }
}

static void print_extra(struct printf_state *p)
{
    struct fmt *f = &p->f;

    *f = (struct fmt){.out = f->out, .too_deep = f->too_deep, .scratch = f->scratch};
    buf_add_c(f->out, "%!(EXTRA ");
    for (size_t i = p->arg; i < p->n; i++) {
        if (i > p->arg)
            buf_add_c(f->out, ", ");
        fmt_type_name(f, &p->args[i]);
        if (p->args[i].type) {
            buf_add_byte(f->out, '=');
            fmt_arg(f, &p->args[i], 'v');
        }
    }
    buf_add_byte(f->out, ')');
}

int fmt_printf(struct str format, const struct tmpl_value *args, size_t n, struct buf *out,
               struct err *err)
{
    struct printf_state p = {.f = {.out = out}, .format = format, .args = args, .n = n};

    while (more(&p) && !out->overflow) {
        struct str rest = str_n(format.p + p.i, format.len - p.i);
        size_t text = str_find(rest, STR("%"));

        buf_add(out, rest.p, text);
        p.i += text;
        if (more(&p)) {
            p.i++;
            print_verb(&p);
        }
    }
    if (!p.reordered && p.arg < n)
        print_extra(&p);
    arena_deinit(&p.f.scratch);
    if (p.f.too_deep)
        return err_set(err, -E2BIG, "value nested more than %d levels deep", TMPL_NESTING_MAX);
    return 0;
}
