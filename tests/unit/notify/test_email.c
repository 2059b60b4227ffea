/* SPDX-License-Identifier: Apache-2.0 */
/* Mail: what is said to a mail server, what the mail looks like, what the server's replies mean. */
#include "tests/unit/tocsin_cmocka.h"

#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "model/label_set.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "notify/mime.h"
#include "notify/notify.h"
#include "tests/support/memory_keeper.h"
#include "tests/unit/net/peer.h"

#define T0 (INT64_C(1770192688817) * NS_PER_MS)

/* ---- a mail server that follows a script (RFC 5321, 4954) ----------------------------------- */

struct server {
    struct peer peer;
    const char *offers;         /* lines of the answer to EHLO */
    const char *refused, *with; /* the command that gets this reply instead of a good one */
    bool is_silent;             /* QUIT gets none */
    struct buf said;            /* all that the client sent */
};

static const char *reply_to(const struct server *s, const char *line, bool *in_auth)
{
    if (s->refused && strncasecmp(line, s->refused, strlen(s->refused)) == 0)
        return s->with;
    if (*in_auth) {
        *in_auth = false;
        return "235 2.7.0 welcome\r\n";
    }
    if (strncasecmp(line, "EHLO", 4) == 0)
        return s->offers;
    if (strncasecmp(line, "AUTH CRAM-MD5", 13) == 0) {
        *in_auth = true;
        return "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"; /* RFC 2195 */
    }
    if (strncasecmp(line, "AUTH PLAIN", 10) == 0) {
        *in_auth = !line[10] || line[10] == '\r';
        return *in_auth ? "334 \r\n" : "235 2.7.0 welcome\r\n";
    }
    if (strncasecmp(line, "DATA", 4) == 0)
        return "354 go on\r\n";
    if (strncasecmp(line, "QUIT", 4) == 0)
        return "221 bye\r\n";
    return "250 2.1.0 ok\r\n";
}

/* One command; false when the connection ended. */
static bool read_line(int fd, struct buf *line)
{
    char c;

    buf_reset(line);
    while (recv(fd, &c, 1, 0) == 1) {
        buf_add_byte(line, c);
        if (c == '\n')
            return true;
    }
    return false;
}

/* Of what was said. After the last reply that counts a client may still say QUIT. */
static struct lock said_lock = LOCK_INIT;

static void note(struct server *s, struct str line)
{
    WITH_LOCK(&said_lock);
    buf_add_str(&s->said, line);
}

static void serve(int fd, void *arg)
{
    struct server *s = arg;
    struct buf line = {0};
    bool in_auth = false, in_data = false;

    peer_send(fd, "220 mail.example ESMTP\r\n");
    while (read_line(fd, &line)) {
        note(s, buf_str(&line));
        if (in_data && strcmp(line.p, ".\r\n") != 0)
            continue;
        if (in_data) {
            in_data = false;
            peer_send(fd, s->refused && strcmp(s->refused, ".") == 0 ? s->with
                                                                     : "250 2.0.0 queued\r\n");
            continue;
        }
        if (s->is_silent && strncasecmp(line.p, "QUIT", 4) == 0)
            continue;
        peer_send(fd, reply_to(s, line.p, &in_auth));
        in_data = strncasecmp(line.p, "DATA", 4) == 0;
        if (strncasecmp(line.p, "QUIT", 4) == 0)
            break;
    }
    buf_free(&line);
}

/* ---- one notification through it ------------------------------------------------------------ */

struct fixture {
    struct server server;
    struct loop *loop;
    struct http_client *client;
    struct transport transport;
    struct memory_keeper disk;
    struct config *config;
    struct notify *n;
    size_t waiting;
    unix_ns next;
    char error[512];
};

static void on_wake(void *arg)
{
    struct fixture *f = arg;

    loop_stop(f->loop);
}

static void put(struct fixture *f, const char *name)
{
    struct label l[] = {{STR("alertname"), str_c(name)}};
    struct label a[] = {{STR("message"), STR("<内存> & .\n.dot")}};
    struct label_set *labels = label_set_new(l, 1), *annotations = label_set_new(a, 1);
    struct alert *alert = alert_new(labels, annotations, T0, UNIX_NS_ZERO, T0, "http://tocsin/g");
    const struct alert *list[] = {alert};
    struct notification n = {.receiver = "r",
                             .integration = CHANNEL_ID(CHANNEL_EMAIL, 0),
                             .group_key = "{}:{alertname=\"A\"}",
                             .group_labels = labels,
                             .alerts = list,
                             .n_alerts = 1,
                             .now = T0,
                             .reason = "first notification"};

    assert_int_equal(notify_put(f->n, &n, 1, NULL), 0);
    alert_unref(alert);
    label_set_unref(labels);
    label_set_unref(annotations);
}

