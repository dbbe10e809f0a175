"""The measures, in the order of the table. Each takes its floor or peer in turns with the real thing and gives figures by the words of thresholds.json."""

import hashlib
import json
import os
import socket
import subprocess
import threading
import time

from .stage import median, milliseconds, private_bytes, processor_nanoseconds, remove_groups, wait_until

MEGABYTE = 1_000_000
# Dying again and again is what these agents are for.
UNTIRING = (
    "recovery.backoff.initial=0s", "recovery.backoff.jitter=0", "recovery.flapping.deaths=10000", "recovery.backoff.starts=1000",
)  # fmt: skip
# What an agent hands over is measured by itself; images of its processes have measures of their own.
COOPERATIVE = "checkpoint.mode=cooperative"
# Between two rounds, so that what the last one left to do is done: a version tidied away, a report written.
SETTLE = 0.15
ALL = []


def gives(*names):
    def keep(measure):
        measure.gives = names
        ALL.append(measure)
        return measure

    return keep


def logged(stage, word):
    name = stage.new_name(word)
    return name, f"{name}.log"


def pair(ours, floors):
    return {"value": median(ours), "floor": median(floors), "worst": max(ours), "samples": len(ours)}


# MARK: Starting


@gives("version")
def version(stage):
    """starting the executable"""
    ours, floors = [], []
    for _ in range(2 * stage.rounds):
        for command, samples in (([stage.path("hello")], floors), ([stage.runner, "--version"], ours)):
            begin, end = stage.spawn(*command)
            samples.append(milliseconds(end - begin))
    return {"version": pair(ours, floors)}


def bare_sandbox(stage, bubblewrap, groups, *command):
    """One control group and bubblewrap with the namespaces ours has, by command line."""
    return [
        stage.path("clock"), "group", ",".join(groups), bubblewrap, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "box",
        "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc", "--die-with-parent", "--", *command,
    ]  # fmt: skip


def first_of(stage, begin, stamps, before):
    lines = stage.words(stamps)
    if len(lines) != before + 1:
        raise LookupError(f"{len(lines) - before} agents began in place of 1")
    return milliseconds(int(lines[-1][0]) - begin)


@gives("sandbox", "run")
def start(stage):
    """starting an agent: the sandbox alone, and the whole command"""
    bubblewrap = stage.bubblewrap()
    plan, groups = stage.groups("start")
    driver = stage.root / ".build" / "release" / "sandbox-driver"
    peers, whole, sandboxes = [], [], []
    stamp = [stage.path("clock"), "stamp", stage.path("stamps")]
    if driver.exists():
        drive = sandbox_driver(stage, driver, plan)
    name = stage.new_name("start")
    try:
        for number in range(stage.rounds + 1):
            before = len(stage.words("stamps"))
            begin, _ = stage.spawn(*bare_sandbox(stage, bubblewrap, groups, *stamp))
            peer = first_of(stage, begin, "stamps", before)
            remove_groups(groups)
            begin, _ = stage.spawn(*stage.runner_words("run", "--quiet", "--name", name, "--", *stamp))
            ours = first_of(stage, begin, "stamps", before + 1)
            if number:  # the first round makes the store and warms the page cache
                peers.append(peer)
                whole.append(ours)
                if driver.exists():
                    sandboxes.append(drive())
    finally:
        remove_groups(groups)
    figures = {"run": pair(whole, peers)}
    if sandboxes:
        figures["sandbox"] = pair(sandboxes, peers)
    return figures


def sandbox_driver(stage, driver, plan):
    """One launch by the supervisor's own code without a supervisor around it: from the call to the agent's first line."""
    runtime = stage.folder / "runtime"
    for folder in (runtime, runtime / "doors", runtime / "doors" / "staging"):
        folder.mkdir(exist_ok=True)
    plan["doorsDirectory"] = str(runtime / "doors")
    plan["controlGroup"]["path"] = f"runner-bench-{os.getpid()}-driver"
    plan["hiddenDirectories"] = []
    file = stage.folder / "driver.json"
    file.write_text(json.dumps(plan))
    init = os.path.join(os.path.dirname(os.path.realpath(stage.runner)), "runner-init")

    def drive():
        for line in stage.call(str(driver), "measure", "1", str(runtime), init, str(file)).splitlines():
            if line.startswith("3 first instruction"):
                return float(line.split()[4])
        raise LookupError("the sandbox driver told no first instruction")

    return drive


# MARK: Dying and coming back


