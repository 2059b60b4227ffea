/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands - what `tocsin COMMAND` does; one file each. argv is what stands behind the command's
 * name. Each returns the exit code of the process.
 */
#ifndef TOCSIN_APP_COMMANDS_H
#define TOCSIN_APP_COMMANDS_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/str.h"
#include "model/duration.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* it was tried and did not work; a check found something wrong */
    EXIT_USAGE = 2,  /* flags or, for serve, the configuration are wrong: nothing was tried */
    EXIT_LINT = 3,   /* check --lint-fatal: the files are right and something in them is odd */
};

int command_rules(int argc, char **argv);
int command_rules_backtest(int argc, char **argv); /* below `rules` */
int command_serve(int argc, char **argv);
int command_check(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_probe(int argc, char **argv);
int command_promql(int argc, char **argv);
int command_query(int argc, char **argv);
int command_route(int argc, char **argv);
int command_test(int argc, char **argv);
int command_tsdb(int argc, char **argv);
int command_version(int argc, char **argv);

/* Below `tsdb`, each in a file of its own. */
int command_tsdb_inspect(int argc, char **argv);
int command_tsdb_repair(int argc, char **argv);
int command_tsdb_verify(int argc, char **argv);

struct buf;
struct err;
struct flag_set;
struct json;

/* Parses the flags of a command. Returns the number of plain arguments left in argv; or -1 with
 * *ret_code set when the command is over: help was asked for, or something was wrong and has been
 * said. */
int command_flags(const struct flag_set *set, int argc, char **argv, void *options, int *ret_code);

/* Gets the answer of a Prometheus API: raw prints it as it came, else its "data" goes to print().
 * Returns the exit code; what is wrong has been said. */
int command_ask(const char *url, dur_ms timeout, bool raw, void print(const struct json *data));

/* The same for what a POST of the body answers. */
int command_post(const char *url, struct str body, dur_ms timeout, bool raw,
                 void print(const struct json *data));

/* RFC 3339 or Unix seconds, the value of flag `name`. "" leaves *ret as it is. */
int command_parse_time(const char *name, const char *text, unix_ms *ret, struct err *err);

/* {name="value", ...} of a JSON object. */
void command_print_labels(const struct json *labels);

/* Says "tocsin: <words>" on standard error. */
void command_complain(const struct err *err);

#endif
