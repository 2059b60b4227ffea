/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_priv - from YAML nodes to structs, driven by the tables of field_priv.h
 *
 * Decoding never stops at an error: it notes it and goes on, so that a file is told all its faults
 * at once. Checks that look at several keys are queued while decoding and run after it, the check
 * of a block before those of the blocks in it; the first that fails ends the matter. A decoder
 * lives on one thread's stack.
 */
#ifndef TOCSIN_CONFIG_DECODE_PRIV_H
#define TOCSIN_CONFIG_DECODE_PRIV_H

#include "base/map.h"
#include "base/regex.h"
#include "config/field_priv.h"

#define CONFIG_EXPANDED_MAX                                                                        \
    (64u << 20)                       /* bytes of all scalars, aliases counted where they stand    \
                                       */
#define CONFIG_ARENA_MAX (512u << 20) /* bytes of all structs; route keys repeat their parents' */
#define CONFIG_REGEX_MAX 20000        /* relabel steps and matchers; compiled, each takes some KB */
#define CONFIG_QUOTE_MAX 60           /* bytes of a wrong value that a message repeats */
#define CONFIG_WORDS_MAX 640          /* bytes of one message without its place */

/* ---- what stands in `global` and is a default of other blocks ------------------------------ */

/* Of receivers. A text and its file are one default. */
struct channel_defaults {
    const char *slack_url, *slack_url_file, *slack_token, *slack_token_file, *slack_app_url;
    const char *pagerduty_url;
    const char *opsgenie_url, *opsgenie_key, *opsgenie_key_file;
    const char *wechat_url, *wechat_secret, *wechat_secret_file, *wechat_corp_id;
    const char *victorops_url, *victorops_key, *victorops_key_file;
    const char *telegram_url, *telegram_token, *telegram_token_file;
    const char *webex_url;
    const char *rocketchat_url, *rocketchat_token, *rocketchat_token_file;
    const char *rocketchat_token_id, *rocketchat_token_id_file;
    const char *mattermost_url, *mattermost_url_file;
    const char *jira_url;
};

struct global {
    dur_ms scrape_interval, scrape_timeout, evaluation_interval, rule_query_offset, resolve_timeout;
    const struct label_set *external_labels;
    uint64_t body_size_limit, sample_limit, target_limit;
    uint64_t label_limit, label_name_length_limit, label_value_length_limit;
    const char **scrape_protocols;
    size_t n_scrape_protocols;
    bool always_scrape_classic_histograms;
    bool has_http; /* Alertmanager's http_config: of receivers that have none of their own */
    struct http_options http;
    struct config_email email; /* the smtp_ keys */
    struct channel_defaults channels;
};

struct queued_check {
    block_check *check;
    void *object, *parent;
    const struct yaml_node *node;
    const struct yaml_doc *doc;
};

struct decoder {
    struct config *config;
    struct global global;
    struct err *err;
    const struct yaml_doc *doc; /* in which we are */
    const char *folder;         /* of that file */
    struct yaml_doc **docs;     /* owned: the files that scrape_config_files named */
    size_t n_docs, cap_docs;
    struct buf where;  /* scrape_configs[2].relabel_configs */
    struct buf errors; /* one a line */
    size_t n_hidden;   /* errors that found no room in it */
    bool failed;
    struct queued_check *checks;
    size_t n_checks, cap_checks;
    const struct yaml_node **secrets;
    size_t n_secrets, cap_secrets;
    size_t n_regex;
    struct regex *any_regex, *empty_regex; /* of relabel steps without one; the configuration's */
    struct map job_names, receiver_names;  /* values: the names */
    struct map intervals;                  /* struct config_time_interval by name */
};

/* ---- decoder.c, decode.c ------------------------------------------------------------------- */

void decoder_init(struct decoder *d, struct config *c, const struct yaml_doc *doc, struct err *err);
void decoder_deinit(struct decoder *d);

/* Decodes a block into object. A node that is null leaves the object as it is. */
void decode_block(struct decoder *d, const struct block *b, const struct yaml_node *node,
                  void *object, void *parent);
/* The blocks of a list into `objects`, which has room for them; when_null as in struct field. */
void decode_elements(struct decoder *d, const struct block *b, const char *when_null,
                     const struct yaml_node *list, void *objects, void *parent);
