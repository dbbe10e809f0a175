"""The SDK for agents on asyncio: the same names, as coroutines."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, AsyncIterator, Awaitable, Callable, Optional, Type, TypeVar, Union

from . import _messages as wire
from ._agent_base import AgentBase
from ._operations import drive_async, result_of

Result = TypeVar("Result")
Self = TypeVar("Self", bound="AsyncAgent")


class AsyncAgent(AgentBase):
    """`Agent` for asyncio. Waiting for a cut suspends the task that waits; that other tasks do not touch the state or the workspace meanwhile is
    the agent's to see to. Heartbeats come from a thread, so a blocked event loop does not stop them: with `beat_from_thread=False` they come from
    `beat()` alone and prove that the loop turns.
    """

    async def start(self: Self) -> Self:
        """Connects and takes over the restored state. `async with` does this. Raises as `Agent.start` does."""
        await drive_async(self._operations.start())
        return self

    async def close(self) -> None:
        """Ends the connection. The runner goes on supervising the process."""
        link = self._operations.link
        if link is not None:
            await asyncio.get_running_loop().run_in_executor(None, link.close)

    async def __aenter__(self: Self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    async def beat(
        self,
        step: Optional[int] = None,
        progress: Optional[float] = None,
        note: Optional[str] = None,
        tokens: Optional[int] = None,
        cost_micro_usd: Optional[int] = None,
    ) -> None:
        """See `Agent.beat`."""
        self._beat(step, progress, note, tokens, cost_micro_usd)

    async def checkpoint_point(self, state: Any, step: Optional[int] = None) -> bool:
        """See `Agent.checkpoint_point`."""
        return await drive_async(self._operations.checkpoint_point(state, step))

    async def save(
        self, state: Any, step: Optional[int] = None, wait: bool = True, required: bool = False
    ) -> Optional[int]:
        """See `Agent.save`."""
        return await drive_async(self._operations.save(state, step, wait, required))

    @asynccontextmanager
    async def turn(self, state: Any = None, step: Optional[int] = None) -> AsyncIterator[None]:
        """See `Agent.turn`."""
        armed = self._operations.turn_begins(state, step)
        try:
            yield
        finally:
            await drive_async(self._operations.turn_ends(armed))

    def effect(self, key: str, idempotent: bool = False, description: Optional[str] = None) -> "AsyncEffect":
        """See `Agent.effect`; used with `async with`."""
        return AsyncEffect(self, key, idempotent, description)

    async def once(
        self,
        key: str,
        function: Callable[[], Union[Result, Awaitable[Result]]],
        idempotent: bool = False,
        description: Optional[str] = None,
    ) -> Result:
        """See `Agent.once`; `function` may be a coroutine function."""
        async with self.effect(key, idempotent, description) as effect:
            if effect.first:
                result = function()
                effect.result = await result if inspect.isawaitable(result) else result
        return effect.result  # type: ignore[no-any-return]

    async def done(self, note: Optional[str] = None) -> None:
        """See `Agent.done`."""
        await drive_async(self._operations.say_last(wire.done(note)))

    async def failed(self, reason: str) -> None:
        """See `Agent.failed`."""
        await drive_async(self._operations.say_last(wire.failed(reason)))


class AsyncEffect:
    """One effect. `first`: it is to be done now; `result`: what was recorded, or what is to be recorded (any JSON value)."""

    def __init__(self, agent: AsyncAgent, key: str, idempotent: bool, description: Optional[str]) -> None:
        self._operations = agent._operations
        self._idempotent = idempotent
        self._description = description
        self.key = key
        self.first = False
        self.result: Any = None

    async def __aenter__(self) -> "AsyncEffect":
        answer = await drive_async(self._operations.effect_begins(self.key, self._description, self._idempotent))
        self.first = answer is None or answer.verdict is wire.Verdict.PROCEED
        self.result = result_of(answer)
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self.first and kind is None:
            await drive_async(self._operations.effect_ends(self.key, self.result))
