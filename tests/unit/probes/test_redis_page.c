/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>

#include "base/file.h"
#include "probes/page_priv.h"
#include "probes/probes.h"
#include "probes/redis_fields_priv.h"

#define DOC_MAX (1u << 20) /* bytes */

/* What the page of this INFO has besides what the probe says about itself. */
static void write_page(struct buf *out, const char *info)
{
    buf_add_c(out, "\n");
    assert_int_equal(redis_page(&(struct redis_replies){.info = str_c(info), .now = 1000000}, out),
                     0);
}

static const struct {
    const char *info, *has, *has_not;
} cases[] = {
    /* any field */
    {"used_memory:5\r\n", "\n# TYPE redis_memory_used_bytes gauge\nredis_memory_used_bytes 5\n", 0},
    {"evicted_keys:7\n", "\n# TYPE redis_evicted_keys_total counter\nredis_evicted_keys_total 7\n",
     0},
    {"rdb_last_bgsave_status:ok\naof_last_write_status:err\n", "\nredis_rdb_last_bgsave_status 1\n",
     0},
    {"aof_last_write_status:err\n", "\nredis_aof_last_write_status 0\n", 0},
    {"latest_fork_usec:68131\n", "\nredis_latest_fork_seconds 0.068131\n", 0},
    {"used_memory:1.5M\n", 0, "redis_memory_used_bytes"},
    {"used_memory:\n", 0, "redis_memory_used_bytes"},
    {"nobody_knows_me:5\n", 0, "nobody"},
    {"cluster_new-thing:5\n", "\nredis_cluster_new_thing 5\n", 0},
    {"used_memory:5\nused_memory:6\n", "\nredis_memory_used_bytes 5\n", "used_bytes 6"},

    /* Server */
    {"# Server\nuptime_in_seconds:400\n", "\nredis_start_time_seconds 600\n", 0},
    {"# Server\nuptime_in_seconds:400\n", "\nredis_uptime_in_seconds 400\n", 0},
    {"# Server\nhz:10\nconfigured_hz:20\n", "\nredis_configured_hz 20\n", 0},
    {"hz:10\n", 0, "redis_hz"},

    /* Commandstats, Latencystats, Errorstats: of old servers, too */
    {"# Commandstats\ncmdstat_get:calls=2,usec=3,usec_per_call=1.5\n",
     "\nredis_commands_duration_seconds_total{cmd=\"get\"} 3e-06\n", "rejected"},
    {"# Commandstats\ncmdstat_get:calls=2,usec=3,rejected_calls=4,failed_calls=5\n",
     "\nredis_commands_rejected_calls_total{cmd=\"get\"} 4\n", 0},
    {"# Commandstats\ncmdstat_get:calls=2,usec=3,rejected_calls=4,failed_calls=5\n",
     "\nredis_commands_failed_calls_total{cmd=\"get\"} 5\n", 0},
    {"# Commandstats\ncmdstat_get:calls=x,usec=3\n", 0, "redis_commands"},
    {"# Latencystats\nlatency_percentiles_usec_get:p50=1.5,p99=x\n",
     "\nredis_latency_percentiles_usec{cmd=\"get\",quantile=\"50\"} 1.5\n"
     "redis_latency_percentiles_usec_sum{cmd=\"get\"} 0\n",
     "quantile=\"99\""},
    {"# Errorstats\nerrorstat_\"ODD\\:count=1\n", "\nredis_errors_total{err=\"\\\"ODD\\\\\"} 1\n",
     0},

    /* Keyspace */
    {"# Keyspace\ndb7:keys=1,expires=2\n", "\nredis_db_keys_expiring{db=\"db7\"} 2\n", "avg_ttl"},
    {"# Keyspace\ndb7:keys=1,expires=2,avg_ttl=1500\n",
     "\nredis_db_avg_ttl_seconds{db=\"db7\"} 1.5\n", "cached"},
    {"# Keyspace\ndb7:keys=1,expires=2,avg_ttl=0,cached_keys=4\n",
     "\nredis_db_keys_cached{db=\"db7\"} 4\n", 0},
    {"# Keyspace\ndb15:keys=3,expires=0\n", "\nredis_db_keys{db=\"db15\"} 3\n", "db16"},

    /* Replication */
    {"# Replication\nrole:slave\nmaster_host:h\nmaster_port:1\nmaster_link_status:up\n",
     "\nredis_master_link_up{master_host=\"h\",master_port=\"1\"} 1\n", 0},
    {"# Replication\nrole:slave\nmaster_host:h\nmaster_port:1\nslave_read_only:1\n",
     "\nredis_slave_info{master_host=\"h\",master_port=\"1\",read_only=\"1\"} 1\n", 0},
    {"# Replication\nrole:master\nslave0:ip=::1,port=2,state=online,offset=3,lag=0\n",
     "\nredis_connected_slave_lag_seconds{slave_ip=\"::1\",slave_port=\"2\","
     "slave_state=\"online\"} 0\n",
     "redis_slave_info"},
    {"# Replication\nslave0:ip=h,port=2,state=wait_bgsave,offset=0,lag=-1\n",
     "\nredis_connected_slave_offset_bytes{", "lag_seconds"},
    {"# Replication\nslave0:10.0.0.1,6379,online\n", 0, "connected_slave_offset"}, /* Redis 2.6 */

    /* who it is */
    {"role:master\n", "\nredis_instance_info{role=\"master\",redis_version=\"\",", "valkey"},
    {"valkey_version:8.1.0\nvalkey_release_stage:ga\n",
     ",valkey_version=\"8.1.0\",valkey_release_stage=\"ga\"} 1\n", 0},
    {"os:\xff\xe4\xb8\xad\n", "os=\"\xef\xbf\xbd\xe4\xb8\xad\"",
     0}, /* U+FFFD for what is no UTF-8 */
};

