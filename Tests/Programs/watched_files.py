"""inotify on a directory and on a file."""
import ctypes
import os
import struct

from steps import steps

CREATED, MODIFIED = 0x100, 0x2
c = ctypes.CDLL(None)
open("watched", "w").close()
watch = c.inotify_init()
directory, file = c.inotify_add_watch(watch, b".", CREATED), c.inotify_add_watch(watch, b"watched", MODIFIED)
assert directory > 0 and file > 0


def next_event():
    number, mask, _, length = struct.unpack("iIII", os.read(watch, 16 + 32)[:16])
    return number, mask


for n in steps():
    open("made", "w").close()
    assert next_event() == (directory, CREATED)
    os.unlink("made")
    with open("watched", "r+") as changed:
        changed.write("%d" % n)
    assert next_event() == (file, MODIFIED)
