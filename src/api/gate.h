/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate - so many queries at a time; the others wait their turn, as long as their time lasts
 *
 * Any thread may enter and leave.
 */
#ifndef TOCSIN_API_GATE_H
#define TOCSIN_API_GATE_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "model/duration.h"

struct gate;

struct gate *gate_new(size_t most); /* 0: no limit */
void gate_free(struct gate *g);

/* Waits until there is room and sets *ret_waited. -ETIMEDOUT after `timeout`; -ECANCELED soon after
 * *gone (may be NULL) became true. Who got in leaves. */
int gate_enter(struct gate *g, dur_ms timeout, const atomic_bool *gone, mono_ns *ret_waited,
               struct err *err);
void gate_leave(struct gate *g);

#endif
