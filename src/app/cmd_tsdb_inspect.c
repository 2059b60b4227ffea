/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each file is printed as it is told. The sum over all files comes last, so that text and JSON need
 * no memory of the files before.
 */
#include "app/commands.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "app/cmd_tsdb_priv.h"
#include "app/flags.h"
#include "base/buf.h"
#include "base/json.h"
#include "model/label_set.h"
#include "promql/promql.h"
#include "storage/storage.h"

#define TOP_MAX 100000 /* metrics that are listed of one file */

struct inspect_options {
    bool json;
    int64_t top;
    const char *series;
};

static const struct flag inspect_flags[] = {
    {"json", FLAG_SWITCH, offsetof(struct inspect_options, json), NULL, "Prints one JSON object.",
     "输出一个 JSON 对象。"},
    {"top", FLAG_NUMBER, offsetof(struct inspect_options, top), "10",
     "How many metrics are listed of each file, by series and by bytes.",
     "每个文件按序列数与字节数各列出多少个指标。"},
    {"series", FLAG_TEXT, offsetof(struct inspect_options, series), "",
     "Lists the chunks of the series that this selector selects: up{job=\"redis\"}.",
     "列出此选择器选中的序列的样本块，例如 up{job=\"redis\"}。"},
};

static const struct flag_set inspect_set = {
    .usage_en =
        "tocsin tsdb inspect [flags] DIR|FILE\n\n"
        "Tells what is in the stored samples below the data directory DIR, or in one file of them:\n"
        "for each file its format, time, series, samples, bytes per sample, sections and whether\n"
        "they are good; of blocks and the image how the values are kept and which metrics are the\n"
        "largest. Changes nothing. While tocsin runs on the directory, the file of the log that is\n"
        "being written is left out.",
    .usage_zh =
        "tocsin tsdb inspect [参数] 目录|文件\n\n"
        "说明数据目录（或其中一个文件）里存储了什么：每个文件的格式版本、时间范围、序列、样本、\n"
        "每样本字节数、各区段及其是否完好；数据块与映像的取值编码和最大的指标。\n"
        "不做任何改动。tocsin 正在使用该目录时，略过正在写入的日志段。",
    .flags = inspect_flags,
    .n_flags = ARRAY_LEN(inspect_flags),
    .tail_en = "Exit codes: 0 everything could be read, 1 something could not, 2 wrong flags.",
    .tail_zh = "退出码：0 全部可读，1 有不可读之处，2 参数有误。",
};

struct inspection {
    const struct inspect_options *o;
    struct buf *out;
    struct json_writer json;
    uint64_t files, bytes, unreadable;
    uint64_t stored_bytes, samples; /* of blocks and images: what a sample costs */
};

/* ---- what both manners share --------------------------------------------------------------- */

static double per_sample(uint64_t bytes, uint64_t samples)
{
    return samples ? (double)bytes / (double)samples : 0;
}

static bool has_codecs(const struct storage_file *f)
{
    return f->kind == STORAGE_FILE_BLOCK || f->kind == STORAGE_FILE_IMAGE;
}

static uint64_t damaged_places(const struct storage_file *f)
{
    uint64_t sum = f->damaged + f->frame_damaged;

    for (size_t i = 0; i < f->n_sections; i++)
        sum += f->sections[i].damaged;
    return sum;
}

static void add_up(struct inspection *x, const struct storage_file *f)
{
    x->files++;
    x->bytes += f->bytes;
    x->unreadable += *f->problem != '\0' || damaged_places(f) > 0;
    if (has_codecs(f)) {
        x->stored_bytes += f->bytes;
        x->samples += f->samples;
    }
}

/* ---- text ---------------------------------------------------------------------------------- */

#define NUMBER(v) ((unsigned long long)(v))

static void text_time(struct buf *out, unix_ms from, unix_ms to)
{
    buf_addf(out, "%s", say(" from ", "，自 "));
    time_add_rfc3339_ms(out, from);
    buf_addf(out, "%s", say(" to ", " 至 "));
    time_add_rfc3339_ms(out, to);
}

static const char *kind_words(enum storage_file_kind kind)
{
    static const char *const zh[STORAGE_FILE_KINDS] = {
        [STORAGE_FILE_BLOCK] = "数据块", [STORAGE_FILE_IMAGE] = "映像",
        [STORAGE_FILE_LOG] = "日志",     [STORAGE_FILE_TOMBSTONES] = "删除标记",
        [STORAGE_FILE_OTHER] = "其他",
    };

    return say(storage_file_kind_name(kind), zh[kind]);
}

