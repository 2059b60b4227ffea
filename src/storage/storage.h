/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage - keeps samples: what commit() acknowledged is still there after kill -9
 *
 * storage_open() takes a directory of its own (made when absent), repairs what a crash left, and
 * starts two threads, `log-sync` and `compact`. Samples go in through storage_sink() and come out
 * through storage_reader(), the ports of model/ports.h; both may be used by any thread until
 * storage_close().
 *
 *     struct storage_options opt;
 *     storage_options_default(&opt);
 *     r = storage_open("data/tsdb", &opt, &st, &report, &err);
 *     ... log every line of `report` ...
 *     r = storage_close(st, &err);
 *
 * Storage does not log. Finds of the start are the lines of `report`; what happens later in the
 * background is told to options.on_event, and stays readable in storage_stats().problem while it
 * lasts.
 */
#ifndef TOCSIN_STORAGE_STORAGE_H
#define TOCSIN_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "model/duration.h"
#include "model/label_set.h"
#include "model/ports.h"

struct config;
struct file_ops;
struct storage;

enum storage_event {
    STORAGE_INFO,    /* a block was written, old ones were removed */
    STORAGE_FAILED,  /* something could not be written; it is tried again */
    STORAGE_DAMAGED, /* bytes on disk were not what was written; how much that cost is in the text
                      */
};

/* For tools: more than a server is told to keep. What there is goes on as it is, and the server's own
 * settings say at its next start what is too much. */
#define STORAGE_EXEMPLARS_ALL ((size_t)1 << 22)

struct storage_options {
    dur_ms retention_time;    /* samples older than this may go; 0: no limit in time */
    uint64_t retention_bytes; /* blocks and log together; 0: no limit in size */
    dur_ms fsync_interval; /* for power loss only, kill -9 loses nothing; 0: every commit waits for
                              it */
    dur_ms out_of_order_window; /* how far behind the newest sample of all a late one is taken; 0:
                                   not at all */
    uint64_t
        kept_free; /* bytes of the disk that are left to others: commits are refused with -ENOSPC when
                               less is free. 0: none */
    uint64_t series_budget; /* of the start, as in storage_set_budget() */
    size_t exemplars_max;   /* how many are kept, the newest of all; 0: none */

    unix_ms (*now)(void *now_arg); /* NULL: the clock. For SAMPLE_TOO_NEW and nothing else */
    void *now_arg;

    /* Told by the background threads, one line of text. NULL: nobody. Must not call
     * storage_close(). */
    void (*on_event)(void *on_event_arg, enum storage_event what, const char *text);
    void *on_event_arg;

    bool manual; /* no threads: the caller calls storage_tick(). For tests and one-shot tools */
    const struct file_ops *files; /* NULL: the system's. Tests plug in failing ones */
};

/* 15 days, no size limit, fsync every second, no out-of-order window, no budget. */
void storage_options_default(struct storage_options *o);

/*
 * Opens or makes the directory. `report` (or NULL) gets one line per thing that had to be repaired
 * or left out, nothing when all was well. -EBUSY when another process has it open; -EINVAL for
 * options that make no sense; damage is never a reason to fail.
 */
int storage_open(const char *dir, const struct storage_options *o, struct storage **ret,
                 struct buf *report, struct err *err);

/*
 * Stops the threads, writes what makes the next start quick, closes. Selections must have been
 * released and no other thread may be inside. Always frees; an error says what could not be written
 * (and will be replayed from the log instead).
 */
int storage_close(struct storage *st, struct err *err);

/* Valid until storage_close(). */
const struct sample_sink *storage_sink(struct storage *st);
const struct series_reader *storage_reader(struct storage *st);

const struct exemplar_reader *storage_exemplars(struct storage *st);
const struct metadata_reader *storage_metadata(struct storage *st);

/* Takes effect at the next turn of the `compact` thread. 0 is no limit. */
void storage_set_retention(struct storage *st, dur_ms time, uint64_t bytes);

