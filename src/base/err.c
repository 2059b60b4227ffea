/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Formats into out (ERR_MSG_MAX bytes); a text that does not fit ends at a whole character. */
static void format(char *out, int code, const char *fmt, va_list ap)
{
    int errno_before = errno, len;

    errno = -code; /* what %m reads */
    len = vsnprintf(out, ERR_MSG_MAX, fmt, ap);
    errno = errno_before;
    if (len >= ERR_MSG_MAX)
        out[str_utf8_prefix(str_n(out, ERR_MSG_MAX - 1), ERR_MSG_MAX - 2)] = '\0';
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    char text[ERR_MSG_MAX]; /* not err->msg itself: it may be among the arguments */
    va_list ap;

    if (!err)
        return code;
    va_start(ap, fmt);
    format(text, code, fmt, ap);
    va_end(ap);
    err->code = code;
    strcpy(err->msg, text);
    return code;
}

int err_in(struct err *err, int code, const char *fmt, ...)
{
    char place[ERR_MSG_MAX];
    va_list ap;

    if (!err)
        return code;
    va_start(ap, fmt);
    format(place, code, fmt, ap);
    va_end(ap);
    if (err->msg[0])
        return err_set(err, code, "%s: %s", place, err->msg);
    return err_set(err, code, "%s", place);
}
