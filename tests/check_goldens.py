#!/usr/bin/python3
"""Every registered exchange against its golden frames: tests/golden/exchanges/<id>/*.in through
`bookcast decode --json --control` must give exactly the .ok beside it, and on standard error
exactly the .err. An exchange without goldens fails, and so do files that belong to none.

--update writes .ok and .err as they are now; read the difference before you commit it."""

import difflib
import json
import os
import pathlib
import subprocess
import sys

BIN = pathlib.Path(os.environ["BOOKCAST_BIN"])
GOLDEN = pathlib.Path(os.environ["BOOKCAST_SOURCE"]) / "tests/golden/exchanges"
MAX_BYTES = 50 * 1024
failures = []


def exchanges():
    done = subprocess.run([BIN / "bookcast-exchanges", "--json"], capture_output=True, check=True)
    return [json.loads(line)["id"] for line in done.stdout.splitlines()]


def compare(path, got, update):
    if update:
        path.write_bytes(got)
        return
    want = path.read_bytes() if path.exists() else b""
    if want != got:
        failures.append("".join(difflib.unified_diff(
            want.decode().splitlines(True), got.decode(errors="replace").splitlines(True),
            str(path), "now")))


def check_vector(exchange, frames, update):
    done = subprocess.run([BIN / "bookcast-decode", exchange, "--json", "--control", frames],
                          capture_output=True, check=False)
    compare(frames.with_suffix(".ok"), done.stdout, update)
    compare(frames.with_suffix(".err"), done.stderr, update)
    if done.returncode != (1 if done.stderr else 0):
        failures.append(f"{frames}: exit status {done.returncode}")
    if not done.stdout and not done.stderr:
        failures.append(f"{frames}: proves nothing")


def main():
    update = "--update" in sys.argv[1:]
    known = exchanges()
    vectors = 0
    for exchange in known:
        directory = GOLDEN / exchange
        inputs = sorted(directory.glob("*.in"))
        if not inputs:
            failures.append(f"{exchange} is registered and has no {directory}/*.in")
        for frames in inputs:
            check_vector(exchange, frames, update)
            vectors += 1
        size = sum(f.stat().st_size for f in directory.glob("*"))
        if size > MAX_BYTES:
            failures.append(f"{directory}: {size} bytes, more than {MAX_BYTES}")
        for path in directory.glob("*"):
            if not path.with_suffix(".in").exists():
                failures.append(f"{path}: no such .in")
    for directory in GOLDEN.iterdir():
        if directory.name not in known:
            failures.append(f"{directory}: no such exchange")
    print("\n".join(failures) if failures else f"{vectors} golden vectors of {len(known)} exchanges")
    return 1 if failures else 0


sys.exit(main())
