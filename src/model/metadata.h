/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata - what a metric is: its type, what it tells, in which unit
 *
 * It is known of a metric family as TYPE lines name it ("http_request_seconds" of the series
 * http_request_seconds_bucket), not of a series.
 */
#ifndef TOCSIN_MODEL_METADATA_H
#define TOCSIN_MODEL_METADATA_H

#include "base/str.h"

enum metric_type {
    METRIC_UNKNOWN,
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
    METRIC_GAUGEHISTOGRAM,
    METRIC_SUMMARY,
    METRIC_INFO,
    METRIC_STATESET,
};
#define METRIC_TYPES (METRIC_STATESET + 1)

const char *metric_type_name(enum metric_type t); /* "counter", ..., "unknown" */

/* The family of the series of that name: "h" of "h_bucket" when h is a histogram. */
struct str metric_family_of(struct str name, enum metric_type type);

struct metric_metadata {
    struct str family;
    enum metric_type type;
    struct str help, unit; /* "" when they are not known */
};

#define METADATA_FAMILY_MAX 1024 /* bytes of a name: longer ones are not kept */
#define METADATA_HELP_MAX   4096 /* bytes of a help text: what is longer is cut */
#define METADATA_UNIT_MAX   256  /* bytes; the same */

#endif
