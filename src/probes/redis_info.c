/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_info - INFO line by line
 *
 * Some sections have lines of their own form; what such a section does not take, and all lines of
 * the others, go by the table of fields. A line that cannot be read costs itself only.
 */
#include "probes/redis_info_priv.h"

#include "base/hash.h"
#include "base/num.h"
#include "probes/redis_fields_priv.h"

#define IDENTITY_BASE 10 /* labels of redis_instance_info that every server has */

struct command {
    struct str name;
    double calls, usec;
    double usec_with_subcommands;
};

struct info {
    struct metric_page *page;
    struct redis_commands *commands;
    unix_ms now;
    struct str master_host, master_port, read_only;
    struct label identity[IDENTITY_BASE + 2];
};

/* ---- parts of lines ------------------------------------------------------------------------ */

/* The value of `name` in "a=1,b=2"; STR_NONE when there is none. */
static struct str part(struct str list, const char *name)
{
    while (list.len) {
        struct str value = str_cut(&list, ','), key = str_cut(&value, '=');

        if (str_eq_c(key, name))
            return value;
    }
    return STR_NONE;
}

static bool part_number(struct str list, const char *name, double *ret)
{
    return num_parse_double(part(list, name), ret);
}

static bool cut_prefix(struct str *s, struct str prefix)
{
    if (!str_has_prefix(*s, prefix))
        return false;
    *s = str_n(s->p + prefix.len, s->len - prefix.len);
    return true;
}

static bool begins_with_word_and_digit(struct str s, struct str word)
{
    return cut_prefix(&s, word) && s.len && s.p[0] >= '0' && s.p[0] <= '9';
}

/* ---- any field ----------------------------------------------------------------------------- */

static bool generic_value(struct str text, double *ret)
{
    if (str_eq(text, STR("ok")) || str_eq(text, STR("true")))
        *ret = 1;
    else if (str_eq(text, STR("err")) || str_eq(text, STR("fail")) || str_eq(text, STR("false")))
        *ret = 0;
    else
        return num_parse_double(text, ret);
    return true;
}

/* "redis_" and the field, as a metric may be called. */
static const char *own_name(struct metric_page *p, struct str field)
{
    char *name = arena_printf(&p->arena, "redis_%.*s", STR_ARG(field));

    for (char *c = name; *c; c++)
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9'))
            *c = '_';
    return name;
}

static void add_generic(struct metric_page *p, struct str field, struct str text)
{
    const struct redis_field *f = redis_field_find(field);
    double value;

    if (!generic_value(text, &value))
        return;
    if (f)
        metric_page_add(p, f->metric, f->type, "", f->divisor ? value / f->divisor : value,
                        NO_LABELS);
    else if (str_has_prefix(field, STR("db")) || str_has_prefix(field, STR("cmdstat_")) ||
             str_has_prefix(field, STR("cluster_")))
        metric_page_gauge(p, own_name(p, field), value, NO_LABELS);
}

/* ---- commands ------------------------------------------------------------------------------ */

static bool command_is(const void *key, const void *value)
{
    return str_eq(*(const struct str *)key, ((const struct command *)value)->name);
}

static struct command *command_find(const struct redis_commands *c, struct str name)
{
    return map_get(&c->by_name, hash_bytes(name.p, name.len), command_is, &name);
}

static struct command *command_get(struct redis_commands *c, struct str name)
{
    struct command *found = command_find(c, name);

    if (found)
        return found;
    found = arena_zalloc(&c->arena, sizeof *found);
    found->name = name;
    map_add(&c->by_name, hash_bytes(name.p, name.len), found);
    return found;
}

double redis_commands_usec(const struct redis_commands *c, struct str name)
{
    const struct command *found = command_find(c, name);

    return found ? found->usec_with_subcommands : 0;
}

void redis_commands_deinit(struct redis_commands *c)
{
    map_deinit(&c->by_name);
    arena_deinit(&c->arena);
}

