/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_check - one question to one name server, and whether its answer is as it has to be
 *
 *     resolve ─▶ (connect ─▶ TLS ─▶) question ─▶ answer ─▶ judge: code, records of each section
 *
 * An answer that UDP cut is judged as it is: it is the server that is asked, not the name.
 */
#include "probes/probes.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/regex.h"
#include "model/dns_names.h"
#include "net/crypto.h"
#include "net/dns_exchange.h"
#include "net/dns_message.h"
#include "probes/check_priv.h"
#include "probes/http_check_priv.h"

#define DNS_PORT     53
#define DNS_TLS_PORT 853

struct dns_check {
    struct check check; /* first */
    const struct config_dns_check *config;
    char *host;
    int port;

    /* the fetch under way */
    struct dns_exchange *exchange;
    uint16_t id;
    mono_ns began; /* to connect */
    double connect_seconds, request_seconds;
    bool answered;
    struct dns_reply reply; /* texts live in the page's arena */
    struct tls_facts tls;
};

static struct dns_check *of(struct check *c)
{
    return (struct dns_check *)c;
}

static struct dns_question question_of(const struct dns_check *d)
{
    const struct config_dns_check *c = d->config;

    return (struct dns_question){.name = c->query_name,
                                 .type = (unsigned)c->query_type,
                                 .class = (unsigned)c->query_class,
                                 .recurse = c->recursion_desired};
}

/* ---- is it as it has to be? ---------------------------------------------------------------- */

static bool is_valid_code(const struct config_dns_check *c, int code)
{
    for (size_t i = 0; i < c->n_valid_rcodes; i++)
        if (c->valid_rcodes[i] == (uint64_t)code)
            return true;
    return c->n_valid_rcodes == 0 && code == 0;
}

static int judge_code(struct dns_check *d)
{
    const char *word = dns_word(DNS_CODES, (unsigned)d->reply.code);

    if (is_valid_code(d->config, d->reply.code))
        return 0;
    check_failf(&d->check, "rcode", -EPROTO, "the server answers %s (%d)", word ? word : "code",
                d->reply.code);
    return -EPROTO;
}

/* The first of the patterns that finds something, or with `found` false that finds nothing; NULL: there is
 * none. */
static struct regex *first_that(struct regex *const *patterns, size_t n, struct str record,
                                bool found)
{
    for (size_t i = 0; i < n; i++)
        if (regex_match(patterns[i], record) == found)
            return patterns[i];
    return NULL;
}

static int fail_record(struct dns_check *d, const char *section, struct str record,
                       const char *verb, const char *key, const struct regex *pattern)
{
    check_failf(&d->check, "records", -EPROTO, "%s: \"%.*s\" %s %s \"%.*s\"", section,
                STR_ARG(record), verb, key, STR_ARG(regex_pattern(pattern)));
    return -EPROTO;
}

/* all_match is what blackbox_exporter makes of it: every record has to match every pattern. */
static int judge_record(struct dns_check *d, const char *section,
                        const struct config_record_rules *r, struct str record)
{
    struct regex *p;

    if ((p = first_that(r->matches, r->n_matches, record, true)))
        return fail_record(d, section, record, "matches", "fail_if_matches_regexp", p);
    if ((p = first_that(r->not_matches, r->n_not_matches, record, false)))
        return fail_record(d, section, record, "does not match", "fail_if_not_matches_regexp", p);
    if ((p = first_that(r->all_match, r->n_all_match, record, false)))
        return fail_record(d, section, record, "does not match", "fail_if_all_match_regexp", p);
    return 0;
}

static int judge_section(struct dns_check *d, const char *section, enum dns_section which,
                         const struct config_record_rules *r)
{
    const struct str *records = d->reply.records[which];
    size_t n = d->reply.n[which];
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        if (judge_record(d, section, r, records[i]) < 0)
            return -EPROTO;
        any = any || first_that(r->none_matches, r->n_none_matches, records[i], true);
    }
    if (n == 0 && r->n_not_matches)
        check_failf(&d->check, "records", -EPROTO,
                    "%s: no records, and fail_if_not_matches_regexp wants some", section);
    else if (r->n_none_matches && !any)
        check_failf(&d->check, "records", -EPROTO,
                    "%s: none of %zu records matches fail_if_none_matches_regexp", section, n);
    else
        return 0;
    return -EPROTO;
}

static void judge(struct dns_check *d)
{
    const struct config_dns_check *c = d->config;

    if (judge_code(d) == 0 && judge_section(d, "answer", DNS_ANSWER, &c->answer) == 0 &&
        judge_section(d, "authority", DNS_AUTHORITY, &c->authority) == 0 &&
        judge_section(d, "additional", DNS_ADDITIONAL, &c->additional) == 0)
        check_pass(&d->check);
}

/* ---- the exchange -------------------------------------------------------------------------- */

/* What was reached, in seconds. */
static void note_times(struct dns_check *d)
{
    mono_ns sent = d->exchange ? dns_exchange_sent(d->exchange) : 0, now = clock_mono_ns();

    d->connect_seconds = (double)((sent ? sent : now) - d->began) / 1e9;
    d->request_seconds = sent ? (double)(now - sent) / 1e9 : 0;
}

