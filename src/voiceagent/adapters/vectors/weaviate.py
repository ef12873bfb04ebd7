"""The vector store on a Weaviate server (1.27 or newer), over its REST and GraphQL interfaces. One class a model, one tenant of it a tenant."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import uuid
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from voiceagent.adapters.vectors.boxes import packed_boxes, unpacked_boxes
from voiceagent.adapters.vectors.local_words import indexed
from voiceagent.adapters.vectors.weaviate_filters import any_of, around, equal, graphql_value, near, rfc3339, where_of
from voiceagent.domain.document import Chunk, Passage
from voiceagent.kit.errors import InvalidInput, Misconfigured, StorageFull, Unavailable
from voiceagent.ports.vectors import IndexedChunk, IndexedDocument, VectorQuery

_CHANGE_S = 30.0
_ANSWER_S = 5.0
"""For searches and looks: what changes nothing is answered at once, or the server hangs."""
_READY_S = 2.0
_BATCH = 100
_MOST_CHUNKS = 10_000
_ALPHA = 0.6  # share of meaning, as in the local store
_WORDS_CLASS = "VoiceagentWords"
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FIELDS = "chunk_id document_id collection_id title heading body ordinal page start_at end_at boxes _additional { score distance }"
_STORAGE_FULL = 507
Json = dict[str, Any]


def open_vectors(url: str, *, api_key: str | None = None) -> WeaviateVectors:
    """The store for `weaviate://host:port` (`weaviates://` for TLS). api_key: None reads WEAVIATE_API_KEY. Raises Misconfigured `bad_url`."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise Misconfigured("bad_url", "the Weaviate URL needs a host: weaviate://host:8080")
    secure = parts.scheme == "weaviates" or parse_qs(parts.query).get("tls") == ["true"]
    address = f"{'https' if secure else 'http'}://{parts.hostname}:{parts.port or 8080}"
    return WeaviateVectors(address, api_key or os.environ.get("WEAVIATE_API_KEY", ""))


