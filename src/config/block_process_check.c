/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_process_check - the block process_check in a scrape job
 */
#include "config/block_check_priv.h"
#include "config/config_priv.h"

static int check_process_check(struct decoder *d, void *object, const struct yaml_node *node,
                               void *parent)
{
    const struct config_process_check *c = object;

    return c->pid_file || is_given(c->name) || c->command_line
               ? 0
               : decoder_fail(d, node, PROCESS_CHECK_NEEDS);
}

#define C struct config_process_check
static const struct field process_check_fields[] = {
    PATH("pid_file", C, pid_file),
    TEXT("name", C, name),
    READ("command_line", C, command_line, struct regex *, read_pattern),
};
#undef C

const struct config_process_check config_process_check_defaults = {0};
const struct block process_check_block = {
    .name = "process_check",
    FIELDS(process_check_fields),
    .size = sizeof(struct config_process_check),
    .defaults = &config_process_check_defaults,
    .check = check_process_check,
};