/*
 * Deletes what series that match all have in [from, to] at this moment, late samples and blocks
 * included. What comes later is not touched. When it returns 0, the delete is on the disk and no
 * new selection or list of labels shows the samples; after an error it may hold for some of them. It
 * waits for the background work at hand.
 */
int storage_delete(struct storage *st, const struct matcher *const *ms, size_t n_ms, unix_ms from,
                   unix_ms to, struct err *err);

/* Writes the blocks anew of which something is deleted, without it. Waits until that is done. */
int storage_clean_tombstones(struct storage *st, struct err *err);

/*
 * Makes a data directory <snapshots>/<name>/<folder of the storage> beside the folder of the
 * storage, with all that was committed before the call and what is deleted left out; <name>, a time
 * and a random number, is added to ret_name. skip_head: blocks only. Files are hard links.
 */
int storage_snapshot(struct storage *st, bool skip_head, struct buf *ret_name, struct err *err);

/* Does now what the threads would do, or would do in a while: sync the log, cut blocks that are due,
 * shorten the log, drop old blocks, merge small ones. Returns the first error; the rest is done all
 * the same. Any thread, also beside the storage's own; what these have at work is waited for. */
int storage_tick(struct storage *st, struct err *err);

/*
 * How many series may be in the head at once, as `series_budget` of all and of each job says. New ones
 * past it are refused (-ENOSPC), those that are there go on; the sink's own_series is not refused. A
 * job has the series that carry its name as label `job`.
 */
void storage_set_budget(struct storage *st, const struct config *c);

/* New series of one target that were refused. */
struct storage_refusal {
    char *job, *instance; /* as its labels say, "" when they do not */
    char *metric;         /* one that was refused */
    char *label;          /* whose values make the series, as far as the newest ones tell */
    uint64_t values;      /* that it has in the head */
    uint64_t refused;     /* how often, since the start */
    unix_ms last;
    bool of_job; /* the job's budget is used up, not that of all */
};

struct storage_budget {
    uint64_t limit, used, refused;
    unix_ms last_refused; /* 0: never */
    struct storage_job_use {
        char *job;
        uint64_t limit, used;
    } * jobs; /* that have a limit */
    size_t n_jobs;
    struct storage_refusal *refusals; /* of the newest targets, the last one first */
    size_t n_refusals;
};
void storage_budget(struct storage *st, struct storage_budget *ret);
void storage_budget_free(struct storage_budget *v); /* frees what it points to */

struct storage_stats {
    /* head: what is in memory */
    uint64_t series, label_pairs, symbols, chunks, samples;
    uint64_t head_bytes; /* memory of all that, near enough */
    unix_ms min_time,
        max_time; /* of samples in the head; INT64_MAX, INT64_MIN when there is none */

    /* in memory besides the head: metadata is of families, the newest 65536 of at most 32 MiB */
    uint64_t exemplars, exemplar_series, exemplars_max;
    uint64_t metadata_families, metadata_bytes;

    /* counters since the start */
    uint64_t exemplars_appended, exemplars_out_of_order;
    uint64_t appended, out_of_order, duplicate, out_of_bounds, too_old, too_new, unknown_ref;
    uint64_t series_created, series_removed;
    uint64_t cuts, cuts_failed;     /* blocks cut from the head */
    uint64_t merges, merges_failed; /* blocks made of others */
    uint64_t deletes;
    uint64_t fsyncs, log_failed; /* commits refused because the log could not be written */
    uint64_t damaged; /* records and chunks whose checksum differed, at the start or since */

    /* disk */
    uint64_t blocks, block_bytes, log_bytes, image_bytes;
    unix_ms lowest_time; /* of everything; INT64_MAX when there is nothing */

    bool stopped;      /* the last commit was refused, since the log could not be written */
    char problem[256]; /* what cannot be written at this moment; "" when all is well */
};

