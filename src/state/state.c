/* SPDX-License-Identifier: Apache-2.0 */
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"

#define SCHEMA_VERSION 1
#define BUSY_MS        2000 /* how long a backup by another program may hold us up */

/*
 * One writer at a time has the database. Writers that arrive while it is busy queue up; the next
 * one in takes all of the queue into one transaction, so that the cost of a disk sync is shared
 * (group commit).
 */
struct waiting_write {
    const struct keeper_op *ops;
    size_t n;
    bool done;
    int result;
    struct err err;
    struct waiting_write *next;
};

struct state {
    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct waiting_write *first, **last;
    bool writing;

    /* of the thread that set `writing` */
    sqlite3 *db;
    sqlite3_stmt *put, *del, *list;
};

static int sqlite_error(struct state *s, struct err *err, const char *what)
{
    int code = sqlite3_extended_errcode(s->db) & 0xff;
    int r = code == SQLITE_FULL                            ? -ENOSPC
            : code == SQLITE_BUSY || code == SQLITE_LOCKED ? -EBUSY
                                                           : -EIO;

    return err_set(err, r, "%s: %s", what, sqlite3_errmsg(s->db));
}

static int run(struct state *s, const char *sql, struct err *err)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(s, err, sql);
    return 0;
}

static int prepare(struct state *s, const char *sql, sqlite3_stmt **ret, struct err *err)
{
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK)
        return sqlite_error(s, err, sql);
    return 0;
}

static int user_version(struct state *s, int *ret, struct err *err)
{
    sqlite3_stmt *q = NULL;
    int r = prepare(s, "PRAGMA user_version", &q, err);

    if (r == 0 && sqlite3_step(q) != SQLITE_ROW)
        r = sqlite_error(s, err, "PRAGMA user_version");
    if (r == 0)
        *ret = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    return r;
}

/* EXCLUSIVE keeps every other process out for as long as we run, also one that was started by
 * mistake. */
static int set_up(struct state *s, struct err *err)
{
    int version = 0, r;

    sqlite3_busy_timeout(s->db, BUSY_MS);
    if ((r = run(s, "PRAGMA locking_mode=EXCLUSIVE", err)) < 0 ||
        (r = run(s, "PRAGMA journal_mode=WAL", err)) < 0 ||
        (r = run(s, "PRAGMA synchronous=FULL", err)) < 0 ||
        (r = run(s, "PRAGMA trusted_schema=OFF", err)) < 0 ||
        (r = run(s, "BEGIN IMMEDIATE", err)) < 0 || (r = user_version(s, &version, err)) < 0)
        return r;
    if (version > SCHEMA_VERSION)
        return err_set(err, -EPROTO, "schema %d is newer than %d, the newest this tocsin knows",
                       version, SCHEMA_VERSION);
    if (version < 1 &&
        (r = run(s,
                 "CREATE TABLE record (kind TEXT NOT NULL, key BLOB NOT NULL,"
                 " value BLOB NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;"
                 "PRAGMA user_version=1",
                 err)) < 0)
        return r;
    if ((r = run(s, "COMMIT", err)) < 0 ||
        (r = prepare(s, "INSERT OR REPLACE INTO record (kind, key, value) VALUES (?1, ?2, ?3)",
                     &s->put, err)) < 0 ||
        (r = prepare(s, "DELETE FROM record WHERE kind = ?1 AND key = ?2", &s->del, err)) < 0)
        return r;
    return prepare(s, "SELECT key, value FROM record WHERE kind = ?1 ORDER BY key", &s->list, err);
}

/* quick_check reads the whole file; the file is small (alerts, messages, silences), samples are not
 * in it. */
static int check_whole(struct state *s, struct err *err)
{
    sqlite3_stmt *q = NULL;
    int r = prepare(s, "PRAGMA quick_check(1)", &q, err);

    if (r == 0 && sqlite3_step(q) != SQLITE_ROW)
        r = sqlite_error(s, err, "quick_check");
    if (r == 0 && strcmp((const char *)sqlite3_column_text(q, 0), "ok") != 0)
        r = err_set(err, -EBADMSG, "%s", sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    return r;
}

/* SQLite gives its other files the mode of this one; left to itself it would let everybody read. */
static void make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

    if (fd >= 0)
        close(fd);
}

