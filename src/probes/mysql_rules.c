/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_rules - what each collector asks and which column becomes which metric (exporters.md 2.3)
 *
 * Times of performance_schema and sys are picoseconds.
 */
#include "probes/mysql_priv.h"

#define PICO 1e12

#define C METRIC_COUNTER
#define G METRIC_GAUGE

#define RULE(name, from_, labels_, metrics_)                                                       \
    static const struct row_rule name = {.from = from_,                                            \
                                         .labels = labels_,                                        \
                                         .n_labels = ARRAY_LEN(labels_),                           \
                                         .metrics = metrics_,                                      \
                                         .n_metrics = ARRAY_LEN(metrics_)}
#define RULE_OUT(name, from_, labels_, metrics_, also_)                                            \
    const struct row_rule name = {.from = from_,                                                   \
                                  .labels = labels_,                                               \
                                  .n_labels = ARRAY_LEN(labels_),                                  \
                                  .metrics = metrics_,                                             \
                                  .n_metrics = ARRAY_LEN(metrics_),                                \
                                  .also = also_}

/* ---- information_schema --------------------------------------------------------------------- */

static const struct row_label innodb_cmp_labels[] = {
    {"page_size", "page_size"},
};
static const struct row_metric innodb_cmp_metrics[] = {
    {"compress_ops", "mysql_info_schema_innodb_cmp_compress_ops_total", C},
    {"compress_ops_ok", "mysql_info_schema_innodb_cmp_compress_ops_ok_total", C},
    {"compress_time", "mysql_info_schema_innodb_cmp_compress_time_seconds_total", C},
    {"uncompress_ops", "mysql_info_schema_innodb_cmp_uncompress_ops_total", C},
    {"uncompress_time", "mysql_info_schema_innodb_cmp_uncompress_time_seconds_total", C},
};
RULE(innodb_cmp, "information_schema.innodb_cmp", innodb_cmp_labels, innodb_cmp_metrics);

static const struct row_label innodb_cmpmem_labels[] = {
    {"buffer_pool", "buffer_pool_instance"},
    {"page_size", "page_size"},
};
static const struct row_metric innodb_cmpmem_metrics[] = {
    {"pages_used", "mysql_info_schema_innodb_cmpmem_pages_used_total", C},
    {"pages_free", "mysql_info_schema_innodb_cmpmem_pages_free_total", C},
    {"relocation_ops", "mysql_info_schema_innodb_cmpmem_relocation_ops_total", C},
    {"relocation_time", "mysql_info_schema_innodb_cmpmem_relocation_time_seconds_total", C, 1000},
};
RULE(innodb_cmpmem, "information_schema.innodb_cmpmem", innodb_cmpmem_labels,
     innodb_cmpmem_metrics);

/* The largest value by type and sign. Joined without regard to case, as file systems differ. */
#define AUTO_INCREMENT_MAX                                                                         \
    "pow(2, CASE data_type WHEN 'tinyint' THEN 7 WHEN 'smallint' THEN 15 "                         \
    "WHEN 'mediumint' THEN 23 WHEN 'int' THEN 31 WHEN 'bigint' THEN 63 END "                       \
    "+ (column_type LIKE '% unsigned')) - 1 AS max_int"
#define AUTO_INCREMENT_FROM                                                                        \
    "information_schema.columns c STRAIGHT_JOIN information_schema.tables t "                      \
    "ON (BINARY c.table_schema = t.table_schema AND BINARY c.table_name = t.table_name) "          \
    "WHERE c.extra = 'auto_increment' AND t.auto_increment IS NOT NULL"
static const struct row_label auto_increment_labels[] = {
    {"column", "column_name"}, {"schema", "c.table_schema"}, {"table", "c.table_name"}};
static const struct row_metric auto_increment_metrics[] = {
    {"auto_increment", "mysql_info_schema_auto_increment_column", G},
    {AUTO_INCREMENT_MAX, "mysql_info_schema_auto_increment_column_max", G},
};
RULE(auto_increment, AUTO_INCREMENT_FROM, auto_increment_labels, auto_increment_metrics);

static const struct row_label table_labels[] = {{"schema", "TABLE_SCHEMA"},
                                                {"table", "TABLE_NAME"}};
