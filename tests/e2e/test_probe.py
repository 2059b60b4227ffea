# SPDX-License-Identifier: Apache-2.0
"""`tocsin probe` and /probe/<kind> against a real Redis and a real MariaDB, with the rights that `tocsin probe` prints."""
import os
import shutil
import subprocess
import sys

from harness import Page, free_port, main

COLLECTORS = ["auto_increment.columns", "binlog_size", "engine_innodb_status", "info_schema.tables", "info_schema.processlist",
              "info_schema.innodb_metrics", "mysql.user", "perf_schema.file_events", "perf_schema.tableiowaits", "slave_hosts"]


def probe(world, *arguments, password="", lang="C"):
    env = dict(os.environ, TOCSIN_PROBE_PASSWORD=password, LC_ALL=lang)
    return subprocess.run([world.binary, "probe", *arguments], capture_output=True, text=True, env=env, timeout=60)


def start_mariadb(world):
    folder, socket, port = os.path.join(world.folder, "db"), os.path.join(world.folder, "s.sock"), free_port()
    subprocess.run(["mariadb-install-db", "--no-defaults", "--datadir=" + folder, "--skip-test-db",
                    "--auth-root-authentication-method=normal", "--user=root"], check=True, capture_output=True)
    world.children.append(subprocess.Popen(
        ["mariadbd", "--no-defaults", "--user=root", "--datadir=" + folder, "--socket=" + socket, "--port=%d" % port,
         "--bind-address=127.0.0.1", "--log-bin"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def sql(text):
        return subprocess.run(["mariadb", "--no-defaults", "-uroot", "-S", socket, "-e", text], capture_output=True, text=True)
    world.wait("mariadbd", lambda: sql("SELECT 1").returncode == 0)
    return port, sql


def test_a_redis_is_asked_with_the_rights_that_the_command_prints(world):
    port = world.redis()
    address = "127.0.0.1:%d" % port
    line = probe(world, "redis", "--acl").stdout.splitlines()[0].replace(">PASSWORD", ">pw")
    answer = subprocess.run(["redis-cli", "-p", str(port), *line.split()], capture_output=True, text=True)
    assert answer.stdout.strip() == "OK", answer.stdout
    good = probe(world, "redis", address, "--username=tocsin", password="pw")
    assert good.returncode == 0, good.stderr
    assert "redis_up 1\n" in good.stdout and "redis_config_maxclients" in good.stdout
    assert "ms  connect\n" in good.stderr and "ms  INFO ALL\n" in good.stderr and "NOPERM" not in good.stderr, good.stderr
    bad = probe(world, "redis", address, "--username=tocsin", password="guessed")
    assert bad.returncode == 1 and "redis_up 0\n" in bad.stdout
    assert "AUTH: WRONGPASS" in bad.stderr and "redis-cli --user NAME" in bad.stderr, bad.stderr
    bad = probe(world, "redis", address, "--username=tocsin", password="guessed", lang="zh_CN.UTF-8")
    assert "用户名或密码错误" in bad.stderr, bad.stderr
    gone = probe(world, "redis", "127.0.0.1:%d" % free_port())
    assert gone.returncode == 1 and "connect: connect to" in gone.stderr and "Nothing listens there" in gone.stderr, gone.stderr


def test_a_mariadb_is_asked_with_the_rights_that_the_command_prints(world):
    if not shutil.which("mariadbd"):
        return
    port, sql = start_mariadb(world)
    collect = ["--collect=" + c for c in COLLECTORS]
    made = sql(probe(world, "mysql", "--grants", "--mariadb", *collect).stdout.replace("<password>", "pw"))
    assert made.returncode == 0, made.stderr
    good = probe(world, "mysql", "127.0.0.1:%d" % port, "--username=tocsin", *collect, password="pw")
    assert good.returncode == 0 and "mysql_up 1\n" in good.stdout, good.stderr
    assert "denied" not in good.stderr and "collect.global_status\n" in good.stderr, good.stderr
    for collector in COLLECTORS:
        assert 'mysql_exporter_collector_success{collector="collect.%s"} 1\n' % collector in good.stdout, collector
    bad = probe(world, "mysql", "127.0.0.1:%d" % port, "--username=tocsin", password="guessed")
    assert bad.returncode == 1 and "log in to" in bad.stderr and "--grants" in bad.stderr, bad.stderr
    tls = probe(world, "mysql", "127.0.0.1:%d" % port, "--username=tocsin", "--tls", password="pw")
    assert tls.returncode == 1 and "TLS" in tls.stderr, tls.stderr


def test_web_pages_and_ports_are_asked_by_hand(world):
    page = Page("hello")
    good = probe(world, "http", "http://%s/" % page.address())
    assert good.returncode == 0 and "\nprobe_success 1\n" in good.stdout, good.stderr
    assert all("ms  %s\n" % step in good.stderr for step in ("resolve", "connect", "answer", "in all")), good.stderr
    page.text = None
    bad = probe(world, "http", "http://%s/" % page.address())
    assert bad.returncode == 1 and "\nprobe_success 0\n" in bad.stdout
    assert "status 500, expected 200 to 299\n  The server is there" in bad.stderr, bad.stderr
    bad = probe(world, "http", "http://%s/" % page.address(), lang="zh_CN.UTF-8")
    assert "服务器已应答" in bad.stderr, bad.stderr
    assert probe(world, "tcp", page.address()).returncode == 0
    gone = probe(world, "tcp", "127.0.0.1:%d" % free_port())
    assert gone.returncode == 1 and "Nothing listens there" in gone.stderr, gone.stderr
    plain = probe(world, "tls", page.address(), "--insecure-skip-verify")
    assert plain.returncode == 1 and "answers without TLS" in plain.stderr, plain.stderr
    assert "Write the port, too" in probe(world, "tcp", "127.0.0.1").stderr
    path = world.write("tocsin.yml", "scrape_configs: [{job_name: web, http_check: {valid_status_codes: [500]}}]\n")
    assert probe(world, "http", "http://%s/" % page.address(), "--config.file=" + path, "--job=web").returncode == 0
    assert probe(world, "tcp", page.address(), "--config.file=" + path, "--job=web").returncode == 2


def test_what_is_asked_for_wrongly_is_told(world):
    for arguments in (["http"], ["https", "a"], ["redis"], ["mysql", "--acl"], ["redis", "--grants"]):
        assert probe(world, *arguments).returncode == 2, arguments


if __name__ == "__main__":
    if not shutil.which("redis-server"):
        print("1..0 # SKIP redis-server is not installed")
        sys.exit(77)
    main()
