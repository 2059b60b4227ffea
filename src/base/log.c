/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a line is all but its time. Bodies said within the last minute stand in a small
 * table; one that comes again is only counted there, and its count is told when its minute is over,
 * by the next line that anybody logs or by log_tick().
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"

#define LOG_LINE_MAX  16384 /* bytes of a body; what a person reads is far shorter */
#define LOG_FOLD_MAX  64    /* bodies remembered; beyond it the oldest is forgotten */
#define LOG_FOLD_TIME (60 * NS_PER_S)

struct said {
    char *body; /* NULL: free */
    size_t len;
    uint64_t hash;
    mono_ns first;
    uint64_t more; /* times that it was folded */
};

static _Atomic enum log_level least_level = LOG_INFO;
static _Atomic enum log_format format = LOG_LOGFMT;

static struct lock fold_lock = LOCK_INIT;
static struct said recent[LOG_FOLD_MAX]; /* under fold_lock */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_configure(enum log_level least, enum log_format f)
{
    atomic_store(&least_level, least);
    atomic_store(&format, f);
}

bool log_level_parse(struct str s, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_eq_c(s, level_names[i])) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* ---- the body ------------------------------------------------------------------------------ */

static bool needs_quotes(struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if (c <= ' ' || c == '"' || c == '=' || c == 0x7f)
            return true;
    }
    return value.len == 0 || !str_is_utf8(value);
}

static void begin_body(struct buf *body, enum log_level level, const char *event)
{
    if (atomic_load(&format) == LOG_LOGFMT) {
        buf_addf(body, "%-5s %-7s %s", level_names[level], thread_name(), event);
        return;
    }
    buf_addf(body, ",\"level\":\"%s\",\"role\":", level_names[level]);
    json_add_string(body, str_c(thread_name()), JSON_PLAIN);
    buf_add_c(body, ",\"event\":");
    json_add_string(body, str_c(event), JSON_PLAIN);
}

static void add_pair(struct buf *body, const char *key, struct str value)
{
    if (atomic_load(&format) == LOG_JSON) {
        buf_add_byte(body, ',');
        json_add_string(body, str_c(key), JSON_PLAIN);
        buf_add_byte(body, ':');
        json_add_string(body, value, JSON_PLAIN);
        return;
    }
    buf_add_byte(body, ' ');
    buf_add_c(body, key);
    buf_add_byte(body, '=');
    if (needs_quotes(value))
        json_add_string(body, value, JSON_PLAIN);
    else
        buf_add_str(body, value);
}

/* ---- the line ------------------------------------------------------------------------------ */

/* One write for each line: lines of several threads or processes do not mix. */
static void put_line(struct str body, uint64_t more)
{
    CLEANUP(buf_free) struct buf line = {0};
    bool json = atomic_load(&format) == LOG_JSON;

    buf_add_c(&line, json ? "{\"time\":\"" : "");
    time_add_rfc3339_ms(&line, clock_unix_ms());
    buf_add_c(&line, json ? "\"" : " ");
    buf_add_str(&line, body);
    if (more > 0)
        buf_addf(&line,
                 json ? ",\"repeated\":\"%llu\",\"within\":\"60s\"" : " repeated=%llu within=60s",
                 (unsigned long long)more);
    buf_add_c(&line, json ? "}\n" : "\n");
    while (write(STDERR_FILENO, line.p, line.len) < 0 && errno == EINTR)
        ;
}

static void forget(struct said *s)
{
    if (s->more > 0)
        put_line(str_n(s->body, s->len), s->more);
    free(s->body);
    *s = (struct said){0};
}

/* True when the body was said within the minute: it is only counted. Also tells what is due. */
static bool fold(struct str body, mono_ns now)
{
    uint64_t hash = hash_bytes(body.p, body.len);
    struct said *slot = &recent[0];

    for (struct said *s = recent; s < recent + LOG_FOLD_MAX; s++) {
        if (s->body && now - s->first >= LOG_FOLD_TIME)
            forget(s);
        if (s->body && s->hash == hash && str_eq(str_n(s->body, s->len), body)) {
            s->more++;
            return true;
        }
        if (slot->body && (!s->body || s->first < slot->first))
            slot = s;
    }
    forget(slot);
    *slot = (struct said){mem_strndup(body.p, body.len), body.len, hash, now, 0};
    return false;
}

void log_tick(void)
{
    mono_ns now = clock_mono_ns();

    WITH_LOCK(&fold_lock);
    for (struct said *s = recent; s < recent + LOG_FOLD_MAX; s++)
        if (s->body && now - s->first >= LOG_FOLD_TIME)
            forget(s);
}

static void end_body(const struct buf *body)
{
    WITH_LOCK(&fold_lock);
    if (!fold(buf_str(body), clock_mono_ns()))
        put_line(buf_str(body), 0);
}

void log_event(enum log_level level, const char *event, ...)
{
    CLEANUP(buf_free) struct buf body = {.max = LOG_LINE_MAX};
    const char *key, *value;
    va_list ap;

    if (level < atomic_load(&least_level))
        return;
    begin_body(&body, level, event);
    va_start(ap, event);
    while ((key = va_arg(ap, const char *))) {
        value = va_arg(ap, const char *);
        add_pair(&body, key, str_c(value ? value : ""));
    }
    va_end(ap);
    end_body(&body);
}

void log_eventf(enum log_level level, const char *event, const char *key, const char *fmt, ...)
{
    CLEANUP(buf_free) struct buf body = {.max = LOG_LINE_MAX}, value = {.max = LOG_LINE_MAX};
    va_list ap;

    if (level < atomic_load(&least_level))
        return;
    va_start(ap, fmt);
    buf_vaddf(&value, fmt, ap);
    va_end(ap);
    begin_body(&body, level, event);
    add_pair(&body, key, buf_str(&value));
    end_body(&body);
}
