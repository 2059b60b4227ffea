/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe against a Redis that is played by a table: it answers well, but where a rule says
 * otherwise.
 */
#include "tests/unit/tocsin_cmocka.h"

#include "probes/reply_priv.h"
#include "tests/unit/net/peer.h"
#include "tests/unit/probes/probing.h"

#define TIMEOUT   5000 /* ms: in no good case met */
#define IMPATIENT 200  /* ms: of fetches that end so */

enum then { GO_ON, HANG, CLOSE, FLOOD };

struct rule {
    const char *command; /* how it begins */
    const char *reply;
    enum then then;
    int nth; /* the nth command of this kind, from 1; 0: each */
};

static const char info_text[] = "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:5\r\n"
                                "# Memory\r\nused_memory:1000\r\nmaxmemory:2000\r\n";

static const struct rule well[] = {
    {"AUTH", "+OK\r\n"},
    {"CLIENT", "+OK\r\n"},
    {"CONFIG", "*2\r\n$9\r\nmaxmemory\r\n$4\r\n2000\r\n"},
    {"LATENCY LATEST", "*0\r\n"},
    {"LATENCY HISTOGRAM", "*0\r\n"},
    {"SLOWLOG LEN", ":3\r\n"},
    {"SLOWLOG GET", "*1\r\n*3\r\n:7\r\n:1700000000\r\n:2500\r\n"},
    {"SENTINEL MASTERS", "*1\r\n*6\r\n$4\r\nname\r\n$2\r\nm1\r\n$2\r\nip\r\n$9\r\n192.0.2.1\r\n"
                         "$4\r\nport\r\n$4\r\n6379\r\n"},
    {"SENTINEL CKQUORUM", "-NOQUORUM 1 usable Sentinels\r\n"},
    {"SENTINEL SENTINELS", "*0\r\n"},
    {"SENTINEL SLAVES", "*1\r\n*2\r\n$5\r\nflags\r\n$12\r\nslave,s_down\r\n"},
    {"CLUSTER INFO", "$18\r\ncluster_state:fail\r\n"},
    {"", "-ERR unknown command\r\n"},
};

#define RULES_MAX 6

struct fake {
    struct peer peer;
    struct rule rules[RULES_MAX];
    const char *info;
    struct lock lock;
    struct buf log; /* under lock: "connection:command\n" */
    int met[RULES_MAX];
};

static void log_command(struct fake *f, struct str command)
{
    WITH_LOCK(&f->lock);
    buf_addf(&f->log, "%d:%.*s\n", atomic_load(&f->peer.accepted), STR_ARG(command));
}

static bool was_asked(struct fake *f, const char *line)
{
    WITH_LOCK(&f->lock);
    return str_find(buf_str(&f->log), str_c(line)) < f->log.len;
}

static size_t count_asked(struct fake *f, const char *command)
{
    WITH_LOCK(&f->lock);
    struct str rest = buf_str(&f->log);
    size_t n = 0;

    while (rest.len) {
        struct str line = str_cut(&rest, '\n');

        str_cut(&line, ':');
        n += str_eq_c(line, command);
    }
    return n;
}

static const struct rule *find_rule(struct fake *f, struct str command)
{
    for (size_t i = 0; i < RULES_MAX && f->rules[i].command; i++)
        if (str_has_prefix(command, str_c(f->rules[i].command))) {
            f->met[i]++;
            if (!f->rules[i].nth || f->rules[i].nth == f->met[i])
                return &f->rules[i];
        }
    for (size_t i = 0;; i++)
        if (str_has_prefix(command, str_c(well[i].command)))
            return &well[i];
}

static void flood(int fd)
{
    char bytes[65536];

    memset(bytes, 'x', sizeof bytes - 1);
    bytes[sizeof bytes - 1] = '\0';
    for (size_t i = 0; i < REPLY_BYTES_MAX / sizeof bytes + 2; i++)
        peer_send(fd, bytes);
}

