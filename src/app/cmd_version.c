/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <stdio.h>

#include "app/flags.h"
#include "base/defs.h"

static const struct flag_set version_flags = {
    .usage_en = "tocsin version\n\nPrints name, version and how it was built.",
    .usage_zh = "tocsin version\n\n显示名称、版本与构建方式。",
};

int command_version(int argc, char **argv)
{
    int code;

    if (command_flags(&version_flags, argc, argv, NULL, &code) < 0)
        return code;
    printf("tocsin %s (%s, %s)\n", TOCSIN_VERSION, __VERSION__,
#if defined __x86_64__
           "x86_64"
#elif defined __aarch64__
           "aarch64"
#else
           "other"
#endif
    );
    return EXIT_OK;
}
