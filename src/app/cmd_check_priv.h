/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_check_priv - what `tocsin check` was told and has read
 */
#ifndef TOCSIN_APP_CMD_CHECK_PRIV_H
#define TOCSIN_APP_CMD_CHECK_PRIV_H

#include "app/features.h"
#include "app/flags.h"

struct config;

struct check_options {
    struct flag_list features;
    const char *lint, *config, *data_path, *url;
    dur_ms since, lookback;
    bool lint_fatal, syntax_only;
};

struct checking {
    const struct check_options *o;
    struct features features;
    struct config *config; /* NULL: none was named */
    char **paths;          /* of rule files that are right */
    size_t n_paths, cap_paths;
};

/* Prints what is odd about the rules read, and about the configuration when its path is given.
 * Returns the exit code. */
int check_lint(struct checking *c, const char *config_path);

#endif
