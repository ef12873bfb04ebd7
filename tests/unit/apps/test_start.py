"""How a process that serves ends when one of its threads never does."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import asyncio, sys, time
from voiceagent.apps.commands import start
from voiceagent.apps.config.layers import Loaded
from voiceagent.kit.errors import DeadlineExceeded

async def live(process, settings, origins):
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
    await asyncio.sleep(0)
    if sys.argv[1] == "fails":
        raise DeadlineExceeded("start_deadline", "not ready in time")

start.live, start.END_S = live, 0.2
start._stay(None, Loaded(None))
"""


@pytest.mark.parametrize(("how", "code", "told"), [("ends", 1, ""), ("fails", 3, "start_deadline")])
def test_a_thread_that_hangs_does_not_hold_the_process(how: str, code: int, told: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, how], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == code
    assert "a thread did not end" in ended.stderr
    assert told in ended.stderr