static void info_is_read_line_by_line_whatever_stands_there(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf page = {0};

        write_page(&page, cases[i].info);
        if (cases[i].has && !strstr(page.p, cases[i].has))
            fail_msg("expected %s for %s in%s", cases[i].has, cases[i].info, page.p);
        if (cases[i].has_not && strstr(page.p, cases[i].has_not))
            fail_msg("%s for %s in%s", cases[i].has_not, cases[i].info, page.p);
    }
}

static void a_histogram_sums_a_command_with_its_subcommands(void **state)
{
    CLEANUP(buf_free) struct buf page = {0};
    struct redis_reply buckets[] = {{.type = REPLY_INTEGER, .integer = 16},
                                    {.type = REPLY_INTEGER, .integer = 2},
                                    {.type = REPLY_INTEGER, .integer = 1056},
                                    {.type = REPLY_INTEGER, .integer = 3}};
    struct redis_reply parts[] = {{.type = REPLY_TEXT, .text = STR("calls")},
                                  {.type = REPLY_INTEGER, .integer = 3},
                                  {.type = REPLY_TEXT, .text = STR("histogram_usec")},
                                  {.type = REPLY_ARRAY, .items = buckets, .n = 4}};
    struct redis_reply pair[] = {{.type = REPLY_TEXT, .text = STR("config")},
                                 {.type = REPLY_ARRAY, .items = parts, .n = 4}};
    const struct redis_reply all = {.type = REPLY_ARRAY, .items = pair, .n = 2};

    redis_page(&(struct redis_replies){.info = STR("# Commandstats\n"
                                                   "cmdstat_config:calls=1,usec=10\n"
                                                   "cmdstat_config|get:calls=1,usec=20\n"
                                                   "cmdstat_config|set:calls=1,usec=30\n"
                                                   "cmdstat_configs:calls=1,usec=500\n"),
                                       .latency_histogram = &all},
               &page);
    assert_non_null(strstr(page.p,
                           "\n# TYPE redis_commands_latencies_usec histogram\n"
                           "redis_commands_latencies_usec_bucket{cmd=\"config\",le=\"16\"} 2\n"
                           "redis_commands_latencies_usec_bucket{cmd=\"config\",le=\"1056\"} 3\n"
                           "redis_commands_latencies_usec_bucket{cmd=\"config\",le=\"+Inf\"} 3\n"
                           "redis_commands_latencies_usec_sum{cmd=\"config\"} 60\n"
                           "redis_commands_latencies_usec_count{cmd=\"config\"} 3\n"));
}

