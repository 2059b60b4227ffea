/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_priv - what batch jobs push: pages by family; for push*.c only
 */
#ifndef TOCSIN_REMOTE_PUSH_PRIV_H
#define TOCSIN_REMOTE_PUSH_PRIV_H

#include "base/hash.h"
#include "base/map.h"
#include "model/exposition.h"
#include "remote/remote.h"

#define PUSH_TIME    "push_time_seconds"
#define PUSH_FAILURE "push_failure_time_seconds"

/* The series of one metric family, as a piece of a page in text format 0.0.4. */
struct push_family {
    char *name, *help; /* help as a page has it, escaped; NULL: none */
    enum metric_type type;
    bool is_typed;
    struct buf text;        /* lines of its series, each with the labels of the group */
    struct hash128 *series; /* of the labels of each */
    size_t n, cap;
};

/* Which series were met; zeroed, none. */
struct push_hashes {
    struct map map;
};
bool push_hashes_add(struct push_hashes *h, const struct hash128 *hash); /* false: it is there */

struct push_page {
    struct push_family **families; /* in the order of the page */
    size_t n, cap;
};

/*
 * Reads a page and gives every series the labels of `group`, which win over its own. -EINVAL: it is
 * no page; -EBADMSG: it is one, but must not be pushed: series with times, or twice the same.
 */
int push_page_read(struct str page, const struct label_set *group, struct push_page *ret,
                   struct err *err);
void push_page_deinit(struct push_page *p);
void push_family_free(struct push_family *f);
void push_family_write(const struct push_family *f, struct buf *out);

/* What stands behind /metrics/ in the path of a push: job/NAME{/LABEL/VALUE}. */
int push_path_read(struct str path, struct label_set **ret, struct err *err);

#endif
