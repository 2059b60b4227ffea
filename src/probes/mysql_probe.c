/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_probe - the session of a target: a loop on one side, blocking calls on the other
 *
 *     fetch ─▶ pool: (connect, log in, settings) ─▶ collectors ─▶ page ─▶ the loop ─▶ done
 *                    new connection only
 *
 * What both sides touch is struct talk. It outlives the session when a call of the pool's thread
 * hangs: then the last of the two frees it. Of the loop's side a talk knows only a number, under
 * which its session is found or not.
 */
#include "probes/probes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"
#include "model/selfmetrics.h"
#include "probes/address_priv.h"
#include "probes/mysql_client_priv.h"
#include "probes/mysql_cnf_priv.h"
#include "probes/pool_priv.h"

#define STEP_MAX   80                     /* bytes of a statement that a message shows */
#define LOGIN_STEP "connect, TLS, log in" /* one call of the library */

SELFMETRIC(left_out, METRIC_COUNTER, "tocsin_probe_mysql_samples_left_out_total", NULL,
           "Samples of the MySQL probe that were left out because a page had too many.");

struct talk {
    struct pool_work work; /* first: the pool hands it back */
    struct arena arena;    /* of the copies below */
    struct config_mysql config;
    struct server_address address;
    struct err bad_address;

    /* the pool's thread while it is under way, else the loop's */
    struct mysql_memory memory;
    struct mysql_server server;
    dur_ms timeout;
    mono_ns started;
    double connect_seconds;
    bool kept; /* the connection is from an earlier fetch */
    struct buf page;
    struct err err;

    /* both, under lock */
    struct lock lock;
    int refs;
    struct loop *loop; /* NULL: the session is closed */
    uint64_t session;
    bool under_way;
    atomic_bool interrupted;
    struct mysql_client *client; /* NULL: no connection */
    char step[STEP_MAX];         /* what is awaited */
    struct page_trace *trace;    /* the session's; NULL: nobody wants to know, or it is closed */
};

struct session {
    struct talk *talk;
    const struct target *target;
    struct loop_timer *timer;
    page_done *done; /* NULL: no fetch is under way */
    void *arg;
    uint64_t number;
    struct session *next;
};

/* Those that are open, under lock: a message that comes late must not find what is gone. */
static struct {
    struct lock lock;
    struct session *first;
    uint64_t numbers;
} sessions = {.lock = LOCK_INIT};

/* ---- the talk ---------------------------------------------------------------------------------- */

static void talk_unref(struct talk *t)
{
    int left;

    lock_take(&t->lock);
    left = --t->refs;
    lock_give(&t->lock);
    if (left > 0)
        return;
    mysql_client_free(t->client);
    buf_free(&t->page);
    server_address_deinit(&t->address);
    arena_deinit(&t->arena);
    lock_deinit(&t->lock);
    free(t);
}

static void copy_text(struct arena *a, const char **text)
{
    if (*text)
        *text = arena_strdup(a, str_c(*text));
}

static void copy_texts(struct arena *a, const char ***texts, size_t n)
{
    const char **copy = arena_array(a, n + 1, sizeof *copy);

    for (size_t i = 0; i < n; i++)
        copy[i] = arena_strdup(a, str_c((*texts)[i]));
    *texts = copy;
}

/* The configuration may go while a call hangs. */
static void copy_config(struct talk *t, const struct config_mysql *c)
{
    struct config_mysql *m = &t->config;
    const char **const texts[] = {&m->username,
                                  &m->password,
                                  &m->password_file,
                                  &m->my_cnf,
                                  &m->my_cnf_section,
                                  &m->tls.ca_file,
                                  &m->tls.cert_file,
                                  &m->tls.key_file,
                                  &m->heartbeat_database,
                                  &m->heartbeat_table,
                                  &m->files_filter,
                                  &m->files_remove_prefix,
                                  &m->memory_remove_prefix};

    *m = *c;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        copy_text(&t->arena, texts[i]);
    copy_texts(&t->arena, &m->tables_databases, m->n_tables_databases);
    copy_texts(&t->arena, &m->statements_exclude_schemas, m->n_statements_exclude_schemas);
}

