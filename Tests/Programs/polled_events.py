"""epoll over eventfds, a pipe and a signalfd, level and edge triggered, one inside another."""
import ctypes
import os
import select
import signal

from steps import steps

c = ctypes.CDLL(None)
level, edge, counter = os.eventfd(0), os.eventfd(0), os.eventfd(5)
readable, writable = os.pipe()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
mask = (ctypes.c_ulong * 16)(1 << signal.SIGUSR1 - 1)
signals = c.signalfd(-1, mask, 0)
inner, outer = select.epoll(), select.epoll()
for descriptor in level, readable, signals:
    inner.register(descriptor, select.EPOLLIN)
inner.register(edge, select.EPOLLIN | select.EPOLLET)
outer.register(inner, select.EPOLLIN)

for n in steps():
    assert outer.poll(0) == []
    os.eventfd_write(level, n)
    os.eventfd_write(edge, 1)
    os.write(writable, b"x")
    os.kill(os.getpid(), signal.SIGUSR1)
    assert [descriptor for descriptor, _ in outer.poll(5)] == [inner.fileno()]
    assert {descriptor for descriptor, _ in inner.poll(5)} == {level, edge, readable, signals}
    assert os.eventfd_read(level) == n and os.read(readable, 10) == b"x" and len(os.read(signals, 128)) == 128
    assert os.eventfd_read(edge) == 1
    assert os.eventfd_read(counter) == 4 + n
    os.eventfd_write(counter, 5 + n)
