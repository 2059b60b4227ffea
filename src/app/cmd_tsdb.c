/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/cmd_tsdb_priv.h"
#include "app/flags.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/matcher.h"
#include "promql/promql.h"
#include "storage/storage.h"

/* ---- flags --------------------------------------------------------------------------------- */

struct tsdb_options {
    const char *data_path;
    const char *output, *start, *end, *match;
    struct flag_list labels;
    bool dry_run;
};

#define AT(field) offsetof(struct tsdb_options, field)

#define DATA_PATH                                                                                         \
    {                                                                                                     \
        "storage.tsdb.path", FLAG_TEXT, AT(data_path), "data/",                                           \
            "The data directory of a tocsin that does not run.", "已停止的 tocsin 的数据目录。" \
    }

static const struct flag import_flags[] = {
    DATA_PATH,
    {"label", FLAG_LIST, AT(labels), NULL,
     "name=value, put on every series of OpenMetrics text. May be given several times.",
     "name=value，加到 OpenMetrics 文本的每个序列上。可重复给出。"},
    {"dry-run", FLAG_SWITCH, AT(dry_run), NULL,
     "Read and check everything, print what would be stored, store nothing.",
     "只读取和检查，打印将存入的数量，不写入。"},
};

static const struct flag export_flags[] = {
    DATA_PATH,
    {"output", FLAG_TEXT, AT(output), "",
     "The folder for the blocks; made when absent. Must be given.",
     "存放数据块的目录，不存在则创建。必须给出。"},
    {"start", FLAG_TEXT, AT(start), "", "Samples from here on, RFC 3339 or Unix seconds.",
     "起始时刻，RFC 3339 或 Unix 秒。"},
    {"end", FLAG_TEXT, AT(end), "", "Samples up to here, included.", "结束时刻（含）。"},
    {"match", FLAG_TEXT, AT(match), "", "Only series that this selector selects: {job=\"redis\"}.",
     "仅导出此选择器选中的序列，例如 {job=\"redis\"}。"},
};

#define EXIT_CODES_EN                                                                              \
    "Exit codes: 0 done, 1 not all of it could be done (what was done is printed), 2 wrong flags."
#define EXIT_CODES_ZH "退出码：0 完成，1 未能全部完成（已完成的部分已打印），2 参数有误。"

static const struct flag_set tsdb_set = {
    .usage_en =
        "tocsin tsdb import [flags] SOURCE...\ntocsin tsdb export [flags] --output=FOLDER\n"
        "tocsin tsdb inspect [flags] DIR|FILE\ntocsin tsdb verify DIR\n"
        "tocsin tsdb repair [--dry-run] DIR\n\n"
        "Takes over samples from Prometheus, and hands samples over to it, as blocks of its\n"
        "database; tells what is stored; looks for damage, repairs it. tocsin must not run on the data\n"
        "directory meanwhile, but for inspect.\n"
        "`tocsin tsdb import --help` and so on say more.",
    .usage_zh = "tocsin tsdb import [参数] 来源...\ntocsin tsdb export [参数] --output=目录\n"
                "tocsin tsdb inspect [参数] 目录|文件\ntocsin tsdb verify 目录\n"
                "tocsin tsdb repair [--dry-run] 目录\n\n"
                "以 Prometheus 数据块的形式导入或导出样本；说明存储了什么；检查并修复损坏。\n"
                "除 inspect 外，期间 tocsin 不得在该数据目录上运行。\n"
                "详见 `tocsin tsdb import --help` 等。",
    .tail_en = EXIT_CODES_EN,
    .tail_zh = EXIT_CODES_ZH,
};

