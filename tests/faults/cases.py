"""The faults: one row each. Its numbers say of what kind it is; in elsewhere.py the same number is the same kind.

    affected   who must be marked: all, one (ETHUSDT, KRW-ETH), gone (the one, for good), theirs (whom inject() found
               out), none, some (who is concerned is decided by chance, and nobody may be wrong)
    stale_h    heartbeats until all of them are, at most; None: nobody need be
    whole_h    heartbeats from the end of the fault until every book may be traded on again
    lag_s      how long after it has ceased to be true a book may come as live, where a line is slow
"""
import collections
import fcntl
import json
import os
import resource
import signal
import time

import bookcast_test
import places
import zmq
from bookcast_test import HEARTBEAT, wait_until
from line import SLACK

SPOT, USDM, UPBIT = "binance-spot", "binance-usdm", "upbit"
BOTH = ("direct", "lws")
EXIT_S = 1  # from SIGTERM to the end, at most

_fields = dict(
    numbers="", name="", how="", expected="", exchange=SPOT, affected="all", stale_h=None, whole_h=6.0, inject=None, heal=None,
    before=None, check=None, reasons=None, sim=(), gateway=(), tls=False, chaos=False, root=False, transports=("direct",),
    paused=True, bus_loses=False, cache_counts=True, lag_s=4.0, quick=False)
Case = collections.namedtuple("Case", _fields, defaults=_fields.values())


def fault(name, **arguments):
    """As bookcast-sim --faults has it."""
    def inject(line):
        settings = {k: line.one if v == "ONE" else v for k, v in arguments.items()}
        line.fault(name, **settings)
    return inject


def told(name, **arguments):
    words = " ".join(f"{k}={v}" for k, v in arguments.items())
    return f"`{name} {words}`".replace(" `", "`")


def clear(line):
    line.fault("clear")


def sim_row(numbers, name, fault_name, expected, arguments=None, **fields):
    arguments = arguments or {}
    return Case(numbers=numbers, name=name, how=told(fault_name, **arguments), expected=expected,
                inject=fault(fault_name, **arguments), **fields)


def knocks(name, **arguments):
    """What waits for who knocks, and then everybody must."""
    def inject(line):
        line.fault(name, **arguments)
        line.fault("hang-up")
    return inject


def resync_with(name, **arguments):
    def inject(line):
        line.fault(name, **arguments)
        line.ctl("RESYNC", "*")
    return inject


# ------------------------------------------------------------------ the exchange's feed

def restarted_with(**snapshots):
    """A gateway that knows nothing, and snapshots that come before or behind what its stream tells."""
    def inject(line):
        line.gateway.kill()
        line.fault("old-snapshot", n=5, **snapshots)
        line.fault("rest-slow", n=100, ms=400)  # so that there are changes it could be joined to
        line.begin_gateway()
    return inject


FIRST = dict(how="kill -9 of the gateway, `old-snapshot n=5 changes=60` and `rest-slow ms=400` for the next one",
             expected="a snapshot that its stream does not reach is asked for again", inject=restarted_with(changes=60),
             stale_h=4, whole_h=20)
ONE_GAP = dict(affected="one", stale_h=2, reasons=("gap",))
CUT = dict(stale_h=1, reasons=("disconnected",), transports=BOTH)
SILENT = dict(stale_h=6, reasons=("no-data", "disconnected"), transports=BOTH)
NOBODY = dict(affected="none")

