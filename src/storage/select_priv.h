/* SPDX-License-Identifier: Apache-2.0 */
/*
 * select - from matchers to series, the same way for the head and for blocks
 *
 * An index tells for a pair (name, value) which series carry it. What a matcher requires is the
 * union of the lists of the values that match; what it forbids (it matches a missing label too) is
 * subtracted. The shortest list leads, and a long list is not read when looking at the labels of
 * the few series that are left is cheaper.
 */
#ifndef TOCSIN_STORAGE_SELECT_PRIV_H
#define TOCSIN_STORAGE_SELECT_PRIV_H

#include "base/str.h"
#include "model/matcher.h"
#include "storage/ids_priv.h"

/* Number of a pair in its index; any number is only good until the index changes. */
typedef uint32_t pair_no;
#define PAIR_NONE UINT32_MAX

/* What select() asks an index. The lock of the index, if any, is held by the caller. */
struct index_face {
    const void *self;
    pair_no (*find)(const void *self, struct str name, struct str value);
    size_t (*value_count)(const void *self, struct str name);
    void (*each_value)(const void *self, struct str name,
                       void (*cb)(void *arg, pair_no pair, struct str value), void *arg);
    size_t (*pair_size)(const void *self, pair_no pair);               /* series that carry it */
    void (*pair_ids)(const void *self, pair_no pair, struct ids *out); /* appends them, ascending */
    void (*all_ids)(const void *self, struct ids *out);
    size_t (*all_count)(const void *self);
    /* The value and pair of a series' label; false when it has no such label. */
    bool (*label_of)(const void *self, uint32_t id, struct str name, pair_no *ret_pair,
                     struct str *ret_value);
};

/* Sets *out (empty before) to the series that match all. */
void select_ids(const struct index_face *x, const struct matcher *const *ms, size_t n,
                struct ids *out);

#endif
