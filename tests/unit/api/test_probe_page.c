/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <poll.h>

#include "base/thread.h"
#include "tests/unit/api/site.h"

/* %1$d is the API's own port, %2$d one that takes connections and never says a word. */
#define CONFIG                                                                                     \
    "global: {scrape_interval: 1000d}\n"                                                           \
    "scrape_configs:\n"                                                                            \
    "- job_name: pages\n"                                                                          \
    "- job_name: web\n"                                                                            \
    "  http_check: {valid_status_codes: [404]}\n"                                                  \
    "  static_configs: [{targets: ['127.0.0.1:%1$d/none', 'http://192.0.2.1/']}]\n"                \
    "  relabel_configs: [{source_labels: [__address__], regex: '.*192.*', action: drop}]\n"        \
    "- job_name: http_2xx\n"                                                                       \
    "  http_check: {}\n"                                                                           \
    "  probe_allow: ['127.0.0.1:%1$d-%1$d', '127.0.0.1:%2$d']\n"                                   \
    "- job_name: port\n"                                                                           \
    "  tcp_check: {}\n"                                                                            \
    "  probe_allow: ['127.0.0.0/8:*']\n"                                                           \
    "- job_name: hello\n"                                                                          \
    "  tls_check: {}\n"                                                                            \
    "  probe_allow: ['127.0.0.0/8:*']\n"                                                           \
    "- job_name: redis\n"                                                                          \
    "  redis: {}\n"                                                                                \
    "  probe_allow: ['127.0.0.1:%2$d']\n"                                                          \
    "- job_name: mysql\n"                                                                          \
    "  mysql: {connect_timeout: 1m}\n"                                                             \
    "  probe_allow: ['127.0.0.1:%2$d']\n"

struct place {
    struct site *site;
    int own, silent; /* ports */
    int fd;          /* that listens on silent */
};

static int listen_silently(int *ret_port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(fd, 64) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    *ret_port = ntohs(sa.sin_port);
    return fd;
}

static int set_up(void **state)
{
    struct place *p = mem_zalloc(sizeof *p);
    CLEANUP(mem_freep) char *config = NULL;

    p->fd = listen_silently(&p->silent);
    p->site = site_open("scrape_configs: []\n", NULL);
    p->own = api_port(p->site->api, 0);
    assert_true(asprintf(&config, CONFIG, p->own, p->silent) > 0);
    site_watch(p->site, config);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    site_close(p->site);
    close(p->fd);
    free(p);
    return 0;
}

/* target is a format for both ports. */
static struct reply ask(const struct place *p, const char *target, const char *headers)
{
    CLEANUP(mem_freep) char *url = NULL;

    assert_true(asprintf(&url, target, p->own, p->silent) > 0);
    return site_ask(p->site, "GET", url, headers, STR_NONE);
}

