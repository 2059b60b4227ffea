/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scene - runs stories: scene FILE... plays each file in a world of its own; last line "N passed, N
 * failed"
 *
 * A file is a number of parts, each behind a line "-- NAME --". The part "story" is the script;
 * every other part is written into the world's folder as the file NAME before it begins. README.md
 * lists the steps of a script. A step that does not hold prints FILE:LINE with what was found and
 * ends its scene.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/duration.h"
#include "model/label_set.h"
#include "promql/promql.h"
#include "rules/rules.h"
#include "tests/scenes/world.h"

struct scene {
    const char *path;
    char folder[64];
    struct world *world;
    struct str rest; /* of the script */
    int line;        /* of the step being played */
    int next_line;
    bool failed;
    struct err last_error; /* of the last start or reload */
};

static void fail(struct scene *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void fail(struct scene *s, const char *fmt, ...)
{
    va_list ap;

    printf("%s:%d: ", s->path, s->line);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf(" (at %+.3fs)\n", (double)(world_now(s->world) - WORLD_BEGIN) / 1e9);
    s->failed = true;
}

/* ---- the script as words and bodies -------------------------------------------------------- */

static struct str next_line(struct scene *s)
{
    s->next_line++;
    return str_cut(&s->rest, '\n');
}

/* The indented lines behind a step, without their indentation, each with its newline. */
static void read_body(struct scene *s, struct buf *out)
{
    while (str_has_prefix(s->rest, STR("    "))) {
        struct str line = next_line(s);

        buf_add(out, line.p + 4, line.len - 4);
        buf_add_byte(out, '\n');
    }
}

/* Cuts a word, or text in double quotes, off the front. */
static struct str word(struct str *rest)
{
    struct str w;

    *rest = str_trim(*rest);
    if (rest->len && rest->p[0] == '"') {
        *rest = str_n(rest->p + 1, rest->len - 1);
        w = str_cut(rest, '"');
    } else {
        w = str_cut(rest, ' ');
    }
    *rest = str_trim(*rest);
    return w;
}

static bool next_is(struct str *rest, const char *expected)
{
    struct str before = *rest;

    if (str_eq_c(word(rest), expected))
        return true;
    *rest = before;
    return false;
}

static bool read_duration(struct scene *s, struct str *rest, int64_t *ret_ns)
{
    struct str text = word(rest);
    struct err err = {0};
    dur_ms d;

    if (duration_parse(text.p, text.len, &d, &err) < 0) {
        fail(s, "\"%.*s\": %s", STR_ARG(text), err.msg);
        return false;
    }
    *ret_ns = d * NS_PER_MS;
    return true;
}

/* ---- steps that change the world ----------------------------------------------------------- */

static void step_target(struct scene *s, struct str rest)
{
    struct str address = word(&rest);
    struct buf page = {0};

    if (next_is(&rest, "serves")) {
        read_body(s, &page);
        world_target_serves(s->world, address, buf_str(&page));
    } else if (str_eq_c(rest, "is down")) {
        world_target_serves(s->world, address, STR_NONE);
    } else {
        fail(s, "expected `target ADDRESS serves` or `target ADDRESS is down`");
    }
    buf_free(&page);
}

static void step_webhook(struct scene *s, struct str rest)
{
    struct str url = word(&rest);
    int64_t status = 0;

    if (next_is(&rest, "answers") && num_parse_i64(rest, &status))
        world_webhook(s->world, url, WEBHOOK_ANSWERS, (int)status);
    else if (str_eq_c(rest, "hangs"))
        world_webhook(s->world, url, WEBHOOK_HANGS, 0);
    else if (str_eq_c(rest, "refuses connections"))
        world_webhook(s->world, url, WEBHOOK_REFUSES, 0);
    else
        fail(s, "expected `webhook URL answers STATUS`, `hangs` or `refuses connections`");
}

static void write_file(struct scene *s, struct str name, struct str content)
{
    char path[256];
    struct err err = {0};

    snprintf(path, sizeof path, "%s/%.*s", s->folder, STR_ARG(name));
    if (file_write_atomic(path, content, &err) < 0)
        fail(s, "%s", err.msg);
}

static void step_file(struct scene *s, struct str rest)
{
    struct str name = word(&rest);
    struct buf content = {0};

    read_body(s, &content);
    write_file(s, name, buf_str(&content));
    buf_free(&content);
}

/* Start and reload may be expected to fail: `reload fails "WORDS"`. */
static void check_outcome(struct scene *s, int r, struct str rest)
{
    if (next_is(&rest, "fails")) {
        CLEANUP(mem_freep) char *words = str_dup(word(&rest));

        if (r == 0)
            fail(s, "it worked, expected it to fail with \"%s\"", words);
        else if (!strstr(s->last_error.msg, words))
            fail(s, "failed with \"%s\", expected \"%s\"", s->last_error.msg, words);
    } else if (r < 0) {
        fail(s, "%s", s->last_error.msg);
    }
}

static void step_start(struct scene *s, struct str rest)
{
    s->last_error = (struct err){0};
    check_outcome(s, world_start(s->world, &s->last_error), rest);
}

static void step_reload(struct scene *s, struct str rest)
{
    s->last_error = (struct err){0};
    check_outcome(s, world_reload(s->world, &s->last_error), rest);
}

static void step_stop(struct scene *s, struct str rest)
{
    world_stop(s->world);
}

static void step_crash(struct scene *s, struct str rest)
{
    struct err err = {0};

    if (world_crash(s->world, &err) < 0)
        fail(s, "%s", err.msg);
}

static void step_clock(struct scene *s, struct str rest)
{
    int64_t ns;
    bool back = next_is(&rest, "back");

    if (!back && !next_is(&rest, "forward"))
        fail(s, "expected `clock forward DURATION` or `clock back DURATION`");
    else if (read_duration(s, &rest, &ns))
        world_jump(s->world, back ? -ns : ns);
}

/* ---- steps that look ----------------------------------------------------------------------- */

/* The value at a path like alerts[0].labels.severity; NULL when there is none. */
static const struct json *at_path(const struct json *j, struct str path)
{
    while (path.len && j) {
        size_t end = 0;
        CLEANUP(mem_freep) char *key = NULL;

        if (path.p[0] == '[') {
            struct str index;
            uint64_t i = 0;

            path = str_n(path.p + 1, path.len - 1);
            index = str_cut(&path, ']');
            if (!num_parse_u64(index, &i))
                return NULL;
            j = json_at(j, (size_t)i);
        } else {
            path = path.p[0] == '.' ? str_n(path.p + 1, path.len - 1) : path;
            while (end < path.len && path.p[end] != '.' && path.p[end] != '[')
                end++;
            key = str_dup(str_n(path.p, end));
            j = json_get(j, key);
            path = str_n(path.p + end, path.len - end);
        }
    }
    return j;
}

/* The value as the script writes it: text without quotes, numbers, true, false, null, absent, or
 * "[N]" for lists. */
static void describe(const struct json *j, struct buf *out)
{
    if (!j) {
        buf_add_c(out, "absent");
        return;
    }
    switch (json_type_of(j)) {
    case JSON_NULL: buf_add_c(out, "null"); break;
    case JSON_BOOL: buf_add_c(out, json_is_true(j) ? "true" : "false"); break;
    case JSON_NUMBER: num_add_short(out, json_double(j)); break;
    case JSON_STRING: buf_add_str(out, json_text(j)); break;
    case JSON_ARRAY:
    case JSON_OBJECT: buf_addf(out, "[%zu]", json_len(j)); break;
    }
}

static void check_fields(struct scene *s, const struct world_request *r, struct str lines)
{
    struct json *doc = NULL;
    struct err err = {0};

    if (json_doc_parse(str_c(r->body), &doc, &err) < 0) {
        fail(s, "the body is no JSON (%s): %s", err.msg, r->body);
        return;
    }
    while (lines.len && !s->failed) {
        struct str value = str_trim(str_cut(&lines, '\n')), path = str_trim(str_cut(&value, '='));
        struct buf got = {0};

        value = str_trim(value);
        describe(at_path(doc, path), &got);
        if (!str_eq(value, buf_str(&got)))
            fail(s, "%.*s is %.*s, expected %.*s, in %s", STR_ARG(path), STR_ARG(buf_str(&got)),
                 STR_ARG(value), r->body);
        buf_free(&got);
    }
    json_doc_free(doc);
}

static struct world_request *next_request(struct scene *s, struct str url)
{
    size_t n;
    struct world_request *all = world_requests(s->world, &n);

    for (size_t i = 0; i < n; i++)
        if (!all[i].checked && str_eq_c(url, all[i].url))
            return &all[i];
    return NULL;
}

/* expect webhook URL: a request came there, and its body has these fields; it is the earliest not
 * yet expected. */
static void expect_webhook(struct scene *s, struct str rest)
{
    struct str url = word(&rest);
    struct world_request *r = next_request(s, url);
    struct buf fields = {0};

    read_body(s, &fields);
    if (!r) {
        fail(s, "no request came to %.*s", STR_ARG(url));
    } else {
        r->checked = true;
        check_fields(s, r, buf_str(&fields));
    }
    buf_free(&fields);
}

static void expect_nothing(struct scene *s, struct str rest)
{
    struct world_request *r = next_request(s, word(&rest));

    if (r)
        fail(s, "a request came at %+.3fs: %s", (double)(r->when - WORLD_BEGIN) / 1e9, r->body);
}

static void forget_requests(struct scene *s, struct str rest)
{
    struct str url = word(&rest);

    for (struct world_request *r; (r = next_request(s, url));)
        r->checked = true;
}

struct seen_alert {
    struct str name;
    const char *state;
};

static void look_for_alert(const struct rule_group_view *g, void *arg)
{
    static const char *const states[] = {"inactive", "pending", "firing"};
    struct seen_alert *seen = arg;

    for (size_t i = 0; i < g->n_rules; i++)
        if (g->rules[i].alerting && str_eq_c(seen->name, g->rules[i].name))
            seen->state = states[g->rules[i].state];
}

static void expect_alert(struct scene *s, struct str rest)
{
    struct seen_alert seen = {.name = word(&rest)};

    rules_each_group(world_rules(s->world), look_for_alert, &seen);
    if (!seen.state)
        fail(s, "there is no alert rule %.*s", STR_ARG(seen.name));
    else if (!str_eq_c(rest, seen.state))
        fail(s, "alert %.*s is %s, expected %.*s", STR_ARG(seen.name), seen.state, STR_ARG(rest));
}

/* One line `series value` for each series, sorted. */
static void print_result(const struct promql_result *result, struct buf *out)
{
    for (size_t i = 0; i < result->n; i++) {
        if (result->series[i].labels)
            label_set_print(result->series[i].labels, out);
        for (size_t k = 0; k < result->series[i].n; k++) {
            buf_add_byte(out, ' ');
            num_add_short(out, result->series[i].values[k]);
        }
        buf_add_byte(out, '\n');
    }
}

static void expect_query(struct scene *s, struct str rest)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    CLEANUP(buf_free) struct buf got = {0}, expected = {0};
    struct err err = {0};

    read_body(s, &expected);
    if (promql_parse(rest, NULL, &expr, &err) < 0 ||
        promql_instant(expr, world_reader(s->world), NULL, unix_ms_of_ns(world_now(s->world)),
                       &result, &err) < 0) {
        fail(s, "%.*s: %s", STR_ARG(rest), err.msg);
        return;
    }
    print_result(result, &got);
    if (!str_eq(buf_str(&got), buf_str(&expected)))
        fail(s, "%.*s gives\n%.*sexpected\n%.*s", STR_ARG(rest), STR_ARG(buf_str(&got)),
             STR_ARG(buf_str(&expected)));
}