static struct talk *talk_new(struct loop *l, const struct target *target, uint64_t number)
{
    struct talk *t = mem_zalloc(sizeof *t);

    t->loop = l;
    t->session = number;
    t->refs = 1;
    lock_init(&t->lock);
    copy_config(t, &target->job->mysql);
    server_address_parse(SERVER_MYSQL, str_c(target->address), &t->address, &t->bad_address);
    return t;
}

static void set_step(struct talk *t, const char *words)
{
    WITH_LOCK(&t->lock);

    strncpy(t->step, words, sizeof t->step - 1);
}

/* After the time was up the steps are the loop's side's alone. */
static void trace_step(void *self, const char *name, const char *why)
{
    struct talk *t = self;
    WITH_LOCK(&t->lock);

    if (!t->interrupted)
        page_trace_add(t->trace, name, why);
}

static void set_client(struct talk *t, struct mysql_client *c)
{
    struct mysql_client *before;

    lock_take(&t->lock);
    before = t->client;
    t->client = c;
    if (c && t->interrupted)
        mysql_client_interrupt(c);
    lock_give(&t->lock);
    mysql_client_free(before);
}

/* ---- the pool's side: connecting ---------------------------------------------------------------- */

static int read_my_cnf(struct talk *t, struct arena *a, struct mysql_cnf *ret, struct err *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    int r;

    *ret = (struct mysql_cnf){0};
    if (!t->config.my_cnf)
        return 0;
    r = file_read(t->config.my_cnf, MYSQL_CNF_MAX, &text, err);
    if (r == 0)
        r = mysql_cnf_parse(buf_str(&text), t->config.my_cnf_section, a, ret, err);
    return r < 0 ? err_in(err, r, "my_cnf %s", t->config.my_cnf) : 0;
}

static void use_my_cnf(struct mysql_client_options *o, const struct mysql_cnf *cnf)
{
    if (!o->user)
        o->user = cnf->user;
    if (!o->password)
        o->password = cnf->password;
    if (cnf->ssl_ca || cnf->ssl_cert || cnf->ssl_skip_verify)
        o->tls.enabled = true;
    if (!o->tls.ca_file)
        o->tls.ca_file = cnf->ssl_ca;
    if (!o->tls.cert_file) {
        o->tls.cert_file = cnf->ssl_cert;
        o->tls.key_file = cnf->ssl_key;
    }
    o->tls.insecure_skip_verify |= cnf->ssl_skip_verify;
}

static int ask_now(void *self, const char *sql, size_t rows_max, struct arena *a,
                   struct mysql_table *ret, unsigned *number, struct err *err)
{
    struct talk *t = self;
    int r;

    set_step(t, sql);
    r = mysql_client_ask(t->client, sql, rows_max, a, ret, number, err);
    return r < 0 ? err_in(err, r, "%.*s", STEP_MAX, sql) : 0;
}

/* A setting that a server does not know, or does not allow, is no reason not to ask it. */
static int set_on_server(struct talk *t, struct arena *a, struct err *err, const char *fmt, ...)
{
    CLEANUP(buf_free) struct buf sql = {0};
    struct mysql_table none;
    unsigned number;
    va_list ap;
    int r;

    va_start(ap, fmt);
    buf_vaddf(&sql, fmt, ap);
    va_end(ap);
    r = ask_now(t, sql.p, 0, a, &none, &number, err);
    return r == -EREMOTEIO ? 0 : r;
}

/* No statement of ours may wait long for a lock or keep the server busy. Half of the time for one
 * statement leaves the other half for the rest. */
