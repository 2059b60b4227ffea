/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe against real servers, started here on free ports of the loopback.
 */
#include "tests/unit/tocsin_cmocka.h"

#include <ftw.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "tests/unit/net/peer.h"
#include "tests/unit/probes/probing.h"

#define TIMEOUT   5000
#define IMPATIENT 300
#define PATIENCE  200 /* naps of 50 ms until a server answers */
#define ARGS_MAX  32

struct server {
    char folder[32];
    pid_t pid;
    int port;
    struct probing p;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static void end(struct server *s)
{
    if (s->p.loop)
        probing_stop(&s->p);
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    if (s->folder[0])
        nftw(s->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool have(const char *program)
{
    CLEANUP(buf_free) struct buf command = {0};

    buf_addf(&command, "command -v %s >/dev/null 2>&1", program);
    return system(command.p) == 0;
}

/* Skips the test without it. Nothing may be held yet: a skip does not clean up. */
static void need(const char *program)
{
    if (!have(program)) {
        print_message("# no %s here\n", program);
        skip();
    }
}

/* A folder and a free port. */
static void prepare(struct server *s)
{
    *s = (struct server){0};
    need("redis-server");
    strcpy(s->folder, "/tmp/tocsin-probe-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    close(peer_bind(&s->port));
}

static void write_file(const struct server *s, const char *name, const char *text)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/%s", s->folder, name);
    assert_int_equal(file_write_atomic(path.p, str_c(text), NULL), 0);
}

/* Runs redis-server in the folder with these arguments, parted by blanks. */
static void run(struct server *s, const char *args)
{
    CLEANUP(buf_free) struct buf all = {0};
    char *argv[ARGS_MAX] = {"redis-server"}, *rest;
    int n = 1;

    buf_add_c(&all, args);
    for (char *word = strtok_r(all.p, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        assert_true(n < ARGS_MAX - 1);
        argv[n++] = strcmp(word, "''") == 0 ? "" : word;
    }
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(s->folder) == 0 && freopen("log", "w", stdout))
        execvp(argv[0], argv);
    _exit(127);
}

static void start_asking(struct server *s, const struct config_redis *redis, const char *address)
{
    if (s->p.loop)
        probing_stop(&s->p);
    probing_start(&s->p, redis, address);
}

/* Until the server accepts connections. */
static void wait_until_there(struct server *s, const struct config_redis *redis,
                             const char *address)
{
    start_asking(s, redis, address);
    for (int i = 0; i < PATIENCE; i++) {
        probing_fetch(&s->p, TIMEOUT);
        if (!strstr(s->p.err.msg, "connect to"))
            break;
        peer_nap(50);
    }
    start_asking(s, redis, address);
}

static const char *tcp(const struct server *s)
{
    static char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%d", s->port);
    return address;
}

#define REDIS(...) (&(const struct config_redis){.config_metrics = true, __VA_ARGS__})

/* A server on the port, with further arguments. */
static void begin(struct server *s, const struct config_redis *redis, const char *more)
{
    CLEANUP(buf_free) struct buf args = {0};

    prepare(s);
    buf_addf(&args, "--port %d --bind 127.0.0.1 --save '' %s", s->port, more);
    run(s, args.p);
    wait_until_there(s, redis, tcp(s));
}

/* Says something to the server beside the probe. */
static void tell(const struct server *s, const char *text, const char *answer)
{
    CLEANUP(buf_free) struct buf in = {0};
    int fd = peer_dial(s->port);

    peer_send(fd, text);
    assert_true(peer_read_to(fd, &in, answer));
    close(fd);
}

static double value(const struct server *s, const char *series)
{
    double v;

    if (!page_value(buf_str(&s->p.page), series, &v))
        fail_msg("no %s in%s", series, s->p.page.p);
    return v;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void a_plain_redis_is_measured_over_one_connection(void **state)
{
    CLEANUP(end) struct server s;
    double connections;

    begin(&s, REDIS(), "--maxmemory 100mb --databases 4");
    tell(&s, "SELECT 2\r\nSET k v\r\nFOO\r\n", "unknown command");
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    assert_true(value(&s, "redis_memory_used_bytes") > 100000);
    assert_series(&s.p, "redis_memory_max_bytes", 104857600);
    assert_series(&s.p, "redis_config_maxmemory", 104857600);
    assert_series(&s.p, "redis_db_keys{db=\"db2\"}", 1);
    assert_series(&s.p, "redis_db_keys{db=\"db3\"}", 0);
    assert_no_series(&s.p, "redis_db_keys{db=\"db4\"}");
    assert_series(&s.p, "redis_commands_total{cmd=\"set\"}", 1);
    assert_series(&s.p, "redis_errors_total{err=\"ERR\"}", 1);
    assert_true(value(&s, "redis_commands_latencies_usec_bucket{cmd=\"set\",le=\"+Inf\"}") == 1);
    assert_true(value(&s, "redis_start_time_seconds") > 1.5e9);
    connections = value(&s, "redis_connections_received_total");
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    assert_series(&s.p, "redis_connections_received_total", connections);
}

static void a_password_is_needed_and_may_be_rotated(void **state)
{
    CLEANUP(end) struct server s;
    CLEANUP(buf_free) struct buf path = {0};

    begin(&s, REDIS(), "--requirepass one");
    probing_fetch(&s.p, TIMEOUT);
    assert_down(&s.p, "NOAUTH Authentication required.");
    start_asking(&s, REDIS(.password = "two"), tcp(&s));
    probing_fetch(&s.p, TIMEOUT);
    assert_down(&s.p, "WRONGPASS");
    write_file(&s, "pw", "one\n");
    buf_addf(&path, "%s/pw", s.folder);
    start_asking(&s, REDIS(.password_file = path.p), tcp(&s));
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    tell(&s, "AUTH one\r\nCONFIG SET requirepass two\r\nCLIENT KILL TYPE normal\r\n", ":1\r\n");
    write_file(&s, "pw", "two\n");
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
}

static void a_password_that_the_server_does_not_have_is_told(void **state)
{
    CLEANUP(end) struct server s;

    begin(&s, REDIS(.username = "nobody", .password = "p"), "");
    probing_fetch(&s.p, TIMEOUT);
    assert_down(&s.p, "WRONGPASS");
    start_asking(&s, REDIS(.password = "p"), tcp(&s));
    probing_fetch(&s.p, TIMEOUT);
    assert_down(&s.p, "without any password configured");
}

static void a_user_with_few_rights_gives_fewer_metrics_and_no_further_errors(void **state)
{
    CLEANUP(end) struct server s;

    begin(&s, REDIS(.username = "eye", .password = "p"),
          "--user eye on >p -@all +info +client|setname");
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    assert_true(value(&s, "redis_memory_used_bytes") > 100000);
    assert_no_series(&s.p, "redis_config_");
    assert_no_series(&s.p, "redis_slowlog_");
    assert_no_series(&s.p, "redis_commands_latencies_usec");
    assert_series(&s.p, "redis_db_keys{db=\"db15\"}", 0);
    for (int i = 0; i < 2; i++) {
        probing_fetch(&s.p, TIMEOUT);
        assert_up(&s.p); /* 5 of this session, 5 of the one that waited for the server */
        assert_true(value(&s, "redis_errors_total{err=\"NOPERM\"}") <= 10);
    }
    tell(&s, "ACL SETUSER blind on >p -@all +ping\r\n", "+OK");
    start_asking(&s, REDIS(.username = "blind", .password = "p"), tcp(&s));
    probing_fetch(&s.p, TIMEOUT);
    assert_down(&s.p, "NOPERM");
}

static void the_rights_that_the_manual_names_are_enough(void **state)
{
    CLEANUP(end) struct server s;

    begin(&s, REDIS(.username = "tocsin", .password = "p"),
          "--user tocsin on >p -@all +info +client|setname +config|get +latency +slowlog|len "
          "+slowlog|get +cluster|info");
    probing_fetch(&s.p, TIMEOUT);
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    assert_true(value(&s, "redis_config_maxclients") > 0);
    assert_series(&s.p, "redis_slowlog_length", 0);
    assert_true(value(&s, "redis_commands_latencies_usec_count{cmd=\"info\"}") > 0);
    assert_no_series(&s.p, "redis_errors_total");
}

static void a_unix_socket_is_asked_by_its_path(void **state)
{
    CLEANUP(end) struct server s;
    CLEANUP(buf_free) struct buf path = {0}, url = {0};

    prepare(&s);
    buf_addf(&path, "%s/redis.sock", s.folder);
    buf_addf(&url, "unix://%s", path.p);
    run(&s, "--port 0 --unixsocket redis.sock --save ''");
    wait_until_there(&s, REDIS(), path.p);
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    start_asking(&s, REDIS(), url.p);
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
}

static void make_certificates(const struct server *s)
{
    CLEANUP(buf_free) struct buf command = {0};

    buf_addf(&command,
             "cd %s && exec >/dev/null 2>&1 && "
             "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca "
             "-days 2 && "
             "openssl req -newkey rsa:2048 -nodes -keyout key.pem -out req.pem -subj /CN=redis && "
             "echo subjectAltName=IP:127.0.0.1 > ext && "
             "openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
             "-extfile ext -out cert.pem",
             s->folder);
    assert_int_equal(system(command.p), 0);
}

static void tls_is_spoken_and_certificates_are_checked(void **state)
{
    CLEANUP(end) struct server s;
    CLEANUP(buf_free) struct buf args = {0}, ca = {0}, cert = {0}, key = {0}, url = {0};

    need("openssl");
    prepare(&s);
    make_certificates(&s);
    buf_addf(&args,
             "--port 0 --tls-port %d --bind 127.0.0.1 --save '' --tls-cert-file cert.pem "
             "--tls-key-file key.pem --tls-ca-cert-file ca.pem --tls-auth-clients yes",
             s.port);
    buf_addf(&ca, "%s/ca.pem", s.folder);
    buf_addf(&cert, "%s/cert.pem", s.folder);
    buf_addf(&key, "%s/key.pem", s.folder);
    buf_addf(&url, "rediss://127.0.0.1:%d", s.port);
    run(&s, args.p);
    wait_until_there(
        &s,
        REDIS(.tls = {.enabled = true, .ca_file = ca.p, .cert_file = cert.p, .key_file = key.p}),
        tcp(&s));
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    start_asking(&s, REDIS(.tls = {.enabled = true, .cert_file = cert.p, .key_file = key.p}),
                 tcp(&s));
    probing_fetch(&s.p, TIMEOUT);
    assert_down(&s.p, "TLS handshake: ");
    start_asking(&s, REDIS(.tls = {.ca_file = ca.p, .cert_file = cert.p, .key_file = key.p}),
                 url.p);
    probing_fetch(&s.p, TIMEOUT); /* the scheme alone asks for TLS */
    assert_up(&s.p);
    start_asking(&s, REDIS(), tcp(&s)); /* plain bytes to a TLS port */
    probing_fetch(&s.p, TIMEOUT);
    assert_int_not_equal(s.p.err.code, 0);
}

static void a_cluster_node_tells_about_its_cluster(void **state)
{
    CLEANUP(end) struct server s;
    char bus[64];
    int port;

    close(peer_bind(&port));
    snprintf(bus, sizeof bus, "--cluster-enabled yes --cluster-port %d", port);
    begin(&s, REDIS(), bus);
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    assert_series(&s.p, "redis_cluster_enabled", 1);
    assert_series(&s.p, "redis_cluster_state", 0);
    assert_series(&s.p, "redis_cluster_known_nodes", 1);
    assert_no_series(&s.p, "redis_db_keys{db=\"db1\"}");
}

static void a_sentinel_tells_about_its_masters(void **state)
{
    CLEANUP(end) struct server s, sentinel;
    CLEANUP(buf_free) struct buf conf = {0}, series = {0};

    begin(&s, REDIS(), "");
    prepare(&sentinel);
    buf_addf(&conf, "port %d\nbind 127.0.0.1\nsentinel monitor m1 127.0.0.1 %d 1\n", sentinel.port,
             s.port);
    write_file(&sentinel, "sentinel.conf", conf.p);
    run(&sentinel, "sentinel.conf --sentinel");
    wait_until_there(&sentinel, REDIS(), tcp(&sentinel));
    probing_fetch(&sentinel.p, TIMEOUT);
    assert_up(&sentinel.p);
    assert_series(&sentinel.p, "redis_sentinel_masters", 1);
    buf_addf(&series,
             "redis_sentinel_master_setting_ckquorum{master_name=\"m1\","
             "master_address=\"127.0.0.1:%d\"}",
             s.port);
    assert_series(&sentinel.p, series.p, 1);
    assert_no_series(&sentinel.p, "redis_db_keys");
}

static void a_server_that_stands_still_is_down_until_it_goes_on(void **state)
{
    CLEANUP(end) struct server s;

    begin(&s, REDIS(), "");
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    kill(s.pid, SIGSTOP);
    probing_fetch(&s.p, IMPATIENT);
    assert_down(&s.p, "no answer to INFO ALL within 300ms");
    probing_fetch(&s.p, IMPATIENT); /* the kernel accepts, nobody answers */
    assert_down(&s.p, "no answer to CLIENT SETNAME tocsin within 300ms");
    kill(s.pid, SIGCONT);
    probing_fetch(&s.p, TIMEOUT);
    assert_up(&s.p);
    kill(s.pid, SIGKILL);
    waitpid(s.pid, NULL, 0);
    s.pid = 0;
    probing_fetch(&s.p, TIMEOUT);
    assert_down(&s.p, "Connection refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_redis_is_measured_over_one_connection),
        cmocka_unit_test(a_password_is_needed_and_may_be_rotated),
        cmocka_unit_test(a_password_that_the_server_does_not_have_is_told),
        cmocka_unit_test(a_user_with_few_rights_gives_fewer_metrics_and_no_further_errors),
        cmocka_unit_test(the_rights_that_the_manual_names_are_enough),
        cmocka_unit_test(a_unix_socket_is_asked_by_its_path),
        cmocka_unit_test(tls_is_spoken_and_certificates_are_checked),
        cmocka_unit_test(a_cluster_node_tells_about_its_cluster),
        cmocka_unit_test(a_sentinel_tells_about_its_masters),
        cmocka_unit_test(a_server_that_stands_still_is_down_until_it_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
