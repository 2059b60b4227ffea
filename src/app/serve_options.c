/* SPDX-License-Identifier: Apache-2.0 */
#include "app/serve_options.h"

#include "app/features.h"
#include "base/defs.h"

#define AT(field) offsetof(struct serve_options, field)
#define REFUSED(name)                                                                              \
    {                                                                                              \
        name, FLAG_REFUSED, 0, NULL, NULL, NULL                                                    \
    }

static const struct flag flags[] = {
    {"config.file", FLAG_TEXT, AT(config_file), "tocsin.yml", "The configuration file.",
     "配置文件。"},
    {"storage.tsdb.path", FLAG_TEXT, AT(data_path), "data/",
     "The one directory for samples, alerts and messages on their way.",
     "唯一的数据目录：样本、告警与待发送消息。"},
    {"storage.tsdb.retention.time", FLAG_DURATION, AT(retention_time), "15d",
     "How long samples are kept. 0: no limit in time.", "样本保留时长，0 表示不限。"},
    {"storage.tsdb.retention.size", FLAG_SIZE, AT(retention_size), "0B",
     "How much disk samples may take, e.g. 20GB. 0B: no limit in size.",
     "样本最多占用的磁盘，例如 20GB；0B 表示不限。"},
    {"storage.tsdb.fsync-interval", FLAG_DURATION, AT(fsync_interval), "1s",
     "How often the log is forced to the disk: what a loss of power may cost. A kill costs nothing. "
     "0s: before each answer.",
     "日志强制落盘的间隔，即断电时最多丢失的时长；进程被杀不丢数据。0s 表示每次应答之前落盘。"},
    {"web.listen-address", FLAG_LIST, AT(listen_addresses), "127.0.0.1:9090",
     "Where to listen. May be given several times.", "监听地址，可多次给出。"},
    {"web.external-url", FLAG_TEXT, AT(external_url), "",
     "The address under which people reach this server: it stands in the links of messages.",
     "用户访问本服务的地址，用于消息中的链接。"},
    {"web.enable-lifecycle", FLAG_SWITCH, AT(enable_lifecycle), "false",
     "Allow POST /-/reload and /-/quit.", "允许 POST /-/reload 与 /-/quit。"},
    {"web.enable-admin-api", FLAG_SWITCH, AT(enable_admin_api), "false",
     "Allow POST /api/v1/admin/tsdb/delete_series, clean_tombstones, compact and "
     "snapshot.",
     "允许 POST /api/v1/admin/tsdb/delete_series、clean_tombstones、compact 与 snapshot。"},
    {"web.enable-remote-write-receiver", FLAG_SWITCH, AT(enable_remote_write_receiver), "false",
     "Take samples that others send to POST /api/v1/write.",
     "接收其他系统以 POST /api/v1/write 写入的样本。"},
    {"web.enable-push-receiver", FLAG_SWITCH, AT(enable_push_receiver), "false",
     "Take what batch jobs push to /metrics/job/NAME, as a Pushgateway does.",
     "像 Pushgateway 一样接收批处理任务推送到 /metrics/job/NAME 的指标。"},
    {"query.lookback-delta", FLAG_DURATION, AT(lookback), "5m",
     "How old a sample may be to count as the present value.", "瞬时查询回看的最长时间。"},
    {"query.timeout", FLAG_DURATION, AT(query_timeout), "2m", "How long a query may take.",
     "单个查询的最长时间。"},
    {"query.max-samples", FLAG_NUMBER, AT(query_max_samples), "50000000",
     "How many samples a query may hold in memory.", "单个查询最多载入内存的样本数。"},
    {"query.max-concurrency", FLAG_NUMBER, AT(query_max_concurrency), "20",
     "How many queries are evaluated at a time; others wait. 0: no limit.",
     "同时执行的查询数，其余的排队等待；0 表示不限。"},
    {"query.max-memory", FLAG_SIZE, AT(query_max_memory), "0B",
     "How much memory a query may take, e.g. 512MB. 0B: what query.max-samples needs.",
     "单个查询最多占用的内存，例如 512MB；0B 表示按 query.max-samples 计算。"},
    {"dispatch.start-delay", FLAG_DURATION, AT(start_delay), "0s",
     "Groups of alerts are told nothing of for so long after a start.",
     "启动后这段时间内只收集告警，不通知。"},
    {"rules.alert.for-outage-tolerance", FLAG_DURATION, AT(for_outage_tolerance), "1h",
     "How long an outage may be for the 'for' state of alerts to be restored.",
     "停机多久以内仍恢复告警的 for 状态。"},
    {"rules.alert.for-grace-period", FLAG_DURATION, AT(for_grace_period), "10m",
     "Least time between a restored 'for' state and firing; shorter 'for's start anew.",
     "恢复 for 状态后到触发的最短时间；更短的 for 重新计时。"},
    {"rules.alert.resend-delay", FLAG_DURATION, AT(resend_delay), "1m",
     "How often a firing alert is reported again to routing.", "持续触发的告警重新上报的间隔。"},
    {"rules.strict", FLAG_SWITCH, AT(rules_strict), NULL,
     "Refuse in rule files what Prometheus does not have: no_data, $resolvedValue.",
     "拒绝规则文件中 Prometheus 没有的内容：no_data、$resolvedValue。"},
    {"log.level", FLAG_TEXT, AT(log_level), "info", "debug, info, warn or error.",
     "日志级别：debug、info、warn 或 error。"},
    {"log.format", FLAG_TEXT, AT(log_format), "logfmt", "logfmt or json.",
     "日志格式：logfmt 或 json。"},
    FEATURES_FLAG(AT(features)),

    REFUSED("web.config.file"),
    REFUSED("web.route-prefix"),
    REFUSED("web.enable-otlp-receiver"),
    REFUSED("web.cors.origin"),
    REFUSED("agent"),
};

const struct flag_set serve_flags = {
    .usage_en =
        "tocsin serve [flags]\n\n"
        "Watches, stores, evaluates, notifies; runs until SIGTERM or SIGINT. SIGHUP reads the\n"
        "configuration again; what is wrong in it is said and the last good one stays in force.",
    .usage_zh = "tocsin serve [参数]\n\n"
                "采集、存储、评估、通知，直到收到 SIGTERM 或 SIGINT。SIGHUP 重新读取配置；\n"
                "若配置有误，会指出位置，并继续使用上一份正确的配置。",
    .flags = flags,
    .n_flags = ARRAY_LEN(flags),
    .tail_en =
        "Exit codes: 0 stopped as asked, 1 could not start or run, 2 wrong flags or configuration.",
    .tail_zh = "退出码：0 正常停止，1 无法启动或运行，2 参数或配置有误。",
};
