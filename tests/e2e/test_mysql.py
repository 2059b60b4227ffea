# SPDX-License-Identifier: Apache-2.0
"""A real MariaDB of a folder of its own: watched over TCP and its socket, allowed everything and little, gone and back."""
import json
import os
import shutil
import subprocess
import sys

from harness import free_port, main

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: shop
    mysql: {{username: probe, password: opensesame, collect: [info_schema.tables, info_schema.processlist, engine_innodb_status], rows_limit: 3}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
  - job_name: bare
    mysql: {{username: bare, password: opensesame}}
    static_configs: [{{targets: ["unix://{socket}"]}}]
  - job_name: wrong
    mysql: {{username: bare, password: guessed}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
  - job_name: nobody
    mysql: {{}}
    static_configs: [{{targets: ["127.0.0.1:{free}"]}}]
"""

ACCOUNTS = """
CREATE USER probe@'%' IDENTIFIED BY 'opensesame';
GRANT PROCESS, SLAVE MONITOR, SELECT ON *.* TO probe@'%';
CREATE USER bare@'%' IDENTIFIED BY 'opensesame';
CREATE DATABASE shop;
"""


class Server:
    def __init__(self, world):
        self.folder = os.path.join(world.folder, "db")
        self.socket = os.path.join(world.folder, "s.sock")
        self.port = free_port()
        self.world = world
        subprocess.run(["mariadb-install-db", "--no-defaults", "--datadir=" + self.folder, "--skip-test-db",
                        "--auth-root-authentication-method=normal", "--user=root"], check=True, capture_output=True)
        self.start()

    def start(self):
        self.child = subprocess.Popen(
            ["mariadbd", "--no-defaults", "--user=root", "--datadir=" + self.folder, "--socket=" + self.socket,
             "--port=%d" % self.port, "--bind-address=127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.world.children.append(self.child)
        self.world.wait("mariadbd", lambda: self.sql("SELECT 1") == 0)

    def sql(self, text):
        return subprocess.run(["mariadb", "--no-defaults", "-uroot", "-S", self.socket, "-e", text],
                              capture_output=True).returncode

    def kill(self):
        self.child.kill()
        self.child.wait()


def last_error(world, job):
    return next((t["lastError"] for t in json.loads(world.get("/api/v1/targets"))["data"]["activeTargets"]
                 if t["scrapePool"] == job), "")


def test_a_mariadb_is_watched_as_far_as_it_allows(world):
    server = Server(world)
    assert server.sql(ACCOUNTS) == 0
    for i in range(5):
        assert server.sql("CREATE TABLE shop.t%d (id INT)" % i) == 0
    world.write("tocsin.yml", CONFIG.format(port=server.port, socket=server.socket, free=free_port()))
    world.start()
    world.wait("up", lambda: world.value('mysql_up{job="shop"}') == 1 and world.value('mysql_up{job="bare"}') == 1)
    assert world.value('mysql_global_status_uptime{job="shop"}') >= 0
    assert world.value('count(mysql_info_schema_table_rows{job="shop"})') == 3
    assert world.value('tocsin_mysql_collector_cut{job="shop",collector="collect.info_schema.tables"}') == 1
    assert world.value('mysql_exporter_collector_success{job="shop",collector="collect.slave_status"}') == 1
    assert world.value('mysql_exporter_collector_success{job="bare",collector="collect.slave_status"}') == 0
    assert world.value('mysql_exporter_collector_success{job="bare",collector="collect.global_status"}') == 1
    world.wait("denied", lambda: "Access denied for user 'bare'" in last_error(world, "wrong"))
    world.wait("refused", lambda: "refused" in last_error(world, "nobody"))
    assert world.value('mysql_up{job="wrong"}') == 0

    server.kill()
    world.wait("down", lambda: world.query('up{job="shop"} == 0'))
    server.start()
    world.wait("up again", lambda: world.value('up{job="shop"}') == 1)


if __name__ == "__main__":
    if not shutil.which("mariadbd"):
        print("1..0 # SKIP mariadb-server is not installed")
        sys.exit(77)
    main()
