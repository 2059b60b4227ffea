/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/storage_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"

#define RETENTION_DEFAULT_MS ((dur_ms)15 * 24 * 60 * 60 * 1000)
#define FSYNC_DEFAULT_MS     ((dur_ms)1000)
#define COMPACT_EVERY_MS     ((dur_ms)5000)

/* A start replays what came after the image, about 25 million samples a second, three bytes
 * each, and a small site should not keep more log than head: that is why an image is made when the
 * log behind the last one is half as long as it, but not for less than LEAST nor only after more
 * than MOST; or, so that large images are not written all the time, an eighth of the image. */
#define IMAGE_LOG_LEAST ((uint64_t)2 << 20)
#define IMAGE_LOG_MOST  ((uint64_t)8 << 20)
#define IMAGE_LOG_PART  8

/* As soon as it is that long, also in the first seconds: a start should never have to replay more.
 * But `compact` rests twice as long as it worked, lest a slow disk writes images only. */
#define COMPACT_REST_TIMES 2

void storage_options_default(struct storage_options *o)
{
    *o = (struct storage_options){
        .retention_time = RETENTION_DEFAULT_MS,
        .fsync_interval = FSYNC_DEFAULT_MS,
    };
}

void storage_path(const struct storage *st, const char *folder, uint64_t number, struct buf *out)
{
    buf_addf(out, "%s/%s/%08llu", st->dir, folder, (unsigned long long)number);
}

/* ---- telling ------------------------------------------------------------------------------- */

void storage_tell(struct storage *st, enum storage_event what, const char *fmt, ...)
{
    struct buf text = {0};
    va_list ap;

    if (what == STORAGE_DAMAGED)
        st->damaged++;
    if (!st->o.on_event)
        return;
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    st->o.on_event(st->o.on_event_arg, what, text.p);
    buf_free(&text);
}

/* While the storage opens, its finds are lines of the report. */
static void tell_damage(void *self, const char *text)
{
    struct storage *st = self;

    if (st->opening) {
        st->damaged++;
        if (st->report)
            buf_addf(st->report, "%s\n", text);
    } else {
        storage_tell(st, STORAGE_DAMAGED, "%s", text);
    }
}

/* Keeps what is amiss with `which` for the statistics, and tells it once as long as it lasts. */
static void set_problem(struct storage *st, enum storage_work which, const struct err *err)
{
    char *kept = st->problems[which];
    bool news;

    {
        WITH_LOCK(&st->problem_lock);
        news = err && strncmp(kept, err->msg, STORAGE_PROBLEM_MAX - 1) != 0;
        snprintf(kept, STORAGE_PROBLEM_MAX, "%.*s", STORAGE_PROBLEM_MAX - 1, err ? err->msg : "");
        st->has_problem[which] = err != NULL;
    }
    if (news)
        storage_tell(st, STORAGE_FAILED, "%s", err->msg);
}

static int work_done(struct storage *st, enum storage_work which, int r, const struct err *err)
{
    if (r < 0)
        set_problem(st, which, err);
    else if (st->has_problem[which])
        set_problem(st, which, NULL);
    return r;
}

/* ---- sink ---------------------------------------------------------------------------------- */

static int sink_series(void *self, const struct label_set *labels, series_ref *ret, struct err *err)
{
    return commit_series(&((struct storage *)self)->committer, labels, false, ret, err);
}

static int sink_own_series(void *self, const struct label_set *labels, series_ref *ret,
                           struct err *err)
{
    return commit_series(&((struct storage *)self)->committer, labels, true, ret, err);
}

/* How long the log behind an image may be. */
static uint64_t log_limit(uint64_t image)
{
    uint64_t limit = image / 2;

    if (limit < IMAGE_LOG_LEAST)
        limit = IMAGE_LOG_LEAST;
    if (limit > IMAGE_LOG_MOST)
        limit = IMAGE_LOG_MOST;
    return limit > image / IMAGE_LOG_PART ? limit : image / IMAGE_LOG_PART;
}

