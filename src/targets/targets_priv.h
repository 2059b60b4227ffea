/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets_priv - for the files of targets/ only
 */
#ifndef TOCSIN_TARGETS_TARGETS_PRIV_H
#define TOCSIN_TARGETS_TARGETS_PRIV_H

#include "targets/targets.h"

#define DEFAULT_REDIS_PORT "6379"

/* A target as a discovery found it: __address__ and the group's labels. */
struct found_group {
    char **addresses;
    size_t n;
    const struct label_set *labels; /* with __meta_ labels */
};

/* One discovery file and what it last held. */
struct sd_file {
    char *path;
    int64_t mtime_ns, size;
    uint64_t inode;
    struct found_group *groups;
    size_t n_groups;
};

/* What one file_sd_config watches. */
struct file_sd {
    const struct config_file_sd *config;
    const struct config_scrape *job;
    struct sd_file *files;
    size_t n, cap;
};

/* Looks for new, changed and vanished files; true when the groups are not what they were. */
bool file_sd_refresh(struct file_sd *sd, void (*complain)(const char *words, void *arg), void *arg);
void file_sd_deinit(struct file_sd *sd);

/* Reads a file's groups; on failure *ret is untouched. */
int sd_file_parse(const char *path, struct found_group **ret, size_t *ret_n, struct err *err);
void found_groups_free(struct found_group *groups, size_t n);

/* Adds the target (or dropped target) that an address becomes to the list, unless an equal one is
 * in it. */
void target_list_add(struct target_list *l, const struct config_scrape *job, struct str address,
                     const struct label_set *group_labels, uint64_t seed);

uint64_t target_seed(const struct config *c); /* of this host and its external labels */

#endif
