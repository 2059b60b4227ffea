/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's time layouts: an example of the reference time, Mon Jan 2 15:04:05 MST 2006, in the wanted
 * form. Each element below is looked for at the current byte, longest first; what is no element is
 * copied.
 */
#include "template/time_priv.h"

#include <stdio.h>

#include "base/zone.h"

enum element {
    LONG_MONTH,
    MONTH,
    ZERO_MONTH,
    NUM_MONTH,
    LONG_WEEKDAY,
    WEEKDAY,
    ZERO_DAY,
    UNDER_DAY,
    DAY,
    ZERO_YEARDAY,
    UNDER_YEARDAY,
    LONG_YEAR,
    YEAR,
    HOUR,
    ZERO_HOUR12,
    HOUR12,
    ZERO_MINUTE,
    MINUTE,
    ZERO_SECOND,
    SECOND,
    PM_UPPER,
    PM_LOWER,
    ZONE_NAME,
    ZONE_SECONDS,
    ZONE_COLON_SECONDS,
    ZONE_MINUTES,
    ZONE_COLON,
    ZONE_HOURS,
    ISO_SECONDS,
    ISO_COLON_SECONDS,
    ISO_MINUTES,
    ISO_COLON,
    ISO_HOURS,
};

static const struct layout_element {
    const char *text;
    enum element what;
    bool word; /* not when a lower-case letter follows: "Monkey" is no weekday */
} elements[] = {
    {"January", LONG_MONTH, false},
    {"Jan", MONTH, true},
    {"Monday", LONG_WEEKDAY, false},
    {"Mon", WEEKDAY, true},
    {"MST", ZONE_NAME, false},
    {"002", ZERO_YEARDAY, false},
    {"01", ZERO_MONTH, false},
    {"02", ZERO_DAY, false},
    {"03", ZERO_HOUR12, false},
    {"04", ZERO_MINUTE, false},
    {"05", ZERO_SECOND, false},
    {"06", YEAR, false},
    {"15", HOUR, false},
    {"1", NUM_MONTH, false},
    {"2006", LONG_YEAR, false},
    {"2", DAY, false},
    {"__2", UNDER_YEARDAY, false},
    {"_2", UNDER_DAY, false},
    {"3", HOUR12, false},
    {"4", MINUTE, false},
    {"5", SECOND, false},
    {"PM", PM_UPPER, false},
    {"pm", PM_LOWER, false},
    {"-070000", ZONE_SECONDS, false},
    {"-07:00:00", ZONE_COLON_SECONDS, false},
    {"-0700", ZONE_MINUTES, false},
    {"-07:00", ZONE_COLON, false},
    {"-07", ZONE_HOURS, false},
    {"Z070000", ISO_SECONDS, false},
    {"Z07:00:00", ISO_COLON_SECONDS, false},
    {"Z0700", ISO_MINUTES, false},
    {"Z07:00", ISO_COLON, false},
    {"Z07", ISO_HOURS, false},
};

const char *const time_months[12] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
const char *const time_weekdays[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};

static void add_offset(struct buf *b, int32_t offset, bool colon, bool minutes, bool seconds)
{
    int32_t v = offset < 0 ? -offset : offset;

    buf_addf(b, "%c%02d", offset < 0 ? '-' : '+', v / 3600);
    if (minutes)
        buf_addf(b, "%s%02d", colon ? ":" : "", v / 60 % 60);
    if (seconds)
        buf_addf(b, "%s%02d", colon ? ":" : "", v % 60);
}

static void add_year(struct buf *b, int year)
{
    buf_addf(b, year < 0 ? "-%04d" : "%04d", year < 0 ? -year : year);
}

