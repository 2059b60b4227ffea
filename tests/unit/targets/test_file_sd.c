/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "targets/targets_priv.h"
#include "tests/unit/targets/setup.h"

/* ---- a file's text ------------------------------------------------------------------------- */

static const struct label in_file = {STR("__meta_filepath"), STR("f.yml")};

static const struct {
    const char *text;
    const char *groups; /* what it holds: addresses, then labels, of each group; */
    const char *error;  /* or part of why not */
} texts[] = {
    {"", "", NULL},
    {"# nothing\n", "", NULL},
    {"[]", "", NULL},
    {"- targets: [a, 'b:1']\n  labels: {x: y}\n", "a b:1 {__meta_filepath=\"f.yml\", x=\"y\"}\n",
     NULL},
    {"- targets: [a]\n- targets: [b]\n",
     "a {__meta_filepath=\"f.yml\"}\nb {__meta_filepath=\"f.yml\"}\n", NULL},
    {"- labels: {x: y}\n", "{__meta_filepath=\"f.yml\", x=\"y\"}\n", NULL},
    {"- targets:\n  labels:\n", "{__meta_filepath=\"f.yml\"}\n", NULL},
    {"- targets: [a]\n  labels: {x: , y: ~, z: 7}\n", "a {__meta_filepath=\"f.yml\", z=\"7\"}\n",
     NULL},
    {"- targets: [a]\n  labels: {机架: \"七\", \"a.b\": c}\n",
     "a {__meta_filepath=\"f.yml\", \"a.b\"=\"c\", \"机架\"=\"七\"}\n", NULL},
    /* JSON, in the forms that programs write */
    {"[{\"targets\":[\"a:1\",\"b:2\"],\"labels\":{\"x\":\"y\",\"n\":\"\\u4e03\\n\\/\"}}]",
     "a:1 b:2 {__meta_filepath=\"f.yml\", n=\"七\\n/\", x=\"y\"}\n", NULL},
    {"[\n\t{\n\t\t\"targets\": [\"a\"],\n\t\t\"labels\": {}\n\t}\n]\n",
     "a {__meta_filepath=\"f.yml\"}\n", NULL},
    /* not that */
    {"targets: [a]\n", NULL, "f.yml:1:1: expected a list of target groups"},
    {"- a\n", NULL, "f.yml:1:3: expected a target group"},
    {"-\n", NULL, "expected a target group"},
    {"- targets: a\n", NULL, "f.yml:1:12: expected a list of addresses"},
    {"- targets: [[a]]\n", NULL, "f.yml:1:13: expected an address"},
    {"- targets: [a]\n  labels: [x]\n", NULL, "f.yml:2:11: expected a mapping of labels"},
    {"- targets: [a]\n  labels: {x: [y]}\n", NULL, "expected text as value of label \"x\""},
    {"- targets: [a]\n  labels: {'': y}\n", NULL, "\"\" is not a valid label name"},
    {"- target: [a]\n", NULL, "f.yml:1:3: unknown key \"target\", expected targets or labels"},
    {"- targets: [a]\n- targets: [b\n", NULL, "f.yml:"},
    {"[]\n---\n[]\n", NULL, "f.yml:3:1: expected one document"},
    {"- targets: [a]\n  targets: [b]\n", NULL, "targets"},
};

static void add_groups(struct buf *out, const struct found_group *groups, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < groups[i].n; k++)
            buf_addf(out, "%s ", groups[i].addresses[k]);
        label_set_print(groups[i].labels, out);
        buf_add_c(out, "\n");
    }
}

static void a_file_holds_groups_in_yaml_or_json(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct found_group untouched = {0}, *groups = &untouched;
        CLEANUP(buf_free) struct buf got = {0};
        struct err err = {0};
        size_t n = 99;
        int r = found_groups_parse("f.yml", in_file, str_c(texts[i].text), &groups, &n, &err);

        if (texts[i].groups) {
            assert_string_equal(err.msg, "");
            assert_int_equal(r, 0);
            add_groups(&got, groups, n);
            assert_true(str_eq_c(buf_str(&got), texts[i].groups));
            found_groups_free(groups, n);
        } else {
            assert_int_equal(r, -EINVAL);
            assert_has(err.msg, texts[i].error);
            assert_ptr_equal(groups, &untouched);
            assert_int_equal(n, 99);
        }
    }
}

static void more_labels_than_a_set_may_have_are_refused(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct found_group *groups = NULL;
    struct err err = {0};
    size_t n = 0;

    buf_add_c(&text, "- labels: {");
    for (int i = 0; i < LABEL_COUNT_MAX; i++)
        buf_addf(&text, "l%d: x, ", i);
    buf_add_c(&text, "}\n");
    assert_int_equal(found_groups_parse("f.yml", in_file, buf_str(&text), &groups, &n, &err),
                     -EINVAL);
    assert_has(err.msg, "1024 labels are too many");
}

/* ---- files in a folder --------------------------------------------------------------------- */