static const struct row_metric table_metrics[] = {
    {"ifnull(TABLE_ROWS, '0') AS TABLE_ROWS", "mysql_info_schema_table_rows", G},
    {"ifnull(DATA_LENGTH, '0') AS DATA_LENGTH", "mysql_info_schema_table_size", G, 0, "component",
     "data_length"},
    {"ifnull(INDEX_LENGTH, '0') AS INDEX_LENGTH", "mysql_info_schema_table_size", G, 0, "component",
     "index_length"},
    {"ifnull(DATA_FREE, '0') AS DATA_FREE", "mysql_info_schema_table_size", G, 0, "component",
     "data_free"},
};
RULE(table_sizes, "", table_labels, table_metrics);

static const struct row_label tables_labels[] = {
    {"create_options", "ifnull(CREATE_OPTIONS, 'NONE') AS CREATE_OPTIONS"},
    {"engine", "ifnull(ENGINE, 'NONE') AS ENGINE"},
    {"row_format", "ifnull(ROW_FORMAT, 'NONE') AS ROW_FORMAT"},
    {"schema", "TABLE_SCHEMA"},
    {"table", "TABLE_NAME"},
    {"type", "TABLE_TYPE"},
};
static const struct row_metric tables_metrics[] = {
    {"ifnull(VERSION, '0') AS VERSION", "mysql_info_schema_table_version", G},
};
RULE_OUT(mysql_tables_rule, "information_schema.tables", tables_labels, tables_metrics,
         &table_sizes);

/* ---- performance_schema --------------------------------------------------------------------- */

static const struct row_label statements_labels[] = {
    {"digest", "DIGEST"},
    {"digest_text", "DIGEST_TEXT"},
    {"schema", "SCHEMA_NAME"},
};
static const struct row_metric statements_metrics[] = {
    {"COUNT_STAR", "mysql_perf_schema_events_statements_total", C},
    {"SUM_TIMER_WAIT", "mysql_perf_schema_events_statements_seconds_total", C, PICO},
    {"SUM_LOCK_TIME", "mysql_perf_schema_events_statements_lock_time_seconds_total", C, PICO},
    {"SUM_CPU_TIME", "mysql_perf_schema_events_statements_cpu_time_seconds_total", C, PICO},
    {"SUM_ERRORS", "mysql_perf_schema_events_statements_errors_total", C},
    {"SUM_WARNINGS", "mysql_perf_schema_events_statements_warnings_total", C},
    {"SUM_ROWS_AFFECTED", "mysql_perf_schema_events_statements_rows_affected_total", C},
    {"SUM_ROWS_SENT", "mysql_perf_schema_events_statements_rows_sent_total", C},
    {"SUM_ROWS_EXAMINED", "mysql_perf_schema_events_statements_rows_examined_total", C},
    {"SUM_CREATED_TMP_TABLES", "mysql_perf_schema_events_statements_tmp_tables_total", C},
    {"SUM_CREATED_TMP_DISK_TABLES", "mysql_perf_schema_events_statements_tmp_disk_tables_total", C},
    {"SUM_SORT_MERGE_PASSES", "mysql_perf_schema_events_statements_sort_merge_passes_total", C},
    {"SUM_SORT_ROWS", "mysql_perf_schema_events_statements_sort_rows_total", C},
    {"SUM_NO_INDEX_USED", "mysql_perf_schema_events_statements_no_index_used_total", C},
    {"QUANTILE_95", "mysql_perf_schema_events_statements_latency", METRIC_SUMMARY, PICO, "quantile",
     "95"},
    {"QUANTILE_99", "mysql_perf_schema_events_statements_latency", METRIC_SUMMARY, PICO, "quantile",
     "99"},
    {"QUANTILE_999", "mysql_perf_schema_events_statements_latency", METRIC_SUMMARY, PICO,
     "quantile", "999"},
    {"SUM_TIMER_WAIT", "mysql_perf_schema_events_statements_latency", METRIC_SUMMARY, PICO,
     .suffix = "_sum"},
    {"COUNT_STAR", "mysql_perf_schema_events_statements_latency", METRIC_SUMMARY,
     .suffix = "_count"},
};
RULE_OUT(mysql_statements_rule, "performance_schema.events_statements_summary_by_digest",
         statements_labels, statements_metrics, NULL);

