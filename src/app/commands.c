/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <stdio.h>

#include "app/flags.h"
#include "base/err.h"

int command_flags(const struct flag_set *set, int argc, char **argv, void *options, int *ret_code)
{
    struct err err = {0};
    int n;

    if (flags_ask_help(argc, argv)) {
        flags_help(set);
        *ret_code = EXIT_OK;
        return -1;
    }
    n = flags_parse(set, argc, argv, options, &err);
    if (n < 0) {
        command_complain(&err);
        *ret_code = EXIT_USAGE;
        return -1;
    }
    return n;
}

void command_complain(const struct err *err)
{
    fprintf(stderr, "tocsin: %s\n", err->msg);
}
