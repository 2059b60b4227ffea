/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/num.h"
#include "model/exposition.h"

/* A counter of OpenMetrics ends in _total, its family does not. One of another name would get another
 * name from it, so its family is of no type. */
static void add_type(struct buf *out, const struct exposition_entry *e)
{
    const struct str total = STR("_total");
    struct str name = e->name;
    const char *type = metric_type_name(e->type);

    if (e->type == METRIC_COUNTER && str_has_suffix(name, total))
        name.len -= total.len;
    else if (e->type == METRIC_COUNTER)
        type = metric_type_name(METRIC_UNKNOWN);
    buf_addf(out, "# TYPE " STR_FMT " %s\n", STR_ARG(name), type);
}

static void add_series(struct buf *out, const struct exposition_entry *e)
{
    buf_add_str(out, e->raw);
    buf_add_byte(out, ' ');
    num_add_short(out, e->value);
    if (e->has_time)
        buf_addf(out, " %.3f", (double)e->time / 1e3);
    buf_add_byte(out, '\n');
}

int exposition_openmetrics(struct str page, struct buf *out, struct err *err)
{
    struct exposition_reader r;
    struct exposition_entry e;
    int result;

    exposition_reader_init(&r, page, EXPOSITION_TEXT);
    while ((result = exposition_next(&r, &e, err)) == 0 && e.kind != EXPOSITION_END) {
        if (e.kind == EXPOSITION_TYPE)
            add_type(out, &e);
        else if (e.kind == EXPOSITION_SERIES)
            add_series(out, &e);
    }
    if (result == 0)
        buf_add_c(out, "# EOF\n");
    return result;
}
