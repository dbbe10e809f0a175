"""The example agents, whole: killed at every kind of moment, they end with every step done exactly once."""

import collections
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from little_runner import LittleRunner, lines_of, python

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not beside this copy of the SDK")


class Model:
    """The stand-in model in a process of its own."""

    def __init__(self, folder, latency=0.0):
        self.folder = folder
        self.latency = latency
        self.start()

    def start(self):
        command = ["server.py", "--port", "0", "--latency", str(self.latency), "--state", str(self.folder / "calls.json")]
        self.process = subprocess.Popen(
            python(EXAMPLES / "stand-in-model" / command[0], *command[1:]), stdout=subprocess.PIPE, text=True
        )
        # The line is printed when the port can be used.
        self.url = self.process.stdout.readline().split()[-1]

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(20)
        self.process.stdout.close()

    def stats(self):
        with urllib.request.urlopen(self.url.replace("/v1", "/stats"), timeout=20) as response:
            return json.load(response)

    def ask(self, text, key=None):
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
        request = urllib.request.Request(f"{self.url}/chat/completions", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)


@pytest.fixture
def model(tmp_path):
    model = Model(tmp_path)
    yield model
    model.stop()


# MARK: the stand-in model


def test_the_model_gives_equal_answers_to_equal_prompts(model):
    first, second = model.ask("One thing. Another thing."), model.ask("One thing. Another thing.")
    assert first == second
    assert first["choices"][0]["message"]["content"].startswith("One thing. (4 words, ")
    assert first["usage"]["total_tokens"] == 4 + first["usage"]["completion_tokens"]
    assert model.stats() == {"executions": {}, "replays": {}, "without_key": 2, "running": []}


def test_a_key_is_executed_once_even_over_a_restart(model):
    first = model.ask("A prompt.", "k1")
    assert model.ask("A prompt.", "k1") == first
    model.stop(signal.SIGKILL)
    model.start()
    assert model.ask("A prompt.", "k1") == first
    model.ask("Another.", "k2")
    assert model.stats()["executions"] == {"k1": 1, "k2": 1} and model.stats()["replays"] == {"k1": 2}


def test_callers_at_once_with_one_key_share_one_execution(tmp_path):
    model = Model(tmp_path, latency=0.05)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: json.dumps(model.ask("A prompt.", "k1")), range(8)))
    assert len(set(answers)) == 1
    assert model.stats()["executions"] == {"k1": 1} and model.stats()["replays"] == {"k1": 7}
    model.stop()


def test_a_key_used_for_another_prompt_is_refused(model):
    model.ask("A prompt.", "k1")
    with pytest.raises(urllib.error.HTTPError, match="409"):
        model.ask("Another prompt.", "k1")


@pytest.mark.parametrize("body, status", [(b"{", 400), (b"[]", 400), (b'{"messages": []}', 400), (b'{"messages": [1]}', 400)])
def test_a_request_that_is_none_is_refused(model, body, status):
    with pytest.raises(urllib.error.HTTPError, match=str(status)):
        urllib.request.urlopen(urllib.request.Request(f"{model.url}/chat/completions", data=body), timeout=20)


# MARK: the Python agent


def agent_in(folder, model):
    """The agent's folder, workspace and environment, for its twelve documents."""
    home = folder / "agent"
    shutil.copytree(EXAMPLES / "python-agent", home, ignore=shutil.ignore_patterns("workspace"))
    workspace = home / "workspace"
    workspace.mkdir()
    return home, workspace, {"MODEL_URL": model.url}


def check_finished(home, workspace, model):
    documents = sorted(path.name for path in (home / "documents").iterdir())
    results = lines_of(workspace / "results.jsonl")
    assert [line["step"] for line in results] == list(range(len(documents)))
    assert [line["document"] for line in results] == documents
    assert sorted(os.listdir(workspace)) == ["report.md", "results.jsonl", "summaries"]
    assert len(os.listdir(workspace / "summaries")) == len(documents)
    assert model.stats()["executions"] == {line["key"]: 1 for line in results}
    return results


