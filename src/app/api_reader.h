/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_reader - names and values of labels from a running server's API, for commands
 *
 * A series reader that only has label_names and label_values: who wants samples asks a query.
 */
#ifndef TOCSIN_APP_API_READER_H
#define TOCSIN_APP_API_READER_H

#include "model/duration.h"
#include "model/ports.h"

struct api_reader {
    const char *url; /* http://host:port, without a slash at its end */
    dur_ms timeout;  /* of each request */
    struct series_reader port;
};

const struct series_reader *api_reader_port(struct api_reader *r);

#endif
