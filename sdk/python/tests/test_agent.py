import hashlib
import json
import os
import threading

import pytest
from fake_runner import RUNNER_NUMBERS
from runner_agent import (
    Agent,
    AgentClosed,
    EffectDenied,
    EffectResultTooLarge,
    RunnerRefused,
    RunnerUnreachable,
    SchemaMismatch,
    StateNotStored,
    StateUnusable,
    UnknownEffect,
    VersionRefused,
)
from runner_agent import agent_pb2 as pb


def started(runner, background, agent=None, **fields):
    """An agent that was welcomed, and the runner's end of its connection."""
    agent = agent or Agent(environ=runner.environ, beat_from_thread=False)
    starting = background(agent.start)
    connection = runner.welcomed(**fields)
    starting.result()
    return agent, connection


# MARK: start


def test_hello_and_welcome(runner, background):
    agent = Agent("notes/2", environ=runner.environ, on_pressure=lambda: None)
    agent, connection = started(
        runner, background, agent, incarnation=7, restored_from=41, slept_ms=1500, changed=["host"], beat_every_ms=4000,
        state=pb.State(inline=b'{"next": 3}'), state_schema="notes/2",
    )
    hello = connection.hello
    assert (hello.oldest, hello.newest, hello.sdk) == (1, 1, "runner-python 0.1.0")
    assert list(hello.capabilities) == ["prepare", "stop", "pressure"]
    assert hello.state_schema == "notes/2" and not hello.HasField("resumes")
    welcome = agent.welcome
    assert (welcome.agent, welcome.incarnation, welcome.restored_from, welcome.slept) == ("tester", 7, 41, 1.5)
    assert (welcome.changed, welcome.beat_every, welcome.version) == (("host",), 4.0, 1)
    assert agent.under_runner and agent.restored == {"next": 3}
    agent.close()
    assert connection.ended()


def test_a_clean_start_restores_nothing(runner, background):
    agent, connection = started(runner, background)
    assert agent.restored is None and agent.welcome.restored_from is None and agent.welcome.slept is None
    assert list(connection.hello.capabilities) == ["prepare", "stop"]
    agent.close()


def test_a_welcome_that_comes_a_byte_at_a_time(runner, background):
    agent = Agent(environ=runner.environ)
    starting = background(agent.start)
    connection = runner.accept()
    connection.hear("hello")
    connection.say_bytewise(welcome=pb.Welcome(version=1, agent="tester", incarnation=1, state=pb.State(inline=b"[1]")))
    starting.result()
    assert agent.restored == [1]
    agent.close()


@pytest.mark.parametrize(
    "codec, stored, restored",
    [("bytes", b"\0raw", b"\0raw"), (("".encode, lambda b: b[::-1]), b"abc", b"cba"), ("json", b"0", 0)],
)
def test_state_is_decoded_by_the_agents_codec(runner, background, codec, stored, restored):
    agent = Agent(environ=runner.environ, codec=codec)
    started(runner, background, agent, state=pb.State(inline=stored))
    assert agent.restored == restored
    agent.close()


def test_state_comes_from_a_file(runner, background):
    data = json.dumps("x" * (2 << 20)).encode()
    with open(os.path.join(runner.staging, "restored"), "wb") as file:
        file.write(data)
    file = pb.StateFile(name="restored", size=len(data), sha256=hashlib.sha256(data).digest())
    agent, _ = started(runner, background, state=pb.State(file=file))
    assert len(agent.restored) == 2 << 20
    agent.close()


@pytest.mark.parametrize(
    "state, schema, error",
    [
        (pb.State(inline=b"{not json"), "notes/2", StateUnusable),
        (pb.State(file=pb.StateFile(name="missing", size=1, sha256=b"\0" * 32)), "notes/2", StateUnusable),
        (pb.State(inline=b"{}"), "notes/1", SchemaMismatch),
        (pb.State(inline=b"{}"), None, SchemaMismatch),
    ],
)
def test_a_state_that_cannot_be_used_ends_the_start(runner, background, state, schema, error):
    starting = background(Agent("notes/2", environ=runner.environ).start)
    connection = runner.welcomed(state=state, state_schema=schema)
    with pytest.raises(error):
        starting.result()
    # It never looked alive: not one heartbeat.
    with pytest.raises(EOFError):
        connection.next()