static void look(const struct notify_queue_view *v, void *arg)
{
    struct fixture *f = arg;

    f->waiting += v->waiting;
    f->next = v->next_attempt;
    snprintf(f->error, sizeof f->error, "%s", v->last_error);
}

#define OFFERS     "250-mail.example\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n"
#define OFFERS_TLS "250-mail.example\r\n250 STARTTLS\r\n"
#define OFFERS_ALL "250-mail.example\r\n250-AUTH LOGIN PLAIN CRAM-MD5\r\n250 SIZE 10000000\r\n"

/* The keys go into the only email block; PORT is put behind the smarthost. */
static void begin(struct fixture *f, struct server script, const char *keys)
{
    struct notify_options o = {.external_url = "http://tocsin", .seed = 1, .wake = on_wake};
    CLEANUP(buf_free) struct buf yaml = {0};
    struct err err = {0};

    *f = (struct fixture){.server = script};
    peer_start(&f->server.peer, serve, &f->server);
    buf_addf(&yaml,
             "route: {receiver: r}\nreceivers:\n- name: r\n  email_configs:\n"
             "  - smarthost: 127.0.0.1:%d\n    hello: we.example\n%s",
             f->server.peer.port, keys);
    if (config_parse("t.yml", buf_str(&yaml), &f->config, &err) < 0)
        fail_msg("%s", err.msg);
    f->loop = loop_new();
    f->client = http_client_new(f->loop);
    f->transport = notify_http_transport_new(f->client);
    o.keeper = memory_keeper_port(&f->disk);
    o.transport = f->transport;
    o.wake_arg = f;
    if (notify_new(&o, f->config, T0, &f->n, &err) < 0)
        fail_msg("%s", err.msg);
}

static void send_one(struct fixture *f, const char *name)
{
    unix_ns next;

    put(f, name);
    loop_run(f->loop); /* what is posted wakes us, too */
    next = notify_tick(f->n, T0);
    if (next == INT64_MAX) /* else it failed at once */
        loop_run(f->loop);
    notify_tick(f->n, T0);
    f->waiting = 0;
    notify_each_queue(f->n, look, f);
}

static void end(struct fixture *f)
{
    notify_free(f->n);
    notify_http_transport_free(&f->transport);
    http_client_free(f->client);
    loop_free(f->loop);
    config_unref(f->config);
    memory_keeper_deinit(&f->disk);
    peer_stop(&f->server.peer);
    buf_free(&f->server.said);
}

static void assert_said(const struct fixture *f, const char *words)
{
    WITH_LOCK(&said_lock);
    if (!f->server.said.p || !strstr(f->server.said.p, words))
        fail_msg("\"%s\" was not said in:\n%s", words, buf_str(&f->server.said).p);
}

static void assert_unsaid(const struct fixture *f, const char *words)
{
    WITH_LOCK(&said_lock);
    if (f->server.said.p && strstr(f->server.said.p, words))
        fail_msg("\"%s\" was said in:\n%s", words, f->server.said.p);
}

/* ---- the mail ------------------------------------------------------------------------------- */

static void a_mail_has_envelope_header_and_both_parts(void **state)
{
    struct fixture f;

    begin(&f, (struct server){.offers = OFFERS},
          "    from: 警钟 <tocsin@we.example>\n"
          "    to: 'a@x.example, \"Doe, J.\" <j@x.example>'\n"
          "    require_tls: false\n"
          "    headers: {subject: '内存 {{ .GroupLabels.alertname }}', X-Site: plant 7}\n"
          "    text: '{{ range .Alerts }}{{ .Annotations.message }}{{ end }}'\n"
          "    html: '<p>{{ range .Alerts }}{{ .Annotations.message }}{{ end }}</p>'\n"
          "    threading: {enabled: true, thread_by_date: none}\n");
    send_one(&f, "Redis");
    assert_int_equal(f.waiting, 0);
    assert_said(&f, "EHLO we.example\r\n");
    assert_said(&f, "MAIL FROM:<tocsin@we.example>");
    assert_said(&f, "RCPT TO:<a@x.example>\r\n");
    assert_said(&f, "RCPT TO:<j@x.example>\r\n");
    assert_said(&f, "\r\nFrom: =?utf-8?q?=E8=AD=A6=E9=92=9F?= <tocsin@we.example>\r\n");
    assert_said(&f, "\r\nTo: a@x.example,\r\n \"Doe, J.\" <j@x.example>\r\n");
    assert_said(&f, "\r\nSubject: =?utf-8?q?=E5=86=85=E5=AD=98_Redis?=\r\n");
    assert_said(&f, "\r\nX-Site: plant 7\r\n");
    assert_said(&f, "\r\nMessage-Id: <1770192688817000000.");
    assert_said(&f, "\r\nDate: ");
    assert_said(&f, "\r\nReferences: <alert-");
    assert_said(&f, "\r\nIn-Reply-To: <alert-");
    assert_said(&f, "-@alertmanager>\r\n");
    assert_said(&f, "\r\nContent-Type: multipart/alternative;  boundary=");
    assert_said(&f, "Content-Type: text/plain; charset=UTF-8\r\n\r\n"
                    "<=E5=86=85=E5=AD=98> & .\r\n..dot\r\n"); /* the dot is doubled on the way */
    assert_said(&f, "<p>&lt;=E5=86=85=E5=AD=98&gt; &amp; .\r\n..dot</p>\r\n");
    assert_said(&f, "--\r\n.\r\n");
    end(&f);
}

