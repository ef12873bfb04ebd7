"""A Transformers model in the running product: asked through the gateway, given back and loaded again; and what is said without the extra."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from tests.e2e.conftest import Platform, command, platform_ports
from tests.support.apart import SCRIPTED
from tests.support.tiny_llama import tiny_llama

from voiceagent.adapters.llm import transformers as adapter

pytestmark = pytest.mark.timeout(400)
NAME = "tiny-llama"
LOAD_S = 200.0
missing = [name for name in adapter._PACKAGES if find_spec(name) is None]
SETTINGS = {name: value for name, value in SCRIPTED.items() if "LLM" not in name}


@dataclass
class WithModel(Platform):
    """`voiceagent up` with a model folder as its language model."""

    folder: Path = Path()

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | SETTINGS | {"VOICEAGENT_LLM__URL": f"transformers://{self.folder}?name={NAME}"}

    def asked(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        """Status and body of a call in the name of the owner."""
        request = urllib.request.Request(
            f"{self.base_url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"{}")

    def chat(self) -> tuple[int, dict[str, object]]:
        messages = [{"role": "user", "content": "Hello"}]
        return self.asked("POST", "/v1/chat/completions", {"model": "default", "messages": messages, "max_tokens": 8})

    def until_it_answers(self) -> dict[str, object]:
        ends_at_s = time.monotonic() + LOAD_S
        while True:
            status, told = self.chat()
            if status == 200:
                return told
            assert status == 503, told
            assert time.monotonic() < ends_at_s, told
            time.sleep(0.5)

    def children(self) -> list[psutil.Process]:
        """Processes that hold a model."""
        assert self.process is not None
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in below if "voiceagent.adapters.llm.transformers_server" in one.cmdline()]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[WithModel]:
    if missing:
        pytest.skip("optional: the extra transformers (torch and all) is not installed")
    made = WithModel(tmp_path / "data", tmp_path / "models", platform_ports(), folder=tiny_llama(tmp_path / NAME))
    made.start()
    made_key = subprocess.run(
        [*command(), "keys", "create", "operator", "--scopes", "talk,settings:read,settings:write", "--json"],
        env=made.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (made.data_dir / "cli-key").write_text(json.loads(made_key.stdout)["secret"])
    yield made
    made.stop()


def test_it_answers_is_given_back_and_is_loaded_again(running: WithModel) -> None:
    answer = running.until_it_answers()
    usage = answer["usage"]
    assert isinstance(usage, dict)
    assert 0 < usage["completion_tokens"] <= 8
    (child,) = running.children()
    status, told = running.asked("GET", "/api/v1/providers")
    assert status == 200, told
    providers = told["providers"]
    assert isinstance(providers, list)
    mine = next(one for one in providers if one["name"] == NAME)
    assert (mine["state"], mine["loaded"], mine["capabilities"]["local"]) == ("closed", True, True)
    status, told = running.asked("POST", f"/api/v1/providers/{NAME}/unload")
    assert (status, told.get("loaded")) == (200, False), told
    child.wait(20)
    assert running.children() == []
    status, told = running.asked("POST", f"/api/v1/providers/{NAME}/load")
    assert (status, told.get("loaded")) == (200, True), told
    running.until_it_answers()
    assert [one.pid for one in running.children()] != [child.pid]
    said = running.log.read_text()
    assert said.count('"event": "model_loaded"') == 2
    assert str(running.folder.parent) not in "".join(line for line in said.splitlines() if "model_load" in line)


@pytest.mark.skipif(not missing, reason="the extra transformers is installed here")
def test_without_the_extra_the_start_says_what_to_install(tmp_path: Path) -> None:
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    platform = WithModel(tmp_path / "data", tmp_path / "models", platform_ports(), folder=folder)
    run = subprocess.run(
        [*command(), "up"], env=platform.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 2, run.stdout + run.stderr
    assert "pip install 'voiceagent[transformers]'" in run.stderr
    assert "Traceback" not in run.stderr
