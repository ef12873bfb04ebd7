"""A real OpenID Connect provider for tests: OpenBao's own, with one person in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.vault_server import plain_bao, told_bao

EMAIL = "ada@example.org"
_PASSWORD = "of-ada-in-tests"


@dataclass(frozen=True, slots=True)
class BaoProvider:
    """issuer: as its metadata name it.  The client's id and secret are those that the provider gave."""

    address: str
    issuer: str
    client_id: str
    client_secret: str

    def approve(self, url: str) -> dict[str, str]:
        """What the provider's page does for the person who signs in there: the query with which the browser goes back."""
        asked = urlsplit(url)
        assert asked.path == "/ui/vault/identity/oidc/provider/people/authorize"
        signed = told_bao(self.address, "auth/userpass/login/ada", {"password": _PASSWORD})
        token = signed["auth"]["client_token"]
        answer = told_bao(self.address, f"identity/oidc/provider/people/authorize?{asked.query}", None, token)
        return {"code": answer["code"], "state": answer["state"]}


@contextmanager
def bao_provider(folder: Path, redirect_uri: str) -> Iterator[BaoProvider]:
    with plain_bao(folder) as address:
        told_bao(address, "sys/auth/userpass", {"type": "userpass"})
        told_bao(address, "auth/userpass/users/ada", {"password": _PASSWORD})
        accessor = told_bao(address, "sys/auth", None)["userpass/"]["accessor"]
        person = told_bao(address, "identity/entity", {"name": "ada", "metadata": {"email": EMAIL}})["data"]["id"]
        alias = {"name": "ada", "canonical_id": person, "mount_accessor": accessor}
        told_bao(address, "identity/entity-alias", alias)
        template = '{"email": {{identity.entity.metadata.email}}, "email_verified": true}'
        told_bao(address, "identity/oidc/scope/email", {"template": template})
        client = {"redirect_uris": [redirect_uri], "assignments": ["allow_all"], "id_token_ttl": "5m"}
        told_bao(address, "identity/oidc/client/voiceagent", client)
        kept = told_bao(address, "identity/oidc/client/voiceagent", None)["data"]
        provider = {"issuer": address, "allowed_client_ids": ["*"], "scopes_supported": ["email"]}
        told_bao(address, "identity/oidc/provider/people", provider)
        issuer = f"{address}/v1/identity/oidc/provider/people"
        yield BaoProvider(address, issuer, kept["client_id"], kept["client_secret"])
