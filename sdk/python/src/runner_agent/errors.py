"""Everything the SDK raises. Each text is one line: what could not be done, to what, why, what to do next."""

from __future__ import annotations

from typing import Optional


class AgentError(Exception):
    """Base of every error of this package."""


class RunnerUnreachable(AgentError):
    """The runner named by RUNNER_SOCKET did not answer in time."""


class RunnerRefused(AgentError):
    """The runner closed the door and said why. `code` is stable, such as 'E-PROTOCOL-VERSION'."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"the runner refused the connection: {reason} ({code})")
        self.code = code
        self.reason = reason


class VersionRefused(RunnerRefused):
    """Runner and SDK share no version of the protocol."""


class AgentClosed(AgentError):
    """The agent's connection was closed by `close()` or by leaving its `with` block."""


class ForkedAgent(AgentError):
    """Called in a child made by fork. The connection and the ledger of effects belong to the parent."""


class StateUnusable(AgentError):
    """The state handed back by the runner could not be read or decoded."""


class SchemaMismatch(StateUnusable):
    """The state handed back has another schema than this program's, and there is no `migrate` to bring it over."""

    def __init__(self, stored: Optional[str], wanted: str) -> None:
        super().__init__(
            f"the restored state has schema {stored!r} and this program wants {wanted!r}: "
            "give Agent(migrate=...) a function that brings it over, or restore an older version"
        )
        self.stored = stored
        self.wanted = wanted


class StateNotStored(AgentError):
    """The state could not be handed over or stored; the versions stored before are as they were."""


class EffectError(AgentError):
    """Base of what can go wrong with one effect. `key` names it."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


class UnknownEffect(EffectError):
    """The ledger says that the effect was begun before and never ended: nobody knows whether it happened."""

    def __init__(self, key: str, reason: Optional[str] = None) -> None:
        more = f": {reason}" if reason else ""
        super().__init__(
            key,
            f"nobody knows whether effect '{key}' happened: it was begun and its end was never recorded{more}. "
            "Find out and settle it with 'runner settle', or mark it idempotent and let the spec say 'effects: {unknown: retry-if-idempotent}'",
        )


class EffectDenied(EffectError):
    """The runner could not record the effect. When `done` is false it has not happened and must not be done."""

    def __init__(self, key: str, reason: str, done: bool) -> None:
        what = "happened, but its result could not be recorded" if done else "was not begun"
        super().__init__(key, f"effect '{key}' {what}: {reason}")
        self.reason = reason
        self.done = done


class EffectResultTooLarge(EffectError):
    """The result is larger than the ledger takes. The effect stays open: keep large results in the workspace and record where."""
