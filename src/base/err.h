/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - why something failed, in words for the person who has to mend it
 *
 * Functions return 0 (or a count) for success and a negative errno for failure; the words go into a
 * struct err that the caller lends (or NULL, when it does not care). Nobody logs and returns.
 */
#ifndef TOCSIN_BASE_ERR_H
#define TOCSIN_BASE_ERR_H

#include "base/defs.h"

#define ERR_MSG_MAX 1024 /* bytes; room for a PromQL error that quotes two label sets */

struct err {
    int code; /* negative errno, 0 when nothing failed */
    char msg[ERR_MSG_MAX];
};

/* Fills err (unless NULL) and returns code. %m in fmt stands for the text of -code. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "<text>: " before the words that err holds already, sets its code and returns code. */
int err_in(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
