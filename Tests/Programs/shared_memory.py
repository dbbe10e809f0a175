"""POSIX shared memory by name in /dev/shm, with a child that uses it too, and semaphores whose names are gone."""
import multiprocessing
import os
from multiprocessing import resource_tracker, shared_memory

from steps import steps

context = multiprocessing.get_context("fork")
memory = shared_memory.SharedMemory(name="counted", create=True, size=8192)
resource_tracker.unregister("/" + memory.name, "shared_memory")  # who ends it does so by SIGKILL
asked, answered, lock = context.Semaphore(0), context.Semaphore(0), context.Lock()
os.mkdir("/dev/shm/folder", 0o700)
inner = open("/dev/shm/folder/inner", "w+")


def number():
    return int.from_bytes(memory.buf[:8], "little")


def answer():
    while True:
        asked.acquire()
        with lock:
            memory.buf[:8] = (number() + 1).to_bytes(8, "little")
        answered.release()


context.Process(target=answer, daemon=True).start()

for n in steps():
    asked.release()
    answered.acquire()
    with lock, open("/dev/shm/" + memory.name, "rb") as file:
        assert number() == int.from_bytes(file.read(8), "little") == n
    inner.seek(0)
    assert n == 1 or int(inner.read()) == n - 1
    inner.seek(0)
    inner.write("%d" % n)
    inner.flush()
