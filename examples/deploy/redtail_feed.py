"""Runs `redtail tail` and hands its writes to a broker, at least once.

What is common to to_nats.py and to_kafka.py: a transaction is handed on at its EXEC and not before; the position is kept in a file, and
only once the broker has confirmed everything up to it. So whatever is killed, whenever: the next run goes on after that position, and what
was confirmed after it comes again with the same id.

Python 3.9 or later, nothing but the standard library.
"""

import argparse
import json
import os
import select
import signal
import subprocess
import sys

# A batch is handed on once it has so many messages, or once nothing came for so many seconds.
BATCH = 500
PATIENCE = 0.05


def main(description, add_arguments, connect):
    """`add_arguments(parser)` adds what the broker needs; `connect(options)` gives a function that takes a list of (id, body), both
    bytes, and returns once the broker has all of them, or raises."""
    parser = argparse.ArgumentParser(description=description, epilog="What follows -- goes to redtail tail: -- --password-file FILE")
    parser.add_argument("target", help="the Redis or Valkey server to follow")
    parser.add_argument("--state", required=True, metavar="FILE", help="keeps the position")
    parser.add_argument("--redtail", default="redtail", metavar="PATH", help="the tool [default: the one on the PATH]")
    add_arguments(parser)
    own, rest = sys.argv[1:], []
    if "--" in own:
        own, rest = own[: own.index("--")], own[own.index("--") + 1 :]
    options = parser.parse_args(own)

    start = ["--from", saved] if (saved := load(options.state)) else []
    if saved:
        print(f"goes on after {saved}", file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A heartbeat moves the position on while nothing is written that is printed.
    command = [options.redtail, "tail", options.target, "--format", "json", "--heartbeat", "10", *start, *rest]
    tail = None
    try:
        publish = connect(options)
        tail = subprocess.Popen(command, stdout=subprocess.PIPE)
        feed(tail.stdout, publish, lambda position: save(options.state, position))
    except Exception as error:  # whatever a broker's client raises
        sys.exit(f"{type(error).__name__}: {error}")
    finally:
        if tail:
            tail.terminate()
            tail.wait()
    # 4: the server no longer has what comes next. Nobody but you can say whether to go on without it.
    sys.exit(tail.returncode)


def feed(source, publish, confirmed):
    """Until the source ends: batches to `publish`, then to `confirmed` the position after them."""
    stream, waiting, done = Stream(), [], None
    for lines in arriving(source):
        for line in lines:
            waiting += stream.take(line)
        if waiting and (len(waiting) >= BATCH or not is_readable(source, PATIENCE)):
            publish(waiting)
            waiting = []
        if not waiting and stream.position != done:
            confirmed(stream.position)
            done = stream.position
    if waiting:
        publish(waiting)
        confirmed(stream.position)


class Stream:
    """Turns lines into messages, and knows the position after those that it gave."""

    def __init__(self):
        self.position = None
        self.replid = self.history = None
        self.transaction = None

    def take(self, line):
        """The messages that may be handed on now."""
        event = json.loads(line)
        kind = event["event"]
        if kind == "command" and event["tx"] and self.transaction is not None:
            self.transaction.append(message(event, line))
        elif kind == "command":
            self.reached(event)
            return [message(event, line)]
        elif kind == "multi":
            self.transaction = []
        elif kind == "exec":
            whole, self.transaction = self.transaction or [], None
            self.reached(event)
            return whole
        elif kind == "attached":
            self.replid, self.history, self.transaction = event["replid"], event["history"], None
            if event["method"] != "full":
                self.reached(event)
        elif kind in ("disconnected", "gap"):
            # What came since its MULTI comes again, or never.
            self.transaction = None
        elif kind == "position" and self.transaction is None and event["position"]:
            self.position = event["position"]
        # The keys before it, which have no id, are not handed on.
        elif kind == "snapshot":
            self.reached(event)
        return []

    def reached(self, event):
        db = "?" if event["db"] is None else event["db"]
        other = "" if self.history == self.replid else f":{self.history}"
        self.position = f"{self.replid}:{event['offset']}:{db}{other}"


def message(event, line):
    if event["id"] is None:
        raise SystemExit("these events have no id, so nobody could tell a repetition: do not use --from sync")
    return event["id"].encode(), line


def arriving(source):
    """Lists of whole lines, as they come."""
    part = b""
    while piece := os.read(source.fileno(), 1 << 20):
        *lines, part = (part + piece).split(b"\n")
        yield lines


def is_readable(source, seconds):
    return bool(select.select([source], [], [], seconds)[0])


def load(state):
    try:
        with open(state, encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def save(state, position):
    """Whole or not at all, also if the machine stops."""
    with open(f"{state}.new", "w", encoding="ascii") as file:
        file.write(f"{position}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{state}.new", state)
