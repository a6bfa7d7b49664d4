"""docs/FAULTS.md, out of a run and of what other tests show."""
import re

import bookcast_test
import elsewhere

HEAD = """# Faults

<!-- made by tests/faults/run --docs; edit cases.py and elsewhere.py there and run it again -->

What can go wrong, how it is provoked, what must happen, and what was seen. Each row is a run of a simulated exchange, a gateway,
the cache and a subscriber of everything: the fault is done, the time is taken until every symbol it concerns is marked (on the
bus or by the cache, whoever says it first), and from the end of the fault (of one that ends by itself: from the mark)
until every book may be traded on again. The judge is the same for all: every message and every answer of the cache in a state that may be traded on (`live`, `quiet`)
is held against the true book at its number, which `bookcast-sim --truth-log` writes down; one that was never so, or comes
long after it ceased to be so, fails the run. So does a hole in a sequence where the bus itself was not disturbed, and a
symbol that was marked and not concerned. At the end every book is the true one.

    tests/faults/run                     all of them, some minutes; some need root for namespaces
    tests/faults/run --only partition    by name or number
    tests/faults/mutations               breaks the code, one rule at a time, and sees the tests fail

Times are in heartbeats, of {heartbeat:g} s here; `feed.silent_after` is five of them. They are of one run on a machine with other
work, not promises; what is promised stands in brackets. The number before a fault says
of what kind it is: 36 is a publisher that is killed, whoever does it and whatever is looked at. What has the same number in the
second table is of the same kind.

"""


def heartbeats(seen, bound, key):
    value = seen.get(key)
    return "not marked" if value is None else f"{value:.1f}" + (f" ({bound:g})" if bound is not None else "")


def row(case, transport, seen):
    reasons = ", ".join(seen["reasons"]) or "nothing"
    whole = "always was" if seen.get("whole_h") is None else heartbeats(seen, case.whole_h, "whole_h")
    return (f"| {case.numbers} | {case.name} | {case.exchange}, {transport} | {case.how} | {case.expected} | "
            f"{reasons}; {seen['judged']} messages true | {heartbeats(seen, case.stale_h, 'stale_h')} | {whole} |")


def missing(names):
    """Those of `unit/log_test name; ...` that are not in the tree."""
    for name in re.split(r"; ", names):
        file, _, test = re.sub(r" \(.*\)", "", name).partition(" ")
        tests = bookcast_test.SOURCE / "tests"
        paths = [p for p in (tests / f"{file}.c", tests / f"{file}.py", tests / file, tests / "conformance")
                 if p.exists() and (p.name != "conformance" or file == "unit/conformance")]
        if not paths or test and test not in paths[0].read_text():
            yield name


def write(todo, seen):
    """`seen`: one for each of `todo`, of a run that held."""
    rows = [row(case, transport, s) for (case, transport), s in zip(todo, seen, strict=True)]
    lost = [name for r in elsewhere.ROWS if r[2] for name in missing(r[2])]
    if lost:
        raise SystemExit(f"elsewhere.py names tests that are not there: {lost}")
    text = HEAD.format(heartbeat=bookcast_test.HEARTBEAT)
    text += "| | fault | of | how | expected | seen | marked after | whole after |\n|---|---|---|---|---|---|---|---|\n"
    text += "".join(r + "\n" for r in rows)
    text += ("\n## What other tests show\n\nThey run with every `./tests/run`.\n\n"
             "| | fault | shown by |\n|---|---|---|\n")
    for numbers, name, shown, *note in elsewhere.ROWS:
        tests = ", ".join(f"`{t}`" for t in shown.split("; ")) if shown else ""
        text += f"| {numbers} | {name} | {'; '.join(filter(None, [tests, *note]))} |\n"
    path = bookcast_test.SOURCE / "docs" / "FAULTS.md"
    text += mutations(path)
    path.write_text(text)


def mutations(path):
    """What tests/faults/mutations has written last."""
    old = path.read_text() if path.exists() else ""
    at = old.find("\n## Mutations")
    return old[at:] if at >= 0 else ""
