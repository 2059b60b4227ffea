/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_alerts - the alerts that tocsin raises about itself, without a rule
 *
 * A rule cannot tell that samples are not stored any more: its own ones are missing. So the state of
 * the storage goes to routing directly: TocsinStorageStopped while commits are refused,
 * TocsinStorageFailing while blocks or images cannot be written, TocsinSeriesRefused while a budget
 * of series refuses new ones. They resolve by themselves.
 *
 * One thread.
 */
#ifndef TOCSIN_APP_OWN_ALERTS_H
#define TOCSIN_APP_OWN_ALERTS_H

#include "model/ports.h"

struct label_set;
struct own_alerts;
struct storage;

#define OWN_ALERTS_EVERY_MS 5000

/* The storage and the URL (for the link of the alerts) must live longer. */
struct own_alerts *own_alerts_new(struct storage *storage, const struct alert_sink *sink,
                                  const char *url);
void own_alerts_free(struct own_alerts *o); /* NULL is fine */

/* To be called every OWN_ALERTS_EVERY_MS. What could not be posted is posted the next time. */
void own_alerts_tick(struct own_alerts *o, const struct label_set *external_labels, unix_ns now);

#endif
