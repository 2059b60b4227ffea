/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_probe - asks one target now: its page, how long each step took, and what to do when it failed
 *
 * The flags are written as the configuration of a job and read by config/ like any other, so that a
 * flag means what the key of its name means. A kind is a row of `kinds`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/flags.h"
#include "app/probe_advice.h"
#include "base/buf.h"
#include "base/json.h"
#include "config/config.h"
#include "probes/probes.h"

#define PASSWORD_VARIABLE "TOCSIN_PROBE_PASSWORD"

struct probe_options {
    const char *config_file, *job;
    const char *username, *password_file;
    bool tls, insecure;
    const char *ca_file, *cert_file, *key_file;
    const char *my_cnf, *my_cnf_section;
    struct flag_list collect, no_collect;
    dur_ms timeout;
    bool grants, mariadb, acl;
};

#define AT(field) offsetof(struct probe_options, field)

static const struct flag flags[] = {
    {"config.file", FLAG_TEXT, AT(config_file), "", "Take the settings of a job of this file.",
     "采用该配置文件中某个作业的设置。"},
    {"job", FLAG_TEXT, AT(job), "", "Name of that job.", "该作业的名称。"},
    {"username", FLAG_TEXT, AT(username), "", "Account to log in with.", "登录账号。"},
    {"password-file", FLAG_TEXT, AT(password_file), "",
     "File with the password; else the variable " PASSWORD_VARIABLE ".",
     "存放密码的文件；否则取环境变量 " PASSWORD_VARIABLE "。"},
    {"tls", FLAG_SWITCH, AT(tls), "false", "Speak TLS.", "使用 TLS。"},
    {"ca-file", FLAG_TEXT, AT(ca_file), "", "Certificates of who signs the server's; TLS.",
     "签发服务器证书的 CA 文件；启用 TLS。"},
    {"cert-file", FLAG_TEXT, AT(cert_file), "", "Our certificate; TLS.", "客户端证书；启用 TLS。"},
    {"key-file", FLAG_TEXT, AT(key_file), "", "Its key.", "客户端证书的私钥。"},
    {"insecure-skip-verify", FLAG_SWITCH, AT(insecure), "false",
     "Take any certificate of the server; TLS.", "不验证服务器证书；启用 TLS。"},
    {"my-cnf", FLAG_TEXT, AT(my_cnf), "", "MySQL: a file with user, password, ssl-ca ...",
     "MySQL：含 user、password、ssl-ca 等的文件。"},
    {"my-cnf-section", FLAG_TEXT, AT(my_cnf_section), "", "Its section, client when not given.",
     "该文件中的段，默认 client。"},
    {"collect", FLAG_LIST, AT(collect), NULL,
     "MySQL: one more collector, e.g. info_schema.tables. May be given several times.",
     "MySQL：增加一个采集器，例如 info_schema.tables，可多次给出。"},
    {"no-collect", FLAG_LIST, AT(no_collect), NULL, "MySQL: one collector less.",
     "MySQL：去掉一个采集器。"},
    {"timeout", FLAG_DURATION, AT(timeout), "10s", "How long it may take.", "最长等待时间。"},
    {"grants", FLAG_SWITCH, AT(grants), "false",
     "MySQL: print the statements that make an account with the rights needed; nothing is asked.",
     "MySQL：只打印创建所需权限账号的语句，不连接。"},
    {"mariadb", FLAG_SWITCH, AT(mariadb), "false", "With --grants: in the words of MariaDB 10.5.",
     "与 --grants 一起：使用 MariaDB 10.5 起的权限名。"},
    {"acl", FLAG_SWITCH, AT(acl), "false",
     "Redis: print the ACL line that gives the rights needed; nothing is asked.",
     "Redis：只打印授予所需权限的 ACL 行，不连接。"},
};

