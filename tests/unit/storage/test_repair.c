/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bit flips anywhere, or a file is cut or gone: the storage opens all the same, what is lost is at
 * most one chunk, one commit or one block, and was told; repairing brings the folder into a state
 * that verifies clean and has all that could be read.
 *
 * Each SWEEP_STEPth byte of every file; with TOCSIN_FULL_SWEEP=1 in the environment, every byte.
 */
#include "tests/unit/storage/extras.h"
#include "tests/unit/storage/verify_fixture.h"

#include <errno.h>

#include "base/file.h"

#define SWEEP_STEP 149

struct one_sample {
    size_t series;
    unix_ms t;
    double v; /* of a histogram its sum */
};

struct samples {
    struct one_sample *v;
    size_t n, cap;
    size_t n_series;
};

static void samples_deinit(struct samples *s)
{
    free(s->v);
}

/* Number of a series that does not depend on which others there are. */
static size_t series_number(const struct label_set *labels)
{
    struct str i = label_set_get(labels, STR("i"));

    return i.p && i.len > 0 ? (size_t)(i.p[0] - '0') : FLOAT_SERIES;
}

static struct samples read_all(struct storage *st)
{
    struct selection *s = pick(st, MATCH_NE, "__name__", "", INT64_MIN, INT64_MAX);
    struct columns c = {0};
    struct samples all = {.n_series = s->n};

    for (size_t i = 0; i < s->n; i++) {
        read_series(s, i, INT64_MIN, INT64_MAX, &c);
        for (size_t k = 0; k < c.n; k++)
            *VEC_PUSH(all.v, all.n, all.cap) = (struct one_sample){
                series_number(s->labels[i]), c.times[k],
                c.histograms && c.histograms[k] ? c.histograms[k]->sum : c.values[k]};
    }
    columns_deinit(&c);
    s->reader->release(s);
    return all;
}

static int compare(const void *pa, const void *pb)
{
    const struct one_sample *a = pa, *b = pb;

    if (a->series != b->series)
        return a->series < b->series ? -1 : 1;
    return (a->t > b->t) - (a->t < b->t);
}

struct difference {
    size_t lost, gained;
    size_t series; /* of which some are lost */
    unix_ms from, to;
};

/* What is there in both has the same value. */
static struct difference differ(struct samples *was, struct samples *is)
{
    struct difference d = {.from = INT64_MAX, .to = INT64_MIN};
    size_t last = SIZE_MAX, k = 0;

    qsort(was->v, was->n, sizeof *was->v, compare);
    qsort(is->v, is->n, sizeof *is->v, compare);
    for (size_t i = 0; i < was->n; i++) {
        const struct one_sample *a = &was->v[i];

        for (; k < is->n && compare(&is->v[k], a) < 0; k++)
            d.gained++;
        if (k < is->n && compare(&is->v[k], a) == 0) {
            assert_true(is->v[k++].v == a->v);
            continue;
        }
        d.lost++;
        d.series += a->series != last;
        last = a->series;
        d.from = a->t < d.from ? a->t : d.from;
        d.to = a->t > d.to ? a->t : d.to;
    }
    d.gained += is->n - k;
    return d;
}

/* ---- repairing ----------------------------------------------------------------------------- */

struct heard {
    unsigned finds, acts;
    struct buf text;
};

static void hear_find(void *arg, const struct storage_find *f)
{
    struct heard *h = arg;

    h->finds++;
    buf_addf(&h->text, "%s at %llu: part %d %s\n", f->file, (unsigned long long)f->at, (int)f->part,
             f->detail);
}

static void hear_act(void *arg, const char *file, enum storage_repair_act what)
{
    ((struct heard *)arg)->acts++;
}

static void hear_event(void *arg, enum storage_event what, const char *text)
{
    if (what == STORAGE_DAMAGED)
        buf_addf(arg, "%s\n", text);
}

static struct samples samples_in(const char *dir, struct buf *told)
{
    struct storage_options o = manual_options();
    struct storage *st;
    struct samples all;

    o.on_event = hear_event;
    o.on_event_arg = told;
    st = must_open(dir, &o, told);
    all = read_all(st);
    must_close(st);
    return all;
}

