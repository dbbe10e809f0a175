"""runner_agent: makes an agent's own loop resumable under runner. Documentation: docs/protocol.md and sdk/python/README.md"""

from ._messages import Welcome
from .agent import Agent, Effect
from .aio import AsyncAgent, AsyncEffect
from .errors import (
    AgentClosed,
    AgentError,
    EffectDenied,
    EffectError,
    EffectResultTooLarge,
    ForkedAgent,
    RunnerRefused,
    RunnerUnreachable,
    SchemaMismatch,
    StateNotStored,
    StateUnusable,
    UnknownEffect,
    VersionRefused,
)

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "AgentClosed",
    "AgentError",
    "AsyncAgent",
    "AsyncEffect",
    "Effect",
    "EffectDenied",
    "EffectError",
    "EffectResultTooLarge",
    "ForkedAgent",
    "RunnerRefused",
    "RunnerUnreachable",
    "SchemaMismatch",
    "StateNotStored",
    "StateUnusable",
    "UnknownEffect",
    "VersionRefused",
    "Welcome",
]
