/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets - whom to watch: from static lists, files and discovery, through relabelling, to targets
 *
 * Comes in: a configuration. Goes out: immutable, counted lists of targets; scrape compares a new
 * list with the old one and keeps what is equal. Also here, because every room that relabels may
 * include this one: the relabelling rules themselves, and the joint through which a page is fetched
 * from a target.
 *
 * A struct targets belongs to one thread. Lists may be read, referenced and released by any.
 */
#ifndef TOCSIN_TARGETS_TARGETS_H
#define TOCSIN_TARGETS_TARGETS_H

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "config/config.h"
#include "model/exposition.h"
#include "net/loop.h"

/* ---- relabelling --------------------------------------------------------------------------- */

/* Carries out n steps on b in order (spec: prometheus.md 4.2). Returns the index of the step that
 * dropped the label set, or -1 when it is kept. Any thread. */
int relabel(struct label_builder *b, const struct config_relabel *steps, size_t n);

/* ---- targets ------------------------------------------------------------------------------- */

struct target {
    const struct config_scrape *job;    /* lives as long as the list */
    const struct label_set *discovered; /* before relabelling, with __ labels */
    const struct label_set *labels;     /* that samples get: without __ labels */
    const char *address; /* __address__ after relabelling; of a probe with its usual port added to
                            a bare host */
    const char
        *url; /* what a JOB_HTTP fetches; of a probe the address as redis://, mysql://, unix:// */
    const char *refused; /* why it is not asked and counts as down; NULL: it is asked */
    dur_ms interval, timeout;
    uint64_t hash;     /* spreads the scrapes: prometheus.md 4.4 */
    uint64_t identity; /* equal when all that matters to a scrape is equal: its state is kept */
};

/* A target outside of any list, as one of the job that asks `address` itself would be; without
 * labels. Texts are in the arena. */
void target_of_address(struct arena *a, const struct config_scrape *job, struct str address,
                       struct target *ret);

/* Host (without brackets) and port that the probe of a target connects to. False: it is no address
 * over the network, or not written plainly: SCHEME://HOST:PORT. */
bool target_place(const struct target *t, struct str *ret_host, unsigned *ret_port);

struct dropped_target {
    const struct config_scrape *job;
    const struct label_set *discovered;
    int step;          /* index of the relabel_config that dropped it; -1: see error */
    const char *error; /* why it cannot be a target, e.g. "no address"; NULL when step tells */
};

struct target_list {
    uint32_t refs;
    const struct config *config; /* a reference */
    struct target *targets;      /* jobs in order of the configuration */
    size_t n_targets, cap_targets;
    struct dropped_target *dropped;
    size_t n_dropped, cap_dropped;
    struct arena arena;
};

struct target_list *target_list_ref(struct target_list *l);
void target_list_unref(struct target_list *l); /* NULL is fine */

struct targets;

/* The first list is there at once. Problems with single targets, jobs or files go as words to
 * `complain`, which may be NULL; they never fail the whole. */
struct targets *targets_new(const struct config *config, unix_ms now,
                            void (*complain)(const char *words, void *arg), void *arg);
void targets_free(struct targets *t);

/* Takes over a new configuration. There is a new list afterwards; a discovery file that cannot be
 * read at this moment keeps the targets that it had. */
void targets_reconfigure(struct targets *t, const struct config *config, unix_ms now);

/* Begins the discoveries that ask somebody (HTTP, DNS, Kubernetes, Eureka); once, on the thread of the loop, which runs as long as
 * t is there. on_list is called whenever there is a new list because of them; a new configuration
 * goes on with those that it has, too. */
void targets_discover(struct targets *t, struct loop *loop, void (*on_list)(void *arg), void *arg);

/* Looks whether files changed. Sets *changed when there is a new list; returns when it wants to be
 * called again, INT64_MAX: never. */
unix_ms targets_tick(struct targets *t, unix_ms now, bool *changed);
struct target_list *targets_list(struct targets *t); /* a new reference to the newest list */

/* ---- how a page is fetched: the joint between scrape and probes ---------------------------- */

/* What came back: the text of a page in one of the exposition formats, or err, or both: a page that
 * says itself that its target is down. Borrowed for the call. */
typedef void page_done(struct str page, enum exposition_format format, const struct err *err,
                       void *arg);

/* What a fetch did one after the other, and how long each step took. */
struct page_step {
    char name[80]; /* "connect", "INFO ALL", "collect.global_status" ... */
    char why[160]; /* it failed so; "": it did not */
    int64_t ns;
};

#define PAGE_STEPS_MAX 64 /* more than the collectors of MySQL; later ones are not told */

struct page_trace {
    struct page_step steps[PAGE_STEPS_MAX];
    size_t n;
    mono_ns last; /* when the last step ended */
};

/* A step that took so long, behind the one before. t may be NULL: nobody wants to know. */
static inline void page_trace_took(struct page_trace *t, const char *name, const char *why,
                                   int64_t ns)
{
    if (t && t->n < PAGE_STEPS_MAX) {
        struct page_step *s = &t->steps[t->n++];

        *s = (struct page_step){.ns = ns};
        memcpy(s->name, name, str_utf8_prefix(str_c(name), sizeof s->name - 1));
        memcpy(s->why, why, str_utf8_prefix(str_c(why), sizeof s->why - 1));
        t->last += ns;
    }
}

/* A step that ends now. */
static inline void page_trace_add(struct page_trace *t, const char *name, const char *why)
{
    if (t)
        page_trace_took(t, name, why, clock_mono_ns() - t->last);
}

/*
 * A way of asking a target. A session belongs to one target on one loop and is kept from scrape to
 * scrape, so that it can keep its connection. All on the loop's thread.
 */
struct page_source {
    void *(*open)(struct loop *l, const struct target *t); /* t lives longer than the session */
    void (*fetch)(void *session, dur_ms timeout, page_done *done,
                  void *arg);     /* done is called once */
    void (*close)(void *session); /* a fetch under way is dropped without its callback */

    /* Steps of the next fetch go into t, which lives as long as the session. NULL: no steps are told. */
    void (*trace)(void *session, struct page_trace *t);

    /* Of a check, behind its fetch: appends why it failed, nothing when it passed. The target was asked
     * all the same, so there is no err. NULL: what fails gives an err. */
    void (*failure)(const void *session, struct buf *out);
};

#endif
