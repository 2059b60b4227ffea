#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_docs - whether the documents for users say what the program does; prints TAP

usage: tests/docs/check_docs.py PATH_TO_TOCSIN

A fenced block is looked at when an HTML comment stands before it (blank lines between are fine):

    <!-- check: config [FILE] -->           `tocsin check config` must take it
    <!-- check: rules [FILE] -->            `tocsin check rules` must take it
    <!-- check: config refused -->          must be refused, with a message that holds all lines of the next block
    <!-- check: rules refused -->
    <!-- check: json -->                    must be JSON
    <!-- check: file FILE -->               only written, for configurations that name it

All blocks of one document are written into one folder under their FILE, so that a configuration finds its rule files.
Besides: relative links lead somewhere, the manual pages have every flag and pass mandoc, and metrics, API paths and
log events that README and guide name are in the source.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
MARK = re.compile(r"^<!-- check: (config|rules|json|file)( refused)?(?: (\S+))? -->$")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
METRIC = re.compile(r"\b(?:tocsin|alertmanager|prometheus|process|redis)_[a-z0-9]+(?:_[a-z0-9]+)+\b")
PATH = re.compile(r"/api/v1/([a-z_]+(?:/[a-z_]+)*)")
EVENT = re.compile(r"^\| `([a-z]+(?:_[a-z]+)+|reloaded|storage|stopped|stopping|targets)` \|", re.M)
FLAG = re.compile(r"^  --([a-z.-]+)", re.M)


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def case(self, name, ok, why="", skip=""):
        self.count += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.count} - {name}{' # SKIP ' + skip if skip else ''}")
        for line in "" if ok else why.splitlines():
            print("#   " + line)


class Block:
    def __init__(self, kind, refused, name, line):
        self.kind, self.refused, self.name, self.line = kind, refused, name or f"line{line}.yml", line
        self.text, self.message = "", ""


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def blocks(text):
    """The marked blocks of a document. The block behind a refused one is its message."""
    found, mark, waiting = [], None, None
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is not None:
            if line.strip() == "```":
                if mark:
                    mark.text = "\n".join(fence) + "\n"
                    found.append(mark)
                    waiting = mark if mark.refused else None
                elif waiting:
                    waiting.message = "\n".join(fence)
                    waiting = None
                fence = mark = None
            else:
                fence.append(line)
        elif line.startswith("```"):
            fence = []
        elif MARK.match(line):
            kind, refused, name = MARK.match(line).groups()
            mark = Block(kind, bool(refused), name, number)
        elif line.strip():
            if mark:
                raise SystemExit(f"line {mark.line}: no fenced block behind the mark")
    return found


def check_block(tocsin, block, folder):
    """None when all is well, else why not."""
    if block.kind == "json":
        try:
            json.loads(block.text)
            return None
        except ValueError as e:
            return str(e)
    if block.kind == "file":
        return None
    answer = subprocess.run([tocsin, "check", block.kind, block.name], cwd=folder, capture_output=True, text=True,
                            env={"LC_ALL": "C.UTF-8"}, check=False)
    said = answer.stdout + answer.stderr
    if answer.returncode not in (0, 1):
        return f"exit code {answer.returncode}\n{said}"
    if not block.refused:
        return said if answer.returncode else None
    if answer.returncode == 0:
        return "is taken, but the document says that it is refused"
    if not block.message:
        return "no block with the message behind it"
    missing = [line for line in block.message.splitlines() if line not in said.splitlines()]
    return "\n".join(["expected:"] + missing + ["said:", said]) if missing else None


def check_samples(tap, tocsin, document, text):
    folder = tempfile.mkdtemp(prefix="tocsin-docs-")
    marked = blocks(text)
    for block in marked:
        path = os.path.join(folder, block.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(block.text)
    for block in marked:
        if block.kind != "file":
            why = check_block(tocsin, block, folder)
            name = f"{document}:{block.line}: {block.kind}{' refused' if block.refused else ''}"
            tap.case(name, why is None, why or "")
    shutil.rmtree(folder)


def check_links(tap, document, text):
    folder = os.path.dirname(os.path.join(ROOT, document))
    broken = [link for link in LINK.findall(text)
              if not re.match(r"[a-z]+:", link) and not os.path.exists(os.path.join(folder, link))]
    tap.case(f"{document}: links", not broken, "lead nowhere: " + ", ".join(broken))


def check_names(tap, document, text, source):
    unknown = {name for name in METRIC.findall(text) if f'"{name}"' not in source}
    unknown |= {"/api/v1/" + path for path in PATH.findall(text)
                if f'"{path}"' not in source and not path.startswith("label/")}
    unknown |= {event for event in EVENT.findall(text) if f'"{event}"' not in source}
    tap.case(f"{document}: names are in the source", not unknown, "unknown: " + ", ".join(sorted(unknown)))


def check_manual(tap, tocsin, page):
    text = read(os.path.join(ROOT, page))
    flags = []
    for command in (("serve",), ("probe",), ("promql",), ("query",), ("rules",), ("rules", "backtest"), ("test",), ("tsdb", "import"), ("tsdb", "export"), ("tsdb", "inspect")):
        answer = subprocess.run([tocsin, *command, "--help"], capture_output=True, text=True,
                                env={"LC_ALL": "C.UTF-8"}, check=True)
        flags += FLAG.findall(answer.stdout)
    missing = [flag for flag in flags if not re.search(r"Fl -" + re.escape(flag) + r"\b", text)]
    tap.case(f"{page}: has every flag", bool(flags) and not missing, "missing: " + ", ".join(missing))
    if not shutil.which("mandoc"):
        tap.case(f"{page}: mandoc", True, skip="mandoc is not installed")
        return
    answer = subprocess.run(["mandoc", "-Kutf-8", "-Tlint", "-Wwarning", os.path.join(ROOT, page)],
                            capture_output=True, text=True, check=False)
    tap.case(f"{page}: mandoc", answer.returncode == 0, answer.stdout + answer.stderr)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tocsin = os.path.realpath(sys.argv[1])
    tap = Tap()
    source = "".join(read(f) for f in glob.glob(os.path.join(ROOT, "src", "*", "*.[ch]")))
    places = ("*.md", "docs/**/*.md", "src/*/README.md", "tests/**/*.md")
    documents = sorted(d for place in places for d in glob.glob(place, root_dir=ROOT, recursive=True))
    for document in documents:
        text = read(os.path.join(ROOT, document))
        check_samples(tap, tocsin, document, text)
        check_links(tap, document, text)
        if document.startswith(("README", "docs/guide")):
            check_names(tap, document, text, source)
    for page in sorted(glob.glob("docs/man/*.1", root_dir=ROOT)):
        check_manual(tap, tocsin, page)
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
