/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_priv - from files to groups: what the loaders share; for the files of rules/ only
 *
 * A loader that meets a problem notes it and goes on, so that one message tells all that is wrong.
 * What was made of a faulty file is only good for being freed.
 */
#ifndef TOCSIN_RULES_LOAD_PRIV_H
#define TOCSIN_RULES_LOAD_PRIV_H

#include "base/yaml.h"
#include "rules/rules_priv.h"

#define INTERVAL_MAX_MS                                                                            \
    (INT64_C(366) * 86400 * 1000) /* so that a time plus some intervals is one */
#define CHECK_INTERVAL_MS 60000   /* of groups without one, when files are only checked */
#define SINGLE_GROUP      "rule"
#define TEXTS_MAX         256 /* labels, or annotations, of one rule */
#define PLACE_TEXT_MAX    256 /* bytes that tell of which rule a message is */

struct loading {
    struct template_set *templates;
    struct promql_features features;
    dur_ms interval; /* of groups that have none of their own, and the step of subqueries */
    dur_ms query_offset;
    bool strict; /* nothing that Prometheus does not have */
    bool single; /* a document may also be one alerting rule by itself */
    struct group_list groups;
    struct map by_key; /* the same, by file and name */
    char **files;      /* that were read */
    size_t n_files, cap_files;
    struct buf problems;         /* a line each */
    size_t n_problems, n_hidden; /* all; those without room in the message */
};

/* ---- load.c: pieces */

/* Notes "FILE:LINE:COL: words". */
void load_problem(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *at,
                  const char *fmt, ...) PRINTF_LIKE(4, 5);
void load_problem_line(struct loading *l, const char *line);

/* The text of a scalar; STR_NONE for null, and with a problem for anything else. */
struct str load_text(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node);

/* Null and "" leave *ret as it is. */
void load_duration(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node,
                   dur_ms *ret);

/* Every key of the mapping must be among `known` (closed by NULL). `what`: "a rule". */
void load_check_keys(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *mapping,
                     const char *const *known, const char *what);

/* Labels or annotations as written. */
struct spec_text {
    struct str name, value;
    const struct yaml_node *at; /* the value; NULL: it is not from the file */
};

struct spec_texts {
    struct spec_text *items;
    size_t n, cap;
};

/* Of equal names the last value counts. */
void spec_texts_set(struct spec_texts *t, struct str name, struct str value,
                    const struct yaml_node *at);
struct str spec_texts_get(const struct spec_texts *t, struct str name);
void spec_texts_deinit(struct spec_texts *t);
/* Those of a mapping; `what`: "labels". */
void load_texts(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *mapping,
                const char *what, struct spec_texts *ret);

/* ---- load.c: groups and rules */

struct rule_spec {
    bool alerting;
    struct str name, expr;
    bool verbatim;                        /* expr is shown as it is, else in canonical form */
    const struct yaml_node *at, *expr_at; /* for messages; expr_at may be NULL */
    dur_ms hold, keep_firing_for;
    enum no_data no_data;
    struct spec_texts labels, annotations;
};

/* Starts a group; NULL when there is one of that file and name (noted). */
struct group *load_begin_group(struct loading *l, const struct yaml_doc *doc,
                               const struct yaml_node *at, const char *file, struct str name);
/* Reads its interval, for which null and 0 mean the default. */
void load_interval(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node,
                   struct group *g);
/* `group "g", rule 1, "name"`, how messages about a rule begin. */
void load_place(const struct group *g, size_t number, struct str rule, char out[PLACE_TEXT_MAX]);
/* Checks the rule and adds it to the group. */
void load_rule(struct loading *l, struct group *g, const struct yaml_doc *doc,
               const struct rule_spec *spec, const char *place);

/* Sorts the groups and hands them over; or -EINVAL and all problems. */
int load_finish(struct loading *l, struct group_list *ret, struct err *err);
void loading_deinit(struct loading *l);

/* ---- load_file.c: which files, and what they are */

/* All files of a glob that were not read yet. */
void load_glob(struct loading *l, const char *pattern);
void load_file(struct loading *l, const char *path);
void load_rule_text(struct loading *l, const char *file, struct str text); /* of a file `file` */

/* ---- the formats; `file` is what the groups are said to be of */

void load_prometheus(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *root,
                     const char *file);
void load_single_rule(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *rule,
                      const char *file); /* in a group called SINGLE_GROUP */
void load_prometheus_rule(struct loading *l, const struct yaml_doc *doc,
                          const struct yaml_node *manifest, const char *file);
bool load_is_kubesphere(struct str kind);
void load_kubesphere(struct loading *l, const struct yaml_doc *doc,
                     const struct yaml_node *manifest, const char *file);

/* ---- expr_builder.c: KubeSphere's exprBuilder as PromQL */

#define BUILDER_NAMES_MAX 1024 /* names in one expression */

/* Names of which any may match. The texts are borrowed. */
struct name_list {
    struct str *items;
    size_t n, cap;
};

void name_list_add(struct name_list *l, struct str name);
void name_list_add_new(struct name_list *l, struct str name);     /* unless it is there */
void name_list_print(const struct name_list *l, struct buf *out); /* a of one, (a|b) of several */
void name_list_deinit(struct name_list *l);

/*
 * The built text; nothing when too little is said to build one. -EINVAL when something that is said
 * cannot be carried out: *ret_at is where it stands.
 */
int expr_builder_node(const struct yaml_node *node, struct buf *out,
                      const struct yaml_node **ret_at, struct err *err);
int expr_builder_workload(const struct yaml_node *workload, struct buf *out,
                          const struct yaml_node **ret_at, struct err *err);

#endif
