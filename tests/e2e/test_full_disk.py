"""A disk that fills up: samples are refused and somebody is told; when there is room again all goes on, and nothing is lost."""

import os
import subprocess
import time

from harness import Page, Sink, main

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: app
    static_configs: [{{targets: ["{page}"]}}]
route: {{receiver: ops, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: ops
    webhook_configs: [{{url: "{sink}", timeout: 2s}}]
"""

DISK_MIB = 64
TURN = 6       # seconds: a little more than between two looks at the storage
LEFT_MIB = 8  # less than what is kept for alerts


def mount(folder):
    os.makedirs(folder)
    return subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % DISK_MIB, "tmpfs", folder],
                          stderr=subprocess.DEVNULL).returncode == 0


def fill(path):
    free = os.statvfs(os.path.dirname(path))
    with open(path, "wb") as f:
        f.write(b"\1" * (free.f_bavail * free.f_frsize - (LEFT_MIB << 20)))


def samples(world):
    return dict(map(tuple, world.query("n[1h]")[0]["values"]))


def test_a_full_disk_stops_samples_tells_of_it_and_goes_on_when_there_is_room(world):
    data = os.path.join(world.folder, "data")
    if os.geteuid() != 0 or not mount(data):
        print("# skipped: no right to mount a small disk", flush=True)
        return
    try:
        story(world, os.path.join(data, "filler"))
    finally:
        if world.process.poll() is None:
            world.kill()
        subprocess.run(["umount", "-l", data])


def story(world, filler):
    sink = Sink()
    page = Page("n 1\n")
    world.write("tocsin.yml", CONFIG.format(page=page.address(), sink=sink.url()))
    world.start()
    world.wait("samples", lambda: world.value("n") == 1)
    fill(filler)
    world.wait("the alert", lambda: sink.alerts("firing", "TocsinStorageStopped"))
    alert = sink.alerts("firing", "TocsinStorageStopped")[0]
    assert alert["labels"]["severity"] == "critical", alert
    assert "disk" in alert["annotations"]["description"] and alert["annotations"]["summary_zh"], alert
    assert "tocsin_storage_stopped 1\n" in world.get("/metrics")
    before = samples(world)

    world.kill()  # even so: what was there is there
    world.start()
    again = samples(world)
    assert all(again.get(t) == v for t, v in before.items()), (before, again)

    world.wait("the refusal", lambda: "tocsin_storage_stopped 1\n" in world.get("/metrics"))
    time.sleep(TURN)  # the new process has raised the alert too, so it is the one that ends it

    page.text = "n 2\n"
    os.remove(filler)
    world.wait("new samples", lambda: world.value("n") == 2)
    world.wait("the end of the alert", lambda: sink.alerts("resolved", "TocsinStorageStopped"))
    assert "tocsin_storage_stopped 0\n" in world.get("/metrics")
    after = samples(world)
    assert all(after.get(t) == v for t, v in before.items()), (before, after)
    sink.close()


if __name__ == "__main__":
    main()