static void the_stock_page_and_subject_stand_where_none_is_configured(void **state)
{
    struct fixture f;

    begin(&f, (struct server){.offers = OFFERS},
          "    from: t@we.example\n    to: a@x.example\n    require_tls: false\n");
    send_one(&f, "Redis");
    assert_int_equal(f.waiting, 0);
    assert_said(&f, "\r\nSubject: [FIRING:1] Redis");
    assert_said(&f, "text/html; charset=UTF-8");
    assert_said(&f, "[1] Firing");
    assert_unsaid(&f, "text/plain");
    assert_unsaid(&f, "References");
    end(&f);
}

/* ---- who we are ----------------------------------------------------------------------------- */

static void a_password_goes_by_the_mechanism_that_is_offered(void **state)
{
    static const struct {
        const char *keys, *offers, *said;
    } cases[] = {
        {"auth_username: u, auth_password: p", OFFERS_ALL, "AHUAcA==\r\n"},
        {"auth_username: u, auth_password: p, auth_identity: i", OFFERS_ALL, "aQB1AHA=\r\n"},
        /* the example of RFC 2195 */
        {"auth_username: tim, auth_secret: tanstaaftanstaaf", OFFERS_ALL,
         "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n"},
        {"auth_username: u, auth_password: p", OFFERS, "MAIL FROM"}, /* not asked for: not told */
        {"auth_password: p", OFFERS_ALL, "MAIL FROM"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf keys = {0};
        struct fixture f;

        buf_addf(&keys, "    <<: {from: t@we.example, to: a@x.example, require_tls: false, %s}\n",
                 cases[i].keys);
        begin(&f, (struct server){.offers = cases[i].offers}, keys.p);
        send_one(&f, "A");
        assert_int_equal(f.waiting, 0);
        assert_said(&f, cases[i].said);
        if (strcmp(cases[i].said, "MAIL FROM") == 0)
            assert_unsaid(&f, "AUTH");
        end(&f);
    }
}

static void nothing_is_said_in_the_clear_when_tls_is_required(void **state)
{
    struct fixture f;

    begin(
        &f, (struct server){.offers = OFFERS_ALL},
        "    from: t@we.example\n    to: a@x.example\n    auth_username: u\n    auth_password: p\n");
    send_one(&f, "A");
    assert_int_equal(f.waiting, 1);
    assert_non_null(strstr(f.error, "STARTTLS"));
    assert_unsaid(&f, "AUTH");
    assert_unsaid(&f, "MAIL");
    end(&f);
}

/* ---- what the replies mean ------------------------------------------------------------------- */

static void a_refused_mail_stays_and_the_servers_words_are_told(void **state)
{
    static const struct {
        const char *command, *reply, *words;
        bool for_good; /* the next attempt is a minute away, not half a second */
        bool needs_tls;
    } cases[] = {
        {"MAIL", "550 5.7.1 not you\r\n", "550 5.7.1 not you", true},
        {"RCPT", "550 5.1.1 no such user\r\n", "550 5.1.1 no such user", true},
        {"RCPT", "450 4.2.0 grey\r\n", "450 4.2.0 grey", false},
        {".", "554 5.6.0 spam\r\n", "554 5.6.0 spam", true},
        {".", "452 4.3.1 disk full\r\n", "452 4.3.1 disk full", false},
        {"AUTH", "535 5.7.8 wrong\r\n", "535 5.7.8 wrong", true},
        {"AUTH", "454 4.7.0 not now\r\n", "454 4.7.0 not now", false},
        {"DATA", "421 4.3.2 going down\r\n", "421 4.3.2 going down", false},
        {"STARTTLS", "454 4.7.0 no certificate\r\n", "454 4.7.0 no certificate", false, true},
        {"STARTTLS", "501 5.5.4 odd\r\n", "501 5.5.4 odd", true, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        mono_ns began = clock_mono_ns();
        struct fixture f;

        begin(&f,
              (struct server){.offers = cases[i].needs_tls ? OFFERS_TLS : OFFERS_ALL,
                              .refused = cases[i].command,
                              .with = cases[i].reply,
                              .is_silent = true},
              cases[i].needs_tls
                  ? "    from: t@we.example\n    to: a@x.example\n"
                  : "    from: t@we.example\n    to: a@x.example\n    require_tls: false\n"
                    "    auth_username: u\n    auth_password: secret-p\n");
        send_one(&f, "A");
        assert_int_equal(f.waiting, 1);
        if (!strstr(f.error, cases[i].words))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].words, f.error);
        assert_null(strstr(f.error, "secret-p"));
        assert_int_equal(f.next - T0 > 10 * NS_PER_S, cases[i].for_good);
        /* Nobody answers QUIT: the loop of all queues does not wait for that. */
        assert_true(clock_mono_ns() - began < 10 * NS_PER_S);
        end(&f);
    }
}