FEED = [
    sim_row("1", "gap, spot", "drop", "that symbol stale (gap) at once, snapshot, live; the others live",
            dict(n=1, symbol="ONE", match="depthUpdate"), quick=True, **ONE_GAP),
    sim_row("1", "gap, USD-M", "drop", "the same, by `pu`", dict(n=1, symbol="ONE", match="depthUpdate"), exchange=USDM,
            **ONE_GAP),
    sim_row("2", "duplicates", "duplicate", "ignored", dict(n=60), **NOBODY),
    sim_row("3", "out of order", "reorder", "what comes too early is a gap; never applied backwards",
            dict(n=6, symbol="ONE", match="depthUpdate"), whole_h=8, **ONE_GAP),
    sim_row("5", "crossed books", "crossed", "stale (crossed), never live", dict(n=12), exchange=UPBIT, affected="some",
            reasons=("crossed",)),
    Case("6", "snapshots of the past", told("old-snapshot", n=5, changes=500) + " and RESYNC",
         "asked for again; no book goes back", affected="some", inject=resync_with("old-snapshot", n=5, changes=500), whole_h=10,
         reasons=("gap",)),
    Case("6", "first snapshots of the past, spot", **FIRST),
    Case("6", "first snapshots of the past, USD-M", exchange=USDM, **FIRST),
    Case("7", "snapshots fail", told("rest-fail", n=4, status=503) + " after a lost change",
         "asked for again with growing waits", affected="one", stale_h=2, whole_h=60, reasons=("gap",),
         inject=lambda line: (line.fault("rest-fail", n=4, status=503),
                              line.fault("drop", n=1, symbol=line.one, match="depthUpdate"))),
    Case("7", "snapshots come late", told("rest-slow", n=1, ms=1500) + " after a lost change",
         "stale until it is there", affected="one", stale_h=2, whole_h=10, reasons=("gap",),
         inject=lambda line: (line.fault("rest-slow", n=1, ms=1500),
                              line.fault("drop", n=1, symbol=line.one, match="depthUpdate"))),
    Case("8", "deletes of unknown levels", "the simulated Binance tells every deletion, also of levels no snapshot showed",
         "accepted", inject=lambda line: line.watch(lambda: False, 2 * HEARTBEAT), gateway=("--snapshot-levels", "100"),
         **NOBODY),
    sim_row("10", "frames cut short", "truncate", "the message is refused, the books it may have meant are made anew",
            dict(n=3, match="depthUpdate"), affected="some", reasons=("gap",), whole_h=8),
    sim_row("10", "not JSON", "frame", "refused and counted; the connection stays", dict(text="not JSON {"), affected="some",
            reasons=("gap",)),
    sim_row("10", "nested arrays", "deep", "refused; the connection stays", dict(depth=100000), affected="some",
            reasons=("gap",)),
    sim_row("11", "fields nobody knows", "unknown-fields", "ignored", dict(n=100), **NOBODY),
    sim_row("12", "a field is missing", "missing-field", "refused; that symbol is made anew",
            dict(n=1, symbol="ONE", key="u", match="depthUpdate"), affected="one", stale_h=2, reasons=("gap",)),
    sim_row("13", "a NUL in a message", "nul", "refused, the topic stays what it was", dict(n=2, match="depthUpdate"),
            affected="some", reasons=("gap",), whole_h=8),
    sim_row("14", "a symbol is delisted", "delist", "halted (delisted) or stale; the others live", dict(symbol="ONE"),
            exchange=UPBIT, affected="gone", stale_h=8, reasons=("delisted", "no-data")),
    sim_row("17", "stall: pings answered, no data", "stall", "stale (no-data) within `feed.silent_after`, reconnect",
            {"for": 6}, quick=True, whole_h=8, **SILENT),
    Case("16 17", "subscribed and never served", told("exchange", set="silent-legacy", value=1),
         "stale (no-data), reconnected until it is served",
         inject=lambda line: line.set(**{"silent-legacy": 1}), heal=clear, whole_h=8, **SILENT),
    sim_row("18", "service restart", "close", "stale (disconnected), reconnected", dict(code=1012), exchange=UPBIT, **CUT),
    sim_row("18", "an announced shutdown", "shutdown", "a successor takes over; nobody is stale", {"in": 2},
            check=lambda line: wait_until(lambda: line.status()["sessions_ever"] >= 2, "the successor"), **NOBODY),
    sim_row("19", "the exchange's clock goes 2 h wrong", "skew", "flags and metrics only", dict(ms=7_200_000),
            heal=lambda line: (line.watch(lambda: False, 2 * HEARTBEAT), line.fault("skew", ms=0)), **NOBODY),
    sim_row("20", "burst", "burst", "bounded, and right in the end", {"x": 30, "for": 2}, affected="some", whole_h=12,
            check=lambda line: line.assertLess(line.gateway.resident_kib(), 400 << 10)),
]