static const char *failed_step(const struct dns_check *d, const struct err *err)
{
    if (str_has_prefix(str_c(err->msg), STR("TLS")))
        return "tls";
    return d->exchange && dns_exchange_sent(d->exchange) ? "answer" : "connect";
}

static void fail_exchange(struct dns_check *d, const struct err *err)
{
    const char *step = failed_step(d, err);
    struct err why = *err;

    note_times(d);
    if (!d->config->tcp)
        err_in(&why, why.code, "ask %s port %d by UDP", d->host, d->port);
    check_fail(&d->check, step, &why);
}

static void await_answer(void *arg)
{
    struct dns_check *d = arg;

    check_await(&d->check, "answer", "ask the name server");
}

static void on_message(struct str message, void *arg)
{
    struct dns_check *d = arg;
    const struct dns_question q = question_of(d);
    struct err err = {0};
    int r;

    if (d->check.ended)
        return;
    r = dns_reply_read(message, d->id, &q, &d->check.page.arena, &d->reply, &err);
    if (r == -EBADMSG && !d->config->tcp)
        return; /* somebody guesses: the answer is still to come */
    note_times(d);
    d->answered = r == 0;
    if (d->answered)
        judge(d);
    else
        check_fail(&d->check, "answer", &err);
}

static void on_failed(const struct err *err, void *arg)
{
    struct dns_check *d = arg;

    if (!d->check.ended)
        fail_exchange(d, err);
}

static void on_address(struct check *c, const struct ip_address *a)
{
    static const struct dns_exchange_events events = {await_answer, on_message, on_failed};
    struct dns_check *d = of(c);
    const struct dns_question q = question_of(d);
    struct dns_exchange_options o = {
        .address = a->text,
        .port = d->port,
        .source = d->config->source_ip_address,
        .tcp = d->config->tcp,
        .tls = check_tls_options(&d->config->tls, d->host),
        .facts = &d->tls,
        .connect_timeout = check_time_left(c),
    };
    CLEANUP(buf_free) struct buf question = {0};
    struct err err = {0};

    crypto_random(&d->id, sizeof d->id);
    if (dns_question_add(&question, d->id, &q, &err) < 0) {
        check_fail(c, "query_name", &err);
        return;
    }
    d->began = clock_mono_ns();
    if (!o.tcp)
        await_answer(d);
    if (dns_exchange_start(c->loop, &o, buf_str(&question), &events, d, &d->exchange, &err) < 0)
        fail_exchange(d, &err);
}

/* ---- a fetch ------------------------------------------------------------------------------- */

static void begin(struct check *c)
{
    struct dns_check *d = of(c);
    int usual = d->config->tls.enabled ? DNS_TLS_PORT : DNS_PORT;

    tls_facts_deinit(&d->tls);
    d->began = 0;
    d->connect_seconds = d->request_seconds = 0;
    d->answered = false;
    d->reply = (struct dns_reply){0};
    if (check_address(str_c(c->target->address), usual, &d->host, &d->port))
        check_resolve(c, d->host, &d->config->ip, on_address);
    else
        check_failf(c, "address", -EINVAL, "\"%.200s\" is no address, expected HOST or HOST:PORT",
                    c->target->address);
}

static void drop(struct check *c)
{
    struct dns_check *d = of(c);

    if (d->exchange && d->connect_seconds == 0) /* nothing came */
        note_times(d);
    dns_exchange_free(TAKE(d->exchange));
}

static void finish(struct check *c)
{
    static const char *const counts[DNS_SECTIONS] = {
        "probe_dns_answer_rrs", "probe_dns_authority_rrs", "probe_dns_additional_rrs"};
    struct dns_check *d = of(c);
    const struct check_phase phases[] = {{"resolve", c->resolve_seconds},
                                         {"connect", d->connect_seconds},
                                         {"request", d->request_seconds}};

    check_phases(c, "probe_dns_duration_seconds", phases, ARRAY_LEN(phases));
    for (size_t i = 0; i < DNS_SECTIONS; i++)
        check_gauge(c, counts[i], (double)d->reply.n[i]);
    check_gauge(c, "probe_dns_query_succeeded", d->answered);
    if (d->answered && d->config->query_type == DNS_TYPE_SOA)
        check_gauge(c, "probe_dns_serial", d->reply.serial);
    tls_facts_page(&d->tls, &c->page, false);
}

static void free_check(struct check *c)
{
    struct dns_check *d = of(c);

    tls_facts_deinit(&d->tls);
    free(d->host);
    free(d);
}

static const struct check_kind kind = {begin, drop, free_check, finish};

static void *open_check(struct loop *l, const struct target *target)
{
    struct dns_check *d = mem_zalloc(sizeof *d);

    check_init(&d->check, &kind, l, target);
    d->config = target->job->dns_check;
    return d;
}

const struct page_source probe_dns_check_source = CHECK_SOURCE(open_check);
