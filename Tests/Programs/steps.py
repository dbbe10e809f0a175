"""Counting aloud, the same for every program."""
import time


def steps():
    """Numbers from 1 on. Each is printed when the work of its step is done."""
    n = 0
    while True:
        n += 1
        yield n
        print(n, flush=True)
        time.sleep(.005)
