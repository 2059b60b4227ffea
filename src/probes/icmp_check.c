/* SPDX-License-Identifier: Apache-2.0 */
/*
 * icmp_check - one echo request, and how long its reply took
 *
 *     resolve ─▶ socket, request ─▶ reply ─▶ page
 */
#include "probes/probes.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/ping.h"
#include "probes/check_priv.h"

#define PAYLOAD_USUAL 28 /* bytes; as many as blackbox_exporter sends */

struct icmp_check {
    struct check check; /* first */
    const struct config_icmp_check *config;

    /* the fetch under way */
    struct ping *ping;
    double setup_seconds, rtt_seconds;
    int hop_limit; /* of the reply; -1: there is none */
};

static struct icmp_check *of(struct check *c)
{
    return (struct icmp_check *)c;
}

static void on_reply(int hop_limit, const struct err *err, void *arg)
{
    struct icmp_check *p = arg;

    if (p->check.ended)
        return;
    p->rtt_seconds = (double)(clock_mono_ns() - ping_sent(p->ping)) / 1e9;
    p->hop_limit = hop_limit;
    if (err)
        check_fail(&p->check, "answer", err);
    else
        check_pass(&p->check);
}

static void on_address(struct check *c, const struct ip_address *a)
{
    struct icmp_check *p = of(c);
    const struct config_icmp_check *config = p->config;
    const struct ping_options o = {
        .to = a,
        .source = config->source_ip_address,
        .payload = config->payload_size ? config->payload_size : PAYLOAD_USUAL,
        .dont_fragment = config->dont_fragment,
        .ttl = (int)config->ttl,
    };
    mono_ns began = clock_mono_ns();
    struct err err = {0};

    check_await(c, "answer", "ping");
    if (ping_start(c->loop, &o, on_reply, p, &p->ping, &err) < 0)
        check_fail(c, "socket", &err);
    p->setup_seconds = (double)((p->ping ? ping_sent(p->ping) : clock_mono_ns()) - began) / 1e9;
}

/* ---- a fetch ------------------------------------------------------------------------------- */

static void begin(struct check *c)
{
    struct icmp_check *p = of(c);

    p->setup_seconds = p->rtt_seconds = 0;
    p->hop_limit = -1;
    if (c->target->address[0])
        check_resolve(c, c->target->address, &p->config->ip, on_address);
    else
        check_failf(c, "address", -EINVAL, "an empty address, expected HOST");
}

static void drop(struct check *c)
{
    ping_free(TAKE(of(c)->ping));
}

static void finish(struct check *c)
{
    struct icmp_check *p = of(c);
    const struct check_phase phases[] = {
        {"resolve", c->resolve_seconds}, {"setup", p->setup_seconds}, {"rtt", p->rtt_seconds}};

    check_phases(c, "probe_icmp_duration_seconds", phases, ARRAY_LEN(phases));
    if (p->hop_limit >= 0)
        check_gauge(c, "probe_icmp_reply_hop_limit", p->hop_limit);
}

static void free_check(struct check *c)
{
    free(of(c));
}

static const struct check_kind kind = {begin, drop, free_check, finish};

static void *open_check(struct loop *l, const struct target *target)
{
    struct icmp_check *p = mem_zalloc(sizeof *p);

    check_init(&p->check, &kind, l, target);
    p->config = target->job->icmp_check;
    return p;
}

const struct page_source probe_icmp_check_source = CHECK_SOURCE(open_check);