class WeaviateVectors:
    """Chunks live once a model, and once without vectors so that words find what no model has seen yet."""

    def __init__(self, address: str, api_key: str = "") -> None:
        self._address = address
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._http: aiohttp.ClientSession | None = None
        self._known: set[tuple[str, str]] = set()
        self._changing: dict[tuple[str, str], asyncio.Lock] = {}
        self._closed = False

    async def put(
        self, tenant_id: str, model: str, document: IndexedDocument, chunks: tuple[IndexedChunk, ...]
    ) -> None:
        lengths = {len(entry.vector) for entry in chunks}
        if len(lengths) > 1 or 0 in lengths:
            raise InvalidInput("bad_vector", "every chunk needs a vector, all of one length")
        name = _class_name(model)
        lock = self._changing.setdefault((tenant_id, document.document_id), asyncio.Lock())
        async with lock:
            if lengths:
                await self._check_length(tenant_id, name, lengths.pop())
            await self._ensure(_WORDS_CLASS, tenant_id)
            await self._ensure(name, tenant_id)
            for other in await self._classes():
                await self._replace(other, tenant_id, document, chunks, name)

    async def search(self, tenant_id: str, model: str, query: VectorQuery) -> tuple[Passage, ...]:
        if not query.collection_ids:
            return ()
        name = _class_name(model)
        by_meaning = query.mode != "words" and bool(query.vector)
        if by_meaning and await self._has(name, tenant_id):
            found = await self._get(name, tenant_id, query)
            if query.mode == "meaning" or len(found) >= query.limit:
                return await self._with_neighbours(tenant_id, query, found[: query.limit])
        elif query.mode == "meaning":
            return ()
        else:
            found = []
        if not await self._has(_WORDS_CLASS, tenant_id):
            return await self._with_neighbours(tenant_id, query, found)
        known = {passage.chunk.chunk_id for passage in found}
        by_words = await self._get(_WORDS_CLASS, tenant_id, query)
        floor = min((passage.score for passage in found), default=1.0)
        rest = [
            Passage(one.chunk, one.title, min(one.score, floor)) for one in by_words if one.chunk.chunk_id not in known
        ]
        return await self._with_neighbours(tenant_id, query, [*found, *rest][: query.limit])

    async def _with_neighbours(self, tenant_id: str, query: VectorQuery, found: list[Passage]) -> tuple[Passage, ...]:
        """The passages with the chunks around them, fetched in one call. Every chunk stands in the class of words."""
        if not query.neighbours or not found:
            return tuple(found)
        parts = []
        for at, passage in enumerate(found):
            where = graphql_value(near(passage.chunk, query.neighbours))
            limit = 2 * query.neighbours + 1
            parts.append(
                f'p{at}: {_WORDS_CLASS}(tenant: "{_tenant(tenant_id)}", limit: {limit}, where: {where}) {{ {_FIELDS} }}'
            )
        rows = await self._graphql(f"{{ Get {{ {' '.join(parts)} }} }}", *(f"p{at}" for at in range(len(found))))
        known: dict[tuple[str, int], Chunk] = {}
        for row in rows:
            chunk = _passage(row).chunk
            known[chunk.document_id, chunk.ordinal] = chunk
        return tuple(replace(one, around=around(one.chunk, query.neighbours, known)) for one in found)

    async def delete(self, tenant_id: str, document_id: str) -> bool:
        removed = 0
        for name in await self._classes():
            if await self._has(name, tenant_id):
                removed += await self._delete_where(name, tenant_id, equal("document_id", document_id))
        return removed > 0

    async def drop(self, tenant_id: str, model: str | None = None) -> None:
        for name in await self._classes() if model is None else [_class_name(model)]:
            if await self._has(name, tenant_id):
                self._known.discard((name, tenant_id))
                await self._call("DELETE", f"/v1/schema/{name}/tenants", [_tenant(tenant_id)], accept=(200, 404, 422))

    async def scrub(self, tenant_id: str) -> None:
        """Nothing to ask for: Weaviate gives places back by compactions of its own."""

    async def rewrap(self, tenant_id: str, *, old_key_id: str) -> int:
        """Weaviate keeps no keys of ours: what lies on its disks is for the encryption of the volume."""
        return 0

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(_READY_S):
                await self._call("GET", "/v1/.well-known/ready")
                await self._call("GET", "/v1/meta")  # the first is told to anybody, this only to whom it serves
        except (Unavailable, Misconfigured, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        self._closed = True
        if self._http is not None:
            await self._http.close()

    async def _replace(
        self, name: str, tenant_id: str, document: IndexedDocument, chunks: tuple[IndexedChunk, ...], model_class: str
    ) -> None:
        """Put the new chunks, then remove those that are no longer there: a search in between sees old or new, never nothing.

        In the classes of other models a chunk keeps its vector when its text is the same, else it goes.
        """
        ids = {_object_id(name, entry.chunk) for entry in chunks}
        edition = str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(sorted(ids))))
        of_document = equal("document_id", document.document_id)
        if name in (model_class, _WORDS_CLASS):
            objects = [_object(name, tenant_id, document, entry, with_vector=name == model_class) for entry in chunks]
            for made in objects:
                made["properties"]["edition"] = edition
            for at in range(0, len(objects), _BATCH):
                await self._put_batch(objects[at : at + _BATCH])
            other = {"path": ["edition"], "operator": "NotEqual", "valueText": edition}
            await self._delete_where(name, tenant_id, {"operator": "And", "operands": [of_document, other]})
        elif await self._has(name, tenant_id):
            head = f'tenant: "{_tenant(tenant_id)}", limit: {_MOST_CHUNKS}, where: {graphql_value(of_document)}'
            rows = await self._graphql(f"{{ Get {{ {name}({head}) {{ _additional {{ id }} }} }} }}", name)
            stale = [one for row in rows if (one := row["_additional"]["id"]) not in ids]
            for at in range(0, len(stale), _BATCH):
                await self._delete_where(name, tenant_id, any_of("id", tuple(stale[at : at + _BATCH])))

    async def _put_batch(self, objects: list[Json]) -> None:
        answers = await self._call("POST", "/v1/batch/objects", {"objects": objects})
        for one in answers:
            errors = (one.get("result") or {}).get("errors")
            if errors:
                text = json.dumps(errors)
                if "vector lengths" in text or "dimension" in text:
                    raise InvalidInput("bad_vector", "vectors of this model have another length")
                raise Unavailable("vectors_unavailable", "the vector store refused the chunks")

    async def _check_length(self, tenant_id: str, name: str, length: int) -> None:
        if not await self._has(name, tenant_id):
            return
        text = f'{{ Get {{ {name}(tenant: "{_tenant(tenant_id)}", limit: 1) {{ _additional {{ vector }} }} }} }}'
        rows = await self._graphql(text, name)
        if rows and len(rows[0]["_additional"]["vector"]) != length:
            raise InvalidInput("bad_vector", "vectors of this model have another length")

    async def _get(self, name: str, tenant_id: str, query: VectorQuery) -> list[Passage]:
        where = graphql_value(where_of(query))
        head = f'tenant: "{_tenant(tenant_id)}", limit: {query.limit}, where: {where}'
        vector = json.dumps([round(value, 7) for value in query.vector])
        if query.mode == "meaning":
            head += f", nearVector: {{vector: {vector}}}"
        elif name == _WORDS_CLASS or query.mode == "words" or not query.vector:
            if not re.search(r"\w", query.text):
                return []
            head += f", bm25: {{query: {json.dumps(_text(query.text))}, properties: {json.dumps(_SEARCHED)}}}"
        else:
            head += (
                f", hybrid: {{query: {json.dumps(_text(query.text))}, vector: {vector}, alpha: {_ALPHA}, "
                f"fusionType: relativeScoreFusion, properties: {json.dumps(_SEARCHED)}}}"
            )
        try:
            rows = await self._graphql(f"{{ Get {{ {name}({head}) {{ {_FIELDS} }} }} }}", name)
        except Unavailable:
            if await self._has(name, tenant_id):
                raise
            return []  # it was dropped, or lost, since this process used it
        return [_passage(row) for row in rows]

    async def _graphql(self, text: str, *names: str) -> list[Json]:
        """The rows under these names, one after the other."""
        answer = await self._call("POST", "/v1/graphql", {"query": text}, within_s=_ANSWER_S)
        if answer.get("errors"):
            self._known.clear()
            raise Unavailable("vectors_unavailable", "the vector store could not answer the search")
        found = (answer.get("data") or {}).get("Get") or {}
        return [row for name in names for row in found.get(name) or []]

    async def _delete_where(self, name: str, tenant_id: str, where: Json) -> int:
        total = 0
        while True:
            body = {"match": {"class": name, "where": where}, "output": "minimal"}
            answer = await self._call("DELETE", f"/v1/batch/objects?tenant={_tenant(tenant_id)}", body)
            results = answer.get("results") or {}
            total += int(results.get("successful", 0))
            if int(results.get("failed", 0)):
                raise Unavailable("vectors_unavailable", "the vector store could not delete")
            if int(results.get("matches", 0)) <= int(results.get("limit", 0) or 0):
                return total

    async def _classes(self) -> list[str]:
        answer = await self._call("GET", "/v1/schema")
        return [one["class"] for one in answer.get("classes") or [] if str(one["class"]).startswith("Voiceagent")]

    async def _has(self, name: str, tenant_id: str) -> bool:
        if (name, tenant_id) in self._known:
            return True
        answer = await self._call("GET", f"/v1/schema/{name}/tenants", accept=(200, 404, 422))
        found = isinstance(answer, list) and any(one.get("name") == _tenant(tenant_id) for one in answer)
        if found:  # a class of an earlier version has no boxes; 422: it has
            await self._call("POST", f"/v1/schema/{name}/properties", _BOXES, accept=(200, 422))
            self._known.add((name, tenant_id))
        return found

    async def _ensure(self, name: str, tenant_id: str) -> None:
        if await self._has(name, tenant_id):
            return
        await self._call("POST", "/v1/schema", _schema(name), accept=(200, 422))  # 422: it exists already
        await self._call("POST", f"/v1/schema/{name}/tenants", [{"name": _tenant(tenant_id)}], accept=(200, 422))
        self._known.add((name, tenant_id))

    async def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        accept: tuple[int, ...] = (200,),
        within_s: float | None = None,
    ) -> Any:
        if self._closed:
            raise Unavailable("vectors_unavailable", "the vector store is closed")
        if self._http is None:
            self._http = aiohttp.ClientSession(headers=self._headers)
        within_s = within_s or (_ANSWER_S if method == "GET" else _CHANGE_S)
        timeout = aiohttp.ClientTimeout(total=within_s, connect=2.0)
        try:
            async with self._http.request(
                method, f"{self._address}{path}", json=body, timeout=timeout, allow_redirects=False
            ) as answer:
                raw = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable("vectors_unavailable", "the vector store does not answer") from error
        if answer.status in (401, 403):
            raise Misconfigured("vectors_credentials", "the vector store refuses the credentials")
        if answer.status == _STORAGE_FULL:
            raise StorageFull("storage_full", "the vector store has no room left")
        if answer.status not in accept:
            self._known.clear()  # perhaps it has lost its data: look before the next use
            raise Unavailable("vectors_unavailable", f"the vector store answered {answer.status}")
        try:
            return json.loads(raw) if raw else {}
        except ValueError as error:
            raise Unavailable("vectors_unavailable", "the vector store sent something else") from error