static const char *codec_words(enum storage_codec codec)
{
    static const char *const zh[STORAGE_CODECS] = {
        [STORAGE_CODEC_CONSTANT] = "常量",    [STORAGE_CODEC_PLAIN] = "平列",
        [STORAGE_CODEC_DIFFERENCES] = "差分", [STORAGE_CODEC_XOR] = "异或",
        [STORAGE_CODEC_HISTOGRAM] = "直方图", [STORAGE_CODEC_OPEN] = "未封存",
        [STORAGE_CODEC_NONE] = "损坏",
    };

    return say(storage_codec_name(codec), zh[codec]);
}

static void text_head(struct buf *out, const struct storage_file *f)
{
    buf_addf(out, say("%s: %s", "%s：%s"), f->file, kind_words(f->kind));
    if (f->version > 0)
        buf_addf(out, say(", format %u", "，格式 %u"), f->version);
    buf_addf(out, say(", %llu bytes", "，%llu 字节"), NUMBER(f->bytes));
    if (f->from <= f->to)
        text_time(out, f->from, f->to);
    buf_addf(out, "\n");
}

static void text_image(struct buf *out, const struct storage_file *f)
{
    buf_addf(out, say("  the log is needed from %08llu on", "  此外需要自 %08llu 起的日志"),
             NUMBER(f->segment));
    if (f->cut > INT64_MIN) {
        buf_addf(out, "%s", say("; blocks have all before ", "；此前的样本均在数据块中："));
        time_add_rfc3339_ms(out, f->cut);
    }
    buf_addf(out, "\n");
}

static void text_counts(struct buf *out, const struct storage_file *f)
{
    if (f->kind == STORAGE_FILE_OTHER || f->being_written)
        return;
    if (f->kind == STORAGE_FILE_TOMBSTONES) {
        buf_addf(out, say("  %llu deletes\n", "  %llu 处删除\n"), NUMBER(f->deletes));
        return;
    }
    buf_addf(out, say("  %llu series, %llu samples", "  %llu 个序列，%llu 个样本"),
             NUMBER(f->series), NUMBER(f->samples));
    if (f->samples > 0)
        buf_addf(out, say(", %.2f bytes per sample", "，每样本 %.2f 字节"),
                 per_sample(f->bytes, f->samples));
    if (has_codecs(f))
        buf_addf(out, say(", %llu chunks", "，%llu 个样本块"), NUMBER(f->chunks.chunks));
    if (f->kind == STORAGE_FILE_LOG)
        buf_addf(out, say(", %llu commits", "，%llu 次提交"), NUMBER(f->commits));
    buf_addf(out, "\n");
    if (f->kind == STORAGE_FILE_BLOCK)
        return;
    buf_addf(out,
             say("  %llu late samples, %llu deletes, %llu exemplars, %llu metric families\n",
                 "  迟到样本 %llu，删除 %llu，exemplar %llu，指标族 %llu\n"),
             NUMBER(f->late_samples), NUMBER(f->deletes), NUMBER(f->exemplars),
             NUMBER(f->families));
    if (f->kind == STORAGE_FILE_IMAGE)
        text_image(out, f);
}

static void text_origin(struct buf *out, const struct storage_file *f)
{
    if (f->kind != STORAGE_FILE_BLOCK)
        return;
    buf_addf(out, say("  level %u", "  级别 %u"), f->level);
    if (f->late)
        buf_addf(out, "%s", say(", of late or imported samples", "，由迟到或导入的样本组成"));
    for (uint32_t i = 0; i < f->n_parents; i++)
        buf_addf(out, "%s%08llu",
                 i ? say(", ", "、") : say(", made of blocks ", "，由以下数据块合并："),
                 NUMBER(f->parents[i]));
    buf_addf(out, "\n");
}

