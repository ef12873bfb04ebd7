"""Settings of models: which answer, hear, speak and embed, and how one is chosen."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from voiceagent.apps.config.area import Area, DataUrl, Strings


class LlmSettings(Area):
    """The language model."""

    url: DataUrl = Field(
        "llamacpp:///",
        description="llamacpp:/// (bundled), llamacpp:///FILE.gguf, openai+https://HOST/v1?model=...&key_env=NAME, "
        "azure+https://NAME.openai.azure.com?deployment=...&api_version=...&key_env=NAME, transformers:///FOLDER[?context=N] (the extra transformers).",
    )
    fallback_url: str = Field("", description="Asked when the first model does not begin to answer; empty for none.")


class SttSettings(Area):
    """Speech to text."""

    url: DataUrl = Field(
        "whisper:///", description="whisper:/// (bundled), whisper:///FOLDER, openai+https://HOST/v1?model=..."
    )
    fallback_url: str = Field(
        "", description="Asked when the first does not answer; empty for none. Both may say more (docs/providers.md)."
    )


class TtsSettings(Area):
    """Text to speech."""

    url: DataUrl = Field("hibari:///", description="hibari:///, piper:///, openai+https://HOST/v1?model=...&voice=...")
    fallback_url: str = Field(
        "",
        description="Speaks when the first does not begin, at the first's rate; empty for none. Both may say more (docs/providers.md).",
    )


class EmbedSettings(Area):
    """Embeddings."""

    url: DataUrl = Field("minilm:///", description="minilm:///, openai+https://HOST/v1?model=...")
    fallback_url: str = Field(
        "", description="Another place of the same model, asked when the first does not answer; empty for none."
    )
    previous_url: str = Field(
        "",
        description="The model that `embed.url` replaces: searches use it until every document has been indexed with the new one; "
        "empty: until then words alone find the others.",
    )


class RoutingSettings(Area):
    """Which model answers, hears, speaks or embeds: that of its area, its fall-back, these, and those added at run time (docs/providers.md)."""

    providers: Strings = Field(
        (),
        description="Further providers, comma-separated: URLs that may also say kind (llm, stt, tts, embed), name, role, priority, price_in "
        "and price_out (US dollars per million tokens), tenant, agent, language, concurrency, patience_s, unload_after_s.",
    )
    policy: Literal["priority", "cost", "latency"] = Field(
        "priority",
        description="What decides between providers that are well: priority, price or the time to a first result.",
    )
    allowed_hosts: Strings = Field(
        (),
        description="Hosts (names, *.names, addresses, networks) on private networks that providers added at run time may have, "
        "with or without TLS; public ones may always, with TLS.",
    )
    local_models: bool = Field(
        False,
        description="Providers added at run time may name models of this machine (llamacpp, transformers, whisper, piper...).",
    )
    tokens_per_month: int = Field(
        0, ge=0, description="Tokens that an organisation may use in a calendar month. 0: no limit."
    )
    cost_per_month: float = Field(
        0.0, ge=0, description="US dollars that an organisation may spend in a calendar month. 0: no limit."
    )