/* False: the connection ends here. */
static bool answer(struct fake *f, int fd, struct str command)
{
    CLEANUP(buf_free) struct buf info = {0};
    const struct rule *r = find_rule(f, command);

    log_command(f, command);
    if (str_has_prefix(command, STR("INFO")) && r->command[0] == '\0') {
        buf_addf(&info, "$%zu\r\n%s\r\n", strlen(f->info), f->info);
        peer_send(fd, info.p);
        return true;
    }
    peer_send(fd, r->reply);
    if (r->then == FLOOD)
        flood(fd);
    if (r->then == HANG)
        peer_sees_end(fd);
    return r->then == GO_ON;
}

static void command_text(const struct redis_reply *words, struct buf *ret)
{
    buf_reset(ret);
    for (size_t i = 0; i < words->n; i++) {
        buf_add_c(ret, i ? " " : "");
        buf_add_str(ret, words->items[i].text);
    }
}

static void serve(int fd, void *arg)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    CLEANUP(reply_reader_freep) struct reply_reader *reader = reply_reader_new(&arena);
    CLEANUP(buf_free) struct buf command = {0};
    const struct redis_reply *words;
    char bytes[4096];
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        reply_reader_feed(reader, str_n(bytes, (size_t)n));
        while (reply_reader_next(reader, &words, NULL) > 0) {
            command_text(words, &command);
            if (!answer(arg, fd, buf_str(&command)))
                return;
        }
    }
}

/* ---- a test's world ------------------------------------------------------------------------ */

struct world {
    struct fake fake;
    struct probing p;
};

static void end(struct world *w)
{
    probing_stop(&w->p);
    peer_stop(&w->fake.peer);
    buf_free(&w->fake.log);
    lock_deinit(&w->fake.lock);
}

static void begin(struct world *w, const struct config_redis *redis, const struct rule *rules)
{
    char address[64];

    *w = (struct world){.fake.info = info_text};
    lock_init(&w->fake.lock);
    for (size_t i = 0; i < RULES_MAX && rules && rules[i].command; i++)
        w->fake.rules[i] = rules[i];
    peer_start(&w->fake.peer, serve, &w->fake);
    snprintf(address, sizeof address, "127.0.0.1:%d", w->fake.peer.port);
    probing_start(&w->p, redis, address);
}

#define RULES(...) ((const struct rule[RULES_MAX]){__VA_ARGS__})
#define REDIS(...) (&(const struct config_redis){.config_metrics = true, __VA_ARGS__})

static int accepted(struct world *w)
{
    return atomic_load(&w->fake.peer.accepted);
}

/* ---- good days ----------------------------------------------------------------------------- */

static void a_redis_is_asked_and_its_page_delivered(void **state)
{
    CLEANUP(end) struct world w;
    double v;

    begin(&w, REDIS(), NULL);
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
    assert_series(&w.p, "redis_memory_used_bytes", 1000);
    assert_series(&w.p, "redis_config_maxmemory", 2000);
    assert_series(&w.p, "redis_slowlog_length", 3);
    assert_series(&w.p, "redis_slowlog_last_id", 7);
    assert_series(&w.p, "redis_last_slow_execution_duration_seconds", 0.0025);
    assert_series(&w.p, "redis_exporter_scrapes_total", 1);
    assert_true(
        page_value(buf_str(&w.p.page), "redis_exporter_last_scrape_connect_time_seconds", &v));
    assert_true(v > 0);
    assert_false(was_asked(&w.fake, "AUTH"));
    assert_true(was_asked(&w.fake, "1:CLIENT SETNAME tocsin\n"));
    assert_false(was_asked(&w.fake, "CLUSTER"));
    assert_false(was_asked(&w.fake, "SENTINEL"));
}

static void one_connection_is_kept_for_all_fetches(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(.password = "p"), NULL);
    for (int i = 1; i <= 3; i++) {
        probing_fetch(&w.p, TIMEOUT);
        assert_up(&w.p);
        assert_series(&w.p, "redis_exporter_scrapes_total", i);
    }
    assert_series(&w.p, "redis_exporter_last_scrape_connect_time_seconds", 0);
    assert_int_equal(accepted(&w), 1);
    assert_int_equal(count_asked(&w.fake, "AUTH p"), 1);
}