static const struct flag_set probe_flags = {
    .usage_en =
        "tocsin probe redis|mysql|tcp|tls|spring ADDRESS [flags]\ntocsin probe http URL [flags]\n"
        "tocsin probe mysql --grants [flags]\ntocsin probe redis --acl [flags]\n\n"
        "Asks one target now, as a scrape job would. Its series go to standard output; how long each\n"
        "step took, and on failure which step failed and what to do, to standard error.",
    .usage_zh =
        "tocsin probe redis|mysql|tcp|tls|spring 地址 [参数]\ntocsin probe http URL [参数]\n"
        "tocsin probe mysql --grants [参数]\ntocsin probe redis --acl [参数]\n\n"
        "像采集作业一样立即探测一个目标。序列写到标准输出；各步骤耗时，\n"
        "以及失败时是哪一步、该怎么办，写到标准错误。",
    .flags = flags,
    .n_flags = ARRAY_LEN(flags),
    .tail_en = "Exit codes: 0 the target answered and the check passed, 1 not, 2 wrong flags.",
    .tail_zh = "退出码：0 目标已应答且检查通过，1 没有，2 参数有误。",
};

/* ---- flags as a configuration ------------------------------------------------------------------- */

static void put(struct json_writer *w, const char *key, const char *value)
{
    if (value && *value)
        json_kv_c(w, key, value);
}

static void put_list(struct json_writer *w, const char *key, const struct flag_list *list)
{
    json_key_c(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < list->n; i++)
        json_c(w, list->items[i]);
    json_array_end(w);
}

static void put_tls_config(struct json_writer *w, const struct probe_options *o)
{
    json_key_c(w, "tls_config");
    json_object_begin(w);
    put(w, "ca_file", o->ca_file);
    put(w, "cert_file", o->cert_file);
    put(w, "key_file", o->key_file);
    json_kv_bool(w, "insecure_skip_verify", o->insecure);
    json_object_end(w);
}

/* The blocks with a switch for it. */
static void put_tls(struct json_writer *w, const struct probe_options *o)
{
    if (*o->ca_file || *o->cert_file || *o->key_file || o->insecure)
        put_tls_config(w, o);
    else
        json_kv_bool(w, "tls", o->tls);
}

static const char *password_given(const struct probe_options *o)
{
    return *o->password_file ? NULL : getenv(PASSWORD_VARIABLE);
}

static void put_account(struct json_writer *w, const struct probe_options *o)
{
    put(w, "username", o->username);
    put(w, "password_file", o->password_file);
    put(w, "password", password_given(o));
    put_tls(w, o);
}

static void put_mysql(struct json_writer *w, const struct probe_options *o)
{
    put_account(w, o);
    put(w, "my_cnf", o->my_cnf);
    put(w, "my_cnf_section", o->my_cnf_section);
    put_list(w, "collect", &o->collect);
    put_list(w, "no_collect", &o->no_collect);
}

static void put_http(struct json_writer *w, const struct probe_options *o)
{
    if (*o->username) {
        json_key_c(w, "basic_auth");
        json_object_begin(w);
        put(w, "username", o->username);
        put(w, "password_file", o->password_file);
        put(w, "password", password_given(o));
        json_object_end(w);
    }
    put_tls_config(w, o);
}

static const struct kind {
    const char *name;  /* of the probe */
    const char *block; /* of a job */
    void (*put)(struct json_writer *w, const struct probe_options *o);
} kinds[] = {
    {"redis", "redis", put_account},      {"mysql", "mysql", put_mysql},
    {"http", "http_check", put_http},     {"tcp", "tcp_check", put_tls},
    {"tls", "tls_check", put_tls_config}, {"spring", "spring", put_http},
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(name, kinds[i].name) == 0)
            return &kinds[i];
    return NULL;
}

static int config_of_flags(const struct kind *k, const struct probe_options *o, struct config **ret,
                           struct err *err)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct json_writer w;

    json_writer_init(&w, &text, JSON_PLAIN);
    buf_addf(&text, "scrape_configs: [{job_name: probe, %s: ", k->block);
    json_object_begin(&w);
    k->put(&w, o);
    json_object_end(&w);
    buf_add_c(&text, "}]\n");
    return config_parse("", buf_str(&text), ret, err);
}

