"""`tocsin test rules` against promtool: the same files, the same verdicts."""

import json
import os
import shutil
import subprocess

from harness import main

SHARED = os.environ.get("TOCSIN_SHARED", "")
CASES = os.path.join(SHARED, "conformance", "rules", "promtool")

RULES = """
groups:
  - name: second
    rules:
      - {record: b, expr: a * 2}
  - name: first
    rules:
      - {record: a, expr: in}
  - name: alerts
    rules:
      - alert: High
        expr: in > 5
        for: 2m
        keep_firing_for: 3m
        labels: {severity: page, where: "{{ $externalLabels.site }}"}
        annotations: {summary: "{{ $labels.instance }} is at {{ $value }}, see {{ $externalURL }}"}
"""

HEAD = "rule_files: ['r?les.yml']\nevaluation_interval: 1m\n"

# What a file expects, and whether it holds. promtool must agree.
FILES = {
    "holds": ("", True, """
  - interval: 1m
    external_labels: {site: s1}
    external_url: http://t.example/
    input_series: [{series: 'in{instance="x"}', values: '1 9x4 1x9'}]
    alert_rule_test:
      - {eval_time: 2m59s, alertname: High}
      - eval_time: 3m
        alertname: High
        exp_alerts:
          - exp_labels: {severity: page, where: s1, instance: x}
            exp_annotations: {summary: "x is at 9, see http://t.example/"}
      - eval_time: 8m30s
        alertname: High
        exp_alerts:
          - exp_labels: {severity: page, where: s1, instance: x}
            exp_annotations: {summary: "x is at 9, see http://t.example/"}
      - {eval_time: 9m, alertname: High}
      - {eval_time: 9m, alertname: NotThere}
    promql_expr_test:
      - {expr: a, eval_time: 1m, exp_samples: [{labels: 'a{instance="x"}', value: 9}]}
      - {expr: 'count by (alertstate) (ALERTS)', eval_time: 1m, exp_samples: [{labels: '{alertstate="pending"}', value: 1}]}
      - {expr: 'time() + 0.5', eval_time: 90s, exp_samples: [{value: 90.5}]}
"""),
    "annotation differs": ("", False, """
  - interval: 1m
    input_series: [{series: 'in{instance="x"}', values: '9x4'}]
    alert_rule_test:
      - eval_time: 3m
        alertname: High
        exp_alerts: [{exp_labels: {severity: page, instance: x}, exp_annotations: {summary: x is at 8}}]
"""),
    "an alert too few": ("", False, """
  - interval: 1m
    input_series: [{series: 'in{instance="x"}', values: '9x4'}]
    alert_rule_test: [{eval_time: 3m, alertname: High}]
"""),
    "groups in another order": ("group_eval_order: [second, first]\n", False, """
  - interval: 1m
    input_series: [{series: in, values: 4}]
    promql_expr_test: [{expr: b, eval_time: 0, exp_samples: [{labels: b, value: 8}]}]
"""),
    "groups in the order asked for": ("group_eval_order: [first, second]\n", True, """
  - interval: 1m
    input_series: [{series: in, values: 4}]
    promql_expr_test: [{expr: b, eval_time: 0, exp_samples: [{labels: b, value: 8}]}]
"""),
    "name of the metric differs": ("", False, """
  - interval: 1m
    input_series: [{series: in, values: 4}]
    promql_expr_test: [{expr: in, eval_time: 0, exp_samples: [{value: 4}]}]
"""),
    "a sample too many": ("", False, """
  - interval: 1m
    input_series: [{series: in, values: 4}, {series: 'in{a="b"}', values: 4}]
    promql_expr_test: [{expr: in, eval_time: 0, exp_samples: [{labels: in, value: 4}]}]
"""),
    "not there yet": ("", False, """
  - interval: 1m
    input_series: [{series: in, values: '_ 4'}]
    promql_expr_test: [{expr: in, eval_time: 59s, exp_samples: [{labels: in, value: 4}]}]
"""),
    "a range is no answer": ("", False, """
  - promql_expr_test: [{expr: 'in[5m]', eval_time: 0}]
"""),
    "unknown field": ("", False, """
  - promql_expr_tests: [{expr: 'in', eval_time: 0}]
"""),
}


def promtool(*arguments, **kwargs):
    return subprocess.run(["promtool", "test", "rules", *arguments], capture_output=True, text=True, **kwargs)


def test_verdicts_are_those_of_promtool(world):
    world.write("rules.yml", RULES)
    for name, (head, holds, tests) in FILES.items():
        path = world.write("test.yml", HEAD + head + "tests:" + tests)
        answer = world.run("test", "rules", path)
        assert answer.returncode == (0 if holds else 1), (name, answer)
        if shutil.which("promtool"):
            assert promtool(path).returncode == answer.returncode, (name, promtool(path))


