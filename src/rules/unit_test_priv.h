/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit_test_priv - a file of rule unit tests as it was read; for unit_test*.c only
 */
#ifndef TOCSIN_RULES_UNIT_TEST_PRIV_H
#define TOCSIN_RULES_UNIT_TEST_PRIV_H

#include "base/yaml.h"
#include "rules/rules_priv.h"

struct name_text {
    struct str name, value;
};

struct name_texts {
    struct name_text *items;
    size_t n, cap;
};

struct expected_sample {
    const struct label_set *labels;
    double value;
    struct series_desc *histogram; /* its first value; NULL: a float */
};

struct expected_alert {
    const struct label_set *labels, *annotations; /* the labels with alertname */
};

/* One expectation: what an expression gives, or which alerts of a name fire. */
struct expectation {
    int line, column;
    struct str subject;
    dur_ms at;
    struct expected_sample *samples;
    struct expected_alert *alerts;
    size_t n, cap;
};

struct expectations {
    struct expectation *items; /* of alerts: in order of time */
    size_t n, cap;
};

struct rule_test {
    struct str name;
    dur_ms interval; /* of the input's values, and of groups that have none */
    struct series_desc **input;
    size_t n_input, cap_input;
    struct name_texts external_labels;
    struct str external_url;
    struct expectations exprs, alerts;
};

struct rule_test_file {
    struct yaml_doc *doc; /* owns the texts */
    struct str *rule_files, *order;
    size_t n_rule_files, cap_rule_files, n_order, cap_order;
    dur_ms interval; /* between evaluations */
    bool fuzzy;
    struct rule_test *tests;
    size_t n_tests, cap_tests;
};

/* -EINVAL with "FILE:LINE:COL: ...", all that is wrong; *ret is to be deinited in every case. */
int rule_test_file_load(const char *path, bool ignore_unknown_fields, struct rule_test_file *ret,
                        struct err *err);
void rule_test_file_deinit(struct rule_test_file *f);

#endif