/* What stands in the answer of a request. */
static const struct {
    const char *target; /* %1$d, %2$d: the ports */
    int status;
    const char *words;
} answers[] = {
    {"/probe/http?target=127.0.0.1:%1$d/-/healthy", 200, "\nprobe_success 1\n"},
    {"/probe/http?target=http://127.0.0.1:%1$d/-/healthy", 200, "\nprobe_http_status_code 200\n"},
    {"/probe/tcp?target=127.0.0.1:%1$d", 200, "\nprobe_success 1\n"},
    {"/probe/tls?target=127.0.0.1:%1$d", 200, "probe_failure_info{step=\"tls\""},
    {"/probe?target=127.0.0.1:%1$d/-/healthy", 200, "\nprobe_success 1\n"},
    {"/probe?target=127.0.0.1:%1$d&module=port", 200, "\nprobe_success 1\n"},
    {"/probe?target=127.0.0.1:%1$d&auth_module=port", 200, "\nprobe_success 1\n"},
    /* a target of a job is asked as that job says */
    {"/probe/http?target=127.0.0.1:%1$d/none", 200, "\nprobe_success 1\n"},
    {"/probe/http?target=127.0.0.1:%1$d/none&module=http_2xx", 200, "\nprobe_success 0\n"},
    {"/probe/http?target=127.0.0.1:%1$d/none&module=web", 200, "\nprobe_success 1\n"},
    /* nobody else is */
    {"/probe/http?target=127.0.0.1:%1$d/-/healthy&module=web", 403, "no target of the job web"},
    {"/probe/http?target=http://192.0.2.1/", 403, "\"http://192.0.2.1/\" is not to be asked"},
    {"/probe/http?target=http://127.0.0.1:%1$d@192.0.2.1/", 403, "is not to be asked"},
    {"/probe/http?target=file:///etc/passwd", 403, "is not to be asked"},
    {"/probe/tcp?target=192.0.2.1:%1$d", 403, "is not to be asked"},
    {"/probe/redis?target=127.0.0.1:%1$d", 403, "nor is it in probe_allow there"},
    {"/probe/redis?target=/run/redis.sock", 403, "is not to be asked"},
    {"/scrape?target=127.0.0.1:%1$d", 403, "is not to be asked"},
    /* what is asked for wrongly */
    {"/probe/http?module=web", 400, "the parameter target is missing"},
    {"/probe/http?target=", 400, "the parameter target is missing"},
    {"/probe/http?target=a&module=nope", 400, "Unknown module \"nope\"\n"},
    {"/probe/http?target=a&module=port", 400, "Unknown module \"port\"\n"},
    {"/probe/tls?target=a&module=port", 400, "Unknown module \"port\"\n"},
    {"/probe?target=a&module=pages", 400, "Unknown module \"pages\"\n"},
    {"/probe/gopher?target=a", 404, "expected one of redis, mysql, http, tcp, tls"},
};

static void only_those_are_asked_whom_the_configuration_names(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct reply r = ask(*state, answers[i].target, NULL);

        if (r.status != answers[i].status ||
            str_find(r.body, str_c(answers[i].words)) == r.body.len)
            fail_msg("%s: %d %.*s", answers[i].target, r.status, STR_ARG(r.body));
        reply_free(&r);
    }
}

static const struct {
    const char *accept;
    bool open;
} formats[] = {
    {"", false},
    {"Accept: */*\r\n", false},
    {"Accept: application/openmetrics-text; version=1.0.0\r\n", true},
    {"Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
     "text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n",
     true},
    {"Accept: application/openmetrics-text;q=0.3,text/plain;version=0.0.4;q=0.6\r\n", false},
    {"Accept: application/openmetrics-text;q=0\r\n", false},
    {"Accept: application/openmetrics-texts\r\n", false},
};

static void the_page_has_the_format_that_the_scraper_prefers(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        struct reply r = ask(*state, "/probe/tcp?target=127.0.0.1:%d", formats[i].accept);

        assert_int_equal(r.status, 200);
        assert_int_equal(str_has_suffix(r.body, STR("# EOF\n")), formats[i].open);
        if (!str_eq_c(reply_header(&r, "Content-Type"),
                      formats[i].open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                      : "text/plain; version=0.0.4; charset=utf-8"))
            fail_msg("%s: %.*s", formats[i].accept, STR_ARG(r.headers));
        reply_free(&r);
    }
}

static void a_page_is_only_read(void **state)
{
    struct place *p = *state;
    static const char *const paths[] = {"/probe", "/probe/tcp", "/scrape"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct reply r = site_post(p->site, paths[i], "target=127.0.0.1:1");

        assert_int_equal(r.status, 405);
        reply_free(&r);
    }
}

/* ---- targets that hang --------------------------------------------------------------------- */

