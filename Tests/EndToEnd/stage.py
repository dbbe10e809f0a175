"""A stage for one test: a folder with a store, an agent's spec and its workspace, and the real `runner` played on it."""

import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import time

from outside import committed_versions, look_at, processes_with

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RUNNER = pathlib.Path(os.environ.get("RUNNER_BINARY", ROOT / ".build" / "debug" / "runner")).absolute()
# How long anything may take before the test calls it lost. Generous: it says nothing about speed, and a busy machine must not fail a test.
PATIENCE = 40.0
# There is no event for "this file says so now": it is looked at this often. What is waited for is always the thing itself.
LOOK_EVERY = 0.005


class Lost(AssertionError):
    """What was waited for did not come."""


def wait_until(condition, what, within=PATIENCE):
    """The first true answer of `condition`."""
    end = time.monotonic() + within
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Lost(f"{what}: not within {within:.0f} s")
        time.sleep(LOOK_EVERY)


class User:
    """Who runs `runner`: root, or somebody with nothing."""

    def __init__(self, uid=None, runner=RUNNER, python=sys.executable, python_path=None, library_path=None):
        self.uid = uid
        self.runner = runner
        self.python = python
        self.python_path = python_path
        self.library_path = library_path

    @property
    def effective_uid(self):
        return os.geteuid() if self.uid is None else self.uid

    def command(self, words):
        if self.uid is None:
            return [str(word) for word in words]
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", *(str(word) for word in words)]

    def environment(self, more):
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", **more}
        if self.library_path:
            environment["LD_LIBRARY_PATH"] = self.library_path
        return environment