/* Lock time, CPU time and quantiles are there since MySQL 8.0.28. */
static const struct row_label statements_old_labels[] = {
    {"digest", "DIGEST"},
    {"digest_text", "DIGEST_TEXT"},
    {"schema", "SCHEMA_NAME"},
};
static const struct row_metric statements_old_metrics[] = {
    {"COUNT_STAR", "mysql_perf_schema_events_statements_total", C},
    {"SUM_TIMER_WAIT", "mysql_perf_schema_events_statements_seconds_total", C, PICO},
    {"SUM_LOCK_TIME", "mysql_perf_schema_events_statements_lock_time_seconds_total", C,
     .zero = true},
    {"SUM_CPU_TIME", "mysql_perf_schema_events_statements_cpu_time_seconds_total", C, .zero = true},
    {"SUM_ERRORS", "mysql_perf_schema_events_statements_errors_total", C},
    {"SUM_WARNINGS", "mysql_perf_schema_events_statements_warnings_total", C},
    {"SUM_ROWS_AFFECTED", "mysql_perf_schema_events_statements_rows_affected_total", C},
    {"SUM_ROWS_SENT", "mysql_perf_schema_events_statements_rows_sent_total", C},
    {"SUM_ROWS_EXAMINED", "mysql_perf_schema_events_statements_rows_examined_total", C},
    {"SUM_CREATED_TMP_TABLES", "mysql_perf_schema_events_statements_tmp_tables_total", C},
    {"SUM_CREATED_TMP_DISK_TABLES", "mysql_perf_schema_events_statements_tmp_disk_tables_total", C},
    {"SUM_SORT_MERGE_PASSES", "mysql_perf_schema_events_statements_sort_merge_passes_total", C},
    {"SUM_SORT_ROWS", "mysql_perf_schema_events_statements_sort_rows_total", C},
    {"SUM_NO_INDEX_USED", "mysql_perf_schema_events_statements_no_index_used_total", C},
    {"QUANTILE_95", "mysql_perf_schema_events_statements_latency", METRIC_SUMMARY, 0, "quantile",
     "95", .zero = true},
    {"QUANTILE_99", "mysql_perf_schema_events_statements_latency", METRIC_SUMMARY, 0, "quantile",
     "99", .zero = true},
    {"QUANTILE_999", "mysql_perf_schema_events_statements_latency", METRIC_SUMMARY, 0, "quantile",
     "999", .zero = true},
    {"SUM_TIMER_WAIT", "mysql_perf_schema_events_statements_latency", METRIC_SUMMARY, PICO,
     .suffix = "_sum"},
    {"COUNT_STAR", "mysql_perf_schema_events_statements_latency", METRIC_SUMMARY,
     .suffix = "_count"},
};
RULE_OUT(mysql_statements_old_rule, "performance_schema.events_statements_summary_by_digest",
         statements_old_labels, statements_old_metrics, NULL);

static const struct row_metric statements_sum_metrics[] = {
    {"SUM(COUNT_STAR) AS SUM_COUNT_STAR", "mysql_perf_schema_events_statements_sum_total", C},
    {"SUM(SUM_CREATED_TMP_DISK_TABLES) AS SUM_SUM_CREATED_TMP_DISK_TABLES",
     "mysql_perf_schema_events_statements_sum_created_tmp_disk_tables", C},
    {"SUM(SUM_CREATED_TMP_TABLES) AS SUM_SUM_CREATED_TMP_TABLES",
     "mysql_perf_schema_events_statements_sum_created_tmp_tables", C},
    {"SUM(SUM_ERRORS) AS SUM_SUM_ERRORS", "mysql_perf_schema_events_statements_sum_errors", C},
    {"SUM(SUM_LOCK_TIME) AS SUM_SUM_LOCK_TIME", "mysql_perf_schema_events_statements_sum_lock_time",
     C},
    {"SUM(SUM_NO_GOOD_INDEX_USED) AS SUM_SUM_NO_GOOD_INDEX_USED",
     "mysql_perf_schema_events_statements_sum_no_good_index_used", C},
    {"SUM(SUM_NO_INDEX_USED) AS SUM_SUM_NO_INDEX_USED",
     "mysql_perf_schema_events_statements_sum_no_index_used", C},
    {"SUM(SUM_ROWS_AFFECTED) AS SUM_SUM_ROWS_AFFECTED",
     "mysql_perf_schema_events_statements_sum_rows_affected", C},
    {"SUM(SUM_ROWS_EXAMINED) AS SUM_SUM_ROWS_EXAMINED",
     "mysql_perf_schema_events_statements_sum_rows_examined", C},
    {"SUM(SUM_ROWS_SENT) AS SUM_SUM_ROWS_SENT", "mysql_perf_schema_events_statements_sum_rows_sent",
     C},
    {"SUM(SUM_SELECT_FULL_JOIN) AS SUM_SUM_SELECT_FULL_JOIN",
     "mysql_perf_schema_events_statements_sum_select_full_join", C},
    {"SUM(SUM_SELECT_FULL_RANGE_JOIN) AS SUM_SUM_SELECT_FULL_RANGE_JOIN",
     "mysql_perf_schema_events_statements_sum_select_full_range_join", C},
    {"SUM(SUM_SELECT_RANGE) AS SUM_SUM_SELECT_RANGE",
     "mysql_perf_schema_events_statements_sum_select_range", C},
    {"SUM(SUM_SELECT_RANGE_CHECK) AS SUM_SUM_SELECT_RANGE_CHECK",
     "mysql_perf_schema_events_statements_sum_select_range_check", C},
    {"SUM(SUM_SELECT_SCAN) AS SUM_SUM_SELECT_SCAN",
     "mysql_perf_schema_events_statements_sum_select_scan", C},
    {"SUM(SUM_SORT_MERGE_PASSES) AS SUM_SUM_SORT_MERGE_PASSES",
     "mysql_perf_schema_events_statements_sum_sort_merge_passes", C},
    {"SUM(SUM_SORT_RANGE) AS SUM_SUM_SORT_RANGE",
     "mysql_perf_schema_events_statements_sum_sort_range", C},
    {"SUM(SUM_SORT_ROWS) AS SUM_SUM_SORT_ROWS", "mysql_perf_schema_events_statements_sum_sort_rows",
     C},
    {"SUM(SUM_SORT_SCAN) AS SUM_SUM_SORT_SCAN", "mysql_perf_schema_events_statements_sum_sort_scan",
     C},
    {"SUM(SUM_TIMER_WAIT) AS SUM_SUM_TIMER_WAIT",
     "mysql_perf_schema_events_statements_sum_timer_wait", C, PICO},
    {"SUM(SUM_WARNINGS) AS SUM_SUM_WARNINGS", "mysql_perf_schema_events_statements_sum_warnings",
     C},
};
static const struct row_rule statements_sum = {
    .from = "performance_schema.events_statements_summary_by_digest",
    .metrics = statements_sum_metrics,
    .n_metrics = ARRAY_LEN(statements_sum_metrics)};