/* cmdstat_get:calls=21,usec=175,usec_per_call=8.33,rejected_calls=0,failed_calls=0 */
static void take_commandstats(struct info *i, struct str field, struct str text)
{
    double calls, usec, n;
    struct command *c;
    struct str parent;

    if (!cut_prefix(&field, STR("cmdstat_")) || !part_number(text, "calls", &calls) ||
        !part_number(text, "usec", &usec))
        return;
    c = command_get(i->commands, field);
    c->calls = calls;
    c->usec = usec;
    c->usec_with_subcommands += usec;
    parent = str_n(field.p, str_find(field, STR("|")));
    if (parent.len < field.len)
        command_get(i->commands, parent)->usec_with_subcommands += usec;
    metric_page_counter(i->page, "redis_commands_total", calls, LABELS({STR("cmd"), field}));
    metric_page_counter(i->page, "redis_commands_duration_seconds_total", usec / 1e6,
                        LABELS({STR("cmd"), field}));
    if (part_number(text, "rejected_calls", &n))
        metric_page_counter(i->page, "redis_commands_rejected_calls_total", n,
                            LABELS({STR("cmd"), field}));
    if (part_number(text, "failed_calls", &n))
        metric_page_counter(i->page, "redis_commands_failed_calls_total", n,
                            LABELS({STR("cmd"), field}));
}

/* latency_percentiles_usec_get:p50=1.003,p99=2.007,p99.9=4.015 */
static void take_latencystats(struct info *i, struct str field, struct str text)
{
    static const char family[] = "redis_latency_percentiles_usec";
    const struct command *c;

    if (!cut_prefix(&field, STR("latency_percentiles_usec_")))
        return;
    while (text.len) {
        struct str value = str_cut(&text, ','), percentile = str_cut(&value, '=');
        double usec;

        if (cut_prefix(&percentile, STR("p")) && num_parse_double(value, &usec))
            metric_page_add(i->page, family, METRIC_SUMMARY, "", usec,
                            LABELS({STR("cmd"), field}, {STR("quantile"), percentile}));
    }
    c = command_find(i->commands, field);
    metric_page_add(i->page, family, METRIC_SUMMARY, "_sum", c ? c->usec : 0,
                    LABELS({STR("cmd"), field}));
    metric_page_add(i->page, family, METRIC_SUMMARY, "_count", c ? c->calls : 0,
                    LABELS({STR("cmd"), field}));
}

static void take_errorstats(struct info *i, struct str field, struct str text)
{
    double count;

    if (cut_prefix(&field, STR("errorstat_")) && part_number(text, "count", &count))
        metric_page_counter(i->page, "redis_errors_total", count, LABELS({STR("err"), field}));
}

/* ---- sections with lines of their own: true when the line was theirs ----------------------- */

static bool take_server(struct info *i, struct str field, struct str text)
{
    double v;

    if (!num_parse_double(text, &v))
        return false;
    if (str_eq(field, STR("uptime_in_seconds")))
        metric_page_gauge(i->page, "redis_start_time_seconds", (double)(i->now / 1000) - v,
                          NO_LABELS);
    else if (str_eq(field, STR("configured_hz")))
        metric_page_gauge(i->page, "redis_configured_hz", v, NO_LABELS);
    else if (str_eq(field, STR("hz")))
        metric_page_gauge(i->page, "redis_hz", v, NO_LABELS);
    return false;
}

/* slave0:ip=127.0.0.1,port=8002,state=online,offset=1065270,lag=0 */
static bool take_connected_slave(struct info *i, struct str text)
{
    struct str ip = part(text, "ip"), port = part(text, "port"), state = part(text, "state");
    double offset, lag;

    if (!part_number(text, "offset", &offset))
        return false;
    metric_page_gauge(
        i->page, "redis_connected_slave_offset_bytes", offset,
        LABELS({STR("slave_ip"), ip}, {STR("slave_port"), port}, {STR("slave_state"), state}));
    if (part_number(text, "lag", &lag) && lag >= 0)
        metric_page_gauge(
            i->page, "redis_connected_slave_lag_seconds", lag,
            LABELS({STR("slave_ip"), ip}, {STR("slave_port"), port}, {STR("slave_state"), state}));
    return true;
}