static void an_address_that_is_none_stays_here(void **state)
{
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        {"t@we.example, u@we.example", "a@x.example", "From: 2 addresses, expected one"},
        {"t@we.example", "{{ .CommonLabels.alertname }}", "To: \"A\" is no address"},
        {"t@we.example", "'\"a@x> \\r\\nRCPT TO:<b@y\"'", "is no address"},
        {"t@we.example", "{{ nothing }}", "To: template: "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf keys = {0};
        struct fixture f;

        buf_addf(&keys, "    from: %s\n    to: %s%s%s\n", cases[i].from,
                 cases[i].to[0] == '{' ? "'" : "", cases[i].to, cases[i].to[0] == '{' ? "'" : "");
        begin(&f, (struct server){.offers = OFFERS}, keys.p);
        send_one(&f, "A");
        assert_int_equal(f.waiting, 1);
        if (!strstr(f.error, cases[i].words))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].words, f.error);
        assert_int_equal(f.server.said.len, 0);
        end(&f);
    }
}

/* ---- forms of text --------------------------------------------------------------------------- */

static void long_subjects_are_cut_into_words_between_characters(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(buf_free) struct buf out = {0};
    struct str rest;
    size_t words = 0;

    for (int i = 0; i < 40; i++)
        buf_add_c(&text, "警");
    mime_add_words(&out, buf_str(&text));
    for (rest = buf_str(&out); rest.len > 0; words++) {
        struct str word = str_trim(str_cut(&rest, '\n'));

        assert_true(word.len <= 75);
        assert_true(str_has_prefix(word, STR("=?utf-8?q?")) && str_has_suffix(word, STR("?=")));
        assert_int_equal((word.len - 12) % 9, 0); /* whole characters, nine bytes each */
    }
    assert_int_equal(words, 6);
    buf_reset(&out);
    mime_add_words(&out, STR("a\r\nBcc: b@y"));
    assert_string_equal(out.p, "=?utf-8?q?a=0D=0ABcc=3A_b=40y?=");
}

static void quoted_printable_lines_are_short_and_keep_their_blanks(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a=b", "a=3Db"},
        {"a \nb\t\r\nc", "a=20\r\nb=09\r\nc"},
        {"\r", "=0D"},
        {"0123456789012345678901234567890123456789012345678901234567890123456789012345",
         "012345678901234567890123456789012345678901234567890123456789012345678901234=\r\n5"},
        {"012345678901234567890123456789012345678901234567890123456789012345678901234\n5",
         "012345678901234567890123456789012345678901234567890123456789012345678901234\r\n5"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf out = {0};

        mime_add_quoted_printable(&out, str_c(cases[i].text));
        assert_string_equal(out.p, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_has_envelope_header_and_both_parts),
        cmocka_unit_test(the_stock_page_and_subject_stand_where_none_is_configured),
        cmocka_unit_test(a_password_goes_by_the_mechanism_that_is_offered),
        cmocka_unit_test(nothing_is_said_in_the_clear_when_tls_is_required),
        cmocka_unit_test(a_refused_mail_stays_and_the_servers_words_are_told),
        cmocka_unit_test(an_address_that_is_none_stays_here),
        cmocka_unit_test(long_subjects_are_cut_into_words_between_characters),
        cmocka_unit_test(quoted_printable_lines_are_short_and_keep_their_blanks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