def test_an_old_state_is_migrated(runner, background):
    agent = Agent("notes/2", environ=runner.environ, migrate=lambda state, old: {**state, "was": old})
    started(runner, background, agent, state=pb.State(inline=b'{"a": 1}'), state_schema="notes/1")
    assert agent.restored == {"a": 1, "was": "notes/1"}
    agent.close()


@pytest.mark.parametrize(
    "code, error",
    [("E-PROTOCOL-VERSION", VersionRefused), ("E-PROTOCOL-OCCUPIED", RunnerRefused), ("E-PROTOCOL-STRANGER", RunnerRefused)],
)
def test_a_final_refusal_is_told_in_the_runners_words(runner, background, code, error):
    starting = background(Agent(environ=runner.environ).start)
    connection = runner.accept()
    connection.hear("hello")
    connection.say(refusal=pb.Refusal(code=code, reason="the runner speaks 3 to 4 and the agent 1 to 1"))
    with pytest.raises(error) as caught:
        starting.result()
    assert str(caught.value) == f"the runner refused the connection: the runner speaks 3 to 4 and the agent 1 to 1 ({code})"
    assert connection.ended()


def test_any_other_refusal_is_tried_again(runner, background):
    agent = Agent(environ=runner.environ)
    starting = background(agent.start)
    first = runner.accept()
    first.hear("hello")
    first.say(refusal=pb.Refusal(code="E-PROTOCOL-HELLO-LATE", reason="late"))
    first.close()
    runner.welcomed()
    starting.result()
    agent.close()


def test_a_runner_that_is_not_there_is_named(tmp_path):
    agent = Agent(environ={"RUNNER_SOCKET": str(tmp_path / "none")}, connect_within=0.05)
    with pytest.raises(RunnerUnreachable, match="could not reach the runner at .* within 0.05 s"):
        agent.start()


# MARK: without a runner


def test_without_a_runner_everything_does_nothing():
    shrunk = []
    with Agent(environ={}, on_pressure=lambda: shrunk.append(1)) as a:
        assert not a.under_runner and a.restored is None and a.welcome is None
        assert not a.should_stop and not a.stop_requested and a.stop_within is None and a.stop_reason is None
        a.beat(step=1, progress=0.5, note="n", tokens=1, cost_micro_usd=2)
        assert a.checkpoint_point({"a": 1}) is False
        assert a.save({"a": 1}) is None and a.save({"a": 1}, required=True) is None and a.last_version is None
        with a.turn({"a": 1}):
            pass
        assert a.once("key", lambda: 42) == 42
        assert a.once("key", lambda: 43) == 43
        with a.effect("key") as e:
            assert e.first and e.result is None
        a.done("all of it")
        a.failed("never mind")
    assert shrunk == []


# MARK: beats


@pytest.mark.parametrize(
    "wrong",
    [{"step": -1}, {"step": 1.5}, {"step": 1 << 64}, {"progress": 1.1}, {"progress": float("nan")}, {"tokens": -1}],
)
def test_a_beat_that_says_nonsense_is_refused(wrong):
    with pytest.raises(ValueError):
        Agent(environ={}).beat(**wrong)


def test_beats_carry_what_was_said(runner, background):
    agent, connection = started(runner, background)
    agent.beat(step=3, progress=0.25, note="third", tokens=10, cost_micro_usd=500)
    beat = connection.hear("beat")
    assert (beat.step, beat.progress, beat.note, beat.tokens, beat.cost_micro_usd) == (3, 0.25, "third", 10, 500)
    agent.close()


def test_many_beats_are_merged_and_the_newest_arrives(runner, background):
    agent, connection = started(runner, background)
    for step in range(20_000):
        agent.beat(step=step)
    heard = [connection.hear("beat").step]
    while heard[-1] != 19_999:
        heard.append(connection.hear("beat").step)
    assert heard == sorted(heard) and len(heard) < 2000
    agent.close()