static const struct row_label events_waits_labels[] = {
    {"event_name", "EVENT_NAME"},
};
static const struct row_metric events_waits_metrics[] = {
    {"COUNT_STAR", "mysql_perf_schema_events_waits_total", C},
    {"SUM_TIMER_WAIT", "mysql_perf_schema_events_waits_seconds_total", C, PICO},
};
RULE(events_waits, "performance_schema.events_waits_summary_global_by_event_name",
     events_waits_labels, events_waits_metrics);

static const struct row_label file_events_labels[] = {
    {"event_name", "EVENT_NAME"},
};
static const struct row_metric file_events_metrics[] = {
    {"COUNT_READ", "mysql_perf_schema_file_events_total", C, 0, "mode", "read"},
    {"SUM_TIMER_READ", "mysql_perf_schema_file_events_seconds_total", C, PICO, "mode", "read"},
    {"SUM_NUMBER_OF_BYTES_READ", "mysql_perf_schema_file_events_bytes_total", C, 0, "mode", "read"},
    {"COUNT_WRITE", "mysql_perf_schema_file_events_total", C, 0, "mode", "write"},
    {"SUM_TIMER_WRITE", "mysql_perf_schema_file_events_seconds_total", C, PICO, "mode", "write"},
    {"SUM_NUMBER_OF_BYTES_WRITE", "mysql_perf_schema_file_events_bytes_total", C, 0, "mode",
     "write"},
    {"COUNT_MISC", "mysql_perf_schema_file_events_total", C, 0, "mode", "misc"},
    {"SUM_TIMER_MISC", "mysql_perf_schema_file_events_seconds_total", C, PICO, "mode", "misc"},
};
RULE(file_events, "performance_schema.file_summary_by_event_name", file_events_labels,
     file_events_metrics);

/* Names of files and of memory lose a prefix, see mysql_special.c. */
static const struct row_label file_instances_labels[] = {
    {"event_name", "EVENT_NAME"},
    {"file_name", "FILE_NAME"},
};
static const struct row_metric file_instances_metrics[] = {
    {"COUNT_READ", "mysql_perf_schema_file_instances_total", C, 0, "mode", "read"},
    {"SUM_NUMBER_OF_BYTES_READ", "mysql_perf_schema_file_instances_bytes", C, 0, "mode", "read"},
    {"COUNT_WRITE", "mysql_perf_schema_file_instances_total", C, 0, "mode", "write"},
    {"SUM_NUMBER_OF_BYTES_WRITE", "mysql_perf_schema_file_instances_bytes", C, 0, "mode", "write"},
};
RULE_OUT(mysql_file_instances_rule, "performance_schema.file_summary_by_instance",
         file_instances_labels, file_instances_metrics, NULL);