static bool needs_image(const struct storage *st)
{
    return st->image_due || st->log_suspect || st->log.bytes_since > log_limit(st->image_bytes);
}

/* The log has grown long: `compact` should not wait for its time. */
static void ask_for_turn(struct storage *st)
{
    if (!st->started || st->turn_asked || !needs_image(st))
        return;
    WITH_LOCK(&st->wake_lock);
    st->turn_asked = true;
    pthread_cond_broadcast(&st->wake);
}

static int sink_commit_batch(void *self, const struct sample_batch *b, enum commit_flags flags,
                             enum sample_verdict *verdicts, size_t *ret_exemplars, struct err *err)
{
    struct storage *st = self;
    struct err own = {0};
    int r = commit_batch(&st->committer, b, flags, verdicts, ret_exemplars, err ? err : &own);

    if (r != -EINVAL && r != -E2BIG) /* those are the sender's */
        work_done(st, WORK_LOG, r, err ? err : &own);
    ask_for_turn(st);
    return r;
}

static int sink_commit(void *self, const struct sample_row *rows, size_t n, enum commit_flags flags,
                       enum sample_verdict *verdicts, struct err *err)
{
    const struct sample_batch b = {.rows = rows, .n_rows = n};

    return sink_commit_batch(self, &b, flags, verdicts, NULL, err);
}

const struct sample_sink *storage_sink(struct storage *st)
{
    return &st->sink;
}

const struct series_reader *storage_reader(struct storage *st)
{
    return &st->reader;
}

const struct exemplar_reader *storage_exemplars(struct storage *st)
{
    return &st->exemplar_reader;
}

const struct metadata_reader *storage_metadata(struct storage *st)
{
    return &st->metadata_reader;
}

/* ---- background work ----------------------------------------------------------------------- */

static int sync_log(struct storage *st, struct err *err)
{
    int r = log_is_dirty(&st->log) ? log_sync(&st->log, err) : 0;

    if (r < 0)
        st->log_suspect = true; /* an image will hold what the disk may not have */
    return work_done(st, WORK_SYNC, r, err);
}

/* One turn of everything but the sync. Later works are done though an earlier one failed. */
static int compact(struct storage *st, struct err *ret_err)
{
    WITH_LOCK(&st->turn);
    struct err err = {0};
    int r = work_done(st, WORK_CUT, storage_cut(st, &err), &err), k;

    if (r < 0)
        *ret_err = err;
    storage_trim(st);
    if (needs_image(st)) {
        k = work_done(st, WORK_IMAGE, storage_write_image(st, &err), &err);
        if (k < 0 && r == 0) {
            r = k;
            *ret_err = err;
        }
        mem_give_back(); /* the tables of the image and, before one, of blocks; series removed */
    }
    k = work_done(st, WORK_RETENTION, storage_retain(st, &err), &err);
    if (k < 0 && r == 0) {
        r = k;
        *ret_err = err;
    }
    return r;
}

static int merge(struct storage *st, bool rests, struct err *err)
{
    return work_done(st, WORK_MERGE, storage_merge(st, rests, err), err);
}

void storage_other_works(struct storage *st)
{
    struct err err;

    (void)compact(st, &err); /* told by it */
}

int storage_tick(struct storage *st, struct err *err)
{
    struct err first = {0}, second = {0};
    int r = sync_log(st, &first), k = compact(st, &second);

    if (r == 0) {
        r = k;
        first = second;
    }
    k = merge(st, false, &second);
    if (r == 0) {
        r = k;
        first = second;
    }
    return r < 0 ? err_set(err, r, "%s", first.msg) : 0;
}