static void repair(const char *dir, bool dry_run, struct storage_verified *before,
                   struct storage_verified *after, struct heard *h)
{
    const struct storage_repair o = {dry_run, hear_find, hear_act, h};
    struct buf kept = {0};
    struct err err = {0};

    if (storage_repair(dir, &o, before, after, &kept, &err) < 0)
        fail_msg("repair: %s", err.msg);
    if (!dry_run && before->damaged > 0)
        assert_int_equal(access(kept.p, F_OK), 0);
    buf_free(&kept);
}

struct world {
    char *good, *copy;
    struct samples samples;
    struct file_list files;
    struct buf *bytes; /* of each file */
};

/* Makes a folder what the good one is; quicker than a command that copies. */
static void put_good(const struct world *w, const char *dir)
{
    static const char *const folders[] = {"", "blocks", "head", "log", "tombstones"};

    folder_remove(dir);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char *path = path_in(dir, folders[i]);

        assert_int_equal(mkdir(path, 0750), 0);
        free(path);
    }
    for (size_t i = 0; i < w->files.n; i++) {
        char *path = path_in(dir, w->files.v[i]);
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(fwrite(w->bytes[i].p, 1, w->bytes[i].len, f), w->bytes[i].len);
        fclose(f);
        free(path);
    }
}

static void world_init(struct world *w)
{
    struct buf told = {0};

    *w = (struct world){.good = folder_new(), .copy = folder_new()};
    make_directory(w->good);
    w->files = list_files(w->good);
    w->bytes = mem_array(w->files.n, sizeof *w->bytes);
    for (size_t i = 0; i < w->files.n; i++) {
        char *path = path_in(w->good, w->files.v[i]);

        assert_int_equal(file_read(path, SIZE_MAX, &w->bytes[i], NULL), 0);
        free(path);
    }
    put_good(w, w->copy);
    w->samples = samples_in(w->copy, &told);
    assert_int_equal(told.len, 0);
    assert_true(w->samples.n > 600);
    buf_free(&told);
}

static void world_deinit(struct world *w)
{
    samples_deinit(&w->samples);
    for (size_t i = 0; i < w->files.n; i++)
        buf_free(&w->bytes[i]);
    free(w->bytes);
    file_list_deinit(&w->files);
    folder_remove(w->good);
    folder_remove(w->copy);
    free(w->good);
    free(w->copy);
}

/* What damage to one bit may cost. */
static void check_difference(const char *file, size_t at, const struct difference *d)
{
    bool block = strncmp(file, "blocks/", 7) == 0, log = strncmp(file, "log/", 4) == 0;

    if (d->series > 1 || (d->lost > 0 && !block && !log) || (log && d->lost > 1) ||
        (d->gained > 0 && !log) || d->gained > 1)
        fail_msg("%s: a bit at %zu: %zu samples of %zu series are lost, %zu are new", file, at,
                 d->lost, d->series, d->gained);
}

/* Both have the damage: opens one as it is, repairs the other; they have the same samples. */
static struct difference open_and_repair(struct world *w, const char *damaged, bool noticed)
{
    struct storage_verified before, after;
    struct heard h = {0};
    struct buf told = {0}, none = {0};
    struct samples opened, repaired;
    struct difference d, d2;

    repair(w->copy, false, &before, &after, &h);
    if (after.damaged > 0)
        fail_msg("not clean after repairing: %s", h.text.p);
    repaired = samples_in(w->copy, &none);
    assert_int_equal(none.len, 0);
    opened = samples_in(damaged, &told);
    d = differ(&w->samples, &opened);
    d2 = differ(&w->samples, &repaired);
    if (d.lost + d.gained > 0 && noticed)
        assert_true(told.len > 0 && before.damaged > 0);
    assert_int_equal(d.lost, d2.lost);
    assert_int_equal(d.gained, d2.gained);
    samples_deinit(&opened);
    samples_deinit(&repaired);
    buf_free(&h.text);
    buf_free(&told);
    buf_free(&none);
    return d;
}

