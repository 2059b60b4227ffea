#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exemplars and metadata of an OpenMetrics page: kill -9 loses neither."""

import json
import urllib.parse

from harness import Page, main

TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PAGE = """# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
# HELP wait_seconds How long it took.
wait_seconds_bucket{le="1"} 1 # {trace_id="a1"} 0.5 1700000000.25
wait_seconds_bucket{le="+Inf"} 2 # {trace_id="b2"} 7
wait_seconds_count 2
wait_seconds_sum 7.5
# EOF
"""
CONFIGURATION = """
global: {scrape_interval: 200ms}
storage: {exemplars: {max_exemplars: 50}}
scrape_configs:
  - job_name: shop
    static_configs: [{targets: ['%s'], labels: {instance: one}}]
"""
FEATURE = "--enable-feature=exemplar-storage"


def data(world, path):
    return json.loads(world.get(path))["data"]


def exemplars(world):
    return data(world, "/api/v1/query_exemplars?" + urllib.parse.urlencode({"query": "wait_seconds_bucket"}))


def by_text(found):
    return sorted(json.dumps(one, sort_keys=True) for one in found)


def metadata(world):
    return data(world, "/api/v1/metadata?metric=wait_seconds")


def test_what_a_page_tells_besides_samples_survives_kill_9(world):
    page = Page(PAGE, TYPE)
    world.write("tocsin.yml", CONFIGURATION % page.address())
    world.start(FEATURE)
    world.wait("exemplars", lambda: len(exemplars(world)) == 2)
    before = exemplars(world)
    by_le = {one["seriesLabels"]["le"]: one["exemplars"] for one in before}
    assert by_le["1.0"] == [{"labels": {"trace_id": "a1"}, "value": "0.5", "timestamp": 1700000000.25}], by_le
    assert len(by_le["+Inf"]) == 1 and by_le["+Inf"][0]["value"] == "7", by_le
    words = {"wait_seconds": [{"type": "histogram", "unit": "seconds", "help": "How long it took."}]}
    assert metadata(world) == words, metadata(world)
    world.kill()
    world.write("tocsin.yml", "storage: {exemplars: {max_exemplars: 50}}\n")
    world.start(FEATURE)
    assert exemplars(world) == before
    assert metadata(world) == words


def test_tools_keep_what_there_is_and_an_import_adds_to_it(world):
    page = Page(PAGE, TYPE)
    world.write("tocsin.yml", CONFIGURATION % page.address())
    world.start(FEATURE)
    world.wait("exemplars", lambda: len(exemplars(world)) == 2)
    before = exemplars(world)
    world.stop()
    text = world.write("more.om", """# TYPE wait_seconds histogram
# HELP wait_seconds Another word.
wait_seconds_bucket{le="0.1",instance="two"} 1 1700000000 # {trace_id="c3"} 0.05
# TYPE load gauge
# HELP load How busy.
load 1 1700000000
# EOF
""")
    path = "--storage.tsdb.path=" + world.folder + "/data"
    answer = world.run("tsdb", "import", path, text)
    assert answer.returncode == 0 and "besides: 1 exemplars, metadata of 1 metrics" in answer.stdout, answer
    answer = world.run("tsdb", "import", path, text)
    assert answer.returncode == 0 and "besides" not in answer.stdout, answer
    world.write("tocsin.yml", "storage: {exemplars: {max_exemplars: 50}}\n")
    world.start(FEATURE)
    added = {"seriesLabels": {"__name__": "wait_seconds_bucket", "le": "0.1", "instance": "two"},
             "exemplars": [{"labels": {"trace_id": "c3"}, "value": "0.05", "timestamp": 1700000000}]}
    assert by_text(exemplars(world)) == by_text(before + [added]), exemplars(world)
    assert metadata(world)["wait_seconds"][0]["help"] == "How long it took."
    assert data(world, "/api/v1/metadata?metric=load")["load"] == [{"type": "gauge", "unit": "", "help": "How busy."}]


def test_without_the_feature_there_are_no_exemplars(world):
    page = Page(PAGE, TYPE)
    world.write("tocsin.yml", CONFIGURATION % page.address())
    world.start()
    world.wait("metadata", lambda: metadata(world))
    assert exemplars(world) == []


if __name__ == "__main__":
    main()
