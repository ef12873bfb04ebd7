"""Which sinks get words without personal data: what the setting says, and nothing else."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from pydantic import ValidationError

from voiceagent.adapters.embed.private import PrivateEmbedder
from voiceagent.adapters.llm.openai_url import server_at
from voiceagent.adapters.llm.private import PrivateModel
from voiceagent.adapters.llm.scripted import ECHO, ScriptedLlm
from voiceagent.adapters.providers.pool import ANYBODY
from voiceagent.adapters.rerank.private import PrivateReranker
from voiceagent.apps.config.layers import load
from voiceagent.apps.parts import Parts
from voiceagent.apps.privacy import (
    SECRET_FILE,
    log_redaction,
    masked_for_logs,
    private_model,
    private_part,
    turn_pseudonyms,
)
from voiceagent.apps.settings import DataSettings, PrivacySettings, Settings
from voiceagent.kit.errors import Misconfigured
from voiceagent.kit.log import configure_logging
from voiceagent.ports.llm import LlmCapabilities


def having(tmp_path: Path, *redact: str, secret: str = "") -> Settings:
    privacy = PrivacySettings.model_validate({"redact": redact, "secret": secret})
    return Settings(data=DataSettings(dir=tmp_path), privacy=privacy)


def elsewhere() -> ScriptedLlm:
    """A model that says it runs on another machine."""
    return ScriptedLlm([ECHO], capabilities=LlmCapabilities("remote", 4096, local=False))


def test_only_logs_are_redacted_unless_asked(tmp_path: Path) -> None:
    settings = Settings(data=DataSettings(dir=tmp_path))
    model = elsewhere()
    assert log_redaction(settings) is masked_for_logs
    assert turn_pseudonyms(settings) is None
    assert private_model(settings, model) is model
    assert not (tmp_path / SECRET_FILE).exists()


def test_models_elsewhere_get_pseudonyms_those_here_do_not(tmp_path: Path) -> None:
    settings = having(tmp_path, "prompts")
    here = ScriptedLlm([ECHO])
    assert here.capabilities.local
    assert private_model(settings, here) is here
    assert isinstance(private_model(settings, elsewhere()), PrivateModel)
    assert log_redaction(settings) is None


class Seeing:
    """An embedder and a reranker that keep what they are sent."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def embed(self, texts: tuple[str, ...], *, query: bool = False) -> tuple[tuple[float, ...], ...]:
        self.seen += texts
        return tuple((1.0,) for _ in texts)

    async def scores(self, question: str, texts: tuple[str, ...], *, within_s: float) -> tuple[float, ...]:
        assert 0 < within_s <= 5.0
        self.seen += (question, *texts)
        return tuple(1.0 for _ in texts)


FAR = "+https://models.example.org/v1?model=m&dimensions=1"
NEAR = "+http://127.0.0.1:9/v1?model=m&dimensions=1"


async def test_embeddings_and_reranking_elsewhere_get_masks(tmp_path: Path) -> None:
    settings, part = having(tmp_path, "prompts"), Seeing()
    text = "Write to anna@example.com, card 4111 1111 1111 1111."
    for url in ("openai" + FAR, "openai" + NEAR + "&local=0"):
        embedder = private_part(settings, "embed", url, part)
        assert await embedder.embed((text, text * 60)) == ((1.0,), (1.0,))
    for url in ("rerank" + FAR, "tei" + NEAR + "&local=0"):
        assert await private_part(settings, "rerank", url, part).scores(text, (text,), within_s=5.0) == (1.0,)
    assert len(part.seen) == 8
    assert not [one for one in part.seen if "anna" in one or "4111" in one or "[card]" not in one]


def test_embeddings_here_or_unasked_stay_as_they_are(tmp_path: Path) -> None:
    part = Seeing()
    for settings, url in (
        (having(tmp_path, "prompts"), "openai" + NEAR),
        (having(tmp_path, "prompts"), "minilm:///"),
        (having(tmp_path, "logs"), "openai" + FAR),
    ):
        assert private_part(settings, "embed", url, part) is part
        assert private_part(settings, "rerank", url, part) is part


def test_a_model_server_here_that_passes_on_counts_as_elsewhere() -> None:
    url = "openai+http://127.0.0.1:9/v1?model=m"
    assert server_at(url).capabilities.local
    assert not server_at(url + "&local=0").capabilities.local


async def test_all_that_a_process_asks_elsewhere_is_behind_pseudonyms_or_masks(tmp_path: Path) -> None:
    urls = {
        "llm.url": "openai+https://models.example.org/v1?model=m",
        "embed.url": "openai" + FAR,
        "rerank.url": "rerank" + FAR,
    }
    told = urls | {"data.dir": str(tmp_path), "privacy.redact": "prompts"}
    parts = Parts(load(environment={}, flags=told).settings, apart=False)
    await parts.open("llm", "embed", "rerank")
    try:
        assert isinstance(parts.llms[0], PrivateModel)
        assert isinstance(parts.rerank, PrivateReranker)
        assert [type(seat.part) for seat in parts.pools["embed"].serving(ANYBODY)] == [PrivateEmbedder]
    finally:
        await parts.close()


def test_an_unknown_sink_is_refused() -> None:
    with pytest.raises(ValidationError):
        PrivacySettings.model_validate({"redact": "logs,fax"})


def test_the_secret_is_drawn_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    assert turn_pseudonyms(having(tmp_path, "transcripts")) is not None
    file = tmp_path / SECRET_FILE
    first = file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    turn_pseudonyms(having(tmp_path, "transcripts"))
    assert file.read_text() == first


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        turn_pseudonyms(having(tmp_path, "transcripts", secret="short"))
    assert refused.value.code == "weak_secret"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    written = io.StringIO()
    configure_logging(level="info", stream=written, redact=masked_for_logs)
    yield written
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


PLANTED = (
    "4111 1111 1111 1111", "DE89370400440532013000", "+49 30 901820", "(415) 555-2671", "anna@example.com", "123-45-6789", "https://bob:hunter2@host.example",
    "RSSMRA85T10A562S", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
)  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_no_line_holds_it_wherever_it_was_put(stream: io.StringIO, planted: str) -> None:
    log = structlog.get_logger("voiceagent.x")
    log.info("seen", reason=f"got {planted} from outside", inner={"deep": [f"x {planted}", {"y": (planted,)}]})
    logging.getLogger("foreign").warning("bad value %s in row", planted)
    try:
        raise ValueError(planted)
    except ValueError:
        log.exception("failed", detail=planted)
    assert planted not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 3


def test_what_operators_need_stays(stream: io.StringIO) -> None:
    kept = {
        "turn_id": "turn_01JDC8Q3T5Y6Z7A8B9C0D1E2F3", "url": "http://127.0.0.1:8000/v1/models", "version": "1.2.3.4", "at": "2026-11-23T02:52:16.123456Z",
        "took": "1700000000000", "path": "/api/v1/conversations/conv_12345678901234567890", "size": "12,345,678 bytes", "name": "Started Server Process",
    }  # fmt: skip
    structlog.get_logger("voiceagent.x").info("seen", **kept)
    line = json.loads(stream.getvalue())
    assert {name: line[name] for name in kept} == kept
    assert line["timestamp"].endswith("Z")