static void flips_of(struct world *w, const char *file, size_t *lost)
{
    char *second = folder_new(), *path = path_in(w->copy, file), *other = path_in(second, file),
         *good = path_in(w->good, file);
    size_t len = file_size(good), step = getenv("TOCSIN_FULL_SWEEP") ? 1 : SWEEP_STEP;

    for (size_t at = 0; at < len; at += step) {
        struct difference d;

        put_good(w, w->copy);
        put_good(w, second);
        flip_bit(path, at);
        flip_bit(other, at);
        d = open_and_repair(w, second, true);
        check_difference(file, at, &d);
        *lost += d.lost > 0;
    }
    folder_remove(second);
    free(second);
    free(path);
    free(other);
    free(good);
}

static void a_flipped_bit_costs_a_chunk_or_a_commit_and_is_repaired(void **state)
{
    struct world w;
    size_t lost = 0;

    world_init(&w);
    for (size_t i = 0; i < w.files.n; i++)
        flips_of(&w, w.files.v[i], &lost);
    assert_true(lost > 0);
    world_deinit(&w);
}

/* ---- worse damage -------------------------------------------------------------------------- */

/* Writes over a stretch: more than parity undoes. */
static void scribble(const char *path, size_t from, size_t to)
{
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    for (size_t at = from; at < to; at++)
        assert_int_equal(pwrite(fd, "\x5a", 1, (off_t)at), 1);
    close(fd);
}

static void whatever_is_scribbled_over_is_repaired(void **state)
{
    struct world w;
    char *second = folder_new();

    world_init(&w);
    for (size_t i = 0; i < w.files.n; i++) {
        char *path = path_in(w.copy, w.files.v[i]), *other = path_in(second, w.files.v[i]);
        size_t len;

        put_good(&w, w.copy);
        len = file_size(path);
        for (size_t part = 0; part < 5; part++) {
            put_good(&w, w.copy);
            put_good(&w, second);
            scribble(path, len * part / 5, len * (part + 1) / 5);
            scribble(other, len * part / 5, len * (part + 1) / 5);
            open_and_repair(&w, second, true);
        }
        free(path);
        free(other);
    }
    folder_remove(second);
    free(second);
    world_deinit(&w);
}

