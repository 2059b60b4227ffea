/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
};

#define AT(field) offsetof(struct tsdb_options, field)

#define DATA_PATH                                                                                         \
    {                                                                                                     \
        "storage.tsdb.path", FLAG_TEXT, AT(data_path), "data/",                                           \
            "The data directory of a tocsin that does not run.", "已停止的 tocsin 的数据目录。" \
    }

static const struct flag import_flags[] = {DATA_PATH};

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
        "tocsin tsdb import [flags] BLOCK...\ntocsin tsdb export [flags] --output=FOLDER\n"
        "tocsin tsdb verify DIR\ntocsin tsdb repair [--dry-run] DIR\n\n"
        "Takes over samples from Prometheus, and hands samples over to it, as blocks of its\n"
        "database; looks for damage, repairs it. tocsin must not run on the data directory meanwhile.\n"
        "`tocsin tsdb import --help` and so on say more.",
    .usage_zh = "tocsin tsdb import [参数] 数据块...\ntocsin tsdb export [参数] --output=目录\n"
                "tocsin tsdb verify 目录\ntocsin tsdb repair [--dry-run] 目录\n\n"
                "以 Prometheus 数据块的形式导入或导出样本；检查并修复损坏。\n"
                "期间 tocsin 不得在该数据目录上运行。\n"
                "详见 `tocsin tsdb import --help` 等。",
    .tail_en = EXIT_CODES_EN,
    .tail_zh = EXIT_CODES_ZH,
};

static const struct flag_set import_set = {
    .usage_en =
        "tocsin tsdb import [flags] BLOCK...\n\n"
        "Reads blocks of Prometheus' database (folders with index, chunks, meta.json), or all blocks\n"
        "of a folder, and stores their samples. Where tocsin has a sample of the same series and\n"
        "time already, that one stays. A damaged block is refused as a whole. Prometheus' log (wal)\n"
        "is not read: stop Prometheus or take a snapshot first. Samples older than the retention\n"
        "time go when the server runs.",
    .usage_zh =
        "tocsin tsdb import [参数] 数据块...\n\n"
        "读取 Prometheus 数据块（含 index、chunks、meta.json 的目录），或某目录下的全部数据块，\n"
        "并存储其中的样本。同一序列同一时刻已有样本时，保留原有的。损坏的数据块整块拒绝。\n"
        "不读取 Prometheus 的 wal：请先停止 Prometheus 或做快照。超过保留时间的样本\n"
        "会在服务运行时清除。",
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
        "Native histograms become float histograms.",
    .usage_zh = "tocsin tsdb export [参数] --output=目录\n\n"
                "写出 Prometheus 数据块，每两小时一块。promtool 可直接打开该目录；\n"
                "将数据块移入已停止的 Prometheus 的数据目录即可使用。\n"
                "原生直方图以浮点直方图写出。",
    .flags = export_flags,
    .n_flags = ARRAY_LEN(export_flags),
    .tail_en = EXIT_CODES_EN,
    .tail_zh = EXIT_CODES_ZH,
};

/* ---- common -------------------------------------------------------------------------------- */

static struct storage *open_storage(const struct tsdb_options *o, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    CLEANUP(buf_free) struct buf report = {0};
    struct storage_options opt;
    struct storage *st = NULL;

    storage_options_default(&opt);
    opt.manual = true;
    buf_addf(&path, "%s/" FOLDER_SAMPLES, o->data_path);
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
}

/* ---- import -------------------------------------------------------------------------------- */

struct paths {
    char **v;
    size_t n, cap;
};

static void paths_deinit(struct paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->v[i]);
    free(p->v);
}

static bool is_block(const char *dir)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/meta.json", dir);
    return access(path.p, F_OK) == 0;
}