/* Waits that long, or until *also is set (may be NULL), or until the storage closes; true then. */
static bool wait_for_stop(struct storage *st, dur_ms ms, const atomic_bool *also)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    WITH_LOCK(&st->wake_lock);
    while (!st->stop && !(also && *also))
        if (pthread_cond_timedwait(&st->wake, &st->wake_lock.m, &until) == ETIMEDOUT)
            break;
    return st->stop;
}

bool storage_wait(struct storage *st, dur_ms ms)
{
    return wait_for_stop(st, ms, NULL);
}

bool storage_is_stopping(struct storage *st)
{
    WITH_LOCK(&st->wake_lock);
    return st->stop;
}

static void run_sync(void *arg)
{
    struct storage *st = arg;
    dur_ms every = st->o.fsync_interval > 0 ? st->o.fsync_interval : FSYNC_DEFAULT_MS;
    struct err err;

    while (!wait_for_stop(st, every, NULL))
        (void)sync_log(st, &err); /* told by it */
}

static void run_compact(void *arg)
{
    struct storage *st = arg;
    struct err err;

    while (!wait_for_stop(st, COMPACT_EVERY_MS, &st->turn_asked)) {
        mono_ns begin = clock_mono_ns();
        dur_ms rest;
        int r = compact(st, &err); /* told by it */

        (void)merge(st, true, &err);

        rest = COMPACT_REST_TIMES * (dur_ms)((clock_mono_ns() - begin) / 1000000);
        if (r < 0 || rest > COMPACT_EVERY_MS)
            rest = COMPACT_EVERY_MS;
        (void)wait_for_stop(st, rest, NULL);
        st->turn_asked = false;
    }
}

static void start_threads(struct storage *st)
{
    st->started = true;
    thread_start(&st->sync_thread, "log-sync", run_sync, st);
    thread_start(&st->compact_thread, "compact", run_compact, st);
}

static void stop_threads(struct storage *st)
{
    if (!st->started)
        return;
    {
        WITH_LOCK(&st->wake_lock);
        st->stop = true;
        pthread_cond_broadcast(&st->wake);
    }
    thread_join(&st->sync_thread);
    thread_join(&st->compact_thread);
    st->started = false;
}

/* ---- life ---------------------------------------------------------------------------------- */

static unix_ms system_now(void *arg)
{
    return clock_unix_ms();
}

static int check_options(const struct storage_options *o, struct err *err)
{
    if (o->retention_time < 0 || o->fsync_interval < 0 || o->out_of_order_window < 0)
        return err_set(err, -EINVAL,
                       "storage: retention, sync interval and out-of-order window must not be "
                       "negative");
    return 0;
}

static struct storage *storage_new(const char *dir, const struct storage_options *o)
{
    struct storage *st = mem_zalloc(sizeof *st);
    pthread_condattr_t attr;

    st->o = *o;
    st->ops = o->files ? o->files : &file_ops_system;
    st->dir = mem_strdup(dir);
    st->lock_fd = -1;
    st->retention_time = o->retention_time;
    st->retention_bytes = o->retention_bytes;
    st->damage = (struct damage_face){st, tell_damage};
    lock_init(&st->merging);
    lock_init(&st->turn);
    lock_init(&st->problem_lock);
    lock_init(&st->wake_lock);
    must(pthread_condattr_init(&attr) == 0);
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&st->wake, &attr) == 0);
    pthread_condattr_destroy(&attr);
    head_init(&st->head);
    views_init(&st->views);
    exemplars_init(&st->exemplars, o->exemplars_max);
    families_init(&st->families);
    committer_init(&st->committer, &st->head, &st->log);
    st->committer.exemplars = &st->exemplars;
    st->committer.families = &st->families;
    st->committer.late_window = o->out_of_order_window;
    budget_init(&st->budget, &st->head, o->series_budget);
    st->committer.budget = &st->budget;
    st->committer.sync_each = o->fsync_interval == 0;
    st->committer.now = o->now ? o->now : system_now;
    st->committer.now_arg = o->now_arg;
    st->sink = (struct sample_sink){
        st, sink_series, sink_commit, sink_commit_batch, o->exemplars_max > 0, sink_own_series};
    st->exemplar_reader = (struct exemplar_reader){&st->exemplars, exemplars_each};
    st->metadata_reader = (struct metadata_reader){&st->families, families_each};
    storage_reader_init(st);
    return st;
}

