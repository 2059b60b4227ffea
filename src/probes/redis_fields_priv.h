/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_fields_priv - which INFO fields are exported under which name
 */
#ifndef TOCSIN_PROBES_REDIS_FIELDS_PRIV_H
#define TOCSIN_PROBES_REDIS_FIELDS_PRIV_H

#include "model/exposition.h"

struct redis_field {
    const char *field; /* of INFO or CLUSTER INFO */
    const char *metric;
    enum metric_type type;
    double divisor; /* 0: the value as it is */
};

extern const struct redis_field redis_fields[]; /* in bytewise order of `field` */
extern const size_t redis_fields_count;

const struct redis_field *redis_field_find(struct str field); /* NULL: none */

#endif
