#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Batch jobs push their metrics: they are stored at every interval, kept over kill -9, and end when they are deleted."""

import http.client

from harness import main

CONFIGURATION = "global: {scrape_interval: 200ms}\n"
FLAG = "--web.enable-push-receiver"


def push(world, method, path, body=""):
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=20)
    connection.request(method, path, body)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def count(world, series):
    found = world.query("%s[1h]" % series)
    return len(found[0]["values"]) if found else 0


def test_what_is_pushed_is_stored_at_every_interval_and_kept(world):
    world.write("tocsin.yml", CONFIGURATION)
    world.start(FLAG)
    body = "# TYPE backup_rows gauge\nbackup_rows{table=\"a\"} 7\n"
    assert push(world, "PUT", "/metrics/job/backup/instance/db1", body) == (200, "")
    series = 'backup_rows{job="backup",instance="db1",table="a"}'
    world.wait("samples", lambda: count(world, series) >= 3)
    assert world.value(series) == 7
    assert world.value('push_time_seconds{job="backup"}') > 1e9
    assert world.value('up{job="pushgateway"}') == 1
    assert push(world, "POST", "/metrics/job@base64/YS9i", "x 1\n") == (200, "")
    world.wait("a job with a slash", lambda: world.value('x{job="a/b"}') == 1)
    status, text = push(world, "PUT", "/metrics/job/backup/instance/db1", "backup_rows{\n")
    assert status == 400 and "line 1" in text, (status, text)
    assert push(world, "GET", "/metrics/job/backup")[0] == 405

    world.kill()
    world.start(FLAG)
    before = count(world, series)
    world.wait("samples of a group pushed before the crash", lambda: count(world, series) > before + 1)

    assert push(world, "DELETE", "/metrics/job/backup/instance/db1") == (202, "")
    world.wait("the end of its series", lambda: not world.query(series))
    assert world.value('x{job="a/b"}') == 1


def test_without_the_flag_nothing_is_taken(world):
    world.write("tocsin.yml", CONFIGURATION)
    world.start()
    status, text = push(world, "PUT", "/metrics/job/backup", "x 1\n")
    assert status == 404 and FLAG in text, (status, text)


if __name__ == "__main__":
    main()
