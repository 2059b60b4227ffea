/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/mysql_client_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <errmsg.h>
#include <mysql.h>

#include "base/mem.h"
#include "base/must.h"
#include "base/num.h"
#include "base/thread.h"

#define PACKET_MAX (16u << 20) /* bytes of one row or text that a server may send */

/* What a server may ask us to prove who we are with: nothing that shows it the password. */
#define METHODS "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519"

/* Where Debian's and Red Hat's systems keep the certificates they trust. */
static const char *const system_cas[] = {"/etc/ssl/certs/ca-certificates.crt",
                                         "/etc/pki/tls/certs/ca-bundle.crt"};

struct mysql_client {
    MYSQL *mysql;
    int wire; /* a second descriptor of the connection: the library may close its own at any time */
};

/* ---- why it failed --------------------------------------------------------------------------- */

/* The number in "... (111)" or "... system error: 110"; 0: none. */
static int system_error(struct str text)
{
    size_t end = text.len, at;
    int64_t n = 0;

    while (end > 0 && (text.p[end - 1] < '0' || text.p[end - 1] > '9'))
        end--;
    for (at = end; at > 0 && text.p[at - 1] >= '0' && text.p[at - 1] <= '9'; at--)
        ;
    return num_parse_i64(str_n(text.p + at, end - at), &n) && n < 4096 ? (int)n : 0;
}

static void add_place(struct buf *b, const struct mysql_client_options *o)
{
    if (o->unix_path)
        buf_add_c(b, o->unix_path);
    else
        buf_addf(b, strchr(o->host, ':') ? "[%s]:%d" : "%s:%d", o->host, o->port);
}

static int open_failed(MYSQL *m, const struct mysql_client_options *o, dur_ms waited,
                       struct err *err)
{
    CLEANUP(buf_free) struct buf place = {0};
    unsigned number = mysql_errno(m);
    const char *words = mysql_error(m);
    int os = system_error(str_c(words));

    add_place(&place, o);
    switch (number) {
    case CR_UNKNOWN_HOST:
        return err_set(err, -EHOSTUNREACH, "resolve %s: no such host", o->host ? o->host : "");
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
        if (os == EINPROGRESS && waited >= o->connect_timeout)
            return err_set(err, -ETIMEDOUT, "connect to %s: no answer in time", place.p);
        if (os == 0 || os == EINPROGRESS) /* the library keeps the cause for itself */
            return err_set(err, -ECONNREFUSED, "connect to %s: refused, or no way there", place.p);
        return err_set(err, -os, "connect to %s: %m", place.p);
    case CR_SERVER_LOST:
    case CR_SERVER_GONE_ERROR:
        if (waited >= o->connect_timeout || waited >= o->read_timeout)
            return err_set(err, -ETIMEDOUT, "connect to %s: no greeting in time", place.p);
        return err_set(err, -ECONNRESET,
                       "connect to %s: it ended the connection before the login was over", place.p);
    case CR_SSL_CONNECTION_ERROR: return err_set(err, -EPROTO, "TLS with %s: %s", place.p, words);
    default:
        return err_set(err, number < CR_MIN_ERROR ? -EACCES : -EPROTO, "log in to %s: %s", place.p,
                       words);
    }
}

/* ---- opening ---------------------------------------------------------------------------------- */

static unsigned whole_seconds(dur_ms ms)
{
    return ms <= 1000 ? 1 : (unsigned)((ms + 999) / 1000);
}

