/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "tests/unit/targets/discovery.h"

/* ---- who is asked -------------------------------------------------------------------------- */

static struct {
    struct http_server *server;
    struct lock lock;
    /* under lock */
    int status, asked;
    const char *content_type, *body;
    char *seen; /* what the last request said of itself */
} site = {.lock = LOCK_INIT};

static void answer(struct http_exchange *x, void *arg)
{
    struct buf body = {0}, seen = {0};

    WITH_LOCK(&site.lock);
    buf_addf(&seen, "%.*s %.*s %.*s", STR_ARG(http_method(x)), STR_ARG(http_header_in(x, "Accept")),
             STR_ARG(http_header_in(x, "X-Prometheus-Refresh-Interval-Seconds")));
    free(site.seen);
    site.seen = buf_take(&seen);
    site.asked++;
    buf_add_c(&body, site.body);
    http_reply(x, site.status, site.content_type, &body);
}

static void answers(int status, const char *content_type, const char *body)
{
    WITH_LOCK(&site.lock);
    site.status = status;
    site.content_type = content_type;
    site.body = body;
}

static void answers_json(const char *body)
{
    answers(200, "application/json", body);
}

static int times_asked(void)
{
    WITH_LOCK(&site.lock);
    return site.asked;
}

static int start_site(void **state)
{
    return serve(answer, 2, &site.server);
}

static int stop_site(void **state)
{
    http_server_stop(site.server);
    free(site.seen);
    return 0;
}

/* One job with `more` in its http_sd_config. */
static const char *job(const char *more)
{
    static char text[512];

    snprintf(text, sizeof text,
             "scrape_configs:\n- job_name: a\n  http_sd_configs:\n"
             "  - {url: 'http://127.0.0.1:%d/sd?x=1', %s}\n",
             http_server_port(site.server, 0), more);
    return text;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void targets_come_from_a_url_with_its_labels(void **state)
{
    struct world w;
    struct target_list *l;
    char url[64];

    answers(200, "Application/JSON; charset=utf-8",
            "[{\"targets\": [\"192.0.2.1:80\", \"192.0.2.2:80\"], \"labels\": {\"rack\": \"7\"}},\n"
            " {\"targets\": [\"192.0.2.3:80\"]}]");
    world_begin(&w, job("refresh_interval: 90s500ms"));
    wait_for_addresses(&w, "192.0.2.1:80 192.0.2.2:80 192.0.2.3:80 ");
    assert_int_equal(w.lists, 1);
    assert_string_equal(site.seen, "GET application/json 90.5");
    l = targets_list(w.targets);
    assert_labels(l->targets[1].labels, "{instance=\"192.0.2.2:80\", job=\"a\", rack=\"7\"}");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/sd?x=1", http_server_port(site.server, 0));
    assert_true(str_eq_c(label_set_get(l->targets[2].discovered, STR("__meta_url")), url));
    target_list_unref(l);
    world_end(&w);
}

static void what_changes_is_taken_over_and_what_fails_takes_no_target_away(void **state)
{
    static const struct {
        int status;
        const char *content_type, *body, *words;
    } bad[] = {
        {500, "application/json", "[]", "server returned HTTP status 500, expected 200"},
        {200, "text/html", "[]", "unsupported content type \"text/html\""},
        {200, "application/json", "{\"targets\": []}", "expected a list of target groups"},
        {200, "application/json", "[{\"targets\": [\"192.0.2.9:80\"]", "answer:1:"},
    };
    struct world w;

    answers_json("[{\"targets\": [\"192.0.2.1:80\"]}]");
    world_begin(&w, job("refresh_interval: 20ms"));
    wait_for_addresses(&w, "192.0.2.1:80 ");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        answers(bad[i].status, bad[i].content_type, bad[i].body);
        wait_for_complaint(&w, bad[i].words);
        assert_has(w.complaints.p, "test.yml:4: http_sd_configs: ");
        assert_true(has_addresses(&w, "192.0.2.1:80 "));
    }
    answers_json("[{\"targets\": [\"192.0.2.2:80\"]}]");
    wait_for_addresses(&w, "192.0.2.2:80 ");
    answers_json("[]");
    wait_for_addresses(&w, "");
    world_end(&w);
}

static bool is_asked_so_often(struct world *w, void *times)
{
    return times_asked() >= *(int *)times;
}

static void a_failure_is_told_once_and_the_same_answer_makes_no_new_list(void **state)
{
    struct world w;
    int more = times_asked() + 5;

    answers(404, "text/plain", "");
    world_begin(&w, job("refresh_interval: 20ms"));
    assert_true(world_runs_until(&w, is_asked_so_often, &more));
    assert_string_equal(strstr(w.complaints.p, "404"),
                        "404, expected 200; the targets that it found stay\n");
    answers_json("[{\"targets\": [\"192.0.2.1:80\"]}]");
    wait_for_addresses(&w, "192.0.2.1:80 ");
    more = times_asked() + 70; /* longer than a new list would take */
    assert_true(world_runs_until(&w, is_asked_so_often, &more));
    assert_int_equal(w.lists, 1);
    world_end(&w);
}

static void a_reload_keeps_what_is_asked_for_alike_and_ends_the_rest(void **state)
{
    CLEANUP(buf_free) struct buf two = {0};
    struct world w;
    int asked;

    answers_json("[{\"targets\": [\"192.0.2.1:80\"]}]");
    world_begin(&w, job("refresh_interval: 1h"));
    wait_for_addresses(&w, "192.0.2.1:80 ");
    asked = times_asked();
    buf_addf(&two, "%s  scrape_interval: 5s\n%s", job("refresh_interval: 1h"),
             strstr(job("refresh_interval: 1h"), "-"));
    buf_addf(&two, "  static_configs: [{targets: ['192.0.2.9:80']}]\n");
    memcpy(strstr(two.p + 60, "job_name: a") + strlen("job_name: "), "b", 1);
    world_reconfigure(&w, two.p);
    assert_true(has_addresses(&w, "192.0.2.1:80 192.0.2.9:80 192.0.2.1:80 "));
    assert_int_equal(times_asked(), asked);
    world_reconfigure(&w, "scrape_configs: [{job_name: a}]\n");
    assert_true(has_addresses(&w, ""));
    world_end(&w);
}

static void an_end_while_an_answer_is_awaited_leaves_nothing_behind(void **state)
{
    struct world w;

    answers_json("[]");
    world_begin(&w, job("refresh_interval: 1h"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_come_from_a_url_with_its_labels),
        cmocka_unit_test(what_changes_is_taken_over_and_what_fails_takes_no_target_away),
        cmocka_unit_test(a_failure_is_told_once_and_the_same_answer_makes_no_new_list),
        cmocka_unit_test(a_reload_keeps_what_is_asked_for_alike_and_ends_the_rest),
        cmocka_unit_test(an_end_while_an_answer_is_awaited_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
