"""A gateway that is played: what the cache and clients hear of it is what a test lets it say. The case
keeps them in its list `gateways` and calls turn() of each often enough. Control is a control socket
that is played, by a thread of its own."""
import os
import threading
import time

import msgpack
import zmq

LIVE, STALE, DOWN = 2, 5, 7
BOOK, TRADE, CANDLE, INSTRUMENT, STATE, HEARTBEAT_CHANNEL = 0, 2, 4, 5, 6, 7
INTERVAL = 0.2


class Gateway:
    """Publishes as a gateway does: an XPUB that welcomes; heartbeats come from turn(), often enough."""

    def __init__(self, case, instance="0", epoch=100, symbols=("KRW-BTC", "KRW-ETH"), path=None,
                 exchange="upbit", promised=INTERVAL):
        """It beats each INTERVAL seconds; who hears it misses it after three times what is promised."""
        self.exchange, self.instance, self.epoch, self.symbols = exchange, instance, epoch, list(symbols)
        self.promised = promised
        self.topics, self.seq, self.last_beat = {}, {}, 0.0
        self.asked = []  # prefixes that were subscribed, as often as they were
        self.socket = case.context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, 100000)
        self.socket.bind(path or f"ipc://{case.run_dir}/{exchange}.{instance}.pub")
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.send(f"@{instance}.state", STATE, LIVE, [LIVE, 1, self.symbols])
        case.addCleanup(self.close)
        case.gateways.append(self)

    def close(self):
        self.socket.close()

    def send(self, name, channel, state, body, flags=0, again=False, extra=()):
        topic = f"{self.exchange}.{name}".encode()
        if not again:
            self.seq[topic] = self.seq.get(topic, 0) + 1
        now = time.time_ns()
        envelope = [channel, self.epoch, self.seq[topic], None, None, now, now, state, 0, now, flags]
        payload = msgpack.packb([1, envelope + list(extra), body])
        self.topics[topic] = (name, channel, state, body)
        self.socket.send(topic + b"\0" + payload)
        return payload

    def book(self, symbol, price, state=LIVE):
        return self.send(f"{symbol}.book", BOOK, state, [0, 0, [price, 1], [price + 1, 1]])

    def turn(self):
        """Welcomes who subscribed; beats when it is time."""
        while self.socket.poll(0):
            message = self.socket.recv()
            if message[0] == 1:
                self.asked.append(message[1:])
                for topic in [t for t in self.topics if t.startswith(message[1:])]:
                    if self.topics[topic][1] != HEARTBEAT_CHANNEL:
                        self.send(*self.topics[topic], flags=2, again=True)
        if time.monotonic() - self.last_beat > INTERVAL:
            self.beat()

    def beat(self, state=LIVE):
        self.last_beat = time.monotonic()
        self.send(f"@{self.instance}.heartbeat", HEARTBEAT_CHANNEL, state,
                  [self.instance, 0, 1, os.getpid(), "0.1.0", 0, int(self.promised * 1e9),
                   [self.endpoint], 1, {"welcomes": 3}])


class Control:
    """A control socket: `answers` has by verb the frames of a reply after "BC1", and `heard` what was asked."""

    def __init__(self, case, instance, answers, exchange="upbit"):
        self.answers, self.heard, self.ends = answers, [], threading.Event()
        self.socket = case.context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(f"ipc://{case.run_dir}/{exchange}.{instance}.ctl")
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        case.addCleanup(self.close)

    def serve(self):
        while not self.ends.is_set():
            if self.socket.poll(20):
                words = [frame.decode() for frame in self.socket.recv_multipart()[1:]]
                self.heard.append(words)
                self.socket.send_multipart([f.encode() for f in ["BC1", *self.answers.get(words[0], ["200"])]])

    def close(self):
        self.ends.set()
        self.thread.join()
        self.socket.close()
