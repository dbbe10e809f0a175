"""inotify on a directory and on a file."""
import ctypes
import os
import select
import struct

from steps import steps

CREATED, MODIFIED = 0x100, 0x2
c = ctypes.CDLL(None)
open("watched", "w").close()
watch = c.inotify_init()
directory, file = c.inotify_add_watch(watch, b".", CREATED), c.inotify_add_watch(watch, b"watched", MODIFIED)
assert directory > 0 and file > 0


def expect(watched, event, change):
    """The event is there as soon as the change is made, unless a restore lost it, as it loses what nobody had read yet: then once more."""
    while True:
        change()
        if select.select([watch], [], [], 0)[0]:
            number, mask, _, _ = struct.unpack("iIII", os.read(watch, 16 + 32)[:16])
            assert (number, mask) == (watched, event)
            return


def make():
    if os.path.exists("made"):
        os.unlink("made")
    open("made", "w").close()


def modify():
    with open("watched", "r+") as changed:
        changed.write("x")


for n in steps():
    expect(directory, CREATED, make)
    expect(file, MODIFIED, modify)