def until_polled(line):
    """The WebSocket is closed to us, REST is not: every symbol is polled."""
    line.fault("refuse", n=10000, status=503)
    line.fault("hang-up")
    line.polled = set()

    def all_polled():
        line.polled |= {m.topic for m in line.heard.heard if m.channel == "book" and m.state == "rest"}
        return len(line.polled) == 5
    line.assertIsNotNone(line.watch(all_polled, 30), line.polled)


FEED += [
    Case("", f"the WebSocket is closed to us, REST is not{', Upbit' * (exchange == UPBIT)}", "`refuse n=10000`, `hang-up`",
         "stale, then polled (rest), live when the first newer book of the stream is there", exchange=exchange,
         inject=until_polled, heal=clear, stale_h=2, whole_h=16,
         gateway=("--rest-after", "1s", "--rest-interval", "500ms"),
         reasons=("disconnected",))
    for exchange in (SPOT, USDM, UPBIT)
]

# ------------------------------------------------------------------ WebSocket, TLS, HTTP


def chaos(settings, then=None):
    def inject(line):
        line.chaos.set(**settings)
        if then is not None:
            then(line)
    return inject


def calm(line):
    line.chaos.set(delay_ms=0, jitter_ms=0, slice=0, slice_ms=0, bandwidth=0, reset_after=0, half_open=False, refuse=False)


def for_a_while(seconds, end=calm):
    def heal(line):
        line.watch(lambda: False, seconds)
        end(line)
    return heal


def reconnects_are_few(most):
    return lambda line: line.assertLessEqual(line.status()["sessions_ever"], most)


def attempts_were_few(line):
    """One a second, and one that was on its way; the exchange has not seen them, since the proxy refused them."""
    line.seen["refused"] = line.chaos.set()["refused"]
    line.assertGreater(line.seen["refused"], 1)
    line.assertLessEqual(line.seen["refused"], time.monotonic() - line.began + 2)


def giant_is_bounded(line):
    line.assertLess(line.gateway.resident_kib() - line.before_kib, 16 << 10)


def measured(inject):
    def first(line):
        line.before_kib = line.gateway.resident_kib()
        inject(line)
    return first


def lean(line):
    line.environment |= bookcast_test.LEAN


def violation(what):
    return sim_row("24", f"RFC 6455 broken: {what}", "violate", "closed, made anew", dict(what=what), exchange=UPBIT, **CUT)


