/* SPDX-License-Identifier: Apache-2.0 */
#include "app/features.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"

#define NONE      SIZE_MAX
#define AT(field) offsetof(struct features, field)

static const struct feature {
    const char *name;
    size_t offset;       /* of the switch in struct features; NONE: it switches nothing */
    const char *en, *zh; /* what there is to say about it; NULL: nothing */
} table[] = {
    {"promql-experimental-functions", AT(promql.experimental_functions), NULL, NULL},
    {"promql-duration-expr", AT(promql.duration_expressions), NULL, NULL},
    {"promql-delayed-name-removal", AT(delayed_name_removal), NULL, NULL},
    {"promql-per-step-stats", AT(per_step_stats), NULL, NULL},
    {"exemplar-storage", AT(exemplar_storage), NULL, NULL},
    {"type-and-unit-labels", AT(type_and_unit_labels),
     "rate() and increase() look at __type__; scraped series do not get __type__ and __unit__",
     "rate() 与 increase() 会检查 __type__；采集到的序列不会添加 __type__ 与 __unit__ 标签"},

    {"native-histograms", AT(native_histograms), NULL, NULL},
    {"promql-at-modifier", NONE, "no effect: the @ modifier is always on",
     "无作用：@ 修饰符始终启用"},
    {"promql-negative-offset", NONE, "no effect: negative offsets are always on",
     "无作用：负的 offset 始终启用"},
    {"memory-snapshot-on-shutdown", NONE, "no effect: storage always keeps an image of its head",
     "无作用：存储始终保存内存数据的映像"},
    {"concurrent-rule-eval", NONE,
     "no effect: groups are evaluated side by side, the rules of one group in their order",
     "无作用：规则组并行评估，组内规则按顺序评估"},
    {"delayed-compaction", NONE, "no effect: there are no compactions of several servers to spread",
     "无作用：没有需要错开的多实例压缩"},
    {"auto-reload-config", NONE,
     "no effect: the configuration is read again on SIGHUP or POST /-/reload",
     "无作用：收到 SIGHUP 或 POST /-/reload 时重新读取配置"},
    {"extra-scrape-metrics", NONE, "no effect: scrapes report the five series of every target",
     "无作用：每个目标只报告五个采集指标"},
    {"metadata-wal-records", NONE, "no effect: metadata of metrics is always written to the log",
     "无作用：指标元数据始终写入日志"},
    {"created-timestamp-zero-ingestion", NONE,
     "no effect: samples begin with the first value that was scraped",
     "无作用：样本从首次采集到的值开始"},
    {"old-ui", NONE, "no effect: there is one console", "无作用：只有一种界面"},
    {"otlp-deltatocumulative", NONE, "no effect: OTLP is not received", "无作用：不接收 OTLP"},
    {"otlp-native-delta-ingestion", NONE, "no effect: OTLP is not received", "无作用：不接收 OTLP"},
    {"use-uncached-io", NONE, "no effect: the system decides what of the files it caches",
     "无作用：文件缓存由操作系统决定"},
};

static const struct feature *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq_c(name, table[i].name))
            return &table[i];
    return NULL;
}

static void read_name(struct str name, struct features *ret,
                      void (*tell)(const char *name, const char *words, void *arg), void *arg)
{
    const struct feature *f = find(name);
    CLEANUP(mem_freep) char *text = str_dup(name);

    if (f && f->offset != NONE)
        *(bool *)((char *)ret + f->offset) = true;
    if (!f)
        tell(text, say("unknown feature, it is ignored", "未知的特性，已忽略"), arg);
    else if (f->en)
        tell(text, say(f->en, f->zh), arg);
}

void features_read(const struct flag_list *list, struct features *ret,
                   void (*tell)(const char *name, const char *words, void *arg), void *arg)
{
    *ret = (struct features){0};
    for (size_t i = 0; i < list->n; i++) {
        struct str rest = str_c(list->items[i]);

        while (rest.len) {
            struct str name = str_trim(str_cut(&rest, ','));

            if (name.len)
                read_name(name, ret, tell, arg);
        }
    }
}

void features_complain(const char *name, const char *words, void *arg)
{
    fprintf(stderr, "tocsin: --enable-feature=%s: %s\n", name, words);
}
