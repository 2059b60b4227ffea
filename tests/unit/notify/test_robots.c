/* SPDX-License-Identifier: Apache-2.0 */
/* Robots of chat groups: signatures, bodies, limits, answers that say 200 and mean no. */
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/notify/far_end.h"

/* ---- what is sent */

static void dingtalk_signs_in_the_url(void **state)
{
    struct fixture f;

    begin(&f,
          ROUTE "  dingtalk_configs: [{webhook_url: 'http://d/robot/send?access_token=T', secret: "
                "SEC000000000000000000000, at_mobiles: ['13800000000'], keyword: 站点}]\n",
          "{\"errcode\":0,\"errmsg\":\"ok\"}");
    put(&f, CHANNEL_DINGTALK, 1, 0, "内存超过 200MB", "g");
    notify_tick(f.n, T0);
    assert_string_equal(f.url, "http://d/robot/send?access_token=T&timestamp=1770192688817&sign="
                               "mqA2TD09jJprWo4LOmsq2WP%2FhUSfuqfrdfbO3l7cReI%3D");
    assert_text(f.body, "msgtype", "markdown");
    assert_text(f.body, "markdown.title", "【告警】RedisMemory");
    assert_text(f.body, "markdown.text",
                "### 【告警】RedisMemory\n\n**告警：RedisMemory** (critical)");
    assert_text(f.body, "markdown.text",
                "> 对象：instance=redis-0  \n> 内容：内存超过 200MB  \n> 处理：扩容");
    assert_text(f.body, "markdown.text", "[查看](http://tocsin/graph)");
    assert_text(f.body, "markdown.text", "\n站点");
    assert_text(f.body, "markdown.text", "\n@13800000000");
    assert_text(f.body, "at.atMobiles.0", "13800000000");
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 0);
    end(&f);
}

static void feishu_signs_in_the_body_and_colours_its_card(void **state)
{
    static const struct {
        int firing, resolved;
        const char *colour;
    } cases[] = {{1, 0, "red"}, {0, 2, "green"}, {1, 1, "orange"}};
    struct fixture f;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(&f,
              ROUTE "  feishu_configs: [{webhook_url: 'http://f/hook/T', secret: k3yS3cret, "
                    "language: en, at_all: yes}]\n",
              "{\"code\":0,\"msg\":\"success\"}");
        put(&f, CHANNEL_FEISHU, cases[i].firing, cases[i].resolved, "m", "g");
        notify_tick(f.n, T0);
        assert_text(f.body, "timestamp", "1770192688");
        assert_text(f.body, "sign", "Y+eB2K9SUQ/FVQSF+7VDTJmamls1BUGxVBnOvzRYvWA=");
        assert_text(f.body, "card.header.template", cases[i].colour);
        assert_text(f.body, "card.elements.0.content", "<at id=all></at>");
        end(&f);
    }
}

static void wecom_takes_text_and_markdown(void **state)
{
    struct fixture f;

    begin(&f,
          ROUTE "  wecom_robot_configs: [{webhook_url: 'http://w/send?key=K', at_users: [li]}]\n",
          "{\"errcode\":0}");
    put(&f, CHANNEL_WECOM_ROBOT, 0, 1, "m", "g");
    notify_tick(f.n, T0);
    assert_text(f.body, "markdown.content", "## 【恢复】RedisMemory\n**已恢复：RedisMemory**");
    assert_text(f.body, "markdown.content", "<@li>");
    end(&f);
    begin(&f,
          ROUTE "  wecom_robot_configs: [{webhook_url: 'http://w/send?key=K', message_type: text, "
                "at_all: yes, at_mobiles: ['1']}]\n",
          "{\"errcode\":0}");
    put(&f, CHANNEL_WECOM_ROBOT, 2, 0, "m", "g");
    notify_tick(f.n, T0);
    assert_text(f.body, "text.content",
                "【告警】RedisMemory（2 条）\n告警：RedisMemory (critical)\n");
    assert_text(f.body, "text.mentioned_list.0", "@all");
    assert_text(f.body, "text.mentioned_mobile_list.0", "1");
    end(&f);
}

static void what_does_not_fit_is_counted_and_no_character_is_cut(void **state)
{
    char long_message[9000];
    struct fixture f;
    char *text;

    begin(&f, ROUTE "  wecom_robot_configs: [{webhook_url: 'http://w/?key=K'}]\n",
          "{\"errcode\":0}");
    put(&f, CHANNEL_WECOM_ROBOT, 150, 0, "内存超过限制", "many");
    notify_tick(f.n, T0);
    text = text_at(f.body, "markdown.content");
    assert_true(strlen(text) <= 4096 && strlen(text) > 2000);
    assert_true(str_is_utf8(str_c(text)));
    assert_non_null(strstr(text, "……另有 1"));
    assert_non_null(strstr(text, "（150 条）"));
    free(text);

    for (size_t i = 0; i + 3 < sizeof long_message; i += 3)
        memcpy(long_message + i, "存", 4);
    put(&f, CHANNEL_WECOM_ROBOT, 1, 0, long_message, "long");
    notify_tick(f.n, T0);
    text = text_at(f.body, "markdown.content");
    assert_true(strlen(text) <= 4096 && strlen(text) > 3900);
    assert_true(str_is_utf8(str_c(text)));
    assert_non_null(strstr(text, "…"));
    free(text);
    end(&f);
}

static void a_broken_template_spoils_its_own_message_only(void **state)
{
    struct fixture f;

    begin(&f,
          ROUTE "  dingtalk_configs: [{webhook_url: 'http://d/', title: '{{ .Status | toUpper }}', "
                "message: 'x {{ .NoSuch.Thing }}'}]\n",
          "{\"errcode\":0}");
    put(&f, CHANNEL_DINGTALK, 1, 0, "m", "g");
    notify_tick(f.n, T0);
    assert_text(f.body, "markdown.title", "FIRING");
    assert_text(f.body, "markdown.text", "**告警：RedisMemory**");
    assert_text(f.body, "markdown.text", "NoSuch");
    end(&f);
}