WEBSOCKET = [
    Case("21", "a frame of 100 MB", told("giant"), "closed at the cap, memory flat", before=lean,
         inject=measured(fault("giant")), check=giant_is_bounded, **CUT),
    Case("21", "fragments without end", told("fragments"), "closed at the cap, memory flat", before=lean,
         inject=measured(fault("fragments")), check=giant_is_bounded, **CUT),
    *(violation(what) for what in ("rsv", "opcode", "continuation", "interleave", "fragmented-ping", "long-length")),
    Case("22", "an extension nobody offered", told("extension", n=1), "refused, tried again", inject=knocks("extension", n=1),
         whole_h=10, **CUT),
    Case("24", "a wrong Sec-WebSocket-Accept", told("bad-accept", n=1), "refused, tried again",
         inject=knocks("bad-accept", n=1), whole_h=10, **CUT),
    sim_row("25", "half-open", "half-open", "stale (no-data), reconnected", whole_h=8, heal=clear, **SILENT),
    Case("25", "half-open, through a proxy", "proxy `half_open`", "stale (no-data); whole when the line is", chaos=True,
         inject=chaos(dict(half_open=True)), heal=calm, whole_h=10, tls=True, **SILENT),
    sim_row("26", "the end inside a frame", "cut-frame", "the part is never read as a message", dict(n=1), **CUT),
    Case("26", "reset inside a message, TLS", "proxy `reset_after=700` three times", "the part is never read as a message",
         chaos=True, tls=True, inject=lambda line: [(line.chaos.set(reset_after=700), line.watch(
             lambda: line.chaos.set()["resets"] > n, 8)) for n in range(3)], heal=calm, whole_h=12, **CUT),
    sim_row("26", "reset", "reset", "stale (disconnected), reconnected", quick=True, **CUT),
    Case("27", "accepts and says nothing", told("mute-connect", n=1), "given up in time, tried again", tls=True,
         inject=lambda line: (line.fault("mute-connect", n=1), line.ctl("RECONNECT")), whole_h=30, **CUT),
    Case("27", "never answers the upgrade", told("mute", n=1), "given up in time, tried again",
         inject=knocks("mute", n=1), whole_h=30, **CUT),
    Case("28", "one byte every 10 ms", "proxy `slice=1 slice_ms=10`", "works or times out; nothing late is live",
         chaos=True, affected="some", inject=chaos(dict(slice=1, slice_ms=10)), heal=for_a_while(4), whole_h=12, transports=BOTH,
         lag_s=12),
    Case("28", "slices of 7 bytes", "proxy `slice=7`", "the same messages", chaos=True, tls=True, affected="some",
         inject=chaos(dict(slice=7)), heal=for_a_while(2), transports=BOTH, quick=True),
    Case("28", "delay and jitter", "proxy `delay_ms=100 jitter_ms=200`", "later, in order, not stale", chaos=True,
         inject=chaos(dict(delay_ms=100, jitter_ms=200)), heal=for_a_while(2), transports=BOTH, **NOBODY),
    Case("28 40", "a thin line", "proxy `bandwidth=8000`", "late or stale, and right in the end", chaos=True, affected="some",
         inject=chaos(dict(bandwidth=8000)), heal=for_a_while(3), whole_h=20, lag_s=30),
    Case("29", "429 with Retry-After", told("refuse", n=1, status=429, retry_after=2), "stays away as long as it is told to",
         inject=knocks("refuse", n=1, status=429, retry_after=2), whole_h=12, **CUT),
    Case("29", "418", told("refuse", n=1, status=418, retry_after=2), "stays away as long as it is told to",
         inject=knocks("refuse", n=1, status=418, retry_after=2), whole_h=12, **CUT),
    Case("29", "503", told("refuse", n=3, status=503), "tried again with growing waits",
         inject=knocks("refuse", n=3, status=503), whole_h=12, **CUT),
    Case("29", "301", told("refuse", n=1, status=301), "not followed, tried again",
         inject=knocks("refuse", n=1, status=301), whole_h=12, **CUT),
    Case("30", "connections are reset for 5 s", "proxy `refuse`", "one attempt a second, which is the exchange's quota",
         chaos=True, inject=lambda line: (line.chaos.set(refuse=True), line.fault("reset")), heal=for_a_while(5), whole_h=8,
         check=attempts_were_few, **CUT),
]

# ------------------------------------------------------------------ names, addresses


def own_hosts(text):
    """The gateway finds the exchange by a name of a private /etc/hosts and resolv.conf."""
    def before(line):
        places.leave(places.CLONE_NEWNS)
        places.run("mount", "--make-rprivate", "/")
        for name, content in (("hosts", text), ("resolv.conf", "nameserver 127.0.0.9\noptions timeout:1 attempts:1\n")):
            path = line.directory / name
            path.write_text(content)
            places.run("mount", "--bind", str(path), f"/etc/{name}")
        line.hosts = line.directory / "hosts"
        line.name_of_sim = True
    return before


def by_name(line):
    """As begin_gateway(), by the name."""
    port = line.sim.ready["rest"].rsplit(":", 1)[1]
    line.feed = {"ws": f"ws://exchange.test:{port}", "rest": f"http://exchange.test:{port}"}


