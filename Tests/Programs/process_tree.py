"""Fifty processes in three generations: what the root asks goes down to a leaf, and the answer comes back up."""
import os
import socket

from steps import steps


def spawn(fan):
    """A child with `fan` children of its own. Gives the socket to it."""
    here, there = socket.socketpair()
    if os.fork() != 0:
        there.close()
        return here
    here.close()
    below = [spawn(0) for _ in range(fan)]
    os.setpgid(0, 0)
    count = 0
    while question := there.recv(100):
        if below:
            count += 1
            chosen = below[count % fan]
            chosen.sendall(question)
            question = chosen.recv(100)
        there.sendall(question + b" %d" % os.getpid())
    os._exit(0)


branches = [spawn(6) for _ in range(7)]
answered = {}
for n in steps():
    branch = branches[n % 7]
    branch.sendall(b"%d" % n)
    question, leaf, parent = branch.recv(100).split()
    assert int(question) == n
    assert answered.setdefault(n % 7, parent) == parent
    assert answered.setdefault((n % 7, n // 7 % 6), leaf) == leaf