static void an_unreachable_redis_has_a_page_that_says_why(void **state)
{
    static const char want[] = "# TYPE redis_exporter_last_scrape_connect_time_seconds gauge\n"
                               "redis_exporter_last_scrape_connect_time_seconds 0.5\n"
                               "# TYPE redis_exporter_last_scrape_duration_seconds gauge\n"
                               "redis_exporter_last_scrape_duration_seconds 0.75\n"
                               "# TYPE redis_exporter_last_scrape_error gauge\n"
                               "redis_exporter_last_scrape_error{err=\"no \\\"answer\\\"\"} 1\n"
                               "# TYPE redis_exporter_scrape_duration_seconds summary\n"
                               "redis_exporter_scrape_duration_seconds_sum 2.5\n"
                               "redis_exporter_scrape_duration_seconds_count 3\n"
                               "# TYPE redis_exporter_scrapes_total counter\n"
                               "redis_exporter_scrapes_total 3\n"
                               "# TYPE redis_target_scrape_request_errors_total counter\n"
                               "redis_target_scrape_request_errors_total 0\n"
                               "# TYPE redis_up gauge\n"
                               "redis_up 0\n";
    CLEANUP(buf_free) struct buf page = {0};

    redis_page(&(struct redis_replies){.info = STR("used_memory:5\n"), /* came before the failure */
                                       .connect_seconds = 0.5,
                                       .total_seconds = 0.75,
                                       .times = 3,
                                       .times_seconds = 2.5,
                                       .error = "no \"answer\""},
               &page);
    assert_string_equal(page.p, want);
}

static void a_page_has_a_largest_size_and_tells_what_was_left_out(void **state)
{
    CLEANUP(buf_free) struct buf info = {0}, page = {0};
    size_t left_out, lines = 0;

    for (int i = 0; i < PAGE_SAMPLES_MAX + 10; i++)
        buf_addf(&info, "cluster_%d:1\n", i);
    left_out = redis_page(&(struct redis_replies){.info = buf_str(&info)}, &page);
    assert_true(left_out >= 10);
    for (size_t i = 0; i < page.len; i++)
        lines += (i == 0 || page.p[i - 1] == '\n') && page.p[i] != '#';
    assert_int_equal(lines, PAGE_SAMPLES_MAX);
}

static void empty_databases_are_shown_up_to_a_limit(void **state)
{
    CLEANUP(buf_free) struct buf page = {0};
    struct redis_reply words[] = {{.type = REPLY_TEXT, .text = STR("databases")},
                                  {.type = REPLY_TEXT, .text = STR("2000000000")}};
    const struct redis_reply config = {.type = REPLY_ARRAY, .items = words, .n = 2};

    redis_page(&(struct redis_replies){.config = &config}, &page);
    assert_non_null(strstr(page.p, "\nredis_db_keys{db=\"db1023\"} 0\n"));
    assert_null(strstr(page.p, "db1024"));
}

static void fields_are_in_order_and_found(void **state)
{
    for (size_t i = 0; i < redis_fields_count; i++) {
        if (i)
            assert_true(strcmp(redis_fields[i - 1].field, redis_fields[i].field) < 0);
        assert_ptr_equal(redis_field_find(str_c(redis_fields[i].field)), &redis_fields[i]);
        assert_true(metric_name_is_legacy(str_c(redis_fields[i].metric)));
    }
    assert_null(redis_field_find(STR("")));
    assert_null(redis_field_find(STR("zzz")));
    assert_null(redis_field_find(STR("used_memor")));
}

static void every_field_stands_in_the_manual_with_its_type(void **state)
{
    CLEANUP(buf_free) struct buf path = {0}, doc = {0}, row = {0};

    buf_addf(&path, "%s/docs/formats/redis-metrics.md", getenv("TOCSIN_SOURCE") ?: ".");
    assert_int_equal(file_read(path.p, DOC_MAX, &doc, NULL), 0);
    for (size_t i = 0; i < redis_fields_count; i++) {
        buf_reset(&row);
        buf_addf(&row, "\n| `%s` | %s | `%s` |", redis_fields[i].metric,
                 metric_type_name(redis_fields[i].type), redis_fields[i].field);
        if (!strstr(doc.p, row.p))
            fail_msg("the manual has no %s", row.p + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_is_read_line_by_line_whatever_stands_there),
        cmocka_unit_test(a_histogram_sums_a_command_with_its_subcommands),
        cmocka_unit_test(an_unreachable_redis_has_a_page_that_says_why),
        cmocka_unit_test(a_page_has_a_largest_size_and_tells_what_was_left_out),
        cmocka_unit_test(empty_databases_are_shown_up_to_a_limit),
        cmocka_unit_test(fields_are_in_order_and_found),
        cmocka_unit_test(every_field_stands_in_the_manual_with_its_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
