/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time intervals: names for hours, weekdays, days, months and years. Each element of a list is one
 * value or a range, "begin:end".
 */
#include "config/config_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/zone.h"

#define DAY_MINUTES    (24 * 60)
#define SHORTEST_MONTH 28
#define LONGEST_MONTH  31
#define NUMBER_MAX     9 /* digits of a year or day with its sign; all fit an int */

/* ---- values -------------------------------------------------------------------------------- */

/* What one end of a range is; false with an error noted. */
typedef bool end_reader(struct decoder *d, const struct yaml_node *at, struct str text, int *ret);

static bool read_name(const char *const *names, size_t n, struct str text, int *ret)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(text, str_c(names[i]))) {
            *ret = (int)i;
            return true;
        }
    return false;
}

static bool read_number(struct str text, int *ret)
{
    size_t i = text.len > 0 && (text.p[0] == '-' || text.p[0] == '+');
    int v = 0;

    if (i == text.len || text.len > NUMBER_MAX)
        return false;
    for (size_t k = i; k < text.len; k++) {
        if (text.p[k] < '0' || text.p[k] > '9')
            return false;
        v = v * 10 + (text.p[k] - '0');
    }
    *ret = text.p[0] == '-' ? -v : v;
    return true;
}

static struct str cut(struct str s)
{
    return str_n(s.p, str_utf8_prefix(s, CONFIG_QUOTE_MAX));
}

static bool read_weekday(struct decoder *d, const struct yaml_node *at, struct str text, int *ret)
{
    static const char *const names[] = {"sunday",   "monday", "tuesday", "wednesday",
                                        "thursday", "friday", "saturday"};

    if (read_name(names, ARRAY_LEN(names), text, ret))
        return true;
    decoder_wrong(d, at, STR_FMT " is not a valid weekday", STR_ARG(cut(text)));
    return false;
}

static bool read_day(struct decoder *d, const struct yaml_node *at, struct str text, int *ret)
{
    if (!read_number(text, ret)) {
        decoder_wrong(d, at, STR_FMT " is not a valid day of the month", STR_ARG(cut(text)));
        return false;
    }
    if (*ret == 0 || *ret < -LONGEST_MONTH || *ret > LONGEST_MONTH) {
        decoder_wrong(d, at, "%d is not a valid day of the month: out of range", *ret);
        return false;
    }
    return true;
}

static bool read_month(struct decoder *d, const struct yaml_node *at, struct str text, int *ret)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};

    if (read_name(names, ARRAY_LEN(names), text, ret)) {
        ++*ret;
        return true;
    }
    if (read_number(text, ret))
        return true;
    decoder_wrong(d, at, STR_FMT " is not a valid month", STR_ARG(cut(text)));
    return false;
}

static bool read_year(struct decoder *d, const struct yaml_node *at, struct str text, int *ret)
{
    if (read_number(text, ret))
        return true;
    decoder_wrong(d, at, STR_FMT " is not a valid year", STR_ARG(cut(text)));
    return false;
}

/* ---- ranges -------------------------------------------------------------------------------- */

static bool check_weekdays(struct decoder *d, const struct yaml_node *at, struct time_range r)
{
    if (r.begin <= r.end)
        return true;
    decoder_wrong(d, at, "start day cannot be before end day"); /* as Alertmanager words it */
    return false;
}

/* Refused is what would be empty in every month; the shortest one is the measure. */
static bool check_days(struct decoder *d, const struct yaml_node *at, struct time_range r)
{
    int begin = r.begin < 0 ? SHORTEST_MONTH + r.begin : r.begin;
    int end = r.end < 0 ? SHORTEST_MONTH + r.end : r.end;

    if (r.begin < 0 && r.end > 0)
        decoder_wrong(d, at, "end day must be negative if start day is negative");
    else if (begin > end)
        decoder_wrong(d, at, "end day %d is always before start day %d", r.end, r.begin);
    else
        return true;
    return false;
}

static bool check_ascending(struct decoder *d, const struct yaml_node *at, struct time_range r,
                            const char *what)
{
    struct str end = cut(at->text), begin = str_cut(&end, ':');

    if (r.begin <= r.end)
        return true;
    decoder_wrong(d, at, "end %s " STR_FMT " is before start %s " STR_FMT, what, STR_ARG(end), what,
                  STR_ARG(begin));
    return false;
}

static bool check_months(struct decoder *d, const struct yaml_node *at, struct time_range r)
{
    return check_ascending(d, at, r, "month");
}

static bool check_years(struct decoder *d, const struct yaml_node *at, struct time_range r)
{
    return check_ascending(d, at, r, "year");
}

/* How the elements of one list are read. */
struct range_kind {
    end_reader *read;
    bool (*check)(struct decoder *d, const struct yaml_node *at, struct time_range r);
};

static bool read_range(struct decoder *d, const struct range_kind *kind,
                       const struct yaml_node *node, struct time_range *ret)
{
    struct str end = node->text, begin;
    bool is_range;

    if (!is_text(d, node))
        return false;
    is_range = str_find(end, STR(":")) < end.len;
    begin = str_cut(&end, ':');
    if (!kind->read(d, node, begin, &ret->begin))
        return false;
    ret->end = ret->begin;
    if (is_range && !kind->read(d, node, end, &ret->end))
        return false;
    return kind->check(d, node, *ret);
}

static void read_ranges(struct decoder *d, const struct range_kind *kind,
                        const struct yaml_node *node, struct time_ranges *ret)
{
    if (!is_list(d, node))
        return;
    ret->given = true;
    ret->ranges = arena_array(&d->config->arena, node->n + 1, sizeof *ret->ranges);
    for (size_t i = 0; i < node->n; i++)
        if (read_range(d, kind, node->values[i], &ret->ranges[ret->n]))
            ret->n++;
}

