import json
import os
import signal
import struct
import threading

import pytest
from fake_runner import RUNNER_NUMBERS, frame
from runner_agent import Agent, EffectDenied, ForkedAgent, VersionRefused
from runner_agent import agent_pb2 as pb
from test_agent import started


def test_the_agent_comes_back_and_says_who_it_is(runner, background):
    agent, connection = started(runner, background, incarnation=4)
    agent.beat(step=8, note="eighth")
    connection.hear("beat")
    connection.close()
    connection = runner.welcomed(incarnation=4)
    assert connection.hello.resumes == 4
    beat = connection.hear("beat")
    assert (beat.step, beat.note) == (8, "eighth")
    agent.close()


def test_it_waits_for_a_runner_that_is_being_replaced(runner, background):
    agent, connection = started(runner, background)
    runner.stop_listening()
    connection.close()
    runner.listen()
    assert runner.welcomed().hello.resumes == 1
    agent.close()


def test_a_restored_process_learns_where_it_woke_up(runner, background):
    agent, connection = started(runner, background, incarnation=4, state=pb.State(inline=b"1"))
    connection.close()
    connection = runner.welcomed(incarnation=5, restored_from=12, slept_ms=60_000, changed=["environment"], state=pb.State(inline=b"2"))
    connection.seen()
    assert (agent.welcome.incarnation, agent.welcome.restored_from, agent.welcome.slept) == (5, 12, 60.0)
    assert agent.restored == 1  # its own memory is newer than anything handed back
    agent.close()


def test_a_cut_that_loses_its_runner_lets_the_agent_go_on(runner, background):
    agent, connection = started(runner, background)
    connection.prepare()
    connection.seen()
    standing = background(agent.checkpoint_point, {})
    connection.hear("prepared")
    connection.close()
    assert standing.result() is False
    connection = runner.welcomed()
    connection.seen()  # nothing of the old cut is said again
    assert agent.checkpoint_point({}) is False
    connection.prepare(RUNNER_NUMBERS + 1)
    connection.seen()
    standing = background(agent.checkpoint_point, {})
    assert connection.hear("prepared").request == RUNNER_NUMBERS + 1
    connection.resume(RUNNER_NUMBERS + 1)
    assert standing.result() is True
    agent.close()


def test_a_state_gathered_for_a_lost_runner_is_not_sent_to_the_next(runner, background):
    agent, connection = started(runner, background)
    connection.prepare()
    connection.seen()
    next_connection = []

    def slow_state():
        connection.close()
        next_connection.append(runner.welcomed())
        next_connection[0].seen()
        return {}

    assert agent.checkpoint_point(slow_state) is False
    next_connection[0].seen()
    agent.close()


@pytest.mark.parametrize("resumed_before", [False, True])
def test_a_save_is_asked_again_by_the_same_number(runner, background, resumed_before):
    agent, connection = started(runner, background, Agent(environ=runner.environ, codec="bytes", beat_from_thread=False))
    state = os.urandom(2 << 20)
    saving = background(agent.save, state)
    first = connection.hear("save")
    if resumed_before:
        connection.resume(first.request)
        connection.seen()
    connection.close()
    connection = runner.welcomed()
    again = connection.hear("save")
    assert again == first
    assert os.path.getsize(os.path.join(runner.staging, again.point.state.file.name)) == len(state)
    connection.resume(again.request)
    connection.committed(3, again.request)
    assert saving.result() == 3
    agent.close()


def test_a_save_nobody_stands_still_for_is_not_asked_again(runner, background):
    agent, connection = started(runner, background)
    saving = background(lambda: agent.save({}, wait=False))
    connection.resume(connection.hear("save").request)
    saving.result()
    connection.close()
    connection = runner.welcomed()
    connection.seen()
    agent.close()


def test_both_halves_of_an_effect_are_asked_again_by_the_same_number(runner, background):
    agent, connection = started(runner, background)
    doing = background(lambda: agent.once("mail:42", lambda: 1))
    begin = connection.hear("effect_begin")
    connection.close()
    connection = runner.welcomed()
    assert connection.hear("effect_begin") == begin
    connection.effect(begin.request, pb.PROCEED)
    end = connection.hear("effect_end")
    connection.close()
    connection = runner.welcomed()
    assert connection.hear("effect_end") == end
    connection.effect(end.request, pb.RECORDED)
    assert doing.result() == 1
    agent.close()


def test_an_answered_question_is_not_asked_again(runner, background):
    agent, connection = started(runner, background)
    doing = background(lambda: agent.once("mail:42", lambda: 1))
    connection.effect(connection.hear("effect_begin").request, pb.DENIED, reason="no")
    with pytest.raises(EffectDenied):
        doing.result()
    connection.close()
    runner.welcomed().seen()
    agent.close()


def test_a_wait_for_the_model_and_the_last_words_are_told_to_the_next_runner(runner, background):
    agent, connection = started(runner, background)
    with agent.turn():
        connection.hear("turn")
        connection.close()
        connection = runner.welcomed()
        assert connection.hear("turn").waiting is True
    connection.hear("turn")
    agent.done("all of it")
    connection.hear("done")
    connection.close()
    connection = runner.welcomed()
    assert connection.hear("done").note == "all of it"
    agent.close()


def test_the_last_words_wait_for_a_runner(runner, background):
    agent, connection = started(runner, background)
    runner.stop_listening()
    connection.close()
    speaking = background(agent.done, "at last")
    runner.listen()
    connection = runner.welcomed()
    speaking.result()
    agent.close()
    assert connection.hear("done").note == "at last"