def renamed(line):
    """The gateway is started again with a name instead of an address."""
    line.gateway.stop()
    own = dict(line.sim.ready)
    by_name(line)
    line.sim.ready |= {"own_ws": own["ws"], "own_rest": own["rest"]}
    line.begin_gateway()
    line.feed = None


def begin_again(line):
    """What comes now is the fault; the gateway that was started before it is whole."""
    line.wait_live()
    epoch = max(m.epoch for m in line.heard.heard)
    line.heard.wait(lambda m: m.channel == "heartbeat" and m.epoch > epoch, "a heartbeat of the new one")
    line.assertIsNotNone(line.watch(line.all_fit, bookcast_test.DEADLINE), line.now_fit)
    line.count_from_now()


def name_vanishes(line):
    renamed(line)
    begin_again(line)
    line.hosts.write_text("127.0.0.1 localhost\n")
    line.fault("reset")


def name_returns(line):
    line.watch(lambda: False, 3)
    line.hosts.write_text("127.0.0.1 localhost exchange.test\n")


def v6_black_hole(line):
    places.leave(places.CLONE_NEWNET)
    places.run("ip", "link", "set", "lo", "up")
    places.run("ip", "addr", "add", "fd00::1/128", "dev", "lo")
    places.run("nft", "-f", "-", stdin="table inet t {\n chain input {\n  type filter hook input priority 0;\n"
               "  ip6 daddr fd00::1 drop\n }\n}\n")
    own_hosts("127.0.0.1 localhost\nfd00::1 exchange.test\n127.0.0.1 exchange.test\n")(line)


NAMES = [
    Case("32", "the name is gone: NXDOMAIN or no answer", "private /etc/hosts and a resolver that is not there",
         "stale; asked again; the loop goes on", root=True, before=own_hosts("127.0.0.1 localhost exchange.test\n"),
         inject=name_vanishes, heal=name_returns, stale_h=4, whole_h=24, reasons=("disconnected",)),
    Case("33", "IPv6 drops everything, IPv4 is fine", "two addresses in a private /etc/hosts, nft `drop`",
         "connected over the other address", root=True, before=v6_black_hole, inject=renamed, stale_h=4, whole_h=40),
]

# ------------------------------------------------------------------ the bus


def kill_gateway(line):
    line.gateway.kill()


def gateway_again(line):
    line.begin_gateway()


def kill_cache(line):
    line.cache.kill()


def cache_again(line):
    line.begin_cache()


def sim_killed(line):
    line.sim.kill()


def stop(which, seconds):
    return lambda line: line.stop_for(getattr(line, which), seconds)


def apart(line):
    """The gateway is in a network of its own, its bus reached over TCP, the exchange here."""
    line.far = places.Far(line)
    line.more_sim = ("--listen", f"{places.NEAR}:0")
    far_run = line.directory / "far"
    far_run.mkdir(mode=0o700)
    line.how_gateway = dict(prefix=line.far.enter)
    line.more_gateway += ("--bind", f"tcp://{places.FAR}:7100", "--allow-insecure", "--run-dir", str(far_run))
    line.bus_endpoint = f"tcp://{places.FAR}:7100"
    line.cache_flags = ("--gateways", line.bus_endpoint)


def sim_port(line):
    return line.sim.ready["rest"].rsplit(":", 1)[1].rstrip("/")


def to_sim(line, verdict):
    return [("both", f"tcp dport {sim_port(line)} {verdict}"), ("both", f"tcp sport {sim_port(line)} {verdict}")]


def on_bus(verdict):
    return [("both", f"tcp dport 7100 {verdict}"), ("both", f"tcp sport 7100 {verdict}")]


def loss(percent):
    return f"numgen random mod 100 < {percent} drop"


def rules(make):
    return lambda line: line.far.rules(*make(line))


def open_again(line):
    line.far.rules()


def held(seconds):
    return for_a_while(seconds, open_again)


def several(*flags):
    def before(line):
        line.gateway_flags = [f.split() for f in flags]
    return before


