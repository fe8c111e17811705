#!/usr/bin/env python3
"""Every write of a Redis or Valkey server into a Kafka topic, with kcat.

    to_kafka.py cdc@localhost:6379 --state position --brokers localhost:9092 --topic redis -- --password-file pw

The key of each message is the event's id. Kafka does not drop repetitions by it: a consumer does, or a compacted topic in time. A topic of
one partition keeps the order of the writes.
"""

import subprocess

import redtail_feed


def add_arguments(parser):
    parser.add_argument("--brokers", required=True, metavar="HOST:PORT,...")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--kcat", default="kcat", metavar="PATH", help="the client [default: the one on the PATH]")
    parser.add_argument("-X", action="append", default=[], metavar="NAME=VALUE", help="a setting for kcat, such as security.protocol=ssl")


def connect(options):
    settings = ["acks=all", "enable.idempotence=true", *options.X]
    command = [options.kcat, "-P", "-b", options.brokers, "-t", options.topic, "-K", r"\t"]
    command += [word for setting in settings for word in ("-X", setting)]

    def publish(messages):
        # Neither an id nor a line of JSON has a tab or an end of line in it. kcat ends well only if all were confirmed.
        lines = b"".join(id + b"\t" + body + b"\n" for id, body in messages)
        subprocess.run(command, input=lines, check=True)

    return publish


if __name__ == "__main__":
    redtail_feed.main(__doc__.splitlines()[0], add_arguments, connect)