static int open_once(const char *path, struct state **ret, struct err *err)
{
    struct state *s = mem_zalloc(sizeof *s);
    int r;

    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->last = &s->first;
    make_private(path);
    if (sqlite3_open_v2(path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        r = sqlite_error(s, err, "open");
    else if ((r = set_up(s, err)) == 0)
        r = check_whole(s, err);
    if (r < 0) {
        int code = s->db ? sqlite3_errcode(s->db) : 0;

        if (r == -EBUSY)
            err_set(err, r, "is in use by another process");

        /* What SQLite cannot read at all is told like what quick_check found. */
        if (r == -EIO && (code == SQLITE_NOTADB || code == SQLITE_CORRUPT))
            r = -EBADMSG;
        state_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

static char *move_aside(const char *path, struct err *err)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    struct buf to = {0};
    char *aside = NULL;

    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        CLEANUP(buf_free)
        struct buf from = {0};

        buf_addf(&from, "%s%s", path, tails[i]);
        buf_reset(&to);
        buf_addf(&to, "%s.damaged-%lld%s", path, (long long)(clock_unix_ms() / 1000), tails[i]);
        if (rename(from.p, to.p) == 0 && i == 0)
            aside = mem_strdup(to.p);
        else if (i == 0)
            err_set(err, -errno, "move the damaged file to %s: %m", to.p);
    }
    buf_free(&to);
    return aside;
}

int state_open(const char *path, struct state **ret, char **ret_report, struct err *err)
{
    struct err why = {0};
    int r = open_once(path, ret, &why);
    char *aside, *report;

    *ret_report = NULL;
    if (r != -EBADMSG) {
        if (r < 0)
            err_set(err, r, "%s: %s", path, why.msg);
        return r;
    }
    aside = move_aside(path, err);
    if (!aside)
        return err_in(err, -EBADMSG, "%s: %s", path, why.msg);
    r = open_once(path, ret, err);
    if (r < 0)
        return err_in(err, r, "%s", path);
    if (asprintf(&report, "%s is damaged (%s): kept as %s, begun anew", path, why.msg, aside) < 0)
        abort();
    *ret_report = report;
    free(aside);
    return 0;
}

void state_close(struct state *s)
{
    if (!s)
        return;
    sqlite3_finalize(s->put);
    sqlite3_finalize(s->del);
    sqlite3_finalize(s->list);
    sqlite3_close(s->db);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static int apply_op(struct state *s, const struct keeper_op *op, struct err *err)
{
    sqlite3_stmt *q = op->value.p ? s->put : s->del;
    int r = 0;

    sqlite3_bind_text(q, 1, op->table, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(q, 2, op->key.len ? op->key.p : "", op->key.len, SQLITE_STATIC);
    if (op->value.p)
        sqlite3_bind_blob64(q, 3, op->value.p, op->value.len, SQLITE_STATIC);
    if (sqlite3_step(q) != SQLITE_DONE)
        r = sqlite_error(s, err, op->table);
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    return r;
}

/* One transaction for all of a chain. When it fails, each of them failed. */
static int commit_chain(struct state *s, struct waiting_write *chain, struct err *err)
{
    int r = run(s, "BEGIN IMMEDIATE", err);

    for (struct waiting_write *w = chain; w && r == 0; w = w->next)
        for (size_t i = 0; i < w->n && r == 0; i++)
            r = apply_op(s, &w->ops[i], err);
    if (r == 0)
        r = run(s, "COMMIT", err);
    if (r < 0 && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

static void finish_chain(struct waiting_write *chain, int result, const struct err *err)
{
    for (struct waiting_write *w = chain, *next; w; w = next) {
        next = w->next;
        w->result = result;
        w->err = *err;
        w->done = true; /* its thread may return now, and w with it */
    }
}

static void take_database(struct state *s)
{
    while (s->writing)
        pthread_cond_wait(&s->changed, &s->lock);
    s->writing = true;
}

static int keeper_write(void *self, const struct keeper_op *ops, size_t n, struct err *err)
{
    struct state *s = self;
    struct waiting_write mine = {.ops = ops, .n = n};

    if (n == 0)
        return 0;
    pthread_mutex_lock(&s->lock);
    *s->last = &mine;
    s->last = &mine.next;
    while (!mine.done && s->writing)
        pthread_cond_wait(&s->changed, &s->lock);
    if (!mine.done) {
        struct waiting_write *chain = s->first;
        struct err why = {0};
        int r;

        s->first = NULL;
        s->last = &s->first;
        s->writing = true;
        pthread_mutex_unlock(&s->lock);
        r = commit_chain(s, chain, &why);
        pthread_mutex_lock(&s->lock);
        s->writing = false;
        finish_chain(chain, r, &why);
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    if (mine.result < 0)
        return err_set(err, mine.result, "state: %s", mine.err.msg);
    return 0;
}

static int keeper_each(void *self, const char *table,
                       int (*cb)(struct str key, struct str value, void *arg), void *arg,
                       struct err *err)
{
    struct state *s = self;
    int step, stop = 0;

    pthread_mutex_lock(&s->lock);
    take_database(s);
    pthread_mutex_unlock(&s->lock);

    sqlite3_bind_text(s->list, 1, table, -1, SQLITE_STATIC);
    while (stop == 0 && (step = sqlite3_step(s->list)) == SQLITE_ROW) {
        const void *key = sqlite3_column_blob(s->list, 0), *value = sqlite3_column_blob(s->list, 1);

        stop = cb(str_n(key ? key : "", (size_t)sqlite3_column_bytes(s->list, 0)),
                  str_n(value ? value : "", (size_t)sqlite3_column_bytes(s->list, 1)), arg);
    }
    step = stop ? 0 : step == SQLITE_DONE ? 0 : sqlite_error(s, err, table);
    sqlite3_reset(s->list);
    sqlite3_clear_bindings(s->list);

    pthread_mutex_lock(&s->lock);
    s->writing = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return step < 0 ? step : stop;
}

struct keeper state_keeper(struct state *s)
{
    return (struct keeper){.self = s, .write = keeper_write, .each = keeper_each};
}
