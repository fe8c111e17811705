"""Follows a server through cffi until a DEL, then parses its position: hello.py CDEF LIBRARY ADDRESS"""
import sys

import cffi

ffi = cffi.FFI()
ffi.cdef(open(sys.argv[1]).read())
lib = ffi.dlopen(sys.argv[2])


def text(slice):
    return ffi.buffer(slice.data, slice.len)[:].decode()


options = ffi.new("redtail_options *", {"struct_size": ffi.sizeof("redtail_options")})
follower = ffi.gc(lib.redtail_follower_new(options), lib.redtail_follower_free)
event = ffi.new("redtail_event **")
position = ffi.new("redtail_position *")
status = lib.redtail_follower_connect(follower, sys.argv[3].encode())
done = False
while not done and status == lib.REDTAIL_OK:
    status = lib.redtail_follower_next(follower, event)
    if status != lib.REDTAIL_OK:
        break
    kind = event[0].kind
    if kind == lib.REDTAIL_EVENT_ATTACHED:
        print(ffi.string(lib.redtail_event_name(kind)).decode())
    elif kind == lib.REDTAIL_EVENT_COMMAND:
        print(*(text(event[0].args[i]) for i in range(event[0].argc)))
        done = lib.redtail_command_is(event[0].args, event[0].argc, b"del") == 1
        lib.redtail_event_position(event[0], position)
if status < 0:
    sys.exit(ffi.string(lib.redtail_follower_message(follower)).decode())

# A position by value and as text: no memory of ours is pointed to.
options.position = position[0]
buffer = ffi.new("char[]", lib.REDTAIL_POSITION_TEXT_SIZE)
lib.redtail_position_format(ffi.addressof(options, "position"), buffer, len(buffer))
lib.redtail_position_parse(buffer, ffi.addressof(options, "position"))
print(options.position.offset, options.position.db)
assert lib.REDTAIL_UNKNOWN == 2**64 - 1 and lib.REDTAIL_NO_TIME == -(2**63)
