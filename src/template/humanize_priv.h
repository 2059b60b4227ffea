/* SPDX-License-Identifier: Apache-2.0 */
/*
 * humanize - numbers for people: functions that Prometheus' and Alertmanager's templates share
 */
#ifndef TOCSIN_TEMPLATE_HUMANIZE_PRIV_H
#define TOCSIN_TEMPLATE_HUMANIZE_PRIV_H

#include "template/value.h"

/* Numbers, numeric strings, durations (as seconds) and times (as seconds since 1970). */
int humanize_to_float(const struct tmpl_value *v, double *ret, struct err *err);

tmpl_fn humanize_fn, humanize1024_fn, humanize_duration_fn, humanize_percentage_fn,
    humanize_timestamp_fn, humanize_to_time_fn;

#endif
