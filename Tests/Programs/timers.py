"""Timers of all three kinds and the signals they send; one signal stays blocked and pending, one is ignored."""
import ctypes
import os
import signal

from steps import steps

MONOTONIC, MILLISECOND = 1, 1_000_000
c = ctypes.CDLL(None, use_errno=True)
hits = {signal.SIGALRM: 0, signal.SIGRTMIN: 0}


def count(number, _):
    hits[number] += 1


for number in hits:
    signal.signal(number, count)
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.kill(os.getpid(), signal.SIGUSR1)

interval = (ctypes.c_long * 4)(0, 7 * MILLISECOND, 0, 7 * MILLISECOND)
signal.setitimer(signal.ITIMER_REAL, .01, .01)
event, timer = (ctypes.c_int * 16)(0, 0, signal.SIGRTMIN, 0), ctypes.c_void_p()
assert c.timer_create(MONOTONIC, event, ctypes.byref(timer)) == 0
assert c.timer_settime(timer, 0, interval, None) == 0
file = c.timerfd_create(MONOTONIC, 0)
assert c.timerfd_settime(file, 0, interval, None) == 0

for n in steps():
    before = dict(hits)
    while any(hits[number] == before[number] for number in hits):
        signal.pause()
    while True:
        try:
            assert int.from_bytes(os.read(file, 8), "little") > 0
            break
        except InterruptedError:
            pass
    assert signal.sigpending() == {signal.SIGUSR1}
    os.kill(os.getpid(), signal.SIGUSR2)
