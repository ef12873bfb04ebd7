"""The services in processes of their own, with what `voiceagent tls init` makes: TLS at the doors, certificates shown both ways inside, health in plain."""

from __future__ import annotations

import json
import os
import secrets
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.apart import COMMAND, READY_S, SCRIPTED, STOP_S, answers
from tests.support.ports import free_ports
from tests.support.servers import redis_server

from voiceagent.apps.custody.authority import DevelopmentSet

pytestmark = pytest.mark.timeout(600)
SERVICES = ("gateway", "engine", "voice", "documents", "dashboard")
DOORS = ("gateway", "dashboard")


@dataclass(frozen=True)
class House:
    """ports and health: by service.  key: an API key."""

    made: DevelopmentSet
    ports: dict[str, int]
    health: dict[str, int]
    key: str

    def status(self, service: str, context: ssl.SSLContext | None, path: str = "/health/live") -> int:
        request = urllib.request.Request(
            f"http{'s' if context else ''}://127.0.0.1:{self.ports[service]}{path}",
            headers={"Authorization": f"Bearer {self.key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60, context=context) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code


def environment(folder: Path, cache_url: str) -> dict[str, str]:
    """What all processes share."""
    ours = {
        "STORE__URL": f"sqlite:///{folder / 'store.db'}", "CACHE__URL": cache_url, "BUS__URL": cache_url, "BLOBS__URL": f"file:///{folder / 'blobs'}",
        "VECTORS__URL": f"local:///{folder / 'vectors'}", "SERVICES__SECRET": secrets.token_urlsafe(48),
        "IDENTITY__TOKEN_SECRET": secrets.token_urlsafe(48), "DATA__DIR": str(folder / "command"), "TLS__HSTS_S": "0",
    }  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VOICEAGENT_")}
    return kept | SCRIPTED | {f"VOICEAGENT_{name}": value for name, value in ours.items()}


def of_service(house: House, service: str, folder: Path) -> dict[str, str]:
    """What one process has of its own: the files that Compose and the chart mount, under their names here."""
    found = {
        "VOICEAGENT_DATA__DIR": str(folder / service),
        "VOICEAGENT_SERVER__HEALTH_PORT": str(house.health[service]),
    }
    settings = house.made.internal(service)
    if service in DOORS:
        settings |= {name: house.made.settings[name] for name in ("tls.certificate", "tls.key")}
    found |= {f"VOICEAGENT_{name.upper().replace('.', '__')}": value for name, value in settings.items()}
    for name, port in house.ports.items():
        found[f"VOICEAGENT_SERVER__{name.upper()}_PORT"] = str(port)
        if name not in DOORS:
            found[f"VOICEAGENT_SERVICES__{name.upper()}"] = f"https://127.0.0.1:{port}"
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with redis_server() as (cache_url, _):
        shared = environment(folder, cache_url)
        for command in (("tls", "init", "--folder", str(folder / "tls")), ("init", "--json")):
            run = subprocess.run(
                [*COMMAND, *command], env=shared, capture_output=True, text=True, timeout=240, check=False
            )
            assert run.returncode == 0, run.stdout + run.stderr
        numbers = free_ports(2 * len(SERVICES))
        ports, health = (
            dict(zip(SERVICES, numbers, strict=False)),
            dict(zip(SERVICES, numbers[len(SERVICES) :], strict=True)),
        )
        built = House(DevelopmentSet(folder / "tls"), ports, health, json.loads(run.stdout)["api_key"])
        with (folder / "log").open("wb") as log:
            running = {
                name: subprocess.Popen(
                    [*COMMAND, "serve", name], env=shared | of_service(built, name, folder), stdout=log, stderr=log
                )
                for name in SERVICES
            }
        try:
            ends_at_s = time.monotonic() + READY_S
            while not all(answers(f"http://127.0.0.1:{port}/health/ready") for port in health.values()):
                said = (folder / "log").read_text()[-3000:]
                assert all(one.poll() is None for one in running.values()) and time.monotonic() < ends_at_s, said
                time.sleep(0.2)
            yield built
            for one in running.values():
                one.send_signal(signal.SIGTERM)
            assert [one.wait(STOP_S) for one in running.values()] == [0] * len(running)
        finally:
            for one in running.values():
                one.kill()
                one.wait()


def test_a_call_crosses_the_services_encrypted(house: House) -> None:
    known = ssl.create_default_context(cafile=str(house.made.folder / "ca.pem"))
    assert house.status("gateway", known, "/v1/models") == 200
    assert house.status("gateway", known, "/api/v1/documents") == 200
    assert house.status("dashboard", known) == 200


def test_nobody_without_a_certificate_of_the_house_reaches_a_service(house: House) -> None:
    stranger = ssl.create_default_context(cafile=str(house.made.folder / "internal-ca.pem"))
    stranger.check_hostname = False
    for service in ("engine", "voice", "documents"):
        with pytest.raises(OSError, match=r"(?i)certificate|alert|reset|closed|EOF"):
            house.status(service, stranger)
        ours = house.made.internal("gateway")
        stranger_no_more = ssl.create_default_context(cafile=ours["tls.internal_ca"])
        stranger_no_more.load_cert_chain(ours["tls.internal_certificate"], ours["tls.internal_key"])
        assert house.status(service, stranger_no_more) == 200, "the control"
        assert house.status(service, stranger_no_more, "/v1/models") in (401, 404), "a certificate is no caller's right"


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_said_in_plain_but_signs_of_life(house: House, service: str) -> None:
    with pytest.raises((OSError, ValueError)):
        house.status(service, None)
    plain = f"http://127.0.0.1:{house.health[service]}"
    assert answers(f"{plain}/health/live")
    for path in ("/metrics", "/v1/models", "/api/v1/openapi.json", "/api/v1/agents"):
        request = urllib.request.Request(plain + path, headers={"Authorization": f"Bearer {house.key}"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert refused.value.code in (401, 404)