static void text_sections(struct buf *out, const struct storage_file *f)
{
    if (f->frame_damaged)
        buf_addf(out, "%s", say("  the header is damaged\n", "  头部损坏\n"));
    for (size_t i = 0; i < f->n_sections; i++) {
        const struct storage_section *s = &f->sections[i];

        buf_addf(out,
                 say("  section %-10s %12llu bytes at %12llu, ",
                     "  区段 %-10s %12llu 字节，偏移 %12llu，"),
                 s->name, NUMBER(s->len), NUMBER(s->at));
        if (s->damaged)
            buf_addf(out, say("%llu places are damaged\n", "%llu 处损坏\n"), NUMBER(s->damaged));
        else
            buf_addf(out, "%s", say("checksums good\n", "校验和正确\n"));
    }
    if (f->damaged > 0)
        buf_addf(out,
                 say("  %llu series, chunks or commits are not readable\n",
                     "  %llu 个序列、样本块或提交不可读\n"),
                 NUMBER(f->damaged));
}

static void text_amount(struct buf *out, const struct storage_amount *a)
{
    buf_addf(out,
             say("%llu chunks, %llu samples, %llu bytes, %.2f a sample\n",
                 "%llu 个样本块，%llu 个样本，%llu 字节，每样本 %.2f 字节\n"),
             NUMBER(a->chunks), NUMBER(a->samples), NUMBER(a->bytes),
             per_sample(a->bytes, a->samples));
}

static void text_metrics(struct buf *out, const char *title, const struct storage_metric *m,
                         size_t n)
{
    if (n > 0)
        buf_addf(out, "  %s\n", title);
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, say("    %s: %llu series, ", "    %s：%llu 个序列，"),
                 *m[i].name ? m[i].name : "{}", NUMBER(m[i].series));
        text_amount(out, &m[i].of);
    }
}

static void text_found(struct buf *out, const struct storage_file *f)
{
    const struct label_set *last = NULL;

    for (size_t i = 0; i < f->n_found; i++) {
        const struct storage_chunk *c = &f->found[i];

        if (c->series != last) {
            buf_addf(out, "  ");
            label_set_print(c->series, out);
            buf_addf(out, "\n");
        }
        last = c->series;
        buf_addf(out,
                 say("    %s, %llu samples, %llu bytes at %llu",
                     "    %s，%llu 个样本，%llu 字节，偏移 %llu"),
                 codec_words(c->codec), NUMBER(c->samples), NUMBER(c->len), NUMBER(c->at));
        text_time(out, c->from, c->to);
        buf_addf(out, "\n");
    }
}

static void text_file(struct buf *out, const struct storage_file *f)
{
    text_head(out, f);
    if (f->being_written)
        buf_addf(out, "%s", say("  is being written\n", "  正在写入\n"));
    if (*f->problem) {
        buf_addf(out, say("  cannot be read: %s\n", "  无法读取：%s\n"), f->problem);
        return;
    }
    text_counts(out, f);
    text_origin(out, f);
    text_sections(out, f);
    for (size_t i = 0; i < STORAGE_CODECS; i++)
        if (f->codecs[i].chunks > 0) {
            buf_addf(out,
                     say("  codec %s, %.1f %% of the samples: ", "  编码 %s，占样本 %.1f %%："),
                     codec_words((enum storage_codec)i),
                     100 * per_sample(f->codecs[i].samples, f->chunks.samples));
            text_amount(out, &f->codecs[i]);
        }
    text_metrics(out, say("metrics with the most series", "序列最多的指标"), f->by_series,
                 f->n_by_series);
    text_metrics(out, say("metrics with the most bytes", "字节最多的指标"), f->by_bytes,
                 f->n_by_bytes);
    text_found(out, f);
}

