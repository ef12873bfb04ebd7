"""An agent: who answers, how it speaks, and what it may know."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_AGENT_ID = "default"

DEFAULT_INSTRUCTIONS = (
    "You are a friendly voice assistant. Your answer is spoken aloud: answer in one or two short plain sentences, "
    "without lists, symbols or markup. If you do not know, say so."
)


@dataclass(frozen=True, slots=True)
class Agent:
    """The settings of an agent.

    model: role or name that the router resolves.  voice: name of a voice of the text-to-speech adapter, "" for its default.
    greeting: said first when a call opens, "" for none.  collection_ids: the documents that it may use.
    tools: names of the platform's tools that it may use; no other is ever run for it.
    """

    agent_id: str = DEFAULT_AGENT_ID
    name: str = "Assistant"
    instructions: str = DEFAULT_INSTRUCTIONS
    model: str = "chat"
    voice: str = ""
    language: str = "en"
    greeting: str = ""
    temperature: float = 0.2
    max_output_tokens: int = 160
    collection_ids: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