def test_the_thread_beats_while_the_agent_is_silent(runner, background):
    agent = Agent(environ=runner.environ)
    agent, connection = started(runner, background, agent, beat_every_ms=100)
    for _ in range(3):
        assert not connection.hear("beat").HasField("step")
    agent.close()


def test_without_the_thread_only_the_agent_beats(runner, background):
    agent, connection = started(runner, background, beat_every_ms=1)
    connection.seen()
    agent.beat(step=1)
    assert connection.hear("beat").step == 1
    assert connection.beats == []
    agent.close()


# MARK: the runner's checkpoints


def test_nothing_happens_at_a_safe_point_nobody_asked_for(runner, background):
    agent, connection = started(runner, background)
    assert agent.checkpoint_point(lambda: pytest.fail("the state was not wanted")) is False
    agent.close()


@pytest.mark.parametrize("state", [{"next": 9}, lambda: {"next": 9}])
def test_a_cut_at_a_safe_point(runner, background, state):
    agent, connection = started(runner, background, Agent("notes/2", environ=runner.environ, beat_from_thread=False))
    agent.beat(step=9)
    connection.prepare()
    connection.seen()
    standing = background(agent.checkpoint_point, state)
    prepared = connection.hear("prepared")
    assert prepared.request == RUNNER_NUMBERS
    point = prepared.point
    assert json.loads(point.state.inline) == {"next": 9} and point.schema == "notes/2" and point.step == 9
    connection.resume()
    assert standing.result() is True
    assert agent.last_version is None
    connection.committed(12)
    connection.seen()
    assert agent.last_version == 12
    assert agent.checkpoint_point({}) is False
    agent.close()


def test_the_agent_stands_still_until_resume(runner, background):
    agent, connection = started(runner, background)
    passed = threading.Event()
    connection.prepare()
    connection.seen()

    def body():
        agent.checkpoint_point({})
        passed.set()

    standing = background(body)
    connection.hear("prepared")
    connection.seen()
    assert not passed.is_set()
    connection.resume()
    standing.result()
    agent.close()


def test_an_aborted_cut_lets_the_agent_go_on(runner, background):
    agent, connection = started(runner, background)
    connection.prepare()
    connection.seen()
    standing = background(agent.checkpoint_point, {})
    connection.hear("prepared")
    connection.aborted("the disk is full")
    assert standing.result() is True and agent.last_version is None
    agent.close()


def test_a_commit_without_a_resume_is_a_resume(runner, background):
    agent, connection = started(runner, background)
    connection.prepare()
    connection.seen()
    standing = background(agent.checkpoint_point, {})
    connection.hear("prepared")
    connection.committed(5)
    assert standing.result() is True and agent.last_version == 5
    agent.close()


@pytest.mark.parametrize("end", ["resume", "aborted", "committed"])
def test_a_forced_cut_withdraws_the_wish(runner, background, end):
    agent, connection = started(runner, background)
    connection.prepare()
    {"resume": connection.resume, "aborted": lambda: connection.aborted("no"), "committed": lambda: connection.committed(3)}[end]()
    connection.seen()
    assert agent.checkpoint_point({}) is False
    agent.close()


def test_a_state_that_came_too_late_does_not_stand_still(runner, background):
    agent, connection = started(runner, background)
    connection.prepare()
    connection.seen()

    def slow_state():
        # While it is gathered, the runner loses patience and cuts.
        connection.resume()
        connection.seen()
        return {}

    assert agent.checkpoint_point(slow_state) is False
    agent.close()


def test_a_state_that_cannot_be_encoded_is_refused_and_raised(runner, background):
    agent, connection = started(runner, background)
    connection.prepare()
    connection.seen()
    with pytest.raises(TypeError, match="codec='bytes'"):
        agent.checkpoint_point(b"raw")
    assert "codec='bytes'" in connection.hear("refused").reason
    agent.close()


