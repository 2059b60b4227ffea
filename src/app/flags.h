/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flags - command lines in Prometheus' manner: --name=value, --name value, --switch, --no-switch
 *
 * A subcommand has one table of flags; the table yields the parser, the defaults and --help, in the
 * language of the user (Chinese when LC_ALL, LC_MESSAGES or LANG says so).
 */
#ifndef TOCSIN_APP_FLAGS_H
#define TOCSIN_APP_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "model/duration.h"

enum flag_kind {
    FLAG_TEXT,     /* const char * */
    FLAG_SWITCH,   /* bool */
    FLAG_DURATION, /* dur_ms */
    FLAG_SIZE,     /* uint64_t bytes: 512MB, powers of 1024 */
    FLAG_NUMBER,   /* int64_t, not negative */
    FLAG_LIST, /* struct flag_list: may be given several times; the first one replaces the default
                */
    FLAG_REFUSED, /* known to Prometheus, not carried out here: an error that says so */
};

struct flag_list {
    const char *items[16];
    size_t n;
    bool given;
};

struct flag {
    const char *name; /* without the dashes */
    enum flag_kind kind;
    size_t offset;        /* of the variable in the options struct */
    const char *standard; /* default as text; NULL: zero */
    const char *en, *zh;  /* what it does; en NULL: not shown in --help */
};

struct flag_set {
    const char *usage_en, *usage_zh; /* whole text above the table */
    const struct flag *flags;
    size_t n_flags;
    const char *tail_en, *tail_zh; /* below the table: exit codes, examples; may be NULL */
};

/* Sets the defaults, then what argv says. Texts are borrowed from argv and the table. What is no
 * flag is left, in order, at the front of argv, and its number is returned. -EINVAL with words. */
int flags_parse(const struct flag_set *set, int argc, char **argv, void *options, struct err *err);

bool flags_ask_help(int argc, char **argv);  /* -h or --help is among them */
void flags_help(const struct flag_set *set); /* to standard output */

/* The text of one flag's value as status/flags shows it, into out. */
struct buf;
void flags_value(const struct flag *f, const void *options, struct buf *out);

bool language_is_chinese(void);
const char *say(const char *en, const char *zh); /* one of both, for the user's language */

#endif
