"""The runner is killed with SIGKILL at any moment, with and without its agent: the work goes on, once.

SOAK_KILLS=500 makes it the long form. SOAK_SEED repeats the moments of a failed run, as far as two machines agree about time.
"""

import collections
import json
import os
import random
import time

import pytest
from outside import TwoCopiesWatch, faults_of_version, prints_of_version
from stage import Lost, wait_until

KILLS = int(os.environ.get("SOAK_KILLS", "25"))
ADOPT_WITHIN = 1.0
# From the end of the adoption term to nothing being left: the stop deadline, and a busy machine.
TO_BE_GONE = 20.0
# Alone: the agent lives and is taken over. Early: while the runner starts. Agent too: nothing is left. Agent later: it ends between two runners.
# For good: nobody comes within the adoption term.
WAYS = ["alone", "alone", "early", "agent too", "agent later", "for good"]


class Books:
    """What was seen of the store: a version, once committed, never changes and never goes."""

    def __init__(self, stage):
        self.stage = stage
        self.prints = {}

    def check(self):
        numbers = self.stage.versions()
        lost = set(self.prints) - set(numbers)
        assert not lost, f"versions {sorted(lost)} are gone"
        for number in numbers:
            folder = self.stage.versions_folder / str(number)
            if number not in self.prints:
                assert faults_of_version(folder) == [], f"version {number}"
                self.prints[number] = self.content(folder)
        # All of them in the end; on the way the newest five, which are what the next start may use.
        for number in numbers[-5:]:
            assert self.content(self.stage.versions_folder / str(number)) == self.prints[number], f"version {number} changed"

    def check_all(self):
        for number, content in self.prints.items():
            assert self.content(self.stage.versions_folder / str(number)) == content, f"version {number} changed"

    @staticmethod
    def content(folder):
        """All but what the version has earned since."""
        return {name: print for name, print in prints_of_version(folder).items() if name != "standing"}


@pytest.mark.parametrize("who", ["root", "nobody"])
def test_the_runner_dies_at_any_moment_and_the_work_goes_on_once(stages, who, request):
    if who == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    stage = stages("survivor", request.getfixturevalue("nobody") if who == "nobody" else None)
    seed = int(os.environ.get("SOAK_SEED", random.randrange(1 << 32)))
    chance = random.Random(seed)
    kills = KILLS if who == "root" else max(1, KILLS * 2 // 5)
    print(f"seed {seed}")
    stage.write_spec(
        stage.worker("--effects", "--pace", "0.03", "--save-every", "9"),
        checkpoint={"every": "1s", "keep": 100000, "keep_asides": 100000},
        stop={"adopt_within": "1s", "deadline": "1s"},
        effects={"unknown": "retry-if-idempotent"},
    )
    books = Books(stage)
    counts = collections.Counter()
    ways = []
    with TwoCopiesWatch(str(stage.folder), stage.is_agent) as watch:
        for kill in range(kills):
            try:
                if not ways:
                    ways = chance.sample(WAYS, len(WAYS))
                one_kill(stage, ways.pop(), chance, counts)
                books.check()
            except (AssertionError, Lost) as fault:
                raise AssertionError(f"kill {kill + 1} of {kills}, seed {seed}: {fault}; {stage.last_words()}\n{stage.why(30)}") from fault
            if os.environ.get("SOAK_KILLS") and kill % 25 == 24:
                print(f"{kill + 1} kills, {len(stage.steps())} steps, {len(books.prints)} versions, {dict(counts)}", flush=True)
        runner = stage.run()
        stage.wait_until_running()
        stage.wait_for_more_steps(1)
        stage.order("enough")
        assert runner.wait() == 0, stage.last_words()
        stage.wait_until_nothing_lives()
    books.check()
    books.check_all()
    print(f"{kills} kills: {dict(counts)}; {len(stage.steps())} steps, {len(books.prints)} versions, {watch.looks} looks")
    assert watch.looks > 10 and watch.seen_together == [], watch.seen_together
    assert not (stage.orders / "two-copies").exists(), (stage.orders / "two-copies").read_text()
    assert stage.steps() == list(range(int((stage.workspace / "report.txt").read_text())))
    check_effects(stage)
    assert stage.ask("verify", stage.name, within=600).returncode == 0
    assert stage.ask("replay", stage.name).returncode == 0


def one_kill(stage, way, chance, counts):
    """Starts the runner and kills it at a random moment."""
    runner = stage.run()
    if way == "early":
        moment = chance.uniform(0, 0.15)  # while it starts: the store is put in order, the agent is taken over or launched
    else:
        stage.wait_for_status(
            lambda status: status["supervisorPID"] == runner.pid and status["state"] == "running", "this runner runs the agent"
        )
        moment = chance.uniform(0, 1.3)
    # Any moment is as good as any other: that is what is shown. Hence a wait for nothing but time.
    time.sleep(moment)
    agents = [process for process in stage.processes() if stage.is_agent(process)]
    assert not runner.ended, f"runner ended by itself with {runner.process.returncode}"
    runner.kill()
    counts[way] += 1
    if way == "agent too":
        kill(agents)
    elif way == "agent later":
        time.sleep(chance.uniform(0, ADOPT_WITHIN / 2))
        kill(agents)
    elif way == "for good":
        stage.wait_until_nothing_lives(ADOPT_WITHIN + TO_BE_GONE)


def kill(processes):
    for process in processes:
        if process.lives:
            try:
                os.kill(process.pid, 9)
            except ProcessLookupError:
                pass
    wait_until(lambda: not any(process.lives for process in processes), "the agent is gone")


def check_effects(stage):
    """Every effect was done; one was done again only where its first try was begun and nobody saw its end."""
    done = collections.Counter(int(line) for line in (stage.orders / "effects").read_text().split())
    assert set(done) >= set(stage.steps())
    begun, ended = collections.Counter(), collections.Counter()
    for line in (stage.home / "effects" / "ledger").read_bytes().splitlines():
        record = json.loads(line.partition(b" ")[2])
        if record["event"] == "begun":
            begun[record["key"]] += 1
        elif record["event"] == "ended":
            ended[record["key"]] += 1
    for number, times in done.items():
        assert times <= begun[f"step:{number}"], f"step {number} was done {times} times, begun {begun[f'step:{number}']} times"
    assert set(ended) >= {f"step:{number}" for number in stage.steps()} and set(ended.values()) == {1}
