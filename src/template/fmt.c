/* SPDX-License-Identifier: Apache-2.0 */
#include "template/fmt_priv.h"

#include <errno.h>

#include "base/quote.h"
#include "template/text_priv.h"

static void print_value(struct fmt *f, const struct tmpl_value *v, uint32_t verb, int depth);

static size_t count_chars(struct str s)
{
    size_t n = 0;

    for (uint32_t c; s.len > 0; n++) {
        size_t width = str_utf8_next(s, &c);

        s = str_n(s.p + width, s.len - width);
    }
    return n;
}

void fmt_padding(struct fmt *f, int n)
{
    for (int i = 0; i < n && !f->out->overflow; i++)
        buf_add_byte(f->out, f->zero && !f->minus ? '0' : ' ');
}

void fmt_pad(struct fmt *f, struct str s)
{
    int fill = f->has_width ? f->width - (int)count_chars(s) : 0;

    if (!f->minus)
        fmt_padding(f, fill);
    buf_add_str(f->out, s);
    if (f->minus)
        fmt_padding(f, fill);
}

void fmt_type_name(struct fmt *f, const struct tmpl_value *v)
{
    if (v->type && v->type->pointer)
        buf_add_byte(f->out, '*');
    buf_add_c(f->out, v->type ? v->type->name : "<nil>");
}

/* %!z(int=1) */
static void bad_verb(struct fmt *f, const struct tmpl_value *v, uint32_t verb)
{
    f->erroring = true;
    buf_add_c(f->out, "%!");
    buf_add_utf8(f->out, verb);
    buf_add_byte(f->out, '(');
    if (v->type) {
        fmt_type_name(f, v);
        buf_add_byte(f->out, '=');
        print_value(f, v, 'v', 0);
    } else {
        buf_add_c(f->out, "<nil>");
    }
    buf_add_byte(f->out, ')');
    f->erroring = false;
}

/* ---- strings ------------------------------------------------------------------------------- */

/* The precision counts characters. */
static struct str cut(const struct fmt *f, struct str s)
{
    size_t at = 0;

    if (!f->has_prec)
        return s;
    for (int n = 0; n < f->prec && at < s.len; n++) {
        uint32_t c;

        at += str_utf8_next(str_n(s.p + at, s.len - at), &c);
    }
    return str_n(s.p, at);
}

static void print_quoted(struct fmt *f, struct str s)
{
    struct buf b = {.max = TMPL_STRING_MAX};

    s = cut(f, s);
    if (f->sharp && text_can_backquote(s)) {
        buf_add_byte(&b, '`');
        buf_add_str(&b, s);
        buf_add_byte(&b, '`');
    } else if (f->plus) {
        text_add_quoted_ascii(&b, s);
    } else {
        quote_add_go(&b, s);
    }
    fmt_pad(f, buf_str(&b));
    buf_free(&b);
}

/* %x of a string: its bytes; "% x" with blanks between them, %#x with 0x. The precision counts
 * bytes. */
static void print_hex(struct fmt *f, struct str s, bool upper)
{
    struct buf b = {.max = TMPL_STRING_MAX};

    if (f->has_prec && (size_t)f->prec < s.len)
        s.len = (size_t)f->prec;
    for (size_t i = 0; i < s.len; i++) {
        if (f->space && i > 0)
            buf_add_byte(&b, ' ');
        if (f->sharp && (f->space || i == 0))
            buf_add_c(&b, upper ? "0X" : "0x");
        buf_addf(&b, upper ? "%02X" : "%02x", (unsigned)(unsigned char)s.p[i]);
    }
    fmt_pad(f, buf_str(&b));
    buf_free(&b);
}

static bool print_string(struct fmt *f, struct str s, uint32_t verb)
{
    switch (verb) {
    case 'v':
        if (f->sharp_v)
            print_quoted(f, s);
        else
            fmt_pad(f, cut(f, s));
        return true;
    case 's': fmt_pad(f, cut(f, s)); return true;
    case 'q': print_quoted(f, s); return true;
    case 'x':
    case 'X': print_hex(f, s, verb == 'X'); return true;
    default: return false;
    }
}

/* ---- values that hold others --------------------------------------------------------------- */

static void print_list(struct fmt *f, const struct tmpl_value *v, uint32_t verb, int depth)
{
    if (f->sharp_v) {
        buf_add_c(f->out, v->type->name);
        if (!v->list.items) {
            buf_add_c(f->out, "(nil)");
            return;
        }
    }
    buf_add_byte(f->out, f->sharp_v ? '{' : '[');
    for (size_t i = 0; i < v->list.n && !f->out->overflow; i++) {
        if (i > 0)
            buf_add_c(f->out, f->sharp_v ? ", " : " ");
        print_value(f, &v->list.items[i], verb, depth + 1);
    }
    buf_add_byte(f->out, f->sharp_v ? '}' : ']');
}