struct folder {
    char path[64];
    struct targets *targets;
    struct buf complaints;
    unix_ms now;
};

static void write_file(const struct folder *f, const char *name, const char *text)
{
    CLEANUP(buf_free) struct buf path = {0};
    int fd;

    buf_addf(&path, "%s/%s", f->path, name);
    fd = open(path.p, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void remove_file(const struct folder *f, const char *name)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/%s", f->path, name);
    unlink(path.p);
}

static struct config *config_of(const struct folder *f, const char *job, const char *globs)
{
    CLEANUP(buf_free) struct buf yaml = {0}, file = {0};
    struct config *c = NULL;
    struct err err = {0};

    buf_addf(&yaml, "scrape_configs:\n- job_name: %s\n  file_sd_configs: [{files: [%s]}]\n", job,
             globs);
    buf_addf(&file, "%s/tocsin.yml", f->path);
    if (config_parse(file.p, buf_str(&yaml), &c, &err) < 0)
        fail_msg("%s", err.msg);
    return c;
}

static void watch(struct folder *f, const char *globs)
{
    struct config *c = config_of(f, "j", globs);

    f->targets = targets_new(c, f->now, keep_words, &f->complaints);
    config_unref(c);
}

static int set_up(void **state)
{
    struct folder *f = mem_zalloc(sizeof *f);

    snprintf(f->path, sizeof f->path, "/tmp/tocsin-sd-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct folder *f = *state;
    static const char *const names[] = {"a.yml", "b.yml", "c.json", ".hidden.yml", "new.yml"};

    targets_free(f->targets);
    buf_free(&f->complaints);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        remove_file(f, names[i]);
    rmdir(f->path);
    free(f);
    return 0;
}

/* Addresses in the newest list, with a blank behind each. */
static void assert_watched(struct folder *f, const char *expected)
{
    struct target_list *l = targets_list(f->targets);
    CLEANUP(buf_free) struct buf got = {0};

    for (size_t i = 0; i < l->n_targets; i++)
        buf_addf(&got, "%s ", l->targets[i].address);
    assert_string_equal(got.len ? got.p : "", expected);
    target_list_unref(l);
}

/* Looks again; tells whether there was a new list. */
static bool look(struct folder *f)
{
    bool changed = false;
    unix_ms next = targets_tick(f->targets, f->now, &changed);

    assert_true(next > f->now);
    f->now = next;
    return changed;
}

static void assert_complaints(struct folder *f, const char *part)
{
    if (part)
        assert_has(f->complaints.p ? f->complaints.p : "", part);
    else
        assert_int_equal(f->complaints.len, 0);
    buf_reset(&f->complaints);
}

static void files_that_come_change_and_go_are_noticed(void **state)
{
    struct folder *f = *state;

    write_file(f, "a.yml", "- targets: [a1, a2]\n");
    watch(f, "'*.yml', '*.json'");
    assert_watched(f, "a1 a2 ");
    assert_false(look(f)); /* nothing changed */

    write_file(f, "c.json", "[{\"targets\": [\"c1\"]}]");
    write_file(f, ".hidden.yml", "- targets: [h]\n");
    assert_true(look(f));
    assert_watched(f, "a1 a2 c1 ");
    write_file(f, "b.yml", "- targets: [b1]\n");
    assert_true(look(f));
    assert_watched(f, "a1 a2 b1 c1 "); /* in order of names, whenever they came */

    write_file(f, "a.yml", "- targets: [a3]\n");
    assert_true(look(f));
    assert_watched(f, "a3 b1 c1 ");

    remove_file(f, "a.yml");
    assert_true(look(f));
    assert_watched(f, "b1 c1 ");
    assert_false(look(f));
    assert_complaints(f, NULL);
}

static void a_file_that_is_put_in_place_of_another_is_noticed(void **state)
{
    struct folder *f = *state;
    CLEANUP(buf_free) struct buf from = {0}, to = {0};

    write_file(f, "a.yml", "- targets: [a1]\n");
    watch(f, "a.yml");
    write_file(f, "new.yml", "- targets: [a2]\n"); /* as long as the old one */
    buf_addf(&from, "%s/new.yml", f->path);
    buf_addf(&to, "%s/a.yml", f->path);
    assert_int_equal(rename(from.p, to.p), 0);
    assert_true(look(f));
    assert_watched(f, "a2 ");
}

static void a_broken_file_keeps_its_targets_and_is_told_once_per_change(void **state)
{
    struct folder *f = *state;

    write_file(f, "a.yml", "- targets: [a1]\n");
    watch(f, "a.yml");
    write_file(f, "a.yml", "- targets: [a1\n");
    assert_false(look(f));
    assert_watched(f, "a1 ");
    assert_complaints(f, "a.yml:");
    assert_false(look(f));
    assert_complaints(f, NULL);

    write_file(f, "a.yml", "- target: [a1]\n"); /* broken in another way */
    assert_false(look(f));
    assert_complaints(f, "unknown key \"target\", expected targets or labels; the targets that it "
                         "gave stay");
    write_file(f, "a.yml", "- targets: [a2]\n");
    assert_true(look(f));
    assert_watched(f, "a2 ");
    assert_complaints(f, NULL);
}

static void a_file_that_is_broken_from_the_start_is_told_and_read_when_it_is_mended(void **state)
{
    struct folder *f = *state;

    write_file(f, "a.yml", "{");
    watch(f, "a.yml");
    assert_watched(f, "");
    assert_complaints(f, "a.yml:");
    write_file(f, "a.yml", "- targets: [a1]\n");
    assert_true(look(f));
    assert_watched(f, "a1 ");
}

static void a_change_that_shows_in_neither_time_nor_size_is_noticed(void **state)
{
    struct folder *f = *state;

    /* In the same tick of the kernel's clock, most of the times. */
    write_file(f, "a.yml", "- targets: [a1]\n");
    watch(f, "a.yml");
    write_file(f, "a.yml", "- targets: [a2]\n");
    assert_true(look(f));
    assert_watched(f, "a2 ");
    write_file(f, "a.yml", "- targets: [a2]\n"); /* new time, old text */
    assert_false(look(f));
}

static void what_cannot_be_read_is_tried_again(void **state)
{
    struct folder *f = *state;
    CLEANUP(buf_free) struct buf path = {0};

    /* A folder can be looked at and not be read, as a file without permission; also by root. */
    buf_addf(&path, "%s/a.yml", f->path);
    assert_int_equal(mkdir(path.p, 0700), 0);
    watch(f, "a.yml");
    assert_complaints(f, "a.yml");
    assert_false(look(f));
    assert_complaints(f, NULL);
    assert_int_equal(rmdir(path.p), 0);
    write_file(f, "a.yml", "- targets: [a1]\n");
    assert_true(look(f));
    assert_watched(f, "a1 ");
}

static void a_broken_file_keeps_its_targets_over_a_reload(void **state)
{
    struct folder *f = *state;
    struct config *c;
    struct target_list *l;

    write_file(f, "a.yml", "- targets: [a1]\n");
    watch(f, "a.yml");
    write_file(f, "a.yml", "- targets: [a1\n");
    c = config_of(f, "k", "'*.yml'");
    targets_reconfigure(f->targets, c, f->now);
    config_unref(c);
    assert_watched(f, "a1 ");
    l = targets_list(f->targets);
    assert_string_equal(l->targets[0].job->job_name, "k");
    target_list_unref(l);

    c = config_of(f, "k", "b.yml"); /* nobody asks for it any more */
    targets_reconfigure(f->targets, c, f->now);
    config_unref(c);
    assert_watched(f, "");
}

static void a_file_named_twice_is_read_once_and_a_file_of_two_jobs_serves_both(void **state)
{
    struct folder *f = *state;
    CLEANUP(buf_free) struct buf yaml = {0}, file = {0};
    struct config *c = NULL;

    write_file(f, "a.yml", "- targets: [a1]\n  labels: {rack: r7}\n");
    write_file(f, "b.yml", "- targets: [b1]\n");
    buf_addf(&yaml, "scrape_configs:\n"
                    "- job_name: one\n"
                    "  file_sd_configs: [{files: ['*.yml', a.yml]}, {files: [b.yml]}]\n"
                    "- job_name: two\n"
                    "  file_sd_configs: [{files: [a.yml]}]\n"
                    "  relabel_configs: [{source_labels: [__meta_filepath], regex: '.*/(.*)', "
                    "target_label: from}]\n");
    buf_addf(&file, "%s/tocsin.yml", f->path);
    assert_int_equal(config_parse(file.p, buf_str(&yaml), &c, NULL), 0);
    f->targets = targets_new(c, 0, keep_words, &f->complaints);
    config_unref(c);
    assert_watched(f, "a1 b1 a1 ");

    struct target_list *l = targets_list(f->targets);
    assert_labels(l->targets[0].labels, "{instance=\"a1\", job=\"one\", rack=\"r7\"}");
    assert_labels(l->targets[2].labels,
                  "{from=\"a.yml\", instance=\"a1\", job=\"two\", rack=\"r7\"}");
    target_list_unref(l);
}

#define FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_holds_groups_in_yaml_or_json),
        cmocka_unit_test(more_labels_than_a_set_may_have_are_refused),
        FOLDER(files_that_come_change_and_go_are_noticed),
        FOLDER(a_file_that_is_put_in_place_of_another_is_noticed),
        FOLDER(a_broken_file_keeps_its_targets_and_is_told_once_per_change),
        FOLDER(a_file_that_is_broken_from_the_start_is_told_and_read_when_it_is_mended),
        FOLDER(a_change_that_shows_in_neither_time_nor_size_is_noticed),
        FOLDER(what_cannot_be_read_is_tried_again),
        FOLDER(a_broken_file_keeps_its_targets_over_a_reload),
        FOLDER(a_file_named_twice_is_read_once_and_a_file_of_two_jobs_serves_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
