"""One thing that was looked at, and looks that end in time. What is looked at stands in the modules beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from voiceagent.kit.errors import Problem

WITHIN_S = 5.0
"""So long has each part to answer; they are asked side by side."""

State = Literal["ok", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. A note does not keep the platform from starting."""

    what: str
    state: State
    said: str


@dataclass(frozen=True, slots=True)
class Look:
    """A question to one part. ask: words for when all is well; raises Problem.  advice: what to do otherwise."""

    what: str
    ask: Callable[[], Awaitable[str]]
    advice: str
    otherwise: State = "bad"


async def looked(look: Look, within_s: float = WITHIN_S) -> Finding:
    """What the look found, after `within_s` seconds at most."""
    try:
        async with asyncio.timeout(within_s):
            return Finding(look.what, "ok", await look.ask())
    except TimeoutError:
        why = f"no answer within {within_s:g} s"
    except Problem as problem:
        why = problem.message
    except Exception as error:  # noqa: BLE001 - whatever a part's client raises here, the other parts are still to be told
        why = f"cannot be used ({type(error).__name__})"
    return Finding(look.what, look.otherwise, f"{why}; {look.advice}")