@gives("death", "restart")
def death(stage):
    """a death: seen and in the journal; the next start"""
    name = stage.new_name("mortal")
    bubblewrap = stage.bubblewrap()
    _, groups = stage.groups("restart")
    stamps = f"{name}.stamps"
    journal = stage.store / "agents" / name / "journal" / "current.jsonl"
    seen, restarts, appends, bare, sandboxes = [], [], [], [], []
    with stage.agent(name, stage.path("clock"), "stamp", stage.path(stamps), "hold", settings=UNTIRING):
        incarnation = 0
        try:
            for _ in range(stage.rounds):
                status = stage.living(name, after=incarnation)
                incarnation = status["incarnation"]
                time.sleep(SETTLE)
                before, length = len(stage.words(stamps)), journal.stat().st_size
                words = stage.call(stage.path("clock"), "death", str(status["pid"]), str(journal)).split()
                killed, closed, end = int(words[0]), int(words[2]), int(words[3])
                line = journal.read_bytes()[length:end]
                if b'"note":{"kind":"ended"' not in line:
                    raise LookupError("the first entry after the kill is not the death")
                wait_until(lambda: len(stage.words(stamps)) > before, "the next incarnation")
                seen.append(milliseconds(closed - killed))
                restarts.append(milliseconds(int(stage.words(stamps)[before][0]) - killed))
                # The floors: the same record by itself; kill, reap and start without any runner; the sandbox by itself.
                appends += [
                    milliseconds(int(word)) for word in stage.call(stage.path("clock"), "append", stage.path("record"), str(len(line)), "1").split()
                ]
                killed = int(stage.call(stage.path("clock"), "restart", stage.path("bare")))
                bare.append(milliseconds(int(stage.words("bare")[-1][0]) - killed))
                before = len(stage.words("boxed"))
                begin, _ = stage.spawn(*bare_sandbox(stage, bubblewrap, groups, stage.path("clock"), "stamp", stage.path("boxed")))
                sandboxes.append(first_of(stage, begin, "boxed", before))
                remove_groups(groups)
        finally:
            remove_groups(groups)
    beyond = [ours - floor for ours, floor in zip(restarts, bare)]
    # What must happen between a death and the next first instruction: reap, record, make a sandbox.
    least = [first + second + third for first, second, third in zip(bare, appends, sandboxes)]
    return {"death": pair(seen, appends), "restart": pair(beyond, least)}


@gives("restore")
def restore(stage):
    """giving 1 MB of state back"""
    clean, restored, floors = [], [], []
    names = {"clean": stage.new_name("clean"), "restored": stage.new_name("restored")}
    logs = {kind: f"{name}.log" for kind, name in names.items()}
    stages = {kind: [stage.path("agent"), stage.path(logs[kind]), str(MEGABYTE), f"saves={int(kind == 'restored')}"] for kind in names}
    with stage.agent(names["clean"], *stages["clean"], settings=(COOPERATIVE, *UNTIRING)), stage.agent(names["restored"], *stages["restored"], settings=(COOPERATIVE, *UNTIRING)):
        for number in range(stage.rounds):
            for kind, samples in (("clean", clean), ("restored", restored)):
                wait_until(lambda: len(stage.words(logs[kind], "ready")) > number, f"the {kind} agent")
                status = stage.living(names[kind], after=number)
                time.sleep(SETTLE)
                killed = time.monotonic_ns()
                os.kill(status["pid"], 9)
                wait_until(lambda: len(stage.words(logs[kind], "welcome")) > number + 1, f"the {kind} agent's welcome")
                _, moment, length, _ = stage.words(logs[kind], "welcome")[-1]
                if int(length) != (MEGABYTE if kind == "restored" else 0):
                    raise LookupError(f"the {kind} agent got {length} bytes")
                samples.append(milliseconds(int(moment) - killed))
            # The floor: read it, hash it, hand it through a socket.
            floors.append(milliseconds(hand_over(stage.folder / "state")))
    added = median(restored) - median(clean)
    return {"restore": {"value": added, "floor": median(floors), "whole": median(restored), "clean": median(clean)}}


def hand_over(path):
    if not path.exists():
        path.write_bytes(os.urandom(MEGABYTE))
    begin = time.monotonic_ns()
    data = path.read_bytes()
    hashlib.sha256(data).digest()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=ours.sendall, args=(data,))
        sender.start()
        left = len(data)
        while left:
            left -= len(theirs.recv(left))
        sender.join()
    return time.monotonic_ns() - begin


# MARK: At rest


@gives("memory", "memory-beating", "memory-after", "init", "cpu")
def rest(stage):
    """memory and processor time at rest"""
    name, log = logged(stage, "rest")
    command = [stage.path("agent"), stage.path(log), str(MEGABYTE), "saves=0", "beats=1"]
    with stage.agent(name, *command, settings=(COOPERATIVE, "health.heartbeat=30s")) as supervisor:
        stage.living(name)
        # What the start needed is given back some seconds after it.
        time.sleep(7)
        began, used = time.monotonic_ns(), processor_nanoseconds(supervisor.pid)
        time.sleep(20)
        share = 100 * (processor_nanoseconds(supervisor.pid) - used) / (time.monotonic_ns() - began)
        # Not one look: a status is written, and what that needed given back, every few seconds.
        beating = look_at(supervisor.pid)
        init = private_bytes(stage.init_of(supervisor.pid))
        stage.call(*stage.runner_words("checkpoint", name, "--wait"))
        time.sleep(7)
        after = look_at(supervisor.pid)
    silent = stage.new_name("silent")
    with stage.agent(silent, stage.path("clock"), "line") as supervisor:
        stage.living(silent)
        time.sleep(7)
        idle = private_bytes(supervisor.pid)
    return {
        "memory": {"value": idle / 1e6}, "memory-beating": memory(beating), "memory-after": memory(after), "init": {"value": init / 1e6},
        "cpu": {"value": share},
    }  # fmt: skip


