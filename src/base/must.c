/* SPDX-License-Identifier: Apache-2.0 */
#include "base/must.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/thread.h"

#define BACKTRACE_MAX 64 /* frames; deeper ones are a recursion that shows in the first ones */

_Noreturn void must_failed(const char *expr, const char *file, int line, const char *func)
{
    void *frames[BACKTRACE_MAX];

    dprintf(STDERR_FILENO, "bug: thread %s: %s:%d: %s: must(%s) failed\n", thread_name(), file,
            line, func, expr);
    backtrace_symbols_fd(frames, backtrace(frames, BACKTRACE_MAX), STDERR_FILENO);
    abort();
}
