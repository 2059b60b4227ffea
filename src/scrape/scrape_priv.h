/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape_priv - for the files of scrape/ only
 *
 *     scraper.c      one target's memory, from page to batch
 *     watch.c        one target being watched: ticks, session, state; on its loop
 *     scrape.c       threads, and which targets are watched
 *     proto_page.c   protobuf messages to text
 *     page_metadata.c  what the comments of a page say
 *     http_source.c  the page source of JOB_HTTP
 */
#ifndef TOCSIN_SCRAPE_SCRAPE_PRIV_H
#define TOCSIN_SCRAPE_SCRAPE_PRIV_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/thread.h"
#include "scrape/scrape.h"

/* ---- scraper.c ----------------------------------------------------------------------------- */

/* The new target goes on where the old one of the same labels stopped: its series are not new to
 * it, and those that it does not have end on its first page. What a text means is asked anew, since
 * relabelling and limits may differ. `from` is good for scraper_free() only. */
void scraper_inherit(struct scraper *s, struct scraper *from);

/* What the last good page of it said; borrowed, NULL when there is none. */
struct page_metadata *scraper_metadata(const struct scraper *s);

/* Texts of series that it keeps in mind. */
size_t scraper_texts(const struct scraper *s);

/* Native histograms of protobuf pages are taken; without, their classic buckets. */
void scraper_take_native(struct scraper *s);

/* ---- proto_page.c -------------------------------------------------------------------------- */

struct proto_options {
    bool native_histograms; /* else their classic buckets */
    bool classic_too;       /* both */
};

/* A page of protobuf messages as text. */
struct proto_page {
    struct buf text;    /* OpenMetrics, of all but native histograms */
    struct buf natives; /* OpenMetrics; the value is an index into histograms */
    const struct histogram **histograms;
    size_t n_histograms, cap_histograms;
    struct arena arena;
};

/* On failure, too, *ret is to be freed. */
int proto_page_read(struct str page, const struct proto_options *o, struct proto_page *ret,
                    struct err *err);
void proto_page_deinit(struct proto_page *p);

/* ---- page_metadata.c ----------------------------------------------------------------------- */

/* What the HELP, TYPE and UNIT lines of a page say. Counted, immutable. */
struct page_metadata {
    atomic_uint refs;
    struct metric_metadata *v; /* in the order in which the page names the families, each once */
    size_t n;
    struct arena texts;
};

/* Adds what is no sample of a page to a hash that is 0 before the first: pages that say the same have
 * the same one, and need not be read for it. */
void page_metadata_note(uint64_t *hash, const struct exposition_entry *line);

struct page_metadata *page_metadata_new(struct str page, enum exposition_format format);
struct page_metadata *page_metadata_ref(struct page_metadata *p); /* NULL is fine */
void page_metadata_unref(struct page_metadata *p);                /* the same */

/* ---- http_source.c ------------------------------------------------------------------------- */

/* The page source of JOB_HTTP. It uses one client per loop: http_source_begin() makes it on the
 * loop's thread, http_source_end() frees it there when the last session is closed. */
extern const struct page_source http_source;
void http_source_begin(struct loop *l, const char *user_agent, bool wants_native);
void http_source_end(void);

/* "Not Found" of 404; "" when it has no standard words. */
const char *http_status_words(int status);

/* ---- watch.c ------------------------------------------------------------------------------- */

/* The next tick of a target strictly after `after`, both in ns since 1970: ticks are `hash mod
 * interval` after multiples of the interval. */
unix_ns scrape_next_tick(unix_ns after, dur_ms interval, uint64_t hash);

/* A copy of a target, so that a watch does not keep alive the whole list that it comes from: lists
 * come and go with every change of a discovery file. Counted, immutable. */
struct watched_target {
    atomic_uint refs;
    const struct config *config; /* a reference: the job lives in it */
    struct target target;
};

struct watched_target *watched_target_new(const struct target *t, const struct config *config);
struct watched_target *watched_target_ref(struct watched_target *t);
void watched_target_unref(struct watched_target *t);

struct watch_status {
    enum target_health health;
    char *last_error; /* NULL: none */
    unix_ms last_scrape;
    double last_duration;
    struct page_metadata *metadata; /* a reference, or NULL */
};

/*
 * One target being watched. Main makes it and hands it over with loop_post(watch_begin); from then
 * on it belongs to its loop, until watch_end frees it there.
 */
struct watch {
    struct loop *loop;
    struct lock *lock;             /* scrape's */
    struct watched_target *target; /* what the session and the scraper know */
    bool begun;                    /* handed to its loop; of main */

    /* its loop */
    const struct page_source *source;
    void *session;
    struct scraper *scraper;
    struct loop_timer *timer;
    unix_ns tick; /* the one being waited for, or carried out */
    bool under_way;
    unix_ms stamp; /* of the page under way */
    mono_ns started;
    struct watch *heir; /* takes over our memory when we end; set by main before that is posted */

    /* under lock; `shown` is written by main, `status` by its loop */
    struct watched_target *shown; /* the same target as it was discovered last */
    struct watch_status status;
};

struct watch *watch_new(struct watched_target *take_target, struct loop *loop, struct lock *lock,
                        const struct page_source *source, const struct sample_sink *sink,
                        bool wants_native);
void watch_free(struct watch *w);

/* These are posted to its loop. */
void watch_begin(void *watch);
void watch_end(void *watch); /* with staleness markers, or with an heir that begins behind it */

/* Closes session and timer; nothing is marked stale. On its loop. */
void watch_stop(struct watch *w);

#endif
