/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns - who is asked, in which order, and when to ask again
 *
 * For each name to be tried: each server in turn, as many rounds as there are attempts. An answer
 * that the name is not there leads to the next name; a failure to the next server. When no name was
 * found and one of them could not be answered, that is a failure, for nobody knows whether it is
 * there.
 */
#include "net/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "net/crypto.h"
#include "net/dns_exchange.h"
#include "net/dns_message_priv.h"
#include "net/sockaddr_priv.h"

#define RESOLV_CONF_MAX (1 << 20) /* bytes */
#define DNS_PORT        53
#define SERVERS_MAX     8
#define SEARCH_MAX      32 /* domains; Kubernetes allows as many */
#define TIMEOUT_MAX_S   30

const char *dns_resolv_conf = "/etc/resolv.conf";

struct server {
    char host[INET6_ADDRSTRLEN];
    int port;
};

struct dns_query {
    struct loop *loop;
    enum dns_type type;
    dns_done *done;
    void *arg;

    struct server servers[SERVERS_MAX];
    size_t n_servers;
    dur_ms timeout;
    int attempts;
    char *names[SEARCH_MAX + 1]; /* to be tried */
    size_t n_names;

    size_t name, server; /* at hand */
    int attempt;
    bool someone_failed; /* a name was tried that no server answered for */
    struct err failure;  /* of the last server that failed */

    uint16_t id;
    struct buf question;
    bool by_tcp;
    struct dns_exchange *exchange;
    struct loop_timer *timer;
};

/* ---- whom to ask --------------------------------------------------------------------------- */

static bool read_number(struct str text, int most, int *ret)
{
    int n = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || n > most)
            return false;
        n = n * 10 + (text.p[i] - '0');
    }
    if (text.len == 0 || n > most)
        return false;
    *ret = n;
    return true;
}

/* address, address:port, [address]:port; others are not taken. */
static bool add_server(struct dns_query *q, struct str text)
{
    struct server *s = &q->servers[q->n_servers];
    struct socket_address parsed;
    struct str host = text, port = STR_NONE;
    size_t colon = str_find(text, STR(":"));

    if (q->n_servers == SERVERS_MAX)
        return true; /* there are enough */
    if (str_has_prefix(text, STR("["))) {
        size_t end = str_find(text, STR("]"));

        host = str_n(text.p + 1, end > 0 ? end - 1 : 0);
        if (end + 1 < text.len && text.p[end + 1] == ':')
            port = str_n(text.p + end + 2, text.len - end - 2);
        else if (end + 1 != text.len)
            return false;
    } else if (colon < text.len && str_find(str_n(text.p + colon + 1, text.len - colon - 1),
                                            STR(":")) == text.len - colon - 1) {
        host.len = colon;
        port = str_n(text.p + colon + 1, text.len - colon - 1);
    }
    *s = (struct server){.port = DNS_PORT};
    if (host.len >= sizeof s->host || (port.p && !read_number(port, 65535, &s->port)))
        return false;
    memcpy(s->host, host.p, host.len);
    if (!socket_address_set(&parsed, s->host, s->port))
        return false;
    q->n_servers++;
    return true;
}

struct machine {
    struct buf text; /* of resolv.conf */
    struct str search[SEARCH_MAX];
    size_t n_search;
    int ndots;
};

static void read_option(struct str word, struct machine *m, struct dns_query *q)
{
    struct str value = word, name = str_cut(&value, ':');
    int n;

    if (str_eq(name, STR("ndots")) && read_number(value, 15, &n))
        m->ndots = n;
    else if (str_eq(name, STR("timeout")) && read_number(value, TIMEOUT_MAX_S, &n) && n > 0)
        q->timeout = n * 1000;
    else if (str_eq(name, STR("attempts")) && read_number(value, 5, &n) && n > 0)
        q->attempts = n;
}

static struct str next_word(struct str *rest)
{
    struct str word;
    size_t n = 0;

