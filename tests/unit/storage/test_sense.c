/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose checksums are right and whose content is wrong: each is what a fault of ours, or
 * memory that flips a bit before a checksum is made, would leave. verify tells where and why.
 */
#include "tests/unit/storage/verify_fixture.h"

#include <errno.h>

#include "storage/block_format_priv.h"
#include "storage/column_priv.h"
#include "storage/image_priv.h"
#include "storage/log_priv.h"
#include "storage/log_record_priv.h"
#include "storage/section_file_priv.h"
#include "storage/stones_priv.h"

struct told {
    struct buf text;
    unsigned n;
};

static void hear(void *arg, const struct storage_find *f)
{
    struct told *t = arg;

    t->n++;
    buf_addf(&t->text, "part %d, %s, %llu bytes at %llu: %s\n", (int)f->part, f->file,
             (unsigned long long)f->len, (unsigned long long)f->at, f->detail);
}

/* What verify says of it must have `part` and `why`. */
static void expect(const char *dir, enum storage_part part, const char *why)
{
    struct told t = {0};
    struct storage_verified v;
    struct err err = {0};
    char head[32];

    if (storage_verify(dir, hear, &t, &v, &err) < 0)
        fail_msg("verify: %s", err.msg);
    snprintf(head, sizeof head, "part %d,", (int)part);
    if (v.damaged == 0 || !strstr(t.text.p, head) || !strstr(t.text.p, why))
        fail_msg("expected part %d \"%s\", is told: %s", (int)part, why, t.text.p ? t.text.p : "");
    buf_free(&t.text);
}

static void expect_clean(const char *dir)
{
    struct told t = {0};
    struct storage_verified v;
    struct err err = {0};

    if (storage_verify(dir, hear, &t, &v, &err) < 0 || v.damaged > 0)
        fail_msg("%s%s", err.msg, t.text.p ? t.text.p : "");
    buf_free(&t.text);
}

/* ---- section files ------------------------------------------------------------------------- */

typedef void change_fn(uint8_t *p, size_t len, struct buf *instead);

static const uint8_t *copy_section(const struct section_file *f, unsigned i, struct buf *ret)
{
    buf_add(ret, section_at(f, i), section_len(f, i));
    return (const uint8_t *)ret->p;
}

/* Writes the file anew, with one section (or, for SECTIONS_MAX, the meta) changed. */
static void forge(const char *path, char kind, unsigned section, change_fn *change)
{
    struct section_file f;
    struct section_writer w;
    struct err err = {0};
    bool damaged;

    assert_int_equal(section_file_open(path, kind, UINT32_MAX, &f, &damaged, &err), 0);
    assert_int_equal(section_writer_open(&w, &file_ops_system, path, kind, f.frame.version, &err),
                     0);
    section_write(&w, f.map + FRAME_BYTES, f.frame.sections[0].at - FRAME_BYTES);
    for (unsigned i = 0; i < f.frame.n_sections; i++) {
        CLEANUP(buf_free) struct buf bytes = {0};
        CLEANUP(buf_free) struct buf instead = {0};

        copy_section(&f, i, &bytes);
        if (i == section)
            change((uint8_t *)bytes.p, bytes.len, &instead);
        section_begin(&w);
        section_write_buf(&w, instead.len > 0 ? &instead : &bytes);
        section_end(&w);
    }
    if (section == SECTIONS_MAX)
        change(f.frame.meta, FRAME_META_MAX, NULL);
    assert_int_equal(section_writer_finish(&w, f.frame.meta, FRAME_META_MAX, &err), 0);
    section_file_close(&f);
}

static void keep(uint8_t *p, size_t len, struct buf *instead)
{
}

struct forgery {
    unsigned section;
    change_fn *change;
    const char *why;
    enum storage_part part;
};

/* The newest file of the folder, forged, alone in a folder of its own. */
static void expect_forgeries(const char *dir, const char *folder, char kind,
                             const struct forgery *table, size_t n)
{
    struct file_list files = {0};
    const char *file;

    list_folder_files(dir, folder, &files);
    file = files.v[0];
    for (size_t i = 1; i < files.n; i++)
        if (strcmp(files.v[i], file) > 0)
            file = files.v[i];
    for (size_t i = 0; i < n; i++) {
        char *own = folder_new(), *from = path_in(dir, file), *to = path_in(own, file),
             *in = path_in(own, folder);
        CLEANUP(buf_free) struct buf command = {0};

        buf_addf(&command, "mkdir -p '%s' && cp '%s' '%s'", in, from, to);
        assert_int_equal(system(command.p), 0);
        forge(to, kind, 0, keep);
        expect_clean(own);
        forge(to, kind, table[i].section, table[i].change);
        expect(own, table[i].part ? table[i].part : PART_INDEX, table[i].why);
        folder_remove(own);
        free(own);
        free(from);
        free(to);
        free(in);
    }
    file_list_deinit(&files);
}