/* The job with the settings. */
static const struct config_scrape *find_job(const struct config *c, const char *name,
                                            const struct probe_kind *kind)
{
    for (size_t i = 0; i < c->n_scrapes; i++)
        if (probe_kind_has(kind, &c->scrapes[i]) &&
            (!*name || strcmp(c->scrapes[i].job_name, name) == 0))
            return &c->scrapes[i];
    return NULL;
}

/* ---- asking ------------------------------------------------------------------------------------- */

static void print_steps(const struct probe_answer *a)
{
    for (size_t i = 0; i < a->trace.n; i++) {
        const struct page_step *s = &a->trace.steps[i];

        fprintf(stderr, "%10.3f ms  %s%s%s\n", (double)s->ns / 1e6, s->name, *s->why ? ": " : "",
                s->why);
    }
    fprintf(stderr, say("%10.3f ms  in all\n", "%10.3f ms  合计\n"), a->seconds * 1e3);
}

static void print_failure(const struct probe_kind *kind, const char *address, const char *why)
{
    const char *advice = probe_advice(why);

    fprintf(stderr, say("tocsin: %s %s: %s\n", "tocsin：%s %s：%s\n"), kind->name, address, why);
    if (advice)
        fprintf(stderr, "  %s\n", advice);
}

static int ask(const struct probe_kind *kind, const struct config_scrape *job, const char *address,
               dur_ms timeout)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    struct probe_answer a;
    struct target t;
    const char *why;

    target_of_address(&arena, job, str_c(address), &t);
    probe_once(kind->source, &t, timeout, &a);
    fwrite(a.page.p, 1, a.page.len, stdout);
    fflush(stdout);
    print_steps(&a);
    why = a.err.code ? a.err.msg : a.failure.p; /* NULL: neither */
    if (why)
        print_failure(kind, address, why);
    probe_answer_deinit(&a);
    return why ? EXIT_FAILED : EXIT_OK;
}

static int print_rights(const struct config_scrape *job, const struct probe_options *o)
{
    CLEANUP(buf_free) struct buf text = {0};

    if (o->grants)
        probe_mysql_grants(&job->mysql, o->mariadb, &text);
    else
        probe_redis_acl(&job->redis, &text);
    fwrite(text.p, 1, text.len, stdout);
    return EXIT_OK;
}

static int usage(const char *words)
{
    fprintf(stderr, "tocsin: %s\n", words);
    return EXIT_USAGE;
}

static int run(const struct kind *k, const char *address, const struct probe_options *o,
               const struct config *config)
{
    const struct probe_kind *kind = probe_kind_find(str_c(k->name));
    const struct config_scrape *job = find_job(config, o->job, kind);

    if (!job)
        return usage(
            say("the configuration has no such job of this kind", "配置文件中没有该类型的此作业"));
    return address ? ask(kind, job, address, o->timeout) : print_rights(job, o);
}

int command_probe(int argc, char **argv)
{
    struct probe_options o = {0};
    struct config *config = NULL;
    const struct kind *kind;
    struct err err = {0};
    int code, r, n = command_flags(&probe_flags, argc, argv, &o, &code);

    if (n < 0)
        return code;
    kind = n ? find_kind(argv[0]) : NULL;
    if (!kind || n != (o.grants || o.acl ? 1 : 2))
        return usage(say(
            "expected a kind (redis, mysql, http, tcp, tls or spring) and an address; see --help",
            "需要类型（redis、mysql、http、tcp、tls 或 spring）与地址，见 --help"));
    if (strcmp(kind->name, o.grants ? "mysql" : o.acl ? "redis" : kind->name) != 0)
        return usage(
            say("--grants is for mysql, --acl for redis", "--grants 用于 mysql，--acl 用于 redis"));
    r = *o.config_file ? config_load(o.config_file, &config, &err)
                       : config_of_flags(kind, &o, &config, &err);
    if (r < 0) {
        command_complain(&err);
        return EXIT_USAGE;
    }
    code = run(kind, n == 2 ? argv[1] : NULL, &o, config);
    config_unref(config);
    return code;
}