static bool take_replication(struct info *i, struct str field, struct str text)
{
    static const struct {
        const char *field, *metric;
    } of_link[] = {
        {"master_last_io_seconds_ago", "redis_master_last_io_seconds_ago"},
        {"master_sync_in_progress", "redis_master_sync_in_progress"},
        {"slave_repl_offset", "redis_slave_repl_offset"},
    };
    struct label master[] = {{STR("master_host"), i->master_host},
                             {STR("master_port"), i->master_port}};
    int64_t n;

    if (str_eq(field, STR("master_link_status"))) {
        metric_page_gauge(i->page, "redis_master_link_up", str_eq(text, STR("up")), master,
                          ARRAY_LEN(master));
        return true;
    }
    for (size_t k = 0; k < ARRAY_LEN(of_link); k++)
        if (str_eq_c(field, of_link[k].field)) {
            if (num_parse_i64(text, &n))
                metric_page_gauge(i->page, of_link[k].metric, (double)n, master, ARRAY_LEN(master));
            return true;
        }
    return begins_with_word_and_digit(field, STR("slave")) && take_connected_slave(i, text);
}

/* db0:keys=1010,expires=492,avg_ttl=29056896,subexpiry=1 */
static bool take_keyspace(struct info *i, struct str field, struct str text)
{
    double keys, expires, v;
    struct str rest = text, fourth;

    if (!begins_with_word_and_digit(field, STR("db")) || !part_number(text, "keys", &keys) ||
        !part_number(text, "expires", &expires))
        return false;
    metric_page_gauge(i->page, "redis_db_keys", keys, LABELS({STR("db"), field}));
    metric_page_gauge(i->page, "redis_db_keys_expiring", expires, LABELS({STR("db"), field}));
    if (part_number(text, "avg_ttl", &v))
        metric_page_gauge(i->page, "redis_db_avg_ttl_seconds", v / 1000,
                          LABELS({STR("db"), field}));
    /* KeyDB's cached_keys. The exporter takes the fourth part whatever it is called, so that Redis
     * 7.4 and later show their `subexpiry` here; kept, because pages are compared with its. */
    for (int k = 0; k < 3; k++)
        str_cut(&rest, ',');
    fourth = str_cut(&rest, ',');
    str_cut(&fourth, '=');
    if (num_parse_double(fourth, &v))
        metric_page_gauge(i->page, "redis_db_keys_cached", v, LABELS({STR("db"), field}));
    return true;
}

/* master0:name=mymaster,status=ok,address=127.0.0.1:8001,slaves=1,sentinels=1 */
static bool take_sentinel_master(struct info *i, struct str text)
{
    struct str name = part(text, "name"), status = part(text, "status");
    struct str address = part(text, "address");
    double slaves, sentinels;

    if (!part_number(text, "slaves", &slaves) || !part_number(text, "sentinels", &sentinels))
        return false;
    metric_page_gauge(i->page, "redis_sentinel_master_status", str_eq(status, STR("ok")),
                      LABELS({STR("master_name"), name}, {STR("master_address"), address},
                             {STR("master_status"), status}));
    metric_page_gauge(i->page, "redis_sentinel_master_slaves", slaves,
                      LABELS({STR("master_name"), name}, {STR("master_address"), address}));
    metric_page_gauge(i->page, "redis_sentinel_master_sentinels", sentinels,
                      LABELS({STR("master_name"), name}, {STR("master_address"), address}));
    return true;
}

static bool take_sentinel(struct info *i, struct str field, struct str text)
{
    static const char *const numbers[] = {
        "sentinel_masters", "sentinel_tilt", "sentinel_running_scripts",
        "sentinel_scripts_queue_length", "sentinel_simulate_failure_flags"};
    double v;

    for (size_t k = 0; k < ARRAY_LEN(numbers); k++)
        if (str_eq_c(field, numbers[k]) && num_parse_double(text, &v)) {
            metric_page_gauge(i->page, own_name(i->page, field), v, NO_LABELS);
            return true;
        }
    return begins_with_word_and_digit(field, STR("master")) && take_sentinel_master(i, text);
}