static const struct flag_set import_set = {
    .usage_en =
        "tocsin tsdb import [flags] SOURCE...\n\n"
        "Stores samples from elsewhere. A source is\n"
        "  a block of Prometheus' database (a folder with index, chunks, meta.json), or a folder of\n"
        "  blocks;\n"
        "  the data directory of a Prometheus that does not run: its blocks, then what it has in wal\n"
        "  and wbl only, the last hours;\n"
        "  a file of OpenMetrics text, or - for standard input: every sample has its time, the last\n"
        "  line is # EOF.\n"
        "Where tocsin has a sample of the same series and time already, that one stays; blocks that\n"
        "were imported before are left out: to import twice does no harm. Exemplars and metadata in\n"
        "wal and in text are kept too, as far as there is not something newer. A damaged block is\n"
        "refused as a whole, and so is a file of text with an error. Samples older than the retention\n"
        "time go when the server runs.",
    .usage_zh =
        "tocsin tsdb import [参数] 来源...\n\n"
        "存入别处的样本。来源可以是：\n"
        "  Prometheus 数据块（含 index、chunks、meta.json 的目录），或存放数据块的目录；\n"
        "  已停止的 Prometheus 的数据目录：先读数据块，再读仅在 wal、wbl 中的最近几小时；\n"
        "  OpenMetrics 文本文件，或用 - 表示标准输入：每个样本须带时间戳，最后一行为 # EOF。\n"
        "同一序列同一时刻已有样本时，保留原有的；导入过的数据块会跳过：重复导入没有害处。\n"
        "wal 与文本中的 exemplar 和元数据也会存入；已有更新的则保留原有的。\n"
        "损坏的数据块整块拒绝，有错误的文本文件整个拒绝。超过保留时间的样本会在服务运行时清除。",
    .flags = import_flags,
    .n_flags = ARRAY_LEN(import_flags),
    .tail_en = EXIT_CODES_EN,
    .tail_zh = EXIT_CODES_ZH,
};

static const struct flag_set export_set = {
    .usage_en =
        "tocsin tsdb export [flags] --output=FOLDER\n\n"
        "Writes blocks of Prometheus' database, one for each two hours. promtool opens the folder;\n"
        "a Prometheus that is stopped takes the blocks when they are moved into its data folder.\n"
        "Native histograms keep their kind, integer or float.",
    .usage_zh = "tocsin tsdb export [参数] --output=目录\n\n"
                "写出 Prometheus 数据块，每两小时一块。promtool 可直接打开该目录；\n"
                "将数据块移入已停止的 Prometheus 的数据目录即可使用。\n"
                "原生直方图保持原有种类（整数或浮点）。",
    .flags = export_flags,
    .n_flags = ARRAY_LEN(export_flags),
    .tail_en = EXIT_CODES_EN,
    .tail_zh = EXIT_CODES_ZH,
};

/* ---- common -------------------------------------------------------------------------------- */

static bool is_there(const char *data_path)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/" FOLDER_SAMPLES, data_path);
    return access(path.p, F_OK) == 0;
}

struct storage *tsdb_open(const char *data_path, bool must_be_there, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    CLEANUP(buf_free) struct buf report = {0};
    struct storage_options opt;
    struct storage *st = NULL;

    if (must_be_there && !is_there(data_path)) {
        err_set(err, -errno, "--storage.tsdb.path %s: %m", data_path);
        return NULL;
    }
    storage_options_default(&opt);
    opt.manual = true;
    opt.exemplars_max = STORAGE_EXEMPLARS_ALL;
    buf_addf(&path, "%s/" FOLDER_SAMPLES, data_path);
    if (storage_open(path.p, &opt, &st, &report, err) < 0)
        return NULL;
    if (report.len > 0)
        fputs(report.p, stderr);
    return st;
}

static int close_storage(struct storage *st, int code)
{
    struct err err = {0};

    if (storage_close(st, &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    return code;
}

static void print_counts(const struct prom_counts *c)
{
    printf(say("%llu blocks, %llu series, %llu samples, %llu of them histograms\n",
               "%llu 个数据块，%llu 个序列，%llu 个样本，其中直方图 %llu 个\n"),
           (unsigned long long)c->blocks, (unsigned long long)c->series,
           (unsigned long long)c->samples, (unsigned long long)c->histograms);
    if (c->exemplars > 0 || c->families > 0)
        printf(say("besides: %llu exemplars, metadata of %llu metrics\n",
                   "另有：%llu 个 exemplar，%llu 个指标的元数据\n"),
               (unsigned long long)c->exemplars, (unsigned long long)c->families);
    if (c->known > 0 || c->blocks_known > 0)
        printf(say("left out, for they are there already: %llu blocks, %llu samples\n",
                   "已存在而跳过：%llu 个数据块，%llu 个样本\n"),
               (unsigned long long)c->blocks_known, (unsigned long long)c->known);
}

/* ---- import -------------------------------------------------------------------------------- */

enum source_kind { SOURCE_BLOCK, SOURCE_WAL, SOURCE_TEXT };

struct sources {
    struct source {
        enum source_kind kind;
        char *path;
        int lock; /* of Prometheus, or -1 */
    } * v;
    size_t n, cap;
};

static void sources_deinit(struct sources *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->v[i].path);
        if (s->v[i].lock >= 0)
            close(s->v[i].lock);
    }
    free(s->v);
}

