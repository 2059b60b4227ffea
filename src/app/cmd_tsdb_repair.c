/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <stdio.h>

#include "app/cmd_tsdb_priv.h"
#include "app/flags.h"
#include "base/buf.h"
#include "storage/storage.h"

struct repair_options {
    bool dry_run;
};

static const struct flag repair_flags[] = {
    {"dry-run", FLAG_SWITCH, offsetof(struct repair_options, dry_run), NULL,
     "Only tells what is damaged and what would be done.", "仅报告损坏之处与将要执行的操作。"},
};

static const struct flag_set repair_set = {
    .usage_en =
        "tocsin tsdb repair [flags] DIR\n\n"
        "Does what verify does, and then puts right what can be put right: damaged blocks are\n"
        "written anew without the chunks that cannot be read, files that cannot be used are taken\n"
        "out of the way, what can be read of log and image goes into a new image. Damaged files are\n"
        "kept below DIR/tsdb/damaged. tocsin must not run on the directory.",
    .usage_zh =
        "tocsin tsdb repair [参数] 目录\n\n"
        "先做 verify 的检查，再修复能修复的部分：重写损坏的数据块（略去无法读取的块内样本），\n"
        "移开无法使用的文件，将日志与映像中可读的内容写成新映像。损坏的文件保留在\n"
        "目录/tsdb/damaged 之下。tocsin 不得在该目录上运行。",
    .flags = repair_flags,
    .n_flags = ARRAY_LEN(repair_flags),
    .tail_en =
        "Exit codes: 0 no damage, or all of it is repaired; 1 damage is left (--dry-run: there is\n"
        "any), or it could not be done; 2 wrong flags.",
    .tail_zh =
        "退出码：0 没有损坏或已全部修复；1 仍有损坏（--dry-run：存在损坏）或无法修复；2 参数有误。",
};

static void print_act(void *arg, const char *file, enum storage_repair_act what)
{
    static const struct {
        const char *en, *zh;
    } texts[REPAIR_ACTS] = {
        [REPAIR_REWRITE] = {"is written anew with what can be read", "用可读的内容重写"},
        [REPAIR_LEAVE_OUT] = {"cannot be used and is taken out of the way", "无法使用，移开"},
        [REPAIR_IMAGE] = {"what can be read goes into a new image", "可读的内容写入新映像"},
        [REPAIR_EMPTY] = {"is emptied", "清空"},
    };

    printf("-> %s%s%s\n", file, say(": ", "："), say(texts[what].en, texts[what].zh));
}

static void print_outcome(const struct repair_options *o, const struct storage_verified *before,
                          const struct storage_verified *after, const char *kept)
{
    if (before->damaged == 0) {
        puts(say("no damage", "没有损坏"));
        return;
    }
    printf(say("%llu places are damaged; ", "%llu 处损坏；"), (unsigned long long)before->damaged);
    if (o->dry_run) {
        puts(say("nothing was changed", "未做任何改动"));
        return;
    }
    if (after->damaged == 0)
        printf("%s", say("all is repaired", "已全部修复"));
    else
        printf(say("%llu are left", "仍有 %llu 处"), (unsigned long long)after->damaged);
    printf(say("; what was damaged is kept in %s\n", "；损坏的文件保留在 %s\n"), kept);
}

int command_tsdb_repair(int argc, char **argv)
{
    CLEANUP(buf_free) struct buf folder = {0};
    CLEANUP(buf_free) struct buf kept = {0};
    struct storage_verified before, after;
    struct repair_options o = {0};
    struct storage_repair how = {.found = tsdb_print_find, .act = print_act};
    struct err err = {0};
    int code, n = command_flags(&repair_set, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n != 1) {
        fputs(say("tocsin: expected `tsdb repair [--dry-run] DIR`\n",
                  "tocsin：用法是 `tsdb repair [--dry-run] 目录`\n"),
              stderr);
        return EXIT_USAGE;
    }
    how.dry_run = o.dry_run;
    tsdb_folder(argv[0], &folder);
    if (tsdb_is_storage(folder.p, &err) < 0 ||
        storage_repair(folder.p, &how, &before, &after, &kept, &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    print_outcome(&o, &before, &after, kept.p ? kept.p : "");
    return after.damaged == 0 ? EXIT_OK : EXIT_FAILED;
}
