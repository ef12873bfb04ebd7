"""The description that the dashboard's client is made from is the gateway's, and the built page is sealed like the plain one."""

from __future__ import annotations

from pathlib import Path

from tests.support.public_api import as_text, public_api

DASHBOARD = Path(__file__).parents[2] / "dashboard"


def test_the_description_is_the_gateways() -> None:
    kept = (DASHBOARD / "openapi.json").read_text()
    assert kept == as_text(), "write it anew: make api"


def test_the_description_holds_what_the_services_behind_answer_and_names_no_schema_that_it_lacks() -> None:
    told = public_api()
    paths = set(told["paths"])
    assert {"/api/v1/documents", "/api/v1/conversations", "/api/v1/providers", "/api/v1/me"} <= paths
    assert all(path.startswith("/api/v1/") for path in paths)
    assert "/api/v1/openapi.json" not in paths
    text = as_text()
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.split('"', 1)[0] in told["components"]["schemas"]
