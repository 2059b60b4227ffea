# SPDX-License-Identifier: Apache-2.0
"""/probe/<kind>: a real Prometheus scrapes Redis, MariaDB and web pages through tocsin, in place of their exporters."""
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from harness import PATIENCE, Page, free_port, main
from test_probe import start_mariadb

PROMETHEUS = os.environ.get("TOCSIN_PROMETHEUS") or shutil.which("prometheus")

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: cache
    redis: {{password: opensesame}}
    static_configs: [{{targets: ["127.0.0.1:{redis}"]}}]
  - job_name: shop
    scrape_interval: 1m
    mysql: {{username: root, collect: [info_schema.processlist]}}
    probe_allow: ["127.0.0.1:{mysql}"]
  - job_name: http_2xx
    scrape_interval: 1m
    scrape_timeout: 10s
    http_check: {{preferred_ip_protocol: ip4}}
    probe_allow: ["127.0.0.0/8:*"]
"""

JOB = """
  - job_name: {name}
    metrics_path: {path}
    params: {{{params}}}
    static_configs: [{{targets: ["{target}"]}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__address__], target_label: instance}}
      - {{target_label: __address__, replacement: "127.0.0.1:{tocsin}"}}
"""


class Prometheus:
    def __init__(self, world, jobs):
        self.port = free_port()
        path = world.write("prometheus.yml", "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n" + "".join(jobs))
        with open(os.path.join(world.folder, "prometheus.log"), "w", encoding="utf-8") as log:
            world.children.append(subprocess.Popen(
                [PROMETHEUS, "--config.file=" + path, "--storage.tsdb.path=" + os.path.join(world.folder, "prometheus"),
                 "--web.listen-address=127.0.0.1:%d" % self.port], stdout=log, stderr=log))

    def get(self, path, **parameters):
        url = "http://127.0.0.1:%d/api/v1/%s?%s" % (self.port, path, urllib.parse.urlencode(parameters))
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return json.loads(answer.read())["data"]

    def value(self, expression):
        result = self.get("query", query=expression)["result"]
        return float(result[0]["value"][1]) if result else None

    def names(self, job):
        return {r["metric"]["__name__"] for r in self.get("query", query='count by (__name__) ({job="%s"})' % job)["result"]}


def ask(world, path, timeout=None):
    request = urllib.request.Request(world.url + path)
    if timeout:
        request.add_header("X-Prometheus-Scrape-Timeout-Seconds", str(timeout))
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as a:
            return a.status, a.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def test_a_prometheus_scrapes_through_tocsin_what_it_scraped_from_exporters(world):
    if not PROMETHEUS or not shutil.which("mariadbd"):
        return
    redis = world.redis("--requirepass", "opensesame")
    mysql, _ = start_mariadb(world)
    page = Page("hello")
    world.write("tocsin.yml", CONFIG.format(redis=redis, mysql=mysql))
    world.start()
    job = dict(tocsin=world.port, params="")
    prometheus = Prometheus(world, [
        JOB.format(name="cache", path="/probe/redis", target="127.0.0.1:%d" % redis, **job),
        JOB.format(name="old", path="/scrape", target="redis://127.0.0.1:%d" % redis, **job),
        JOB.format(name="shop", path="/probe/mysql", target="127.0.0.1:%d" % mysql, **job),
        JOB.format(name="web", path="/probe", target="http://%s/" % page.address(), tocsin=world.port, params="module: [http_2xx]"),
        JOB.format(name="foreign", path="/probe/redis", target="127.0.0.1:%d" % free_port(), **job)])
    world.wait("Prometheus' samples", lambda: prometheus.value('redis_up{job="cache"}') == 1 and
               prometheus.value('redis_up{job="old"}') == 1 and prometheus.value('mysql_up{job="shop"}') == 1 and
               prometheus.value('probe_success{job="web"}') == 1 and prometheus.value('up{job="foreign"}') == 0)
    assert prometheus.value('redis_memory_used_bytes{job="cache",instance="127.0.0.1:%d"}' % redis) > 100000
    assert prometheus.value('mysql_global_status_uptime{job="shop"}') >= 0
    assert prometheus.value('probe_http_status_code{job="web"}') == 200
    world.wait("tocsin's own samples", lambda: world.value('redis_up{job="cache"}') == 1)
    mine = {r["metric"]["__name__"] for r in world.query('count by (__name__) ({job="cache"})')}
    theirs = prometheus.names("cache")
    # latency of a command comes with its first call, which one of the two may have seen alone
    assert len(mine) > 150 and not {n for n in mine ^ theirs if not n.startswith(("redis_latency", "redis_commands"))}, mine ^ theirs
    foreign = [t for t in prometheus.get("targets")["activeTargets"] if t["labels"]["job"] == "foreign"][0]
    assert "403" in foreign["lastError"], foreign
    world.stop()


def test_a_target_that_hangs_costs_its_own_time_only(world):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        target = "127.0.0.1:%d" % silent.getsockname()[1]
        page = Page("hello")
        world.write("tocsin.yml", CONFIG.format(redis=free_port(), mysql=silent.getsockname()[1]))
        world.start()
        answers = []
        threads = [threading.Thread(target=lambda p=p: answers.append(ask(world, p + target, 3)))
                   for p in ["/probe/http?target="] * 40 + ["/probe/mysql?target="] * 10]
        for t in threads:
            t.start()
        time.sleep(0.5)
        began = time.time()
        status, text = ask(world, "/probe/http?target=http://%s/" % page.address())
        assert status == 200 and "\nprobe_success 1\n" in text, text
        assert world.status("/-/ready") == 200 and world.query("1")
        assert time.time() - began < 2, time.time() - began
        for t in threads:
            t.join()
        assert [s for s, _ in answers] == [200] * 50, [s for s, _ in answers]
        assert sum("\nprobe_success 0\n" in text for _, text in answers) == 40
        assert sum("\nmysql_up 0\n" in text for _, text in answers) == 10
        world.stop()


def test_the_targets_page_says_why_a_check_failed(world):
    page = Page("hello")
    world.write("tocsin.yml", "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
                "- {job_name: web, http_check: {}, static_configs: [{targets: ['http://%s/']}]}\n" % page.address())
    world.start()

    def target():
        return json.loads(world.get("/api/v1/targets"))["data"]["activeTargets"][0]
    world.wait("a check", lambda: target()["health"] == "up")
    assert target()["lastError"] == ""
    page.text = None
    world.wait("the reason", lambda: target()["lastError"] == "status 500, expected 200 to 299")
    assert target()["health"] == "up" and "check_failed job=web" in world.log()
    page.text = "hello"
    world.wait("the check to pass", lambda: target()["lastError"] == "")
    assert world.log().count("check_failed") == 1 and world.log().count("check_passed job=web") == 1, world.log()
    world.stop()


class Actuator:
    """A Spring Boot service: metrics, and a health that `status` decides."""

    def __init__(self):
        actuator = self
        self.status = "UP"

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                bad = actuator.status != "UP"
                if self.headers.get("Authorization") != "Basic dTpw":
                    self.send_response(401)
                    self.end_headers()
                elif self.path == "/shop/actuator/prometheus":
                    self.send_response(200)
                    self.send_header("Content-Type", "text/plain;version=0.0.4;charset=utf-8")
                    self.end_headers()
                    self.wfile.write(b'# TYPE jvm_threads_live_threads gauge\njvm_threads_live_threads 2.4E1\n')
                elif self.path == "/shop/actuator/health":
                    self.send_response(503 if bad else 200)
                    self.send_header("Content-Type", "application/vnd.spring-boot.actuator.v3+json")
                    self.end_headers()
                    db = {"status": actuator.status}
                    self.wfile.write(json.dumps({"status": actuator.status, "components": {"db": db, "ping": {"status": "UP"}}}).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def test_a_spring_boot_service_of_a_discovery_is_watched(world):
    service = Actuator()
    world.write("services.json", json.dumps([{"targets": ["127.0.0.1:%d" % service.port], "labels": {"application": "shop"}}]))
    world.write("tocsin.yml", "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
                "- job_name: shop\n"
                "  spring: {base_path: /shop/actuator, basic_auth: {username: u, password: p}}\n"
                "  file_sd_configs: [{files: [services.json]}]\n")
    world.start()
    world.wait("health", lambda: world.value('spring_health_up{application="shop"}') == 1)
    assert world.value('jvm_threads_live_threads{application="shop"}') == 24
    service.status = "DOWN"
    world.wait("DOWN", lambda: world.value('spring_health_component_up{component="db"}') == 0)
    assert world.value("spring_health_up") == 0 and world.value('spring_health_component_up{component="ping"}') == 1
    assert world.value('spring_health_status{component="",status="DOWN"}') == 1 and world.value('up{job="shop"}') == 1
    target = json.loads(world.get("/api/v1/targets"))["data"]["activeTargets"][0]
    assert target["lastError"] == "health is DOWN: db" and target["scrapeUrl"].endswith("/shop/actuator"), target
    status, text = ask(world, "/probe/spring?target=127.0.0.1:%d" % service.port)
    assert status == 200 and "\nspring_health_up 0\n" in text and "jvm_threads_live_threads 2.4E1\n" in text, text
    world.write("tocsin.yml", open(os.path.join(world.folder, "tocsin.yml")).read().replace("password: p", "password: q"))
    assert world.post("/-/reload")[0] == 200
    world.wait("the new password", lambda: world.value('up{job="shop"}') == 0)
    assert "status 401: the actuator wants another login" in world.get("/api/v1/targets")
    world.stop()


if __name__ == "__main__":
    if not shutil.which("redis-server"):
        print("1..0 # SKIP redis-server is not installed")
        sys.exit(77)
    main()