static const struct row_label memory_labels[] = {
    {"event_name", "EVENT_NAME"},
};
static const struct row_metric memory_metrics[] = {
    {"SUM_NUMBER_OF_BYTES_ALLOC", "mysql_perf_schema_memory_events_alloc_bytes_total", C},
    {"SUM_NUMBER_OF_BYTES_FREE", "mysql_perf_schema_memory_events_free_bytes_total", C},
    {"CURRENT_NUMBER_OF_BYTES_USED", "mysql_perf_schema_memory_events_used_bytes", G},
};
RULE_OUT(mysql_memory_rule, "performance_schema.memory_summary_global_by_event_name", memory_labels,
         memory_metrics, NULL);

static const struct row_label table_io_labels[] = {
    {"name", "OBJECT_NAME"},
    {"schema", "OBJECT_SCHEMA"},
};
static const struct row_metric table_io_metrics[] = {
    {"COUNT_FETCH", "mysql_perf_schema_table_io_waits_total", C, 0, "operation", "fetch"},
    {"SUM_TIMER_FETCH", "mysql_perf_schema_table_io_waits_seconds_total", C, PICO, "operation",
     "fetch"},
    {"COUNT_INSERT", "mysql_perf_schema_table_io_waits_total", C, 0, "operation", "insert"},
    {"SUM_TIMER_INSERT", "mysql_perf_schema_table_io_waits_seconds_total", C, PICO, "operation",
     "insert"},
    {"COUNT_UPDATE", "mysql_perf_schema_table_io_waits_total", C, 0, "operation", "update"},
    {"SUM_TIMER_UPDATE", "mysql_perf_schema_table_io_waits_seconds_total", C, PICO, "operation",
     "update"},
    {"COUNT_DELETE", "mysql_perf_schema_table_io_waits_total", C, 0, "operation", "delete"},
    {"SUM_TIMER_DELETE", "mysql_perf_schema_table_io_waits_seconds_total", C, PICO, "operation",
     "delete"},
};
RULE(
    table_io,
    "performance_schema.table_io_waits_summary_by_table WHERE OBJECT_SCHEMA NOT IN ('mysql', 'performance_schema')",
    table_io_labels, table_io_metrics);

/* Rows are inserted into a table, not into an index: that stands in the row without one. */
static const struct row_label index_io_labels[] = {
    {"index", "ifnull(INDEX_NAME, 'NONE') AS INDEX_NAME"},
    {"name", "OBJECT_NAME"},
    {"schema", "OBJECT_SCHEMA"},
};
static const struct row_metric index_io_metrics[] = {
    {"COUNT_FETCH", "mysql_perf_schema_index_io_waits_total", C, 0, "operation", "fetch"},
    {"SUM_TIMER_FETCH", "mysql_perf_schema_index_io_waits_seconds_total", C, PICO, "operation",
     "fetch"},
    {"if(INDEX_NAME IS NULL, COUNT_INSERT, NULL) AS COUNT_INSERT",
     "mysql_perf_schema_index_io_waits_total", C, 0, "operation", "insert"},
    {"if(INDEX_NAME IS NULL, SUM_TIMER_INSERT, NULL) AS SUM_TIMER_INSERT",
     "mysql_perf_schema_index_io_waits_seconds_total", C, PICO, "operation", "insert"},
    {"COUNT_UPDATE", "mysql_perf_schema_index_io_waits_total", C, 0, "operation", "update"},
    {"SUM_TIMER_UPDATE", "mysql_perf_schema_index_io_waits_seconds_total", C, PICO, "operation",
     "update"},
    {"COUNT_DELETE", "mysql_perf_schema_index_io_waits_total", C, 0, "operation", "delete"},
    {"SUM_TIMER_DELETE", "mysql_perf_schema_index_io_waits_seconds_total", C, PICO, "operation",
     "delete"},
};
RULE(
    index_io,
    "performance_schema.table_io_waits_summary_by_index_usage WHERE OBJECT_SCHEMA NOT IN ('mysql', 'performance_schema')",
    index_io_labels, index_io_metrics);