def test_a_state_that_cannot_be_written_is_refused_and_the_agent_goes_on(runner, background):
    agent = Agent(environ={"RUNNER_SOCKET": runner.path, "RUNNER_STAGING": "/nowhere"}, codec="bytes", beat_from_thread=False)
    agent, connection = started(runner, background, agent)
    connection.prepare()
    connection.seen()
    assert agent.checkpoint_point(b"x" * (2 << 20)) is False
    assert "could not write a state of 2097152 bytes" in connection.hear("refused").reason
    agent.close()


def test_large_state_lies_in_the_staging_directory_until_the_cut_is_settled(runner, background):
    agent, connection = started(runner, background, Agent(environ=runner.environ, codec="bytes", beat_from_thread=False))
    state = os.urandom(3 << 20)
    connection.prepare()
    connection.seen()
    standing = background(agent.checkpoint_point, state)
    file = connection.hear("prepared").point.state.file
    assert open(os.path.join(runner.staging, file.name), "rb").read() == state
    assert file.size == len(state) and file.sha256 == hashlib.sha256(state).digest()
    connection.resume()
    standing.result()
    assert os.listdir(runner.staging) == [file.name]
    connection.committed(2)
    connection.seen()
    assert os.listdir(runner.staging) == []
    agent.close()


# MARK: the agent's checkpoints


def test_save_gives_the_version(runner, background):
    agent, connection = started(runner, background)
    saving = background(lambda: agent.save({"next": 1}, step=4))
    save = connection.hear("save")
    assert 1 <= save.request < RUNNER_NUMBERS and save.point.step == 4 and json.loads(save.point.state.inline) == {"next": 1}
    connection.resume(save.request)
    connection.committed(17, save.request)
    assert saving.result() == 17 and agent.last_version == 17
    agent.close()


def test_save_without_waiting_returns_when_the_cut_is_taken(runner, background):
    agent, connection = started(runner, background)
    saving = background(lambda: agent.save({}, wait=False))
    save = connection.hear("save")
    connection.resume(save.request)
    assert saving.result() is None
    # The next one waits for it: the runner takes one at a time.
    saving = background(agent.save, {})
    connection.seen()
    connection.committed(1, save.request)
    save = connection.hear("save")
    connection.committed(2, save.request)
    assert saving.result() == 2
    agent.close()


def test_a_save_that_was_not_stored_is_none_or_an_error(runner, background):
    agent, connection = started(runner, background)
    for required in (False, True):
        saving = background(lambda required=required: agent.save({}, required=required))
        connection.aborted("the disk is full", connection.hear("save").request)
        if required:
            with pytest.raises(StateNotStored, match="the runner did not store the state: the disk is full"):
                saving.result()
        else:
            assert saving.result() is None
    agent.close()


def test_a_prepare_that_meets_a_save_is_answered_with_the_same_state(runner, background):
    agent, connection = started(runner, background)
    saving = background(agent.save, {"next": 1})
    save = connection.hear("save")
    connection.prepare()
    prepared = connection.hear("prepared")
    assert prepared.point == save.point
    connection.aborted("a checkpoint is being taken", save.request)
    connection.resume()
    connection.committed(8)
    assert saving.result() == 8
    agent.close()


# MARK: waiting for the model


def test_a_turn_is_told_once_for_all_threads(runner, background):
    agent, connection = started(runner, background)
    with agent.turn():
        with agent.turn():
            pass
    assert connection.hear("turn").waiting is True
    assert connection.hear("turn").waiting is False
    agent.close()


def test_a_turn_with_a_state_is_a_safe_point_for_its_whole_length(runner, background):
    agent, connection = started(runner, background)
    left = threading.Event()

    def body():
        with agent.turn({"next": 5}, step=5):
            left.wait(20)
        return "on"

    waiting = background(body)
    assert connection.hear("turn").waiting is True
    for version in (1, 2):
        connection.prepare(RUNNER_NUMBERS + version)
        prepared = connection.hear("prepared")
        assert json.loads(prepared.point.state.inline) == {"next": 5} and prepared.point.step == 5
        if version == 1:
            connection.resume(RUNNER_NUMBERS + 1)
            connection.committed(1, RUNNER_NUMBERS + 1)
            connection.seen()
    # The model answers in the middle of a cut: the agent still stands still.
    left.set()
    connection.seen()
    connection.resume(RUNNER_NUMBERS + 2)
    assert connection.hear("turn").waiting is False
    assert waiting.result() == "on"
    agent.close()