static void a_user_logs_in_by_name_and_a_password_alone_as_default(void **state)
{
    static const struct {
        struct config_redis redis;
        const char *command;
    } cases[] = {
        {{.username = "u", .password = "a b\"c"}, "1:AUTH u a b\"c\n"},
        {{.password = "p"}, "1:AUTH p\n"},
        {{.username = "u"}, "1:AUTH u \n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(end) struct world w;

        begin(&w, &cases[i].redis, NULL);
        probing_fetch(&w.p, TIMEOUT);
        assert_up(&w.p);
        assert_true(was_asked(&w.fake, cases[i].command));
    }
}

static void a_cluster_and_a_sentinel_are_asked_what_only_they_know(void **state)
{
    {
        CLEANUP(end) struct world w;

        begin(&w, REDIS(), NULL);
        w.fake.info = "# Cluster\r\ncluster_enabled:1\r\n";
        probing_fetch(&w.p, TIMEOUT);
        assert_up(&w.p);
        assert_series(&w.p, "redis_cluster_state", 0);
        assert_series(&w.p, "redis_db_keys{db=\"db0\"}", 0);
        assert_no_series(&w.p, "redis_db_keys{db=\"db1\"}");
    }
    {
        CLEANUP(end) struct world w;

        begin(&w, REDIS(), NULL);
        w.fake.info = "# Sentinel\r\nsentinel_masters:1\r\n";
        probing_fetch(&w.p, TIMEOUT);
        assert_up(&w.p);
        assert_true(was_asked(&w.fake, "1:SENTINEL SLAVES m1\n"));
        assert_series(&w.p, "redis_sentinel_masters", 1);
        assert_series(&w.p,
                      "redis_sentinel_master_ckquorum_status{master_name=\"m1\","
                      "message=\"NOQUORUM 1 usable Sentinels\"}",
                      0);
        assert_series(&w.p,
                      "redis_sentinel_master_ok_slaves{master_name=\"m1\","
                      "master_address=\"192.0.2.1:6379\"}",
                      0);
        assert_no_series(&w.p, "redis_db_keys");
    }
}

static void a_server_that_knows_no_info_all_is_asked_for_info(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(), RULES({"INFO ALL", "-ERR syntax error\r\n"}));
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
    assert_series(&w.p, "redis_memory_used_bytes", 1000);
    assert_true(was_asked(&w.fake, "1:INFO\n"));
}

static void a_job_may_leave_the_configuration_alone(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, &(const struct config_redis){.config_metrics = false}, NULL);
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
    assert_false(was_asked(&w.fake, "CONFIG"));
    assert_no_series(&w.p, "redis_config_");
}

/* ---- commands that are refused ------------------------------------------------------------- */

static void a_refused_command_costs_only_its_metrics_and_is_not_asked_again_at_once(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(),
          RULES({"CONFIG", "-NOPERM User u has no permissions to run the 'config|get' command\r\n"},
                {"LATENCY", "-ERR unknown command 'LATENCY'\r\n"},
                {"SLOWLOG GET", "-NOPERM no\r\n"}, {"SLOWLOG LEN", "-BUSY script\r\n", .nth = 1}));
    for (int i = 0; i < 2; i++) {
        probing_fetch(&w.p, TIMEOUT);
        assert_up(&w.p);
        assert_series(&w.p, "redis_memory_used_bytes", 1000);
        assert_no_series(&w.p, "redis_config_");
        assert_no_series(&w.p, "redis_latency_");
        assert_no_series(&w.p, "redis_slowlog_last_id");
    }
    assert_series(&w.p, "redis_slowlog_length", 3); /* it was busy, not forbidden */
    assert_int_equal(count_asked(&w.fake, "CONFIG GET *"), 1);
    assert_int_equal(count_asked(&w.fake, "LATENCY LATEST"), 1);
    assert_int_equal(count_asked(&w.fake, "LATENCY HISTOGRAM"), 1);
    assert_int_equal(count_asked(&w.fake, "SLOWLOG GET 1"), 1);
    assert_int_equal(count_asked(&w.fake, "SLOWLOG LEN"), 2);
}