static int settle(struct talk *t, struct arena *a, struct err *err)
{
    dur_ms most = t->config.statement_timeout ? t->config.statement_timeout : t->timeout / 2;
    struct mysql_table version = {0};
    unsigned number;
    int r = 0;

    if (t->config.lock_wait_timeout)
        r = set_on_server(t, a, err, "SET SESSION lock_wait_timeout = %" PRId64,
                          (t->config.lock_wait_timeout + 999) / 1000);
    if (r == 0)
        r = ask_now(t, "SELECT @@version", 1, a, &version, &number, err);
    if (r < 0)
        return r;
    t->server = mysql_server_of(version.n_rows ? version.cells[0] : STR_NONE);
    if (t->server.mariadb && t->server.version >= 100101)
        return set_on_server(t, a, err, "SET SESSION max_statement_time = %g", (double)most / 1e3);
    if (!t->server.mariadb && t->server.version >= 50708)
        return set_on_server(t, a, err, "SET SESSION max_execution_time = %" PRId64, most);
    return 0;
}

/* Secrets are read anew for every connection: they may have been rotated. */
static int connect_anew(struct talk *t, struct err *err)
{
    CLEANUP(arena_deinit) struct arena a = {0};
    CLEANUP(buf_free) struct buf password = {0};
    const struct config_mysql *c = &t->config;
    struct mysql_client *client;
    struct mysql_cnf cnf;
    struct mysql_client_options o = {
        .host = t->address.host,
        .port = t->address.port,
        .unix_path = t->address.unix_path,
        .user = c->username,
        .tls = c->tls,
        .connect_timeout = c->connect_timeout && c->connect_timeout < t->timeout
                               ? c->connect_timeout
                               : t->timeout,
        .read_timeout = t->timeout,
    };
    int r = t->bad_address.code;

    if (r < 0) {
        *err = t->bad_address;
        return r;
    }
    r = secret_read(c->password, c->password_file, &password, err);
    if (r == 0)
        r = read_my_cnf(t, &a, &cnf, err);
    if (r < 0)
        return r;
    o.password = password.len ? password.p : NULL;
    use_my_cnf(&o, &cnf);
    set_step(t, "the greeting and login");
    r = mysql_client_open(&o, &client, err);
    trace_step(t, LOGIN_STEP, r < 0 ? err->msg : "");
    if (r < 0)
        return r;
    set_client(t, client);
    r = settle(t, &a, err);
    trace_step(t, "settings of the session", r < 0 ? err->msg : "");
    t->connect_seconds = (double)(clock_mono_ns() - t->started) / 1e9;
    return r;
}

/* ---- the pool's side: asking --------------------------------------------------------------------- */

static int ask_all(struct talk *t, struct err *err)
{
    const struct mysql_asker asker = {t, ask_now, trace_step};
    CLEANUP(metric_page_deinit) struct metric_page page = {0};
    struct mysql_scrape s = {&asker, &t->config, t->server, &page};
    int r;

    arena_init(&page.arena, MYSQL_MEMORY_MAX);
    mysql_page_up(&page, true, t->connect_seconds);
    r = mysql_collect_all(&s, &t->memory, err);
    if (r < 0)
        return r;
    metric_page_write(&page, &t->page);
    selfmetric_add(&left_out, (int64_t)page.left_out);
    return 0;
}

static void write_down(struct buf *out)
{
    CLEANUP(metric_page_deinit) struct metric_page page = {0};

    mysql_page_up(&page, false, 0);
    metric_page_write(&page, out);
}

static int ask(struct talk *t, struct err *err)
{
    int r;

    t->connect_seconds = 0;
    t->kept = t->client != NULL;
    r = t->kept ? 0 : connect_anew(t, err);
    if (r == 0)
        r = ask_all(t, err);
    if (r == -ECONNRESET && t->kept && !t->interrupted) { /* it was closed in between */
        set_client(t, NULL);
        r = connect_anew(t, err);
        if (r == 0)
            r = ask_all(t, err);
    }
    return r;
}

static void on_answer(void *arg);

static void run(struct pool_work *w)
{
    struct talk *t = (struct talk *)w;
    struct err err = {0};
    int r;

    buf_reset(&t->page);
    r = ask(t, &err);
    t->err = r < 0 ? err : (struct err){0};
    if (r < 0) {
        set_client(t, NULL);
        buf_reset(&t->page);
    }
    lock_take(&t->lock);
    t->under_way = false;
    if (t->loop)
        loop_post(t->loop, on_answer, (void *)(uintptr_t)t->session);
    lock_give(&t->lock);
    talk_unref(t);
}

