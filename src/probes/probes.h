/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probes - asks Redis itself and yields the page that redis_exporter would serve
 *
 * A probe is a page source (targets/targets.h): it keeps one connection per target, asks on it, and
 * writes the answers as an exposition page with the exporter's metric names, so that dashboards and
 * rules written for those keep working. Turning replies into a page is a pure function, tested
 * against recordings.
 *
 * When Redis cannot be asked (no connection, wrong password, INFO refused), page_done gets both an
 * err and a page: redis_up 0 and redis_exporter_last_scrape_error{err="<the same words>"} 1.
 */
#ifndef TOCSIN_PROBES_PROBES_H
#define TOCSIN_PROBES_PROBES_H

#include "targets/targets.h"

/* Addresses: host, host:port, [v6]:port, /path or unix:///path of a socket, and URLs redis://,
 * valkey:// or, for TLS, rediss://, valkeys:// with a host and a port. */
extern const struct page_source probe_redis_source;

/* Addresses: host, host:port, [v6]:port, /path or unix:///path of a socket, mysql://host:port. A
 * statement that is refused costs its own metrics and mysql_exporter_collector_success 0. */
extern const struct page_source probe_mysql_source;

/* Addresses: http://, https:// URLs; without a scheme http. The series of blackbox_exporter's http
 * prober. A check that fails is a page with probe_success 0, not an err: the target was asked. */
extern const struct page_source probe_http_check_source;

/* Addresses: host:port. The series of blackbox_exporter's tcp prober. */
extern const struct page_source probe_tcp_check_source;

/* Addresses: host, host:port, [v6]:port of a name server. The series of blackbox_exporter's dns
 * prober. */
extern const struct page_source probe_dns_check_source;

/* Addresses: hosts. The series of blackbox_exporter's icmp prober. */
extern const struct page_source probe_icmp_check_source;

/* Addresses: host:port. The series of blackbox_exporter's grpc prober. */
extern const struct page_source probe_grpc_check_source;

/* Address: localhost. Whether processes of this machine run, and what they take. */
extern const struct page_source probe_process_check_source;

/* Addresses: host, host:port, or an http:// or https:// URL, before the job's base_path. The page of
 * the actuator's prometheus endpoint and its health, see spring_priv.h. */
extern const struct page_source probe_spring_source;

/* ---- one question, outside of the clock ------------------------------------------------------- */

/* Probes by the name that a user gives: `tocsin probe redis`, /probe/redis. */
struct probe_kind {
    const char *name;
    enum job_kind kind; /* of the jobs that it is for */
    const struct page_source *source;
    unsigned most; /* that a prober asks at a time */
    bool tls;      /* of these only those with TLS */
};

const struct probe_kind *probe_kind_find(struct str name); /* NULL: there is none */
const struct probe_kind *probe_kind_at(size_t i);          /* all of them; NULL: no more */
bool probe_kind_has(const struct probe_kind *k, const struct config_scrape *job);
const struct probe_kind *probe_kind_of(const struct config_scrape *job); /* NULL: it scrapes */

struct probe_answer {
    struct buf page;    /* also when it failed, with <kind>_up 0 */
    struct err err;     /* code 0: the target was asked */
    struct buf failure; /* why the check failed all the same; empty: it passed, or is none */
    double seconds;
    struct page_trace trace; /* empty when the probe tells no steps */
};

/* Asks a target now, on a connection and a loop of its own. Blocks for the timeout at most. Any thread. */
void probe_once(const struct page_source *source, const struct target *t, dur_ms timeout,
                struct probe_answer *ret);
void probe_answer_deinit(struct probe_answer *a);

/* ---- questions on behalf of others ------------------------------------------------------------ */

/*
 * Asks many targets at a time on one thread, "prober", which it starts with the first question. Each
 * is asked on a connection of its own; one that hangs costs its own time only.
 */
struct prober;

#define PROBER_MOST 128 /* questions under way, of all kinds together */

struct prober *prober_new(void);
/* Answers what is under way, and whatever is asked from now on, with -ESHUTDOWN; once, any thread. */
void prober_close(struct prober *p);
void prober_free(struct prober *p); /* after that, and when nobody asks any more; NULL is fine */

/* Calls done once, on the prober's thread. Keeps a reference of config, in which the job is, and a copy
 * of t. -EBUSY, without a call: as much as is allowed at a time is under way. Any thread. */
int prober_ask(struct prober *p, const struct config *config, const struct target *t,
               dur_ms timeout, page_done *done, void *arg, struct err *err);

/* ---- what an account needs --------------------------------------------------------------------- */

/* Statements that make an account which may ask what `m` collects. `mariadb`: in its words. */
void probe_mysql_grants(const struct config_mysql *m, bool mariadb, struct buf *out);

/* ACL SETUSER for a server, and for a Sentinel. */
void probe_redis_acl(const struct config_redis *r, struct buf *out);

/* ---- Redis: replies into the page -------------------------------------------------------------- */

enum redis_reply_type {
    REPLY_NIL,
    REPLY_TEXT, /* a bulk or a status */
    REPLY_ERROR,
    REPLY_INTEGER,
    REPLY_ARRAY,
};

/* What Redis answered to one command. */
struct redis_reply {
    enum redis_reply_type type;
    int64_t integer;           /* of REPLY_INTEGER */
    struct str text;           /* of REPLY_TEXT and REPLY_ERROR */
    struct redis_reply *items; /* of REPLY_ARRAY */
    size_t n;
};

/* What a Sentinel answered about one of its masters. */
struct redis_sentinel_replies {
    const struct redis_reply *ckquorum, *sentinels, *slaves;
};

/* What a Redis answered, as far as it was asked and allowed. Texts may be STR_NONE; a reply may be
 * NULL, an error or of any shape: it costs its own metrics only. */
struct redis_replies {
    struct str info;                             /* of INFO ALL */
    struct str cluster_info;                     /* of CLUSTER INFO */
    const struct redis_reply *config;            /* of CONFIG GET *: name, value, name, value ... */
    const struct redis_reply *latency_latest;    /* of LATENCY LATEST */
    const struct redis_reply *latency_histogram; /* of LATENCY HISTOGRAM */
    const struct redis_reply *slowlog_len, *slowlog_get; /* of SLOWLOG LEN, SLOWLOG GET 1 */
    const struct redis_reply *sentinel_masters;          /* of SENTINEL MASTERS */
    const struct redis_sentinel_replies *masters; /* about the first n_masters of them, in order */
    size_t n_masters;
    unix_ms now;
    double connect_seconds; /* this time; 0 when the connection was kept */
    double total_seconds;   /* of this time, connecting included */
    uint64_t times;         /* how often this target was asked so far, this time included */
    double times_seconds;   /* how long that took together */
    const char *error;      /* why redis_up is 0; NULL: it is 1 */
};

/* Appends the page: families in order of names. Unknown INFO lines are left out; nothing in the
 * replies can make it fail. Returns how many samples were left out because there were too many. */
size_t redis_page(const struct redis_replies *r, struct buf *out);

#endif
