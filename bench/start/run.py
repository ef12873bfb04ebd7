"""How long a start takes and what the idle platform weighs: first start on an empty data folder, second start, resident memory.

    python bench/start/run.py [--json FILE]

Starts `voiceagent up` as a user would, on free ports, with the models of VOICEAGENT_MODELS__DIR (fetched before if they are missing).
Ready means that the gateway answers /health/ready. Memory is the sum over the process and its children, 5 s after ready.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

COMMAND = [sys.executable, "-m", "voiceagent.apps.cli"]
SERVERS = ("gateway", "engine", "voice", "documents", "dashboard")
WITHIN_S = 180.0
SETTLE_S = 5.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--json", type=Path)
    arguments = options.parse_args()
    subprocess.run([*COMMAND, "models", "pull"], check=True, stdout=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | ports() | {"VOICEAGENT_DATA__DIR": f"{folder}/data"}
        first = start(environment)
        second = start(environment)
    figures = {
        "cores": psutil.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "first_start_s": first["ready_s"],
        "second_start_s": second["ready_s"],
        "second_start_cpu_s": second["cpu_s"],
        "idle_resident_mb": second["resident_mb"],
        "idle_unique_mb": second["unique_mb"],
        "idle_cpu_percent": second["idle_cpu_percent"],
        "stop_s": second["stop_s"],
    }
    for name, value in figures.items():
        print(f"{name:20} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def ports() -> dict[str, str]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in SERVERS]
    free = {
        f"VOICEAGENT_SERVER__{name.upper()}_PORT": str(one.getsockname()[1])
        for name, one in zip(SERVERS, held, strict=True)
    }
    for one in held:
        one.close()
    return free


def start(environment: dict[str, str]) -> dict[str, float]:
    """One start, some idle time, one stop."""
    began_s = time.monotonic()
    child = subprocess.Popen([*COMMAND, "up"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_ready(child, environment["VOICEAGENT_SERVER__GATEWAY_PORT"])
        ready_s = time.monotonic() - began_s
        cpu_s = cpu_of(child.pid)
        time.sleep(SETTLE_S)
        idle_cpu_percent = 100 * (cpu_of(child.pid) - cpu_s) / SETTLE_S
        memory = [one.memory_full_info() for one in family(child.pid)]
        stopping_s = time.monotonic()
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=60)
        return {
            "ready_s": round(ready_s, 2),
            "cpu_s": round(cpu_s, 2),
            "idle_cpu_percent": round(idle_cpu_percent, 1),
            "resident_mb": round(sum(one.rss for one in memory) / 1e6),
            "unique_mb": round(sum(one.uss for one in memory) / 1e6),
            "stop_s": round(time.monotonic() - stopping_s, 2),
        }
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def await_ready(child: subprocess.Popen[bytes], port: str) -> None:
    ends_at_s = time.monotonic() + WITHIN_S
    while time.monotonic() < ends_at_s:
        if child.poll() is not None:
            sys.exit(f"the platform ended with {child.returncode}; run `voiceagent doctor`")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    sys.exit(f"not ready after {WITHIN_S:g} s")


def family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_of(pid: int) -> float:
    return sum(one.cpu_times().user + one.cpu_times().system for one in family(pid))


if __name__ == "__main__":
    main()