def kill(number):
    """One of several gateways; of shards, those are concerned whom nobody else has."""
    def inject(line):
        victim = line.gateways[number]
        if "--shard" in line.gateway_flags[number]:
            answer = bookcast_test.ask(line.context, victim.ready["ctl"], ("BC1", "LIST"))
            line.theirs = {f.decode() for f in answer[2::3]}
            line.assertTrue(line.theirs)
        victim.kill()
    return inject


def again(number):
    def heal(line):
        line.gateways[number] = line.begin_gateway(*line.gateway_flags[number])
        line.gateway = line.gateways[0]
    return heal


def storm(line):
    """The exchange refuses everybody for a while, and ends what there is."""
    line.fault("refuse", n=30, status=503)
    line.fault("hang-up")


def within_limits(line):
    status, text = bookcast_test.http(line.sim, "GET", "/limits")
    line.assertEqual(status, 200)
    over = [rule for rule in json.loads(text)["rules"] if rule["violations"]]
    line.assertEqual(over, [])


NET = dict(root=True, before=apart)

BUS = [
    Case("34 38", "the cache, a subscriber, stands still 4 s", "SIGSTOP",
         "it alone is behind; asked again, no answer is mixed up; then whole", inject=stop("cache", 4), affected="some", whole_h=4, lag_s=8),
    Case("36", "the gateway is killed", "kill -9", "stale (gateway) within 3 heartbeats; live after its restart",
         inject=kill_gateway, heal=gateway_again, stale_h=4, whole_h=8, reasons=("gateway",), quick=True),
    Case("36", "the gateway is killed, Upbit", "kill -9", "the same", exchange=UPBIT,
         inject=kill_gateway, heal=gateway_again, stale_h=4, whole_h=8, reasons=("gateway",)),
    Case("37", "the cache is killed", "kill -9", "the stream goes on; whole within 2 heartbeats of its restart",
         inject=kill_cache, heal=cache_again, affected="some", whole_h=4, cache_counts=False),
    Case("", "the exchange is killed", "kill -9 of bookcast-sim", "stale (disconnected) at once; live when it is back",
         inject=sim_killed, heal=lambda line: line.sim_again(), stale_h=2, whole_h=10, transports=BOTH),
    Case("36", "of two lines one is killed", "two instances `a`, `b`; kill -9 of `a`",
         "the cache answers from the other; nobody is stale", before=several("--instance a", "--instance b"), inject=kill(0),
         heal=lambda line: (line.watch(lambda: False, 4 * HEARTBEAT), again(0)(line)), **NOBODY),
    Case("17 36", "of two lines one stands still 4 s", "two instances; SIGSTOP of `a`",
         "the cache answers from the other; nobody is stale", before=several("--instance a", "--instance b"),
         inject=lambda line: line.stop_for(line.gateways[0], 4), affected="some", whole_h=8),
    Case("36", "of two shards one is killed", "`--shard 0/2`, `1/2`; kill -9 of one", "its symbols stale (gateway), the others live",
         before=several("--shard 0/2", "--shard 1/2"), inject=kill(1), heal=again(1), affected="theirs", stale_h=4, whole_h=8,
         reasons=("gateway",)),
    Case("30", "six shards lose the exchange together", "`--shard 0/6` to `5/6`; `refuse n=30 status=503`, `hang-up`",
         "attempts spread by jitter, no limit of the exchange is passed", exchange=UPBIT, inject=storm, check=within_limits,
         before=several(*(f"--shard {i}/6" for i in range(6))), stale_h=2, whole_h=60, reasons=("disconnected",)),
    Case("25 39", "partition from the exchange", "nft `drop`", "stale (no-data); whole when it heals",
         inject=rules(lambda line: to_sim(line, "drop")), heal=open_again, whole_h=12, **NET, **SILENT),
    Case("26", "the exchange resets every packet", "nft `reject with tcp reset`", "stale (disconnected)",
         inject=rules(lambda line: to_sim(line, "reject with tcp reset")[:1]), heal=held(2), whole_h=10, stale_h=2,
         transports=BOTH, **NET),
    Case("39", "partition of gateway and cache", "nft `drop`, for 6 s more once it is noticed", "stale (gateway) within 3 heartbeats; data soon after",
         inject=rules(lambda line: on_bus("drop")), heal=held(6), stale_h=4, whole_h=6, reasons=("gateway",), bus_loses=True,
         lag_s=25, **NET),
    Case("40", "5 % of the packets lost, both ways", "nft `numgen random`", "right, later",
         inject=rules(lambda line: on_bus(loss(5)) + to_sim(line, loss(5))), heal=held(4), affected="some", whole_h=10, lag_s=15,
         **NET),
    Case("40", "30 % of the packets lost, both ways", "nft `numgen random`", "late or stale, never wrong",
         inject=rules(lambda line: on_bus(loss(30)) + to_sim(line, loss(30))), heal=held(6), affected="some", whole_h=30,
         bus_loses=True, lag_s=40, **NET),
    Case("40", "a line of 256 kbit/s", "tc tbf", "late or stale, never wrong", inject=lambda line: line.far.thin("256kbit"),
         heal=for_a_while(4, lambda line: line.far.thick()), affected="some", whole_h=20, bus_loses=True, lag_s=25, **NET),
]

