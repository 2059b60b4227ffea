/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_priv - what all checks have in common: one question under way, its deadline and its page
 *
 * A check embeds struct check first. It begins when it is asked, notes samples, and ends by
 * check_pass() or check_fail(), once; the page is delivered from a timer, in a stack of its own,
 * because whoever gets it may close the session. A check that failed is a page with probe_success
 * 0, and probe_failure_info{step,reason} says why: the series of blackbox_exporter do not.
 */
#ifndef TOCSIN_PROBES_CHECK_PRIV_H
#define TOCSIN_PROBES_CHECK_PRIV_H

#include "net/lookup.h"
#include "probes/page_priv.h"
#include "targets/targets.h"

#define CHECK_PORT_MAX   65535
#define CHECK_MEMORY_MAX (4u << 20) /* bytes of one page in the making */

struct check;

struct check_kind {
    void (*begin)(struct check *c); /* asks */
    void (*drop)(struct check *c);  /* gives up what is under way; also when nothing is */
    void (*free)(struct check *c);
    void (*finish)(struct check *c); /* the last samples, passed or failed */
};

struct check {
    const struct check_kind *kind;
    struct loop *loop;
    const struct target *target;
    struct loop_timer *timer;
    struct lookup *lookup; /* under way, or NULL */
    void (*next)(struct check *c, const struct ip_address *a);
    const char *await_step, *awaited; /* what the timer waits for */

    /* the fetch under way */
    page_done *done; /* NULL: there is none */
    void *arg;
    dur_ms timeout;
    mono_ns started, lookup_started;
    double resolve_seconds;
    bool ended;
    const char *step; /* where it failed: "resolve", "connect", "tls" ...; NULL: it passed */
    struct err why;
    struct metric_page page;

    struct page_trace *trace; /* or NULL */
};

void check_init(struct check *c, const struct check_kind *kind, struct loop *l,
                const struct target *t);
void check_fetch(void *session, dur_ms timeout, page_done *done, void *arg);
void check_close(void *session);
void check_trace(void *session, struct page_trace *t);
void check_failure(const void *session, struct buf *out);

/* The page source of a check. */
#define CHECK_SOURCE(open_)                                                                        \
    {                                                                                              \
        .open = open_, .fetch = check_fetch, .close = check_close, .trace = check_trace,           \
        .failure = check_failure                                                                   \
    }

/* host:port, [v6]:port; with a usual port also without one. False: it is no address. *ret_host is
 * replaced, the caller frees it. */
bool check_address(struct str address, int usual_port, char **ret_host, int *ret_port);

/* TLS to an address whose certificate has to be for `host`, unless the options name somebody else. */
struct tls_options check_tls_options(const struct tls_options *o, const char *host);

/* Looks a host up, notes probe_dns_lookup_time_seconds, probe_ip_protocol and probe_ip_addr_hash,
 * and goes on with `next`; or fails. */
void check_resolve(struct check *c, const char *host, const struct config_ip_choice *ip,
                   void (*next)(struct check *c, const struct ip_address *a));

/* What has no deadline of its own fails at this step when the time is up. */
void check_await(struct check *c, const char *step, const char *awaited);

void check_pass(struct check *c);
void check_fail(struct check *c, const char *step, const struct err *why);
void check_failf(struct check *c, const char *step, int code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

void check_gauge(struct check *c, const char *name, double value);

struct check_phase {
    const char *name;
    double seconds;
};
void check_phases(struct check *c, const char *name, const struct check_phase *phases, size_t n);

dur_ms check_time_left(const struct check *c); /* at least 1 */

#endif