class Running:
    """One `runner run` in the foreground."""

    def __init__(self, process, output):
        self.process = process
        self.pid = process.pid
        self.output = output

    @property
    def ended(self):
        return self.process.poll() is not None

    @property
    def text(self):
        return self.output.read_text(errors="replace")

    def wait(self, within=PATIENCE):
        """Its exit status."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise Lost(f"runner did not end within {within:.0f} s; it said:\n{self.text[-3000:]}") from None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Stage:
    def __init__(self, folder, name, user=None):
        self.folder = folder
        self.name = name
        self.user = user or User()
        self.store = folder / "store"
        self.workspace = folder / "workspace"
        self.orders = folder / "orders"
        self.spec_file = folder / "agent.yaml"
        for directory in (self.workspace, self.orders):
            directory.mkdir()
        self._ran = 0
        self._running = []
        self._hand_over(folder)

    def _hand_over(self, path):
        """Gives everything on the stage to whoever plays on it."""
        if self.user.uid is None:
            return
        for each in [path, *path.rglob("*")]:
            os.chown(each, self.user.uid, self.user.uid, follow_symlinks=False)

    # MARK: the spec

    def write_spec(self, command=None, **settings):
        """agent.yaml: the worker with `settings` over short times that suit a test. JSON is YAML."""
        spec = {
            "name": self.name,
            "command": command or self.worker(),
            "workspace": str(self.workspace),
            "env": {"STAGE": str(self.folder), "PYTHONUNBUFFERED": "1"},
            "checkpoint": {"every": "1s", "keep": 1000, "deadline": "10s"},
            "recovery": {"probation": "1h"},
            "stop": {"deadline": "5s", "adopt_within": "30s"},
        }
        if self.user.python_path:
            spec["env"]["PYTHONPATH"] = self.user.python_path
        for key, value in settings.items():
            if isinstance(value, dict) and isinstance(spec.get(key), dict):
                spec[key] = {**spec[key], **value}
            elif value is None:
                spec.pop(key, None)
            else:
                spec[key] = value
        self.spec_file.write_text(json.dumps(spec, indent=1))
        self._hand_over(self.spec_file)

    def worker(self, *options):
        script = self.folder / "worker.py"
        if not script.exists():
            shutil.copy(HERE / "agents" / "worker.py", script)
        return [str(self.user.python), str(script), "--orders", str(self.orders), "--workspace", str(self.workspace), *map(str, options)]

    def order(self, name, text=""):
        """Tells the worker something; it reads orders before each step."""
        written = self.orders / f".{name}"
        written.write_text(text)
        written.rename(self.orders / name)

    def withdraw(self, name):
        (self.orders / name).unlink()

    def write_hook(self, name):
        """A hook that writes down how it is called; gives a function that reads all its calls."""
        hooks = self.folder / "hooks"
        hooks.mkdir(exist_ok=True)
        calls = self.folder / f"calls-{name}.jsonl"
        path = hooks / name
        path.write_text(
            "#!/usr/bin/env python3\n"
            "import json, os, sys\n"
            "report = os.environ.get('RUNNER_INCIDENT')\n"
            "call = {'environment': dict(os.environ), 'input': sys.stdin.read(), 'report': open(report).read() if report else None}\n"
            f"open({str(calls)!r}, 'a').write(json.dumps(call) + '\\n')\n"
        )
        path.chmod(0o755)
        self._hand_over(hooks)
        return lambda: [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    # MARK: runner

    def run(self, *words, command=(), spec=True, **environment):
        """Starts `runner run` and goes on at once."""
        self._ran += 1
        output = self.folder / f"run-{self._ran}.txt"
        line = [self.user.runner, "run", "--store", self.store, *words]
        if spec:
            line.append(self.spec_file)
        if command:
            line += ["--", *command]
        with open(output, "wb") as file:
            process = subprocess.Popen(
                self.user.command(line), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, cwd=self.folder,
                env=self.user.environment({"STAGE": str(self.folder), **environment}), start_new_session=True,
            )  # fmt: skip
        running = Running(process, output)
        self._running.append(running)
        return running

    def ask(self, *words, within=PATIENCE, **environment):
        """One command, to its end."""
        return subprocess.run(
            self.user.command([self.user.runner, *words]), capture_output=True, text=True, timeout=within, cwd=self.folder,
            stdin=subprocess.DEVNULL, env=self.user.environment({"RUNNER_STORE": str(self.store), "STAGE": str(self.folder), **environment}),
        )  # fmt: skip

    def json(self, *words, **environment):
        """The JSON answer of a command that must succeed."""
        answer = self.ask(*words, "--json", **environment)
        assert answer.returncode == 0, f"runner {' '.join(map(str, words))} ended with {answer.returncode}: {answer.stderr}"
        return json.loads(answer.stdout)

    def why(self, limit=100):
        answer = self.ask("why", self.name, "-n", limit)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def reasons(self):
        """The reason of every decision that was taken, oldest first."""
        return [event["reason"] for event in self.json("events", self.name) if event.get("reason")]

    # MARK: what the store says

    @property
    def home(self):
        return self.store / "agents" / self.name

    @property
    def versions_folder(self):
        return self.home / "versions"

    def versions(self):
        return committed_versions(self.versions_folder)

    def checkpoints(self):
        return [number for number in self.versions() if self.manifest(number)["kind"] == "checkpoint"]

    def manifest(self, number):
        return json.loads((self.versions_folder / str(number) / "manifest.json").read_text())

    def standing(self, number):
        text = (self.versions_folder / str(number) / "standing").read_bytes().partition(b" ")[2]
        return json.loads(text)["standing"]

    def status(self):
        """The status file; {} while there is none."""
        try:
            return json.loads((self.home / "status.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}

    def log(self):
        """All of the log, the oldest file first."""
        folder = self.home / "log"
        older = sorted((path for path in folder.glob("[0-9]*.log")), key=lambda path: -int(path.stem))
        return "".join(path.read_text(errors="replace") for path in [*older, folder / "current.log"] if path.exists())

    # MARK: waiting for the thing itself

    def wait_for_status(self, condition, what, within=PATIENCE):
        def look():
            status = self.status()
            return status if status and condition(status) else None

        try:
            return wait_until(look, what, within)
        except Lost as lost:
            raise Lost(f"{lost}; {self.last_words()}") from None

    def wait_until_running(self, incarnation=1, within=PATIENCE):
        """The status once that incarnation (or a later one) is up and has shown life."""
        return self.wait_for_status(
            lambda status: status["state"] == "running" and status["incarnation"] >= incarnation and status.get("pid"),
            f"incarnation {incarnation} runs", within,
        )  # fmt: skip

    def wait_for_log(self, pattern, count=1, within=PATIENCE):
        """The matches, once there are `count` of them in the log."""

        def look():
            found = re.findall(pattern, self.log())
            return found if len(found) >= count else None

        try:
            return wait_until(look, f"the log says '{pattern}' {count} times", within)
        except Lost as lost:
            raise Lost(f"{lost}; {self.last_words()}") from None

    def wait_for_checkpoints(self, count, within=PATIENCE):
        try:
            return wait_until(lambda: (found := self.checkpoints())[count - 1 :] and found, f"there are {count} checkpoints", within)
        except Lost as lost:
            raise Lost(f"{lost}; {self.last_words()}") from None

    def steps(self):
        """The lines of the worker's results."""
        try:
            return [int(line) for line in (self.workspace / "results.txt").read_text().split()]
        except FileNotFoundError:
            return []

    def wait_for_steps(self, count, within=PATIENCE):
        try:
            return wait_until(lambda: len(steps := self.steps()) >= count and steps, f"{count} steps are done", within)
        except Lost as lost:
            raise Lost(f"{lost}; {self.last_words()}") from None

    def wait_for_more_steps(self, count=3):
        """Shows that the agent works now."""
        return self.wait_for_steps(len(self.steps()) + count)

    def checkpoint_after_more_steps(self, count=2):
        """The number of a version that holds work of the present life."""
        self.wait_until_running()
        self.wait_for_more_steps(count)
        return self.json("checkpoint", self.name)["version"]

    # MARK: the agent from outside

    def is_agent(self, process):
        return str(self.folder / "worker.py") in process.command and "runner-init" not in process.command[0]

    def agent_pid(self):
        return self.wait_until_running()["pid"]

    def kill_agent(self, number=signal.SIGKILL):
        """Sends the agent a signal; with SIGKILL it is gone on return. Gives the status of the life that was ended."""
        status = self.wait_until_running()
        process = os.pidfd_open(status["pid"])
        try:
            assert self.is_agent(look_at(status["pid"])), f"the status names process {status['pid']}, which is not the agent"
            signal.pidfd_send_signal(process, number)
            if number == signal.SIGKILL:
                assert select.select([process], [], [], PATIENCE)[0], "the agent survived SIGKILL"
        finally:
            os.close(process)
        return status

    def kill_and_wait(self):
        """Kills the agent and gives the status of its next life."""
        before = self.kill_agent()
        return self.wait_until_running(before["incarnation"] + 1)

    def processes(self):
        """Everything that lives on this stage but for what the test itself started."""
        ours = {running.pid for running in self._running}
        return [process for process in processes_with(str(self.folder), *self._marks()) if process.pid not in ours]

    def _marks(self):
        """RUNNER_SANDBOX: by which every process of a sandbox is known. docs/sandbox.md"""
        identity = self.identity()
        return [f"RUNNER_SANDBOX={fnv(f'{self.runtime()}/{self.name}/init.sock')}"] if identity else []

    def identity(self):
        try:
            return (self.store / "id").read_text().strip()
        except FileNotFoundError:
            return None

    def runtime(self):
        """The runtime directory of this store. docs/control-socket.md"""
        base = "/run/runner" if self.user.effective_uid == 0 else f"/tmp/runner-{self.user.effective_uid}"
        return f"{base}/{self.identity()}"

    def wait_until_nothing_lives(self, within=PATIENCE):
        wait_until(lambda: not self.processes(), f"nothing lives on the stage: {self.processes()}", within)

    def groups(self):
        """Control groups of this store's agents."""
        return [str(agent) for store in self.store_groups() for agent in store.glob("*") if agent.is_dir()]

    def store_groups(self):
        """Control groups that bear this store's name, one for each controller."""
        found = []
        # Others make and remove groups meanwhile: os.walk passes over what goes away.
        for path, names, _ in os.walk("/sys/fs/cgroup"):
            if path.endswith("/runner"):
                # Of other stores there may be thousands.
                names[:] = [name for name in names if name == self.identity()]
                found += [pathlib.Path(path, name) for name in names]
        return found

    # MARK: the end

    def last_words(self):
        said = "".join(f"\n--- {running.output.name}\n{running.text[-2500:]}" for running in self._running[-2:])
        return f"status: {json.dumps(self.status())[:900]}{said}"

    def kill_what_is_left(self):
        for process in self.processes():
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.wait_until_nothing_lives()

    def strike(self):
        """Ends what still runs and removes what lies outside of the folder."""
        for running in self._running:
            if not running.ended:
                running.kill()
        self.kill_what_is_left()
        if self.identity():
            for group in self.store_groups():
                remove_group(group)
            shutil.rmtree(self.runtime(), ignore_errors=True)


def remove_group(folder):
    for child in [*(path for path in folder.glob("*") if path.is_dir()), folder]:
        try:
            child.rmdir()
        except OSError:
            pass


def fnv(text):
    """FNV-1a, 64 bits, in hexadecimal."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:x}"