/* ---- the loop's side -------------------------------------------------------------------------------- */

static void deliver(struct session *s, struct str page, const struct err *err)
{
    CLEANUP(buf_free) struct buf down = {0};
    page_done *done = TAKE(s->done);

    loop_timer_cancel(s->timer);
    if (err && err->code)
        write_down(&down);
    done(down.len ? buf_str(&down) : page, EXPOSITION_TEXT, err && err->code ? err : NULL, s->arg);
}

static struct session *find_session(uint64_t number)
{
    struct session *s;
    WITH_LOCK(&sessions.lock);

    for (s = sessions.first; s && s->number != number; s = s->next)
        ;
    return s;
}

/* An answer that comes after the time was up is of no use. */
static void on_answer(void *arg)
{
    struct session *s = find_session((uintptr_t)arg);
    struct talk *t = s ? s->talk : NULL;
    bool fresh;

    if (!s || !s->done)
        return;
    lock_take(&t->lock);
    fresh = !t->under_way;
    lock_give(&t->lock);
    if (fresh)
        deliver(s, buf_str(&t->page), &t->err);
}

/* Ends the wait and tells for what. */
static void time_is_up(struct session *s, const char *fmt)
{
    struct talk *t = s->talk;
    CLEANUP(buf_free) struct buf limit = {0};
    struct err err = {0};

    duration_print(t->timeout, &limit);
    lock_take(&t->lock);
    t->interrupted = true;
    if (t->client)
        mysql_client_interrupt(t->client);
    err_set(&err, -ETIMEDOUT, fmt, t->step, limit.p);
    if (!t->client)
        err_in(&err, -ETIMEDOUT, "connect to %s", s->target->address);
    page_trace_add(t->trace, t->client ? t->step : LOGIN_STEP, err.msg);
    lock_give(&t->lock);
    deliver(s, STR_NONE, &err);
}

static void on_timer(void *arg)
{
    struct session *s = arg;

    if (s->done)
        time_is_up(s, "no answer to %s within %s");
}

static void *mysql_open(struct loop *l, const struct target *target)
{
    struct session *s = mem_zalloc(sizeof *s);
    WITH_LOCK(&sessions.lock);

    s->number = ++sessions.numbers;
    s->target = target;
    s->timer = loop_timer_new(l, on_timer, s);
    s->talk = talk_new(l, target, s->number);
    s->next = sessions.first;
    sessions.first = s;
    return s;
}

static void mysql_fetch(void *session, dur_ms timeout, page_done *done, void *arg)
{
    struct session *s = session;
    struct talk *t = s->talk;
    bool busy;

    must(!s->done);
    s->done = done;
    s->arg = arg;
    lock_take(&t->lock);
    busy = t->under_way;
    if (!busy) {
        t->under_way = true;
        t->interrupted = false;
        t->refs++;
    }
    lock_give(&t->lock);
    if (busy) { /* since an earlier time: it gets no second thread */
        loop_timer_after(s->timer, 0);
        return;
    }
    t->timeout = timeout;
    t->started = clock_mono_ns();
    if (t->trace)
        *t->trace = (struct page_trace){.last = t->started};
    t->work.run = run;
    loop_timer_after(s->timer, timeout);
    pool_run(&t->work);
}

static void mysql_close_session(void *session)
{
    struct session *s = session;
    struct talk *t = s->talk;

    lock_take(&sessions.lock);
    for (struct session **at = &sessions.first; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    lock_give(&sessions.lock);
    lock_take(&t->lock);
    t->loop = NULL;
    t->trace = NULL;
    t->interrupted = true;
    if (t->under_way && t->client)
        mysql_client_interrupt(t->client);
    lock_give(&t->lock);
    talk_unref(t);
    loop_timer_free(s->timer);
    free(s);
}

static void mysql_trace(void *session, struct page_trace *trace)
{
    struct talk *t = ((struct session *)session)->talk;
    WITH_LOCK(&t->lock);

    t->trace = trace;
}

const struct page_source probe_mysql_source = {
    .open = mysql_open, .fetch = mysql_fetch, .close = mysql_close_session, .trace = mysql_trace};
