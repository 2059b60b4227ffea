"""`tocsin rules backtest` on a data directory and on a running server: the same alerts, told in both languages."""

import json
import os
import subprocess

from harness import PATIENCE, main

CONFIG = "global: {evaluation_interval: 1m}\n"
MB = 1 << 20
RULES = """
groups:
  - name: redis
    interval: 1m
    rules:
      - alert: RedisMemoryHigh
        expr: redis_memory_used_bytes{job="redis-dev"} > 200 * 1024 * 1024
        for: 1m
        labels: {severity: critical}
      - {record: doubled, expr: redis_memory_used_bytes * 2}
"""
START = 1770192660  # a whole minute


def fill(world):
    """Three hours, a value a minute: 100 MB, and above 200 MB for ten minutes of each hour."""
    lines = ["# TYPE redis_memory_used_bytes gauge"]
    for minute in range(180):
        value = (100 if minute % 60 < 50 else 210 + minute // 60 * 40) * MB
        lines.append('redis_memory_used_bytes{job="redis-dev"} %d %d' % (value, START + minute * 60))
    source = world.write("history.txt", "\n".join(lines + ["# EOF"]) + "\n")
    answer = world.run("tsdb", "import", "--storage.tsdb.path=" + os.path.join(world.folder, "data"), source)
    assert answer.returncode == 0, answer


def backtest(world, *flags, language="C.UTF-8", code=0, rules=RULES):
    path = world.write("rules.yml", rules)
    answer = subprocess.run([world.binary, "rules", "backtest", "--since=3h", "--until=%d" % (START + 10740), *flags, path],
                            capture_output=True, text=True, timeout=PATIENCE, env=dict(os.environ, LC_ALL=language), check=False)
    assert answer.returncode == code, answer
    return answer.stdout if code == 0 else answer.stderr


def test_a_data_directory(world):
    fill(world)
    here = "--storage.tsdb.path=" + os.path.join(world.folder, "data")
    text = backtest(world, here)
    assert "RedisMemoryHigh (redis): redis_memory_used_bytes" in text, text
    assert "would have fired 3 times; 0 more times pending only" in text, text
    assert "2026-02-04T09:02:00Z  pending since 2026-02-04T09:01:00Z  until 2026-02-04T09:11:00Z  peak 210 MiB" in text, text
    assert "at 200 MiB it would have fired 3 times (as the rule has it)" in text, text
    assert "half" not in text and "50 % below 100 MiB" in text, text
    assert "1 recording rules were not run" in text, text
    text = backtest(world, here, "--thresholds=220MB,300MB")
    assert "at 220 MiB it would have fired 2 times\n" in text and "at 300 MiB it would have fired 0 times\n" in text, text
    text = backtest(world, here, language="zh_CN.UTF-8")
    assert "会触发 3 次" in text and "阈值 200 MiB 会触发 3 次（规则当前值）" in text and "通知：" in text, text
    assert "rules.yml:1:" in backtest(world, here, rules="{alert: X, expr: 'x >'}", code=1)
    assert "neither RFC 3339" in backtest(world, here, "--until=noon", code=2)
    assert "expected a number" in backtest(world, here, "--thresholds=much", code=2)


def test_a_running_server_says_the_same(world):
    fill(world)
    here = json.loads(backtest(world, "--json", "--storage.tsdb.path=" + os.path.join(world.folder, "data")))
    world.write("tocsin.yml", CONFIG)
    world.start("--storage.tsdb.retention.time=100y")
    there = json.loads(backtest(world, "--json", "--url=" + world.url))
    assert here == there, (here, there)
    assert [a["firingAt"][:16] for a in there["data"]["rules"][0]["alerts"]] == [
        "2026-02-04T09:02", "2026-02-04T10:02", "2026-02-04T11:02"], there
    assert there["data"]["notifications"]["total"] == 5, there
    assert "rules:1:" in backtest(world, "--url=" + world.url, rules="{alert: X, expr: 'x >'}", code=1)


if __name__ == "__main__":
    main()