static const struct row_label table_locks_labels[] = {
    {"name", "OBJECT_NAME"},
    {"schema", "OBJECT_SCHEMA"},
};
static const struct row_metric table_locks_metrics[] = {
    {"COUNT_READ_NORMAL", "mysql_perf_schema_sql_lock_waits_total", C, 0, "operation",
     "read_normal"},
    {"SUM_TIMER_READ_NORMAL", "mysql_perf_schema_sql_lock_waits_seconds_total", C, PICO,
     "operation", "read_normal"},
    {"COUNT_READ_WITH_SHARED_LOCKS", "mysql_perf_schema_sql_lock_waits_total", C, 0, "operation",
     "read_with_shared_locks"},
    {"SUM_TIMER_READ_WITH_SHARED_LOCKS", "mysql_perf_schema_sql_lock_waits_seconds_total", C, PICO,
     "operation", "read_with_shared_locks"},
    {"COUNT_READ_HIGH_PRIORITY", "mysql_perf_schema_sql_lock_waits_total", C, 0, "operation",
     "read_high_priority"},
    {"SUM_TIMER_READ_HIGH_PRIORITY", "mysql_perf_schema_sql_lock_waits_seconds_total", C, PICO,
     "operation", "read_high_priority"},
    {"COUNT_READ_NO_INSERT", "mysql_perf_schema_sql_lock_waits_total", C, 0, "operation",
     "read_no_insert"},
    {"SUM_TIMER_READ_NO_INSERT", "mysql_perf_schema_sql_lock_waits_seconds_total", C, PICO,
     "operation", "read_no_insert"},
    {"COUNT_WRITE_NORMAL", "mysql_perf_schema_sql_lock_waits_total", C, 0, "operation",
     "write_normal"},
    {"SUM_TIMER_WRITE_NORMAL", "mysql_perf_schema_sql_lock_waits_seconds_total", C, PICO,
     "operation", "write_normal"},
    {"COUNT_WRITE_ALLOW_WRITE", "mysql_perf_schema_sql_lock_waits_total", C, 0, "operation",
     "write_allow_write"},
    {"SUM_TIMER_WRITE_ALLOW_WRITE", "mysql_perf_schema_sql_lock_waits_seconds_total", C, PICO,
     "operation", "write_allow_write"},
    {"COUNT_WRITE_CONCURRENT_INSERT", "mysql_perf_schema_sql_lock_waits_total", C, 0, "operation",
     "write_concurrent_insert"},
    {"SUM_TIMER_WRITE_CONCURRENT_INSERT", "mysql_perf_schema_sql_lock_waits_seconds_total", C, PICO,
     "operation", "write_concurrent_insert"},
    {"COUNT_WRITE_LOW_PRIORITY", "mysql_perf_schema_sql_lock_waits_total", C, 0, "operation",
     "write_low_priority"},
    {"SUM_TIMER_WRITE_LOW_PRIORITY", "mysql_perf_schema_sql_lock_waits_seconds_total", C, PICO,
     "operation", "write_low_priority"},
    {"COUNT_READ_EXTERNAL", "mysql_perf_schema_external_lock_waits_total", C, 0, "operation",
     "read"},
    {"SUM_TIMER_READ_EXTERNAL", "mysql_perf_schema_external_lock_waits_seconds_total", C, PICO,
     "operation", "read"},
    {"COUNT_WRITE_EXTERNAL", "mysql_perf_schema_external_lock_waits_total", C, 0, "operation",
     "write"},
    {"SUM_TIMER_WRITE_EXTERNAL", "mysql_perf_schema_external_lock_waits_seconds_total", C, PICO,
     "operation", "write"},
};
RULE(
    table_locks,
    "performance_schema.table_lock_waits_summary_by_table WHERE OBJECT_SCHEMA NOT IN ('mysql', 'performance_schema', 'information_schema')",
    table_locks_labels, table_locks_metrics);

static const struct row_label applier_labels[] = {
    {"channel_name", "CHANNEL_NAME"},
    {"member_id", "WORKER_ID"},
};
static const struct row_metric applier_metrics[] = {
    {"LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP",
     "mysql_perf_schema_last_applied_transaction_original_commit_timestamp_seconds", G,
     .kind = ROW_TIME},
    {"LAST_APPLIED_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP",
     "mysql_perf_schema_last_applied_transaction_immediate_commit_timestamp_seconds", G,
     .kind = ROW_TIME},
    {"LAST_APPLIED_TRANSACTION_START_APPLY_TIMESTAMP",
     "mysql_perf_schema_last_applied_transaction_start_apply_timestamp_seconds", G,
     .kind = ROW_TIME},
    {"LAST_APPLIED_TRANSACTION_END_APPLY_TIMESTAMP",
     "mysql_perf_schema_last_applied_transaction_end_apply_timestamp_seconds", G, .kind = ROW_TIME},
    {"APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP",
     "mysql_perf_schema_applying_transaction_original_commit_timestamp_seconds", G,
     .kind = ROW_TIME},
    {"APPLYING_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP",
     "mysql_perf_schema_applying_transaction_immediate_commit_timestamp_seconds", G,
     .kind = ROW_TIME},
    {"APPLYING_TRANSACTION_START_APPLY_TIMESTAMP",
     "mysql_perf_schema_applying_transaction_start_apply_timestamp_seconds", G, .kind = ROW_TIME},
};
RULE(applier, "performance_schema.replication_applier_status_by_worker", applier_labels,
     applier_metrics);

