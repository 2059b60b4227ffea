#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Targets that somebody else knows: asked over HTTP, scraped, followed, and kept over a reload."""

import json

from harness import Page, main

CONFIGURATION = """
global: {scrape_interval: 200ms}
scrape_configs:
  - job_name: shop
    http_sd_configs: [{url: 'http://%s/', refresh_interval: 200ms}]
    relabel_configs:
      - {source_labels: [rack], regex: '8', action: drop}
"""


def groups(page, rack):
    return json.dumps([{"targets": [page.address()], "labels": {"rack": rack}}])


def dropped(world):
    return json.loads(world.get("/api/v1/targets?state=dropped"))["data"]["droppedTargets"]


def test_targets_from_a_url_are_scraped_and_followed(world):
    shop = Page("wares 7\n")
    cmdb = Page(groups(shop, "7"), "application/json")
    world.write("tocsin.yml", CONFIGURATION % cmdb.address())
    world.start("--web.enable-lifecycle")
    world.wait("a sample", lambda: world.value('wares{job="shop",rack="7"}') == 7)
    assert world.post("/-/reload")[0] == 200
    assert world.value('wares{job="shop",rack="7"}') == 7
    cmdb.text = groups(shop, "8")
    world.wait("the drop", lambda: dropped(world))
    assert dropped(world)[0]["discoveredLabels"]["__meta_url"] == "http://%s/" % cmdb.address()
    world.wait("the end of the series", lambda: world.value('wares{job="shop"}') is None)


if __name__ == "__main__":
    main()
