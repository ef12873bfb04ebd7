"""Schemathesis, all phases, over the OpenAPI documents of every service: through the gateway, and directly with service tokens.

`python -m bench.security.schemathesis_run [--cases 50000] [--minutes 20] [--table FILE]`. Prints cases by service and phase; ends with 1 if any
answer is 5xx or any call has none. Whether an answer fits its document otherwise is not judged here. With a table the findings are kept after
each service, and the next run goes on where this one ended, with other seeds: one table for all of them, failures included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from bench.security.operations import SERVICES, documents, operations
from bench.security.stage import Stage, stage
from bench.security.victim import opened_store
from voiceagent.domain.identity import ROLES, SCOPES, Principal, Tenant
from voiceagent.gateway.identity.keys import KeyOrder, new_key
from voiceagent.gateway.routes_proxied import FORWARDED
from voiceagent.kit.crypto import random_token
from voiceagent.web.jwt import TokenKeys
from voiceagent.web.tokens import SERVICE_HEADER, ServiceTokens

PHASES = ("examples", "coverage", "fuzzing", "stateful")
TENANT = "ten_probe"
WITHIN_S = 60.0
Headers = Callable[[], dict[str, str]]


@dataclass(frozen=True)
class Target:
    """A description and where it is served. headers: credentials for the next call; renew: when they were refused."""

    name: str
    url: str
    document: dict[str, Any]
    headers: Headers
    renew: Callable[[], None] = lambda: None


@dataclass
class Findings:
    """cases: by target and phase.  broken: calls that got 5xx or nothing."""

    cases: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    refused: int = 0
    runs: int = 1
    took_s: float = 0.0

    @classmethod
    def of(cls, table: Path | None) -> Findings:
        """Those of the runs before, if there were any."""
        if table is None or not table.exists():
            return cls()
        kept = json.loads(table.read_text())
        cases = Counter({(name, phase): count for name, phase, count in kept["cases"]})
        statuses = Counter({int(status): count for status, count in kept["statuses"].items()})
        return cls(cases, statuses, kept["broken"], kept["refused"], kept["runs"] + 1, kept["took_s"])

    def keep(self, table: Path | None, took_s: float) -> None:
        """For the next run. took_s: of this one."""
        if table is not None:
            cases = [(*key, count) for key, count in self.cases.items()]
            kept = {"cases": cases, "statuses": dict(self.statuses), "broken": self.broken, "refused": self.refused}
            table.write_text(json.dumps(kept | {"runs": self.runs, "took_s": self.took_s + took_s}))

    @property
    def total(self) -> int:
        return sum(self.cases.values())

    def of_target(self, target: str) -> int:
        """How many cases it has had."""
        return sum(count for (name, _), count in self.cases.items() if name == target)


class Run:
    """All phases over one target."""

    def __init__(self, target: Target, findings: Findings) -> None:
        self._target = target
        self._found = findings

    def until(self, cases: int, ends_at_s: float, *, seed: int, examples: int) -> None:
        """Rounds with different seeds until so many cases of this target are done, or until the time is over."""
        rounds = 0
        while self._done() < cases and time.monotonic() < ends_at_s:
            before = self._done()
            self._once(seed + rounds, examples, ends_at_s)
            rounds += 1
            if self._done() == before:
                break

    def _done(self) -> int:
        return self._found.of_target(self._target.name)

    def _once(self, seed: int, examples: int, ends_at_s: float) -> None:
        schema = schemathesis.openapi.from_dict(self._target.document, config=self._config(seed, examples))
        schemathesis.hook("before_call")(_plain(self._before_call))
        schemathesis.hook("after_call")(_plain(self._after_call))
        try:
            stream = from_schema(schema).execute()
            for event in stream:
                if isinstance(event, events.NonFatalError):
                    self._note_error(event)
                if time.monotonic() > ends_at_s:
                    stream.stop()
        finally:
            schemathesis.hooks.unregister_all()

    def _config(self, seed: int, examples: int) -> SchemathesisConfig:
        return SchemathesisConfig.from_dict(
            {
                "seed": seed,
                "base-url": self._target.url,
                "request-timeout": WITHIN_S,
                "continue-on-failure": True,
                "suppress-health-check": ["all"],
                "checks": {"enabled": False, "not_a_server_error": {"enabled": True}},
                "generation": {"max-examples": examples, "mode": "all", "no-shrink": True, "database": "none"},
                "phases": {"stateful": {"generation": {"max-examples": examples}}},
            }
        )

    def _before_call(self, _context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
        for name, value in self._target.headers().items():
            case.headers[name] = value

    def _after_call(self, _context: Any, case: Any, response: Any) -> None:
        phase = case.meta.phase.name.value if case.meta is not None else "stateful"
        self._found.cases[self._target.name, phase] += 1
        self._found.statuses[response.status_code] += 1
        if response.status_code == 401:
            self._found.refused += 1
            self._target.renew()
        if response.status_code >= 500:
            text = response.content[:200].decode("utf-8", "replace")
            self._found.broken.append(
                f"{self._target.name}: {case.as_curl_command()[:1500]} -> {response.status_code} {text}"
            )

    def _note_error(self, event: events.NonFatalError) -> None:
        self._found.broken.append(
            f"{self._target.name}: {event.label}: {type(event.value).__name__}: {event.value}"[:600]
        )


def exemplified() -> dict[str, dict[str, Any]]:
    """The documents of all services, with an example of each body, which the phase of examples needs."""
    found = documents()
    for operation in operations():
        for document in found.values():
            content = document["paths"].get(operation.path, {}).get(operation.method.lower(), {}).get("requestBody", {})
            if "application/json" in content.get("content", {}) and operation.body is not None:
                content["content"]["application/json"]["example"] = operation.body
    return found


def _plain(method: Callable[..., None]) -> Callable[..., None]:
    """A function, which unlike a bound method can be marked as a hook."""

    def hook(context: Any, case: Any, exchanged: Any) -> None:
        method(context, case, exchanged)

    return hook


def direct(on: Stage, keys: TokenKeys) -> Iterator[Target]:
    """The services themselves, called as the gateway calls them."""
    described, tokens = exemplified(), ServiceTokens(keys)
    everything = Principal(TENANT, "user_probe", frozenset(SCOPES), "user")
    for name in SERVICES:
        yield Target(name, on.urls[name], described[name], _of_service(tokens, everything, name))


def _of_service(tokens: ServiceTokens, caller: Principal, name: str) -> Headers:
    return lambda: {SERVICE_HEADER: tokens.issue(caller, name)}


def through_gateway(on: Stage) -> Iterator[Target]:
    """The gateway's own description, and those of the services as far as it passes them on."""
    keys = OwnerKeys(on.store_url)
    for name, document in exemplified().items():
        public = document if name == "gateway" else _public(document, name)
        label = name if name == "gateway" else f"gateway > {name}"
        yield Target(label, on.url, public, keys.headers, keys.renew)


