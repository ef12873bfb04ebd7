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
    fallback_url: str = Field("", description="Asked when the first does not answer; empty for none.")


class TtsSettings(Area):
    """Text to speech."""

    url: DataUrl = Field("hibari:///", description="hibari:///, piper:///, openai+https://HOST/v1?model=...&voice=...")
    fallback_url: str = Field(
        "", description="Speaks when the first does not begin; it should have the same rate; empty for none."
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
    """Which language model answers: that of [llm], its fall-back, these, and those that were added at run time (`voiceagent providers`)."""

    providers: Strings = Field(
        (),
        description="Further providers, comma-separated: LLM URLs that may also say name, role, priority, price_in and price_out "
        "(US dollars per million tokens), tenant, agent, language, patience_s, unload_after_s.",
    )
    policy: Literal["priority", "cost", "latency"] = Field(
        "priority",
        description="What decides between providers of a role that are well: priority, price or first token.",
    )
    allowed_hosts: Strings = Field(
        (),
        description="Hosts (names, *.names, addresses, networks) on private networks that providers added at run time may have, "
        "with or without TLS; public ones may always, with TLS.",
    )
    local_models: bool = Field(
        False, description="Providers added at run time may name model files of this machine (llamacpp, transformers)."
    )
    tokens_per_month: int = Field(
        0, ge=0, description="Tokens that an organisation may use in a calendar month. 0: no limit."
    )
    cost_per_month: float = Field(
        0.0, ge=0, description="US dollars that an organisation may spend in a calendar month. 0: no limit."
    )
