/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_probe - one connection to one Redis, asked again and again
 *
 * A fetch goes in rounds. Each round sends several commands at once and ends when all of them are
 * answered; then `next` says what follows:
 *
 *     greet      on a new connection: AUTH, CLIENT SETNAME
 *     ask        INFO ALL and what every Redis knows
 *     ask_more   INFO, when INFO ALL is not known; what only a cluster or a Sentinel knows
 *     ask_about_masters  of a Sentinel
 *     succeed
 *
 * Whatever goes wrong ends in fail(), and that closes the connection: answers to this fetch must
 * not be met by the next one. A kept connection that turns out to be broken is replaced once.
 *
 * The page is delivered from the timer, in a stack of its own, as the last thing that happens: the
 * receiver may close the session.
 */
#include "probes/probes.h"

#include <errno.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/selfmetrics.h"
#include "net/stream.h"
#include "probes/address_priv.h"
#include "probes/redis_info_priv.h"
#include "probes/reply_priv.h"

#define WORDS_MAX   5  /* of a command */
#define MASTERS_MAX 64 /* of one Sentinel that are asked about one by one */
#define WAITING_MAX (3 * MASTERS_MAX)

/* A command that was refused (by an ACL, or because it is not known) rests for so long. Asked each
 * time it would fill the server's ACL log and error counts, which are watched too. */
#define REFUSED_REST_NS (300 * NS_PER_S)

SELFMETRIC(left_out, METRIC_COUNTER, "tocsin_probe_samples_left_out_total", NULL,
           "Samples of native probes that were left out because a page had too many.");

enum command {
    AUTH,
    SETNAME,
    INFO_ALL,
    INFO,
    CONFIG_GET, /* from here on: optional, a refusal costs only its metrics */
    LATENCY_LATEST,
    LATENCY_HISTOGRAM,
    SLOWLOG_LEN,
    SLOWLOG_GET,
    CLUSTER_INFO,
    SENTINEL_MASTERS,
    COMMANDS,
};

static const char *const commands[COMMANDS] = {
    [AUTH] = "AUTH",
    [SETNAME] = "CLIENT SETNAME tocsin",
    [INFO_ALL] = "INFO ALL",
    [INFO] = "INFO",
    [CONFIG_GET] = "CONFIG GET *",
    [LATENCY_LATEST] = "LATENCY LATEST",
    [LATENCY_HISTOGRAM] = "LATENCY HISTOGRAM",
    [SLOWLOG_LEN] = "SLOWLOG LEN",
    [SLOWLOG_GET] = "SLOWLOG GET 1",
    [CLUSTER_INFO] = "CLUSTER INFO",
    [SENTINEL_MASTERS] = "SENTINEL MASTERS",
};

struct waiting {
    const char *words;
    const struct redis_reply **answer; /* where it goes */
};

struct session {
    struct loop *loop;
    const struct target *target;
    struct server_address address;
    struct err bad_address;
    struct loop_timer *timer;
    struct page_trace *trace;  /* or NULL */
    mono_ns refused[COMMANDS]; /* when; 0: it was not */
    uint64_t times;
    double times_seconds;

    /* the connection, or NULL */
    struct stream *stream;
    struct reply_reader *reader;

    /* the fetch under way */
    page_done *done; /* NULL: there is none */
    void *arg;
    dur_ms timeout;
    mono_ns started;
    double connect_seconds;
    bool kept;       /* the connection is from an earlier fetch */
    bool opened;     /* the connection stands, TLS included */
    bool connecting; /* until greeted */
    bool finished;   /* the timer delivers: the page, or err when it is set */
    struct err err;
    struct arena arena; /* of replies */
    size_t received;    /* bytes */
    void (*next)(struct session *s);
    struct waiting waiting[WAITING_MAX];
    size_t n_waiting, n_answered;
    const struct redis_reply *answers[COMMANDS];
    struct redis_sentinel_replies masters[MASTERS_MAX];
    size_t n_masters;
    const struct redis_reply *last_error;
};

/* ---- ends of a fetch ----------------------------------------------------------------------- */

static double seconds_since(mono_ns t)
{
    return (double)(clock_mono_ns() - t) / 1e9;
}

static void disconnect(struct session *s)
{
    stream_free(TAKE(s->stream));
    reply_reader_free(TAKE(s->reader));
}

static void finish(struct session *s)
{
    s->finished = true;
    loop_timer_after(s->timer, 0);
}

