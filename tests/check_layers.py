#!/usr/bin/python3
"""Who may include whom: docs/ARCHITECTURE.md, "Layers". Also that a library is met in one place."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What the files below a directory may include; the first that fits counts.
LAYERS = [
    ("proto/", ["proto/"]),
    ("common/", ["proto/", "common/"]),
    ("publisher/exchanges/", ["proto/", "common/json_", "common/text.h", "publisher/exchanges/"]),
    ("publisher/", ["proto/", "common/", "publisher/"]),
    ("subscribers/examples/", ["bookcast.h"]),
    ("subscribers/", ["proto/", "common/", "subscribers/"]),
    ("bench/", ["proto/", "common/", "publisher/", "subscribers/", "bench/"]),
]

# Who may include a library's header; everybody else goes through them.
LIBRARIES = {
    "zmq.h": r"(common/bus_|bench/)\w+\.c",  # a floor is the library itself
    "libwebsockets.h": r"publisher/ws_lws\w*\.c",
    "curl/curl.h": r"publisher/(curl_loop\.h|rest\.c|http_header\.c)",
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def wrongs(path, text):
    """What is wrong with the includes of one file: (line, reason)."""
    allowed = next(allowed for layer, allowed in LAYERS if path.startswith(layer))
    for match in INCLUDE.finditer(text):
        quote, header = match.groups()
        line = text.count("\n", 0, match.start(1)) + 1
        if quote == '"' and not header.startswith(tuple(allowed)):
            yield line, f'"{header}": only {" ".join(allowed)} may be included here'
        elif quote == "<" and (ROOT / header).exists():
            yield line, f'<{header}>: our own headers are included in quotes'
        elif header in LIBRARIES and not re.fullmatch(LIBRARIES[header], path):
            yield line, f"<{header}>: only {LIBRARIES[header]} may include it"


# A check that finds nothing must be able to: what each of these has is to be found.
MUST_FAIL = [
    ("proto/x.c", '#include "common/log.h"\n'),
    ("common/x.h", '#include "publisher/url.h"\n'),
    ("common/x.c", '# include "subscribers/cli/grid.h"\n'),
    ("publisher/x.c", '#include "subscribers/cli/grid.h"\n'),
    ("publisher/exchanges/x.c", '#include "publisher/session.h"\n'),
    ("subscribers/cache/x.c", '\t#include "publisher/url.h"\n'),
    ("subscribers/cli/x.c", '#include "tests/support/http.h"\n'),
    ("subscribers/cli/x.c", '#include "bench/bench.h"\n'),
    ("bench/x.c", '#include "tests/support/http.h"\n'),
    ("subscribers/cli/x.c", "#include <proto/value.h>\n"),
    ("subscribers/cli/x.c", '#include "../../proto/value.h"\n'),
    ("subscribers/cli/x.c", "#include <zmq.h>\n"),
    ("common/bus_loop.h", "#include <zmq.h>\n"),
    ("publisher/session.c", "#include <libwebsockets.h>\n"),
    ("publisher/gateway.c", "#include <curl/curl.h>\n"),
]
MAY_PASS = [
    ("publisher/x.c", '#include "common/log.h"\n#include <stdio.h>\n'),
    ("common/bus_pub.c", '#include "proto/topic.h"\n#include <zmq.h>\n'),
    ("publisher/ws_lws.c", "#include <libwebsockets.h>\n"),
    ("bench/x.c", '#include "publisher/session.h"\n#include "subscribers/cli/grid.h"\n'),
    ("bench/x.c", "#include <zmq.h>\n"),
]


def main():
    failures = [f"the check does not see: {path}: {text.strip()}"
                for path, text in MUST_FAIL if not list(wrongs(path, text))]
    failures += [f"the check refuses: {path}: {text.strip()}"
                 for path, text in MAY_PASS if list(wrongs(path, text))]
    n_files = 0
    for layer in ("proto", "common", "publisher", "subscribers", "bench"):
        for file in sorted((ROOT / layer).rglob("*.[ch]")):
            path = file.relative_to(ROOT).as_posix()
            n_files += 1
            failures += [f"{path}:{line}: {why}"
                         for line, why in wrongs(path, file.read_text(encoding="utf-8"))]
    if n_files < 100:
        failures.append(f"only {n_files} files found below {ROOT}")
    print("\n".join(failures) or f"{n_files} files keep to their layers")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
