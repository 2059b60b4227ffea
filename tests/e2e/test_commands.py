"""The command line as a new user meets it: help, exit codes, messages, reload."""

import json
import re
import signal
import subprocess
import time

from harness import PATIENCE, Page, Sink, main

GOOD = """
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: app
    static_configs: [{targets: ["%s"]}]
"""
RULES = "groups: [{name: g, rules: [{alert: A, expr: 'a > 1'}, {record: 'b:sum', expr: sum(a)}]}]\n"


def test_help_and_version(world):
    for command in ([], ["serve"], ["check"], ["promql"], ["query"], ["version"]):
        answer = world.run(*command, "--help")
        assert answer.returncode == 0 and "tocsin" in answer.stdout, answer
    chinese = subprocess.run([world.binary, "serve", "--help"], capture_output=True, text=True, env={"LANG": "zh_CN.UTF-8"})
    assert "配置文件" in chinese.stdout
    assert world.run("version").stdout.startswith("tocsin 0.")
    assert world.run().returncode == 2
    assert world.run("srve").returncode == 2


def test_flags_that_are_wrong_are_told(world):
    for flag, words in (("--config.fil=x", "unknown flag --config.fil"), ("--storage.tsdb.retention.time=5x", "5x"),
                        ("--storage.tsdb.retention.size=5Q", "5Q"), ("--web.route-prefix=x", "not carried out"),
                        ("--log.level=loud", "loud"), ("stray", "stray")):
        answer = world.run("serve", flag)
        assert answer.returncode == 2 and words in answer.stderr, (flag, answer)


def test_check_finds_place_and_cause(world):
    good, rules = world.write("tocsin.yml", GOOD % "127.0.0.1:1"), world.write("rules.yml", RULES)
    answer = world.run("check", "config", good)
    assert answer.returncode == 0 and "2 rules" in answer.stdout, answer
    assert world.run("check", "rules", rules).returncode == 0
    bad = world.write("bad.yml", "scrape_configs:\n  - job_name: a\n    scrape_timeout: 5 s\n")
    answer = world.run("check", "config", bad)
    assert answer.returncode == 1 and "bad.yml:3:21" in answer.stderr, answer
    bad = world.write("bad-rules.yml", "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: sum(a\n")
    answer = world.run("check", "rules", bad)
    assert answer.returncode == 1 and "bad-rules.yml:5:15" in answer.stderr and "parse error" in answer.stderr, answer
    assert world.run("check", "config", world.folder + "/none.yml").returncode == 1
    assert world.run("check").returncode == 2


def test_features_are_switched_on_for_queries_and_rules(world):
    rules = world.write("rules.yml", "groups: [{name: g, rules: [{record: 'b:x', expr: 'mad_over_time(up[5m * 2])'}]}]\n")
    names = "--enable-feature=promql-experimental-functions,promql-duration-expr"
    answer = world.run("check", "rules", rules)
    assert answer.returncode == 1 and "is not enabled" in answer.stderr, answer
    answer = world.run("check", "--enable-feature=promql-thought", names, "rules", rules)
    assert answer.returncode == 0 and "promql-thought: unknown" in answer.stderr, answer
    world.write("tocsin.yml", "rule_files: [rules.yml]\n")
    world.start(names, "--enable-feature=old-ui")
    assert "old-ui" in world.log() and "no effect" in world.log(), world.log()
    assert world.value("mad_over_time(vector(1)[1m * 2:])") == 0


def test_promql_format_breaks_long_expressions_and_checks(world):
    text = "sum by (job) (rate(http_requests_total{code=~'5..'}[5m])) / sum by (job) (rate(http_requests_total[5m])) > 0.05"
    answer = world.run("promql", "format", text)
    assert answer.returncode == 0 and answer.stdout.startswith("    sum by (job) (") and "\n  /\n" in answer.stdout, answer
    file = world.write("x.promql", answer.stdout)
    assert world.run("promql", "format", "--check", file).returncode == 0
    assert world.run("promql", "format", file).stdout == answer.stdout
    assert world.run("promql", "format", "--check", text).returncode == 1
    answer = world.run("promql", "format", "sum(")
    assert answer.returncode == 2 and "1:5: parse error" in answer.stderr, answer
    assert world.run("promql", "format", "mad_over_time(a[5m])").returncode == 2
    assert world.run("promql", "format", "--enable-feature=promql-experimental-functions", "mad_over_time(a[5m])").returncode == 0
    assert world.run("promql", "format").returncode == 2
    assert world.run("promql", "forma", "1").returncode == 2