static void storage_free(struct storage *st)
{
    if (st->log.dir)
        log_deinit(&st->log);
    committer_deinit(&st->committer);
    budget_deinit(&st->budget);
    families_deinit(&st->families);
    exemplars_deinit(&st->exemplars);
    views_deinit(&st->views);
    head_deinit(&st->head);
    if (st->lock_fd >= 0)
        close(st->lock_fd);
    pthread_cond_destroy(&st->wake);
    lock_deinit(&st->wake_lock);
    lock_deinit(&st->problem_lock);
    lock_deinit(&st->turn);
    lock_deinit(&st->merging);
    free(st->doomed.v);
    free(st->dir);
    free(st);
}

static int make_folders(struct storage *st, struct err *err)
{
    static const char *const names[] = {STORAGE_FOLDER_LOG, STORAGE_FOLDER_HEAD,
                                        STORAGE_FOLDER_BLOCKS, STORAGE_FOLDER_STONES};
    int r = file_make_dirs(st->dir, err);

    for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++) {
        struct buf path = {0};

        buf_addf(&path, "%s/%s", st->dir, names[i]);
        r = st->ops->make_dir(st->ops->self, path.p);
        if (r < 0)
            err_set(err, r, "make folder %s: %m", path.p);
        buf_free(&path);
    }
    return r;
}

/* Held while the storage is open; the system gives it back when the process ends in whatever way.
 */
static int lock_dir(struct storage *st, struct err *err)
{
    struct buf path = {0};
    int r = 0;

    buf_addf(&path, "%s/lock", st->dir);
    st->lock_fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (st->lock_fd < 0)
        r = err_set(err, -errno, "open %s: %m", path.p);
    else if (flock(st->lock_fd, LOCK_EX | LOCK_NB) < 0)
        r = errno == EWOULDBLOCK ? err_set(err, -EBUSY, "%s is in use by another process", st->dir)
                                 : err_set(err, -errno, "lock %s: %m", path.p);
    buf_free(&path);
    return r;
}

int storage_open(const char *dir, const struct storage_options *o, struct storage **ret,
                 struct buf *report, struct err *err)
{
    struct storage *st;
    int r = check_options(o, err);

    if (r < 0)
        return r;
    st = storage_new(dir, o);
    st->opening = true;
    st->report = report;
    r = make_folders(st, err);
    if (r == 0)
        r = lock_dir(st, err);
    if (r == 0)
        storage_sweep_snapshots(st);
    if (r == 0)
        r = storage_open_blocks(st, err);
    if (r == 0)
        r = storage_load_stones(st, err);
    if (r == 0)
        r = storage_replay(st, err);
    exemplars_reset_counters(&st->exemplars);
    st->opening = false;
    st->report = NULL;
    if (r < 0) {
        storage_free(st);
        return err_in(err, r, "storage");
    }
    if (!o->manual)
        start_threads(st);
    *ret = st;
    return 0;
}

int storage_close(struct storage *st, struct err *err)
{
    struct err first = {0}, second = {0};
    int r, k = 0;

    stop_threads(st);
    r = sync_log(st, &first);
    if (st->log.bytes_since > 0 || st->image_due || st->log_suspect)
        k = storage_write_image(st, &second);
    if (r == 0 && k < 0) {
        r = k;
        first = second;
    }
    storage_free(st);
    return r < 0 ? err_set(err, r, "storage: %s", first.msg) : 0;
}

void storage_set_retention(struct storage *st, dur_ms time, uint64_t bytes)
{
    st->retention_time = time;
    st->retention_bytes = bytes;
}
