/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embedded - files that the binary carries; made by tools/embed while building
 */
#ifndef TOCSIN_BASE_EMBEDDED_H
#define TOCSIN_BASE_EMBEDDED_H

#include "base/str.h"

struct embedded_file {
    const char *name; /* NULL: behind the last */
    struct str content;
};

#endif
