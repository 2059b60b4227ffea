/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_info_priv - reads the text of INFO and CLUSTER INFO (exporters.md 1.2)
 */
#ifndef TOCSIN_PROBES_REDIS_INFO_PRIV_H
#define TOCSIN_PROBES_REDIS_INFO_PRIV_H

#include "probes/page_priv.h"

/* What INFO told about commands, for what else is said about them. A zeroed one is empty. */
struct redis_commands {
    struct arena arena;
    struct map by_name;
};

void redis_commands_deinit(struct redis_commands *c);

/* Microseconds spent in `name` and in its subcommands `name|*`. */
double redis_commands_usec(const struct redis_commands *c, struct str name);

/* Adds the metrics of INFO to p and its commands to c. Texts of p are borrowed from `info`. */
void redis_info_add(struct metric_page *p, struct str info, unix_ms now, struct redis_commands *c);
void redis_cluster_info_add(struct metric_page *p, struct str text);

bool redis_info_is_cluster(struct str info);  /* the server runs in cluster mode */
bool redis_info_is_sentinel(struct str info); /* the server is a Sentinel */

#endif
