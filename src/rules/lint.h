/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint - rules that load, and yet will never fire, never resolve, or tell less than they seem to
 *
 * Looks at the expressions of whole files, and, when a reader is given, at the series that a site
 * has. Nothing is evaluated. The checks have names, see lint.c; `all` is all of them, `none` none.
 */
#ifndef TOCSIN_RULES_LINT_H
#define TOCSIN_RULES_LINT_H

#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "promql/promql.h"

struct config;
struct series_reader;

/* A check of configurations that promtool has: whoever checks one carries it out. */
#define LINT_SCRAPE_INTERVAL "too-long-scrape-interval"

enum lint_level { LINT_HINT, LINT_WARNING, LINT_ERROR };

/* The texts are borrowed for the call. */
struct lint_finding {
    const char *file;
    int line, column; /* of the expression */
    const char *group, *rule;
    const char *check; /* its name */
    enum lint_level level;
    const char *en, *zh;               /* what is wrong */
    const char *advice_en, *advice_zh; /* what to do */
};

struct lint_options {
    struct promql_features features;
    const char *checks; /* names with commas between them */
    const struct config
        *config; /* scrape intervals and severities; NULL: such checks are left out */
    const struct series_reader
        *reader;      /* label_names and label_values are asked; NULL: no look at data */
    unix_ms from, to; /* where a series must have samples to count as there */
    void (*found)(void *self, const struct lint_finding *f);
    void *self;
};

/* Every name of the list is known, or *ret is the first that is not. */
bool lint_knows(const char *checks, struct str *ret);

/* Looks at all files together. The number of findings; -EINVAL with FILE:LINE:COL when a file is
 * wrong, others when the reader failed. */
int rules_lint(const char *const *paths, size_t n, const struct lint_options *o, struct err *err);

#endif