static void own_templates_come_from_files(void **state)
{
    CLEANUP(buf_free) struct buf yaml = {0};
    char path[] = "/tmp/tocsin-robots-XXXXXX";
    struct config *broken = NULL;
    struct err err = {0};
    struct fixture f;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(
        file_write_atomic(
            path, STR("{{ define \"mine\" }}{{ len .Alerts }} of {{ .Receiver }}{{ end }}"), NULL),
        0);
    buf_addf(&yaml,
             ROUTE "  feishu_configs: [{webhook_url: 'http://f/', message_type: text, message: "
                   "'{{ template \"mine\" . }}'}]\ntemplates: ['%s']\n",
             path);
    begin(&f, yaml.p, "{\"code\":0}");
    put(&f, CHANNEL_FEISHU, 3, 0, "m", "g");
    notify_tick(f.n, T0);
    assert_text(f.body, "content.text", "3 of r");
    end(&f);

    assert_int_equal(file_write_atomic(path, STR("{{ define }}"), NULL), 0);
    assert_int_equal(config_parse("t.yml", buf_str(&yaml), &broken, NULL), 0);
    assert_true(notify_check(broken, &err) < 0);
    assert_non_null(strstr(err.msg, path));
    config_unref(broken);
    unlink(path);
}

/* ---- what the answer means */

static void an_answer_of_200_is_not_believed(void **state)
{
    static const struct {
        enum channel_kind kind;
        const char *answer;
        bool accepted, soon; /* tried again within two seconds; else after half a minute or more */
    } cases[] = {
        {CHANNEL_DINGTALK, "{\"errcode\":0,\"errmsg\":\"ok\"}", true, false},
        {CHANNEL_DINGTALK, "{\"errcode\":310000,\"errmsg\":\"sign not match\"}", false, false},
        {CHANNEL_DINGTALK, "{\"errcode\":-1,\"errmsg\":\"busy\"}", false, true},
        {CHANNEL_DINGTALK, "<html>proxy</html>", false, true},
        {CHANNEL_DINGTALK, "{}", false, true},
        {CHANNEL_WECOM_ROBOT, "{\"errcode\":0}", true, false},
        {CHANNEL_WECOM_ROBOT, "{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}", false,
         false},
        {CHANNEL_WECOM_ROBOT, "{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}", false,
         true},
        {CHANNEL_FEISHU, "{\"code\":0,\"msg\":\"success\"}", true, false},
        {CHANNEL_FEISHU, "{\"StatusCode\":0,\"StatusMessage\":\"success\"}", true, false},
        {CHANNEL_FEISHU, "{\"code\":19021,\"msg\":\"sign match fail\"}", false, false},
        {CHANNEL_FEISHU, "{\"code\":11232,\"msg\":\"frequency limited\"}", false, true},
        {CHANNEL_FEISHU, "{\"StatusCode\":11232,\"StatusMessage\":\"x\"}", false, true},
    };
    struct fixture f;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unix_ns next;

        begin(&f,
              ROUTE "  wecom_robot_configs: [{webhook_url: 'http://w/'}]\n"
                    "  dingtalk_configs: [{webhook_url: 'http://d/'}]\n"
                    "  feishu_configs: [{webhook_url: 'http://f/'}]\n",
              cases[i].answer);
        put(&f, cases[i].kind, 1, 0, "m", "g");
        next = notify_tick(f.n, T0);
        if (cases[i].accepted ? next != INT64_MAX
                              : next == INT64_MAX || (next < T0 + 2 * SECOND) != cases[i].soon)
            fail_msg("%s", cases[i].answer);
        assert_int_equal(memory_keeper_count(&f.disk, "outbox"), cases[i].accepted ? 0 : 1);
        end(&f);
    }
}

static void never_more_a_minute_than_the_far_end_takes(void **state)
{
    struct fixture f;
    unix_ns next;

    begin(&f, ROUTE "  dingtalk_configs: [{webhook_url: 'http://d/'}]\n", "{\"errcode\":0}");
    for (int i = 0; i < 50; i++) {
        char group[16];

        snprintf(group, sizeof group, "g%d", i);
        put(&f, CHANNEL_DINGTALK, 1, 0, "m", group);
    }
    next = notify_tick(f.n, T0);
    assert_int_equal(f.n_requests, 20);
    assert_int_equal(next, T0 + 60 * SECOND);
    next = notify_tick(f.n, T0 + 59 * SECOND);
    assert_int_equal(f.n_requests, 20);
    next = notify_tick(f.n, next);
    assert_int_equal(f.n_requests, 40);
    assert_int_equal(next, T0 + 120 * SECOND);
    next = notify_tick(f.n, next);
    assert_int_equal(f.n_requests, 50);
    assert_int_equal(next, INT64_MAX);
    assert_int_equal(memory_keeper_count(&f.disk, "given_up"), 0);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dingtalk_signs_in_the_url),
        cmocka_unit_test(feishu_signs_in_the_body_and_colours_its_card),
        cmocka_unit_test(wecom_takes_text_and_markdown),
        cmocka_unit_test(what_does_not_fit_is_counted_and_no_character_is_cut),
        cmocka_unit_test(a_broken_template_spoils_its_own_message_only),
        cmocka_unit_test(own_templates_come_from_files),
        cmocka_unit_test(an_answer_of_200_is_not_believed),
        cmocka_unit_test(never_more_a_minute_than_the_far_end_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