/* Names of blocks are in order of time. */
static int is_no_dot(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static int find_blocks(const char *dir, struct paths *out, struct err *err)
{
    struct dirent **names = NULL;
    size_t before = out->n;
    int n;

    if (is_block(dir)) {
        *VEC_PUSH(out->v, out->n, out->cap) = mem_strdup(dir);
        return 0;
    }
    n = scandir(dir, &names, is_no_dot, alphasort);
    if (n < 0)
        return err_set(err, -errno, "%s: %m", dir);
    for (int i = 0; i < n; i++) {
        struct buf path = {0};

        buf_addf(&path, "%s/%s", dir, names[i]->d_name);
        if (!strstr(names[i]->d_name, ".tmp") && is_block(path.p))
            *VEC_PUSH(out->v, out->n, out->cap) = buf_take(&path);
        buf_free(&path);
        free(names[i]);
    }
    free(names);
    if (out->n == before)
        return err_set(err, -ENOENT, "%s: neither a block nor a folder with blocks", dir);
    return 0;
}

static int import(int argc, char **argv)
{
    CLEANUP(paths_deinit) struct paths blocks = {0};
    struct tsdb_options o = {0};
    struct prom_counts counts = {0};
    struct err err = {0};
    struct storage *st;
    int code, n = command_flags(&import_set, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n == 0) {
        fputs(say("tocsin: expected `tsdb import BLOCK...`\n",
                  "tocsin：用法是 `tsdb import 数据块...`\n"),
              stderr);
        return EXIT_USAGE;
    }
    for (int i = 0; i < n; i++)
        if (find_blocks(argv[i], &blocks, &err) < 0) {
            command_complain(&err);
            return EXIT_FAILED;
        }
    st = open_storage(&o, &err);
    if (!st) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    code = EXIT_OK;
    for (size_t i = 0; i < blocks.n; i++)
        if (prom_import_block(st, blocks.v[i], &counts, &err) < 0) {
            command_complain(&err);
            code = EXIT_FAILED;
        }
    print_counts(&counts);
    return close_storage(st, code);
}

/* ---- export -------------------------------------------------------------------------------- */

#define SECONDS_MAX 1e12 /* 31 000 years */

/* RFC 3339 or seconds; `ret` stays when there is no text. */
static int parse_time(const char *name, const char *text, unix_ms *ret, struct err *err)
{
    unix_ns ns;
    double seconds;

    if (!*text)
        return 0;
    if (num_parse_double(str_c(text), &seconds) && fabs(seconds) <= SECONDS_MAX) {
        *ret = (unix_ms)llround(seconds * 1000);
        return 0;
    }
    if (time_parse_rfc3339(str_c(text), &ns, NULL, err) < 0)
        return err_set(err, -EINVAL, "--%s: \"%s\" is neither RFC 3339 nor Unix seconds", name,
                       text);
    *ret = ns / 1000000;
    return 0;
}

static int read_options(const struct tsdb_options *o, struct prom_export_options *e,
                        struct promql_expr **ret_expr, struct err *err)
{
    int r = 0;

    *e = (struct prom_export_options){.out = o->output, .from = INT64_MIN, .to = INT64_MAX};
    if (!*o->output)
        return err_set(err, -EINVAL, "--output=FOLDER must be given");
    r = parse_time("start", o->start, &e->from, err);
    if (r == 0)
        r = parse_time("end", o->end, &e->to, err);
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

/* An export must not make a data directory where there is none. */
static int must_exist(const struct tsdb_options *o, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/" FOLDER_SAMPLES, o->data_path);
    if (access(path.p, F_OK) < 0)
        return err_set(err, -errno, "--storage.tsdb.path %s: %m", o->data_path);
    return 0;
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
    if (must_exist(&o, &err) == 0)
        st = open_storage(&o, &err);
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
        say("tocsin: expected `tsdb import|export|verify|repair`; `tocsin tsdb --help` says more\n",
            "tocsin：用法是 `tsdb import|export|verify|repair`，详见 `tocsin tsdb --help`\n"),
        stderr);
    return EXIT_USAGE;
}