static void fail(struct session *s, const struct err *why)
{
    if (!s->opened)
        page_trace_add(s->trace, "connect", why->msg);
    else if (s->n_answered < s->n_waiting)
        page_trace_add(s->trace, s->waiting[s->n_answered].words, why->msg);
    disconnect(s);
    if (s->connecting)
        s->connect_seconds = seconds_since(s->started);
    s->err = *why;
    finish(s);
}

/* The step that a refusal belongs to was told when its answer came, as all answers are. */
static void fail_by_reply(struct session *s, enum command c)
{
    const struct redis_reply *r = s->answers[c];
    struct err err = {0};

    err_set(&err, -EPROTO, STR_FMT, STR_ARG(r->text));
    fail(s, &err);
}

/* ---- questions and answers ----------------------------------------------------------------- */

/* `words` are parted by blanks; `more` words may hold anything. */
static void transmit(struct session *s, const char *words, const struct str *more, size_t n_more,
                     const struct redis_reply **answer)
{
    const char *argv[WORDS_MAX];
    size_t lens[WORDS_MAX];
    int argc = 0, len;
    struct str rest = str_c(words);
    char *bytes;

    while (rest.len || n_more) {
        struct str word = rest.len ? str_cut(&rest, ' ') : (n_more--, *more++);

        must(argc < WORDS_MAX);
        argv[argc] = word.p;
        lens[argc++] = word.len;
    }
    len = redisFormatCommandArgv(&bytes, argc, argv, lens);
    if (len < 0)
        abort(); /* out of memory, as in base/mem.h */
    stream_write(s->stream, str_n(bytes, (size_t)len));
    redisFreeCommand(bytes);
    must(s->n_waiting < WAITING_MAX);
    s->waiting[s->n_waiting++] = (struct waiting){words, answer};
}

static void send_command(struct session *s, enum command c)
{
    transmit(s, commands[c], NULL, 0, &s->answers[c]);
}

static void send_optional(struct session *s, enum command c)
{
    if (!s->refused[c] || clock_mono_ns() - s->refused[c] >= REFUSED_REST_NS)
        send_command(s, c);
}

static bool is_refusal(const struct redis_reply *r)
{
    return reply_is(r, REPLY_ERROR) &&
           (str_has_prefix(r->text, STR("NOPERM")) || str_has_prefix(r->text, STR("ERR")));
}

static void note_refusals(struct session *s)
{
    for (int c = CONFIG_GET; c < COMMANDS; c++)
        if (s->answers[c])
            s->refused[c] = is_refusal(s->answers[c]) ? clock_mono_ns() : 0;
}

/* ---- rounds -------------------------------------------------------------------------------- */

static void run_rounds(struct session *s)
{
    while (!s->finished && s->n_answered == s->n_waiting) {
        s->n_waiting = s->n_answered = 0;
        s->next(s);
    }
}

static struct str info_of(const struct session *s)
{
    struct str all = reply_text(s->answers[INFO_ALL]);

    return all.len ? all : reply_text(s->answers[INFO]);
}

static void succeed(struct session *s)
{
    s->err = (struct err){0};
    finish(s);
}

static void ask_about_masters(struct session *s)
{
    const struct redis_reply *master;

    s->next = succeed;
    for (; s->n_masters < MASTERS_MAX; s->n_masters++) {
        struct redis_sentinel_replies *about = &s->masters[s->n_masters];
        struct str name;

        master = reply_at(s->answers[SENTINEL_MASTERS], s->n_masters);
        name = reply_text(reply_at(master, 1)); /* "name", name, "ip", ip ... */
        if (!name.len)
            return;
        transmit(s, "SENTINEL CKQUORUM", &name, 1, &about->ckquorum);
        transmit(s, "SENTINEL SENTINELS", &name, 1, &about->sentinels);
        transmit(s, "SENTINEL SLAVES", &name, 1, &about->slaves);
    }
}

/* INFO ALL is new to some servers and proxies; what else it may be refused for holds for INFO too. */
static bool try_plain_info(struct session *s)
{
    const struct redis_reply *all = s->answers[INFO_ALL];

    return !s->answers[INFO] &&
           (!reply_is(all, REPLY_ERROR) || str_has_prefix(all->text, STR("ERR")));
}

static void ask_more(struct session *s)
{
    enum command last = s->answers[INFO] ? INFO : INFO_ALL;
    struct str info = info_of(s);
    struct err err = {0};

    if (info.len) {
        s->next = ask_about_masters;
        if (redis_info_is_cluster(info))
            send_optional(s, CLUSTER_INFO);
        if (redis_info_is_sentinel(info))
            send_optional(s, SENTINEL_MASTERS);
    } else if (try_plain_info(s)) {
        send_command(s, INFO);
    } else if (reply_is(s->answers[last], REPLY_ERROR)) {
        fail_by_reply(s, last);
    } else {
        err_set(&err, -EPROTO, "the answer to INFO is empty");
        fail(s, &err);
    }
}