static void whatever_is_cut_is_repaired_and_costs_at_most_what_the_file_had(void **state)
{
    struct world w;
    char *second = folder_new();

    world_init(&w);
    for (size_t i = 0; i < w.files.n; i++) {
        char *path = path_in(w.copy, w.files.v[i]), *other = path_in(second, w.files.v[i]);

        for (size_t part = 0; part < 4; part++) {
            size_t len;

            put_good(&w, w.copy);
            put_good(&w, second);
            len = file_size(path);
            assert_int_equal(truncate(path, (off_t)(len * part / 4)), 0);
            assert_int_equal(truncate(other, (off_t)(len * part / 4)), 0);
            /* A segment that ends behind a record is as good as any. */
            open_and_repair(&w, second, strncmp(w.files.v[i], "log/", 4) != 0);
        }
        free(path);
        free(other);
    }
    folder_remove(second);
    free(second);
    world_deinit(&w);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void a_dry_run_tells_and_changes_nothing(void **state)
{
    struct storage_verified before, after, again;
    struct heard h = {0};
    struct world w;
    char *path;

    world_init(&w);
    put_good(&w, w.copy);
    path = path_in(w.copy, w.files.v[0]);
    flip_bit(path, 600);
    repair(w.copy, true, &before, &after, &h);
    assert_int_equal(h.acts, 1);
    assert_int_equal(before.damaged, 1);
    repair(w.copy, true, &again, &after, &h);
    assert_int_equal(again.damaged, 1);
    flip_bit(path, 600);
    repair(w.copy, true, &again, &after, &h);
    assert_int_equal(again.damaged, 0);
    assert_int_equal(again.notes, 0);
    free(path);
    buf_free(&h.text);
    world_deinit(&w);
}

static bool same_bytes(const char *a, const char *b)
{
    struct buf command = {0};
    int r;

    buf_addf(&command, "cmp -s '%s' '%s'", a, b);
    r = system(command.p);
    buf_free(&command);
    return r == 0;
}

/* The only folder below damaged/. */
static char *kept_folder(const char *dir)
{
    struct file_list l = {0};
    char *path;

    list_folder_files(dir, "damaged", &l);
    assert_int_equal(l.n, 1);
    path = path_in(dir, l.v[0]);
    file_list_deinit(&l);
    return path;
}

static void what_was_damaged_is_kept_as_it_was(void **state)
{
    struct world w;

    world_init(&w);
    for (size_t i = 0; i < w.files.n; i++) {
        struct storage_verified before, after;
        char *path = path_in(w.copy, w.files.v[i]), *good = path_in(w.good, w.files.v[i]), *dir,
             *kept;
        struct heard h = {0};

        put_good(&w, w.copy);
        flip_bit(path, 601);
        repair(w.copy, false, &before, &after, &h);
        dir = kept_folder(w.copy);
        kept = path_in(dir, w.files.v[i]);
        flip_bit(kept, 601);
        assert_true(same_bytes(kept, good));
        free(path);
        free(good);
        free(dir);
        free(kept);
        buf_free(&h.text);
    }
    world_deinit(&w);
}

static void exemplars_and_metadata_outlive_a_repair_of_the_log(void **state)
{
    CLEANUP(label_set_unrefp) const struct label_set *series = labels_of("__name__", "m", NULL);
    CLEANUP(label_set_unrefp) const struct label_set *labels = labels_of("trace", "a", NULL);
    const struct metric_metadata metadata = {STR("m"), METRIC_GAUGE, STR("help"), STR("")};
    struct storage_options o = manual_options();
    char *dir = folder_new(), *copy = folder_new(), *path;
    struct file_list files = {0};
    struct storage_verified before, after;
    struct heard h = {0};
    struct storage *st;
    struct err err = {0};

    o.exemplars_max = 10;
    st = must_open(dir, &o, NULL);
    const struct sample_row row = {.ref = ref_of(st, series), .t = T0, .v = 1};
    const struct exemplar_row e = {.ref = row.ref, .labels = labels, .t = 1000, .v = 2};
    const struct sample_batch b = {&row, 1, &e, 1, &metadata, 1};

    assert_int_equal(
        sample_sink_commit_batch(storage_sink(st), &b, COMMIT_SKIP_BAD, NULL, NULL, &err), 0);
    must_close(st); /* they are in the image */
    st = must_open(dir, &o, NULL);
    put(st, ref_of(st, series), T0 + 1, 1);
    folder_copy(dir, copy);
    must_close(st);
    list_folder_files(copy, "log", &files);
    assert_int_equal(files.n, 1);
    path = path_in(copy, files.v[0]);
    scribble(path, file_size(path) - 8, file_size(path));
    repair(copy, false, &before, &after, &h);
    assert_int_equal(before.damaged, 1);
    st = must_open(copy, &o, NULL);
    assert_extras(st, "m [1000 2 {trace=\"a\"}]\nm gauge 'help' ''\n");
    must_close(st);
    file_list_deinit(&files);
    buf_free(&h.text);
    folder_remove(dir);
    folder_remove(copy);
    free(path);
    free(dir);
    free(copy);
}

static void a_directory_in_use_is_not_repaired(void **state)
{
    struct storage_options o = manual_options();
    struct storage_repair how = {false, hear_find, hear_act, NULL};
    char *dir = folder_new();
    struct storage *st = must_open(dir, &o, NULL);
    struct storage_verified before, after;
    struct buf kept = {0};
    struct err err = {0};

    assert_int_equal(storage_repair(dir, &how, &before, &after, &kept, &err), -EBUSY);
    must_close(st);
    folder_remove(dir);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_costs_a_chunk_or_a_commit_and_is_repaired),
        cmocka_unit_test(whatever_is_scribbled_over_is_repaired),
        cmocka_unit_test(whatever_is_cut_is_repaired_and_costs_at_most_what_the_file_had),
        cmocka_unit_test(a_dry_run_tells_and_changes_nothing),
        cmocka_unit_test(what_was_damaged_is_kept_as_it_was),
        cmocka_unit_test(exemplars_and_metadata_outlive_a_repair_of_the_log),
        cmocka_unit_test(a_directory_in_use_is_not_repaired),
    };

    /* What is proved is about bytes, not about the disk: hundreds of repairs sync often. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