static void step_expect(struct scene *s, struct str rest)
{
    static const struct {
        const char *name;
        void (*expect)(struct scene *s, struct str rest);
    } kinds[] = {
        {"webhook", expect_webhook},
        {"nothing", expect_nothing},
        {"alert", expect_alert},
        {"query", expect_query},
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (next_is(&rest, kinds[i].name)) {
            kinds[i].expect(s, rest);
            return;
        }
    fail(s, "expected `expect webhook|nothing|alert|query ...`");
}

/* ---- playing ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*step)(struct scene *s, struct str rest);
} steps[] = {
    {"start", step_start},       {"stop", step_stop},     {"crash", step_crash},
    {"reload", step_reload},     {"target", step_target}, {"webhook", step_webhook},
    {"file", step_file},         {"clock", step_clock},   {"expect", step_expect},
    {"forget", forget_requests},
};

/* `at 1m30s` runs the world to that time; the rest of the line, if there is any, is a step. */
static void play_line(struct scene *s, struct str line)
{
    int64_t when;

    if (next_is(&line, "at")) {
        if (!read_duration(s, &line, &when))
            return;
        world_run_until(s->world, WORLD_BEGIN + when);
        if (line.len == 0)
            return;
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (next_is(&line, steps[i].name)) {
            steps[i].step(s, line);
            return;
        }
    fail(s, "unknown step \"%.*s\"", STR_ARG(line));
}

static void play(struct scene *s)
{
    while (s->rest.len && !s->failed) {
        struct str line = str_trim(next_line(s));

        s->line = s->next_line;
        if (line.len && line.p[0] != '#')
            play_line(s, line);
    }
}

/* Writes the parts that are files and finds the story. */
static bool unpack(struct scene *s, struct str text)
{
    struct buf part = {0};
    struct str name = STR_NONE;

    while (text.len && !str_eq_c(name, "story")) {
        struct str line = str_cut(&text, '\n');

        s->next_line++;
        if (str_has_prefix(line, STR("-- ")) && str_has_suffix(line, STR(" --"))) {
            if (name.len)
                write_file(s, name, buf_str(&part));
            buf_reset(&part);
            name = str_n(line.p + 3, line.len - 6);
        } else if (name.len) {
            buf_add_str(&part, line);
            buf_add_byte(&part, '\n');
        }
    }
    buf_free(&part);
    s->rest = text;
    return str_eq_c(name, "story");
}

static bool run_file(const char *path)
{
    struct scene s = {.path = path, .folder = "/tmp/tocsin-scene-XXXXXX"};
    struct buf text = {0};
    struct err err = {0};
    char command[96];

    if (file_read(path, 1 << 20, &text, &err) < 0 || !mkdtemp(s.folder)) {
        printf("%s: %s\n", path, err.msg);
        return false;
    }
    s.world = world_new(s.folder);
    if (unpack(&s, buf_str(&text)))
        play(&s);
    else
        fail(&s, "no part -- story --");
    world_free(s.world);
    buf_free(&text);
    snprintf(command, sizeof command, "rm -rf %s", s.folder);
    if (system(command) != 0)
        s.failed = true;
    printf("%s %s\n", s.failed ? "not ok" : "ok", path);
    return !s.failed;
}

int main(int argc, char **argv)
{
    int passed = 0;

    for (int i = 1; i < argc; i++)
        passed += run_file(argv[i]);
    printf("%d passed, %d failed\n", passed, argc - 1 - passed);
    return passed == argc - 1 ? 0 : 1;
}