def look_at(pid, times=20):
    samples = []
    for _ in range(times):
        samples.append(private_bytes(pid) / 1e6)
        time.sleep(0.5)
    return samples


def memory(samples):
    return {"value": median(samples), "worst": max(samples)}


@gives("beats")
def beats(stage):
    """a thousand heartbeats a second"""
    name, log = logged(stage, "beats")
    with stage.agent(name, stage.path("agent"), stage.path(log), "1000", "beats=1000") as supervisor:
        stage.living(name)
        time.sleep(1)
        began, used = time.monotonic_ns(), processor_nanoseconds(supervisor.pid)
        time.sleep(5)
        share = 100 * (processor_nanoseconds(supervisor.pid) - used) / (time.monotonic_ns() - began)
    return {"beats": {"value": share}}


# MARK: Working


def fill_workspace(folder, files=20, size=8000):
    folder.mkdir(parents=True)
    for number in range(files):
        (folder / f"note-{number}.txt").write_bytes(os.urandom(size))
    return folder


@gives("stands-still", "checkpoint")
def checkpoint(stage):
    """a version of 1 MB of state and a small workspace"""
    name, log = logged(stage, "saver")
    workspace = fill_workspace(stage.folder / f"{name}.workspace")
    folder = stage.folder / f"{name}.commits"
    folder.mkdir(exist_ok=True)
    command = [stage.path("agent"), stage.path(log), str(MEGABYTE), f"saves={stage.rounds}", f"floors={folder}"]
    with stage.agent(name, *command, settings=(COOPERATIVE, f"workspace={workspace}")):
        wait_until(lambda: stage.words(log, "ready"), "the last version")
    still = [milliseconds(int(line[1])) for line in stage.words(log, "save")]
    whole = [milliseconds(int(line[2])) for line in stage.words(log, "save")]
    floors = [milliseconds(int(line[1])) for line in stage.words(log, "commit")]
    return {"stands-still": pair(still, floors), "checkpoint": pair(whole, floors)}


@gives("greeting", "effect")
def protocol(stage):
    """round trips of the protocol"""
    name, log = logged(stage, "talker")
    count = 5 * stage.rounds
    with stage.agent(name, stage.path("agent"), stage.path(log), "1000", f"hellos={count}", f"effects={count}"):
        wait_until(lambda: stage.words(log, "ready"), "the last round trip")
    greetings = [milliseconds(int(line[1])) for line in stage.words(log, "hello")]
    effects = [milliseconds(int(word)) for line in stage.words(log, "effect") for word in line[1:]]
    appends = [milliseconds(int(word)) for word in stage.call(stage.path("clock"), "append", stage.path("ledger"), "150", str(count)).split()]
    return {"greeting": {"value": median(greetings), "worst": max(greetings)}, "effect": pair(effects, appends)}


@gives("verify")
def verify(stage):
    """verifying a large version"""
    name = stage.new_name("large")
    size = 64 * MEGABYTE
    workspace = fill_workspace(stage.folder / f"{name}.workspace", files=64, size=MEGABYTE)
    with stage.agent(name, stage.path("clock"), "line", settings=(COOPERATIVE, f"workspace={workspace}")):
        stage.living(name)
        stage.call(*stage.runner_words("checkpoint", name, "--wait"))
    files = sorted(workspace.iterdir())
    ours, floors = [], []
    for _ in range(max(5, stage.rounds // 4)):
        begin, end = stage.spawn(*stage.runner_words("verify", name))
        ours.append(milliseconds(end - begin))
        begin = time.monotonic_ns()
        for file in files:
            hashlib.sha256(file.read_bytes()).digest()
        floors.append(milliseconds(time.monotonic_ns() - begin))
    return {"verify": {**pair(ours, floors), "megabytes_per_second": size / 1e3 / median(ours)}}


@gives("ls")
def listing(stage):
    """listing 100 agents"""
    store = stage.folder / "fleet"
    for number in range(100):
        if (store / "agents" / f"agent-{number}").exists():
            continue
        command = [stage.runner, "run", "--store", str(store), "--quiet", "--name", f"agent-{number}", "--", "/bin/true"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, cwd=stage.folder)
    ours, floors = [], []
    for _ in range(stage.rounds):
        begin, end = stage.spawn(stage.runner, "ls", "--store", str(store))
        ours.append(milliseconds(end - begin))
        begin, end = stage.spawn(stage.path("clock"), "list", str(store / "agents"), "status.json")
        floors.append(milliseconds(end - begin))
    return {"ls": pair(ours, floors)}
