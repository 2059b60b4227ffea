/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selfmetrics - what tocsin counts about itself, shown on /metrics
 *
 * A counter or gauge is a static object of the room that owns it, registered on first use. Adding is one
 * atomic operation; any thread.
 */
#ifndef TOCSIN_MODEL_SELFMETRICS_H
#define TOCSIN_MODEL_SELFMETRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/exposition.h"

struct selfmetric {
    const char *name;
    const char *label; /* "reason=\"timeout\"" or NULL */
    enum metric_type type;
    const char *help;
    _Atomic int64_t value;
    double scale; /* value * scale is shown; 0 means 1 */
    struct selfmetric *next;
    atomic_bool registered;
};

/* Registered when the program starts: a counter that stands at 0 shows that it exists, and its first increase counts. */
#define SELFMETRIC(var, type_, name_, label_, help_)                                               \
    static struct selfmetric var = {                                                               \
        .name = (name_), .label = (label_), .type = (type_), .help = (help_)};                     \
    __attribute__((constructor)) static void var##_register(void)                                  \
    {                                                                                              \
        selfmetric_add(&var, 0);                                                                   \
    }                                                                                              \
    struct selfmetric /* so that the macro ends with a semicolon */

void selfmetric_add(struct selfmetric *m, int64_t n);
void selfmetric_set(struct selfmetric *m, int64_t v);

/* A counter with labels made at run time (receiver="x"); finds or makes it by name and label text. Never
 * freed: label values must come from the configuration, not from traffic. */
struct selfmetric *selfmetric_labelled(const char *name, const char *label, enum metric_type type,
                                       const char *help);

void selfmetrics_write(struct buf *out); /* sorted by name, then label; process_* included */

#endif
