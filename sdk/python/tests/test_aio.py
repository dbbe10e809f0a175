import asyncio
import json
from concurrent.futures import Future

import pytest
from fake_runner import RUNNER_NUMBERS
from runner_agent import AsyncAgent, UnknownEffect, VersionRefused
from runner_agent import agent_pb2 as pb


def test_one_life_on_asyncio(runner, background):
    async def main():
        async with AsyncAgent("notes/1", environ=runner.environ, beat_from_thread=False) as a:
            assert a.under_runner and a.restored == {"next": 3} and a.welcome.incarnation == 2
            await a.beat(step=3)
            while not await a.checkpoint_point({"next": 3}):
                await asyncio.sleep(0)  # gives the loop a turn; the runner's wish ends the waiting

            async def send():
                return "sent"

            assert await a.once("mail:1", send) == "sent"
            assert await a.once("mail:2", lambda: "plain") == "plain"
            async with a.effect("mail:3") as e:
                assert not e.first and e.result == 7
            with pytest.raises(UnknownEffect):
                await a.once("mail:4", send)
            async with a.turn():
                pass
            version = await a.save({"next": 4})
            await a.done()
            return version

    living = background(asyncio.run, main())
    connection = runner.welcomed(incarnation=2, state=pb.State(inline=b'{"next": 3}'), state_schema="notes/1")
    assert connection.hear("beat").step == 3
    connection.prepare()
    assert json.loads(connection.hear("prepared").point.state.inline) == {"next": 3}
    connection.resume()
    for _ in range(2):
        connection.effect(connection.hear("effect_begin").request, pb.PROCEED)
        connection.effect(connection.hear("effect_end").request, pb.RECORDED)
    connection.effect(connection.hear("effect_begin").request, pb.EFFECT_DONE, result=b"7")
    connection.effect(connection.hear("effect_begin").request, pb.UNKNOWN)
    assert [connection.hear("turn").waiting for _ in range(2)] == [True, False]
    save = connection.hear("save")
    connection.resume(save.request)
    connection.committed(9, save.request)
    connection.hear("done")
    assert living.result() == 9
    assert connection.ended()


def test_other_tasks_go_on_while_one_stands_still(runner, background):
    async def main():
        async with AsyncAgent(environ=runner.environ, beat_from_thread=False) as a:
            standing = asyncio.ensure_future(a.save({}))
            answers = await asyncio.gather(*(a.once(f"mail:{n}", lambda n=n: n) for n in range(5)))
            assert await standing == 1
            return answers

    living = background(asyncio.run, main())
    connection = runner.welcomed()
    save = connection.hear("save")
    connection.seen()  # no effect begins at a safe point
    connection.resume(save.request)
    connection.committed(1, save.request)
    for _ in range(10):
        name, message = connection.next()
        connection.effect(message.request, pb.PROCEED if name == "effect_begin" else pb.RECORDED)
    assert living.result() == list(range(5))


def test_a_cancelled_task_gives_its_cut_up(runner, background):
    """The agent moves on although the runner is still copying: the connection is dropped, so that nothing half-changed is stored."""

    async def main():
        async with AsyncAgent(environ=runner.environ, beat_from_thread=False) as a:
            task = asyncio.ensure_future(a.save({}))
            await asyncio.wrap_future(copying)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await a.once("mail:1", lambda: 1)

    copying = Future()
    living = background(asyncio.run, main())
    connection = runner.welcomed()
    connection.hear("save")
    copying.set_result(None)
    assert connection.ended()
    connection = runner.welcomed()
    connection.effect(connection.hear("effect_begin").request, pb.PROCEED)
    connection.effect(connection.hear("effect_end").request, pb.RECORDED)
    assert living.result() == 1


def test_a_turn_with_a_state_is_a_safe_point(runner, background):
    async def main(answered):
        async with AsyncAgent(environ=runner.environ, beat_from_thread=False) as a:
            async with a.turn({"next": 1}):
                await asyncio.wrap_future(answered)

    answered = Future()
    living = background(asyncio.run, main(answered))
    connection = runner.welcomed()
    connection.hear("turn")
    connection.prepare()
    connection.hear("prepared")
    answered.set_result(None)
    connection.seen()
    connection.resume(RUNNER_NUMBERS)
    assert connection.hear("turn").waiting is False
    living.result()


def test_a_refused_version_is_raised(runner, background):
    starting = background(asyncio.run, AsyncAgent(environ=runner.environ).start())
    connection = runner.accept()
    connection.hear("hello")
    connection.say(refusal=pb.Refusal(code="E-PROTOCOL-VERSION", reason="no version in common"))
    with pytest.raises(VersionRefused):
        starting.result()


def test_without_a_runner_everything_does_nothing():
    async def main():
        async with AsyncAgent(environ={}) as a:
            assert not a.under_runner and a.restored is None
            await a.beat(step=1)
            assert await a.checkpoint_point({}) is False
            assert await a.save({}) is None
            async with a.turn({}):
                pass
            async with a.effect("k") as e:
                assert e.first
            await a.failed("never mind")
            return await a.once("k", lambda: 42)

    assert asyncio.run(main()) == 42
