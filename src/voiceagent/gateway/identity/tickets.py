"""One-time tickets that open one media socket: for clients that can send nothing but an address, and must not put a key there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.requests import HTTPConnection

from voiceagent.gateway.identity.grounds import Grounds
from voiceagent.kit.crypto import random_token, sha256_hex
from voiceagent.kit.errors import Forbidden, Unauthenticated
from voiceagent.ports.cache import Cache

TICKET_LIFE_S = 60
TICKET_PARAMETER = "ticket"
_MARK = "vt_"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket stands for. agent_id: the only agent that it connects to, "" for any."""

    grounds: Grounds
    agent_id: str


class Tickets:
    """Makes and redeems tickets. They live in the cache: losing them costs a client one more request."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def issue(self, ticket: Ticket) -> str:
        """The secret to put into the socket's address, good once and for 60 s. Raises Unavailable `cache_unavailable`."""
        secret = _MARK + random_token(24)
        value = {"grounds": ticket.grounds.to_json().decode(), "agent_id": ticket.agent_id}
        await self._cache.put(_key(secret), json.dumps(value).encode(), ttl_s=TICKET_LIFE_S)
        return secret

    async def redeem(self, conn: HTTPConnection) -> Grounds | None:
        """The grounds of the ticket in the socket's address, None without one. The ticket is taken out of the address.

        Raises Unauthenticated `bad_ticket`, Forbidden `ticket_of_another_agent`.
        """
        query = parse_qsl(conn.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        offered = [value for name, value in query if name == TICKET_PARAMETER]
        if not offered:
            return None
        rest = [(name, value) for name, value in query if name != TICKET_PARAMETER]
        conn.scope["query_string"] = urlencode(rest).encode()
        value = await self._cache.take(_key(offered[0])) if len(offered) == 1 else None
        if value is None:
            raise Unauthenticated("bad_ticket", "The ticket is not valid, or was used before.")
        stored = json.loads(value)
        self._bind(conn, rest, stored["agent_id"])
        return Grounds.from_json(stored["grounds"].encode())

    def _bind(self, conn: HTTPConnection, query: list[tuple[str, str]], agent_id: str) -> None:
        asked = [value for name, value in query if name == "agent_id"]
        if not agent_id:
            return
        if any(value != agent_id for value in asked):
            raise Forbidden("ticket_of_another_agent", "The ticket was made for another agent.")
        if not asked:
            conn.scope["query_string"] = urlencode([*query, ("agent_id", agent_id)]).encode()


def _key(secret: str) -> str:
    return f"ticket:{sha256_hex(secret.encode())}"