static void what_is_of_another_shape_than_expected_costs_only_its_metrics(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(),
          RULES({"CONFIG", "*3\r\n:1\r\n*0\r\n$9\r\nmaxmemory\r\n"},
                {"LATENCY LATEST", "*2\r\n*1\r\n$1\r\na\r\n:5\r\n"},
                {"LATENCY HISTOGRAM", "*2\r\n$3\r\nget\r\n$-1\r\n"}, {"SLOWLOG LEN", "$1\r\n3\r\n"},
                {"SLOWLOG GET", "*1\r\n*-1\r\n"}));
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
    assert_series(&w.p, "redis_memory_used_bytes", 1000);
    assert_no_series(&w.p, "redis_config_");
    assert_no_series(&w.p, "redis_latency_spike");
    assert_no_series(&w.p, "redis_commands_latencies");
    assert_no_series(&w.p, "redis_slowlog_length");
}

/* ---- bad days ------------------------------------------------------------------------------ */

static void what_is_wrong_is_told_in_its_own_words(void **state)
{
    static const struct {
        struct rule rules[RULES_MAX];
        const char *words;
        dur_ms timeout;
    } cases[] = {
        {{{"AUTH", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"}},
         "WRONGPASS invalid username-password pair or user is disabled.",
         TIMEOUT},
        {{{"CLIENT", "-NOAUTH Authentication required.\r\n"},
          {"INFO", "-NOAUTH Authentication required.\r\n"}},
         "NOAUTH Authentication required.",
         TIMEOUT},
        {{{"INFO", "-NOPERM User u has no permissions to run the 'info' command\r\n"}},
         "NOPERM User u",
         TIMEOUT},
        {{{"INFO", "-LOADING Redis is loading the dataset in memory\r\n"}},
         "LOADING Redis is loading the dataset in memory",
         TIMEOUT},
        {{{"INFO", "-ERR unknown command\r\n"}}, "ERR unknown command", TIMEOUT},
        {{{"INFO", "$0\r\n\r\n"}}, "the answer to INFO is empty", TIMEOUT},
        {{{"INFO", "*1\r\n:5\r\n"}}, "the answer to INFO is empty", TIMEOUT},
        {{{"AUTH", "-DENIED Redis is running in protected mode\r\n", CLOSE}},
         "DENIED Redis is running in protected mode",
         TIMEOUT},
        {{{"AUTH", "", CLOSE}}, "the connection was closed before the answer to AUTH", TIMEOUT},
        {{{"INFO", "$500\r\n# Server\r\nredis_v", CLOSE}},
         "the connection was closed before the answer to INFO ALL",
         TIMEOUT},
        {{{"INFO", "$500\r\n# Server\r\nredis_v", HANG}},
         "no answer to INFO ALL within 200ms",
         IMPATIENT},
        {{{"AUTH", "", HANG}}, "no answer to AUTH within 200ms", IMPATIENT},
        {{{"SLOWLOG LEN", ":", HANG}}, "no answer to SLOWLOG LEN within 200ms", IMPATIENT},
        {{{"AUTH", "HTTP/1.1 400 Bad Request\r\n\r\n", CLOSE}},
         "no answer of a Redis: Protocol error, got \"H\" as reply type byte",
         TIMEOUT},
        {{{"AUTH", "\x15\x03\x01\x02\x03", CLOSE}}, "no answer of a Redis", TIMEOUT},
        {{{"CONFIG", "*100000\r\n", HANG}},
         "an array of 100000 items in a reply, at most 16384 are taken",
         TIMEOUT},
        {{{"CONFIG", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", HANG}},
         "no answer of a Redis: No support for nested multi bulk",
         TIMEOUT},
        {{{"CONFIG", "$2000000000\r\n", FLOOD}},
         "the answers are longer than 8388608 bytes",
         TIMEOUT},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(end) struct world w;
        mono_ns started = clock_mono_ns();

        begin(&w, REDIS(.password = "p"), cases[i].rules);
        probing_fetch(&w.p, cases[i].timeout);
        assert_down(&w.p, cases[i].words);
        assert_true(clock_mono_ns() - started < TIMEOUT * NS_PER_MS);
        assert_int_equal(w.p.times, 1);
    }
}

static void many_large_arrays_in_few_bytes_end_at_the_limit_of_memory(void **state)
{
    CLEANUP(buf_free) struct buf reply = {0}; /* outlives the peer that sends it */
    CLEANUP(end) struct world w;

    buf_add_c(&reply, "*100\r\n");
    for (int i = 0; i < 50; i++) {
        buf_add_c(&reply, "*16384\r\n");
        for (int k = 0; k < 16384; k++)
            buf_add_c(&reply, "$-1\r\n");
    }
    begin(&w, REDIS(), RULES({"CONFIG", reply.p, HANG}));
    probing_fetch(&w.p, TIMEOUT);
    assert_down(&w.p, "replies need more than 33554432 bytes of memory");
}

static void a_target_that_cannot_be_reached_says_at_which_step(void **state)
{
    int port, fd = peer_bind(&port);
    char refused[32], words[128];
    const struct {
        const char *address, *words;
    } cases[] = {
        {refused, words},
        {"/nonexistent/redis.sock", "connect to /nonexistent/redis.sock: No such file"},
        {"no-such-host.invalid:6379", "resolve no-such-host.invalid"},
        {"redis://u:secret@h:6379", "the address holds a user or a password"},
        {"h:70000", "expected a port from 1 to 65535"},
        {"h:", "expected a port from 1 to 65535"},
        {":6379", "expected a host"},
        {"[::1", "expected a ]"},
        {"unix://relative", "expected an absolute path"},
    };

    snprintf(refused, sizeof refused, "127.0.0.1:%d", port);
    snprintf(words, sizeof words, "connect to %s: Connection refused", refused);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(probing_stop) struct probing p;

        probing_start(&p, REDIS(), cases[i].address);
        probing_fetch(&p, TIMEOUT);
        assert_down(&p, cases[i].words);
        assert_null(strstr(p.err.msg, "secret"));
        probing_fetch(&p, TIMEOUT); /* and again */
        assert_down(&p, cases[i].words);
    }
    close(fd);
}

static void a_password_file_that_cannot_be_read_is_named(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(.password_file = "/nonexistent/pw"), NULL);
    probing_fetch(&w.p, TIMEOUT);
    assert_down(&w.p, "/nonexistent/pw");
    assert_int_equal(accepted(&w), 0);
}

static void connecting_has_a_limit_of_its_own(void **state)
{
    CLEANUP(end) struct world w;
    mono_ns started = clock_mono_ns();

    /* The peer waits for a command and says nothing to a TLS greeting. */
    begin(&w, REDIS(.tls.enabled = true, .connect_timeout = IMPATIENT), NULL);
    probing_fetch(&w.p, TIMEOUT);
    assert_down(&w.p, "TLS handshake");
    assert_true(clock_mono_ns() - started < TIMEOUT * NS_PER_MS);
}

static void a_timeout_while_connecting_is_told_as_such(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(.tls.enabled = true), NULL);
    probing_fetch(&w.p, IMPATIENT);
    assert_down(&w.p, ": no answer within 200ms"); /* of connect or handshake, not of a command */
}

/* ---- connections that break ---------------------------------------------------------------- */

static void a_kept_connection_that_is_broken_is_replaced_within_the_fetch(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(.password = "p"), RULES({"INFO", "$500\r\n# Serv", CLOSE, .nth = 2}));
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
    assert_series(&w.p, "redis_memory_used_bytes", 1000);
    assert_int_equal(accepted(&w), 2);
    assert_true(was_asked(&w.fake, "2:AUTH p\n"));
}

