"""The settings of recordings and personal data: what is kept, for how long, and what becomes of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from voiceagent.apps.config.area import Area, listed

Sinks = Annotated[tuple[Literal["logs", "transcripts", "prompts", "exports", "index"], ...], BeforeValidator(listed)]
Days = Annotated[int, Field(ge=0, le=36_500)]


class RecordingsSettings(Area):
    """The flight recorder: what happened in each session, with its sound, to replay and to look into."""

    dir: str = Field(
        "", description="Folder for a recording of every session; it holds what people said. Empty: none is made."
    )
    max_bytes: int = Field(2**30, ge=0, description="Room for all recordings; the oldest go first.")


class PrivacySettings(Area):
    """Personal data (cards, accounts, telephone numbers, addresses, names...): where it is replaced, how long it is kept, how it is erased."""

    redact: Sinks = Field(
        ("logs",),
        description="Where it is replaced, comma-separated: logs (masks), transcripts (turns are stored with pseudonyms), prompts (language "
        "models elsewhere see pseudonyms, and answers get the words back; embeddings and reranking elsewhere see masks), exports and index "
        "(masks). A server of this machine that passes on what it is told is elsewhere with local=0 in its URL. Empty: nowhere.",
    )
    bleep: bool = Field(
        False,
        description="After each call, put a tone where personal data is heard in its recording, by the times of the recognised words, and keep "
        "the shape of the words alone in its log. Until that is done nobody is given the recording.",
    )
    secret: SecretStr = Field(
        SecretStr(""),
        description="Makes pseudonyms and the keyed hashes of the erased: 32 characters or more, the same for all services. Empty: drawn once "
        "and kept in the data folder.",
    )
    tombstones_url: str = Field(
        "file://{data}/tombstones",
        description="Who was erased, as keyed hashes: file:///FOLDER or s3://BUCKET?... Keep it out of backups, on another disk: a restored "
        "backup is erased again by it.",
    )
    erased_documents: Literal["delete", "keep"] = Field(
        "delete",
        description="What becomes of the documents that an erased person uploaded, unless the request says it.",
    )
    audio_days: Days = Field(
        30, description="Days after which recordings go. 0: never. An organisation may set its own."
    )
    transcripts_days: Days = Field(365, description="Days after the last turn after which conversations go. 0: never.")
    documents_days: Days = Field(0, description="Days after the last change after which documents go. 0: never.")