static void text_end(const struct inspection *x, bool in_use)
{
    buf_addf(x->out, say("%llu files, %llu bytes", "%llu 个文件，%llu 字节"), NUMBER(x->files),
             NUMBER(x->bytes));
    if (x->samples > 0)
        buf_addf(x->out,
                 say("; blocks and image: %llu samples, %.2f bytes per sample",
                     "；数据块与映像：%llu 个样本，每样本 %.2f 字节"),
                 NUMBER(x->samples), per_sample(x->stored_bytes, x->samples));
    if (in_use)
        buf_addf(x->out, "%s", say("; in use by a running tocsin", "；tocsin 正在使用"));
    if (x->unreadable > 0)
        buf_addf(x->out, say("; %llu files are damaged", "；%llu 个文件有损坏"),
                 NUMBER(x->unreadable));
    buf_addf(x->out, "\n");
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void json_number(struct json_writer *w, const char *key, uint64_t v)
{
    json_key_c(w, key);
    json_u64(w, v);
}

static void json_ratio(struct json_writer *w, const char *key, double v)
{
    CLEANUP(buf_free) struct buf text = {0};

    buf_addf(&text, "%.4f", v);
    json_key_c(w, key);
    json_raw(w, buf_str(&text));
}

static void json_amount(struct json_writer *w, const struct storage_amount *a)
{
    json_number(w, "chunks", a->chunks);
    json_number(w, "samples", a->samples);
    json_number(w, "bytes", a->bytes);
}

static void json_sections(struct json_writer *w, const struct storage_file *f)
{
    json_key_c(w, "sections");
    json_array_begin(w);
    for (size_t i = 0; i < f->n_sections; i++) {
        json_object_begin(w);
        json_kv_c(w, "name", f->sections[i].name);
        json_number(w, "offset", f->sections[i].at);
        json_number(w, "length", f->sections[i].len);
        json_kv_bool(w, "good", f->sections[i].damaged == 0);
        json_object_end(w);
    }
    json_array_end(w);
}

static void json_codecs(struct json_writer *w, const struct storage_file *f)
{
    json_key_c(w, "codecs");
    json_array_begin(w);
    for (size_t i = 0; i < STORAGE_CODECS; i++)
        if (f->codecs[i].chunks > 0) {
            json_object_begin(w);
            json_kv_c(w, "codec", storage_codec_name((enum storage_codec)i));
            json_amount(w, &f->codecs[i]);
            json_object_end(w);
        }
    json_array_end(w);
}

static void json_metrics(struct json_writer *w, const char *key, const struct storage_metric *m,
                         size_t n)
{
    json_key_c(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(w);
        json_kv_c(w, "metric", m[i].name);
        json_number(w, "series", m[i].series);
        json_amount(w, &m[i].of);
        json_object_end(w);
    }
    json_array_end(w);
}

static void json_found(struct json_writer *w, const struct storage_file *f)
{
    json_key_c(w, "chunks_of_series");
    json_array_begin(w);
    for (size_t i = 0; i < f->n_found; i++) {
        const struct storage_chunk *c = &f->found[i];
        CLEANUP(buf_free) struct buf labels = {0};

        label_set_add_json(c->series, &labels);
        json_object_begin(w);
        json_key_c(w, "labels");
        json_raw(w, buf_str(&labels));
        json_kv_c(w, "codec", storage_codec_name(c->codec));
        json_kv_i64(w, "from", c->from);
        json_kv_i64(w, "to", c->to);
        json_number(w, "samples", c->samples);
        json_number(w, "offset", c->at);
        json_number(w, "bytes", c->len);
        json_object_end(w);
    }
    json_array_end(w);
}

static void json_block(struct json_writer *w, const struct storage_file *f)
{
    json_number(w, "level", f->level);
    json_kv_bool(w, "late", f->late);
    json_key_c(w, "parents");
    json_array_begin(w);
    for (uint32_t i = 0; i < f->n_parents; i++)
        json_u64(w, f->parents[i]);
    json_array_end(w);
}

static void json_counts(struct json_writer *w, const struct storage_file *f)
{
    if (f->from <= f->to) {
        json_kv_i64(w, "from", f->from);
        json_kv_i64(w, "to", f->to);
    }
    if (f->kind != STORAGE_FILE_TOMBSTONES) {
        json_number(w, "series", f->series);
        json_number(w, "samples", f->samples);
    }
    if (f->kind != STORAGE_FILE_BLOCK)
        json_number(w, "deletes", f->deletes);
    if (f->kind == STORAGE_FILE_LOG || f->kind == STORAGE_FILE_IMAGE) {
        json_number(w, "late_samples", f->late_samples);
        json_number(w, "exemplars", f->exemplars);
        json_number(w, "families", f->families);
    }
    if (f->kind == STORAGE_FILE_LOG)
        json_number(w, "commits", f->commits);
    if (f->kind == STORAGE_FILE_IMAGE) {
        json_number(w, "segment", f->segment);
        if (f->cut > INT64_MIN)
            json_kv_i64(w, "cut", f->cut);
    }
    json_number(w, "damaged", damaged_places(f));
    if (f->n_sections > 0)
        json_sections(w, f);
}

static void json_file(struct json_writer *w, const struct storage_file *f, bool with_chunks)
{
    json_object_begin(w);
    json_kv_c(w, "file", f->file);
    json_kv_c(w, "kind", storage_file_kind_name(f->kind));
    json_number(w, "bytes", f->bytes);
    if (f->version > 0)
        json_number(w, "version", f->version);
    json_kv_bool(w, "being_written", f->being_written);
    if (*f->problem)
        json_kv_c(w, "problem", f->problem);
    else if (f->kind != STORAGE_FILE_OTHER && !f->being_written)
        json_counts(w, f);
    if (f->kind == STORAGE_FILE_BLOCK && !*f->problem)
        json_block(w, f);
    if (has_codecs(f) && !*f->problem) {
        json_number(w, "chunks", f->chunks.chunks);
        json_number(w, "chunk_bytes", f->chunks.bytes);
        json_ratio(w, "bytes_per_sample", per_sample(f->bytes, f->samples));
        json_codecs(w, f);
        json_metrics(w, "top_by_series", f->by_series, f->n_by_series);
        json_metrics(w, "top_by_bytes", f->by_bytes, f->n_by_bytes);
        if (with_chunks)
            json_found(w, f);
    }
    json_object_end(w);
}

static void json_end(struct inspection *x, bool in_use)
{
    struct json_writer *w = &x->json;

    json_array_end(w);
    json_kv_bool(w, "in_use", in_use);
    json_number(w, "bytes", x->bytes);
    json_number(w, "samples", x->samples);
    json_ratio(w, "bytes_per_sample", per_sample(x->stored_bytes, x->samples));
    json_number(w, "damaged_files", x->unreadable);
    json_object_end(w);
    buf_addf(x->out, "\n");
}

/* ---- the command --------------------------------------------------------------------------- */

static void print_file(void *arg, const struct storage_file *f)
{
    struct inspection *x = arg;

    add_up(x, f);
    if (x->o->json)
        json_file(&x->json, f, *x->o->series != '\0');
    else
        text_file(x->out, f);
    fwrite(x->out->p, 1, x->out->len, stdout);
    buf_reset(x->out);
}

static int find_path(const char *given, struct buf *out, struct err *err)
{
    struct stat st;

    if (stat(given, &st) < 0)
        return err_set(err, -errno, "%s: %m", given);
    if (!S_ISDIR(st.st_mode)) {
        buf_addf(out, "%s", given);
        return 0;
    }
    tsdb_folder(given, out);
    return tsdb_is_storage(out->p, err);
}

static int inspect(const struct inspect_options *o, const char *given,
                   const struct promql_expr *series, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    CLEANUP(buf_free) struct buf out = {0};
    struct inspection x = {.o = o, .out = &out};
    struct storage_inspect how = {.top = (size_t)o->top, .file = print_file, .arg = &x};
    bool in_use;
    int r = find_path(given, &path, err);

    if (r < 0)
        return r;
    if (series) {
        how.matchers = (const struct matcher *const *)series->root->vector.matchers;
        how.n_matchers = series->root->vector.n_matchers;
    }
    json_writer_init(&x.json, &out, JSON_PLAIN);
    if (o->json) {
        json_object_begin(&x.json);
        json_kv_c(&x.json, "path", path.p);
        json_key_c(&x.json, "files");
        json_array_begin(&x.json);
    }
    r = storage_inspect(path.p, &how, &in_use, err);
    if (r < 0)
        return r;
    if (o->json)
        json_end(&x, in_use);
    else
        text_end(&x, in_use);
    fwrite(out.p, 1, out.len, stdout);
    return x.unreadable > 0 ? EXIT_FAILED : EXIT_OK;
}

int command_tsdb_inspect(int argc, char **argv)
{
    CLEANUP(promql_expr_freep) struct promql_expr *series = NULL;
    struct inspect_options o = {0};
    struct err err = {0};
    int code, r = 0, n = command_flags(&inspect_set, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n != 1) {
        fputs(say("tocsin: expected `tsdb inspect [flags] DIR|FILE`\n",
                  "tocsin：用法是 `tsdb inspect [参数] 目录|文件`\n"),
              stderr);
        return EXIT_USAGE;
    }
    if (o.top > TOP_MAX)
        r = err_set(&err, -EINVAL, "--top: %lld is more than %d", (long long)o.top, TOP_MAX);
    if (r == 0 && *o.series) {
        r = promql_parse_selector(str_c(o.series), &series, &err);
        if (r < 0)
            err_in(&err, r, "--series");
    }
    code = r == 0 ? inspect(&o, argv[0], series, &err) : EXIT_USAGE;
    if (code < 0 || r < 0)
        command_complain(&err);
    return code < 0 ? EXIT_FAILED : code;
}