/* The value of a top-level key: messages say which. */
void decode_under_key(struct decoder *d, const struct field *f, const struct yaml_node *node,
                      void *object);
/* One value of a field whose struct begins at `object`. */
void decode_field(struct decoder *d, const struct field *f, const struct yaml_node *node,
                  void *object);

/* Notes an error of decoding: "FILE:LINE:COL: WHERE: words". */
void decoder_wrong(struct decoder *d, const struct yaml_node *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The same without WHERE: for texts as Prometheus or Alertmanager word them. */
void decoder_wrong_bare(struct decoder *d, const struct yaml_node *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* "found X, expected ..." for a value of the wrong kind. */
void decoder_expected(struct decoder *d, const struct yaml_node *at, const char *expected);
/* Refuses what `owner` knows and tocsin does not carry out, unless it asks for nothing (null, []).
 */
void decoder_refuse_known(struct decoder *d, const struct yaml_node *key,
                          const struct yaml_node *value, const char *owner);

/* The error of a check. Returns -EINVAL. */
int decoder_fail(struct decoder *d, const struct yaml_node *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Ends decoding: 0 when there were no errors; runs the checks. */
int decoder_finish(struct decoder *d);

/* Of a block as it is written. Equal ones of one file mean the same; files of other folders may mean
 * other files by the same path. */
uint64_t decoder_hash(const struct decoder *d, const struct yaml_node *node);

void decoder_secret(struct decoder *d, const struct yaml_node *node);
/* A copy in the configuration's arena; of a path, resolved against the folder. */
const char *decoder_text(struct decoder *d, struct str s);
const char *decoder_path(struct decoder *d, struct str s);

/* Compiled, and owned by the configuration; NULL with an error noted. */
struct regex *decoder_regex(struct decoder *d, const struct yaml_node *at, struct str pattern,
                            enum regex_flags flags);
/* Counts n expressions that will be compiled; false with an error noted when they are too many. */
bool decoder_may_compile(struct decoder *d, const struct yaml_node *at, size_t n);

/* Aliases make a tree larger than its file: what is copied from it has the limit
 * CONFIG_EXPANDED_MAX. */
size_t expanded_bytes(const struct yaml_node *node);

bool is_mapping(struct decoder *d, const struct yaml_node *node); /* or notes an error */
bool is_list(struct decoder *d, const struct yaml_node *node);
bool glob_is_in_last_part(struct str path); /* a * is followed by no slash */
bool is_text(struct decoder *d, const struct yaml_node *node);

/* The value of a key for its place, or the block itself when the key is not there. */
const struct yaml_node *place_of(const struct yaml_node *block, const char *key);
bool has_key(const struct yaml_node *block, const char *key); /* with a value */
/* For checks: -EINVAL when both keys have a value. */
int at_most_one(struct decoder *d, const struct yaml_node *block, const char *one,
                const char *other);
static inline bool is_given(const char *text)
{
    return text && *text;
}

/* What is not given is taken from `global`. */
static inline void take_default(const char **value, const char *standard)
{
    if (!is_given(*value))
        *value = standard;
}
/* A secret and its file are one default. */
static inline void take_secret_default(const char **value, const char **file, const char *standard,
                                       const char *standard_file)
{
    if (is_given(*value) || is_given(*file))
        return;
    *value = standard;
    *file = standard_file;
}

/* Adds name to a table of names; false when it is in it already. */
bool name_add(struct map *names, const char *name);
bool name_is_in(const struct map *names, const char *name);

/* Text for a message: in quotes, cut at CONFIG_QUOTE_MAX. Lives in the configuration's arena. */
const char *shown(struct decoder *d, struct str s);

/* ---- scalars.c: why is set to the words when false ----------------------------------------- */

bool scalar_bool(const struct yaml_node *node, bool *ret);
bool scalar_count(const struct yaml_node *node, uint64_t *ret);
bool scalar_number(const struct yaml_node *node, double *ret);
bool scalar_duration(const struct yaml_node *node, dur_ms *ret, struct err *why);
bool scalar_go_duration(const struct yaml_node *node, dur_ms *ret, struct err *why);
bool scalar_size(const struct yaml_node *node, uint64_t *ret, struct err *why);
bool url_is_valid(struct str url, struct err *why);

#endif
