"""Locks of both kinds, held here and tried for by a child."""
import fcntl
import os
import socket

from steps import steps

whole, part = open("whole", "w"), open("part", "w")
here, there = socket.socketpair()
child = os.fork()
if child == 0:
    here.close()
    whole.close()
    part.close()  # the parent's locks are not this process's
    while there.recv(1):
        refused = 0
        for name, attempt in (("whole", fcntl.flock), ("part", fcntl.lockf)):
            with open(name, "r+") as file:
                try:
                    attempt(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    refused += 1
        there.sendall(b"%d" % refused)
    os._exit(0)
there.close()
fcntl.flock(whole, fcntl.LOCK_EX)
fcntl.lockf(part, fcntl.LOCK_EX, 10, 5)

for n in steps():
    here.sendall(b"?")
    assert here.recv(1) == b"2", "a lock was lost"
