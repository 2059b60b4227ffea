/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a series of tests; what is read keeps to the limits. */
#include "base/must.h"
#include "promql/series_desc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct series_desc *d = NULL;
    struct err err = {0};

    if (series_desc_parse(str_n((const char *)data, size), &d, &err) == 0)
        must(d->metric && d->n <= SERIES_DESC_VALUES_MAX);
    else
        must(err.code < 0 && err.msg[0]);
    series_desc_free(d);
    return 0;
}