def test_promql_explain_tells_what_each_part_costs(world):
    page = Page("a 1\n")
    world.write("tocsin.yml", "scrape_configs: [{job_name: app, scrape_interval: 1s, scrape_timeout: 1s, static_configs: "
                "[{targets: ['127.0.0.1:%d']}]}]\n" % page.port)
    world.start()
    world.wait("a sample", lambda: world.value("a") == 1)
    answer = world.run("promql", "explain", "--url=" + world.url, "sum(a) + 1")
    lines = answer.stdout.splitlines()
    assert answer.returncode == 0 and lines[0] == "operator: sum(a) + 1", answer
    assert "    selector: a" in lines and re.search(r"(?m)^ {8}1 series, 1 values, 1 steps, [0-9.]+ ms, of these", answer.stdout), answer
    assert re.fullmatch(r"in all: 1 series and 1 samples read, 1 series in the result, [0-9.]+ ms, [0-9]+ bytes of memory",
                        lines[-1]), answer
    now = int(time.time())
    answer = world.run("promql", "explain", "--url=" + world.url, "--output=json", "--start=%d" % (now - 5), "--end=%d" % now,
                       "--step=1s", "sum(a @ end())")
    nodes = json.loads(answer.stdout)["data"]["nodes"]
    assert [(n["depth"], n["kind"], n["steps"]) for n in nodes] == [(0, "aggregation", 1), (1, "selector", 1)], nodes
    chinese = subprocess.run([world.binary, "promql", "explain", "--url=" + world.url, "a"], capture_output=True, text=True,
                             timeout=PATIENCE, env={"LANG": "zh_CN.UTF-8"})
    assert chinese.stdout.startswith("选择器：a\n") and "合计：读取 1 条序列" in chinese.stdout, chinese
    answer = world.run("promql", "explain", "--url=" + world.url, "sum(a")
    assert answer.returncode == 1 and "unclosed left parenthesis" in answer.stderr, answer
    assert world.status("/api/tocsin/v1/explain?query=a", "PUT") == 405


def test_serve_refuses_a_bad_configuration(world):
    world.write("tocsin.yml", "route: {receiver: nobody}\n")
    world.start(wait=False)
    assert world.process.wait(PATIENCE) == 2
    assert "tocsin.yml:1:" in world.log() and "nobody" in world.log(), world.log()
    world.process = None


def test_serve_refuses_a_bad_rule_file(world):
    world.write("tocsin.yml", GOOD % "127.0.0.1:1")
    world.write("rules.yml", RULES.replace("a > 1", "a > > 1"))
    world.start(wait=False)
    assert world.process.wait(PATIENCE) == 2
    assert "rules.yml:1:" in world.log() and "parse error" in world.log(), world.log()
    world.process = None


def test_an_address_that_is_taken_is_told(world):
    page = Page("a 1\n")
    world.write("tocsin.yml", "{}\n")
    world.port = page.port
    world.start(wait=False)
    assert world.process.wait(PATIENCE) == 1
    assert "Address already in use" in world.log(), world.log()
    world.process = None


def test_reload_keeps_the_last_good_configuration(world):
    page = Page("a 5\n")
    world.write("tocsin.yml", GOOD % page.address())
    world.write("rules.yml", RULES)
    world.start()
    world.wait("firing", lambda: world.alert_states().get("A") == "firing")
    world.write("rules.yml", RULES.replace("a > 1", "a >> 1"))
    code, text = world.post("/-/reload")
    assert code == 500 and "rules.yml:1:" in text and "parse error" in text, (code, text)
    world.process.send_signal(signal.SIGHUP)
    world.wait("the log", lambda: "reload_refused" in world.log())
    assert world.alert_states() == {"A": "firing"}
    world.write("rules.yml", RULES.replace("a > 1", "a > 9"))
    world.process.send_signal(signal.SIGHUP)
    world.wait("resolved", lambda: not world.alert_states())
    assert "reloaded" in world.log()
    assert world.status("/-/reload") == 405


def test_query_prints_series_and_errors(world):
    page = Page('a{zone="中"} 5\n')
    world.write("tocsin.yml", GOOD % page.address())
    world.write("rules.yml", RULES)
    world.start()
    world.wait("a", lambda: world.value("a") == 5)
    answer = world.run("query", "--url", world.url, "a")
    assert answer.returncode == 0 and answer.stdout.startswith('a{instance="%s", job="app", zone="中"} => 5 @[' % page.address()), answer
    answer = world.run("query", "--url=" + world.url, "sum(a")
    assert answer.returncode == 1 and "parse error" in answer.stderr, answer
    assert world.run("query", "--url=http://127.0.0.1:1", "a").returncode == 1
    answer = world.run("query", "--url=" + world.url, "--start=0", "--end=10", "--step=5s", "vector(1)")
    assert answer.stdout == "{} =>\n1 @[0]\n1 @[5]\n1 @[10]\n", answer


def test_the_link_of_an_alert_leads_to_its_value(world):
    page, sink = Page("a 5\n"), Sink()
    world.write("tocsin.yml", GOOD % page.address() +
                "route: {receiver: ops, group_wait: 0s}\nreceivers: [{name: ops, webhook_configs: [{url: '%s'}]}]\n" % sink.url())
    world.write("rules.yml", RULES)
    world.start("--web.external-url=" + world.url)
    link = world.wait("the alert", lambda: sink.bodies)[0]["alerts"][0]["generatorURL"]
    assert link.startswith(world.url + "/graph?g0.expr=a+%3E+1"), link
    assert '"value":[' in world.get(link[len(world.url):]), link
    sink.close()


def test_real_promtool_agrees(world):
    page, sink = Page("a 5\n"), Sink()
    world.write("tocsin.yml", GOOD % page.address())
    world.write("rules.yml", RULES)
    world.start()
    world.wait("a", lambda: world.value("a") == 5)
    answer = subprocess.run(["promtool", "query", "instant", world.url, "a + 1"], capture_output=True, text=True)
    assert answer.returncode == 0 and "=> 6 @[" in answer.stdout, answer
    answer = subprocess.run(["promtool", "query", "labels", world.url, "job"], capture_output=True, text=True)
    assert answer.stdout.split() == ["app"], answer
    answer = subprocess.run(["promtool", "query", "series", "--match=up", world.url], capture_output=True, text=True)
    assert "up" in answer.stdout, answer
    metrics = world.get("/metrics")
    answer = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
    assert answer.returncode in (0, 3), answer
    sink.close()


if __name__ == "__main__":
    main()