_SEARCHED = ["title^2", "heading", "body", "spaced"]
_BOXES: Json = {"name": "boxes", "dataType": ["text"], "indexFilterable": False, "indexSearchable": False}
_KEYWORDS = ("chunk_id", "document_id", "collection_id", "kind", "language", "readers", "edition")


def _schema(name: str) -> Json:
    filtered = [
        {
            "name": one,
            "dataType": ["text[]" if one == "readers" else "text"],
            "tokenization": "field",
            "indexSearchable": False,
        }
        for one in _KEYWORDS
    ]
    texts = [
        {"name": one, "dataType": ["text"], "tokenization": "word"} for one in ("title", "heading", "body", "spaced")
    ]
    numbers = [{"name": one, "dataType": ["int"]} for one in ("ordinal", "page", "start_at", "end_at")]
    return {
        "class": name,
        "vectorizer": "none",
        "multiTenancyConfig": {"enabled": True},
        "vectorIndexType": "flat" if name == _WORDS_CLASS else "hnsw",
        "vectorIndexConfig": {"distance": "cosine"},
        "invertedIndexConfig": {"stopwords": {"preset": "en"}},
        "properties": [*filtered, *texts, *numbers, {"name": "dated", "dataType": ["date"]}, _BOXES],
    }


def _object(name: str, tenant_id: str, document: IndexedDocument, entry: IndexedChunk, *, with_vector: bool) -> Json:
    chunk = entry.chunk
    properties: Json = {
        "chunk_id": chunk.chunk_id,
        "document_id": document.document_id,
        "collection_id": document.collection_id,
        "title": document.title,
        "heading": chunk.heading,
        "body": chunk.text,
        "spaced": spaced if (spaced := indexed(chunk.text)) != chunk.text else "",
        "ordinal": chunk.ordinal,
        "page": chunk.page,
        "start_at": chunk.start,
        "end_at": chunk.end,
        "boxes": packed_boxes(chunk.boxes),
        "kind": document.kind,
        "language": document.language,
        "readers": sorted(document.reader_ids) or ["*"],
    }
    if document.dated is not None:
        properties["dated"] = rfc3339(document.dated)
    made: Json = {"class": name, "tenant": _tenant(tenant_id), "id": _object_id(name, chunk), "properties": properties}
    return made | {"vector": list(entry.vector)} if with_vector else made


