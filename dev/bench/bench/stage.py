"""What every measure stands on: the compiled floors, a store of its own, runners that are always ended."""

import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import time

FLOORS = ("hello", "clock", "agent", "hog", "warm")
LOOK_EVERY = 0.005  # seconds; decides when a measure goes on, never what it finds
PATIENCE = 60.0


class Missing(Exception):
    """Something this measure needs is not on this machine."""


def median(samples):
    return statistics.median(samples)


def milliseconds(nanoseconds):
    return nanoseconds / 1e6


def machine():
    """The machine in general words, and how busy it is."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "processors": os.cpu_count(),
        "memory": f"{memory:.0f} GiB",
        "kernel": re.match(r"\d+\.\d+", platform.release()).group(),
        "architecture": platform.machine(),
        "load": round(os.getloadavg()[0], 1),
    }


def processor_nanoseconds(pid):
    """Processor time of a process with all its threads, also those that ended, to the nanosecond (see clock_getcpuclockid(3))."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def private_bytes(pid):
    fields = dict(re.findall(r"^(\w+):\s+(\d+) kB$", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M))
    return 1024 * (int(fields["Private_Clean"]) + int(fields["Private_Dirty"]))


def wait_until(found, what):
    """The first true answer of `found`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = found()
        if answer:
            return answer
        time.sleep(LOOK_EVERY)
    raise LookupError(f"{what} did not come within {PATIENCE:.0f} s")


class Stage:
    def __init__(self, root, folder, runner, rounds):
        self.root, self.folder, self.runner, self.rounds = root, folder, runner, rounds
        self.store = folder / "store"
        self.runners = []
        self.count = 0
        compiler = os.environ.get("CC", "gcc")
        for name in FLOORS:
            source = root / "dev" / "bench" / "floors" / f"{name}.c"
            subprocess.run([compiler, "-O2", "-static", "-Wall", "-o", str(folder / name), str(source)], check=True)

    def path(self, name):
        return str(self.folder / name)

    def new_name(self, word):
        self.count += 1
        return f"{word}-{self.count}"

    def words(self, name, *words):
        """The lines of a file as lists of words; a last line that is being written is left out."""
        try:
            text = pathlib.Path(self.path(name)).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        lines = [line.split() for line in text.split("\n")[:-1]]
        return [line for line in lines if not words or line[0] in words]

    # MARK: commands

    def call(self, *command, **more):
        return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout

    def spawn(self, *command):
        """Begin and end of a command in nanoseconds, taken by the C clock, not by this interpreter."""
        output = subprocess.run(
            [self.path("clock"), "spawn", *command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ).stdout
        begin, end, status = (int(word) for word in output.split("\n")[-2].split())
        if status:
            raise subprocess.CalledProcessError(status, command)
        return begin, end

    def runner_words(self, command, *words):
        return [self.runner, command, "--store", str(self.store), *words]

    def ask(self, *words):
        return json.loads(self.call(*self.runner_words(words[0], *words[1:], "--json")))

    # MARK: supervised agents

    @contextlib.contextmanager
    def agent(self, name, *command, settings=(), **more):
        """`command` under `runner run` in the foreground; stopped at the end."""
        words = [self.runner, "run", "--store", str(self.store), "--name", name, "--quiet"]
        for setting in settings:
            words += ["--set", setting]
        with open(self.folder / f"{name}.said", "wb") as said:
            process = subprocess.Popen(
                [*words, "--", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, cwd=self.folder, **more
            )
        # It is up once its status is there; a spec that it refuses is seen at once.
        wait_until(lambda: self.status(name) or process.poll() is not None, f"the status of '{name}'")
        if process.poll() is not None:
            raise LookupError(f"'{name}' did not start: {(self.folder / f'{name}.said').read_text(errors='replace').strip()}")
        self.runners.append(process)
        try:
            yield process
        finally:
            self.end(process)

    def end(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.runners:
            self.runners.remove(process)

    def end_runners(self):
        for process in list(self.runners):
            self.end(process)

    def status(self, name):
        try:
            return json.loads((self.store / "agents" / name / "status.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def living(self, name, after=0):
        """The status of incarnation `after` + 1 or a later one, once it runs."""

        def running():
            status = self.status(name)
            return status if status.get("state") == "running" and status.get("incarnation", 0) > after and status.get("pid") else None

        return wait_until(running, f"a running '{name}'")

    def init_of(self, supervisor):
        """runner-init is the supervisor's one child."""
        children = pathlib.Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        if len(children) != 1:
            raise LookupError(f"the supervisor has {len(children)} children")
        return int(children[0])

    # MARK: peers

    def bubblewrap(self):
        """bwrap, installed by its package name when it is missing."""
        if not shutil.which("bwrap"):
            subprocess.run([str(self.root / "dev" / "setup"), "bubblewrap"], check=False)
        found = shutil.which("bwrap")
        if not found:
            raise Missing("bubblewrap is not installed and could not be")
        return found

    def groups(self, word):
        """Directories in which the bare way makes its control group: the ones our own launch plan names."""
        spec = self.folder / "plan.json"
        spec.write_text(json.dumps({"name": "planned", "command": [self.path("clock"), "line"]}))
        plan = self.ask("plan", str(spec))["launch"]
        host = (plan.get("controlGroup") or {}).get("host", {})
        if host.get("version") == 1:
            places = sorted(set(host["controllers"].values()))
        elif host.get("version") == 2:
            places = [host["root"]]
        else:
            raise Missing("this machine gives us no control groups")
        return plan, [f"{place}/runner-bench-{os.getpid()}-{word}" for place in places]


def remove_groups(paths):
    """A group is busy for a moment after its last process ended."""
    for path in paths:
        for _ in range(200):
            try:
                os.rmdir(path)
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(LOOK_EVERY)
            else:
                break
