/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <string.h>

#include "config/config.h"

static struct config *parse(const char *yaml)
{
    struct err err = {0};
    struct config *c = NULL;

    if (config_parse("f", str_c(yaml), &c, &err) < 0)
        fail_msg("%s\nin:\n%s", err.msg, yaml);
    return c;
}

static const struct {
    const char *yaml, *text;
} cases[] = {
    {"", ""},
    {"global:\n", "global:\n"},
    {"# old password: hunter2\nglobal: {scrape_interval: 15s} # hidden\n",
     "global:\n  scrape_interval: 15s\n"},
    {"rule_files: []\nruntime: {}\n", "rule_files: []\nruntime: {}\n"},
    {"rule_files: [a, 'b c', \"d\\\"\\\\\\n\\t\\x01é\"]\n",
     "rule_files:\n- a\n- \"b c\"\n- \"d\\\"\\\\\\n\\t\\x01é\"\n"},
    {"scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: [b, c]\n    labels: {x: 'y', 'n': 5}\n- job_name: d\n",
     "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets:\n    - b\n    - c\n    labels:\n      x: \"y\"\n"
     "      \"n\": 5\n- job_name: d\n"},
    {"scrape_configs:\n- job_name: >-\n    folded\n    name\n  basic_auth:\n    username: u\n    password: |\n      multi\n      line\n",
     "scrape_configs:\n- job_name: \"folded name\"\n  basic_auth:\n    username: u\n    password: <secret>\n"},
    {"scrape_configs:\n- {job_name: a, params: {? '' : [b]}}\n",
     "scrape_configs:\n- job_name: a\n  params:\n    \"\":\n    - b\n"},
    {"scrape_configs:\n- job_name: plain\n\n    text\n",
     "scrape_configs:\n- job_name: \"plain\\ntext\"\n"},
};

/* What YAML would read otherwise when it stood there as it is. */
static void odd_characters_and_keys_survive(void **unused)
{
    CLEANUP(buf_free) struct buf yaml = {0};
    struct config *c, *again;

    buf_add_c(&yaml, "global:\n  external_labels: {\"a\\u0085\\u2028\\ufeff\\x80b\": \"c\\r\", ");
    for (int i = 0; i < 200; i++)
        buf_add_c(&yaml, "k\xc3\xa9");
    buf_add_c(&yaml, ": long}\n");
    c = parse(yaml.p);
    assert_int_equal(label_set_count(c->external_labels), 2);
    again = parse(c->text);
    assert_string_equal(again->text, c->text);
    assert_true(label_set_eq(again->external_labels, c->external_labels));
    config_unref(again);
    config_unref(c);
}

static void the_file_is_written_anew_without_comments(void **unused)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = parse(cases[i].yaml), *again;

        assert_string_equal(c->text, cases[i].text);
        again = parse(c->text); /* what is shown can be read */
        assert_string_equal(again->text, c->text);
        config_unref(again);
        config_unref(c);
    }
}

/* Every place where a secret may stand, spelt hidden_N. */
static const char secrets[] =
    "global:\n"
    "  smtp_auth_password: hidden_1\n"
    "  smtp_auth_secret: hidden_2\n"
    "  slack_api_url: http://hidden_3\n"
    "  opsgenie_api_key: hidden_4\n"
    "  wechat_api_secret: hidden_5\n"
    "  victorops_api_key: hidden_6\n"
    "  telegram_bot_token: hidden_7\n"
    "  rocketchat_token: hidden_8\n"
    "  rocketchat_token_id: hidden_9\n"
    "  mattermost_webhook_url: http://hidden_10\n"
    "  smtp_tls_config: {cert: c, key: hidden_11}\n"
    "  http_config: {proxy_url: 'http://user:hidden_12@proxy'}\n"
    "scrape_configs:\n"
    "- {job_name: a, basic_auth: {username: shown_1, password: hidden_13}}\n"
    "- {job_name: b, authorization: {credentials: hidden_14}}\n"
    "- {job_name: c, bearer_token: hidden_15, proxy_url: 'http://shown_2'}\n"
    "- {job_name: d, http_headers: {X: {values: [shown_3], secrets: [hidden_16, hidden_17]}}}\n"
    "- {job_name: e, redis: {username: shown_4, password: &anchor hidden_18}}\n"
    "- {job_name: f, redis: {password: *anchor}}\n"
    "- {job_name: g, tls_config: {cert: shown_5, key: hidden_19}}\n"
    "route: {receiver: d}\n"
    "receivers:\n"
    "- name: d\n"
    "  webhook_configs:\n"
    "  - url: http://host/hidden_20\n"
    "    http_config: {basic_auth: {password: hidden_21}}\n"
    "- name: e\n"
    "  webhook_configs: [{url_file: shown_6}]\n";
static const char more_secrets[] = "global: {slack_app_token: hidden_1}\n";

static size_t count(const char *text, const char *word)
{
    size_t n = 0;

    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
        n++;
    return n;
}

static void no_secret_is_shown(void **unused)
{
    struct config *c = parse(secrets);

    assert_int_equal(count(c->text, "hidden"), 0);
    assert_int_equal(count(c->text, "<secret>"), 22);
    assert_int_equal(count(c->text, "shown_"), 6);
    config_unref(c);
    c = parse(more_secrets);
    assert_string_equal(c->text, "global:\n  slack_app_token: <secret>\n");
    config_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_written_anew_without_comments),
        cmocka_unit_test(odd_characters_and_keys_survive),
        cmocka_unit_test(no_secret_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
