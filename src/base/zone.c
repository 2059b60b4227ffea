/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zoneinfo file (RFC 8536), all numbers big-endian:
 *
 *     "TZif" version(1) reserved(15)
 *     isutcnt isstdcnt leapcnt timecnt typecnt charcnt   uint32 each
 *     timecnt times, timecnt type numbers (uint8), typecnt types {int32 offset, uint8 dst, uint8
 * abbreviation}, charcnt bytes of abbreviations, leapcnt leap seconds, isstdcnt + isutcnt bytes
 *
 * Times have 4 bytes. From version 2 on the same follows once more with times of 8 bytes, which is
 * the part that counts, and then a line feed, the rule for later times (see zone_rule.c), a line
 * feed.
 */
#include "base/zone.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/zone_rule_priv.h"

#define ZONE_FILE_MAX 65536 /* bytes; the largest of the tz database has 3,800 */
#define HEADER_BYTES  44

struct zone_type {
    int32_t offset;
    bool dst;
    struct str abbreviation;
};

struct zone {
    struct str name;
    struct zone *next; /* in the list of loaded zones */
    size_t n_times;
    int64_t *times; /* ascending: from here on types[kinds[i]] is in force */
    uint8_t *kinds;
    size_t n_types;
    struct zone_type *types;
    bool has_rule; /* for instants after the last of times, or all */
    struct zone_rule rule;
    char *bytes; /* what the strings point into */
};

static const struct builtin_zone {
    const char *name, *rule;
} builtin_zones[] = {
    {"Asia/Shanghai", "CST-8"},
    {"Asia/Chongqing", "CST-8"},
    {"Asia/Harbin", "CST-8"},
    {"PRC", "CST-8"},
    {"Asia/Urumqi", "<+06>-6"},
    {"Asia/Hong_Kong", "HKT-8"},
    {"Asia/Macau", "CST-8"},
    {"Asia/Taipei", "CST-8"},
    {"Asia/Singapore", "<+08>-8"},
    {"Asia/Tokyo", "JST-9"},
    {"Asia/Seoul", "KST-9"},
    {"Etc/UTC", "UTC0"},
    {"GMT", "GMT0"},
};

static const char *const zone_folders[] = {"/usr/share/zoneinfo", "/usr/share/lib/zoneinfo",
                                           "/usr/lib/zoneinfo", "/etc/zoneinfo"};

void zone_free(struct zone *z)
{
    if (!z)
        return;
    free(z->times);
    free(z->kinds);
    free(z->types);
    free(z->bytes);
    free(z);
}

static uint64_t big_endian(const char *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

struct counts {
    uint64_t isut, isstd, leap, time, type, chars;
};

static bool read_counts(struct str s, struct counts *ret)
{
    if (s.len < HEADER_BYTES || memcmp(s.p, "TZif", 4) != 0)
        return false;
    *ret = (struct counts){big_endian(s.p + 20, 4), big_endian(s.p + 24, 4),
                           big_endian(s.p + 28, 4), big_endian(s.p + 32, 4),
                           big_endian(s.p + 36, 4), big_endian(s.p + 40, 4)};
    return true;
}

/* Bytes of the block behind its header, or 0 when it does not fit into `left`. */
static size_t block_bytes(const struct counts *c, size_t time_size, size_t left)
{
    uint64_t n = c->time * (time_size + 1) + c->type * 6 + c->chars + c->leap * (time_size + 4) +
                 c->isstd + c->isut;

    return n <= left && c->type > 0 ? (size_t)n : 0; /* counts have 32 bits: no overflow */
}

static bool read_block(struct zone *z, const struct counts *c, const char *p, size_t time_size)
{
    const char *kinds = p + c->time * time_size, *types = kinds + c->time,
               *chars = types + c->type * 6;

    z->times = mem_array(c->time, sizeof *z->times);
    z->kinds = mem_array(c->time, sizeof *z->kinds);
    z->types = mem_array(c->type, sizeof *z->types);
    z->n_times = c->time;
    z->n_types = c->type;
    for (size_t i = 0; i < c->time; i++) {
        uint64_t v = big_endian(p + i * time_size, time_size);

        z->times[i] = time_size == 8 ? (int64_t)v : (int32_t)v;
        z->kinds[i] = (uint8_t)kinds[i];
        if (z->kinds[i] >= c->type || (i > 0 && z->times[i] < z->times[i - 1]))
            return false;
    }
    for (size_t i = 0; i < c->type; i++) {
        unsigned at = (unsigned char)types[i * 6 + 5];

        if (at >= c->chars)
            return false;
        z->types[i] = (struct zone_type){(int32_t)big_endian(types + i * 6, 4),
                                         types[i * 6 + 4] != 0,
                                         str_n(chars + at, strnlen(chars + at, c->chars - at))};
    }
    return true;
}

static bool parse_file(struct zone *z, struct str s)
{
    struct counts c;
    size_t n;

    if (!read_counts(s, &c))
        return false;
    n = block_bytes(&c, 4, s.len - HEADER_BYTES);
    if (s.p[4] < '2')
        return n > 0 && read_block(z, &c, s.p + HEADER_BYTES, 4);
    /* The first block of a new file may be empty. */
    if (n == 0 && c.type > 0)
        return false;
    s = str_n(s.p + HEADER_BYTES + n, s.len - HEADER_BYTES - n);
    if (!read_counts(s, &c))
        return false;
    n = block_bytes(&c, 8, s.len - HEADER_BYTES);
    if (n == 0 || !read_block(z, &c, s.p + HEADER_BYTES, 8))
        return false;
    s = str_n(s.p + HEADER_BYTES + n, s.len - HEADER_BYTES - n);
    if (s.len > 2 && s.p[0] == '\n') {
        s = str_n(s.p + 1, s.len - 1);
        z->has_rule = zone_rule_parse(str_cut(&s, '\n'), &z->rule);
    }
    return true;
}

/* name and file are copied into one piece of memory that the zone's strings point into. */
static struct zone *new_zone(struct str name, struct str file, struct str *ret_file)
{
    struct zone *z = mem_zalloc(sizeof *z);

    z->bytes = mem_alloc(name.len + file.len + 1);
    if (name.len > 0)
        memcpy(z->bytes, name.p, name.len);
    if (file.len > 0)
        memcpy(z->bytes + name.len, file.p, file.len);
    z->bytes[name.len + file.len] = '\0';
    z->name = str_n(z->bytes, name.len);
    *ret_file = str_n(z->bytes + name.len, file.len);
    return z;
}

int zone_parse(struct str name, struct str file, struct zone **ret, struct err *err)
{
    struct str copy;
    struct zone *z = new_zone(name, file, &copy);

    if (!parse_file(z, copy)) {
        zone_free(z);
        return err_set(err, -EINVAL, "malformed time zone information");
    }
    *ret = z;
    return 0;
}

static struct zone *of_rule(struct str name, const char *rule)
{
    struct str copy;
    struct zone *z = new_zone(name, str_c(rule), &copy);

    z->has_rule = zone_rule_parse(copy, &z->rule);
    return z;
}

static struct zone *load_path(struct str name, const char *path)
{
    struct buf b = {0};
    struct zone *z = NULL;

    if (file_read(path, ZONE_FILE_MAX, &b, NULL) == 0)
        zone_parse(name, buf_str(&b), &z, NULL);
    buf_free(&b);
    return z;
}

static bool name_is_safe(struct str name)
{
    return name.len > 0 && name.len < 128 && name.p[0] != '/' &&
           memchr(name.p, '\\', name.len) == NULL && memchr(name.p, '\0', name.len) == NULL &&
           str_find(name, STR("..")) == name.len;
}

static struct zone *load(struct str name)
{
    struct zone *z = NULL;

    if (!name_is_safe(name))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(zone_folders) && !z; i++) {
        struct buf path = {0};

        buf_addf(&path, "%s/" STR_FMT, zone_folders[i], STR_ARG(name));
        z = load_path(name, path.p);
        buf_free(&path);
    }
    for (size_t i = 0; i < ARRAY_LEN(builtin_zones) && !z; i++)
        if (str_eq_c(name, builtin_zones[i].name))
            z = of_rule(name, builtin_zones[i].rule);
    return z;
}

