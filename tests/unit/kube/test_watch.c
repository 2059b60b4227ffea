/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "base/file.h"
#include "base/mem.h"
#include "kube/kube.h"
#include "tests/unit/net/peer.h"

/* ---- a scripted server --------------------------------------------------------------------- */

struct step {
    const char *request; /* part of the first line */
    const char *status;  /* "200 OK"; NULL: a stream */
    const char *body;    /* of a stream the chunks, cut at each | */
    bool breaks;         /* the stream ends without its last chunk */
};

struct server {
    struct peer peer;
    const struct step *steps;
    size_t n;
    atomic_size_t at;
    char wrong[256]; /* a request that was not expected */
};

static void send_chunk(int fd, struct str text)
{
    CLEANUP(buf_free) struct buf b = {0};

    buf_addf(&b, "%zx\r\n%.*s\r\n", text.len, STR_ARG(text));
    peer_send(fd, b.p);
}

/* False: the connection is over. */
static bool answer(int fd, const struct step *s)
{
    CLEANUP(buf_free) struct buf b = {0};
    struct str rest = str_c(s->body);

    if (s->status) {
        buf_addf(&b,
                 "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 s->status, rest.len, s->body);
        peer_send(fd, b.p);
        return true;
    }
    peer_send(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (rest.len > 0) {
        struct str chunk = str_cut(&rest, '|');

        if (chunk.len)
            send_chunk(fd, chunk);
        peer_nap(5);
    }
    if (s->breaks)
        return false;
    peer_send(fd, "0\r\n\r\n");
    return true;
}

static void serve(int fd, void *arg)
{
    struct server *s = arg;
    bool goes_on = true;

    while (goes_on) {
        CLEANUP(buf_free) struct buf in = {0};
        size_t at = atomic_load(&s->at);

        if (!peer_read_to(fd, &in, "\r\n\r\n"))
            return;
        in.p[strcspn(in.p, "\r")] = '\0';
        if (at >= s->n || !strstr(in.p, s->steps[at].request)) {
            snprintf(s->wrong, sizeof s->wrong, "step %zu: %s", at, in.p);
            return;
        }
        goes_on = answer(fd, &s->steps[at]);
        atomic_store(&s->at, at + 1);
    }
}

/* ---- who listens --------------------------------------------------------------------------- */

struct listener {
    struct loop *loop;
    struct loop_timer *end;
    struct buf heard;
    const char *last; /* the loop ends with it */
};

static void hear(struct listener *l, const char *sign, struct str word)
{
    buf_addf(&l->heard, "%s%.*s ", sign, STR_ARG(word));
    if (str_has_suffix(str_trim(buf_str(&l->heard)), str_c(l->last)))
        loop_stop(l->loop);
}

static struct str name_of(const struct json *object)
{
    return json_text(json_get(json_get(object, "metadata"), "name"));
}

static void on_begin(void *arg)
{
    hear(arg, "(", STR(""));
}

static void on_object(const struct json *object, void *arg)
{
    hear(arg, "", name_of(object));
}

static void on_end(void *arg)
{
    hear(arg, ")", STR(""));
}

static void on_deleted(const struct json *object, void *arg)
{
    hear(arg, "-", name_of(object));
}

static void on_failed(const struct err *err, void *arg)
{
    hear(arg, "!", str_c(err->msg));
}

static void stop(void *loop)
{
    loop_stop(loop);
}

static const struct kube_watch_events events = {on_begin, on_object, on_end, on_deleted, on_failed};

/* What is heard until `last`. */
static void watch(const struct step *steps, size_t n, const struct kube_question *question,
                  const char *last, struct buf *heard)
{
    struct server s = {.steps = steps, .n = n};
    struct kube_question q = *question;
    struct listener l = {.loop = loop_new(), .last = last};
    struct http_client *http = http_client_new(l.loop);
    struct kube_watch *w;
    char url[64];

    peer_start(&s.peer, serve, &s);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/prefix/", s.peer.port);
    q.server = url;
    l.end = loop_timer_new(l.loop, stop, l.loop);
    loop_timer_after(l.end, PEER_PATIENCE_S * 1000);
    w = kube_watch_start(l.loop, http, &q, &events, &l);
    loop_run(l.loop);
    kube_watch_stop(w);
    http_client_free(http);
    loop_timer_free(l.end);
    loop_free(l.loop);
    peer_stop(&s.peer);
    assert_string_equal(s.wrong, "");
    *heard = l.heard;
}

/* ---- stories ------------------------------------------------------------------------------- */

#define OBJECT(name, version)                                                                      \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define LIST(version, more, items)                                                                 \
    "{\"metadata\":{\"resourceVersion\":\"" version "\"" more "},\"items\":[" items "]}"

static const struct kube_question pods = {.path = "/api/v1/pods"};

static void a_list_in_pages_is_followed_by_watches_from_where_the_last_ended(void **state)
{
    static const struct step steps[] = {
        {"GET /prefix/api/v1/pods?limit=500 ", "200 OK",
         LIST("10", ",\"continue\":\"c+1\"", OBJECT("a", "1") "," OBJECT("b", "2")), false},
        {"GET /prefix/api/v1/pods?limit=500&continue=c%2B1 ", "200 OK",
         LIST("10", ",\"continue\":\"\"", OBJECT("c", "3")), false},
        /* events come cut anywhere, several in one piece */
        {"pods?watch=1&allowWatchBookmarks=true&timeoutSeconds=", NULL,
         "{\"type\":\"ADD|ED\",\"object\":" OBJECT("d", "11") "}|\n" EVENT(
             "MODIFIED", OBJECT("a", "12")) EVENT("BOOKMARK", OBJECT("", "15")) "{\"type\":\"lost",
         false},
        {"&resourceVersion=15 ", NULL, EVENT("DELETED", OBJECT("b", "16")), true},
        {"&resourceVersion=16 ", NULL,
         EVENT("UNKNOWN", OBJECT("x", "17")) EVENT("ADDED", OBJECT("e", "18")), false},
    };
    struct buf heard;

    watch(steps, ARRAY_LEN(steps), &pods, " e", &heard);
    assert_string_equal(heard.p, "( a b c ) d a -b e ");
    buf_free(&heard);
}

static void a_version_that_is_too_old_leads_to_a_new_list(void **state)
{
    static const struct step steps[] = {
        {"?limit=500 ", "200 OK", LIST("10", "", OBJECT("a", "1")), false},
        {"&resourceVersion=10 ", "410 Gone", "{\"message\":\"too old\"}", false},
        {"?limit=500 ", "200 OK", LIST("20", "", OBJECT("b", "2")), false},
        {"&resourceVersion=20 ", NULL,
         EVENT("ERROR", "{\"code\":410,\"message\":\"too old resource version\"}"), false},
        {"?limit=500 ", "200 OK", LIST("30", "", OBJECT("c", "3")), false},
        {"&resourceVersion=30 ", NULL, EVENT("ADDED", OBJECT("d", "31")), false},
    };
    struct buf heard;

    watch(steps, ARRAY_LEN(steps), &pods, " d", &heard);
    assert_string_equal(
        heard.p, "( a ) !/api/v1/pods: HTTP status 410: too old ( b ) !/api/v1/pods: too old "
                 "resource version ( c ) d ");
    buf_free(&heard);
}

static void a_list_that_fails_midway_begins_again(void **state)
{
    static const struct step steps[] = {
        {"?limit=500 ", "200 OK", LIST("10", ",\"continue\":\"x\"", OBJECT("a", "1")), false},
        {"&continue=x ", "410 Gone", "<html>", false},
        {"?limit=500 ", "200 OK", LIST("11", "", OBJECT("b", "1")), false},
    };
    struct buf heard;

    watch(steps, ARRAY_LEN(steps), &pods, ")", &heard);
    assert_string_equal(heard.p, "( a !/api/v1/pods: HTTP status 410 ( b ) ");
    buf_free(&heard);
}

static void the_older_version_is_asked_when_the_newer_is_not_known_and_selectors_are_sent(
    void **state)
{
    static const struct kube_question slices = {
        .path = "/apis/discovery.k8s.io/v1/endpointslices",
        .older_path = "/apis/discovery.k8s.io/v1beta1/endpointslices",
        .labels = "app in (a,b)",
        .fields = "spec.nodeName=w1",
    };
    static const struct step steps[] = {
        {"/v1/endpointslices?limit=500&labelSelector=app+in+%28a%2Cb%29&fieldSelector="
         "spec.nodeName%3Dw1 ",
         "404 Not Found", "404 page not found", false},
        {"/v1beta1/endpointslices?limit=500&labelSelector=", "200 OK",
         LIST("1", "", OBJECT("a", "1")), false},
        {"/v1beta1/endpointslices?watch=1", NULL, EVENT("ADDED", OBJECT("b", "2")), false},
    };
    struct buf heard;

    watch(steps, ARRAY_LEN(steps), &slices, " b", &heard);
    assert_string_equal(heard.p, "( ( a ) b ");
    buf_free(&heard);
}

static void a_watch_that_breaks_is_told_and_taken_up(void **state)
{
    static const struct step steps[] = {
        {"?limit=500 ", "200 OK", LIST("1", "", ""), false},
        {"&resourceVersion=1 ", NULL, "no JSON\n", false},
        {"&resourceVersion=1 ", "500 Internal Server Error", "{\"message\":\"etcd\"}", false},
        {"&resourceVersion=1 ", NULL, EVENT("ADDED", OBJECT("a", "2")), false},
    };
    struct buf heard;

    watch(steps, ARRAY_LEN(steps), &pods, " a", &heard);
    assert_non_null(strstr(heard.p, "( ) !/api/v1/pods: watch: "));
    assert_non_null(strstr(heard.p, " !/api/v1/pods: HTTP status 500: etcd a "));
    buf_free(&heard);
}

/* ---- who we are ---------------------------------------------------------------------------- */

static void put(const char *folder, const char *name, const char *text)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/%s", folder, name);
    assert_int_equal(file_write_atomic(path.p, str_c(text), NULL), 0);
}

static void the_account_of_the_pod_is_found(void **state)
{
    char folder[] = "/tmp/tocsin-test-account-XXXXXX";
    CLEANUP(buf_free) struct buf own = {0};
    struct kube_account a;
    struct err err = {0};

    assert_non_null(mkdtemp(folder));
    unsetenv("KUBERNETES_SERVICE_HOST");
    assert_int_equal(kube_account_read(folder, &a, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "not in a cluster"));
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    assert_int_equal(kube_account_read(folder, &a, &err), 0);
    assert_string_equal(a.server, "https://[fd00::1]:443");
    assert_null(a.options.tls.ca_file);
    kube_account_deinit(&a);

    put(folder, "ca.crt", "x");
    put(folder, "namespace", "shop\n");
    setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    assert_int_equal(kube_account_read(folder, &a, &err), 0);
    assert_string_equal(a.server, "https://10.0.0.1:443");
    assert_non_null(strstr(a.options.tls.ca_file, "/ca.crt"));
    assert_non_null(strstr(a.options.authorization_credentials_file, "/token"));
    kube_account_deinit(&a);
    assert_int_equal(kube_own_namespace(folder, &own, &err), 0);
    assert_true(str_eq_c(buf_str(&own), "shop"));
    file_remove_tree(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_in_pages_is_followed_by_watches_from_where_the_last_ended),
        cmocka_unit_test(a_version_that_is_too_old_leads_to_a_new_list),
        cmocka_unit_test(a_list_that_fails_midway_begins_again),
        cmocka_unit_test(
            the_older_version_is_asked_when_the_newer_is_not_known_and_selectors_are_sent),
        cmocka_unit_test(a_watch_that_breaks_is_told_and_taken_up),
        cmocka_unit_test(the_account_of_the_pod_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
