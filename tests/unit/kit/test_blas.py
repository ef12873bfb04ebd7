"""NumPy's products beside fork(): OpenBLAS with workers waits for ever for those that a fork has ended."""

from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = """
import os, threading, time
from voiceagent.kit.mel import log_mel
import numpy as np

samples = np.zeros(128_000, dtype=np.float32)
done = [0, 0]

def hear(which):
    while True:
        log_mel(samples)
        done[which] += 1

for which in range(2):
    threading.Thread(target=hear, args=(which,), daemon=True).start()
for _ in range(100):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    time.sleep(0.005)
before = list(done)
ends_at_s = time.monotonic() + 90
while any(now <= then + 1 for now, then in zip(done, before)):
    if time.monotonic() > ends_at_s:
        os._exit(1)
    time.sleep(0.05)
os._exit(0)
"""


def test_hearing_goes_on_while_the_process_forks() -> None:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    assert subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, timeout=300, check=False).returncode == 0
