"""/api/v1/agents: list, read, create, replace, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from voiceagent.domain.agent import DEFAULT_AGENT_ID, DEFAULT_INSTRUCTIONS, Agent
from voiceagent.domain.document import DEFAULT_COLLECTION_ID
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Asker
from voiceagent.domain.tool import Tool
from voiceagent.engine.conversations import agent_of
from voiceagent.engine.reply import EngineService
from voiceagent.kit.errors import InvalidInput, NotFound, Unavailable
from voiceagent.kit.ids import new_id
from voiceagent.ports.speech import SpeechProviders
from voiceagent.ports.store import UnitOfWork
from voiceagent.web.app import Router
from voiceagent.web.auth import require
from voiceagent.web.deeds import deed
from voiceagent.web.repeats.once import once

Reader = Annotated[Principal, Depends(require("agents:read"))]
Writer = Annotated[Principal, Depends(require("agents:write"))]

LANGUAGE = r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*$"
"""A BCP-47 tag: its language has two or three letters, so that a language's name is none."""


class AgentSettings(BaseModel):
    """An agent as an administrator writes it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("Assistant", min_length=1, max_length=100)
    instructions: str = Field(DEFAULT_INSTRUCTIONS, max_length=20_000)
    model: str = Field("chat", min_length=1, max_length=200)
    voice: str = Field("", max_length=100)
    language: str = Field("en", max_length=35, pattern=LANGUAGE)
    greeting: str = Field("", max_length=1000)
    temperature: float = Field(0.2, ge=0, le=2)
    max_output_tokens: int = Field(160, ge=1, le=8192)
    collection_ids: list[str] = Field(default_factory=list, max_length=100)
    tools: list[str] = Field(default_factory=list, max_length=32)


class ToolSummary(BaseModel):
    """A tool of the platform that an agent may be given. effect: read or write.  confirm: callers are asked before it runs."""

    name: str
    description: str
    effect: str
    confirm: bool


class ToolList(BaseModel):
    """Every tool, by name."""

    tools: list[ToolSummary]


class AgentList(BaseModel):
    """Every agent, by name; the built-in default too while the tenant has none of its own."""

    agents: list[Agent]


def agent_routes(engine: EngineService) -> Router:
    """Who answers, and how."""
    router = Router(prefix="/api/v1/agents")
    store = engine.parts.store

    @router.get("")
    async def list_agents(caller: Reader) -> AgentList:
        async with store.begin(caller.tenant_id, read_only=True) as work:
            agents = list(await work.agents.all())
        if not any(agent.agent_id == DEFAULT_AGENT_ID for agent in agents):
            agents.insert(0, Agent())
        return AgentList(agents=agents)

    @router.get("/tools")
    async def list_tools(caller: Reader) -> ToolList:
        return ToolList(tools=[_summary(tool) for tool in engine.parts.offered])

    @router.post("", status_code=201)
    @once()
    async def create_agent(settings: AgentSettings, request: Request, caller: Writer) -> Agent:
        agent = _agent(engine, caller, new_id("agent"), settings)
        async with store.begin(caller.tenant_id) as work:
            await _refuse_unknown_collections(work, agent)
            await work.agents.put(agent)
            await work.audit.append(deed(request, "agent_created", agent.agent_id))
        return agent

    @router.get("/{agent_id}")
    async def get_agent(agent_id: str, caller: Reader) -> Agent:
        async with store.begin(caller.tenant_id, read_only=True) as work:
            return await agent_of(work, agent_id)

    @router.put("/{agent_id}")
    async def replace_agent(agent_id: str, settings: AgentSettings, request: Request, caller: Writer) -> Agent:
        agent = _agent(engine, caller, agent_id, settings)
        async with store.begin(caller.tenant_id) as work:
            await agent_of(work, agent_id)
            await _refuse_unknown_collections(work, agent)
            await work.agents.put(agent)
            await work.audit.append(deed(request, "agent_changed", agent_id))
        return agent

    @router.delete("/{agent_id}", status_code=204)
    async def delete_agent(agent_id: str, request: Request, caller: Writer) -> None:
        async with store.begin(caller.tenant_id) as work:
            if not await work.agents.delete(agent_id):
                raise NotFound("agent_not_found", "there is no such agent")
            await work.audit.append(deed(request, "agent_deleted", agent_id))

    return router


def _summary(tool: Tool) -> ToolSummary:
    return ToolSummary(name=tool.name, description=tool.description, effect=tool.effect, confirm=tool.confirm)


async def _refuse_unknown_collections(work: UnitOfWork, agent: Agent) -> None:
    """Raises InvalidInput `unknown_collection`: an agent with one that there is not finds nothing in any of them."""
    for collection_id in dict.fromkeys(agent.collection_ids):
        try:
            await work.collections.get(collection_id)
        except NotFound as error:
            if collection_id != DEFAULT_COLLECTION_ID:
                message = "there is no collection of that id"
                raise InvalidInput("unknown_collection", message, param="collection_ids") from error


def _refuse_unknown_voice(speech: SpeechProviders | None, asker: Asker, voice: str) -> None:
    """Raises InvalidInput `unknown_voice`: every call of the agent would fail. Only where it is known which voices there are."""
    if not voice or speech is None:
        return
    try:
        known = speech.voice(asker).capabilities
    except Unavailable:  # nobody speaks for this agent at the moment
        return
    if voice not in known.voices and not known.others:
        raise InvalidInput("unknown_voice", f"there is no such voice; known: {', '.join(known.voices)}", param="voice")


def _agent(engine: EngineService, caller: Principal, agent_id: str, settings: AgentSettings) -> Agent:
    """The agent to store. Raises InvalidInput `unknown_model`, `unknown_voice` or `unknown_tool`."""
    asker = Asker(caller.tenant_id, agent_id, settings.language)
    try:
        engine.parts.router.resolve(settings.model, asker)
    except NotFound as error:
        raise InvalidInput("unknown_model", "there is no model of that name", param="model") from error
    _refuse_unknown_voice(engine.parts.speech, asker, settings.voice)
    if not set(settings.tools) <= {tool.name for tool in engine.parts.offered}:
        raise InvalidInput("unknown_tool", "there is no tool of that name", param="tools")
    given = settings.model_dump() | {"collection_ids": tuple(settings.collection_ids), "tools": tuple(settings.tools)}
    return Agent(agent_id=agent_id, **given)
