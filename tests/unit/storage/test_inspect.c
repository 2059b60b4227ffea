/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What inspect tells of a directory is what was put into it, in whichever file it ended up; and it
 * reads also what a process has open, and what is damaged.
 */
#include "tests/unit/storage/verify_fixture.h"

#include "model/matcher.h"
#include "storage/block_priv.h"
#include "storage/log_record_priv.h"
#include "storage/section_file_priv.h"

#define SAMPLES ((HOURS * 15 + 4) * (FLOAT_SERIES + 1))

struct seen {
    unsigned kinds[STORAGE_FILE_KINDS], problems, being_written, damaged;
    uint64_t samples; /* of files that are not the log */
    unsigned twice;   /* of one series: the chunk that a cut went through is also in the image */
    uint64_t log_samples, log_deletes, stones;
    struct storage_amount codecs[STORAGE_CODECS], sum;
    uint64_t found, found_samples;
    unix_ms found_to; /* of the chunk before */
    struct buf top, damaged_sections;
    uint64_t commits;
};

static void see_sections(struct seen *s, const struct storage_file *f)
{
    for (size_t i = 0; i < f->n_sections; i++) {
        assert_true(*f->sections[i].name);
        assert_true(f->sections[i].at + f->sections[i].len <= f->bytes);
        if (f->sections[i].damaged > 0)
            buf_addf(&s->damaged_sections, "%s ", f->sections[i].name);
    }
}

static void see_chunks(struct seen *s, const struct storage_file *f)
{
    for (size_t i = 0; i < STORAGE_CODECS; i++) {
        s->codecs[i].chunks += f->codecs[i].chunks;
        s->codecs[i].samples += f->codecs[i].samples;
        s->sum.samples += f->codecs[i].samples;
        s->sum.chunks += f->codecs[i].chunks;
        s->sum.bytes += f->codecs[i].bytes;
    }
    s->sum.chunks -= f->chunks.chunks;
    s->sum.bytes -= f->chunks.bytes;
    s->found_to = INT64_MIN; /* numbers of blocks say nothing about time */
    for (size_t i = 0; i < f->n_found; i++) {
        assert_true(str_eq(label_set_get(f->found[i].series, STR("i")), STR("2")));
        assert_true(f->found[i].from > s->found_to);
        assert_true(f->found[i].to >= f->found[i].from);
        s->found_to = f->found[i].to;
        s->found_samples += f->found[i].samples;
        s->found++;
    }
    for (size_t i = 0; i < f->n_by_series; i++)
        buf_addf(&s->top, "%s=%d ", f->by_series[i].name, (int)f->by_series[i].series);
}

static void see(void *arg, const struct storage_file *f)
{
    struct seen *s = arg;

    s->kinds[f->kind]++;
    s->problems += *f->problem != '\0';
    s->being_written += f->being_written;
    s->damaged += f->damaged > 0 || f->frame_damaged;
    s->commits += f->commits;
    see_sections(s, f);
    see_chunks(s, f);
    if (f->kind == STORAGE_FILE_LOG) {
        s->log_samples += f->samples;
        s->log_deletes += f->deletes;
    } else {
        s->samples += f->samples;
    }
    for (int k = 0; f->kind == STORAGE_FILE_IMAGE && k < HOURS * 15; k++)
        s->twice += sample_time(k) >= f->from && sample_time(k) < f->cut;
    if (f->kind == STORAGE_FILE_TOMBSTONES)
        s->stones += f->deletes;
}

static bool inspect(const char *path, size_t top, struct seen *s)
{
    CLEANUP(matcher_freep) struct matcher *m = NULL;
    const struct matcher *ms[1];
    struct err err = {0};
    bool in_use;

    assert_int_equal(matcher_new(MATCH_EQ, STR("i"), STR("2"), &m, &err), 0);
    ms[0] = m;
    *s = (struct seen){0};
    if (storage_inspect(path,
                        &(struct storage_inspect){
                            .top = top, .matchers = ms, .n_matchers = 1, .file = see, .arg = s},
                        &in_use, &err) < 0)
        fail_msg("inspect: %s", err.msg);
    return in_use;
}

static void seen_deinit(struct seen *s)
{
    buf_free(&s->top);
    buf_free(&s->damaged_sections);
}

