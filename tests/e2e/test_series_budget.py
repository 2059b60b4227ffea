#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A target that changes its labels each time: its new series are refused, named, and told; the rest goes on."""

import json

from harness import Page, Sink, main

CONFIGURATION = """
global: {scrape_interval: 200ms}
storage: {tsdb: {series_budget: 5000}}
scrape_configs:
  - job_name: shop
    series_budget: %d
    static_configs: [{targets: ['%s'], labels: {instance: one}}]
route: {receiver: r, group_wait: 0s}
receivers: [{name: r, webhook_configs: [{url: '%s'}]}]
"""


class Restless(Page):
    """Each answer has 10 users that nobody has seen before, and a number that counts the answers."""

    turn = 0

    @property
    def text(self):
        self.turn += 1
        users = "".join('requests{code="200",user="u%d-%d"} 1\n' % (self.turn, i) for i in range(10))
        return "turn %d\n%s" % (self.turn, users)

    @text.setter
    def text(self, _):
        pass


def budget(world):
    return json.loads(world.get("/api/v1/status/tsdb"))["data"]["seriesBudget"]


def test_a_target_that_changes_its_labels_each_time_is_held_to_its_budget(world):
    sink, page = Sink(), Restless("")
    world.write("tocsin.yml", CONFIGURATION % (50, page.address(), sink.url()))
    world.start()
    world.wait("refusals", lambda: budget(world)["refused"] > 30)
    b = budget(world)
    assert b["limit"] == 5000, b
    assert [(j["job"], j["limit"]) for j in b["jobs"]] == [("shop", 50)], b
    assert 50 <= b["jobs"][0]["used"] <= 55, b  # its own `up` and scrape_* are in no budget's way
    r = b["refusals"][0]
    assert (r["job"], r["instance"], r["metric"], r["label"], r["budget"]) == ("shop", "one", "requests", "user", "job"), r
    assert r["labelValues"] >= 40, r
    before = world.value("turn")
    world.wait("known series", lambda: world.value("turn") > before)
    assert world.value('up{job="shop"}') == 1
    assert 'tocsin_target_series_refused_total{scrape_job="shop",target="one",metric="requests",by_label="user"}' \
        in world.get("/metrics"), world.get("/metrics")
    world.wait("the alert", lambda: sink.alerts("firing", "TocsinSeriesRefused"))
    alert = sink.alerts("firing", "TocsinSeriesRefused")[0]
    assert 'label user (' in alert["annotations"]["description"], alert
    assert 'job "shop"' in alert["annotations"]["description_zh"], alert

    world.write("tocsin.yml", CONFIGURATION % (500, page.address(), sink.url()))
    world.post("/-/reload")
    world.wait("room after a reload", lambda: budget(world)["jobs"][0]["used"] > 55)
    sink.close()


if __name__ == "__main__":
    main()
