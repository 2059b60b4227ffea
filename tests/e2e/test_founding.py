"""The founding case on a real Redis: memory passes the limit, the webhook gets KubeSphere's body, and the end of it."""

import json
import re
import subprocess

from harness import Page, Sink, main

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: redis-dev
    redis: {redis}
    static_configs:
      - targets: ["127.0.0.1:{port}"]
        labels: {{instance: redis-dev, environment: prod}}
  - job_name: order-service
    static_configs: [{{targets: ["{page}"]}}]
route:
  receiver: operators
  group_by: [alertname, namespace]
  group_wait: 0s
  group_interval: 1s
receivers:
  - name: operators
    webhook_configs: [{{url: "{sink}", format: kubesphere}}]
"""

RULES = """
apiVersion: alerting.kubesphere.io/v2beta1
kind: ClusterRuleGroup
metadata:
  name: redisdev-memory-over250
  labels: {alerting.kubesphere.io/enable: "true"}
spec:
  interval: 1s
  rules:
    - alert: redis内存超过250MB
      expr: redis_memory_used_bytes{job="redis-dev"} > 209715200
      for: 2s
      severity: critical
      annotations: {summary: 概要_redis内存超过200MB, message: 详情_redis内存超过200MB}
      labels: {rule_id: c2a7251d-ecd5-495c-bea4-7df383bd26e9}
"""


def redis_command(port, *command):
    subprocess.run(["redis-cli", "-p", str(port), *command], check=True, capture_output=True)


def test_the_whole_story(world):
    port, sink = world.redis(), Sink()
    page = Page("# TYPE orders_total counter\norders_total 7\n")
    world.write("tocsin.yml", CONFIG.format(port=port, sink=sink.url(), page=page.address(), redis="{}"))
    world.write("rules.yml", RULES)
    world.start()
    world.wait("redis metrics", lambda: world.value('redis_memory_used_bytes{job="redis-dev"}') > 100000)
    world.wait("redis_up", lambda: world.value("redis_up") == 1)
    world.wait("the service", lambda: world.value("orders_total") == 7)
    assert world.value('up{job="redis-dev"}') == 1
    assert not sink.bodies

    redis_command(port, "eval", "for i=1,210 do redis.call('set','k'..i,string.rep('x',1048576)) end", "0")
    world.wait("pending or firing", lambda: world.alert_states().get("redis内存超过250MB"))
    world.wait("the webhook", lambda: sink.bodies)
    body = sink.bodies[0]
    assert list(body) == ["alerts", "groupLabels", "commonLabels", "commonAnnotations"], list(body)
    alert = body["alerts"][0]
    assert list(alert) == ["id", "status", "labels", "annotations", "startsAt", "endsAt", "NotifySuccessful"], list(alert)
    assert re.fullmatch(r"\d{5,20}", alert["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", alert["startsAt"])
    assert dict(alert, id=None, startsAt=None) == {
        "id": None, "status": "firing",
        "labels": {"rule_level": "cluster", "rule_type": "custom", "severity": "critical", "cluster": "default",
                   "environment": "prod", "rule_group": "redisdev-memory-over250",
                   "rule_id": "c2a7251d-ecd5-495c-bea4-7df383bd26e9", "job": "redis-dev",
                   "alertname": "redis内存超过250MB", "alerttype": "metric", "instance": "redis-dev"},
        "annotations": {"message": "详情_redis内存超过200MB", "summary": "概要_redis内存超过200MB"},
        "startsAt": None, "endsAt": "0001-01-01T00:00:00Z", "NotifySuccessful": False}
    assert body["groupLabels"] == {"alertname": "redis内存超过250MB", "namespace": ""}
    assert body["commonLabels"] == alert["labels"] and body["commonAnnotations"] == alert["annotations"]

    redis_command(port, "flushall")
    world.wait("the end", lambda: sink.alerts("resolved"))
    end = sink.alerts("resolved")[0]
    assert end["endsAt"] > end["startsAt"] == alert["startsAt"]
    assert end["id"] != alert["id"]
    assert len(sink.bodies) == 2, sink.bodies


def test_a_password_that_is_wrong_is_named(world):
    port, sink = world.redis("--requirepass", "opensesame"), Sink()
    page = Page("a 1\n")
    world.write("tocsin.yml", CONFIG.format(port=port, sink=sink.url(), page=page.address(), redis="{password: guessed}"))
    world.write("rules.yml", RULES)
    world.start()
    error = world.wait("last_error", lambda: next(
        t["lastError"] for t in json.loads(world.get("/api/v1/targets"))["data"]["activeTargets"]
        if t["scrapePool"] == "redis-dev" and t["lastError"]))
    assert "WRONGPASS" in error or "password" in error, error
    assert "guessed" not in world.get("/api/v1/status/config") and "guessed" not in world.log()
    world.wait("redis_up 0", lambda: world.query("redis_up == 0"))

    world.write("tocsin.yml", CONFIG.format(port=port, sink=sink.url(), page=page.address(), redis="{password: opensesame}"))
    assert world.post("/-/reload")[0] == 200
    world.wait("redis_up 1", lambda: world.value("redis_up") == 1)


def test_a_redis_that_is_away_comes_back(world):
    port, sink = world.redis(), Sink()
    page = Page("a 1\n")
    world.write("tocsin.yml", CONFIG.format(port=port, sink=sink.url(), page=page.address(), redis="{}"))
    world.write("rules.yml", RULES)
    world.start()
    world.wait("up", lambda: world.value('up{job="redis-dev"}') == 1)
    world.children[0].kill()
    world.children[0].wait()
    world.wait("down", lambda: world.query('up{job="redis-dev"} == 0'))
    targets = json.loads(world.get("/api/v1/targets"))["data"]["activeTargets"]
    assert any("refused" in t["lastError"] for t in targets), targets
    world.redis(port=port)
    world.wait("up again", lambda: world.value('up{job="redis-dev"}') == 1)


if __name__ == "__main__":
    main()