static void add_source(struct sources *s, enum source_kind kind, const char *path)
{
    *VEC_PUSH(s->v, s->n, s->cap) = (struct source){kind, mem_strdup(path), -1};
}

static bool has(const char *dir, const char *name)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/%s", dir, name);
    return access(path.p, F_OK) == 0;
}

static int is_no_dot(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* Names of blocks are in order of time. */
static int find_blocks(const char *dir, struct sources *out, struct err *err)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_no_dot, alphasort);

    if (n < 0)
        return err_set(err, -errno, "%s: %m", dir);
    for (int i = 0; i < n; i++) {
        CLEANUP(buf_free) struct buf path = {0};

        buf_addf(&path, "%s/%s", dir, names[i]->d_name);
        if (!strstr(names[i]->d_name, ".tmp") && has(path.p, "meta.json"))
            add_source(out, SOURCE_BLOCK, path.p);
        free(names[i]);
    }
    free(names);
    return 0;
}

/* The log comes last: what is in a block is not taken from it. */
static int find_data(const char *dir, struct sources *out, struct err *err)
{
    int lock = -1, r = has(dir, "wal") ? prom_data_lock(dir, &lock, err) : 0;

    if (r == 0)
        r = find_blocks(dir, out, err);
    if (r == 0 && has(dir, "wal")) {
        add_source(out, SOURCE_WAL, dir);
        out->v[out->n - 1].lock = lock;
    }
    return r;
}

static int find_sources(const char *path, struct sources *out, struct err *err)
{
    size_t before = out->n;
    struct stat st;
    int r = 0;

    if (strcmp(path, "-") != 0 && stat(path, &st) < 0)
        return err_set(err, -errno, "%s: %m", path);
    if (strcmp(path, "-") == 0 || !S_ISDIR(st.st_mode))
        add_source(out, SOURCE_TEXT, path);
    else if (has(path, "meta.json"))
        add_source(out, SOURCE_BLOCK, path);
    else
        r = find_data(path, out, err);
    if (r == 0 && out->n == before)
        r = err_set(err, -ENOENT, "%s: neither a block nor a folder with blocks", path);
    return r;
}

/* Shows on a terminal how far it is. */
static void show_progress(void *arg, const char *what, uint64_t done, uint64_t of)
{
    int *shown = arg, now = of ? (int)(100.0 * (double)done / (double)of) : (int)(done >> 20);

    if (now == *shown)
        return;
    *shown = now;
    fprintf(stderr, "\r\033[K%s: %d%s", what, now, of ? " %" : " MiB");
}

static int import_one(struct storage *st, const struct source *s,
                      const struct prom_import_options *o, struct prom_counts *counts,
                      struct err *err)
{
    switch (s->kind) {
    case SOURCE_BLOCK: return prom_import_block(st, s->path, o, counts, err);
    case SOURCE_WAL: return prom_import_wal(st, s->path, o, counts, err);
    case SOURCE_TEXT: return prom_import_openmetrics(st, s->path, o, counts, err);
    }
    return 0;
}

/* One after the other; what of one cannot be stored does not keep the others back. */
static int import_all(struct storage *st, const struct sources *sources,
                      struct prom_import_options *o)
{
    CLEANUP(buf_free) struct buf report = {0};
    struct prom_counts counts = {0};
    int shown = -1, code = EXIT_OK;

    o->report = &report;
    if (isatty(STDERR_FILENO))
        o->progress = show_progress;
    o->progress_arg = &shown;
    for (size_t i = 0; i < sources->n; i++) {
        struct err err = {0};
        int r = import_one(st, &sources->v[i], o, &counts, &err);

        if (shown >= 0)
            fputs("\r\033[K", stderr);
        shown = -1;
        if (report.len > 0)
            fputs(report.p, stderr);
        buf_reset(&report);
        if (r < 0) {
            command_complain(&err);
            code = EXIT_FAILED;
        }
    }
    if (o->dry_run)
        fputs(say("nothing is stored, it would be: ", "未写入，将存入："), stdout);
    print_counts(&counts);
    return code;
}

static int read_labels(const struct flag_list *texts, struct label *labels, struct err *err)
{
    for (size_t i = 0; i < texts->n; i++) {
        struct str value = str_c(texts->items[i]), name;

        if (!strchr(texts->items[i], '='))
            return err_set(err, -EINVAL, "--label: \"%s\" is not name=value", texts->items[i]);
        name = str_cut(&value, '=');
        if (!label_name_is_valid(name) || !str_is_utf8(value) || value.len == 0)
            return err_set(err, -EINVAL, "--label: \"%s\" is not name=value", texts->items[i]);
        labels[i] = (struct label){name, value};
    }
    return 0;
}

