/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_priv - the checks of rules and what they share; for the files of rules/ only
 *
 * A check looks at one rule and tells lint_found() what it finds. Each is a function without
 * memory of its own: what it needs to know about other rules it asks of `groups`.
 */
#ifndef TOCSIN_RULES_LINT_PRIV_H
#define TOCSIN_RULES_LINT_PRIV_H

#include "base/arena.h"
#include "rules/lint.h"
#include "rules/rules_priv.h"

enum lint_id {
    LINT_DUPLICATE,
    LINT_FOR,
    LINT_KEEP_FIRING,
    LINT_SEVERITY,
    LINT_BOOL,
    LINT_NO_COMPARISON,
    LINT_NEVER_TRUE,
    LINT_ALWAYS_TRUE,
    LINT_COUNTER,
    LINT_RANGE,
    LINT_ABSENT,
    LINT_JOIN,
    LINT_MANY,
    LINT_METRIC,
    LINT_LABEL,
    LINT_COUNT
};

struct lint {
    const struct lint_options *o;
    struct group_list groups;
    bool on[LINT_COUNT];
    size_t found;
    struct arena arena; /* texts of the reader */
    int status;         /* -errno of the reader: nothing more is looked at */
    struct err *err;
    /* what is looked at */
    const struct group *group;
    const struct rule *rule;
};

/* `subject` is the part of the rule it is about, `detail` what more there is to say. */
void lint_found(struct lint *l, enum lint_id id, const char *subject, const char *detail);
/* The same, about a part of the expression. */
void lint_found_node(struct lint *l, enum lint_id id, const struct promql_node *node,
                     const char *detail);

/* ---- lint_shape.c: what an expression alone tells */

void lint_bool(struct lint *l);
void lint_no_comparison(struct lint *l);
void lint_counter(struct lint *l);
void lint_range(struct lint *l);
void lint_absent(struct lint *l);
bool lint_filters(const struct promql_node *root); /* it may be empty though its series are there */

/* ---- lint_bounds.c: comparisons that are never or always true */

void lint_constant(struct lint *l);

/* ---- lint_labels.c: do the sides of an operator meet? */

void lint_join(struct lint *l);

/* ---- lint_data.c: does the site have what is selected? */

void lint_selectors(struct lint *l);

#endif
