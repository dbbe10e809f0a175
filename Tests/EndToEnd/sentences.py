"""What a command said and ended with, compared whole."""

import json
import subprocess

from stage import wait_until


def says(answer, status, *rest):
    """A command that ended with `status` and said this sentence alone. With --json its answer holds the code and the sentence, too."""
    code, sentence = rest if len(rest) == 2 else (None, *rest)
    said = f"{answer.args[1:]} ended with {answer.returncode}: {answer.stderr}{answer.stdout}"
    assert answer.returncode == status, said
    assert answer.stderr == f"runner: {sentence}\n", said
    if status != 0 and answer.stdout is not None:
        expected = {"error": {"code": code, "message": sentence}} if "--json" in answer.args else None
        assert (json.loads(answer.stdout) if answer.stdout else None) == expected, said


def ends(running, status, code, sentence):
    """`runner run`: its last line is the sentence; the code is what `runner explain` knows it by."""
    assert running.wait() == status, running.text
    assert running.text.splitlines()[-1:] == [f"runner: {sentence}"], running.text
    assert f"(exit status {status})" in subprocess.run([running.process.args[0], "explain", code], capture_output=True, text=True).stdout


def asking(stage, *words):
    """A command that is still to answer; on return its supervisor has it in its journal."""
    before = len(operators(stage))
    answer = subprocess.Popen(
        stage.user.command([stage.user.runner, *words]), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=stage.user.environment({"RUNNER_STORE": str(stage.store)}),
    )  # fmt: skip
    wait_until(lambda: len(operators(stage)) > before, f"the supervisor was asked to {words}")
    return answer


def operators(stage):
    return [event for event in stage.json("events", stage.name) if event.get("kind") == "operator"]


def answered(answer):
    out, error = answer.communicate(timeout=60)
    return subprocess.CompletedProcess(answer.args, answer.returncode, out, error)