/* A dry run must not make a data directory where there is none: it goes without. */
static int import_into(const struct tsdb_options *o, const struct sources *sources,
                       struct prom_import_options *how, struct err *err)
{
    struct storage *st = NULL;

    if (!how->dry_run || is_there(o->data_path)) {
        st = tsdb_open(o->data_path, false, err);
        if (!st)
            return -1;
    }
    return st ? close_storage(st, import_all(st, sources, how)) : import_all(st, sources, how);
}

static int import(int argc, char **argv)
{
    CLEANUP(sources_deinit) struct sources sources = {0};
    struct tsdb_options o = {0};
    struct label labels[ARRAY_LEN(o.labels.items)];
    struct prom_import_options how = {.labels = labels};
    struct err err = {0};
    int code, r = 0, n = command_flags(&import_set, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n == 0 || read_labels(&o.labels, labels, &err) < 0) {
        if (n > 0)
            command_complain(&err);
        else
            fputs(say("tocsin: expected `tsdb import SOURCE...`\n",
                      "tocsin：用法是 `tsdb import 来源...`\n"),
                  stderr);
        return EXIT_USAGE;
    }
    how.n_labels = o.labels.n;
    how.dry_run = o.dry_run;
    for (int i = 0; i < n && r == 0; i++)
        r = find_sources(argv[i], &sources, &err);
    code = r == 0 ? import_into(&o, &sources, &how, &err) : -1;
    if (code < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    return code;
}

/* ---- export -------------------------------------------------------------------------------- */

static int read_options(const struct tsdb_options *o, struct prom_export_options *e,
                        struct promql_expr **ret_expr, struct err *err)
{
    int r = 0;

    *e = (struct prom_export_options){.out = o->output, .from = INT64_MIN, .to = INT64_MAX};
    if (!*o->output)
        return err_set(err, -EINVAL, "--output=FOLDER must be given");
    r = command_parse_time("start", o->start, &e->from, err);
    if (r == 0)
        r = command_parse_time("end", o->end, &e->to, err);
    if (r == 0 && e->from > e->to)
        r = err_set(err, -EINVAL, "--end is before --start");
    if (r == 0 && *o->match) {
        r = promql_parse_selector(str_c(o->match), ret_expr, err);
        if (r < 0)
            return err_in(err, r, "--match");
        e->matchers = (const struct matcher *const *)(*ret_expr)->root->vector.matchers;
        e->n_matchers = (*ret_expr)->root->vector.n_matchers;
    }
    return r;
}

static int export(int argc, char **argv)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(buf_free) struct buf report = {0};
    struct tsdb_options o = {0};
    struct prom_export_options e;
    struct prom_counts counts = {0};
    struct err err = {0};
    struct storage *st = NULL;
    int code, n = command_flags(&export_set, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n > 0)
        err_set(&err, -EINVAL, "\"%s\" is no flag of tsdb export", argv[0]);
    if (n > 0 || read_options(&o, &e, &expr, &err) < 0) {
        command_complain(&err);
        return EXIT_USAGE;
    }
    /* An export must not make a data directory where there is none. */
    st = tsdb_open(o.data_path, true, &err);
    if (!st) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    code = EXIT_OK;
    if (prom_export(st, &e, &counts, &report, &err) < 0) {
        command_complain(&err);
        code = EXIT_FAILED;
    }
    if (report.len > 0)
        fputs(report.p, stdout);
    print_counts(&counts);
    return close_storage(st, code);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"import", import},
    {"export", export},
    {"inspect", command_tsdb_inspect},
    {"verify", command_tsdb_verify},
    {"repair", command_tsdb_repair},
};

int command_tsdb(int argc, char **argv)
{
    int code;

    for (size_t i = 0; argc > 0 && i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (command_flags(&tsdb_set, argc, argv, NULL, &code) < 0)
        return code;
    fputs(
        say("tocsin: expected `tsdb import|export|inspect|verify|repair`; `tocsin tsdb --help` says more\n",
            "tocsin：用法是 `tsdb import|export|inspect|verify|repair`，详见 `tocsin tsdb --help`\n"),
        stderr);
    return EXIT_USAGE;
}
