/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape - asks every target on its clock and turns the page into samples
 *
 * Two halves. A *scraper* is one target's memory: which series its last page had, for staleness and
 * for not parsing labels again; it is told the time and a page, and commits samples; it knows no
 * thread. *scrape* is the machine around: threads with loops, timers, sessions; every target
 * belongs to one loop.
 */
#ifndef TOCSIN_SCRAPE_SCRAPE_H
#define TOCSIN_SCRAPE_SCRAPE_H

#include "model/ports.h"
#include "targets/targets.h"

/* ---- one target's memory ------------------------------------------------------------------- */

struct scraper;

struct scrape_outcome {
    size_t scraped, kept, added; /* samples on the page, after relabelling, new series */
    size_t refused;              /* that storage has no room for: the page is taken without them */
    struct err err;              /* code 0: the target is up */
};

struct scraper *scraper_new(const struct target *t, const struct sample_sink *sink);
void scraper_free(struct scraper *s);

/* A page arrived after duration_ns. Commits its samples with up=1 and the scrape_* series at `now`;
 * series that are gone get a staleness marker. If the page is bad: as scraper_fail(). err in
 * outcome says why. */
void scraper_take(struct scraper *s, struct str page, enum exposition_format format, unix_ms now,
                  int64_t duration_ns, struct scrape_outcome *ret);

/* A page that says itself that its target is down, as native probes give: its samples are stored, with
 * up=0 for `why`. */
void scraper_take_down(struct scraper *s, struct str page, enum exposition_format format,
                       const struct err *why, unix_ms now, int64_t duration_ns,
                       struct scrape_outcome *ret);

/* No page: up=0, all series of the last page get a staleness marker. */
void scraper_fail(struct scraper *s, const struct err *why, unix_ms now, int64_t duration_ns,
                  struct scrape_outcome *ret);

/* The target is gone for good: marks everything stale at `now`, up and scrape_* too. `now` has to be
 * behind its last sample. */
void scraper_end(struct scraper *s, unix_ms now);

/* ---- the machine --------------------------------------------------------------------------- */

struct scrape;

struct scrape_options {
    int threads;
    struct sample_sink sink;
    const struct page_source *sources[JOB_KINDS]; /* of JOB_HTTP it is our own */
    const char *user_agent;                       /* "tocsin/0.1.0" */
    bool native_histograms;                       /* asks for protobuf first, and takes them */
};

struct scrape *scrape_new(const struct scrape_options *o);
void scrape_free(struct scrape *s); /* stops the threads; nothing is marked stale */

/* Takes over a new list, of which it keeps no reference: equal targets go on undisturbed, others end
 * or begin. One thread at a time (main). */
void scrape_apply(struct scrape *s, struct target_list *list);

enum target_health { TARGET_UNKNOWN, TARGET_UP, TARGET_DOWN };

struct target_status {
    const struct target *target;
    enum target_health health;
    const char *last_error;                 /* "" when there is none */
    unix_ms last_scrape;                    /* 0: never */
    double last_duration;                   /* seconds */
    const struct metric_metadata *metadata; /* of its last good page, in the order of that */
    size_t n_metadata;
};

/* Calls cb for every target as it stands now, in the order of the list. Any thread; no lock is held
 * meanwhile. What st points to is valid for the call. */
void scrape_each(struct scrape *s, void (*cb)(const struct target_status *st, void *arg),
                 void *arg);

#endif
