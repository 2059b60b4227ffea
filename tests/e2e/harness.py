"""Real servers around the real binary, all on loopback. A test module defines functions test_*(world) and calls main()."""

import contextlib
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

PATIENCE = float(os.environ.get("TOCSIN_E2E_PATIENCE", "30"))  # seconds that anything may take on a slow machine


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Sink:
    """A webhook that keeps what it gets. `status` is what it answers; `hang` makes it wait that long first."""

    def __init__(self, port=0):
        sink = self
        self.bodies, self.times, self.status, self.hang = [], [], 200, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                sink.times.append(time.time())
                sink.headers = dict(self.headers)
                if sink.hang:
                    time.sleep(sink.hang)
                with contextlib.suppress(OSError):
                    self.send_response(sink.status)
                    self.end_headers()
                if sink.status // 100 == 2:
                    sink.bodies.append(json.loads(body))

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self):
        return "http://127.0.0.1:%d/alerts" % self.port

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def alerts(self, status, name=None):
        return [a for b in self.bodies for a in b["alerts"]
                if a["status"] == status and (name is None or a["labels"]["alertname"] == name)]


class Page:
    """A target: serves `text` on every path; None: HTTP 500."""

    def __init__(self, text, content_type="text/plain; version=0.0.4"):
        page = self
        self.text = text

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page.requests = getattr(page, "requests", 0) + 1
                self.send_response(200 if page.text is not None else 500)
                self.send_header("Content-Type", content_type)
                self.end_headers()
                self.wfile.write((page.text or "").encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def address(self):
        return "127.0.0.1:%d" % self.port


class World:
    def __init__(self, binary):
        self.binary = binary
        self.folder = tempfile.mkdtemp(prefix="tocsin-e2e-")
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.process = None
        self.children = []
        self.log_path = os.path.join(self.folder, "tocsin.log")

    # ---- files and processes

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def start(self, *flags, wait=True):
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--config.file=" + os.path.join(self.folder, "tocsin.yml"),
                 "--storage.tsdb.path=" + os.path.join(self.folder, "data"),
                 "--web.listen-address=127.0.0.1:%d" % self.port, "--web.enable-lifecycle", *flags],
                stdout=log, stderr=log)
        if wait:
            self.wait("ready", lambda: self.status("/-/ready") == 200)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(PATIENCE) == 0, "exit code %d after SIGTERM\n%s" % (self.process.returncode, self.log())

    def run(self, *arguments, **kwargs):
        return subprocess.run([self.binary, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              env=dict(os.environ, LC_ALL="C.UTF-8"), **kwargs)

    def redis(self, *flags, port=None):
        port = port or free_port()
        child = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                                  "--appendonly", "no", "--dir", self.folder, *flags],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children.append(child)
        self.wait("redis", lambda: socket.create_connection(("127.0.0.1", port), 1).close() or True)
        return port

    def prometheus(self, config, folder, *flags, binary="prometheus"):
        """A Prometheus on that data; its URL, once it is ready."""
        url = "http://127.0.0.1:%d" % (port := free_port())
        self.children.append(subprocess.Popen(
            [binary, "--config.file=" + config, "--storage.tsdb.path=" + folder, "--web.listen-address=127.0.0.1:%d" % port, *flags],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

        def ready():
            try:
                return urllib.request.urlopen(url + "/-/ready", timeout=PATIENCE).status == 200
            except OSError:
                return False

        self.wait("prometheus", ready)
        return url

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    # ---- asking

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def status(self, path, method="GET"):
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, method=method), timeout=PATIENCE) as a:
                return a.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    def post(self, path):
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, method="POST"), timeout=PATIENCE) as a:
                return a.status, a.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def query(self, expression, **parameters):
        parameters["query"] = expression
        return json.loads(self.get("/api/v1/query?" + urllib.parse.urlencode(parameters)))["data"]["result"]

    def value(self, expression):
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else None

    def alert_states(self):
        return {a["labels"]["alertname"]: a["state"]
                for a in json.loads(self.get("/api/v1/alerts"))["data"]["alerts"]}

    def wait(self, what, condition, seconds=PATIENCE):
        end = time.time() + seconds
        while time.time() < end:
            if self.process and self.process.poll() is not None:
                raise AssertionError("tocsin ended with %d\n%s" % (self.process.returncode, self.log()))
            with contextlib.suppress(OSError, KeyError, IndexError, TypeError, StopIteration):
                value = condition()
                if value:
                    return value
            time.sleep(0.05)
        raise AssertionError("waited %.0f s in vain for: %s\n%s" % (seconds, what, self.log()[-4000:]))

    def close(self):
        try:
            self.stop()
        finally:
            for child in [self.process, *self.children]:
                if child and child.poll() is None:
                    child.kill()
                    child.wait()
            shutil.rmtree(self.folder, ignore_errors=True)


def main():
    """Runs every test_* of the calling module in a world of its own; TAP on standard output."""
    if not shutil.which("redis-server"):
        print("1..0 # SKIP redis-server is not installed")
        sys.exit(77)
    tests = [(n, f) for n, f in vars(sys.modules["__main__"]).items() if n.startswith("test_")]
    failed = 0
    print("1..%d" % len(tests))
    for number, (name, test) in enumerate(tests, 1):
        world = World(os.path.abspath(sys.argv[1]))
        try:
            test(world)
            world.close()
            print("ok %d %s" % (number, name), flush=True)
        except Exception:  # whatever went wrong is this test's failure
            failed += 1
            print("not ok %d %s" % (number, name))
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), flush=True)
            with contextlib.suppress(Exception):
                world.close()
    sys.exit(1 if failed else 0)
