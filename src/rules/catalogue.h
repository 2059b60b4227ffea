/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue - ready alert rules with parameters, carried by the binary (rules/README.md)
 *
 * A template is filled in with a choice of parameters and becomes one rule of a Prometheus rule
 * file. Nothing here has state: a catalogue is read once and then only looked at, by any thread.
 */
#ifndef TOCSIN_RULES_CATALOGUE_H
#define TOCSIN_RULES_CATALOGUE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct bilingual {
    struct str en, zh;
};

enum param_type { PARAM_NUMBER, PARAM_DURATION, PARAM_MATCHERS };

struct template_param {
    struct str name;
    enum param_type type;
    struct str unit; /* of numbers, such as MB or %: the expression converts */
    struct str standard;
    struct bilingual label;
};

struct rule_template {
    struct str id, component;
    struct bilingual title; /* of the component */
    struct str alert, severity, hold, expr;
    struct bilingual summary, message, action;
    struct template_param *params;
    size_t n_params, cap_params;
    struct str *needs; /* collectors or settings that must be on */
    size_t n_needs, cap_needs;
};

struct catalogue;

/* The built-in one. */
struct catalogue *catalogue_new(void);
void catalogue_free(struct catalogue *c);
DEFINE_FREEP(catalogue, struct catalogue)

size_t catalogue_count(const struct catalogue *c);
const struct rule_template *catalogue_at(const struct catalogue *c, size_t i);
const struct rule_template *catalogue_find(const struct catalogue *c, struct str id); /* or NULL */

struct template_value {
    struct str name, value;
};

/* What is chosen; what is left out is as the template has it. */
struct template_choice {
    const struct template_value *values; /* of parameters */
    size_t n_values;
    struct str alert, severity, hold;
    bool chinese; /* the language of summary and message; the other one is there with its suffix */
};

/* Appends the expression as it will be evaluated. -EINVAL when a value does not fit its parameter:
 * a threshold may carry its unit (200MB, 1GB, 85%), and must be one otherwise. */
int template_fill_expr(const struct rule_template *t, const struct template_choice *choice,
                       struct buf *out, struct err *err);

/* Appends a text of the template with the values in it. */
int template_fill_text(const struct rule_template *t, const struct template_choice *choice,
                       struct str text, struct buf *out, struct err *err);

/* Appends one rule of a rule file, YAML, its lines beginning with `indent` blanks and the first
 * with a dash there. */
int template_fill_rule(const struct rule_template *t, const struct template_choice *choice,
                       int indent, struct buf *out, struct err *err);

/* The head of a rule file with one group, behind which rules of this indent follow. The name is put
 * in quotes where it has to be. */
#define TEMPLATE_RULE_INDENT 6
void template_begin_group(struct str name, struct buf *out);

/* The value of a parameter `selector` that takes only series of a job. */
void template_add_job(struct buf *out, struct str job);

/* Whether the series that the template looks at are there, by the names of metrics. Of an `or` one
 * side is enough. */
bool template_fits(const struct rule_template *t, bool (*has)(struct str metric, void *arg),
                   void *arg);

#endif