static void print_map(struct fmt *f, const struct tmpl_value *v, uint32_t verb, int depth)
{
    size_t n = v->map ? v->map->n : 0;

    if (f->sharp_v) {
        buf_add_c(f->out, v->type->name);
        if (!v->map) {
            buf_add_c(f->out, "(nil)");
            return;
        }
    }
    buf_add_c(f->out, f->sharp_v ? "{" : "map[");
    for (size_t i = 0; i < n && !f->out->overflow; i++) {
        struct tmpl_value key = tmpl_str(v->map->pairs[i].key);

        if (i > 0)
            buf_add_c(f->out, f->sharp_v ? ", " : " ");
        print_value(f, &key, verb, depth + 1);
        buf_add_byte(f->out, ':');
        print_value(f, &v->map->pairs[i].value, verb, depth + 1);
    }
    buf_add_byte(f->out, f->sharp_v ? '}' : ']');
}

static void print_object(struct fmt *f, const struct tmpl_value *v, uint32_t verb, int depth)
{
    if (depth == 0 && v->type->pointer && !f->behind_pointer)
        buf_add_byte(f->out, '&');
    if (f->sharp_v)
        buf_add_c(f->out, v->type->name);
    buf_add_byte(f->out, '{');
    for (size_t i = 0; i < v->type->n_fields; i++) {
        struct tmpl_value field = tmpl_none();

        if (i > 0)
            buf_add_c(f->out, f->sharp_v ? ", " : " ");
        if (f->plus_v || f->sharp_v)
            buf_addf(f->out, "%s:", v->type->fields[i].name);
        v->type->fields[i].get(v->object, &f->scratch, &field);
        print_value(f, &field, verb, depth + 1);
    }
    buf_add_byte(f->out, '}');
}

/* Its String method, for the verbs that print strings. */
static bool print_method(struct fmt *f, const struct tmpl_value *v, uint32_t verb)
{
    struct buf b = {.max = TMPL_STRING_MAX};

    if (!v->type->print || f->erroring || f->sharp_v ||
        !(verb == 'v' || verb == 's' || verb == 'x' || verb == 'X' || verb == 'q'))
        return false;
    v->type->print(v, &b);
    print_string(f, buf_str(&b), verb);
    buf_free(&b);
    return true;
}

static void print_value(struct fmt *f, const struct tmpl_value *v, uint32_t verb, int depth)
{
    bool good = true;

    if (depth > TMPL_NESTING_MAX) {
        f->too_deep = true;
        return;
    }
    if (!v->type) {
        buf_add_c(f->out, "<nil>");
        return;
    }
    if (print_method(f, v, verb))
        return;
    switch (v->type->kind) {
    case TMPL_BOOL:
        good = verb == 't' || verb == 'v';
        if (good)
            fmt_pad(f, v->b ? STR("true") : STR("false"));
        break;
    case TMPL_INT: good = fmt_integer(f, (uint64_t)v->i, true, verb); break;
    case TMPL_UINT: good = fmt_integer(f, v->u, false, verb); break;
    case TMPL_FLOAT: good = fmt_float(f, v->f, verb); break;
    case TMPL_COMPLEX: good = fmt_complex(f, v->complex_parts, verb); break;
    case TMPL_STRING: good = print_string(f, v->s, verb); break;
    case TMPL_LIST: print_list(f, v, verb, depth); break;
    case TMPL_MAP: print_map(f, v, verb, depth); break;
    case TMPL_OBJECT: print_object(f, v, verb, depth); break;
    case TMPL_FUNC: buf_add_c(f->out, "func"); break;
    case TMPL_ANY:
    case TMPL_RAW: break;
    }
    if (!good)
        bad_verb(f, v, verb);
}

void fmt_arg(struct fmt *f, const struct tmpl_value *v, uint32_t verb)
{
    if (!v->type && (verb == 'v' || verb == 'T')) {
        fmt_pad(f, STR("<nil>"));
    } else if (!v->type || verb == 'p') {
        bad_verb(f, v, verb);
    } else if (verb == 'T') {
        struct buf b = {0};

        if (v->type->pointer)
            buf_add_byte(&b, '*');
        buf_add_c(&b, v->type->name);
        fmt_pad(f, buf_str(&b));
        buf_free(&b);
    } else {
        print_value(f, v, verb, 0);
    }
}

/* ---- whole calls --------------------------------------------------------------------------- */

static int finish(struct fmt *f, struct err *err)
{
    arena_deinit(&f->scratch);
    if (f->too_deep)
        return err_set(err, -E2BIG, "value nested more than %d levels deep", TMPL_NESTING_MAX);
    return 0;
}

int fmt_print(const struct tmpl_value *args, size_t n, bool behind_pointer, struct buf *out,
              struct err *err)
{
    struct fmt f = {.out = out, .behind_pointer = behind_pointer};

    for (size_t i = 0; i < n; i++) {
        if (i > 0 && tmpl_kind(&args[i]) != TMPL_STRING && tmpl_kind(&args[i - 1]) != TMPL_STRING)
            buf_add_byte(out, ' ');
        fmt_arg(&f, &args[i], 'v');
    }
    return finish(&f, err);
}

int fmt_println(const struct tmpl_value *args, size_t n, struct buf *out, struct err *err)
{
    struct fmt f = {.out = out};

    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_byte(out, ' ');
        fmt_arg(&f, &args[i], 'v');
    }
    buf_add_byte(out, '\n');
    return finish(&f, err);
}

int tmpl_print(const struct tmpl_value *v, struct buf *out, struct err *err)
{
    return fmt_print(v, 1, true, out, err);
}