# ------------------------------------------------------------------ the host


def full_run_dir(line):
    places.small_disk(line.run_dir, "1m")


def fill(line):
    """To the last byte."""
    with open(line.run_dir / "filler", "wb", buffering=0) as filler:
        block = 65536
        while block:
            try:
                filler.write(b"x" * block)
            except OSError:
                block //= 2


def starts_on_full_disk(line):
    """The file of the newest messages finds no room, and a page of it that is not there would be a SIGBUS."""
    line.gateway.stop()
    fill(line)
    line.begin_gateway()


def log_pipe(line):
    """Its stderr is a pipe that is full, and nobody reads."""
    line.gateway.stop()
    path = line.directory / "log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    line.addCleanup(os.close, reader)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    line.addCleanup(os.close, writer)
    os.write(writer, bytes(fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)))
    line.begin_gateway("--metrics", "127.0.0.1:0", prefix=("sh", "-c", f'exec 2>"{path}"; exec "$@"', "sh"))


def lines_were_lost(line):
    wait_until(lambda: line.counter("log_lines_lost_total") > 0, "a line that is counted as lost")


def shifted(line):
    line.clock = line.shifted_clock()
    line.how_gateway = dict(environment=line.clock.environment)


def clock(**ahead):
    return lambda line: line.clock.set(**ahead)


def grouped(line):
    line.group = places.MemoryGroup(line)
    line.how_gateway = dict(prefix=("sh", "-c", f'echo $$ >{line.group.path}/cgroup.procs; exec "$@"', "sh"))


def oom(line):
    """The limit falls to little more than it uses, and a message comes that takes more."""
    line.group.write(line.group.limit, line.group.used() + (48 << 20))
    line.fault("giant", bytes=200 << 20)
    wait_until(lambda: not line.gateway.running(), "the kernel ends the gateway")
    line.gateway.expected = {-signal.SIGKILL}
    line.assertEqual(line.gateway.process.returncode, -signal.SIGKILL)
    line.group.write(line.group.limit, 4 << 30)


def terminated(line):
    began = time.monotonic()
    line.assertEqual(line.gateway.stop(), 0)
    line.seen["exit_s"] = time.monotonic() - began
    line.assertLess(line.seen["exit_s"], EXIT_S + SLACK)


def terminated_in_a_flood(line):
    """Strangers ask for what is too long, are cut, and come again; some input of theirs is never read."""
    strangers = [line.context.socket(zmq.SUB) for _ in range(20)]
    for socket in strangers:
        socket.linger = 0
        socket.setsockopt(zmq.RECONNECT_IVL, 1)
        socket.connect(line.gateway.ready["endpoints"][0])
        for i in range(200):
            socket.subscribe(f"{i:04}".encode() * (1000 if i % 10 == 0 else 30))
    line.watch(lambda: False, 1)
    terminated(line)
    for socket in strangers:
        socket.close()