static const struct row_metric group_stats_metrics[] = {
    {"COUNT_TRANSACTIONS_IN_QUEUE", "mysql_perf_schema_transactions_in_queue", G},
    {"COUNT_TRANSACTIONS_CHECKED", "mysql_perf_schema_transactions_checked_total", C},
    {"COUNT_CONFLICTS_DETECTED", "mysql_perf_schema_conflicts_detected_total", C},
    {"COUNT_TRANSACTIONS_ROWS_VALIDATING", "mysql_perf_schema_transactions_rows_validating_total",
     C},
    {"COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE",
     "mysql_perf_schema_transactions_remote_in_applier_queue", G},
    {"COUNT_TRANSACTIONS_REMOTE_APPLIED", "mysql_perf_schema_transactions_remote_applied_total", C},
    {"COUNT_TRANSACTIONS_LOCAL_PROPOSED", "mysql_perf_schema_transactions_local_proposed_total", C},
    {"COUNT_TRANSACTIONS_LOCAL_ROLLBACK", "mysql_perf_schema_transactions_local_rollback_total", C},
};
static const struct row_rule group_stats = {
    .from = "performance_schema.replication_group_member_stats WHERE MEMBER_ID=@@server_uuid",
    .metrics = group_stats_metrics,
    .n_metrics = ARRAY_LEN(group_stats_metrics)};

/* ---- other schemas -------------------------------------------------------------------------- */

static const struct row_label user_summary_labels[] = {
    {"user", "user"},
};
static const struct row_metric user_summary_metrics[] = {
    {"statements", "mysql_sys_statements_total", C},
    {"statement_latency", "mysql_sys_statement_latency", C, PICO},
    {"table_scans", "mysql_sys_table_scans_total", C},
    {"file_ios", "mysql_sys_file_ios_total", C},
    {"file_io_latency", "mysql_sys_file_io_seconds_total", C, PICO},
    {"current_connections", "mysql_sys_current_connections", G},
    {"total_connections", "mysql_sys_connections_total", C},
    {"unique_hosts", "mysql_sys_unique_hosts_total", C},
    {"current_memory", "mysql_sys_current_memory_bytes", G},
    {"total_memory_allocated", "mysql_sys_memory_allocated_bytes_total", C},
};
RULE(user_summary, "sys.x$user_summary", user_summary_labels, user_summary_metrics);

static const struct row_label user_labels[] = {
    {"hostmask", "host"},
    {"mysql_user", "user"},
};
static const struct row_metric user_metrics[] = {
    {"max_questions", "mysql_mysql_max_questions", G},
    {"max_updates", "mysql_mysql_max_updates", G},
    {"max_connections", "mysql_mysql_max_connections", G},
    {"max_user_connections", "mysql_mysql_max_user_connections", G},
};
RULE_OUT(mysql_user_rule, "mysql.user", user_labels, user_metrics, NULL);

static const struct row_label replica_host_labels[] = {
    {"role", "if(SESSION_ID='MASTER_SESSION_ID','writer','reader') AS ROLE"},
    {"server_id", "SERVER_ID"},
};
static const struct row_metric replica_host_metrics[] = {
    {"CPU", "mysql_info_schema_replica_host_cpu_percent", G},
    {"MASTER_SLAVE_LATENCY_IN_MICROSECONDS",
     "mysql_info_schema_replica_host_replica_latency_seconds", G, 1e6},
    {"REPLICA_LAG_IN_MILLISECONDS", "mysql_info_schema_replica_host_lag_seconds", G, 1000},
    {"LOG_STREAM_SPEED_IN_KiB_PER_SECOND", "mysql_info_schema_replica_host_log_stream_speed", G},
    {"CURRENT_REPLAY_LATENCY_IN_MICROSECONDS",
     "mysql_info_schema_replica_host_replay_latency_seconds", G, 1e6},
};
RULE_OUT(mysql_replica_host_rule, "information_schema.replica_host_status", replica_host_labels,
         replica_host_metrics, NULL);

