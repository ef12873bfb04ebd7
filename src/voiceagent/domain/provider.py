"""A provider of models, of language, speech or embeddings: where it is, whom it serves, what it costs. And what a tenant used of it. No calls, no secrets."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Literal, cast, get_args
from urllib.parse import parse_qsl, urlencode, urlsplit

from voiceagent.domain.usage import TokenUsage
from voiceagent.kit.errors import InvalidInput

Kind = Literal["llm", "stt", "tts", "embed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Language models, speech recognition, speech out, embeddings."""
DEFAULT_ROLE = "chat"
LOCAL_SCHEMES = ("llamacpp", "transformers", "scripted", "whisper", "hibari", "piper", "minilm", "hashed")
NANOS = 1_000_000_000
"""Costs are counted in billionths of a US dollar, so that a single token of the cheapest model is a whole number."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}")


@dataclass(frozen=True, slots=True)
class Provider:
    """One model at one place. url: picks the adapter, holds no secret.  kind: what it does.

    roles: what a language model is asked for (chat, classify, summary...); the other kinds have none.
    tenants, agents, languages: whom it serves; empty is everybody. A language serves its regions: `de` also `de-AT`.
    priority: lower is tried earlier.  price_in, price_out: US dollars per million tokens of prompt and of answer; speech and embeddings
    have price_in alone: per hour of sound recognised, per million characters spoken, per million tokens embedded.
    concurrency: answers at a time, 0 for what the adapter says.  patience_s: wait for its first result while another could answer instead.
    unload_after_s: a local model that nobody asked for so long gives its memory back, 0 for never.
    stored: it was added while the platform ran; the others stand in the settings.
    """

    name: str
    url: str
    roles: tuple[str, ...] = (DEFAULT_ROLE,)
    tenants: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    priority: int = 100
    price_in: float = 0.0
    price_out: float = 0.0
    concurrency: int = 0
    patience_s: float = 1.5
    unload_after_s: float = 0.0
    enabled: bool = True
    stored: bool = False
    api_key: str = field(default="", repr=False)
    kind: Kind = "llm"

    @property
    def local(self) -> bool:
        """It runs on this machine, in a process of ours."""
        return urlsplit(self.url).scheme in LOCAL_SCHEMES

    def cost_nanos(self, usage: TokenUsage) -> int:
        """What an answer costs, in billionths of a US dollar."""
        return round((usage.prompt_tokens * self.price_in + usage.completion_tokens * self.price_out) * 1000)

    def amount_nanos(self, amount: float) -> int:
        """What speech or embeddings cost, in billionths of a US dollar. amount: in the unit of its price."""
        return round(amount * self.price_in * NANOS)


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf a model is asked; what is empty meets no rule that names somebody. language: BCP 47."""

    tenant_id: str = ""
    agent_id: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """What a tenant used of a provider on a day (`2026-11-23`, UTC) or over a longer time."""

    day: str
    provider: str
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nanos: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def plus(self, other: Used) -> Used:
        return Used(
            self.day,
            self.provider,
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost_nanos + other.cost_nanos,
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """What a tenant may use in a calendar month, UTC. 0 is no limit. cost: US dollars."""

    tokens: int = 0
    cost: float = 0.0

    def spent(self, used: Used) -> bool:
        over_tokens = 0 < self.tokens <= used.tokens
        return over_tokens or (self.cost > 0 and used.cost_nanos >= self.cost * NANOS)


def serves(provider: Provider, asker: Asker) -> bool:
    """Whether the provider's rules let it answer for `asker`."""
    return (
        (not provider.tenants or asker.tenant_id in provider.tenants)
        and (not provider.agents or asker.agent_id in provider.agents)
        and (not provider.languages or covers(provider.languages, asker.language))
    )


def covers(languages: tuple[str, ...], language: str) -> bool:
    """Whether `language` is one of these or of a region of one."""
    language = language.lower()
    return any(language == one.lower() or language.startswith(one.lower() + "-") for one in languages)


_LISTS = {"role": "roles", "tenant": "tenants", "agent": "agents", "language": "languages"}
_NUMBERS = {name: name for name in ("priority", "price_in", "price_out", "concurrency", "patience_s", "unload_after_s")}


def provider_of(url: str, *, kind: str = "llm", stored: bool = False) -> Provider:
    """A provider from one line: an adapter's URL whose query also says `kind`, `name`, `role`, `priority`, `price_in`, `price_out`,
    `tenant`, `agent`, `language`, `patience_s`, `unload_after_s`; lists by repetition. kind: of a URL that says none.

    Without a name it has the model's, after its kind unless it is a language model. Raises InvalidInput `bad_provider`.
    """
    parts = urlsplit(url)
    kept: list[tuple[str, str]] = []
    name, fields = "", dict[str, object]()
    lists: dict[str, list[str]] = {}
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key in _LISTS:
            lists.setdefault(_LISTS[key], []).append(value)
        elif key in _NUMBERS:
            fields[key] = _number(key, value)
            if key == "concurrency" and parts.scheme.startswith(("openai", "azure")):
                kept.append((key, value))
        elif key == "name":
            name = value
        elif key == "kind":
            kind = value
        else:
            kept.append((key, value))
    plain = url.partition("?")[0] + ("?" + urlencode(kept, safe="/:") if kept else "")
    model = dict(kept).get("model") or dict(kept).get("deployment") or parts.scheme
    made = {"roles": default_roles(kind)} | {key: tuple(values) for key, values in lists.items()}
    of_kind = cast(Kind, kind)  # `checked` looks at it
    return checked(Provider(name or own_name(of_kind, model), plain, kind=of_kind, stored=stored, **made, **fields))  # type: ignore[arg-type]


def default_roles(kind: str) -> tuple[str, ...]:
    """The roles of a provider that names none."""
    return (DEFAULT_ROLE,) if kind == "llm" else ()


def own_name(kind: Kind, model: str) -> str:
    """The name of a provider that was given none."""
    return model if kind == "llm" else f"{kind}:{model}"


def checked(provider: Provider) -> Provider:
    """The provider itself. Raises InvalidInput `bad_provider` when its name, kind, rules or numbers make no sense."""
    if provider.kind not in KINDS:
        raise _bad(f"a provider's kind is one of {', '.join(KINDS)}", "kind")
    if not _NAME.fullmatch(provider.name):
        raise _bad("a provider's name has letters, digits and . _ : / @ + - only, 200 at most", "name")
    if provider.kind != "llm" and provider.roles:
        raise _bad("language models alone have roles", "roles")
    if provider.kind == "llm" and not (provider.roles and all(_NAME.fullmatch(role) for role in provider.roles)):
        raise _bad("a provider has one role or more, each a word", "roles")
    if provider.kind == "embed" and (provider.tenants or provider.agents or provider.languages):
        raise _bad("an embedding model serves everybody: all vectors lie in one space", "tenants")
    for field_name in ("price_in", "price_out", "patience_s", "unload_after_s", "concurrency", "priority"):
        value = getattr(provider, field_name)
        if not math.isfinite(value) or value < 0:
            raise _bad(f"{field_name} is a number of 0 or more", field_name)
    return provider


def _number(key: str, value: str) -> float | int:
    try:
        return int(value) if key in ("priority", "concurrency") else float(value)
    except ValueError as error:
        raise _bad(f"{key} in a provider's URL is a number", key) from error


def _bad(message: str, param: str) -> InvalidInput:
    return InvalidInput("bad_provider", message, param=param)
