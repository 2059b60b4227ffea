/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state - what must not be lost, in one SQLite file
 *
 * The keeper port of alerts and notify. A write is on the disk when it returns (WAL with synchronous=FULL);
 * writers from several threads are put into one transaction while the disk is busy. The file is described in
 * docs/formats/state.md; `user_version` numbers its schema, and a newer one than ours is refused.
 */
#ifndef TOCSIN_STATE_STATE_H
#define TOCSIN_STATE_STATE_H

#include "base/err.h"
#include "model/ports.h"

struct state;

/* Opens or makes the file. Refuses one that another process uses. A file that is damaged is moved aside (its
 * new name is in *ret_report, heap text, NULL otherwise) and a new one is begun: a process that starts without
 * its memory can still raise alerts. */
int state_open(const char *path, struct state **ret, char **ret_report, struct err *err);
void state_close(struct state *s);

struct keeper state_keeper(struct state *s); /* any thread */

#endif