static void ask(struct session *s)
{
    s->next = ask_more;
    send_command(s, INFO_ALL);
    if (s->target->job->redis.config_metrics)
        send_optional(s, CONFIG_GET);
    send_optional(s, LATENCY_LATEST);
    send_optional(s, LATENCY_HISTOGRAM);
    send_optional(s, SLOWLOG_LEN);
    send_optional(s, SLOWLOG_GET);
}

static void greeted(struct session *s)
{
    s->connecting = false;
    s->connect_seconds = seconds_since(s->started);
    if (reply_is(s->answers[AUTH], REPLY_ERROR))
        fail_by_reply(s, AUTH);
    else
        ask(s);
}

static void greet(struct session *s, struct str password)
{
    const char *username = s->target->job->redis.username;
    const struct str words[] = {str_c(username), password};

    if (username)
        transmit(s, commands[AUTH], words, 2, &s->answers[AUTH]);
    else if (password.len)
        transmit(s, commands[AUTH], &password, 1, &s->answers[AUTH]);
    send_command(s, SETNAME);
    s->next = greeted;
}

/* ---- the connection ------------------------------------------------------------------------ */

static void connect_anew(struct session *s);

static bool is_under_way(const struct session *s)
{
    return s->done && !s->finished;
}

static const char *what_is_awaited(const struct session *s)
{
    return s->n_answered < s->n_waiting ? s->waiting[s->n_answered].words : "nothing";
}

static void trace_reply(struct session *s, const char *words, const struct redis_reply *r)
{
    CLEANUP(buf_free) struct buf why = {0};

    if (s->trace && r->type == REPLY_ERROR)
        buf_add_str(&why, r->text);
    page_trace_add(s->trace, words, why.len ? why.p : "");
}

static void take_reply(struct session *s, const struct redis_reply *r)
{
    const struct waiting *w = &s->waiting[s->n_answered++];

    trace_reply(s, w->words, r);
    *w->answer = r;
    if (r->type == REPLY_ERROR)
        s->last_error = r;
    run_rounds(s);
}

static void take_replies(struct session *s)
{
    const struct redis_reply *reply;
    struct err err = {0};
    int r = 0;

    if (s->received > REPLY_BYTES_MAX)
        r = err_set(&err, -E2BIG, "the answers are longer than %zu bytes", REPLY_BYTES_MAX);
    while (r >= 0 && is_under_way(s) && (r = reply_reader_next(s->reader, &reply, &err)) > 0)
        take_reply(s, reply);
    if (r < 0)
        fail(s, &err);
}

static void on_data(struct stream *stream, void *arg)
{
    struct session *s = arg;
    struct str bytes = stream_input(stream);

    if (!is_under_way(s)) {
        disconnect(s); /* it says what nobody asked for */
        return;
    }
    s->received += bytes.len;
    reply_reader_feed(s->reader, bytes);
    stream_consume(stream, bytes.len);
    take_replies(s);
    if (s->finished && s->reader && !reply_reader_is_empty(s->reader))
        disconnect(s);
}

/* A server that turns a client away says why before it closes. */
static void explain_end(const struct session *s, const struct err *end, struct err *ret)
{
    if (end->code)
        *ret = *end;
    else if (s->last_error)
        err_set(ret, -ECONNRESET, STR_FMT, STR_ARG(s->last_error->text));
    else
        err_set(ret, -ECONNRESET, "the connection was closed before the answer to %s",
                what_is_awaited(s));
}

static void on_closed(struct stream *stream, const struct err *end, void *arg)
{
    struct session *s = arg;
    struct err why = {0};

    if (is_under_way(s) && s->kept) {
        disconnect(s);
        connect_anew(s);
    } else if (is_under_way(s)) {
        explain_end(s, end, &why);
        fail(s, &why);
    } else {
        disconnect(s);
    }
}

static void on_open(struct stream *stream, void *arg)
{
    struct session *s = arg;

    s->opened = true;
    page_trace_add(s->trace, "connect", "");
}

static void forget_replies(struct session *s)
{
    arena_deinit(&s->arena);
    memset(s->answers, 0, sizeof s->answers);
    memset(s->masters, 0, sizeof s->masters);
    s->n_masters = s->n_waiting = s->n_answered = s->received = 0;
    s->last_error = NULL;
}

