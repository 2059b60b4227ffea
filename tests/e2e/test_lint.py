"""`tocsin check --lint`: promtool's cases with its exit codes, and rules held against the series of a site."""

import os

from harness import Page, main

CASES = os.path.join(os.environ.get("TOCSIN_SHARED", ""), "conformance", "rules", "promtool")

CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1m}
scrape_configs: [{job_name: app, static_configs: [{targets: ["%s"]}]}]
"""
RULES = """
groups:
- name: g
  rules:
  - {alert: Typing, expr: 'up{job="ap"} < 1'}
  - {alert: Unknown, expr: nothing_like_it > 5}
  - {alert: Good, expr: queue > 5}
"""

# What promtool is asked, and the exit codes it has.
VERDICTS = (
    (3, "rules", "--lint=duplicate-rules", "--lint-fatal", "prometheus-rules.lint.yml"),
    (0, "rules", "--lint=none", "--lint-fatal", "prometheus-rules.lint.yml"),
    (0, "rules", "rules_duplicates.yml"),
    (3, "rules", "--lint-fatal", "rules_duplicates.yml"),
    (0, "rules", "--lint=all", "--lint-fatal", "rules.yml"),
    (1, "rules", "--lint-fatal", "rules-bad.yml"),
    (3, "config", "--lint-fatal", "prometheus-config.lint.yml"),
    (0, "config", "prometheus-config.lint.yml"),
    (0, "config", "--lint-fatal", "--syntax-only", "prometheus-config.lint.yml"),
    (0, "config", "--lint-fatal", "--lint=none,too-long-scrape-interval", "prometheus-config.lint.yml"),
    (0, "config", "--syntax-only", "config_with_rule_files.yml"),
    (1, "config", "config_with_rule_files.yml"),
)


def test_exit_codes_are_those_of_promtool(world):
    if not os.path.isdir(CASES):
        return
    for code, *arguments, name in VERDICTS:
        answer = world.run("check", *arguments, os.path.join(CASES, name))
        assert answer.returncode == code, (arguments, name, answer)
    answer = world.run("check", "config", os.path.join(CASES, "config_with_rule_files.yml"))
    assert "does not point to an existing file" in answer.stderr, answer


def test_long_scrape_intervals_are_told(world):
    path = world.write("slow.yml", "scrape_configs: [{job_name: slow, scrape_interval: 6m}]\n")
    for code, *flags in ((0,), (3, "--lint=all"), (3, "--lint=too-long-scrape-interval"), (0, "--lint=all", "--query.lookback-delta=6m"),
                         (0, "--lint=none,too-long-scrape-interval")):
        answer = world.run("check", "config", "--lint-fatal", *flags, path)
        assert answer.returncode == code, (flags, answer)
    assert world.run("check", "config", "--lint=too-long", path).returncode == 2


def test_hints_are_not_fatal(world):
    path = world.write("hint.yml", "groups: [{name: g, rules: [{alert: A, expr: 'up{job=\"a\"} == 0'}]}]\n")
    answer = world.run("check", "rules", "--lint=all", "--lint-fatal", path)
    assert answer.returncode == 0 and "hint: no-absent" in answer.stdout and "not compared with a site" in answer.stdout, answer


def expect_unknown(answer):
    assert answer.returncode == 3, answer
    assert "rules.yml:5:27: error: label-value-unknown: rule \"Typing\"" in answer.stdout and "job: app" in answer.stdout, answer
    assert "rules.yml:6:28: error: metric-unknown: rule \"Unknown\"" in answer.stdout, answer
    assert "Good" not in answer.stdout, answer


def test_rules_are_held_against_the_series_of_a_site(world):
    page = Page("queue 3\n")
    world.write("tocsin.yml", CONFIG % page.address())
    rules = world.write("rules.yml", RULES)
    world.start()
    world.wait("queue", lambda: world.value("queue") == 3)
    lint = ("check", "rules", "--lint=all", "--lint-fatal")
    expect_unknown(world.run(*lint, "--url=" + world.url, rules))
    world.stop()
    expect_unknown(world.run(*lint, "--storage.tsdb.path=" + world.folder + "/data", rules))
    for flag in ("--url=" + world.url, "--storage.tsdb.path=" + world.folder + "/nowhere"):
        assert world.run(*lint, flag, rules).returncode == 1, flag
    assert not os.path.exists(world.folder + "/nowhere")


if __name__ == "__main__":
    main()