def test_a_connection_broken_in_mid_frame_begins_again_at_a_frame(runner, background):
    agent, connection = started(runner, background)
    connection.raw(frame(prepare=pb.Prepare(request=RUNNER_NUMBERS, deadline_ms=1, reason=pb.SCHEDULE))[:7])
    connection.close()
    runner.welcomed().seen()
    assert agent.checkpoint_point({}) is False
    agent.close()


def test_frames_may_come_a_byte_at_a_time_and_many_at_once(runner, background):
    agent, connection = started(runner, background)
    connection.say_bytewise(prepare=pb.Prepare(request=RUNNER_NUMBERS, deadline_ms=1, reason=pb.OPERATOR))
    connection.seen()
    standing = background(agent.checkpoint_point, {})
    connection.hear("prepared")
    connection.raw(
        frame(ping=pb.Ping(number=1))
        + struct.pack("<I", 0)
        + frame(resume=pb.Resume(request=RUNNER_NUMBERS))
        + frame(committed=pb.Committed(request=RUNNER_NUMBERS, version=6))
        + frame(ping=pb.Ping(number=2))
    )
    assert standing.result() is True
    assert [connection.hear("pong").number for _ in range(2)] == [1, 2]
    assert agent.last_version == 6
    agent.close()


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xff\xff\xff\xff",
        struct.pack("<I", 4) + b"\xff\xff\xff\xff",
        frame(welcome=pb.Welcome(version=1, agent="tester", incarnation=1)),  # a second one
        struct.pack("<I", 3) + b"\x9a\x02\x00",  # a resume without a number
        os.urandom(70_000),
    ],
)
def test_a_hostile_runner_costs_a_connection_and_nothing_else(runner, background, hostile):
    agent, connection = started(runner, background)
    doing = background(lambda: agent.once("mail:42", lambda: 1))
    connection.hear("effect_begin")
    try:
        connection.raw(hostile)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the agent left before it had all
    connection = runner.welcomed()
    for verdict in (pb.PROCEED, pb.RECORDED):
        connection.effect(connection.next()[1].request, verdict)
    assert doing.result() == 1
    agent.close()


@pytest.mark.parametrize(
    "early",
    [
        frame(prepare=pb.Prepare(request=RUNNER_NUMBERS, deadline_ms=1, reason=pb.SCHEDULE)),
        frame(welcome=pb.Welcome(version=2, agent="tester", incarnation=1)),
        frame(committed=pb.Committed(request=1, version=1)),
    ],
)
def test_what_may_not_come_before_the_welcome_ends_the_connection(runner, background, early):
    agent = Agent(environ=runner.environ)
    starting = background(agent.start)
    connection = runner.accept()
    connection.hear("hello")
    connection.raw(early)
    assert connection.ended()
    assert not runner.welcomed().hello.HasField("resumes")
    starting.result()
    agent.close()


def test_answers_nobody_waits_for_are_ignored(runner, background):
    agent, connection = started(runner, background)
    for request in (0, 1, RUNNER_NUMBERS, (1 << 64) - 1):
        connection.resume(request)
        connection.aborted("x", request)
        connection.effect(request, pb.PROCEED)
        connection.committed(2, request)
    connection.seen()
    agent.close()


def test_a_version_refused_later_ends_the_asking_but_not_the_agent(runner, background):
    agent, connection = started(runner, background)
    connection.close()
    connection = runner.accept()
    connection.hear("hello")
    doing = background(lambda: agent.once("mail:42", lambda: pytest.fail("it was done")))
    connection.say(refusal=pb.Refusal(code="E-PROTOCOL-VERSION", reason="no version in common"))
    with pytest.raises(VersionRefused):
        doing.result()
    agent.beat(step=1)
    assert agent.checkpoint_point({}) is False
    with pytest.raises(VersionRefused):
        agent.save({})
    agent.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # that it is so is the point here
def test_a_child_made_by_fork_is_no_agent_and_leaves_the_parents_connection_alone(runner, background):
    agent, connection = started(runner, background)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        # Only what cannot run the test's own clean-up may happen here.
        told = []
        try:
            agent.beat(step=1)
            told.append(agent.checkpoint_point({}))
            for call in (lambda: agent.save({}), lambda: agent.once("k", lambda: 1)):
                try:
                    call()
                    told.append("done")
                except ForkedAgent:
                    told.append("forked")
            agent.done()
            agent.close()
        finally:
            os.write(write, json.dumps(told).encode())
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(write)
    assert json.loads(os.read(read, 4096)) == [False, "forked", "forked"]
    os.close(read)
    connection.seen()
    # The child held no copy of the socket: the runner sees the parent's end at once.
    agent.close()
    assert connection.ended()


def test_a_bug_in_the_thread_is_an_answer_and_not_a_silence(runner, background, monkeypatch):
    agent, connection = started(runner, background)
    monkeypatch.setattr(agent._operations.link, "_take", lambda message: 1 / 0)
    died = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    doing = background(lambda: agent.once("mail:42", lambda: pytest.fail("it was done")))
    connection.effect(connection.hear("effect_begin").request, pb.PROCEED)
    with pytest.raises(Exception, match="ended by a bug: ZeroDivisionError"):
        doing.result()
    agent._operations.link._thread.join(20)
    assert died == []
    agent.beat(step=1)
    agent.close()
