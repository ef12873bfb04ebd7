"""GET /v1/models and POST /v1/embeddings in OpenAI's shapes."""

from __future__ import annotations

import base64
import struct
from typing import Annotated, Any, Literal

from fastapi import Depends
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from voiceagent.domain.agent import DEFAULT_AGENT_ID
from voiceagent.domain.identity import Principal
from voiceagent.domain.provider import Asker
from voiceagent.engine.reply import EngineService
from voiceagent.kit.errors import InvalidInput, NotFound, Unsupported
from voiceagent.ports.embed import Embedder
from voiceagent.web.app import Router, body_limit
from voiceagent.web.auth import require

Caller = Annotated[Principal, Depends(require("talk"))]
_BODY_BYTES = 4 << 20
_MAX_INPUTS = 2048
_CREATED_S = 0
"""Models carry no date of their own; clients only want a number here."""


class EmbeddingsRequest(BaseModel):
    """The body of POST /v1/embeddings. The OpenAI SDK asks for base64 unless its caller says float."""

    input: str | list[Any]
    model: str = Field(min_length=1, max_length=200)
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1)


def model_routes(engine: EngineService, embedder: Embedder | None) -> Router:
    """What can be asked for by name, and embeddings when there is an embedder."""
    router = Router(prefix="/v1")

    @router.get("/models")
    async def list_models(caller: Caller) -> dict[str, Any]:
        return {"object": "list", "data": [_model(name, by) for name, by in await _names(engine, embedder, caller)]}

    @router.get("/models/{model_id:path}")
    async def get_model(model_id: str, caller: Caller) -> dict[str, Any]:
        for name, by in await _names(engine, embedder, caller):
            if name == model_id:
                return _model(name, by)
        raise NotFound("model_not_found", "there is no model of that name", param="model")

    @router.post("/embeddings", response_model=None)
    @body_limit(_BODY_BYTES)
    async def create_embeddings(asked: EmbeddingsRequest, _: Caller) -> Response:
        if embedder is None or asked.model != embedder.capabilities.model:
            raise NotFound("model_not_found", "there is no embedding model of that name", param="model")
        if asked.dimensions not in (None, embedder.capabilities.dimensions):
            raise Unsupported("unsupported_parameter", "the model has one length of vectors", param="dimensions")
        texts = _texts(asked.input)
        vectors = await embedder.embed(texts)
        return JSONResponse(_embeddings(asked, texts, vectors))

    return router


async def _names(engine: EngineService, embedder: Embedder | None, caller: Principal) -> list[tuple[str, str]]:
    """Every name and whose it is: models and roles, the embedding model, the tenant's agents."""
    names = [(name, "system") for name in engine.parts.router.names(Asker(caller.tenant_id))]
    if embedder is not None:
        names.append((embedder.capabilities.model, "system"))
    async with engine.parts.store.begin(caller.tenant_id, read_only=True) as work:
        agents = [agent.agent_id for agent in await work.agents.all()]
    return names + [(agent_id, "organization") for agent_id in dict.fromkeys([DEFAULT_AGENT_ID, *agents])]


def _model(name: str, owned_by: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED_S, "owned_by": owned_by}


def _texts(given: str | list[Any]) -> tuple[str, ...]:
    texts = [given] if isinstance(given, str) else given
    if not texts or len(texts) > _MAX_INPUTS:
        raise InvalidInput("bad_embedding_input", f"give 1 to {_MAX_INPUTS} texts", param="input")
    if not all(isinstance(text, str) for text in texts):
        raise Unsupported("unsupported_input", "token numbers cannot be embedded; give texts", param="input")
    if not all(text.strip() for text in texts):
        raise InvalidInput("bad_embedding_input", "an empty text has no embedding", param="input")
    return tuple(texts)


def _embeddings(
    asked: EmbeddingsRequest, texts: tuple[str, ...], vectors: tuple[tuple[float, ...], ...]
) -> dict[str, Any]:
    tokens = sum(len(text.encode()) // 4 + 1 for text in texts)  # the port does not count; about right for English
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, asked.encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": asked.model, "usage": usage}


def _encoded(vector: tuple[float, ...], encoding: str) -> list[float] | str:
    """The vector as numbers, or as base64 of little-endian 32-bit floats."""
    if encoding == "float":
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