def test_difference_is_shown_with_its_place(world):
    world.write("rules.yml", RULES)
    path = world.write("test.yml", HEAD + "tests:" + FILES["annotation differs"][2])
    answer = world.run("test", "rules", path)
    assert "test.yml:7:9: alert High at 3m" in answer.stderr, answer
    assert '    - labels {alertname="High", instance="x", severity="page"} annotations {summary="x is at 8"}' in answer.stderr
    assert '    + labels {alertname="High", instance="x", severity="page"} annotations {summary="x is at 9, see "}' in answer.stderr
    path = world.write("test.yml", HEAD + "tests:" + FILES["unknown field"][2])
    answer = world.run("test", "rules", path)
    assert "test.yml:4:5: field promql_expr_tests not found in a test" in answer.stderr, answer
    assert world.run("test", "rules", "--ignore-unknown-fields", path).returncode == 0


def test_values_one_double_apart_can_be_accepted(world):
    world.write("rules.yml", RULES)
    tests = "tests: [{input_series: [{series: in, values: 0.1}], promql_expr_test: [{expr: in + 0.2, eval_time: 0, exp_samples: [{value: %s}]}]}]\n"
    for value, strict, fuzzy in (("0.30000000000000004", 0, 0), ("0.3", 1, 0), ("0.29999999999999993", 1, 1)):
        assert world.run("test", "rules", world.write("test.yml", HEAD + tests % value)).returncode == strict, value
        path = world.write("test.yml", HEAD + "fuzzy_compare: true\n" + tests % value)
        assert world.run("test", "rules", path).returncode == fuzzy, value


def test_tests_are_chosen_by_name_and_written_as_junit(world):
    world.write("rules.yml", RULES)
    one = "  - {name: %s, input_series: [{series: in, values: 1}], promql_expr_test: [{expr: in, eval_time: 0, exp_samples: [{labels: in, value: %d}]}]}\n"
    path = world.write("test.yml", HEAD + "tests:\n" + one % ("good one", 1) + one % ("bad <one>", 2))
    assert world.run("test", "rules", path).returncode == 1
    assert world.run("test", "rules", "--run=good", path).returncode == 0
    assert world.run("test", "rules", "--run=good", "--run=^bad", path).returncode == 1
    junit = os.path.join(world.folder, "junit.xml")
    assert world.run("test", "rules", "--junit=" + junit, path).returncode == 1
    with open(junit, encoding="utf-8") as f:
        text = f.read()
    assert text.count("<testcase") == 2 and 'name="bad &lt;one&gt;"><failure>' in text, text
    assert world.run("test").returncode == 2
    assert world.run("test", "rules", world.folder + "/none.yml").returncode == 1


def test_a_ready_rule_passes_a_test_of_it(world):
    answer = world.run("rules", "new", "redis-memory-absolute", "--job=r", "--threshold=200MB", "--for=1m")
    assert answer.returncode == 0, answer
    world.write("rules.yml", answer.stdout)
    path = world.write("test.yml", HEAD + """
tests:
  - interval: 1m
    input_series: [{series: 'redis_memory_used_bytes{job="r", instance="a"}', values: '209715200 209715201x3'}]
    alert_rule_test:
      - {eval_time: 1m, alertname: RedisMemoryOverLimit}
      - eval_time: 2m
        alertname: RedisMemoryOverLimit
        exp_alerts:
          - exp_labels: {severity: critical, component: redis, job: r, instance: a}
            exp_annotations: %s
""" % json.dumps({k: v.replace("{{ $labels.instance }}", "a").replace("{{ $value | humanize1024 }}", "200Mi")
                  for k, v in annotations(answer.stdout).items()}))
    answer = world.run("test", "rules", path)
    assert answer.returncode == 0, answer
    assert world.run("rules", "new", "no-such-rule").returncode == 1
    assert world.run("rules", "list", "mysql").stdout.count("\n  mysql-") == 32
    assert "needs" in world.run("rules", "show", "redis-system-memory").stdout


def annotations(text):
    """The lines below `annotations:`, each NAME: 'TEXT'."""
    lines = text.split("annotations:\n")[1].splitlines()
    return {k.strip(): v.strip().strip("'").replace("''", "'") for k, v in (line.split(": ", 1) for line in lines)}


def test_cases_of_the_peer(world):
    if not os.path.exists(CASES):
        print("# skipped: no shared cases")
        return
    with open(os.path.join(CASES, "index.json"), encoding="utf-8") as f:
        cases = [c for c in json.load(f) if c.get("cmd", "").startswith("test rules ")]
    assert len(cases) >= 11
    for case in cases:
        answer = world.run(*case["cmd"].split(), cwd=CASES)
        assert answer.returncode == case["exit"], (case, answer)


if __name__ == "__main__":
    main()
