"""Settings of answers from documents: how they rest on them, how long they wait, and who puts what was found in order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from voiceagent.apps.config.area import Area


class GroundingSettings(Area):
    """How answers rest on documents."""

    mode: Literal["auto", "extract", "generate"] = Field(
        "auto",
        description="extract: tell the sentence that answers; generate: the model answers from passages; auto: by the model.",
    )


class RetrievalSettings(Area):
    """How replies use the search."""

    spoken_ms: int = Field(
        100,
        ge=10,
        le=5_000,
        description="The longest that a spoken reply waits for documents; then it goes on without sources.",
    )
    written_ms: int = Field(3_000, ge=10, le=30_000, description="The same for a written reply.")
    passages: int = Field(4, ge=1, le=20, description="Passages that a reply may rest on.")
    neighbours: int = Field(
        1, ge=0, le=4, description="Chunks before and after each one found that a model reads with it."
    )
    room_chars: int = Field(
        6_000,
        ge=500,
        le=200_000,
        description="Characters that the passages of a prompt have together; neighbours beyond stay out.",
    )


class RerankSettings(Area):
    """A model that puts what a search found into a better order."""

    url: Annotated[str, Field(min_length=1)] = Field(
        "none://",
        description="none://, rerank+https://HOST/v1?model=NAME&key_env=NAME (Cohere, Jina, vLLM), tei+http://HOST (Text Embeddings Inference).",
    )
    within_ms: int = Field(
        300, ge=10, le=10_000, description="The longest that a search waits for it; then the order stays as it was."
    )