def _public(document: dict[str, Any], service: str) -> dict[str, Any]:
    doors = tuple(row.path for row in FORWARDED if row.service == service)
    paths = {path: item for path, item in document["paths"].items() if path.startswith(doors)}
    return document | {"paths": paths}


class OwnerKeys:
    """A key of an organisation's owner; a fresh one when the calls have revoked the one before."""

    def __init__(self, store_url: str) -> None:
        self._store_url = store_url
        self._refused_in_a_row = 0
        self._secret = asyncio.run(self._made(first=True))

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret}"}

    def renew(self) -> None:
        """Many refusals in a row mean that the key itself is gone; one may be the route's own answer."""
        self._refused_in_a_row += 1
        if self._refused_in_a_row % 20 == 0:
            self._secret = asyncio.run(self._made(first=False))

    async def _made(self, *, first: bool) -> str:
        store, now = opened_store(self._store_url), datetime.now(UTC)
        if first:
            await store.directory.add_tenant(Tenant(TENANT, TENANT, now))
        async with store.begin(TENANT) as work:
            key, secret = new_key(KeyOrder(TENANT, "", "probe", frozenset(ROLES["owner"])), now)
            await work.keys.add(key)
        await store.close()
        return secret


def thinned(target: Target, paths: int, seed: int) -> Target:
    """The target with so many of its paths."""
    known = target.document["paths"]
    kept = random.Random(seed).sample(sorted(known), min(paths, len(known)))
    return replace(target, document=target.document | {"paths": {path: known[path] for path in kept}})


@dataclass(frozen=True)
class Plan:
    """At least so many cases, for at most so long. table: where findings are kept."""

    cases: int
    within_s: float
    seed: int = 7
    examples: int = 60
    table: Path | None = None


def attack(targets: list[Target], plan: Plan) -> Findings:
    """The cases of the plan, shared by the targets by the number of their operations."""
    findings, began_s = Findings.of(plan.table), time.monotonic()
    sized = [(target, sum(len(item) for item in target.document["paths"].values())) for target in targets]
    seed, operations_in_all = plan.seed + 1000 * (findings.runs - 1), sum(size for _, size in sized)
    sized.sort(key=lambda pair: findings.of_target(pair[0].name) / pair[1])
    for number, (target, size) in enumerate(sized):
        now_s, left = time.monotonic(), sum(more for _, more in sized[number:])
        ends_at_s = now_s + (began_s + plan.within_s - now_s) * size / left
        quota = math.ceil(plan.cases * size / operations_in_all)
        Run(target, findings).until(quota, ends_at_s, seed=seed, examples=plan.examples)
        findings.keep(plan.table, time.monotonic() - began_s)
    findings.took_s += time.monotonic() - began_s
    return findings


def report(findings: Findings) -> None:
    """Print what was done and what came of it."""
    print(f"{'':24}" + "".join(f"{phase:>10}" for phase in PHASES) + f"{'all':>10}")
    for name in dict.fromkeys(name for name, _ in findings.cases):
        counts = [findings.cases[name, phase] for phase in PHASES]
        print(f"{name:24}" + "".join(f"{count:10}" for count in (*counts, sum(counts))))
    runs = f"{findings.runs} runs" if findings.runs > 1 else "one run"
    print(
        f"{findings.total} cases in {findings.took_s:.0f} s, {runs}; statuses", dict(sorted(findings.statuses.items()))
    )
    print(
        f"answers 5xx or none, and crashes in the log: {len(findings.broken)}",
        *dict.fromkeys(findings.broken[:40]),
        sep="\n  ",
    )


def main() -> int:
    """Print the findings; 0 when nothing broke and enough was tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=50_000, help="at least so many")
    parser.add_argument("--minutes", type=float, default=20.0, help="at most so long")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--table", type=Path, help="keep the findings here and go on with them")
    parser.add_argument("--only", default="", help="only targets whose name contains this")
    arguments = parser.parse_args()
    secret = random_token(48)
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder), {"SERVICES__SECRET": secret}) as on:
        targets = [*through_gateway(on), *direct(on, TokenKeys.from_secrets(secret))]
        targets = [target for target in targets if arguments.only in target.name]
        plan = Plan(arguments.cases, 60 * arguments.minutes, arguments.seed, table=arguments.table)
        findings = attack(targets, plan)
        findings.broken += [line[:600] for line in on.log.read_text().splitlines() if "request_crashed" in line]
        findings.keep(arguments.table, 0.0)
    report(findings)
    return 0 if not findings.broken and findings.total >= arguments.cases else 1


if __name__ == "__main__":
    sys.exit(main())
