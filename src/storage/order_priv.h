/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order - series of the head in Prometheus' order of label sets
 *
 * Under the head's index lock, for reading or writing.
 */
#ifndef TOCSIN_STORAGE_ORDER_PRIV_H
#define TOCSIN_STORAGE_ORDER_PRIV_H

#include "storage/head_priv.h"

/* Sorts the numbers of n different series, all of which are there, as head_compare_labels() has it.
 */
void order_by_labels(const struct head *h, series_id *ids, size_t n);

#endif
