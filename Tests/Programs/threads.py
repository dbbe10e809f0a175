"""Threads that share a queue, a lock and a condition."""
import queue
import threading

from steps import steps

asked, answered = queue.Queue(), queue.Queue()
own, lock, turn = threading.local(), threading.Lock(), threading.Condition()
total = passed = 0


def square():
    global total
    own.count = 0
    while True:
        number = asked.get()
        own.count += 1
        with lock:
            total += 1
        answered.put((number * number, own.count))


def take_turns():
    global passed
    while True:
        with turn:
            turn.wait()
            passed += 1
            answered.put(None)


for _ in range(7):
    threading.Thread(target=square, daemon=True).start()
threading.Thread(target=take_turns, daemon=True).start()

for n in steps():
    for i in range(7):
        asked.put(n + i)
    assert sorted(answered.get()[0] for _ in range(7)) == [(n + i) ** 2 for i in range(7)]
    assert total == 7 * n
    while passed < n:
        with turn:
            turn.notify()
        try:
            assert answered.get(timeout=.001) is None
        except queue.Empty:
            pass  # it was not yet waiting
