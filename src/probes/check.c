/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/check_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/must.h"
#include "base/num.h"

void check_gauge(struct check *c, const char *name, double value)
{
    metric_page_gauge(&c->page, name, value, NO_LABELS);
}

void check_phases(struct check *c, const char *name, const struct check_phase *phases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        metric_page_gauge(&c->page, name, phases[i].seconds,
                          LABELS({STR("phase"), str_c(phases[i].name)}));
}

static double seconds_since(mono_ns t)
{
    return (double)(clock_mono_ns() - t) / 1e9;
}

dur_ms check_time_left(const struct check *c)
{
    dur_ms left = c->timeout - (clock_mono_ns() - c->started) / NS_PER_MS;

    return left > 0 ? left : 1;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void end(struct check *c)
{
    must(c->done && !c->ended);
    c->ended = true;
    loop_timer_after(c->timer, 0);
}

void check_pass(struct check *c)
{
    c->step = NULL;
    end(c);
}

void check_fail(struct check *c, const char *step, const struct err *why)
{
    c->step = step;
    c->why = *why;
    page_trace_add(c->trace, step, why->msg);
    end(c);
}

void check_failf(struct check *c, const char *step, int code, const char *fmt, ...)
{
    CLEANUP(buf_free) struct buf words = {0};
    struct err err = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&words, fmt, ap);
    va_end(ap);
    err_set(&err, code, "%s", words.p);
    check_fail(c, step, &err);
}

static void deliver(struct check *c)
{
    CLEANUP(buf_free) struct buf text = {0};
    page_done *done = TAKE(c->done);

    c->kind->drop(c);
    c->kind->finish(c);
    if (c->step)
        metric_page_gauge(
            &c->page, "probe_failure_info", 1,
            LABELS({STR("step"), str_c(c->step)}, {STR("reason"), str_c(c->why.msg)}));
    check_gauge(c, "probe_duration_seconds", seconds_since(c->started));
    check_gauge(c, "probe_success", !c->step);
    metric_page_write(&c->page, &text);
    metric_page_deinit(&c->page);
    done(buf_str(&text), EXPOSITION_TEXT, NULL, c->arg);
}

/* ---- addresses ----------------------------------------------------------------------------- */

/* Cuts the host off; what is left is ":port" or nothing. An address of IPv6 without brackets has no
 * port. */
static struct str cut_host(struct str *address)
{
    size_t colon = str_find(*address, STR(":"));
    struct str host = *address, rest;

    if (str_has_prefix(*address, STR("["))) {
        if (str_find(*address, STR("]")) == address->len)
            return STR("");
        str_cut(address, '[');
        return str_cut(address, ']');
    }
    rest = str_n(address->p + colon, address->len - colon);
    if (rest.len && str_find(str_n(rest.p + 1, rest.len - 1), STR(":")) < rest.len - 1)
        rest = str_n(address->p + address->len, 0);
    host.len -= rest.len;
    *address = rest;
    return host;
}

bool check_address(struct str address, int usual_port, char **ret_host, int *ret_port)
{
    struct str host = cut_host(&address);
    uint64_t port = (uint64_t)usual_port;

    free(*ret_host);
    *ret_host = str_dup(host);
    if (address.len &&
        (address.p[0] != ':' || !num_parse_u64(str_n(address.p + 1, address.len - 1), &port)))
        return false;
    if (host.len == 0 || port == 0 || port > CHECK_PORT_MAX)
        return false;
    *ret_port = (int)port;
    return true;
}

struct tls_options check_tls_options(const struct tls_options *o, const char *host)
{
    struct tls_options tls = *o;

    if (!tls.server_name || !tls.server_name[0])
        tls.server_name = host;
    return tls;
}

/* ---- names --------------------------------------------------------------------------------- */

/* FNV-1a: it only tells whether the address is another one than before. */
static uint32_t address_hash(const struct ip_address *a)
{
    uint32_t h = 2166136261u;

    for (int i = 0; i < ip_address_length(a); i++)
        h = (h ^ a->bytes[i]) * 16777619u;
    return h;
}

static void note_address(struct check *c, const struct ip_address *a)
{
    c->resolve_seconds = seconds_since(c->lookup_started);
    check_gauge(c, "probe_dns_lookup_time_seconds", c->resolve_seconds);
    check_gauge(c, "probe_ip_protocol", a ? a->version : 0);
    check_gauge(c, "probe_ip_addr_hash", a ? address_hash(a) : 0);
}

static void on_address(const struct ip_address *a, const struct err *err, void *arg)
{
    struct check *c = arg;

    c->lookup = NULL;
    loop_timer_cancel(c->timer);
    note_address(c, a);
    if (!a) {
        check_fail(c, "resolve", err);
        return;
    }
    page_trace_add(c->trace, "resolve", "");
    c->next(c, a);
}

void check_resolve(struct check *c, const char *host, const struct config_ip_choice *ip,
                   void (*next)(struct check *c, const struct ip_address *a))
{
    c->next = next;
    c->lookup_started = clock_mono_ns();
    c->lookup = lookup_start(c->loop, host, ip->preferred, ip->fallback, on_address, c);
    check_await(c, "resolve", "resolve");
}

void check_await(struct check *c, const char *step, const char *awaited)
{
    c->await_step = step;
    c->awaited = awaited;
    loop_timer_after(c->timer, check_time_left(c));
}

static void on_timer(void *arg)
{
    struct check *c = arg;
    CLEANUP(buf_free) struct buf limit = {0};
    struct err err = {0};

    if (!c->done)
        return;
    if (!c->ended) {
        duration_print(c->timeout, &limit);
        err_set(&err, -ETIMEDOUT, "%s: no answer within %s", c->awaited, limit.p);
        if (c->lookup)
            note_address(c, NULL);
        lookup_cancel(TAKE(c->lookup));
        check_fail(c, c->await_step, &err);
        return;
    }
    deliver(c);
}

/* ---- a session ----------------------------------------------------------------------------- */

void check_init(struct check *c, const struct check_kind *kind, struct loop *l,
                const struct target *t)
{
    c->kind = kind;
    c->loop = l;
    c->target = t;
    c->timer = loop_timer_new(l, on_timer, c);
}

void check_fetch(void *session, dur_ms timeout, page_done *done, void *arg)
{
    struct check *c = session;

    must(!c->done);
    c->done = done;
    c->arg = arg;
    c->timeout = timeout;
    c->started = clock_mono_ns();
    if (c->trace)
        *c->trace = (struct page_trace){.last = c->started};
    c->ended = false;
    c->step = NULL;
    c->resolve_seconds = 0;
    arena_init(&c->page.arena, CHECK_MEMORY_MAX);
    c->kind->begin(c);
}

void check_close(void *session)
{
    struct check *c = session;

    lookup_cancel(TAKE(c->lookup));
    c->kind->drop(c);
    metric_page_deinit(&c->page);
    loop_timer_free(c->timer);
    c->kind->free(c);
}

void check_trace(void *session, struct page_trace *t)
{
    ((struct check *)session)->trace = t;
}

/* Most reasons begin with what was tried. */
void check_failure(const void *session, struct buf *out)
{
    const struct check *c = session;

    if (!c->step)
        return;
    if (strncasecmp(c->why.msg, c->step, strlen(c->step)) != 0)
        buf_addf(out, "%s: ", c->step);
    buf_add_c(out, c->why.msg);
}
