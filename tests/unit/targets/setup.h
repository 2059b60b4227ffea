/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup - from the text of a configuration to a list of targets
 */
#ifndef TOCSIN_TESTS_UNIT_TARGETS_SETUP_H
#define TOCSIN_TESTS_UNIT_TARGETS_SETUP_H

#include <string.h>

#include "base/mem.h"
#include "targets/targets.h"

static inline struct config *configure(const char *yaml)
{
    struct config *c = NULL;
    struct err err = {0};

    if (config_parse("test.yml", str_c(yaml), &c, &err) < 0)
        fail_msg("%s\n%s", err.msg, yaml);
    return c;
}

/* Words of complaints, one line each. */
static inline void keep_words(const char *words, void *arg)
{
    buf_addf(arg, "%s\n", words);
}

static inline struct target_list *list_of_config(const struct config *c, struct buf *complaints)
{
    struct targets *t = targets_new(c, 0, complaints ? keep_words : NULL, complaints);
    struct target_list *l = targets_list(t);

    targets_free(t);
    return l;
}

static inline struct target_list *list_of(const char *yaml, struct buf *complaints)
{
    struct config *c = configure(yaml);
    struct target_list *l = list_of_config(c, complaints);

    config_unref(c);
    return l;
}

/* {a="b"} of a label set, to be freed. */
static inline char *text_of(const struct label_set *ls)
{
    struct buf b = {0};

    label_set_print(ls, &b);
    return buf_take(&b);
}

static inline void assert_labels(const struct label_set *ls, const char *text)
{
    CLEANUP(mem_freep) char *got = text_of(ls);

    assert_string_equal(got, text);
}

static inline void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" does not say \"%s\"", text, part);
}

#endif