static struct lock loaded_lock = LOCK_INIT;
static struct zone *loaded; /* under loaded_lock; zones in it never change and are never freed */

int zone_find(struct str name, const struct zone **ret, struct err *err)
{
    struct zone *z;

    if (name.len == 0 || str_eq_c(name, "UTC")) {
        *ret = NULL;
        return 0;
    }
    if (str_eq_c(name, "Local")) {
        *ret = zone_local();
        return 0;
    }
    WITH_LOCK(&loaded_lock);
    for (z = loaded; z && !str_eq(z->name, name);)
        z = z->next;
    if (!z) {
        z = load(name);
        if (!z)
            return err_set(err, -ENOENT, "unknown time zone " STR_FMT, STR_ARG(name));
        z->next = loaded;
        loaded = z;
    }
    *ret = z;
    return 0;
}

static struct zone *local;
static pthread_once_t local_once = PTHREAD_ONCE_INIT;

static void load_local(void)
{
    const char *tz = getenv("TZ");

    if (tz && *tz == ':')
        tz++;
    if (tz && *tz == '/')
        local = load_path(STR("Local"), tz);
    else if (tz && *tz)
        local = load(str_c(tz));
    else if (!tz)
        local = load_path(STR("Local"), "/etc/localtime");
}

const struct zone *zone_local(void)
{
    pthread_once(&local_once, load_local);
    return local;
}

const struct zone *zone_fixed(struct arena *a, int32_t offset)
{
    struct zone *z = arena_zalloc(a, sizeof *z);

    z->types = arena_zalloc(a, sizeof *z->types);
    z->types->offset = offset;
    z->types->abbreviation = STR("");
    z->n_types = 1;
    z->name = STR("");
    return z;
}

/* Before its first change a zone has its first type that is no summer time. */
static const struct zone_type *first_type(const struct zone *z)
{
    for (size_t i = 0; i < z->n_types; i++)
        if (!z->types[i].dst)
            return &z->types[i];
    return &z->types[0];
}

struct zone_moment zone_at(const struct zone *z, int64_t t)
{
    const struct zone_type *type;
    size_t lo = 0, hi;

    if (!z)
        return (struct zone_moment){0, false, STR("UTC")};
    hi = z->n_times;
    while (lo < hi) { /* lo becomes the number of changes up to t */
        size_t mid = lo + (hi - lo) / 2;

        if (z->times[mid] <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (z->has_rule && lo == z->n_times)
        return zone_rule_at(&z->rule, t);
    if (z->n_types == 0)
        return (struct zone_moment){0, false, STR("UTC")};
    type = lo > 0 ? &z->types[z->kinds[lo - 1]] : first_type(z);
    return (struct zone_moment){type->offset, type->dst, type->abbreviation};
}

struct str zone_name(const struct zone *z)
{
    return z ? z->name : STR("UTC");
}
