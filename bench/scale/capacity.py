"""What a number of calls needs: cores by station, memory, bytes, rows; how many servers, shards and cells answer it; what ends first."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

INPUTS = Path(__file__).parent / "inputs.json"
STATIONS = ("gateway", "voice", "stt", "turns", "engine", "llm", "tts", "postgresql", "redis")
_DAY_S = 86_400.0
Inputs = dict[str, float]


@dataclass(frozen=True, slots=True)
class World:
    """What is assumed and not measured here. Each is a figure that an operator should replace by the own one.

    turn_every_s: a call asks once in so long.  busy_share: part of the day with so many calls as planned for.
    documents: passages of each organisation, and calls that one has at a time.
    """

    turn_every_s: float = 15.0
    call_s: float = 240.0
    requests_per_call_s: float = 0.05
    busy_share: float = 0.25
    calls_per_tenant: float = 50.0
    passages_per_tenant: float = 20_000.0
    utilisation: float = 0.6
    """Of a station that serves; what is left carries bursts."""
    after_failure: float = 0.8
    """Of what is left when one zone has failed."""
    zones: int = 3
    primary_cores: int = 32
    """The largest server for one PostgreSQL."""
    primary_wal_bytes_per_s: float = 100e6
    pool: int = 10
    """Connections of a process that holds the store."""
    primary_connections: int = 1_000
    gateway_ports: int = 28_000
    """Outgoing connections from one address to one other address and port."""
    host_bits_per_s: float = 10e9
    host_cores: int = 32
    weaviate_host_bytes: float = 64e9
    gpu: bool = False
    gpu_stt: float = 0.02
    """Seconds of a GPU that one turn's recognition takes."""
    gpu_llm: float = 0.03
    """The same of an answer of a model of eight thousand million weights, many at a time."""
    gpu_tts: float = 0.01


def measured() -> Inputs:
    """The figures of inputs.json."""
    return {name: float(one["value"]) for name, one in json.loads(INPUTS.read_text()).items()}


def changed(inputs: Inputs, name: str, factor: float) -> Inputs:
    """The same with one figure multiplied."""
    return inputs | {name: inputs[name] * factor}


@dataclass(frozen=True, slots=True)
class Demand:
    """What calls need. cores: servers that would be busy all the time, by station; of a GPU where one is assumed.  background: the part
    of them that frames of sound take in small pieces, turn or not."""

    calls: int
    turns_per_s: float
    cores: dict[str, float]
    background: dict[str, float]
    bytes_resident: dict[str, float]
    wal_bytes_per_s: float
    database_bytes_per_day: float
    redis_commands_per_s: float
    bits_per_s: float
    passages: float
    vector_bytes: float

    @property
    def all_cores(self) -> float:
        return sum(self.cores.values())