void storage_stats(struct storage *st, struct storage_stats *ret);

/* One line of the tables of /api/v1/status/tsdb. */
struct storage_top {
    char *name;
    uint64_t value;
};

/* What the head's labels are made of: the `limit` largest of each, descending. */
struct storage_cardinality {
    struct storage_top *series_by_metric; /* series per metric name */
    struct storage_top *values_by_name;   /* values per label name */
    struct storage_top *bytes_by_name; /* bytes of those values, times the series that carry them */
    struct storage_top *series_by_pair; /* series per "name=value" */
    size_t n_series_by_metric, n_values_by_name, n_bytes_by_name, n_series_by_pair;
};

void storage_cardinality(struct storage *st, size_t limit, struct storage_cardinality *ret);
void storage_cardinality_free(struct storage_cardinality *c); /* frees what it points to */

/* ---- the directory of a storage that is not open ------------------------------------------- */

/* What stands at a place where something is amiss. */
enum storage_part {
    PART_FILE,         /* a file that cannot be used at all */
    PART_NEWER,        /* a file of a newer program */
    PART_FRAME,        /* one of the two frames of a block or an image; the other one holds */
    PART_PAGE_LOST,    /* a page of an index */
    PART_PAGE_HELD,    /* the same; parity brings it back */
    PART_PAGE_SUM,     /* a checksum of a page */
    PART_PARITY,       /* a page of parity */
    PART_PARITY_SUM,   /* a checksum of a page of parity */
    PART_FILLING,      /* bytes up to a multiple of eight, which must be zero */
    PART_CHUNK,        /* samples of one series */
    PART_HOLE,         /* bytes between chunks that no series names */
    PART_INDEX,        /* an index whose checksums are good and which makes no sense */
    PART_COUNTS,       /* what the frame says of the count of series, chunks or samples */
    PART_SEGMENT_HEAD, /* header of a segment of the log */
    PART_RECORDS,      /* bytes in the log that are no good record */
    PART_TAIL,         /* the same at its end: torn by a crash, or damaged */
    PART_SENSE,        /* a record of the log whose checksum is good and which makes no sense */
    PART_MISSING,      /* a segment of the log that is not there */
    PART_LOCK,         /* bytes in the lock file, which is empty */
    PART_UNKNOWN,      /* a file that is not the storage's; no damage */
    PART_TEMPORARY,    /* left by a crash, goes at the next start; no damage */
    STORAGE_PARTS
};

struct storage_find {
    const char *file; /* below the folder of the storage: "blocks/00000001" */
    uint64_t at, len; /* the bytes in question */
    enum storage_part part;
    const struct label_set
        *series;        /* PART_CHUNK: whose samples; NULL when its labels are lost too */
    unix_ms from, to;   /* PART_CHUNK, and PART_FILE of a block: their time */
    const char *detail; /* why, or "" */
};

struct storage_verified {
    uint64_t files, bytes; /* that were looked at */
    uint64_t damaged;      /* finds that are damage */
    uint64_t notes;        /* finds that are none */
    uint64_t chunks, records;
};

bool storage_part_is_damage(enum storage_part part);

/*
 * Looks at every byte of the folder of a storage and changes nothing. `found` is called for each
 * find. Every file is read whole. -EBUSY when a process has it open, -ENOENT when there is none.
 */
int storage_verify(const char *dir, void (*found)(void *arg, const struct storage_find *f),
                   void *arg, struct storage_verified *ret, struct err *err);

/* What repairing does about a damaged file. */
enum storage_repair_act {
    REPAIR_REWRITE,   /* a block, the tombstones: written anew with what can be read */
    REPAIR_LEAVE_OUT, /* a file that cannot be used: out of the way */
    REPAIR_IMAGE,     /* log, image: what can be read goes into a new image */
    REPAIR_EMPTY,     /* the lock file */
    REPAIR_ACTS
};

