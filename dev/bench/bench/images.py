"""Checkpoints and restores of processes, in turns with CRIU by its command line in a sandbox of the same shape."""

import atexit
import contextlib
import functools
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from .measures import UNTIRING, gives, pair
from .stage import Missing, median, milliseconds, private_bytes, wait_until

CRIU = "/opt/runner-criu/criu"
SIZES = (10, 100, 1000)
# As the runner asks for: what differs would be measured as well.
COMMON = ("--no-default-config", "--manage-cgroups=ignore", "--file-locks", "--link-remap", "--tcp-close", "--network-lock", "skip", "-v4")
# A session of its own, as ours has: the scheduler weighs sessions against each other.
ENTER = (shutil.which("setsid") or "/usr/bin/setsid", "--wait", "nsenter", "--pid", "--mount", "--ipc", "--uts", "--target")
SETTINGS = ("checkpoint.mode=process", "checkpoint.keep=2", "checkpoint.rehearse=never", "checkpoint.on_stop=false", *UNTIRING)


def rounds(stage, size):
    return max(3, stage.rounds // (2 if size < 1000 else 4))


def criu():
    if not os.access(CRIU, os.X_OK) or os.geteuid() != 0:
        raise Missing("there is no CRIU at the private prefix; dev/install-criu, as root")
    return CRIU


@functools.cache
def memory():
    """A directory in memory that every sandbox sees as we do: /dev/shm is each one's own."""
    criu()  # or there is nothing to measure
    place = pathlib.Path(tempfile.mkdtemp(prefix="runner-bench-memory."))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", place], check=True)
    atexit.register(place.rmdir)
    atexit.register(subprocess.run, ["umount", "--lazy", place])  # before the other
    return place


class Stamps:
    """What the hog writes down: the time of day, every half millisecond. In memory: on a disk it would wait for what others sync there."""

    def __init__(self, stage, name):
        self.path = memory() / f"{stage.folder.name}.{name}"

    def since(self, begin):
        """All times from `begin` on, and the last one before it."""
        times = [int(line) for line in self.path.read_bytes().split(b"\n")[:-1]]
        first = next((index for index, at in enumerate(times) if at >= begin), len(times))
        return times[max(0, first - 1) :]

    def longest_gap(self, begin):
        times = self.since(begin)
        return max(after - before for before, after in zip(times, times[1:]))

    def first_after(self, begin):
        return wait_until(lambda: next((at for at in self.since(begin) if at > begin), None), "the first instruction")

    def first_after_killing(self, pid):
        """Nanoseconds from the kill to the first stamp of whoever comes after."""
        process = os.pidfd_open(pid)
        began = time.time_ns()
        os.kill(pid, signal.SIGKILL)
        # Until it is gone it may still have written one.
        select.select([process], [], [])
        gone = time.time_ns()
        os.close(process)
        return self.first_after(gone) - began

    def wait_for_work(self):
        begin = time.time_ns()
        wait_until(lambda: len(self.since(begin)) > 20 if self.path.exists() else False, "the hog at work")


class BareSandbox:
    """The namespaces ours has, by util-linux; its pid 1 waits."""

    def __init__(self, *command):
        script = "echo 999 > /proc/sys/kernel/ns_last_pid; setsid \"$@\" </dev/null >/dev/null 2>&1 & exec sleep infinity" if command else "exec sleep infinity"
        self.process = subprocess.Popen(
            ["unshare", "--pid", "--mount", "--ipc", "--uts", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script, "sh", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.init = wait_until(lambda: self.children(self.process.pid), "a sandbox")[0]
        # It is whole when its init is what it is to be.
        wait_until(lambda: pathlib.Path(f"/proc/{self.init}/comm").read_text().strip() == "sleep", "a whole sandbox")

    @staticmethod
    def children(pid):
        try:
            return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def root(self):
        host = wait_until(lambda: self.children(self.init), "a process in the sandbox")[0]
        inside = next(line for line in pathlib.Path(f"/proc/{host}/status").read_text().splitlines() if line.startswith("NSpid:")).split()[-1]
        return host, inside

    def criu(self, stage, *words):
        """Begin and end of one CRIU in it."""
        return stage.spawn(*ENTER, str(self.init), "--", criu(), *words)

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.init, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


class Bare:
    """A hog that only CRIU alone looks after. What was restored once is dumped from then on, as with ours: its pages are small ones then."""

    def __init__(self, stage, name, size):
        self.stage, self.size, self.folder = stage, size, stage.folder / f"{name}.images"
        self.stamps = Stamps(stage, f"{name}.bare")
        self.sandbox = BareSandbox(stage.path("hog"), str(self.stamps.path), str(size))
        self.stamps.wait_for_work()

    def round(self):
        """One dump and one restore. - Returns: (dump, frozen, restore) in milliseconds."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        settle(self.stage, self.size)
        began = time.time_ns()
        begin, end = self.sandbox.criu(
            self.stage, "dump", "-t", self.sandbox.root()[1], "-D", str(self.folder), "-o", "dump.log", "--leave-running", *COMMON
        )
        # A version is on stable storage when it is told; what CRIU alone wrote is not.
        unsynced = time.monotonic_ns()
        sync_files(self.folder)
        synced = time.monotonic_ns() - unsynced
        self.stamps.wait_for_work()
        frozen = self.stamps.longest_gap(began)
        self.sandbox.end()
        self.sandbox = BareSandbox()
        settle(self.stage, self.size)
        began = time.time_ns()
        self.sandbox.criu(self.stage, "restore", "-d", "-D", str(self.folder), "-o", "restore.log", *COMMON)
        restored = self.stamps.first_after(began) - began
        self.stamps.wait_for_work()
        return milliseconds(end - begin + synced), milliseconds(frozen), milliseconds(restored)

    def close(self):
        self.sandbox.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def settle(stage, size):
    """What the other one left to be written, or gave back to the host, is not ours to wait for."""
    os.sync()
    stage.call(stage.path("warm"), str(3 * size))


def sync_files(folder):
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


class Memory(threading.Thread):
    """The private memory of a process while this lasts."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.samples, self.over = pid, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.005):
            with contextlib.suppress(OSError, KeyError):
                self.samples.append(private_bytes(self.pid))

    def growth(self):
        """Ends it. - Returns: bytes between the least, which is at rest, and the most."""
        self.over.set()
        self.join()
        return max(self.samples) - min(self.samples)


def our_round(stage, name, stamps, size):
    settle(stage, size)
    began = time.time_ns()
    begin, end = stage.spawn(*stage.runner_words("checkpoint", name, "--mode", "process"))
    stamps.wait_for_work()
    frozen = stamps.longest_gap(began)
    status = stage.living(name)
    settle(stage, size)
    restored = stamps.first_after_killing(status["pid"])
    after = stage.living(name, after=status["incarnation"])
    if after["origin"] == "clean":
        raise LookupError(f"'{name}' was not restored: {after['reason']}")
    stamps.wait_for_work()
    return milliseconds(end - begin), milliseconds(frozen), milliseconds(restored)


def compare(stage, size):
    ours, raw = [], []
    name = stage.new_name(f"hog-{size}")
    stamps = Stamps(stage, f"{name}.stamps")
    with contextlib.closing(Bare(stage, name, size)) as bare, stage.agent(
        name, stage.path("hog"), str(stamps.path), str(size), settings=SETTINGS
    ) as process:
        stage.living(name)
        stamps.wait_for_work()
        memory = Memory(process.pid)
        for number in range(rounds(stage, size) + 1):
            samples = bare.round(), our_round(stage, name, stamps, size)
            if number:  # the first round finds CRIU and warms the page cache
                raw.append(samples[0])
                ours.append(samples[1])
        growth = memory.growth()
    dumps, frozen, restores = ([[sample[index] for sample in samples] for samples in (ours, raw)] for index in range(3))
    return {
        f"dump-{size}": allowed(*dumps, 1.1, 30), f"frozen-{size}": allowed(*frozen, 1.1, 0), f"resume-{size}": allowed(*restores, 1.2, 30),
    }, growth  # fmt: skip


def allowed(ours, raw, factor, more):
    """The floor is what is allowed: so many times what CRIU alone takes, and so many milliseconds."""
    figure = pair(ours, [factor * median(raw) + more])
    return {**figure, "raw": median(raw)}


@gives(*(f"{what}-{size}" for size in SIZES[:2] for what in ("dump", "frozen", "resume")))
def processes(stage):
    """checkpoints and restores of processes of 10 and 100 MB"""
    figures = {}
    for size in SIZES[:2]:
        figures.update(compare(stage, size)[0])
    return figures


@gives(*(f"{what}-{SIZES[2]}" for what in ("dump", "frozen", "resume")), "memory-image", "check")
def large_processes(stage):
    """a process of 1 GB"""
    figures, growth = compare(stage, SIZES[2])
    figures["memory-image"] = {"value": growth / 1e6}
    versions = stage.store / "agents" / f"hog-{SIZES[2]}-{stage.count}" / "versions"
    images = max(versions.iterdir(), key=lambda path: int(path.name)) / "process"
    pages = sum(path.stat().st_size for path in images.glob("pages-*.img"))
    times = []
    for _ in range(5):
        begin, end = stage.spawn(stage.runner, "image", "check", str(images))
        times.append(milliseconds(end - begin))
    # The floor is a gigabyte a second.
    figures["check"] = {"value": median(times), "floor": pages / 1e6, "worst": max(times), "samples": len(times)}
    return figures


@gives("lazy")
def lazy(stage):
    """a process of 600 MB whose memory follows"""
    name = stage.new_name("lazy")
    stamps = Stamps(stage, f"{name}.stamps")
    criu()
    times = []
    with stage.agent(name, stage.path("hog"), str(stamps.path), "600", settings=(*SETTINGS, "restore.pages=lazy")):
        stage.living(name)
        stamps.wait_for_work()
        for _ in range(4):
            stage.call(*stage.runner_words("checkpoint", name, "--mode", "process"))
            status = stage.living(name)
            settle(stage, 600)
            times.append(milliseconds(stamps.first_after_killing(status["pid"])))
            stage.living(name, after=status["incarnation"])
            stamps.wait_for_work()
    return {"lazy": {"value": median(times[1:]), "worst": max(times[1:]), "samples": len(times) - 1}}


@gives("decode")
def decode(stage):
    """decoding a tree of 1,000 processes"""
    folder = stage.folder / "thousand"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    stamps = Stamps(stage, "thousand.stamps")
    sandbox = BareSandbox(stage.path("hog"), str(stamps.path), "1", "1000")
    try:
        stamps.wait_for_work()
        sandbox.criu(stage, "dump", "-t", sandbox.root()[1], "-D", str(folder), "-o", "dump.log", *COMMON)
    finally:
        sandbox.end()
    files = sorted(str(path) for path in folder.glob("*.img") if not path.name.startswith("pages-"))
    took = {}
    for name, words in (("floor", [stage.path("hello")]), ("value", [stage.runner, "image", "decode"])):
        begin = time.monotonic_ns()
        for file in files:
            subprocess.run([*words, file], check=True, stdout=subprocess.DEVNULL)
        took[name] = milliseconds(time.monotonic_ns() - begin)
    return {"decode": {**took, "samples": len(files)}}
