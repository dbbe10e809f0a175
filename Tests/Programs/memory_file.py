"""A sealed memfd, mapped here and by a child, and anonymous memory that both share."""
import fcntl
import mmap
import os
import struct
import time

from steps import steps

file = os.memfd_create("shared", os.MFD_ALLOW_SEALING)
os.ftruncate(file, 8192)
fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
mapped, anonymous = mmap.mmap(file, 8192), mmap.mmap(-1, 4096)
if os.fork() == 0:
    while True:
        anonymous[:8] = mapped[:8]
        time.sleep(.0005)

for n in steps():
    mapped[:8] = struct.pack("q", n)
    assert struct.unpack("q", os.pread(file, 8, 0))[0] == n
    while struct.unpack("q", anonymous[:8])[0] != n:
        time.sleep(.0005)
    assert fcntl.fcntl(file, fcntl.F_GET_SEALS) == fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