static void it_is_replaced_only_once(void **state)
{
    CLEANUP(end) struct world w;

    /* The second rule does not see what the first one took: it meets the third INFO. */
    begin(&w, REDIS(), RULES({"INFO", "", CLOSE, .nth = 2}, {"INFO", "", CLOSE, .nth = 2}));
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
    probing_fetch(&w.p, TIMEOUT);
    assert_down(&w.p, "the connection was closed before the answer to INFO ALL");
    assert_int_equal(accepted(&w), 2);
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
}

static void a_new_connection_that_breaks_is_not_tried_again(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(), RULES({"CLIENT", "", CLOSE, .nth = 1}));
    probing_fetch(&w.p, TIMEOUT);
    assert_down(&w.p, "the connection was closed before the answer to CLIENT SETNAME");
    assert_int_equal(accepted(&w), 1);
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
}

static void after_a_failure_the_next_fetch_has_a_connection_of_its_own(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(), RULES({"INFO", "$5\r\nab", HANG, .nth = 1}));
    probing_fetch(&w.p, IMPATIENT);
    assert_down(&w.p, "no answer to INFO ALL");
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
    assert_int_equal(accepted(&w), 2);
}

static void a_connection_that_says_too_much_is_not_kept(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(), RULES({"SLOWLOG GET", "*0\r\n+what\r\n", .nth = 1}));
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
    probing_fetch(&w.p, TIMEOUT);
    assert_up(&w.p);
    assert_series(&w.p, "redis_memory_used_bytes", 1000);
    assert_int_equal(accepted(&w), 2);
}

