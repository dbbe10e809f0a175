"""The SDK for agents with a loop of their own."""

from __future__ import annotations

from contextlib import contextmanager
from types import TracebackType
from typing import Any, Callable, Iterator, Optional, Type, TypeVar

from . import _messages as wire
from ._agent_base import AgentBase
from ._operations import drive, result_of

Result = TypeVar("Result")
Self = TypeVar("Self", bound="Agent")


class Agent(AgentBase):
    """An agent's side of the runner.

        with Agent(schema="count/1") as a:
            state = a.restored or {"next": 0}
            while state["next"] < 1000 and not a.should_stop:
                work(state)
                a.beat(step=state["next"])
                a.checkpoint_point(state)
            if not a.should_stop:
                a.done()

    Without RUNNER_SOCKET in the environment every call does nothing, quietly: effects are done and not recorded, `save` gives None.
    All methods may be called from any thread; that no other thread changes the state or the workspace at a safe point is the agent's to see to.
    """

    def start(self: Self) -> Self:
        """Connects and takes over the restored state. `with` does this.

        Raises RunnerUnreachable, RunnerRefused (VersionRefused), StateUnusable (SchemaMismatch).
        """
        drive(self._operations.start())
        return self

    def close(self) -> None:
        """Ends the connection. The runner goes on supervising the process."""
        if self._operations.link is not None:
            self._operations.link.close()

    def __enter__(self: Self) -> Self:
        return self.start()

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        # An exception is not told as `failed`: the exit status that follows tells it, and casts less doubt on the stored state.
        self.close()

    def beat(
        self,
        step: Optional[int] = None,
        progress: Optional[float] = None,
        note: Optional[str] = None,
        tokens: Optional[int] = None,
        cost_micro_usd: Optional[int] = None,
    ) -> None:
        """Says that the work gets on. Never waits; many in a row are merged.

        step: the agent's own count of what is done; a greater one is progress. progress: 0 to 1. tokens, cost_micro_usd: since the start, never
        falling.
        """
        self._beat(step, progress, note, tokens, cost_micro_usd)

    def checkpoint_point(self, state: Any, step: Optional[int] = None) -> bool:
        """A safe point: here `state` and the files in the workspace belong together.

        Costs next to nothing unless the runner has asked for a checkpoint; then `state` is handed over and the call returns when the cut is taken.
        `state` may be a function that gives it. Gives whether a cut was taken; `last_version` says later under which number.
        """
        return drive(self._operations.checkpoint_point(state, step))

    def save(self, state: Any, step: Optional[int] = None, wait: bool = True, required: bool = False) -> Optional[int]:
        """Asks for a checkpoint now and gives its version number when it is durable.

        With `wait=False` it returns as soon as the cut is taken, with None. None also when nothing could be stored (the log says why), or with
        `required=True` a StateNotStored instead.
        """
        return drive(self._operations.save(state, step, wait, required))

    @contextmanager
    def turn(self, state: Any = None, step: Optional[int] = None) -> Iterator[None]:
        """Around a wait for the model: the best moment for a checkpoint.

        With `state` the whole wait is a safe point: a checkpoint asked for meanwhile is taken with that state, and leaving the block waits for its
        cut. The workspace must then not be touched inside the block.
        """
        armed = self._operations.turn_begins(state, step)
        try:
            yield
        finally:
            drive(self._operations.turn_ends(armed))

    def effect(self, key: str, idempotent: bool = False, description: Optional[str] = None) -> "Effect":
        """Something that cannot be rolled back, done once per key over all restores.

            with a.effect("mail:42") as e:
                if e.first:
                    e.result = send()
            use(e.result)

        idempotent: doing it again with this key is harmless. Raises UnknownEffect when it was begun before and nobody knows its end, EffectDenied
        when it cannot be recorded. An exception inside the block leaves the effect begun and not ended: whether it happened is then unknown.
        """
        return Effect(self, key, idempotent, description)

    def once(
        self, key: str, function: Callable[[], Result], idempotent: bool = False, description: Optional[str] = None
    ) -> Result:
        """The result of `function`, which is called only if this effect was never done. The result is any JSON value of at most 64 KiB."""
        with self.effect(key, idempotent, description) as effect:
            if effect.first:
                effect.result = function()
        return effect.result  # type: ignore[no-any-return]

    def done(self, note: Optional[str] = None) -> None:
        """The task is complete: the exit that follows with status 0 is no failure. Nothing but `beat` may follow."""
        drive(self._operations.say_last(wire.done(note)))

    def failed(self, reason: str) -> None:
        """The agent gives up: the exit that follows is a failure whatever its status. Nothing but `beat` may follow."""
        drive(self._operations.say_last(wire.failed(reason)))


class Effect:
    """One effect. `first`: it is to be done now; `result`: what was recorded, or what is to be recorded (any JSON value)."""

    def __init__(self, agent: Agent, key: str, idempotent: bool, description: Optional[str]) -> None:
        self._operations = agent._operations
        self._idempotent = idempotent
        self._description = description
        self.key = key
        self.first = False
        self.result: Any = None

    def __enter__(self) -> "Effect":
        answer = drive(self._operations.effect_begins(self.key, self._description, self._idempotent))
        self.first = answer is None or answer.verdict is wire.Verdict.PROCEED
        self.result = result_of(answer)
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self.first and kind is None:
            drive(self._operations.effect_ends(self.key, self.result))
