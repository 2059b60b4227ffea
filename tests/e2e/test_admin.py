#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The admin API over HTTP: what was deleted stays deleted after kill -9; a snapshot is a data directory that can be served."""

import json
import os
import shutil
import urllib.parse

from harness import main

CONFIGURATION = """
global: {scrape_interval: 200ms}
scrape_configs:
  - job_name: self
    static_configs: [{targets: ['127.0.0.1:%d']}]
"""
ADMIN = "/api/v1/admin/tsdb/"
SWITCH = "--web.enable-admin-api"
VICTIM = "tocsin_storage_series"


def ask(world, what, **parameters):
    return world.post(ADMIN + what + "?" + urllib.parse.urlencode(parameters))


def samples(world, name):
    result = world.query(name + "[1h]")
    return len(result[0]["values"]) if result else 0


def begin(world, *flags):
    world.write("tocsin.yml", CONFIGURATION % world.port)
    world.start(*flags)
    world.wait("samples", lambda: samples(world, VICTIM) >= 3)


def stop_scraping(world):
    world.write("tocsin.yml", "global: {scrape_interval: 1s}\n")
    assert world.status("/-/reload", "POST") == 200


def test_without_the_flag_nothing_is_done(world):
    begin(world)
    for what in ("delete_series", "clean_tombstones", "compact", "snapshot"):
        code, body = ask(world, what)
        assert code == 500 and json.loads(body) == {
            "status": "error", "errorType": "unavailable", "error": "admin APIs disabled"}, (code, body)
        assert world.status(ADMIN + what) == 405


def test_what_is_deleted_stays_deleted_after_kill_9(world):
    begin(world, SWITCH)
    assert ask(world, "delete_series")[0] == 400
    assert ask(world, "delete_series", **{"match[]": "{"})[0] == 400
    stop_scraping(world)
    others = samples(world, "up")
    assert others > 0
    assert ask(world, "delete_series", **{"match[]": VICTIM}) == (204, "")
    assert samples(world, VICTIM) == 0
    world.kill()
    world.start(SWITCH)
    assert samples(world, VICTIM) == 0
    assert samples(world, "up") >= others
    assert ask(world, "clean_tombstones") == (204, "")
    world.stop()
    world.start(SWITCH)
    assert samples(world, VICTIM) == 0
    assert samples(world, "up") >= others


def test_a_snapshot_can_be_served(world):
    begin(world, SWITCH)
    stop_scraping(world)
    assert ask(world, "delete_series", **{"match[]": "up"})[0] == 204
    there = samples(world, VICTIM)
    assert there > 0
    code, body = ask(world, "snapshot")
    assert code == 200, body
    name = json.loads(body)["data"]["name"]
    assert ask(world, "snapshot", skip_head="perhaps")[0] == 400
    code, body = ask(world, "snapshot", skip_head="true")
    assert code == 200, body
    assert ask(world, "delete_series", **{"match[]": VICTIM})[0] == 204
    world.stop()
    folder = os.path.join(world.folder, "data")
    for snapshot, wanted in ((name, there), (json.loads(body)["data"]["name"], 0)):
        kept = folder + "-" + snapshot
        shutil.copytree(os.path.join(folder, "snapshots", snapshot), kept)
        shutil.move(folder, folder + ".was")
        shutil.move(kept, folder)
        world.start(SWITCH)
        assert samples(world, VICTIM) == wanted
        assert samples(world, "up") == 0
        world.stop()
        shutil.rmtree(folder)
        shutil.move(folder + ".was", folder)


if __name__ == "__main__":
    main()
