#!/usr/bin/env python3
"""Shows what runner is for: an agent is killed with SIGKILL again and again in the middle of its task, and its work is done exactly once.

    dev/demo.py --runner .build/release/runner --python .venv/bin/python [--kills 12] [--seed N]

Starts the stand-in model, runs examples/python-agent under `runner run` with a store of its own, kills the agent at random moments, waits for it to
finish and then checks every promise from outside. Exit status 0: all promises held; 1: one did not; 2: the demo could not be run.
"""

import argparse
import collections
import datetime
import hashlib
import json
import os
import pathlib
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = "reader"
DOCUMENTS = 72
LATENCY = 0.25  # seconds the stand-in model takes
# There is no event for "the status changed", so it is looked at, this often. It decides when a kill happens, never whether a promise was held.
LOOK_EVERY = 0.01
TIME_LIMIT = 270.0


class Unusable(Exception):
    """The demo itself could not go on."""


class Demo:
    def __init__(self, options):
        self.options = options
        self.chance = random.Random(options.seed)
        self.began = time.monotonic()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="runner-demo-", dir=options.folder))
        self.home = self.folder / "agent"
        self.workspace = self.home / "workspace"
        self.store = self.folder / "store"
        self.output = self.folder / "output.txt"
        self.kills = []
        self.steps = {}
        self.model = self.runner = None
        self.model_url = ""

    # MARK: the cast

    def set_the_stage(self):
        """A copy of the example with more documents, so that there is time to be killed in."""
        shutil.copytree(ROOT / "examples" / "python-agent", self.home, ignore=shutil.ignore_patterns("workspace", "documents"))
        self.workspace.mkdir()
        documents = self.home / "documents"
        documents.mkdir()
        pages = sorted((ROOT / "examples" / "python-agent" / "documents").glob("*.txt"))
        for number in range(DOCUMENTS):
            page = pages[number % len(pages)]
            sentences = page.read_text(encoding="utf-8").strip().split(". ")
            self.chance.shuffle(sentences)
            text = ". ".join(sentence.rstrip(".") for sentence in sentences) + ".\n"
            (documents / f"{number + 1:02}-{page.stem[3:]}.txt").write_text(text, encoding="utf-8")

    def start_model(self):
        self.model = subprocess.Popen(
            [
                self.options.python, str(ROOT / "examples" / "stand-in-model" / "server.py"),
                "--port", "0", "--latency", str(LATENCY), "--state", str(self.folder / "calls.json"),
            ],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        # It prints its address when the port can be used.
        line = self.model.stdout.readline()
        if not line:
            raise Unusable("the stand-in model did not start")
        self.model_url = line.split()[-1]

    def start_runner(self):
        path = f"{pathlib.Path(self.options.python).absolute().parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        with open(self.output, "wb") as output:
            self.runner = subprocess.Popen(
                [
                    self.options.runner, "run", str(self.home / "agent.yaml"), "--store", str(self.store),
                    "--env", f"PATH={path}", "--env", f"MODEL_URL={self.model_url}",
                ],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "PATH": path},
            )  # fmt: skip

    def ask_runner(self, *words):
        """The JSON answer of one command; None while there is none."""
        answer = subprocess.run(
            [self.options.runner, *words, "--json", "--store", str(self.store)], capture_output=True, text=True, timeout=30
        )
        if answer.returncode != 0 or not answer.stdout.strip():
            return None
        return json.loads(answer.stdout)

    # MARK: the play

    def play(self):
        for number in range(1, self.options.kills + 1):
            status = self.wait_for_the_moment(number)
            if status is None:
                return  # it finished first; `check` says whether that was too early
            if not self.kill(number, status):
                break
            self.tell_recovery(number)
        self.say(f"no more kills; the agent may finish ({self.done_now()} of {DOCUMENTS} documents done)")
        self.wait_until(lambda: self.runner.poll() is not None, "the agent did not finish")

    def wait_for_the_moment(self, number):
        """Waits until this life of the agent got on, and then for a random moment. Gives its status, or None when it has finished."""
        incarnation = self.kills[-1]["next"] if self.kills else 1
        # So many kills must fit into the task: past this mark there is no more waiting.
        mark = DOCUMENTS * number // (self.options.kills + 2)

        def got_on():
            if self.runner.poll() is not None:
                return True
            status = self.look()
            if not status or status.get("incarnation", 0) < incarnation or not status.get("pid"):
                return False
            # More than its version knew, and written after the last kill: a clean start leaves the old files lying until it is up.
            if self.done_now() <= self.step_of(status.get("origin")) or self.written_at() <= (self.kills[-1]["time"] if self.kills else 0):
                return False
            return True

        self.wait_until(got_on, "the agent did not get on")
        if self.runner.poll() is not None:
            return None
        # Any moment is as good as any other: that is what is being shown. Hence a wait for nothing but time.
        until = time.monotonic() + self.chance.uniform(0.5 * LATENCY, 5 * LATENCY)
        hurry = self.chance.uniform(0.5 * LATENCY, 1.5 * LATENCY)
        while (now := time.monotonic()) < until and self.runner.poll() is None:
            if self.done_now() >= mark:
                until = min(until, now + hurry)
                mark = DOCUMENTS + 1
            time.sleep(min(0.005, until - now))
        # What the command says counts, not the file.
        status = self.ask_runner("status", NAME)
        return status if status and status.get("pid") and self.runner.poll() is None else None

    def kill(self, number, status):
        """Kills the agent the status names. False when it was gone already, because it has finished."""
        pid = status["pid"]
        try:
            agent = os.pidfd_open(pid)
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except (ProcessLookupError, FileNotFoundError):
            if (self.workspace / "report.md").exists():
                return False
            raise Unusable(f"the status names process {pid} as the agent, and there is no such process") from None
        try:
            if b"agent.py" not in command:
                raise Unusable(f"the status names process {pid} as the agent, and that is {command!r}")
            if not any(line.startswith(f"{pid}:") for line in self.left_behind()):
                raise Unusable(f"the agent, process {pid}, cannot be seen from outside, so its absence could not be seen either")
            done = self.done_now()
            before = time.time()
            signal.pidfd_send_signal(agent, signal.SIGKILL)
            # The descriptor is readable when the process is gone.
            if not select.select([agent], [], [], 10)[0]:
                raise Unusable(f"process {pid} is still there after SIGKILL")
        finally:
            os.close(agent)
        self.kills.append({"number": number, "time": before, "done": done, "pid": pid, "incarnation": status["incarnation"]})
        self.kills[-1]["next"] = status["incarnation"] + 1
        self.say(f"kill {number}: SIGKILL to process {pid} after document {done} of {DOCUMENTS}")
        return True

    def tell_recovery(self, number):
        """Waits for the next life and tells, from the journal, what was decided and how long it took."""
        kill = self.kills[-1]
        found = {}

        def lives_again():
            if self.runner.poll() is not None:
                raise Unusable(f"runner ended with status {self.runner.returncode} after kill {number}")
            status = self.look()
            if not status or status.get("incarnation", 0) < kill["next"] or not status.get("pid"):
                return False
            found.update(status)
            return True

        self.wait_until(lives_again, "the agent was not started again")
        kill["origin"] = found.get("origin")
        kill["next"] = found["incarnation"]
        kill["start"] = self.step_of(kill["origin"])
        events = self.ask_runner("events", NAME) or []
        after = [event for event in events if seconds(event["time"]) >= kill["time"] - 0.005]
        death = next((event for event in after if event["kind"] == "death"), None)
        launch = next((event for event in after if event["kind"] == "launch"), None)
        kill["reason"] = (death or {}).get("reason") or found.get("reason", "")
        kill["seen"] = seconds(death["time"]) - kill["time"] if death else None
        kill["back"] = seconds(launch["time"]) - kill["time"] if launch else None
        where = "a clean start" if kill["origin"] in (None, "clean") else f"version {kill['origin']}"
        again = max(0, kill["done"] - kill["start"])
        self.say(f"        {kill['reason']}")
        self.say(
            f"        → back from {where}, at document {kill['start'] + 1}"
            + (f", {again} done again" if again else "")
            + (f"; running again after {1000 * kill['back']:.0f} ms" if kill["back"] is not None else "")
        )

    def look(self):
        """The status file, which `runner status --json` shows, too. None while there is none."""
        try:
            return json.loads((self.store / "agents" / NAME / "status.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def step_of(self, origin):
        """How far the agent was at the cut it began from."""
        if origin in (None, "clean"):
            return 0
        if origin not in self.steps:
            self.steps.update({version["version"]: version.get("step") or 0 for version in self.ask_runner("versions", NAME) or []})
        return self.steps.get(origin, 0)

    def written_at(self):
        try:
            return (self.workspace / "results.jsonl").stat().st_mtime
        except FileNotFoundError:
            return 0

    def done_now(self):
        try:
            return (self.workspace / "results.jsonl").read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    # MARK: the judgement

    def check(self):
        """Every promise, whether it was held, and what was seen; each is looked at from outside."""
        text, results = self.read_results()
        names = sorted(path.name for path in (self.home / "documents").iterdir())
        keys = sorted(str(line.get("key")) for line in results)
        digest = ""
        for line in text.splitlines():
            digest = hashlib.sha256((digest + line).encode()).hexdigest()
        report = self.workspace / "report.md"
        said = report.read_text(encoding="utf-8") if report.exists() else ""
        with urllib.request.urlopen(self.model_url.replace("/v1", "/stats"), timeout=20) as response:
            stats = json.load(response)
        executions = stats["executions"]
        ledger = self.read_ledger()
        enough = min(10, self.options.kills)
        restores = [kill for kill in self.kills if kill.get("origin") not in (None, "clean")]
        left = self.left_behind()
        return [
            (f"the agent was killed at least {enough} times in mid-task", len(self.kills) >= enough, len(self.kills)),
            ("runner ended with the agent's own status, 0", self.runner.returncode == 0, self.runner.returncode),
            ("it was restored from stored versions", bool(restores), f"{len(restores)} of {len(self.kills)} times"),
            (
                "results.jsonl has every step exactly once, in order",
                [(line.get("step"), line.get("document")) for line in results] == list(enumerate(names)),
                f"{len(results)} lines",
            ),
            ("state and files agree (the digest in the report)", f"digest {digest}" in said, digest[:12]),
            (
                "the model executed every keyed call exactly once",
                sorted(executions) == keys and set(executions.values()) == {1} and not stats["without_key"],
                f"{sum(executions.values())} executed, {sum(stats['replays'].values())} asked again and answered from its record",
            ),
            (
                "the effect ledger holds every key done exactly once",
                sorted(ledger["done"]) == keys and set(ledger["done"].values()) == {1} and not ledger["faults"],
                ", ".join([f"{len(ledger['done'])} done, {ledger['again']} begun again", *ledger["faults"]]),
            ),
            ("nothing of the agent is left running", not left, "; ".join(left) or "looked through /proc"),
        ]

    def read_results(self):
        try:
            text = (self.workspace / "results.jsonl").read_text(encoding="utf-8")
            return text, [json.loads(line) for line in text.splitlines()]
        except (FileNotFoundError, ValueError) as error:
            print(f"results.jsonl cannot be read: {error}")
            return "", []

    def read_ledger(self):
        """LINE ::= 16 hex digits of the SHA-256 of JSON, a space, JSON."""
        done, begun, faults = collections.Counter(), collections.Counter(), []
        path = self.store / "agents" / NAME / "effects" / "ledger"
        lines = path.read_bytes().splitlines() if path.exists() else []
        if not lines:
            faults.append(f"there is no ledger at '{path}'")
        for number, line in enumerate(lines, 1):
            checksum, _, record = line.partition(b" ")
            if hashlib.sha256(record).hexdigest()[:16].encode() != checksum:
                faults.append(f"line {number} is damaged")
                continue
            fields = json.loads(record)
            if fields["event"] == "begun":
                begun[fields["key"]] += 1
            elif fields["event"] == "ended":
                done[fields["key"]] += 1
        return {"done": done, "again": sum(begun.values()) - len(begun), "faults": faults}

    def left_behind(self):
        """Processes that have to do with the demo's folder, by their directory, arguments or environment, but for its own."""
        left = []
        folder = str(self.folder).encode()
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in (os.getpid(), self.model.pid, self.runner.pid):
                continue
            try:
                command = (entry / "cmdline").read_bytes()
                if folder in os.readlink(entry / "cwd").encode() + command + (entry / "environ").read_bytes():
                    left.append(f"{entry.name}: {command.replace(bytes(1), b' ').decode(errors='replace').strip()}")
            except OSError:
                continue  # gone, or not ours to look at
        return left

    # MARK: telling

    def say(self, text):
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def print_table(self):
        print(f"\n{'KILL':>4}  {'AFTER':>6}  {'BACK FROM':<12}{'DONE AGAIN':>10}  {'SEEN':>7}  {'RUNNING':>8}")
        for kill in self.kills:
            origin = kill.get("origin")
            where = "?" if origin is None else "clean start" if origin == "clean" else f"version {origin}"
            again = max(0, kill["done"] - kill.get("start", 0))
            print(
                f"{kill['number']:>4}  {kill['done']:>3}/{DOCUMENTS:<2}  {where:<12}{again:>10}  {milliseconds(kill.get('seen')):>7}  "
                f"{milliseconds(kill.get('back')):>8}"
            )
        print("AFTER: documents done at the kill. SEEN, RUNNING: from the kill to its entry in the journal, and to the agent's new process.\n")

    def wait_until(self, condition, otherwise):
        while not condition():
            if time.monotonic() - self.began > TIME_LIMIT:
                raise Unusable(f"{otherwise} within {TIME_LIMIT:.0f} s of the demo")
            time.sleep(LOOK_EVERY)

    def last_words(self):
        """What helps to find out why it went wrong."""
        if self.output.exists():
            print(f"\nthe last of runner's output ('{self.output}'):")
            print("\n".join(self.output.read_text(errors="replace").splitlines()[-15:]))
        why = subprocess.run([self.options.runner, "why", NAME, "--store", str(self.store)], capture_output=True, text=True, timeout=30)
        print(f"\nrunner why {NAME}:\n{why.stdout}{why.stderr}")

    def end(self):
        for process in (self.runner, self.model):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def seconds(text):
    """An RFC 3339 time as seconds since 1970."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def milliseconds(value):
    return "?" if value is None else f"{1000 * max(0.0, value):.0f} ms"


def main():
    parser = argparse.ArgumentParser(description="Kills an agent again and again and shows that its work is done exactly once.")
    parser.add_argument("--runner", required=True, help="the runner to show")
    parser.add_argument("--python", required=True, help="a Python that has the SDK: .venv/bin/python")
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=None, help="the same moments again (as far as two machines agree about time)")
    parser.add_argument("--folder", help="make the demo's folder here (default: the system's place for temporary files)")
    parser.add_argument("--keep", action="store_true", help="leave the demo's folder behind to look at")
    options = parser.parse_args()
    options.seed = random.randrange(1 << 32) if options.seed is None else options.seed
    options.runner = str(pathlib.Path(options.runner).absolute())

    demo = Demo(options)
    print(f"An agent reads {DOCUMENTS} documents with a model and is killed {options.kills} times on the way (seed {options.seed}).\n")
    # The demo may be told to end at any moment, too: nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kept = options.keep
    try:
        demo.set_the_stage()
        demo.start_model()
        demo.start_runner()
        demo.play()
        demo.print_table()
        verdicts = demo.check()
        for promise, held, detail in verdicts:
            print(f"  {'ok    ' if held else 'BROKEN'}  {promise} ({detail})")
        if all(held for _, held, _ in verdicts):
            print(f"\n{DOCUMENTS} documents, {len(demo.kills)} kills, {time.monotonic() - demo.began:.0f} s: no step lost, none done twice.")
            return 0
        kept = True
        demo.last_words()
        print(f"\na promise was broken; look into '{demo.folder}', and try again with --seed {options.seed}", file=sys.stderr)
        return 1
    except Unusable as error:
        kept = True
        demo.last_words()
        print(f"\nthe demo could not go on: {error}; look into '{demo.folder}' (seed {options.seed})", file=sys.stderr)
        return 2
    finally:
        demo.end()
        if not kept:
            shutil.rmtree(demo.folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