/* A request that is sent; its answer is read by end_request(). */
static int begin_request(const struct place *p, const char *path, const char *headers)
{
    CLEANUP(buf_free) struct buf text = {0};
    int fd = site_connect(p->site);

    buf_addf(&text, "GET %s?target=127.0.0.1:%d HTTP/1.1\r\nHost: t\r\nConnection: close\r\n%s\r\n",
             path, p->silent, headers);
    site_send_all(fd, buf_str(&text));
    return fd;
}

static bool is_answered(int fd, int ms)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return poll(&one, 1, ms) == 1;
}

static void end_request(int fd, struct buf *answer)
{
    ssize_t n;

    buf_reset(answer);
    while ((n = recv(fd, buf_room(answer, 65536), 65536, 0)) > 0)
        answer->len += (size_t)n;
    buf_add_byte(answer, '\0');
    close(fd);
}

static void the_scrapers_timeout_ends_a_probe_that_hangs(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *path, *words;
    } kinds[] = {{"/probe/http", "\nprobe_success 0\n"},
                 {"/probe/redis", "\nredis_up 0\n"},
                 {"/probe/mysql", "\nmysql_up 0\n"},
                 {"/probe/tls", "\nprobe_success 0\n"}};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CLEANUP(buf_free) struct buf answer = {0};
        mono_ns began = clock_mono_ns();

        end_request(begin_request(p, kinds[i].path, "X-Prometheus-Scrape-Timeout-Seconds: 0.6\r\n"),
                    &answer);
        if (!strstr(answer.p, " 200 OK") || !strstr(answer.p, kinds[i].words))
            fail_msg("%s: %s", kinds[i].path, answer.p);
        assert_true(clock_mono_ns() - began < 5 * NS_PER_S);
        assert_true(clock_mono_ns() - began > 250 * NS_PER_MS);
    }
}

/* More than there are workers, and one more than a kind may ask at a time. */
static void many_that_hang_hold_nobody_else(void **state)
{
    struct place *p = *state;
    int fds[17], hung = 0, refused = 0;
    CLEANUP(buf_free) struct buf answer = {0};
    struct reply r;

    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = begin_request(p, "/probe/mysql", "X-Prometheus-Scrape-Timeout-Seconds: 2\r\n");
    r = ask(p, "/probe/tcp?target=127.0.0.1:%d", NULL);
    assert_int_equal(r.status, 200);
    reply_free(&r);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        end_request(fds[i], &answer);
        hung += strstr(answer.p, "\nmysql_up 0\n") != NULL;
        refused += strstr(answer.p, " 503 ") && strstr(answer.p, "16 of them of kind mysql");
    }
    assert_int_equal(hung, 16);
    assert_int_equal(refused, 1);
    r = ask(p, "/probe/mysql?target=127.0.0.1:%2$d",
            "X-Prometheus-Scrape-Timeout-Seconds: 0.2\r\n");
    assert_int_equal(r.status, 200); /* there is room again */
    reply_free(&r);
}

static void a_stop_answers_what_hangs(void **state)
{
    struct place *p = *state;
    CLEANUP(buf_free) struct buf answer = {0};
    int fd = begin_request(p, "/probe/redis", "");
    mono_ns began;

    assert_false(is_answered(fd, 200));
    began = clock_mono_ns();
    api_stop(TAKE(p->site->api));
    assert_true(clock_mono_ns() - began < 2 * NS_PER_S);
    end_request(fd, &answer);
    if (!strstr(answer.p, " 503 ") || !strstr(answer.p, "the server stops"))
        fail_msg("%s", answer.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_those_are_asked_whom_the_configuration_names),
        cmocka_unit_test(the_page_has_the_format_that_the_scraper_prefers),
        cmocka_unit_test(a_page_is_only_read),
        cmocka_unit_test(the_scrapers_timeout_ends_a_probe_that_hangs),
        cmocka_unit_test(many_that_hang_hold_nobody_else),
        cmocka_unit_test(a_stop_answers_what_hangs), /* last: there is no API afterwards */
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