    *rest = str_trim(*rest);
    while (n < rest->len && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    word = str_n(rest->p, n);
    *rest = str_n(rest->p + n, rest->len - n);
    return word;
}

static void read_line(struct str line, struct machine *m, struct dns_query *q)
{
    struct str key = next_word(&line), word;

    if (str_eq(key, STR("nameserver"))) {
        add_server(q, next_word(&line));
    } else if (str_eq(key, STR("search")) || str_eq(key, STR("domain"))) {
        m->n_search = 0; /* the last line counts */
        while ((word = next_word(&line)).len > 0 && m->n_search < SEARCH_MAX)
            m->search[m->n_search++] = word;
    } else if (str_eq(key, STR("options"))) {
        while ((word = next_word(&line)).len > 0)
            read_option(word, m, q);
    }
}

static int read_machine(struct machine *m, struct dns_query *q, struct err *err)
{
    struct str rest;
    int r = file_read(dns_resolv_conf, RESOLV_CONF_MAX, &m->text, err);

    if (r < 0)
        return r;
    rest = buf_str(&m->text);
    while (rest.len > 0)
        read_line(str_cut(&rest, '\n'), m, q);
    if (q->n_servers == 0)
        return err_set(err, -ENOENT, "%s: no nameserver in it", dns_resolv_conf);
    return 0;
}

/* ---- which names --------------------------------------------------------------------------- */

static void add_name_to_try(struct dns_query *q, const char *name, struct str domain)
{
    struct buf text = {0};

    buf_addf(&text, "%s%s%.*s", name, domain.len ? "." : "", STR_ARG(domain));
    q->names[q->n_names++] = buf_take(&text);
}

static int count_dots(const char *name)
{
    int n = 0;

    for (; *name; name++)
        n += *name == '.';
    return n;
}

static void choose_names(struct dns_query *q, const char *name, const struct machine *m)
{
    bool is_whole = str_has_suffix(str_c(name), STR("."));
    bool first = is_whole || count_dots(name) >= m->ndots;

    if (first)
        add_name_to_try(q, name, STR(""));
    for (size_t i = 0; !is_whole && i < m->n_search; i++)
        add_name_to_try(q, name, m->search[i]);
    if (!first)
        add_name_to_try(q, name, STR(""));
}

static int prepare(struct dns_query *q, const char *name, const char *const *servers,
                   size_t n_servers, struct err *err)
{
    struct machine m = {.ndots = 1};
    int r = 0;

    for (size_t i = 0; r == 0 && i < n_servers; i++)
        if (!add_server(q, str_c(servers[i])))
            r = err_set(err, -EINVAL, "\"%s\" is no address of a name server", servers[i]);
    if (r == 0 && n_servers == 0)
        r = read_machine(&m, q, err);
    if (r == 0)
        choose_names(q, name, &m);
    buf_free(&m.text);
    return r;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void hang_up(struct dns_query *q)
{
    loop_timer_cancel(q->timer);
    dns_exchange_free(TAKE(q->exchange));
}

static void free_query(struct dns_query *q)
{
    hang_up(q);
    loop_timer_free(q->timer);
    buf_free(&q->question);
    for (size_t i = 0; i < q->n_names; i++)
        free(q->names[i]);
    free(q);
}

void dns_cancel(struct dns_query *q)
{
    if (q)
        free_query(q);
}

static void finish(struct dns_query *q, const struct dns_record *records, size_t n,
                   const struct err *err)
{
    hang_up(q);
    q->done(records, n, err, q->arg);
    free_query(q);
}

/* ---- one server ---------------------------------------------------------------------------- */

static void try(struct dns_query *q);

static void try_next_name(struct dns_query *q)
{
    q->name++;
    q->server = 0;
    q->attempt = 0;
    if (q->name < q->n_names)
        try(q);
    else
        finish(q, NULL, 0, q->someone_failed ? &q->failure : NULL);
}

static void try_next_server(struct dns_query *q)
{
    hang_up(q);
    if (++q->server == q->n_servers) {
        q->server = 0;
        q->attempt++;
    }
    if (q->attempt < q->attempts) {
        try(q);
        return;
    }
    q->someone_failed = true;
    try_next_name(q);
}

static void note_failure(struct dns_query *q, int code, const char *words)
{
    const struct server *s = &q->servers[q->server];

    err_set(&q->failure, code, "resolve %s: server %s port %d: %s", q->names[q->name], s->host,
            s->port, words);
}

static void on_late(void *arg)
{
    struct dns_query *q = arg;

    if (q->n_servers == 0 || q->n_names == 0) { /* could not even begin */
        finish(q, NULL, 0, &q->failure);
        return;
    }
    if (q->failure.code == 0 || q->exchange)
        note_failure(q, -ETIMEDOUT, "no answer in time");
    try_next_server(q);
}

static void ask(struct dns_query *q);

static void on_message(struct str message, void *arg)
{
    struct dns_query *q = arg;
    struct dns_answer a = {0};
    struct err why = {0};
    int r = dns_answer_read(message, q->id, q->names[q->name], q->type, &a, &why);

    if (r == -EBADMSG && !q->by_tcp)
        return; /* a stray one leaves us waiting */
    if (r == 0 && a.is_cut && !q->by_tcp) {
        q->by_tcp = true;
        ask(q);
    } else if (r < 0 || a.is_cut) {
        note_failure(q, -EPROTO, r < 0 ? why.msg : "a cut answer");
        try_next_server(q);
    } else if (a.code == DNS_OK) {
        finish(q, a.records, a.n, NULL);
    } else if (a.code == DNS_NO_SUCH_NAME) {
        hang_up(q);
        try_next_name(q);
    } else {
        char words[40];

        snprintf(words, sizeof words, "failure with code %d", a.code);
        note_failure(q, -EPROTO, words);
        try_next_server(q);
    }
    dns_answer_deinit(&a);
}

static void on_failed(const struct err *err, void *arg)
{
    note_failure(arg, err->code, err->msg);
    try_next_server(arg);
}

/* What fails at once is told by the timer, so that no callback comes from within dns_ask(). */
static void ask(struct dns_query *q)
{
    static const struct dns_exchange_events events = {NULL, on_message, on_failed};
    const struct server *s = &q->servers[q->server];
    const struct dns_exchange_options o = {
        .address = s->host, .port = s->port, .tcp = q->by_tcp, .connect_timeout = q->timeout};
    struct err why = {0};
    int r;

    hang_up(q);
    crypto_random(&q->id, sizeof q->id);
    buf_reset(&q->question);
    r = dns_question_add(
        &q->question, q->id,
        &(struct dns_question){
            .name = q->names[q->name], .type = q->type, .class = DNS_IN, .recurse = true},
        &why);
    if (r == 0)
        r = dns_exchange_start(q->loop, &o, buf_str(&q->question), &events, q, &q->exchange, &why);
    if (r < 0)
        note_failure(q, r, why.msg);
    loop_timer_after(q->timer, r < 0 ? 0 : q->timeout);
}

static void try(struct dns_query *q)
{
    q->by_tcp = false;
    ask(q);
}

struct dns_query *dns_ask(struct loop *l, const char *name, enum dns_type type,
                          const char *const *servers, size_t n_servers, dns_done *done, void *arg)
{
    struct dns_query *q = mem_zalloc(sizeof *q);

    MUST_BE_ON(l);
    *q = (struct dns_query){
        .loop = l, .type = type, .done = done, .arg = arg, .timeout = 5000, .attempts = 2};
    q->timer = loop_timer_new(l, on_late, q);
    if (prepare(q, name, servers, n_servers, &q->failure) == 0)
        try(q);
    else
        loop_timer_after(q->timer, 0);
    return q;
}
