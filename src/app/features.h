/* SPDX-License-Identifier: Apache-2.0 */
/*
 * features - the names behind --enable-feature, as Prometheus 3.5 has them
 *
 * One table says of each name whether it switches something on here, is on anyway, or has no effect
 * and why. A name that Prometheus does not know either is a warning and no error, as there.
 */
#ifndef TOCSIN_APP_FEATURES_H
#define TOCSIN_APP_FEATURES_H

#include <stdbool.h>

#include "app/flags.h"
#include "promql/promql.h"

struct features {
    struct promql_features promql;
    bool delayed_name_removal, type_and_unit_labels, per_step_stats, native_histograms,
        exemplar_storage;
};

/* Reads a list of comma-separated lists. `tell` gets each name of which there is something to say, and
 * the words for it. */
void features_read(const struct flag_list *list, struct features *ret,
                   void (*tell)(const char *name, const char *words, void *arg), void *arg);

/* A `tell` that writes to standard error, for commands. */
void features_complain(const char *name, const char *words, void *arg);

/* The entry of a command's table of flags. */
#define FEATURES_FLAG(offset)                                                                      \
    {                                                                                              \
        "enable-feature", FLAG_LIST, offset, NULL,                                                 \
            "Switch features on, as Prometheus names them; comma-separated, may be repeated.",     \
            "启用的特性，名称与 Prometheus 相同；逗号分隔，可多次给出。"    \
    }

#endif