/* ---- blocks -------------------------------------------------------------------------------- */

static void first_text_last(uint8_t *p, size_t len, struct buf *instead)
{
    p[4 + 4 * (size_t)get_u32(p)] = 'z';
}

static void text_too_long(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p + 4, 60000);
}

static void one_text_less(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p, get_u32(p) - 1);
}

static void no_such_symbol(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p + 4, 1000);
}

static void pairs_swapped(uint8_t *p, size_t len, struct buf *instead)
{
    for (int i = 0; i < 8; i++) {
        uint8_t keep_it = p[i];

        p[i] = p[BLOCK_PAIR_BYTES + i];
        p[BLOCK_PAIR_BYTES + i] = keep_it;
    }
}

static void one_more_series(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p + 8, get_u32(p + 8) + 1);
}

static void list_begins_late(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p + 12, 1);
}

static void other_series(uint8_t *p, size_t len, struct buf *instead)
{
    p[0] ^= 1;
}

static void second_place(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p + 4, get_u32(p + 4) + 1);
}

static void places_swapped(uint8_t *p, size_t len, struct buf *instead)
{
    uint32_t first = get_u32(p);

    put_u32(p, get_u32(p + 4));
    put_u32(p + 4, first);
}

static void no_such_pair(uint8_t *p, size_t len, struct buf *instead)
{
    p[9] = 100; /* behind the hash and the count of labels */
}

static void other_hash(uint8_t *p, size_t len, struct buf *instead)
{
    p[0] ^= 1;
}

/* The last bytes of the section are span and length of the newest chunk of the last series. */
static void other_span(uint8_t *p, size_t len, struct buf *instead)
{
    size_t at = len - 1;

    at -= p[at - 1] >= 0x80; /* a length of two bytes */
    p[at - 1] ^= 1;          /* the highest byte of the span */
}

static void less_samples(uint8_t *p, size_t len, struct buf *instead)
{
    put_u64(p + 24, get_u64(p + 24) - 1);
}

static void older_sample(uint8_t *p, size_t len, struct buf *instead)
{
    put_u64(p, get_u64(p) - 1);
}

static void newer_sample(uint8_t *p, size_t len, struct buf *instead)
{
    put_u64(p + 8, get_u64(p + 8) + 1);
}

static void parent_of_itself(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p + 56, 1);
    put_u64(p + 60, 99);
}

static void a_block_is_judged_by_sense(void **state)
{
    static const struct forgery table[] = {
        {BLOCK_SYMBOLS, first_text_last, "symbols: texts are not in order", 0},
        {BLOCK_SYMBOLS, text_too_long, "symbols: a text lies outside", 0},
        {BLOCK_SYMBOLS, one_text_less, "symbols: ", 0},
        {BLOCK_PAIRS, no_such_symbol, "pairs: a symbol that is not there", 0},
        {BLOCK_PAIRS, pairs_swapped, "pairs: not in order", 0},
        {BLOCK_PAIRS, one_more_series, "postings: not those", 0},
        {BLOCK_PAIRS, list_begins_late, "pairs: lists of series overlap", 0},
        {BLOCK_POSTINGS, other_series, "postings: not those", 0},
        {BLOCK_PLACES, second_place, "places: not the begin", 0},
        {BLOCK_PLACES, places_swapped, "places: not the begin", 0},
        {BLOCK_SERIES, no_such_pair, "series: a pair that is not there", 0},
        {BLOCK_SERIES, other_hash, "a series is not readable", 0},
        {BLOCK_SERIES, other_span, "the times of a chunk", 0},
        {SECTIONS_MAX, less_samples, "", PART_COUNTS},
        {SECTIONS_MAX, older_sample, "", PART_COUNTS},
        {SECTIONS_MAX, newer_sample, "", PART_COUNTS},
        {SECTIONS_MAX, parent_of_itself, "a block that cannot be its parent", 0},
    };
    char *dir = folder_new();

    make_directory(dir);
    expect_forgeries(dir, "blocks", BLOCK_KIND, table, ARRAY_LEN(table));
    folder_remove(dir);
    free(dir);
}

/* ---- images -------------------------------------------------------------------------------- */

static void same_number(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p, 77);
}

static void strange_flag(uint8_t *p, size_t len, struct buf *instead)
{
    p[6] |= 0x40;
}

static void hash_of_others(uint8_t *p, size_t len, struct buf *instead)
{
    p[16] ^= 1;
}