def _object_id(name: str, chunk: Chunk) -> str:
    """The same chunk with the same text has the same id in a class, so that putting it twice changes nothing."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([name, chunk.document_id, chunk.chunk_id, chunk.text])))


def _text(text: str) -> str:
    """A question without control characters; signs of scripts without spaces apart, as `spaced` has them."""
    text = indexed(text)
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:4_000]


def _passage(row: Json) -> Passage:
    told = row["_additional"]
    score = float(told["score"]) if told.get("score") else 1.0 - float(told.get("distance") or 0.0)
    chunk = Chunk(
        chunk_id=row["chunk_id"],
        document_id=row["document_id"],
        collection_id=row["collection_id"],
        ordinal=row["ordinal"],
        page=row["page"],
        start=row["start_at"],
        end=row["end_at"],
        text=row["body"],
        heading=row["heading"] or "",
        boxes=unpacked_boxes(row["boxes"]),
    )
    return Passage(chunk, row["title"], score)


def _class_name(model: str) -> str:
    digest = hashlib.sha256(model.encode()).hexdigest()[:10]
    return f"Voiceagent{re.sub(r'[^A-Za-z0-9]', '', model.title())[:40]}{digest}"


def _tenant(tenant_id: str) -> str:
    if not _TENANT.fullmatch(tenant_id):
        raise InvalidInput("bad_tenant_id", "this is no tenant id")
    return tenant_id
