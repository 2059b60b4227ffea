/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fmt - Go's fmt.Sprint, Sprintln and Sprintf over template values
 */
#ifndef TOCSIN_TEMPLATE_FMT_PRIV_H
#define TOCSIN_TEMPLATE_FMT_PRIV_H

#include "template/value.h"

#define FMT_NUMBER_MAX                                                                             \
    1000000 /* width, precision and argument numbers above it are bad, as in Go */

/* One verb with its flags at work. */
struct fmt {
    struct buf *out;
    bool plus, minus, sharp, space, zero;
    bool plus_v, sharp_v; /* %+v, %#v */
    bool has_width, has_prec;
    int width, prec;
    bool behind_pointer; /* an object is shown as {...} although Go has a pointer to it */
    bool erroring;       /* inside %!z(...): String methods are not asked */
    bool too_deep;       /* more than TMPL_NESTING_MAX levels */
    struct arena scratch;
};

int fmt_print(const struct tmpl_value *args, size_t n, bool behind_pointer, struct buf *out,
              struct err *err);
int fmt_println(const struct tmpl_value *args, size_t n, struct buf *out, struct err *err);
int fmt_printf(struct str format, const struct tmpl_value *args, size_t n, struct buf *out,
               struct err *err);

/* Between the files of fmt. */
void fmt_arg(struct fmt *f, const struct tmpl_value *v, uint32_t verb);
void fmt_type_name(struct fmt *f, const struct tmpl_value *v);
void fmt_pad(struct fmt *f, struct str s);
void fmt_padding(struct fmt *f, int n);
bool fmt_integer(struct fmt *f, uint64_t v, bool is_signed, uint32_t verb); /* false: bad verb */
bool fmt_float(struct fmt *f, double v, uint32_t verb);
bool fmt_complex(struct fmt *f, const double parts[2], uint32_t verb);

#endif
