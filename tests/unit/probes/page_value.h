/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_value - the value of a series on a page
 */
#ifndef TOCSIN_TESTS_UNIT_PROBES_PAGE_VALUE_H
#define TOCSIN_TESTS_UNIT_PROBES_PAGE_VALUE_H

#include "base/mem.h"
#include "base/num.h"

/* Of the series that is printed so; false: there is none. */
static inline bool page_value(struct str page, const char *series, double *ret)
{
    CLEANUP(buf_free) struct buf key = {0};
    size_t at;

    buf_addf(&key, "\n%s ", series);
    at = str_find(page, buf_str(&key));
    if (at == page.len)
        return false;
    page = str_n(page.p + at + key.len, page.len - at - key.len);
    return num_parse_double(str_cut(&page, '\n'), ret);
}

#endif