#define RANGES_READER(name, read_, check_)                                                         \
    static void name(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)  \
    {                                                                                              \
        static const struct range_kind kind = {read_, check_};                                     \
                                                                                                   \
        read_ranges(d, &kind, node, value);                                                        \
    }
RANGES_READER(read_weekdays, read_weekday, check_weekdays)
RANGES_READER(read_days, read_day, check_days)
RANGES_READER(read_months, read_month, check_months)
RANGES_READER(read_years, read_year, check_years)

/* ---- times of the day ---------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* HH:MM from 00:00 to 24:00. */
static void read_minute(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    struct str s = node->text;
    int minute = -1;

    if (!is_text(d, node))
        return;
    if (s.len == 5 && is_digit(s.p[0]) && is_digit(s.p[1]) && s.p[2] == ':' && is_digit(s.p[3]) &&
        s.p[3] < '6' && is_digit(s.p[4]))
        minute = (s.p[0] - '0') * 600 + (s.p[1] - '0') * 60 + (s.p[3] - '0') * 10 + (s.p[4] - '0');
    if (minute < 0 || minute > DAY_MINUTES)
        decoder_wrong(d, node,
                      "couldn't parse timestamp " STR_FMT
                      ", invalid format, expected a time from 00:00 to 24:00",
                      STR_ARG(cut(s)));
    else
        *(int *)value = minute;
}

static int check_times(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    const struct time_range *r = object;

    if (r->begin < 0 || r->end < 0)
        return decoder_fail(d, node, "both start_time and end_time must be provided");
    if (r->begin >= r->end)
        return decoder_fail(d, node, "start time cannot be equal or greater than end time");
    return 0;
}

static const struct field time_range_fields[] = {
    READ("start_time", struct time_range, begin, int, read_minute),
    READ("end_time", struct time_range, end, int, read_minute),
};
static const struct time_range time_range_defaults = {-1, -1};
static const struct block time_range_block = {
    .name = "time range",
    FIELDS(time_range_fields),
    .size = sizeof(struct time_range),
    .defaults = &time_range_defaults,
    .check = check_times,
};

static void read_times(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    struct time_ranges *ret = value;

    if (!is_list(d, node))
        return;
    ret->given = true;
    ret->ranges = arena_array(&d->config->arena, node->n + 1, sizeof *ret->ranges);
    ret->n = node->n;
    decode_elements(d, &time_range_block, NULL, node, ret->ranges, NULL);
}

/* ---- an interval --------------------------------------------------------------------------- */

static void read_location(struct decoder *d, const struct yaml_node *node, void *value,
                          size_t *count)
{
    struct err why = {0};

    if (is_text(d, node) && zone_find(node->text, value, &why) < 0)
        decoder_wrong(d, node, "%s", why.msg);
}

static const struct field interval_fields[] = {
    READ("times", struct time_interval, times, struct time_ranges, read_times),
    READ("weekdays", struct time_interval, weekdays, struct time_ranges, read_weekdays),
    READ("days_of_month", struct time_interval, days, struct time_ranges, read_days),
    READ("months", struct time_interval, months, struct time_ranges, read_months),
    READ("years", struct time_interval, years, struct time_ranges, read_years),
    READ("location", struct time_interval, zone, const struct zone *, read_location),
};
static const struct block interval_block = {
    .name = "time interval",
    FIELDS(interval_fields),
    .size = sizeof(struct time_interval),
};

static const struct field named_fields[] = {
    TEXT("name", struct config_time_interval, name),
    BLOCKS("time_intervals", struct config_time_interval, intervals, struct time_interval *,
           &interval_block, NULL),
};
const struct block time_interval_block = {
    .name = "named time interval",
    FIELDS(named_fields),
    .size = sizeof(struct config_time_interval),
};

/* ---- names --------------------------------------------------------------------------------- */

static bool interval_is(const void *key, const void *value)
{
    return strcmp(key, ((const struct config_time_interval *)value)->name) == 0;
}

static const struct config_time_interval *find(const struct decoder *d, const char *name)
{
    return map_get(&d->intervals, hash_bytes(name, strlen(name)), interval_is, name);
}

static int add_names(struct decoder *d, const struct yaml_node *list,
                     const struct config_time_interval *all, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        const struct yaml_node *at = list->values[i];

        if (!is_given(all[i].name))
            return decoder_fail(d, place_of(at, "name"), "missing name in %s", what);
        if (find(d, all[i].name))
            return decoder_fail(d, place_of(at, "name"), "%s \"%s\" is not unique", what,
                                all[i].name);
        map_add(&d->intervals, hash_bytes(all[i].name, strlen(all[i].name)), (void *)&all[i]);
    }
    return 0;
}

int check_interval_names(struct decoder *d, const struct yaml_node *root)
{
    const struct config *c = d->config;
    int r = add_names(d, yaml_get(root, "mute_time_intervals"), c->old_time_intervals,
                      c->n_old_time_intervals, "mute time interval");

    return r < 0 ? r
                 : add_names(d, yaml_get(root, "time_intervals"), c->time_intervals,
                             c->n_time_intervals, "time interval");
}

int resolve_intervals(struct decoder *d, const struct yaml_node *route, const char *key,
                      struct config_interval_names *names)
{
    const struct yaml_node *list = yaml_get(route, key);

    names->intervals = arena_array(&d->config->arena, names->n_names + 1, sizeof *names->intervals);
    for (size_t i = 0; i < names->n_names; i++) {
        names->intervals[i] = find(d, names->names[i]);
        if (!names->intervals[i])
            return decoder_fail(d, list->values[i], "undefined time interval \"%s\" used in route",
                                names->names[i]);
    }
    return 0;
}