static void what_was_put_in_is_told_of_the_file_where_it_is(void **state)
{
    char *dir = folder_new();
    struct seen s;
    uint64_t each = HOURS * 15 + 4;

    make_directory(dir);
    assert_false(inspect(dir, 1, &s));
    assert_int_equal(s.problems + s.damaged + s.being_written, 0);
    assert_true(s.kinds[STORAGE_FILE_BLOCK] >= 2);
    assert_int_equal(s.kinds[STORAGE_FILE_IMAGE], 1);
    assert_int_equal(s.kinds[STORAGE_FILE_TOMBSTONES], 1);
    assert_int_equal(s.kinds[STORAGE_FILE_LOG], 1);
    assert_int_equal(s.kinds[STORAGE_FILE_OTHER], 1);        /* the lock */
    assert_int_equal(s.log_samples, 4 * (FLOAT_SERIES + 1)); /* what came after the image */
    assert_int_equal(s.commits, 4 * (FLOAT_SERIES + 1) + 1);
    assert_int_equal(s.log_deletes, 1);
    assert_int_equal(s.stones, 1);
    assert_in_range(s.twice, 1, 127);
    assert_int_equal(s.samples + s.log_samples, SAMPLES + s.twice * (FLOAT_SERIES + 1));
    assert_int_equal(s.sum.samples, s.samples);
    assert_int_equal(s.sum.chunks, 0); /* codecs add up to what the files have */
    assert_int_equal(s.sum.bytes, 0);
    assert_int_equal(s.found_samples, each - 4 + s.twice);
    assert_int_equal(s.codecs[STORAGE_CODEC_NONE].chunks, 0);
    assert_int_equal(s.codecs[STORAGE_CODEC_HISTOGRAM].samples, each - 4 + s.twice);
    assert_true(s.codecs[STORAGE_CODEC_CONSTANT].samples > 100);    /* series 0 */
    assert_true(s.codecs[STORAGE_CODEC_DIFFERENCES].samples > 100); /* series 1 */
    assert_true(s.codecs[STORAGE_CODEC_XOR].samples > 50);          /* of series 2 */
    assert_true(s.codecs[STORAGE_CODEC_OPEN].samples > 0);
    assert_non_null(strstr(s.top.p, "m=3 m=3 "));
    assert_null(strstr(s.top.p, "h=1"));
    seen_deinit(&s);
    folder_remove(dir);
    free(dir);
}

static void one_file_is_told_alone(void **state)
{
    static const struct {
        const char *folder;
        enum storage_file_kind kind;
    } table[] = {
        {"blocks", STORAGE_FILE_BLOCK},
        {"head", STORAGE_FILE_IMAGE},
        {"log", STORAGE_FILE_LOG},
        {"tombstones", STORAGE_FILE_TOMBSTONES},
    };
    char *dir = folder_new();

    make_directory(dir);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct file_list files = {0};
        struct seen s;
        char *path;

        list_folder_files(dir, table[i].folder, &files);
        path = path_in(dir, files.v[0]);
        assert_false(inspect(path, 0, &s));
        assert_int_equal(s.kinds[table[i].kind], 1);
        assert_int_equal(s.problems + s.damaged, 0);
        assert_int_equal(s.top.len, 0);
        flip_bit(path, 1); /* the last frame still says what it is; a segment has but one */
        seen_deinit(&s);
        inspect(path, 0, &s);
        assert_int_equal(s.kinds[table[i].kind], table[i].kind != STORAGE_FILE_LOG);
        seen_deinit(&s);
        free(path);
        file_list_deinit(&files);
    }
    folder_remove(dir);
    free(dir);
}

static void of_a_directory_in_use_only_the_newest_segment_is_left_out(void **state)
{
    struct storage_options o = manual_options();
    char *dir = folder_new();
    struct storage *st;
    struct seen s;

    make_directory(dir);
    st = must_open(dir, &o, NULL);
    put_all(st, HOURS * 15 + 4, HOURS * 15 + 5);
    assert_true(inspect(dir, 1, &s));
    assert_int_equal(s.kinds[STORAGE_FILE_LOG], 2);
    assert_int_equal(s.being_written, 1);
    assert_int_equal(s.problems + s.damaged, 0);
    assert_int_equal(s.samples + s.log_samples, SAMPLES + s.twice * (FLOAT_SERIES + 1));
    must_close(st);
    seen_deinit(&s);
    folder_remove(dir);
    free(dir);
}

/* A bit of the first block or of the image. */
static void flip(const char *dir, const char *folder, size_t at)
{
    struct file_list files = {0};
    char *path;

    list_folder_files(dir, folder, &files);
    path = path_in(dir, files.v[0]);
    flip_bit(path, at);
    free(path);
    file_list_deinit(&files);
}

static void what_is_damaged_is_told_and_the_rest_is_read(void **state)
{
    char *dir = folder_new();
    struct seen whole, s;

    make_directory(dir);
    inspect(dir, 0, &whole);
    flip(dir, "blocks", FRAME_BYTES + 6); /* the first chunk */
    inspect(dir, 0, &s);
    assert_int_equal(s.damaged, 1);
    assert_int_equal(s.codecs[STORAGE_CODEC_NONE].chunks, 1);
    assert_true(s.samples < whole.samples);
    assert_int_equal(s.damaged_sections.len, 0);
    flip(dir, "head", FRAME_BYTES + 8); /* of the first series; parity has it */
    seen_deinit(&s);
    inspect(dir, 0, &s);
    assert_int_equal(s.damaged, 1);
    assert_string_equal(s.damaged_sections.p, "series ");
    assert_int_equal(s.problems, 0);
    seen_deinit(&s);
    seen_deinit(&whole);
    folder_remove(dir);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_in_is_told_of_the_file_where_it_is),
        cmocka_unit_test(one_file_is_told_alone),
        cmocka_unit_test(of_a_directory_in_use_only_the_newest_segment_is_left_out),
        cmocka_unit_test(what_is_damaged_is_told_and_the_rest_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