static void newest_time(uint8_t *p, size_t len, struct buf *instead)
{
    p[24] ^= 1;
}

static void pair_of_none(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p + SERIES_BYTES, 1000);
}

static void open_samples(uint8_t *p, size_t len, struct buf *instead)
{
    p[7]++;
}

static void image_symbol(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p, get_u32(p) + 1);
}

static void image_pair(uint8_t *p, size_t len, struct buf *instead)
{
    put_u32(p, 1000);
}

static void add_late(struct buf *out, uint64_t id, uint64_t n)
{
    buf_add_uvarint(out, id);
    buf_add_uvarint(out, n);
    for (; n > 0; n--) {
        buf_add_svarint(out, 5);
        buf_add_byte(out, 0);
        buf_add_u64(out, 1);
    }
}

static void late_of_none(uint8_t *p, size_t len, struct buf *instead)
{
    add_late(instead, 55, 1);
}

static void late_uncounted(uint8_t *p, size_t len, struct buf *instead)
{
    add_late(instead, 1, 2);
}

static void late_unordered(uint8_t *p, size_t len, struct buf *instead)
{
    add_late(instead, 2, 1);
    add_late(instead, 1, 1);
}

static void late_cut_off(uint8_t *p, size_t len, struct buf *instead)
{
    add_late(instead, 1, 1);
    instead->len--;
}

static void add_stones(struct buf *out, uint64_t n, uint32_t series, unix_ms from, unix_ms to)
{
    struct stone v = {.series = series, .from = from, .to = to, .last_t = INT64_MAX};

    buf_add_uvarint(out, n);
    stones_put(&v, 1, out);
}

static void deletes_miscounted(uint8_t *p, size_t len, struct buf *instead)
{
    add_stones(instead, 2, 1, T0, T0 + 1);
}

static void deletes_too_many(uint8_t *p, size_t len, struct buf *instead)
{
    add_stones(instead, 0, 1, T0, T0 + 1);
}

static void deletes_of_none(uint8_t *p, size_t len, struct buf *instead)
{
    add_stones(instead, 1, 900, T0, T0 + 1);
}

static void deletes_backwards(uint8_t *p, size_t len, struct buf *instead)
{
    add_stones(instead, 1, 1, T0 + 1, T0);
}

static void extras(struct buf *out, void (*fill)(struct log_record *r))
{
    struct log_record r = {0};

    log_record_begin(&r);
    fill(&r);
    buf_add(out, r.bytes.p + LOG_RECORD_HEAD, log_record_sections(&r));
    buf_free(&r.bytes);
}

static void put_no_family(struct log_record *r)
{
    log_record_metadata(r, &(struct metric_metadata){.help = STR("x")});
}

static void put_sample(struct log_record *r)
{
    log_record_float(r, false, 1, T0, 1);
}

static void family_without_name(uint8_t *p, size_t len, struct buf *instead)
{
    extras(instead, put_no_family);
}

static void sample_among_exemplars(uint8_t *p, size_t len, struct buf *instead)
{
    extras(instead, put_sample);
}

static void half_an_entry(uint8_t *p, size_t len, struct buf *instead)
{
    extras(instead, put_no_family);
    instead->len--;
}

static void an_image_is_judged_by_sense(void **state)
{
    static const struct forgery table[] = {
        {IMAGE_SERIES, same_number, "series: numbers are not in order", 0},
        {IMAGE_SERIES, strange_flag, "series: flags", 0},
        {IMAGE_SERIES, hash_of_others, "series: a hash", 0},
        {IMAGE_SERIES, newest_time, "series: the times of a chunk", 0},
        {IMAGE_SERIES, pair_of_none, "series: a pair that is not there", 0},
        {IMAGE_SERIES, open_samples, "series: ", 0},
        {IMAGE_PLACES, second_place, "places: not the begin", 0},
        {IMAGE_SYMBOLS, image_symbol, "symbols: not as many bytes", 0},
        {IMAGE_PAIRS, image_pair, "pairs: a symbol that is not there", 0},
        {IMAGE_LATE, late_of_none, "late samples: of a series that is not there", 0},
        {IMAGE_LATE, late_uncounted, "late samples: not as many", 0},
        {IMAGE_LATE, late_unordered, "not in order", 0},
        {IMAGE_LATE, late_cut_off, "late samples: not readable", 0},
        {IMAGE_STONES, deletes_miscounted, "deletes: not as many", 0},
        {IMAGE_STONES, deletes_too_many, "deletes: not as many", 0},
        {IMAGE_STONES, deletes_of_none, "deletes: of a series that is not there", 0},
        {IMAGE_STONES, deletes_backwards, "deletes: ", 0},
        {IMAGE_EXTRAS, family_without_name, "metadata of no family", 0},
        {IMAGE_EXTRAS, sample_among_exemplars, "samples, where none belong", 0},
        {IMAGE_EXTRAS, half_an_entry, "not readable to their ends", 0},
    };
    char *dir = folder_new();

    make_directory(dir);
    expect_forgeries(dir, "head", IMAGE_KIND, table, ARRAY_LEN(table));
    folder_remove(dir);
    free(dir);
}