# MARK: effects


def test_an_effect_is_begun_done_and_recorded(runner, background):
    agent, connection = started(runner, background)
    doing = background(lambda: agent.once("mail:42", lambda: {"id": 7}, idempotent=True, description="the weekly mail"))
    begin = connection.hear("effect_begin")
    assert (begin.key, begin.description, begin.idempotent) == ("mail:42", "the weekly mail", True)
    connection.effect(begin.request, pb.PROCEED)
    end = connection.hear("effect_end")
    assert end.key == "mail:42" and json.loads(end.result) == {"id": 7} and end.request != begin.request
    connection.effect(end.request, pb.RECORDED)
    assert doing.result() == {"id": 7}
    agent.close()


@pytest.mark.parametrize(
    "recorded, result", [(b'{"id": 7}', {"id": 7}), (b"", None), (b"null", None), (b"sent by hand", "sent by hand")]
)
def test_an_effect_that_was_done_gives_its_recorded_result(runner, background, recorded, result):
    agent, connection = started(runner, background)
    doing = background(lambda: agent.once("mail:42", lambda: pytest.fail("it was done twice")))
    connection.effect(connection.hear("effect_begin").request, pb.EFFECT_DONE, result=recorded)
    assert doing.result() == result
    agent.close()


@pytest.mark.parametrize(
    "verdict, error, text",
    [
        (pb.UNKNOWN, UnknownEffect, "nobody knows whether effect 'mail:42' happened"),
        (pb.DENIED, EffectDenied, "effect 'mail:42' was not begun: the disk is full"),
        (pb.RECORDED, EffectDenied, "effect 'mail:42' was not begun"),
    ],
)
def test_an_effect_that_may_not_be_done_is_not_done(runner, background, verdict, error, text):
    agent, connection = started(runner, background)
    doing = background(lambda: agent.once("mail:42", lambda: pytest.fail("it was done")))
    connection.effect(connection.hear("effect_begin").request, verdict, reason="the disk is full")
    with pytest.raises(error, match=text) as caught:
        doing.result()
    assert caught.value.key == "mail:42"
    agent.close()


def test_a_result_that_could_not_be_recorded_says_that_it_happened(runner, background):
    agent, connection = started(runner, background)
    doing = background(lambda: agent.once("mail:42", lambda: 1))
    connection.effect(connection.hear("effect_begin").request, pb.PROCEED)
    connection.effect(connection.hear("effect_end").request, pb.DENIED, reason="the disk is full")
    with pytest.raises(EffectDenied, match="happened, but its result could not be recorded: the disk is full") as caught:
        doing.result()
    assert caught.value.done
    agent.close()


def test_an_exception_leaves_the_effect_open(runner, background):
    agent, connection = started(runner, background)

    def body():
        with agent.effect("mail:42") as e:
            assert e.first
            raise OSError("the line is dead")

    doing = background(body)
    connection.effect(connection.hear("effect_begin").request, pb.PROCEED)
    with pytest.raises(OSError, match="the line is dead"):
        doing.result()
    connection.seen()  # would meet an effect_end
    agent.close()


def test_a_result_over_the_limit_is_not_sent(runner, background):
    agent, connection = started(runner, background)
    doing = background(lambda: agent.once("mail:42", lambda: "x" * (64 << 10)))
    connection.effect(connection.hear("effect_begin").request, pb.PROCEED)
    with pytest.raises(EffectResultTooLarge, match="65538 bytes, the limit is 65536"):
        doing.result()
    connection.seen()
    agent.close()


@pytest.mark.parametrize("key", ["", "x" * 513, "é" * 257, "a\nb", "a\x7f", "\ud800"])
def test_a_key_that_breaks_the_rules_is_refused(key):
    with pytest.raises(ValueError, match="effect key"):
        Agent(environ={}).once(key, lambda: 1)


