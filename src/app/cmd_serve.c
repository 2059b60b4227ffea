/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <stdio.h>
#include <string.h>

#include "app/serve.h"
#include "base/log.h"
#include "base/mem.h"

int command_serve(int argc, char **argv)
{
    struct serve_options o = {0};
    struct err err = {0};
    enum log_level level;
    int code, n = command_flags(&serve_flags, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n > 0)
        err_set(&err, -1, say("serve takes flags only, found \"%s\"", "serve 只接受参数，发现“%s”"),
                argv[0]);
    else if (!log_level_parse(str_c(o.log_level), &level))
        err_set(&err, -1, "--log.level: expected debug, info, warn or error, found \"%s\"",
                o.log_level);
    else if (strcmp(o.log_format, "logfmt") != 0 && strcmp(o.log_format, "json") != 0)
        err_set(&err, -1, "--log.format: expected logfmt or json, found \"%s\"", o.log_format);
    if (err.code) {
        command_complain(&err);
        return EXIT_USAGE;
    }
    log_configure(level, strcmp(o.log_format, "json") == 0 ? LOG_JSON : LOG_LOGFMT);
    mem_few_arenas();
    code = serve(&o, &err);
    if (code != EXIT_OK)
        log_event(LOG_ERROR, "stopped", "error", err.msg, NULL);
    return code;
}
