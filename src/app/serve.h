/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - the running program: builds the rooms, plugs them together, starts and stops their
 * threads
 *
 * Order of creation, each using only what stands above it; destruction is the reverse:
 *
 *     configuration, state, storage
 *     notify          its sink is what alerts writes to
 *     alerts          its sink is what rules post to, through the role
 *     rules
 *     scrape, targets, remote
 *     api
 */
#ifndef TOCSIN_APP_SERVE_H
#define TOCSIN_APP_SERVE_H

#include "app/serve_options.h"
#include "base/err.h"

/* Runs until a signal or POST /-/quit. Returns an exit code; words in err when it is not 0. */
int serve(const struct serve_options *o, struct err *err);

#endif
