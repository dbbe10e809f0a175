"""Two hundred threads, one of which is woken in each step."""
import threading

from steps import steps

threading.stack_size(256 << 10)
doors, counts, done = [threading.Semaphore(0) for _ in range(199)], [0] * 199, threading.Semaphore(0)


def wait(i):
    while True:
        doors[i].acquire()
        counts[i] += 1
        done.release()


for i in range(199):
    threading.Thread(target=wait, args=(i,), daemon=True).start()

for n in steps():
    assert threading.active_count() == 200
    doors[n % 199].release()
    done.acquire()
    assert sum(counts) == n