def test_without_a_runner_the_agent_just_runs(tmp_path, model):
    home, workspace, environ = agent_in(tmp_path, model)
    environ = {key: value for key, value in {**os.environ, **environ}.items() if not key.startswith("RUNNER_")}
    for _ in range(2):  # a second run begins anew
        assert subprocess.run(python(home / "agent.py"), env=environ, timeout=60).returncode == 0
        check_finished(home, workspace, model)


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_it_does_every_step_exactly_once(tmp_path, model, seed):
    """Moments are messages: the agent is killed when the runner has heard, and answered, so many of them."""
    chance = random.Random(seed)
    home, workspace, environ = agent_in(tmp_path, model)
    heard = collections.Counter()
    next_kill, kills = [chance.randint(1, 12)], []

    def moment(runner, kind, message):
        heard["all"] += 1
        if chance.random() < 0.2 and kind != "hello":
            runner.prepare()
        if heard["all"] >= next_kill[0] and len(kills) < 10:
            next_kill[0] = heard["all"] + chance.randint(2, 12)
            kills.append(kind)
            runner.kill()

    runner = LittleRunner(tmp_path, python(home / "agent.py"), workspace, environ, moment)
    assert runner.run() == 0
    assert len(kills) >= 6 and runner.incarnation == len(kills) + 1
    results = check_finished(home, workspace, model)
    assert {key: entry[0] for key, entry in runner.ledger.items()} == {line["key"]: "done" for line in results}
    # The newest version is the finished work.
    assert json.loads(runner.versions[-1][1])["next"] == len(results)


def test_asked_to_stop_it_leaves_at_a_step(tmp_path, model):
    home, workspace, environ = agent_in(tmp_path, model)
    def moment(runner, kind, message):
        if kind == "effect_end" and message.key.startswith("step:2:") and runner.incarnation == 1:
            runner.prepare()
            runner.stop()

    runner = LittleRunner(tmp_path, python(home / "agent.py"), workspace, environ, moment)
    assert runner.run() == 0
    assert 3 <= len(lines_of(workspace / "results.jsonl")) < 12
    assert runner.run() == 0
    check_finished(home, workspace, model)


# MARK: the shell agent


def test_the_shell_agent_goes_on_from_its_files(tmp_path):
    workspace = tmp_path / "workspace"
    door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    door.settimeout(20)
    door.bind(str(tmp_path / "notify"))
    environ = {**os.environ, "WORKSPACE": str(workspace), "PAUSE": "0", "NOTIFY_SOCKET": str(tmp_path / "notify")}
    tasks = (EXAMPLES / "shell-agent" / "todo.txt").read_text().splitlines()

    def run_until(count):
        """Kills the agent, with all its children, when it has told of so many tasks; None lets it end."""
        agent = subprocess.Popen(["sh", str(EXAMPLES / "shell-agent" / "agent.sh")], env=environ, start_new_session=True, stdout=subprocess.DEVNULL)
        told = [door.recv(4096).decode()]
        assert told[0].startswith("READY=1\nSTATUS=task ")
        while count is None or sum(each.startswith("WATCHDOG=1\n") for each in told) < count:
            told.append(door.recv(4096).decode())
            if told[-1].startswith("STOPPING=1"):
                return agent.wait(20)
        os.killpg(agent.pid, signal.SIGKILL)
        agent.wait(20)

    for count in (1, 3, 2):
        run_until(count)
        door.setblocking(False)
        while True:
            try:
                door.recv(4096)  # said by the one that is dead
            except BlockingIOError:
                break
        door.settimeout(20)
        with open(workspace / "done.txt", "a") as file:
            file.write("a line that was cut off")
    assert run_until(None) == 0
    done = [line.split("\t") for line in (workspace / "done.txt").read_text().splitlines()]
    assert [(int(number), task) for number, task, _ in done] == list(enumerate(tasks, 1))
    door.close()
