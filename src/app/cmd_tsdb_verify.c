/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "app/cmd_tsdb_priv.h"
#include "app/flags.h"
#include "base/buf.h"
#include "model/label_set.h"
#include "storage/storage.h"

static const struct flag_set verify_set = {
    .usage_en =
        "tocsin tsdb verify DIR\n\n"
        "Reads every byte of the stored samples below the data directory DIR and tells what is\n"
        "damaged: file, place, what stands there, what is lost. Changes nothing. tocsin must not\n"
        "run on the directory: a directory in use is refused.",
    .usage_zh = "tocsin tsdb verify 目录\n\n"
                "读取数据目录中已存储样本的每一个字节，报告损坏之处：文件、位置、内容、损失。\n"
                "不做任何改动。tocsin 不得在该目录上运行：使用中的目录会被拒绝。",
    .tail_en =
        "Exit codes: 0 no damage, 1 damage was found, or it could not be looked for (in use,\n"
        "not readable), 2 wrong usage.",
    .tail_zh = "退出码：0 没有损坏，1 发现损坏，或无法检查（使用中、不可读），2 用法有误。",
};

/* What stands at the place, and what its damage costs. */
static const struct {
    const char *what_en, *what_zh, *loss_en, *loss_zh;
} texts[STORAGE_PARTS] = {
    [PART_FILE] = {"the file cannot be used", "文件无法使用", "all that it holds is lost",
                   "其中的全部内容丢失"},
    [PART_NEWER] = {"the file is of a newer tocsin", "文件来自更新版本的 tocsin",
                    "this program cannot read it", "本程序无法读取"},
    [PART_FRAME] = {"one of its two frames", "两个框架之一", "nothing is lost: the other one holds",
                    "无损失：另一个完好"},
    [PART_PAGE_LOST] = {"a page", "一页",
                        "parity does not restore it: series, or samples of them, may be lost",
                        "校验页无法恢复：可能丢失部分序列或其样本"},
    [PART_PAGE_HELD] = {"a page", "一页", "nothing is lost: parity restores it",
                        "无损失：可由校验页恢复"},
    [PART_PAGE_SUM] = {"the checksum of a page", "一页的校验和", "nothing is lost", "无损失"},
    [PART_PARITY] = {"a page of parity", "一个校验页", "nothing is lost", "无损失"},
    [PART_PARITY_SUM] = {"the checksum of a page of parity", "校验页的校验和", "nothing is lost",
                         "无损失"},
    [PART_FILLING] = {"filling, which must be zero", "填充字节，应为零", "nothing is lost",
                      "无损失"},
    [PART_CHUNK] = {"samples", "样本", "they are lost", "这些样本丢失"},
    [PART_HOLE] = {"bytes that nothing names", "无归属的字节",
                   "samples of series whose entries are damaged, if anything",
                   "可能是索引损坏的序列的样本"},
    [PART_INDEX] = {"the index makes no sense", "索引不合逻辑", "series may be missing",
                    "可能缺少部分序列"},
    [PART_COUNTS] = {"counts of series, chunks or samples differ", "序列、块或样本的数目不符",
                     "some may be missing", "可能有缺失"},
    [PART_SEGMENT_HEAD] = {"the header of the segment", "日志段的头部", "nothing is lost",
                           "无损失"},
    [PART_RECORDS] = {"commits in the log", "日志中的提交", "their samples are lost",
                      "其中的样本丢失"},
    [PART_TAIL] = {"the end of the segment, torn by a crash or damaged",
                   "日志段末尾，因崩溃而残缺或已损坏", "the commits that began there are lost",
                   "此处的提交丢失"},
    [PART_SENSE] = {"a commit that makes no sense", "不合逻辑的提交", "part of it is lost",
                    "其中一部分丢失"},
    [PART_MISSING] = {"segments of the log from this one on are missing", "自此起缺少日志段",
                      "their samples are lost", "其中的样本丢失"},
    [PART_LOCK] = {"bytes in a file that is empty otherwise", "本应为空的文件里有内容",
                   "nothing is lost", "无损失"},
    [PART_UNKNOWN] = {"not a file of tocsin, not looked at", "不是 tocsin 的文件，未检查", "", ""},
    [PART_TEMPORARY] = {"left by a crash; goes at the next start", "崩溃遗留，下次启动时清除", "",
                        ""},
};