struct storage_repair {
    bool dry_run; /* only tell */
    void (*found)(void *arg, const struct storage_find *f);
    void (*act)(void *arg, const char *file, enum storage_repair_act what);
    void *arg;
};

/*
 * Verifies; keeps the damaged files below <dir>/damaged/<time>; brings the folder into a state that
 * verifies clean and has all that can be read. The path of what is kept is added to ret_kept.
 * *ret is what was found before, *ret_after what is found afterwards (the same after a dry run).
 * -EBUSY when a process has it open, -EPROTONOSUPPORT when a file is of a newer program.
 */
int storage_repair(const char *dir, const struct storage_repair *o, struct storage_verified *ret,
                   struct storage_verified *ret_after, struct buf *ret_kept, struct err *err);

/* ---- what the files hold ------------------------------------------------------------------- */

enum storage_file_kind {
    STORAGE_FILE_BLOCK,
    STORAGE_FILE_IMAGE,
    STORAGE_FILE_LOG,
    STORAGE_FILE_TOMBSTONES,
    STORAGE_FILE_OTHER, /* the lock, the list of what was imported, what is not the storage's */
    STORAGE_FILE_KINDS,
};

/* How the values of a chunk are kept. */
enum storage_codec {
    STORAGE_CODEC_CONSTANT,
    STORAGE_CODEC_PLAIN,       /* decimals, as differences to the first */
    STORAGE_CODEC_DIFFERENCES, /* decimals, as differences to the one before */
    STORAGE_CODEC_XOR,         /* bits that changed */
    STORAGE_CODEC_HISTOGRAM,
    STORAGE_CODEC_OPEN, /* image: tokens, not packed yet */
    STORAGE_CODEC_NONE, /* damaged */
    STORAGE_CODECS,
};

const char *storage_codec_name(enum storage_codec codec);
const char *storage_file_kind_name(enum storage_file_kind kind);

struct storage_amount {
    uint64_t chunks, samples, bytes; /* bytes of chunks, without times that several share */
};

struct storage_metric {
    char *name; /* "" for series without one */
    uint64_t series;
    struct storage_amount of;
};

struct storage_chunk {
    const struct label_set *series;
    enum storage_codec codec;
    unix_ms from, to;
    uint64_t samples; /* 0 when it is damaged */
    uint64_t at, len; /* its bytes in the file */
};

struct storage_section {
    const char *name;
    uint64_t at, len;
    uint64_t damaged; /* pages of it, of its parity, or checksums */
};

struct storage_file {
    const char *file; /* below the folder of the storage, or the path that was asked for */
    enum storage_file_kind kind;
    const char *problem; /* why it cannot be looked into; or "" */
    bool being_written;  /* by the process that has it open: not looked into */
    bool frame_damaged;  /* one of the two */
    uint32_t version;    /* of its format; 0: it has none */
    uint64_t bytes;
    unix_ms from, to; /* of its samples; INT64_MAX, INT64_MIN when there are none */
    uint64_t series, samples;
    struct storage_amount chunks; /* of all codecs */
    uint64_t damaged;             /* series, chunks or commits that are not readable */

    uint32_t level; /* block */
    bool late;      /* block: overlaps others */
    const uint64_t *parents;
    uint32_t n_parents;
    unix_ms cut; /* image: samples in order before this are in blocks too; INT64_MIN: none are */
    uint64_t segment;             /* image: the log is needed from this one on */
    uint64_t commits;             /* log */
    uint64_t late_samples;        /* log and image: of `samples` */
    uint64_t deletes;             /* log, image, tombstones */
    uint64_t exemplars, families; /* log, image */

    const struct storage_section *sections;
    size_t n_sections;
    struct storage_amount codecs[STORAGE_CODECS];      /* block, image */
    const struct storage_metric *by_series, *by_bytes; /* block, image; descending */
    size_t n_by_series, n_by_bytes;
    const struct storage_chunk *found; /* block, image: chunks of the series asked for */
    size_t n_found;
};