/* ---- the session's end --------------------------------------------------------------------- */

static void fail_when_done(struct str page, enum exposition_format format, const struct err *err,
                           void *arg)
{
    fail_msg("a session that was closed delivered a page");
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void a_closed_session_delivers_nothing(void **state)
{
    CLEANUP(end) struct world w;
    struct loop_timer *t;

    begin(&w, REDIS(), RULES({"INFO", "", HANG}));
    probe_redis_source.fetch(w.p.session, IMPATIENT / 4, fail_when_done, NULL);
    t = loop_timer_new(w.p.loop, stop, w.p.loop);
    loop_timer_after(t, IMPATIENT / 8);
    loop_run(w.p.loop);
    probe_redis_source.close(w.p.session);
    w.p.session = NULL;
    loop_timer_after(t, IMPATIENT / 2);
    loop_run(w.p.loop);
    loop_timer_free(t);
}

static void close_when_done(struct str page, enum exposition_format format, const struct err *err,
                            void *arg)
{
    struct world *w = arg;

    probe_redis_source.close(w->p.session);
    w->p.session = NULL;
    assert_true(page.len > 0);
    loop_stop(w->p.loop);
}

static void a_session_may_be_closed_by_who_receives_its_page(void **state)
{
    CLEANUP(end) struct world w;

    begin(&w, REDIS(), NULL);
    probe_redis_source.fetch(w.p.session, TIMEOUT, close_when_done, &w);
    loop_run(w.p.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_redis_is_asked_and_its_page_delivered),
        cmocka_unit_test(one_connection_is_kept_for_all_fetches),
        cmocka_unit_test(a_user_logs_in_by_name_and_a_password_alone_as_default),
        cmocka_unit_test(a_cluster_and_a_sentinel_are_asked_what_only_they_know),
        cmocka_unit_test(a_server_that_knows_no_info_all_is_asked_for_info),
        cmocka_unit_test(a_job_may_leave_the_configuration_alone),
        cmocka_unit_test(a_refused_command_costs_only_its_metrics_and_is_not_asked_again_at_once),
        cmocka_unit_test(what_is_of_another_shape_than_expected_costs_only_its_metrics),
        cmocka_unit_test(what_is_wrong_is_told_in_its_own_words),
        cmocka_unit_test(many_large_arrays_in_few_bytes_end_at_the_limit_of_memory),
        cmocka_unit_test(a_target_that_cannot_be_reached_says_at_which_step),
        cmocka_unit_test(a_password_file_that_cannot_be_read_is_named),
        cmocka_unit_test(connecting_has_a_limit_of_its_own),
        cmocka_unit_test(a_timeout_while_connecting_is_told_as_such),
        cmocka_unit_test(a_kept_connection_that_is_broken_is_replaced_within_the_fetch),
        cmocka_unit_test(it_is_replaced_only_once),
        cmocka_unit_test(a_new_connection_that_breaks_is_not_tried_again),
        cmocka_unit_test(after_a_failure_the_next_fetch_has_a_connection_of_its_own),
        cmocka_unit_test(a_connection_that_says_too_much_is_not_kept),
        cmocka_unit_test(a_closed_session_delivers_nothing),
        cmocka_unit_test(a_session_may_be_closed_by_who_receives_its_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
