"""Prints every write of a server as it happens, until Ctrl-C: python3 tail.py 127.0.0.1:6379 [LIBRARY]."""

import ctypes
import sys

OK, IDLE = 0, 6  # redtail_status
COMMAND, GAP, DISCONNECTED = 6, 14, 15  # redtail_event_kind


class Slice(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Event(ctypes.Structure):  # the first fields of redtail_event
    _fields_ = [("kind", ctypes.c_int), ("resumable", ctypes.c_int), ("offset", ctypes.c_uint64),
                ("db", ctypes.c_int64), ("tx", ctypes.c_uint64), ("received_ms", ctypes.c_uint64),
                ("args", ctypes.POINTER(Slice)), ("argc", ctypes.c_size_t)]


def main(address="127.0.0.1:6379", library="libredtail.so.0.2"):
    redtail = ctypes.CDLL(library)
    redtail.redtail_follower_new.restype = ctypes.c_void_p
    redtail.redtail_follower_message.restype = ctypes.c_char_p
    follower = ctypes.c_void_p(redtail.redtail_follower_new(None))
    event = ctypes.POINTER(Event)()
    try:
        status = redtail.redtail_follower_connect(follower, address.encode())
        while status in (OK, IDLE):
            # A second at most: Python sees Ctrl-C only between two calls.
            status = redtail.redtail_follower_next_timeout(follower, ctypes.c_uint64(1000), ctypes.byref(event))
            if status == OK and event.contents.kind == COMMAND:
                args = event.contents.args[: event.contents.argc]
                print(event.contents.offset, *(ctypes.string_at(arg.data, arg.len) for arg in args), flush=True)
            elif status == OK and event.contents.kind in (GAP, DISCONNECTED):
                print(redtail.redtail_follower_message(follower).decode(), file=sys.stderr)
        return redtail.redtail_follower_message(follower).decode() if status < 0 else 0
    except KeyboardInterrupt:
        return 0
    finally:
        redtail.redtail_follower_free(follower)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