static bool take_by_section(struct info *i, struct str section, struct str field, struct str text)
{
    if (str_eq(section, STR("Commandstats")))
        return take_commandstats(i, field, text), true;
    if (str_eq(section, STR("Latencystats")))
        return take_latencystats(i, field, text), true;
    if (str_eq(section, STR("Errorstats")))
        return take_errorstats(i, field, text), true;
    if (str_eq(section, STR("Server")))
        return take_server(i, field, text);
    if (str_eq(section, STR("Replication")))
        return take_replication(i, field, text);
    if (str_eq(section, STR("Keyspace")))
        return take_keyspace(i, field, text);
    if (str_eq(section, STR("Sentinel")))
        return take_sentinel(i, field, text);
    return false;
}

/* ---- who the server is --------------------------------------------------------------------- */

static const char *const identity_fields[IDENTITY_BASE + 2] = {
    "role",       "redis_version",    "redis_build_id", "redis_mode",
    "os",         "maxmemory_policy", "tcp_port",       "run_id",
    "process_id", "master_replid",    "valkey_version", "valkey_release_stage",
};

static void note_identity(struct info *i, struct str field, struct str text)
{
    for (size_t k = 0; k < ARRAY_LEN(identity_fields); k++)
        if (str_eq_c(field, identity_fields[k]))
            i->identity[k].value = text;
    if (str_eq(field, STR("master_host")))
        i->master_host = text;
    if (str_eq(field, STR("master_port")))
        i->master_port = text;
    if (str_eq(field, STR("slave_read_only")))
        i->read_only = text;
}

static void add_identity(struct info *i)
{
    const struct label *role = &i->identity[0], *valkey = &i->identity[IDENTITY_BASE];

    metric_page_gauge(i->page, "redis_instance_info", 1, i->identity,
                      valkey->value.len ? IDENTITY_BASE + 2 : IDENTITY_BASE);
    if (str_eq(role->value, STR("slave")))
        metric_page_gauge(i->page, "redis_slave_info", 1,
                          LABELS({STR("master_host"), i->master_host},
                                 {STR("master_port"), i->master_port},
                                 {STR("read_only"), i->read_only}));
}

/* ---- the text ------------------------------------------------------------------------------ */

void redis_info_add(struct metric_page *p, struct str info, unix_ms now, struct redis_commands *c)
{
    struct info i = {.page = p, .commands = c, .now = now};
    struct str section = STR_NONE;

    for (size_t k = 0; k < ARRAY_LEN(identity_fields); k++)
        i.identity[k].name = str_c(identity_fields[k]);
    while (info.len) {
        struct str text = str_trim(str_cut(&info, '\n')), field;

        if (cut_prefix(&text, STR("# "))) {
            section = text;
            continue;
        }
        if (str_find(text, STR(":")) == text.len)
            continue;
        field = str_cut(&text, ':');
        note_identity(&i, field, text);
        if (!take_by_section(&i, section, field, text))
            add_generic(p, field, text);
    }
    add_identity(&i);
}

void redis_cluster_info_add(struct metric_page *p, struct str text)
{
    while (text.len) {
        struct str value = str_trim(str_cut(&text, '\n')), field;

        if (str_find(value, STR(":")) == value.len)
            continue;
        field = str_cut(&value, ':');
        if (str_find(value, STR(":")) == value.len)
            add_generic(p, field, value);
    }
}

static bool contains(struct str text, struct str words)
{
    return str_find(text, words) < text.len;
}

bool redis_info_is_cluster(struct str info)
{
    return contains(info, STR("cluster_enabled:1"));
}

bool redis_info_is_sentinel(struct str info)
{
    return contains(info, STR("# Sentinel"));
}
