#!/usr/bin/env python3
"""Figures of the whole chain on this machine: bench/chain.py build/tocsin [--repeats 20] [--idle 300]

latency  seconds from serving the page with the sample that crosses the limit to the POST at the webhook, with
         for: 0s, group_wait: 0s and intervals of 1 s
idle     resident memory and share of a core while one Redis is watched for --idle seconds at the default intervals
"""

import argparse
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "e2e"))
sys.dont_write_bytecode = True

from harness import Page, Sink, World  # noqa: E402

FAST = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: app
    static_configs: [{{targets: ["{page}"]}}]
route: {{receiver: ops, group_by: ["..."], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: ops
    webhook_configs: [{{url: "{sink}"}}]
"""

IDLE = """
rule_files: [rules.yml]
global: {{scrape_interval: 15s, evaluation_interval: 15s}}
scrape_configs:
  - job_name: redis
    redis: {{}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
route: {{receiver: ops}}
receivers: [{{name: ops, webhook_configs: [{{url: "{sink}"}}]}}]
"""

RULES = "groups: [{name: g, rules: [{alert: Long, expr: queue_length > 10, for: 0s}]}]\n"


def latency(binary, repeats):
    world, sink = World(binary), Sink()
    page = Page("")
    try:
        world.write("tocsin.yml", FAST.format(page=page.address(), sink=sink.url()))
        world.write("rules.yml", RULES)
        world.start()
        times = []
        for n in range(repeats):
            page.text = 'queue_length{n="%d"} 0\n' % n
            time.sleep(2.1 + 0.37 * (n % 5))
            before, seen = len(sink.times), page.requests
            page.text = 'queue_length{n="%d"} 11\n' % n
            while page.requests == seen:
                time.sleep(0.0005)
            begin = time.time()
            world.wait("POST", lambda: [t for t in sink.times[before:]])
            times.append(sink.times[before] - begin)
            page.text = 'queue_length{n="%d"} 0\n' % n
            world.wait("resolved", lambda: not world.alert_states())
        times.sort()
        print("latency: n %d, median %.3f s, p90 %.3f s, max %.3f s" %
              (len(times), statistics.median(times), times[int(len(times) * 0.9)], times[-1]))
    finally:
        world.close()


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        fields = dict(line.split(":", 1) for line in f)
    with open("/proc/%d/stat" % pid) as f:
        ticks = sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:13])
    return {k: int(fields[k].split()[0]) / 1024 for k in ("VmRSS", "RssAnon", "RssFile")}, ticks / os.sysconf("SC_CLK_TCK")


def idle(binary, seconds):
    world, sink = World(binary), Sink()
    try:
        port = world.redis()
        world.write("tocsin.yml", IDLE.format(port=port, sink=sink.url()))
        world.write("rules.yml", "groups: [{name: g, rules: [{alert: Full, "
                                 "expr: 'redis_memory_used_bytes > 209715200', for: 1m}]}]\n")
        world.start()
        time.sleep(5)
        _, begin = status(world.process.pid)
        time.sleep(seconds)
        memory, end = status(world.process.pid)
        print("idle: %d s, RSS %.1f MiB (anonymous %.1f, file %.1f), %.3f %% of a core" %
              (seconds, memory["VmRSS"], memory["RssAnon"], memory["RssFile"], 100 * (end - begin) / seconds))
    finally:
        world.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--idle", type=int, default=300)
    arguments = parser.parse_args()
    binary = os.path.abspath(arguments.binary)
    latency(binary, arguments.repeats)
    idle(binary, arguments.idle)


if __name__ == "__main__":
    main()
