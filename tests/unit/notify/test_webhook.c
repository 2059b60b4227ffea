/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks whose URL, method, headers and body are templates, and their signature. */
#include "tests/unit/notify/far_end.h"

#define HOOK(keys) ROUTE "  webhook_configs: [{" keys "}]\n"

static void send(struct fixture *f, const char *yaml)
{
    begin(f, yaml, "");
    put(f, CHANNEL_WEBHOOK, 1, 0, "m", "g");
    notify_tick(f->n, T0);
}

static void any_yaml_is_a_payload_and_its_texts_are_templates(void **state)
{
    struct fixture f;

    send(&f,
         HOOK("url: 'http://h/{{ .GroupLabels.alertname | urlquery }}?s={{ .Status }}', payload: "
              "{text: '{{ .Status }} {{ len .Alerts }}', count: '{{ len .Alerts }}', b: '{{ eq "
              ".Status \"firing\" }}', list: ['{{ .CommonLabels.severity }}', 7], obj: '{{ "
              ".GroupLabels | toJson }}', '{{ .Status }}': 1, none: , quoted: '\"12\"'}"));
    assert_string_equal(f.requests[0].method, "POST");
    assert_string_equal(f.url, "http://h/RedisMemory?s=firing");
    assert_string_equal(f.requests[0].headers, "Content-Type: application/json\n");
    assert_string_equal(f.body,
                        "{\"text\":\"firing 1\",\"count\":1,\"b\":true,\"list\":[\"critical\",7],"
                        "\"obj\":{\"alertname\":\"RedisMemory\"},\"firing\":1,\"none\":null,"
                        "\"quoted\":\"\\\"12\\\"\"}");
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 0);
    end(&f);
}

static void method_headers_and_a_body_of_another_type(void **state)
{
    struct fixture f;

    send(&f,
         HOOK("url: 'http://h/', method: PUT, content_type: text/plain, body: 'status={{ .Status "
              "}}', headers: {x-severity: \"{{ .CommonLabels.severity }}\\r\\nX-Evil: 1\", "
              "X-Site: a}"));
    assert_string_equal(f.requests[0].method, "PUT");
    assert_string_equal(f.requests[0].headers, "Content-Type: text/plain\n"
                                               "X-Severity: critical  X-Evil: 1\nX-Site: a\n");
    assert_string_equal(f.body, "status=firing");
    end(&f);

    send(&f, HOOK("url: 'http://h/{{ .Status }}', method: GET"));
    assert_string_equal(f.requests[0].method, "GET");
    assert_string_equal(f.requests[0].headers, "");
    assert_string_equal(f.body, "");
    end(&f);
}

#define FOX "The quick brown fox jumps over the lazy dog"

static void a_signature_is_over_the_body_and_the_time_when_it_is_told(void **state)
{
    struct fixture f;

    send(&f, HOOK("url: 'http://h/', body: '" FOX "', sign: {secret: key}"));
    assert_string_equal(
        f.requests[0].headers,
        "Content-Type: application/json\nX-Signature-256: "
        "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8\n");
    end(&f);

    send(&f,
         HOOK("url: 'http://h/', body: '" FOX "', sign: {secret: key, header: X-Hub-Signature-256, "
              "timestamp_header: X-Time}"));
    assert_string_equal(
        f.requests[0].headers,
        "Content-Type: application/json\nX-Time: 1770192688\nX-Hub-Signature-256: "
        "sha256=266807d91ca9e70296858c46193de7a2211a5752bca391de57ef391ee14a9216\n");
    end(&f);
}

/* Nothing else can stand in its place, so it waits for a person to mend it. */
static void what_its_templates_cannot_say_is_not_sent_and_not_lost(void **state)
{
    static const char *const keys[] = {
        HOOK("url: 'http://h/', body: '{{ .NoSuch.Thing }}'"),
        HOOK("url: 'http://h/', payload: {a: ['{{ .NoSuch.Thing }}']}"),
        HOOK("url: '{{ .CommonLabels.none }}'"),
        HOOK("url: 'http://h/', sign: {secret_file: /nonexistent}"),
    };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct fixture f;

        send(&f, keys[i]);
        assert_int_equal(f.n_requests, 0);
        assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 1);
        end(&f);
    }
}

static void a_url_that_is_no_template_is_refused_when_it_is_loaded(void **state)
{
    static const struct {
        const char *yaml, *words;
    } cases[] = {
        {HOOK("url: 'http://h/{{ .Status | toUpper }}'"),
         "4: url: invalid template syntax: template: :1: function \"toUpper\" not defined"},
        {HOOK("url: 'http://h/{{ .Status'"), "unclosed action"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = NULL;
        struct err err = {0};

        assert_int_equal(config_parse("t.yml", str_c(cases[i].yaml), &c, &err), 0);
        assert_true(notify_check(c, &err) < 0);
        if (!strstr(err.msg, cases[i].words))
            fail_msg("%s", err.msg);
        config_unref(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_yaml_is_a_payload_and_its_texts_are_templates),
        cmocka_unit_test(method_headers_and_a_body_of_another_type),
        cmocka_unit_test(a_signature_is_over_the_body_and_the_time_when_it_is_told),
        cmocka_unit_test(what_its_templates_cannot_say_is_not_sent_and_not_lost),
        cmocka_unit_test(a_url_that_is_no_template_is_refused_when_it_is_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