def test_no_answer_in_time_is_an_error_and_nothing_was_done(runner, background):
    agent, connection = started(runner, background, Agent(environ=runner.environ, patience=0.05))
    with pytest.raises(RunnerUnreachable, match="could not begin effect 'mail:42': the runner gave no answer within 0.05 s"):
        agent.once("mail:42", lambda: pytest.fail("it was done"))
    agent.close()


def test_no_effect_begins_while_another_thread_stands_at_a_safe_point(runner, background):
    agent, connection = started(runner, background)
    connection.prepare()
    connection.seen()
    standing = background(agent.checkpoint_point, {})
    connection.hear("prepared")
    doing = background(lambda: agent.once("mail:42", lambda: 1))
    connection.seen()  # would meet an effect_begin
    connection.resume()
    connection.effect(connection.hear("effect_begin").request, pb.PROCEED)
    connection.effect(connection.hear("effect_end").request, pb.RECORDED)
    assert doing.result() == 1 and standing.result()
    agent.close()


def test_a_hundred_effects_at_once_never_flood_the_runner(runner, background):
    agent, connection = started(runner, background)
    doing = [background(lambda n=n: agent.once(f"mail:{n}", lambda: n)) for n in range(32)]
    more = [background(lambda n=n: agent.once(f"mail:{n}", lambda: n)) for n in range(32, 100)]
    for _ in range(200):
        name, message = connection.next()
        connection.effect(message.request, pb.PROCEED if name == "effect_begin" else pb.RECORDED)
    assert [each.result() for each in doing + more] == list(range(100))
    agent.close()


# MARK: wishes of the runner, and the end


def test_stop_is_a_wish_with_a_deadline(runner, background):
    agent, connection = started(runner, background)
    assert not agent.should_stop and agent.stop_within is None
    connection.say(stop=pb.Stop(deadline_ms=60_000, reason="the host goes down"))
    connection.seen()
    assert agent.should_stop and agent.stop_requested and agent.stop_reason == "the host goes down"
    assert 0 < agent.stop_within <= 60
    agent.close()


def test_pressure_is_eased_in_the_agents_own_thread(runner, background):
    threads = []
    agent = Agent(environ=runner.environ, on_pressure=lambda: threads.append(threading.current_thread()))
    agent, connection = started(runner, background, agent)
    connection.say(pressure=pb.Pressure())
    connection.seen()
    assert threads == []
    agent.checkpoint_point({})
    agent.beat()
    assert threads == [threading.current_thread()]
    agent.close()


@pytest.mark.parametrize("word", ["done", "failed"])
def test_the_last_words_are_sent_before_the_call_returns(runner, background, word):
    agent, connection = started(runner, background)
    getattr(agent, word)("words")
    agent.close()
    message = connection.hear(word)
    assert (message.note if word == "done" else message.reason) == "words"
    assert connection.ended()


def test_nothing_may_follow_the_last_words_but_beats(runner, background):
    agent, connection = started(runner, background)
    agent.done()
    connection.hear("done")
    for call in (lambda: agent.save({}), lambda: agent.once("k", lambda: 1)):
        with pytest.raises(AgentClosed):
            call()
    with agent.turn({}):
        pass
    connection.prepare()
    connection.seen()
    assert agent.checkpoint_point({}) is False
    agent.beat(step=2)
    assert connection.hear("beat").step == 2
    agent.close()


def test_leaving_the_block_by_an_exception_says_nothing(runner, background):
    def body():
        with Agent(environ=runner.environ, beat_from_thread=False):
            raise KeyError("bug")

    dying = background(body)
    connection = runner.welcomed()
    with pytest.raises(KeyError):
        dying.result()
    with pytest.raises(EOFError):
        connection.next()


def test_a_closed_agent_says_so(runner, background):
    agent, connection = started(runner, background)
    agent.close()
    agent.close()
    agent.beat(step=1)
    assert agent.checkpoint_point({}) is False
    with pytest.raises(AgentClosed):
        agent.once("k", lambda: 1)
