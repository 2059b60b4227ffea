/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time - points in time as templates see them: Go's time.Time with its methods and layouts
 */
#ifndef TOCSIN_TEMPLATE_TIME_PRIV_H
#define TOCSIN_TEMPLATE_TIME_PRIV_H

#include "template/value.h"

#define GO_ZERO_SECONDS INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */

extern const char *const time_months[12], *const time_weekdays[7];

/* Appends t in a layout such as "2006-01-02 15:04:05.999 MST". */
void time_add_layout(struct buf *b, const struct tmpl_time *t, struct str layout);
void time_add_string(struct buf *b, const struct tmpl_time *t); /* Time.String */

/* Nanoseconds from u to t, kept within int64_t. */
int64_t time_sub(const struct tmpl_time *t, const struct tmpl_time *u);

/* t + ns. -ERANGE when the year would not be printable. */
int time_add(const struct tmpl_time *t, int64_t ns, struct tmpl_time *ret, struct err *err);

static inline const struct tmpl_time *time_of(const struct tmpl_value *v)
{
    return v->object;
}

#endif