static void add_place(const struct storage_find *f, struct buf *out)
{
    if (f->len > 0)
        buf_addf(out, say(": %llu bytes at %llu", "：偏移 %2$llu 处 %1$llu 字节"),
                 (unsigned long long)f->len, (unsigned long long)f->at);
}

static void add_series(const struct storage_find *f, struct buf *out)
{
    if (f->part != PART_CHUNK)
        return;
    buf_addf(out, "%s", say(" of ", "，属于 "));
    if (f->series)
        label_set_print(f->series, out);
    else
        buf_addf(out, "%s", say("a series whose labels are damaged", "标签已损坏的序列"));
    buf_addf(out, "%s", say(" from ", "，自 "));
    time_add_rfc3339_ms(out, f->from);
    buf_addf(out, "%s", say(" to ", " 至 "));
    time_add_rfc3339_ms(out, f->to);
}

void tsdb_print_find(void *arg, const struct storage_find *f)
{
    CLEANUP(buf_free) struct buf line = {0};
    const char *loss = say(texts[f->part].loss_en, texts[f->part].loss_zh);

    buf_addf(&line, "%s", f->file);
    add_place(f, &line);
    buf_addf(&line, "%s%s", say(": ", "："), say(texts[f->part].what_en, texts[f->part].what_zh));
    add_series(f, &line);
    if (*f->detail)
        buf_addf(&line, " (%s)", f->detail);
    if (*loss)
        buf_addf(&line, "%s%s", say("; ", "；"), loss);
    puts(line.p);
}

void tsdb_folder(const char *dir, struct buf *out)
{
    size_t begin = out->len;
    struct stat st;

    buf_addf(out, "%s/" FOLDER_SAMPLES, dir);
    if (stat(out->p + begin, &st) == 0)
        return;
    out->len = begin;
    buf_addf(out, "%s", dir);
}

int tsdb_is_storage(const char *folder, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct stat st;

    buf_addf(&path, "%s/" FOLDER_BLOCKS, folder);
    if (stat(path.p, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(err, -ENOENT, "%s is no data directory of tocsin: there is no folder %s",
                       folder, path.p);
    return 0;
}

int command_tsdb_verify(int argc, char **argv)
{
    CLEANUP(buf_free) struct buf folder = {0};
    struct storage_verified v;
    struct err err = {0};
    int code, n = command_flags(&verify_set, argc, argv, NULL, &code);

    if (n < 0)
        return code;
    if (n != 1) {
        fputs(say("tocsin: expected `tsdb verify DIR`\n", "tocsin：用法是 `tsdb verify 目录`\n"),
              stderr);
        return EXIT_USAGE;
    }
    tsdb_folder(argv[0], &folder);
    if (tsdb_is_storage(folder.p, &err) < 0 ||
        storage_verify(folder.p, tsdb_print_find, NULL, &v, &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    printf(say("%llu files, %llu bytes, %llu chunks, %llu commits in the log: ",
               "%llu 个文件，%llu 字节，%llu 个块，日志中 %llu 次提交："),
           (unsigned long long)v.files, (unsigned long long)v.bytes, (unsigned long long)v.chunks,
           (unsigned long long)v.records);
    if (v.damaged == 0)
        puts(say("no damage", "没有损坏"));
    else
        printf(say("%llu places are damaged\n", "%llu 处损坏\n"), (unsigned long long)v.damaged);
    return v.damaged == 0 ? EXIT_OK : EXIT_FAILED;
}