def no_descriptors(line):
    """What is open stays so; also what the lost connection gives back is beyond the limit."""
    line.limits = resource.prlimit(line.gateway.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(line.gateway.pid, resource.RLIMIT_NOFILE, (3, line.limits[1]))
    line.before_sessions = line.status()["sessions_ever"]
    line.fault("reset")


def descriptors_again(line):
    line.watch(lambda: False, 2)
    line.assertFalse(any(line.now_fit.values()), line.now_fit)
    line.assertEqual(line.status()["sessions_ever"], line.before_sessions)
    resource.prlimit(line.gateway.pid, resource.RLIMIT_NOFILE, line.limits)


HOST = [
    Case("50", "the disk of the run directory is full, and the gateway starts", "tmpfs size=1m, filled",
         "publishes all the same, without the shared file", root=True, before=full_run_dir, inject=starts_on_full_disk,
         stale_h=4, whole_h=12),
    Case("50", "the disk of the run directory fills up", "tmpfs size=1m, filled", "nobody notices", root=True,
         before=full_run_dir, inject=fill, heal=for_a_while(2, lambda line: None), **NOBODY),
    Case("51", "no descriptor is left, and the connection is lost", "prlimit, then `reset`",
         "stale; connected when there are some again", inject=no_descriptors, heal=descriptors_again, stale_h=2, whole_h=20,
         reasons=("disconnected",)),
    Case("52", "the kernel ends the gateway for want of memory", "cgroup limit, `giant bytes=209715200` with the cap at 256 MiB",
         "as kill -9; nobody else is touched", root=True, before=grouped, inject=oom, heal=gateway_again, stale_h=4,
         whole_h=8, reasons=("gateway", "disconnected"), gateway=("--max-message-bytes", str(256 << 20))),
    Case("53", "the gateway stands still 8 s (30 s in a long run)", "SIGSTOP",
         "stale (gateway), then (clock); nothing old comes as live", inject=lambda line: line.stop_for(
             line.gateway, 30 if bookcast_test.LONG else 8), stale_h=4, whole_h=10, reasons=("gateway", "clock", "disconnected"),
         transports=BOTH),
    Case("54", "the wall clock goes an hour ahead", "preloaded clock", "nobody notices; no reconnect", before=shifted,
         inject=clock(wall_s=3600), heal=for_a_while(2, clock()), check=reconnects_are_few(1), lag_s=3700, **NOBODY),
    Case("54", "the wall clock goes an hour back", "preloaded clock", "nobody notices; no reconnect", before=shifted,
         inject=clock(wall_s=-3600), heal=for_a_while(2, clock()), check=reconnects_are_few(1), **NOBODY),
    Case("55", "the machine sleeps an hour", "preloaded clock: boot time ahead of monotonic",
         "everything stale (clock), then made anew", before=shifted, inject=clock(boot_s=3600), stale_h=4, whole_h=10,
         reasons=("clock", "disconnected"), quick=True),
    Case("56", "SIGTERM", "SIGTERM", "down (shutdown) is published, exit 0 within a second", inject=terminated,
         heal=gateway_again, stale_h=2, whole_h=8, reasons=("shutdown", "gateway")),
    Case("41 56", "SIGTERM in a flood of subscriptions", "20 strangers with topics too long, SIGTERM", "exit 0 within a second",
         inject=terminated_in_a_flood, heal=gateway_again, stale_h=2, whole_h=8, reasons=("shutdown", "gateway")),
    Case("58", "nobody reads the log", "stderr is a full pipe", "lines are dropped and counted, the feed goes on",
         inject=log_pipe, stale_h=4, whole_h=12, check=lines_were_lost),
]

CASES = FEED + WEBSOCKET + NAMES + BUS + HOST