static void set_tls(MYSQL *m, const struct tls_options *t)
{
    static const char *const versions[] = {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
    CLEANUP(buf_free) struct buf wanted = {0};
    my_bool on = 1, verify = !t->insecure_skip_verify;
    const char *ca = t->ca_file;

    for (size_t i = 0; !ca && i < ARRAY_LEN(system_cas); i++)
        if (access(system_cas[i], R_OK) == 0)
            ca = system_cas[i];
    for (int v = 10; v <= 13; v++)
        if ((!t->min_version || v >= t->min_version) && (!t->max_version || v <= t->max_version))
            buf_addf(&wanted, "%s%s", wanted.len ? "," : "", versions[v - 10]);
    mysql_ssl_set(m, t->key_file, t->cert_file, verify ? ca : NULL, NULL, NULL);
    mysql_options(m, MYSQL_OPT_SSL_ENFORCE, &on);
    mysql_options(m, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    if (t->min_version || t->max_version)
        mysql_options(m, MARIADB_OPT_TLS_VERSION, wanted.p ? wanted.p : "");
}

static void set_options(MYSQL *m, const struct mysql_client_options *o)
{
    unsigned connect = whole_seconds(o->connect_timeout), read = whole_seconds(o->read_timeout);
    unsigned protocol = o->unix_path ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    unsigned local_files = 0;
    size_t packet = PACKET_MAX;
    my_bool reconnect = 0;

    mysql_options(m, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
    mysql_options(m, MYSQL_OPT_READ_TIMEOUT, &read);
    mysql_options(m, MYSQL_OPT_WRITE_TIMEOUT, &read);
    mysql_options(m, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_options(m, MYSQL_OPT_LOCAL_INFILE, &local_files);
    mysql_options(m, MYSQL_OPT_RECONNECT, &reconnect);
    mysql_options(m, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    mysql_options(m, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(m, MARIADB_OPT_RESTRICTED_AUTH, METHODS);
    mysql_optionsv(m, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "tocsin");
    if (o->tls.enabled)
        set_tls(m, &o->tls);
}

static void init_library(void)
{
    must(mysql_server_init(0, NULL, NULL) == 0);
}

int mysql_client_open(const struct mysql_client_options *o, struct mysql_client **ret,
                      struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    mono_ns started = clock_mono_ns();
    struct mysql_client *c;
    MYSQL *m;
    int r;

    pthread_once(&once, init_library);
    m = mysql_init(NULL);
    if (!m)
        abort(); /* out of memory, as in base/mem.h */
    set_options(m, o);
    if (!mysql_real_connect(m, o->host, o->user, o->password, NULL, (unsigned)o->port, o->unix_path,
                            0)) {
        r = open_failed(m, o, (clock_mono_ns() - started) / NS_PER_MS, err);
        mysql_close(m);
        return r;
    }
    c = mem_zalloc(sizeof *c);
    c->mysql = m;
    c->wire = fcntl((int)mysql_get_socket(m), F_DUPFD_CLOEXEC, 0);
    *ret = c;
    return 0;
}

void mysql_client_interrupt(struct mysql_client *c)
{
    if (c->wire >= 0)
        shutdown(c->wire, SHUT_RDWR);
}

void mysql_client_free(struct mysql_client *c)
{
    if (!c)
        return;
    mysql_close(c->mysql);
    if (c->wire >= 0)
        close(c->wire);
    free(c);
}

/* ---- asking ------------------------------------------------------------------------------------ */

static int ask_failed(MYSQL *m, unsigned *number, struct err *err)
{
    *number = mysql_errno(m);
    if (*number && *number < CR_MIN_ERROR)
        return err_set(err, -EREMOTEIO, "%s", mysql_error(m));
    return err_set(err, -ECONNRESET, "%s", mysql_error(m));
}

static void take_row(struct mysql_table *t, MYSQL_ROW row, const unsigned long *lengths,
                     struct arena *a)
{
    struct str *cells;

    if (t->n_rows == t->cap_rows) { /* the arena keeps the smaller ones: twice the size at most */
        size_t cap = t->cap_rows ? t->cap_rows * 2 : 64;
        struct str *more = arena_array(a, cap * t->n_columns, sizeof *more);

        if (t->n_rows)
            memcpy(more, t->cells, t->n_rows * t->n_columns * sizeof *more);
        t->cells = more;
        t->cap_rows = cap;
    }
    cells = &t->cells[t->n_rows++ * t->n_columns];
    for (size_t i = 0; i < t->n_columns; i++)
        cells[i] = row[i] ? arena_str(a, str_n(row[i], lengths[i])) : STR_NONE;
}

static void take_columns(struct mysql_table *t, MYSQL_RES *res, struct arena *a)
{
    unsigned n = mysql_num_fields(res);
    const MYSQL_FIELD *fields = mysql_fetch_fields(res);
    struct str *names = arena_array(a, n, sizeof *names);

    for (unsigned i = 0; i < n; i++)
        names[i] = arena_str(a, str_c(fields[i].name));
    t->columns = names;
    t->n_columns = n;
}

int mysql_client_ask(struct mysql_client *c, const char *sql, size_t rows_max, struct arena *a,
                     struct mysql_table *ret, unsigned *number, struct err *err)
{
    struct mysql_table t = {0};
    MYSQL_RES *res;
    MYSQL_ROW row;
    int r = 0;

    if (mysql_real_query(c->mysql, sql, strlen(sql)) != 0)
        return ask_failed(c->mysql, number, err);
    res = mysql_use_result(c->mysql);
    if (!res && mysql_errno(c->mysql))
        return ask_failed(c->mysql, number, err);
    if (!res) {
        *ret = t; /* a statement without rows */
        return 0;
    }
    take_columns(&t, res, a);
    while (!a->overflow && (row = mysql_fetch_row(res))) {
        t.cut = t.n_rows == rows_max;
        if (!t.cut)
            take_row(&t, row, mysql_fetch_lengths(res), a);
    }
    if (mysql_errno(c->mysql))
        r = ask_failed(c->mysql, number, err);
    if (a->overflow)
        mysql_client_interrupt(c); /* rather than to read the rest of it */
    mysql_free_result(res);
    *ret = t;
    return r;
}