def demand(inputs: Inputs, world: World, calls: int) -> Demand:
    """Of `calls` calls at a time."""
    turns, requests, opened = calls / world.turn_every_s, calls * world.requests_per_call_s, calls / world.call_s
    cores = {
        name: turns * inputs[f"turn_{name}"] + opened * inputs.get(f"open_{name}", 0.0) + requests * inputs.get(f"request_{name}", 0.0)
        for name in ("gateway", "voice", "engine", "postgresql")
    }  # fmt: skip
    background = {name: calls * inputs[f"silent_{name}"] for name in ("gateway", "voice", "engine")}
    background["voice"] += calls * inputs["silent_vad"]
    cores = {name: value + background.get(name, 0.0) for name, value in cores.items()}
    commands = turns * inputs["turn_redis_commands"] + requests * inputs["request_redis_commands"]
    cores["redis"] = commands / inputs["redis_core_commands_per_s"]
    cores["turns"] = turns * inputs["turn_turns"]
    for name in ("stt", "llm", "tts"):
        cores[name] = turns * (getattr(world, f"gpu_{name}") if world.gpu else inputs[f"turn_{name}"])
    passages = max(1.0, calls / world.calls_per_tenant) * world.passages_per_tenant
    return Demand(
        calls=calls,
        turns_per_s=turns,
        cores=cores,
        background=background,
        bytes_resident={name: calls * inputs[f"call_{name}_bytes"] for name in ("gateway", "voice", "engine", "vad")},
        wal_bytes_per_s=turns * inputs["turn_db_wal_bytes"],
        database_bytes_per_day=turns * inputs["turn_db_bytes"] * _DAY_S * world.busy_share,
        redis_commands_per_s=commands,
        bits_per_s=8 * (calls * inputs["call_up_bytes_per_s"] + turns * inputs["turn_down_bytes"]),
        passages=passages,
        vector_bytes=passages * inputs["passage_weaviate_resident_bytes"],
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """How many there are of everything. servers: processes of one core (or cores, or GPUs where one is assumed) by station, in all cells
    and zones.  cells: whole installations, each for organisations of its own.  pool: connections of a process."""

    calls: int
    servers: dict[str, int]
    zones: int = 1
    cells: int = 1
    vector_shards: int = 1
    pool: int = 10

    @property
    def cores(self) -> int:
        return sum(self.servers.values())

    def connections(self) -> float:
        """To one primary at most."""
        return (self.servers["gateway"] + self.servers["engine"] + 2) * self.pool / self.cells


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that ends. used: part of it that is in use; calls: how many use all of it."""

    what: str
    used: float
    answer: str
    calls: float = field(default=0.0)


def limits(inputs: Inputs, world: World, plan: Plan, calls: int) -> list[Limit]:
    """Everything that ends, the fullest first, when `calls` calls meet the plan."""
    need = demand(inputs, world, calls)
    found = [(f"{name} cores", need.cores[name] / plan.servers[name], _ANSWERS[name]) for name in STATIONS]
    gateways = max(1, plan.servers["gateway"])
    found += [
        ("one PostgreSQL's cores", need.cores["postgresql"] / plan.cells / world.primary_cores, "cells"),
        ("one PostgreSQL's log", need.wal_bytes_per_s / plan.cells / world.primary_wal_bytes_per_s, "cells"),
        ("one PostgreSQL's connections", plan.connections() / world.primary_connections, "smaller pools, then cells"),
        ("one Redis' core", need.cores["redis"] / plan.cells, "cells"),
        ("ports from a gateway to a voice process", calls / gateways / max(1, plan.servers["voice"]) / world.gateway_ports, "more of both"),
        ("one host's network", need.bits_per_s * 2 / max(1, math.ceil(gateways / world.host_cores)) / world.host_bits_per_s, "gateways on more hosts"),
        ("one Weaviate's memory", need.vector_bytes / plan.vector_shards / world.weaviate_host_bytes, "shards by organisation"),
    ]  # fmt: skip
    told = [Limit(what, used, answer, calls / used if used else math.inf) for what, used, answer in found]
    return sorted(told, key=lambda one: -one.used)


_ANSWERS = {
    "gateway": "more gateways",
    "voice": "more voice processes",
    "stt": "more cores for recognition, or a GPU",
    "turns": "more cores beside voice",
    "engine": "more engines",
    "llm": "more model servers, or a GPU",
    "tts": "more cores for speech, or a GPU",
    "postgresql": "a larger primary; reads to replicas",
    "redis": "a core of its own",
}


def plan_for(inputs: Inputs, world: World, calls: int) -> Plan:
    """The smallest plan that serves `calls` at the wanted utilisation, and without one zone at the higher one once it has zones."""
    need, zones = demand(inputs, world, calls), world.zones if calls >= 100 else 1
    cells = max(
        1,
        math.ceil(need.cores["redis"] / world.utilisation),
        math.ceil(need.cores["postgresql"] / world.utilisation / world.primary_cores),
        math.ceil(need.wal_bytes_per_s / world.utilisation / world.primary_wal_bytes_per_s),
    )
    servers = {name: _servers(need.cores[name], world, zones) for name in STATIONS}
    servers["redis"] = cells  # one each: it is no use to have two cores
    servers["postgresql"] = cells * max(1, math.ceil(need.cores["postgresql"] / cells / world.utilisation))
    shards = max(1, math.ceil(need.vector_bytes / world.utilisation / world.weaviate_host_bytes))
    plan = Plan(calls, servers, zones, cells, shards, world.pool)
    while plan.pool > 2 and plan.connections() > world.primary_connections * world.utilisation:
        plan = replace(plan, pool=plan.pool - 1)
    while plan.connections() > world.primary_connections * world.utilisation:
        cells = plan.cells + 1
        primaries = cells * max(1, math.ceil(need.cores["postgresql"] / cells / world.utilisation))
        plan = replace(plan, cells=cells, servers=servers | {"redis": cells, "postgresql": primaries})
    return plan


def _servers(cores: float, world: World, zones: int) -> int:
    alone = max(1, math.ceil(cores / world.utilisation))
    if zones == 1:
        return alone
    each = max(math.ceil(cores / world.after_failure / (zones - 1)), math.ceil(alone / zones))
    return each * zones
