#!/usr/bin/env python3
"""Every write of a Redis or Valkey server into a NATS JetStream stream, with nats-py (pip install nats-py).

    to_nats.py cdc@localhost:6379 --state position --subject redis.writes -- --password-file pw

The event's id is the message's Nats-Msg-Id: JetStream drops a repetition that comes within the stream's duplicate window.
"""

import asyncio
import atexit
import sys
import threading

import nats

import redtail_feed

# So many messages may be on their way before one is confirmed.
UNCONFIRMED = 256


def add_arguments(parser):
    parser.add_argument("--servers", default="nats://127.0.0.1:4222", metavar="URL,...")
    parser.add_argument("--subject", required=True, help="one that a stream of JetStream listens on")
    parser.add_argument("--creds", metavar="FILE", help="credentials of NATS")


def connect(options):
    # A thread of its own answers the server's pings while nothing is written.
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    async def say(error):
        print(f"nats: {error}", file=sys.stderr)

    servers = options.servers.split(",")
    connection = run(nats.connect(servers, user_credentials=options.creds, max_reconnect_attempts=5, error_cb=say))
    atexit.register(lambda: run(connection.close()))
    stream = connection.jetstream()

    async def publish(messages):
        for first in range(0, len(messages), UNCONFIRMED):
            some = messages[first : first + UNCONFIRMED]
            # Sent in the order of the writes; over once the stream has confirmed them all.
            await asyncio.gather(
                *(stream.publish(options.subject, body, headers={"Nats-Msg-Id": id.decode()}) for id, body in some)
            )

    return lambda messages: run(publish(messages))


if __name__ == "__main__":
    redtail_feed.main(__doc__.splitlines()[0], add_arguments, connect)
