/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_options - the flags of `tocsin serve`, named as Prometheus names them
 */
#ifndef TOCSIN_APP_SERVE_OPTIONS_H
#define TOCSIN_APP_SERVE_OPTIONS_H

#include "app/flags.h"

struct serve_options {
    const char *config_file;
    const char *data_path;
    dur_ms retention_time;
    uint64_t retention_size;
    dur_ms fsync_interval;
    struct flag_list listen_addresses;
    const char *external_url;
    bool enable_lifecycle, enable_admin_api, enable_remote_write_receiver, enable_push_receiver;
    dur_ms lookback, query_timeout;
    int64_t query_max_samples, query_max_concurrency;
    uint64_t query_max_memory;
    bool rules_strict;
    dur_ms for_outage_tolerance, for_grace_period, resend_delay, start_delay;
    const char *log_level, *log_format;
    struct flag_list features;
};

extern const struct flag_set serve_flags;

#endif