/* ---- the collectors ------------------------------------------------------------------------- */

#define PS GRANT_PERFORMANCE_SCHEMA
const struct mysql_collector_kind mysql_collector_kinds[MYSQL_COLLECTORS_N] = {
    [MYSQL_AUTO_INCREMENT] = {50100, GRANT_SELECT_ALL, .rule = &auto_increment},
    [MYSQL_BINLOG_SIZE] = {50100, GRANT_BINLOG, .collect = mysql_collect_binlog_size},
    [MYSQL_ENGINE_INNODB] = {50100, GRANT_PROCESS, .collect = mysql_collect_engine_innodb},
    [MYSQL_ENGINE_TOKUDB] = {50600, GRANT_PROCESS, .collect = mysql_collect_engine_tokudb},
    [MYSQL_GLOBAL_STATUS] = {50100, 0, .collect = mysql_collect_global_status},
    [MYSQL_GLOBAL_VARIABLES] = {50100, 0, .collect = mysql_collect_global_variables},
    [MYSQL_HEARTBEAT] = {50100, GRANT_HEARTBEAT, .collect = mysql_collect_heartbeat},
    [MYSQL_CLIENT_STATS] = {50100, GRANT_PROCESS, .collect = mysql_collect_client_stats},
    [MYSQL_INNODB_CMP] = {50500, GRANT_PROCESS, .rule = &innodb_cmp},
    [MYSQL_INNODB_CMPMEM] = {50500, GRANT_PROCESS, .rule = &innodb_cmpmem},
    [MYSQL_INNODB_METRICS] = {50600, GRANT_PROCESS, .collect = mysql_collect_innodb_metrics},
    [MYSQL_INNODB_TABLESPACES] = {50700, GRANT_PROCESS, .collect = mysql_collect_tablespaces},
    [MYSQL_PROCESSLIST] = {50100, GRANT_PROCESS, .collect = mysql_collect_processlist},
    [MYSQL_QUERY_RESPONSE_TIME] = {50500, GRANT_PROCESS,
                                   .collect = mysql_collect_query_response_time},
    [MYSQL_REPLICA_HOST] = {50600, GRANT_SELECT_ALL, .collect = mysql_collect_replica_host},
    [MYSQL_ROCKSDB] = {50600, GRANT_SELECT_ALL, .collect = mysql_collect_rocksdb},
    [MYSQL_SCHEMA_STATS] = {50100, GRANT_SELECT_ALL, .collect = mysql_collect_schema_stats},
    [MYSQL_TABLES] = {50100, GRANT_SELECT_ALL, .collect = mysql_collect_tables},
    [MYSQL_TABLE_STATS] = {50100, GRANT_SELECT_ALL, .collect = mysql_collect_table_stats},
    [MYSQL_USER_STATS] = {50100, GRANT_PROCESS, .collect = mysql_collect_user_stats},
    [MYSQL_USER] = {50100, GRANT_USERS, .collect = mysql_collect_user},
    [MYSQL_EVENTS_STATEMENTS] = {50600, PS, .collect = mysql_collect_statements},
    [MYSQL_EVENTS_STATEMENTS_SUM] = {50700, PS, .rule = &statements_sum},
    [MYSQL_EVENTS_WAITS] = {50500, PS, .rule = &events_waits},
    [MYSQL_FILE_EVENTS] = {50600, PS, .rule = &file_events},
    [MYSQL_FILE_INSTANCES] = {50500, PS, .collect = mysql_collect_file_instances},
    [MYSQL_INDEX_IO_WAITS] = {50600, PS, .rule = &index_io},
    [MYSQL_MEMORY_EVENTS] = {50700, PS, .collect = mysql_collect_memory},
    [MYSQL_APPLIER_STATUS] = {80000, PS, .rule = &applier},
    [MYSQL_GROUP_MEMBER_STATS] = {50700, PS, .rule = &group_stats},
    [MYSQL_GROUP_MEMBERS] = {50700, PS, .collect = mysql_collect_group_members},
    [MYSQL_TABLE_IO_WAITS] = {50600, PS, .rule = &table_io},
    [MYSQL_TABLE_LOCKS] = {50600, PS, .rule = &table_locks},
    [MYSQL_SLAVE_HOSTS] = {50100, GRANT_REPLICAS, .collect = mysql_collect_slave_hosts},
    [MYSQL_SLAVE_STATUS] = {50100, GRANT_REPLICA_STATUS, .collect = mysql_collect_slave_status},
    [MYSQL_USER_SUMMARY] = {50700, GRANT_SYS, .rule = &user_summary},
};