struct storage_inspect {
    size_t top;                            /* how many metrics at most */
    const struct matcher *const *matchers; /* of the series whose chunks are listed */
    size_t n_matchers;                     /* 0: none are */
    void (*file)(void *arg, const struct storage_file *f); /* what f has goes when it returns */
    void *arg;
};

/*
 * Tells what is in the folder of a storage, or in one of its files, file by file; changes nothing.
 * When a process has the folder open (*ret_in_use), the segment of the log that it writes is left
 * out. -ENOENT when there is none; a file that cannot be read is told as such and no error.
 */
int storage_inspect(const char *path, const struct storage_inspect *o, bool *ret_in_use,
                    struct err *err);

/* ---- interchange with Prometheus ------------------------------------------------------------- */

/* Byte tables: docs/formats/prometheus-blocks.md. */
struct prom_counts {
    uint64_t blocks, series, samples; /* series are counted once a block */
    uint64_t histograms;              /* of the samples */
    uint64_t exemplars, families; /* of a log or of text; families of which metadata was taken */
    uint64_t known;               /* left out: there is one of that series and time already */
    uint64_t blocks_known;        /* left out: they were imported before */
};

void prom_counts_add(struct prom_counts *sum, const struct prom_counts *more);

struct prom_import_options {
    bool dry_run; /* reads and checks everything and counts what would be stored; stores
                     nothing. The storage may be NULL then */
    const struct label *labels; /* OpenMetrics: put on every series, in place of its own */
    size_t n_labels;
    struct buf *report; /* or NULL: gets a line for each thing that was left out */
    /* or NULL. Told now and then how many bytes of `what` are read; `of` 0: not known */
    void (*progress)(void *progress_arg, const char *what, uint64_t done, uint64_t of);
    void *progress_arg;
};

/*
 * Takes the samples of one Prometheus block (a folder with meta.json) into a block of the storage's
 * own; adds to *counts. Where the storage has a sample of the same series and time, that one stays.
 * All or nothing: -EBADMSG and where the damage is, or -ENOTSUP, leave the storage as it was. A
 * block that was imported before is left out and reported.
 */
int prom_import_block(struct storage *st, const char *dir, const struct prom_import_options *o,
                      struct prom_counts *counts, struct err *err);

/*
 * Takes the samples of OpenMetrics text ("-": of standard input), each of which must have its time.
 * Series and samples may come in any order. -EINVAL and "file:line: why"; of a file nothing is
 * stored then, of standard input what stood millions of samples before may be.
 */
int prom_import_openmetrics(struct storage *st, const char *path,
                            const struct prom_import_options *o, struct prom_counts *counts,
                            struct err *err);

/*
 * Takes what a Prometheus has in its head: the newest checkpoint of `dir`/wal, the log behind it, and
 * wbl. Samples before the end of the newest block that was imported are left out (they are in it),
 * and so is what the storage has. Half a record at the end is told and no error; -EBADMSG when
 * segments are damaged: the rest of each is left out, all else is stored.
 */
int prom_import_wal(struct storage *st, const char *dir, const struct prom_import_options *o,
                    struct prom_counts *counts, struct err *err);

/* Keeps a Prometheus from starting on its data directory, until *ret is closed; -1 when it has no
 * lock file. -EBUSY while one runs. */
int prom_data_lock(const char *dir, int *ret, struct err *err);

struct prom_export_options {
    const char *out;  /* folder, made when absent; each block becomes a folder below it */
    unix_ms from, to; /* both included */
    const struct matcher *const *matchers;
    size_t n_matchers;
};

/* Writes a Prometheus block for each window of two hours that has samples; adds to *counts and a
 * line "ULID" to `report` per block. After an error the blocks that are complete stay. */
int prom_export(struct storage *st, const struct prom_export_options *o, struct prom_counts *counts,
                struct buf *report, struct err *err);

#endif