/* ---- the log ------------------------------------------------------------------------------- */

static const struct label known_labels[] = {{STR("__name__"), STR("m")}};
static const struct label turned_labels[] = {{STR("b"), STR("1")}, {STR("a"), STR("2")}};

static void log_all(struct log_record *r)
{
    CLEANUP(label_set_unrefp)
    const struct label_set *labels = labels_of("__name__", "m", "a", "1", NULL);

    log_record_series(r, 7, known_labels, 1);
    log_record_float(r, false, 7, T0, 1);
    log_record_delete(r, 7, T0, T0 + 5);
    log_record_exemplar(r, labels, &(struct exemplar_row){.t = T0, .v = 1, .labels = labels});
    log_record_metadata(r, &(struct metric_metadata){.family = STR("m")});
}

static void log_untold(struct log_record *r)
{
    log_record_series(r, 7, known_labels, 1);
    log_record_float(r, false, 8, T0, 1);
}

static void log_delete_untold(struct log_record *r)
{
    log_record_delete(r, 8, T0, T0);
}

static void log_delete_backwards(struct log_record *r)
{
    log_record_series(r, 7, known_labels, 1);
    log_record_delete(r, 7, T0, T0 - 1);
}

static void log_turned(struct log_record *r)
{
    log_record_series(r, 7, turned_labels, 2);
}

static void log_nameless(struct log_record *r)
{
    log_record_series(r, 7, known_labels, 0);
}

static void log_time(struct log_record *r)
{
    log_record_series(r, 7, known_labels, 1);
    log_record_float(r, true, 7, TIME_ABS_MAX + 1, 1);
}

/* A directory that has nothing but this record, in the segment. */
static char *folder_with(uint64_t number, void (*fill)(struct log_record *r))
{
    char *dir = folder_new(), *log = path_in(dir, "log");
    CLEANUP(buf_free) struct buf path = {0};
    uint8_t head[LOG_SEGMENT_HEAD];
    struct log_record r = {0};
    FILE *f;

    buf_addf(&path, "%s/%08d", log, (int)number);
    assert_int_equal(mkdir(log, 0700), 0);
    log_segment_head(number, head);
    log_record_begin(&r);
    fill(&r);
    log_record_end(&r);
    f = fopen(path.p, "w");
    assert_non_null(f);
    fwrite(head, 1, sizeof head, f);
    fwrite(r.bytes.p, 1, r.bytes.len, f);
    fclose(f);
    buf_free(&r.bytes);
    free(log);
    return dir;
}

static void a_commit_is_judged_by_sense(void **state)
{
    static const struct {
        void (*fill)(struct log_record *r);
        const char *why; /* NULL: it is a good one */
    } table[] = {
        {log_all, NULL},
        {log_untold, "of a series whose labels nothing tells"},
        {log_delete_untold, "of a series whose labels nothing tells"},
        {log_delete_backwards, "a delete that ends before it begins"},
        {log_turned, "labels are not in order"},
        {log_nameless, "a series without labels"},
        {log_time, "a time that no sample can have"},
        {put_no_family, "metadata of no family"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char *dir = folder_with(1, table[i].fill);

        if (table[i].why)
            expect(dir, PART_SENSE, table[i].why);
        else
            expect_clean(dir);
        folder_remove(dir);
        free(dir);
    }
}

static void of_a_log_whose_begin_is_lost_references_are_not_judged(void **state)
{
    char *dir = folder_with(2, log_untold);
    struct told t = {0};
    struct storage_verified v;
    struct err err = {0};

    assert_int_equal(storage_verify(dir, hear, &t, &v, &err), 0);
    assert_int_equal(v.damaged, 1); /* that segment 1 is missing, and nothing else */
    assert_non_null(strstr(t.text.p, "log/00000001"));
    buf_free(&t.text);
    folder_remove(dir);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_judged_by_sense),
        cmocka_unit_test(an_image_is_judged_by_sense),
        cmocka_unit_test(a_commit_is_judged_by_sense),
        cmocka_unit_test(of_a_log_whose_begin_is_lost_references_are_not_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
