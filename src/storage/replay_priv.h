/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - the start: the head from its image and the log
 *
 * Series come back with the numbers they had: those of the image, then those whose labels only the
 * log tells. One thread, before anybody else is there.
 */
#ifndef TOCSIN_STORAGE_REPLAY_PRIV_H
#define TOCSIN_STORAGE_REPLAY_PRIV_H

#include "storage/storage_priv.h"

/* A series that the log tells the labels of. */
struct told_series {
    series_id id;
    struct label_set *labels;
};

/* A number in the log whose labels a series with another number has. */
struct series_alias {
    series_id id, is;
};

struct replay {
    struct storage *st;
    struct told_series *told; /* ascending, each number once */
    size_t n_told, cap_told;
    size_t again;                    /* of told: the next one that is told for the second time */
    struct series_alias *alias_list; /* ascending */
    size_t n_aliases, cap_aliases;
    series_id
        known_below; /* the image knows all living series with lower numbers: others are dead */
    unix_ms cut;     /* samples in order before this are in blocks */
    struct stone *stones; /* of the head, in the order in which they were set */
    size_t n_stones, cap_stones;
    uint64_t samples, unknown;
};

/* What takes exemplars and metadata of a record. */
struct log_visitor replay_extras(struct replay *r);

/* A line of the report: something was damaged. */
void replay_report(struct replay *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