static void open_stream(struct session *s)
{
    static const struct stream_events events = {on_open, on_data, on_closed};
    const struct config_redis *c = &s->target->job->redis;
    dur_ms limit = c->connect_timeout;
    struct stream_options o = {
        .host = s->address.host,
        .port = s->address.port,
        .unix_path = s->address.unix_path,
        .tls = c->tls,
        .connect_timeout = limit && limit < s->timeout ? limit : s->timeout,
    };

    o.tls.enabled = c->tls.enabled || s->address.tls;
    s->reader = reply_reader_new(&s->arena);
    s->stream = stream_open(s->loop, &o, &events, s);
}

/* The password is read anew for every connection: it may have been rotated. */
static void connect_anew(struct session *s)
{
    const struct config_redis *c = &s->target->job->redis;
    CLEANUP(buf_free) struct buf password = {0};
    struct err err = s->bad_address;

    s->kept = s->opened = false;
    s->connecting = true;
    forget_replies(s);
    if (err.code == 0)
        secret_read(c->password, c->password_file, &password, &err);
    if (err.code) {
        fail(s, &err);
        return;
    }
    open_stream(s);
    greet(s, buf_str(&password));
}

/* ---- the session --------------------------------------------------------------------------- */

static struct redis_replies replies_of(const struct session *s)
{
    return (struct redis_replies){
        .info = info_of(s),
        .cluster_info = reply_text(s->answers[CLUSTER_INFO]),
        .config = s->answers[CONFIG_GET],
        .latency_latest = s->answers[LATENCY_LATEST],
        .latency_histogram = s->answers[LATENCY_HISTOGRAM],
        .slowlog_len = s->answers[SLOWLOG_LEN],
        .slowlog_get = s->answers[SLOWLOG_GET],
        .sentinel_masters = s->answers[SENTINEL_MASTERS],
        .masters = s->masters,
        .n_masters = s->n_masters,
        .now = clock_unix_ms(),
        .connect_seconds = s->connect_seconds,
        .total_seconds = seconds_since(s->started),
        .times = s->times,
        .times_seconds = s->times_seconds + seconds_since(s->started),
        .error = s->err.code ? s->err.msg : NULL,
    };
}

static void deliver(struct session *s)
{
    CLEANUP(buf_free) struct buf page = {0};
    struct redis_replies r = replies_of(s);
    struct err err = s->err;
    page_done *done = TAKE(s->done);

    s->times_seconds = r.times_seconds;
    selfmetric_add(&left_out, (int64_t)redis_page(&r, &page));
    note_refusals(s);
    forget_replies(s);
    done(buf_str(&page), EXPOSITION_TEXT, err.code ? &err : NULL, s->arg);
}

static void on_timer(void *arg)
{
    struct session *s = arg;
    CLEANUP(buf_free) struct buf limit = {0};
    struct err err = {0};

    if (!s->finished) {
        duration_print(s->timeout, &limit);
        if (s->opened)
            err_set(&err, -ETIMEDOUT, "no answer to %s within %s", what_is_awaited(s), limit.p);
        else
            err_set(&err, -ETIMEDOUT, "connect to %s: no answer within %s", s->target->address,
                    limit.p);
        fail(s, &err);
    }
    loop_timer_cancel(s->timer);
    deliver(s);
}

static void *redis_open(struct loop *l, const struct target *t)
{
    struct session *s = mem_zalloc(sizeof *s);

    s->loop = l;
    s->target = t;
    s->timer = loop_timer_new(l, on_timer, s);
    arena_init(&s->arena, REPLY_MEMORY_MAX);
    server_address_parse(SERVER_REDIS, str_c(t->address), &s->address, &s->bad_address);
    return s;
}

static void redis_fetch(void *session, dur_ms timeout, page_done *done, void *arg)
{
    struct session *s = session;

    must(!s->done);
    s->done = done;
    s->arg = arg;
    s->timeout = timeout;
    s->started = clock_mono_ns();
    if (s->trace)
        *s->trace = (struct page_trace){.last = s->started};
    s->finished = false;
    s->err = (struct err){0};
    s->connect_seconds = 0;
    s->times++;
    loop_timer_after(s->timer, timeout);
    s->kept = s->stream != NULL;
    if (s->kept)
        ask(s);
    else
        connect_anew(s);
}

static void redis_close(void *session)
{
    struct session *s = session;

    disconnect(s);
    loop_timer_free(s->timer);
    arena_deinit(&s->arena);
    server_address_deinit(&s->address);
    free(s);
}

static void redis_trace(void *session, struct page_trace *t)
{
    ((struct session *)session)->trace = t;
}

const struct page_source probe_redis_source = {
    .open = redis_open, .fetch = redis_fetch, .close = redis_close, .trace = redis_trace};
