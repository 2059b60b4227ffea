/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets_priv - for the files of targets/ only
 *
 *     targets     the room: jobs to lists, target_limit, reconfiguration
 *     target      one address to a target: defaults, relabelling, checks
 *     target_url  what it is asked under
 *     identity    which targets are the same, when they are asked
 *     found_groups  addresses with labels, as discovery finds them
 *     file_sd     discovery files
 *     sd          discovery that asks somebody (sd_priv.h)
 *     relabel     the steps
 */
#ifndef TOCSIN_TARGETS_TARGETS_PRIV_H
#define TOCSIN_TARGETS_TARGETS_PRIV_H

#include "base/map.h"
#include "targets/targets.h"

struct json;

struct complaints {
    void (*say)(const char *words, void *arg);
    void *arg;
};

/* ---- what discovery finds ------------------------------------------------------------------ */

/* Addresses that share labels. */
struct found_group {
    char **addresses;
    size_t n;
    const struct label_set *labels; /* with __meta_ labels */
};

/* Reads the groups in `text`; `name` is it called in messages. Every group gets the label `source`.
 * *ret is untouched on failure. */
int found_groups_parse(const char *name, struct label source, struct str text,
                       struct found_group **ret, size_t *ret_n, struct err *err);
void found_groups_free(struct found_group *groups, size_t n);

/* A group of one address, as most discoveries find them. */
struct found_group found_group_of_one(char *take_address, const struct label_builder *labels);
void found_add_host(struct buf *out, struct str host); /* in brackets when it has colons */
/* Of a name that somebody else chose, as a part of a label's: all but letters and digits are _. */
void found_add_label_part(struct buf *out, struct str name);
void found_put(struct label_builder *b, const char *name, struct str value);

/* The members of an object, each as a label PREFIX and its name, with the value that put_value gives
 * it. */
typedef void found_put_value(struct label_builder *b, const char *name, const struct json *v);
void found_put_members(struct label_builder *b, const char *prefix, const struct json *object,
                       found_put_value *put_value);
found_put_value found_put_text; /* nothing for what is no text */

/* What one source gives at the moment. Zeroed it gives nothing. */
struct found {
    struct found_group *groups;
    size_t n;
    uint64_t hash;
};

/* Takes over groups; true when they are not the ones that it had. */
bool found_take(struct found *f, struct found_group *take_groups, size_t n);
void found_deinit(struct found *f);

/* ---- discovery files ----------------------------------------------------------------------- */

/* One discovery file and what it held when it could last be read. */
struct sd_file {
    char *path;
    int64_t changed_ns, size; /* of what was read last; ctime, which also moves with permissions */
    uint64_t inode;
    bool again; /* read it next time, whatever these say: it could not be read, or is too new */
    uint64_t text_hash; /* of the text that was parsed last, good or bad */
    struct found_group *groups;
    size_t n_groups;
};

/* All files that file_sd_configs name, each once, sorted by path. */
struct sd_files {
    struct sd_file *files;
    size_t n, cap;
};

/* Looks for new, changed and vanished files; true when the groups are not what they were. */
bool sd_files_refresh(struct sd_files *f, const struct config *c, struct complaints complaints);
void sd_files_deinit(struct sd_files *f);
bool sd_config_names(const struct config_file_sd *c, const char *path);

/* ---- making a list ------------------------------------------------------------------------- */

struct list_builder {
    struct target_list *list;
    struct complaints complaints;
    uint64_t seed;

    /* the job at hand */
    const struct config_scrape *job;
    uint64_t settings; /* job_settings_hash() of it */
    size_t first;      /* index of its first target */
    struct map seen;   /* identities of its targets */
};

/* Adds the target (or dropped target) that an address becomes, unless an equal one is there. */
void list_builder_add(struct list_builder *lb, struct str address, const struct label_set *group);

/* Both in the list's arena. */
const char *target_address(struct arena *a, const struct config_scrape *job, struct str address);
const char *target_url(struct arena *a, const struct config_scrape *job,
                       const struct label_builder *b, const char *address);

const char *job_scheme(enum job_kind kind); /* of a probe's URLs */

/* Of all settings that change what a scrape of the job does or stores. Of this process only. */
uint64_t job_settings_hash(const struct config_scrape *job);
uint64_t identity_of_refused(uint64_t identity, const char *why);

/* Prometheus' spreading over the interval: the scrapes come at hash modulo interval. `all` are the
 * labels after relabelling, those with __ included. */
uint64_t target_spread(const struct label_set *all, const char *url, uint64_t seed);
uint64_t target_seed(const struct config *c); /* of this host and the external labels */

#endif