static void add_element(struct buf *b, enum element what, const struct civil *c,
                        const struct zone_moment *z)
{
    int hour12 = c->hour % 12 == 0 ? 12 : c->hour % 12;
    bool iso = what >= ISO_SECONDS;

    if (iso && z->offset == 0) {
        buf_add_byte(b, 'Z');
        return;
    }
    switch (what) {
    case LONG_MONTH: buf_add_c(b, time_months[c->month - 1]); break;
    case MONTH: buf_add(b, time_months[c->month - 1], 3); break;
    case ZERO_MONTH: buf_addf(b, "%02d", c->month); break;
    case NUM_MONTH: buf_addf(b, "%d", c->month); break;
    case LONG_WEEKDAY: buf_add_c(b, time_weekdays[c->weekday]); break;
    case WEEKDAY: buf_add(b, time_weekdays[c->weekday], 3); break;
    case ZERO_DAY: buf_addf(b, "%02d", c->day); break;
    case UNDER_DAY: buf_addf(b, "%2d", c->day); break;
    case DAY: buf_addf(b, "%d", c->day); break;
    case ZERO_YEARDAY: buf_addf(b, "%03d", c->yearday); break;
    case UNDER_YEARDAY: buf_addf(b, "%3d", c->yearday); break;
    case LONG_YEAR: add_year(b, c->year); break;
    case YEAR: buf_addf(b, "%02d", c->year < 0 ? 0 : c->year % 100); break;
    case HOUR: buf_addf(b, "%02d", c->hour); break;
    case ZERO_HOUR12: buf_addf(b, "%02d", hour12); break;
    case HOUR12: buf_addf(b, "%d", hour12); break;
    case ZERO_MINUTE: buf_addf(b, "%02d", c->minute); break;
    case MINUTE: buf_addf(b, "%d", c->minute); break;
    case ZERO_SECOND: buf_addf(b, "%02d", c->second); break;
    case SECOND: buf_addf(b, "%d", c->second); break;
    case PM_UPPER: buf_add_c(b, c->hour >= 12 ? "PM" : "AM"); break;
    case PM_LOWER: buf_add_c(b, c->hour >= 12 ? "pm" : "am"); break;
    case ZONE_NAME:
        if (z->abbreviation.len > 0)
            buf_add_str(b, z->abbreviation);
        else
            add_offset(b, z->offset, false, true, false);
        break;
    case ZONE_SECONDS:
    case ISO_SECONDS: add_offset(b, z->offset, false, true, true); break;
    case ZONE_COLON_SECONDS:
    case ISO_COLON_SECONDS: add_offset(b, z->offset, true, true, true); break;
    case ZONE_MINUTES:
    case ISO_MINUTES: add_offset(b, z->offset, false, true, false); break;
    case ZONE_COLON:
    case ISO_COLON: add_offset(b, z->offset, true, true, false); break;
    case ZONE_HOURS:
    case ISO_HOURS: add_offset(b, z->offset, false, false, false); break;
    }
}

static bool is_digit(struct str s, size_t i)
{
    return i < s.len && s.p[i] >= '0' && s.p[i] <= '9';
}

/* .000 or ,000: that many decimals; .999: at most that many. Bytes of it, or 0 when s begins
 * otherwise. */
static size_t fraction_len(struct str s)
{
    size_t n = 1;

    if (s.len < 2 || (s.p[0] != '.' && s.p[0] != ',') || (s.p[1] != '0' && s.p[1] != '9'))
        return 0;
    while (n < s.len && s.p[n] == s.p[1])
        n++;
    return is_digit(s, n) ? 0 : n;
}

static void add_fraction(struct buf *b, struct str element, int32_t nanos)
{
    char digits[16];
    size_t n = element.len - 1;

    snprintf(digits, sizeof digits, "%09d", nanos);
    if (n > 9)
        n = 9;
    if (element.p[1] == '9') {
        while (n > 0 && digits[n - 1] == '0')
            n--;
        if (n == 0)
            return;
    }
    buf_add_byte(b, element.p[0]);
    buf_add(b, digits, n);
}

static const struct layout_element *find_element(struct str s)
{
    for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
        size_t n = strlen(elements[i].text);

        if (str_has_prefix(s, str_n(elements[i].text, n)) &&
            !(elements[i].word && s.len > n && s.p[n] >= 'a' && s.p[n] <= 'z'))
            return &elements[i];
    }
    return NULL;
}

void time_add_layout(struct buf *b, const struct tmpl_time *t, struct str layout)
{
    struct zone_moment z = zone_at(t->zone, t->seconds);
    struct civil c;

    civil_of_unix(t->seconds + z.offset, t->nanos, &c);
    while (layout.len > 0) {
        size_t n = fraction_len(layout);
        const struct layout_element *e;

        if (n > 0) {
            add_fraction(b, str_n(layout.p, n), t->nanos);
        } else if (str_has_prefix(layout, STR("_2006"))) {
            buf_add_byte(b, '_');
            n = 1;
        } else if ((e = find_element(layout))) {
            add_element(b, e->what, &c, &z);
            n = strlen(e->text);
        } else {
            buf_add_byte(b, layout.p[0]);
            n = 1;
        }
        layout = str_n(layout.p + n, layout.len - n);
    }
}

void time_add_string(struct buf *b, const struct tmpl_time *t)
{
    time_add_layout(b, t, STR("2006-01-02 15:04:05.999999999 -0700 MST"));
}
