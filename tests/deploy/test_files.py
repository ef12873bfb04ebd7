"""What stands in deploy/ is checked without a network: by each format's own checker, and against the settings, roles and metrics that exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import ROOT
from tests.support.servers import binary

from voiceagent.apps.commands.start import Service
from voiceagent.apps.settings import setting_names

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "voiceagent"
PACKAGES = Path(sys.executable).parent
KUBERNETES = "1.31"
ROLES = {role.value for role in Service}
VARIABLES = {f"VOICEAGENT_{name}".replace(".", "__").upper() for name in setting_names()}


def checked(command: list[str], *, where: Path = ROOT) -> str:
    """What a checker printed; the test fails with it when the checker does."""
    run = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=400, check=False)
    assert run.returncode == 0, f"{' '.join(command)}:\n{run.stdout}{run.stderr}"
    return run.stdout


def tool(name: str) -> str:
    """A checker that is a package of the tests."""
    return binary(name, str(PACKAGES))


def rendered(*options: str) -> list[dict[str, Any]]:
    """The objects of the chart."""
    command = [binary("helm"), "template", "voice", str(CHART), "--kube-version", f"{KUBERNETES}.0", *options]
    return [one for one in yaml.safe_load_all(checked(command)) if one]


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Objects of one kind, by the service that they belong to."""
    return {one["metadata"]["name"].rpartition("-")[2]: one for one in objects if one["kind"] == kind}


# --- the image -----------------------------------------------------------------------------------------------------------


def test_the_dockerfile_is_without_findings() -> None:
    checked([tool("hadolint"), str(DEPLOY / "Dockerfile")])


def test_the_image_runs_as_nobody_and_installs_only_what_is_locked() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    last = text.split("\nFROM ")[-1]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "--require-hashes --only-binary :all:" in text
    assert "npm ci --ignore-scripts" in text
    for file in re.findall(r"(?:requirements|dashboard)/[\w.-]+\.(?:txt|json)", text):
        assert (ROOT / file).exists(), file


# --- compose -------------------------------------------------------------------------------------------------------------


def test_the_compose_files_are_of_their_schema() -> None:
    for name in ("compose.yaml", "compose.tls.yaml"):
        checked([tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(DEPLOY / name)])


def test_compose_can_encrypt_what_travels_with_files_that_the_command_makes(tmp_path: Path) -> None:
    checked([str(PACKAGES / "voiceagent"), "tls", "init", "--folder", str(tmp_path)])
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    over = yaml.safe_load((DEPLOY / "compose.tls.yaml").read_text(encoding="utf-8"))["services"]
    ours = {name for name, one in services.items() if one["image"] == "voiceagent:local"} - {"init"}
    assert set(over) == ours
    for name, one in over.items():
        settings = {key: value for key, value in one["environment"].items() if key.startswith("VOICEAGENT_")}
        assert set(settings) <= VARIABLES, name
        mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in one["volumes"]}
        assert all(volume.endswith(":ro") for volume in one["volumes"]), name
        named = {value for value in settings.values() if value.startswith("/tls/")}
        assert named == set(mounted), name
        assert all((tmp_path / source.removeprefix("./tls/")).exists() for source in mounted.values()), name
        assert ("VOICEAGENT_TLS__CERTIFICATE" in settings) == (name in ("platform", "gateway", "dashboard")), name
        assert ("VOICEAGENT_TLS__INTERNAL_CA" in settings) == (name in ROLES - {"dashboard"}), name


def test_compose_runs_every_role_with_settings_that_exist() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    ours = {name: one for name, one in services.items() if one["image"] == "voiceagent:local"}
    assert {one["command"][1] for one in ours.values() if one.get("command", [""])[0] == "serve"} == ROLES
    for name, one in ours.items():
        named = {variable for variable in one.get("environment", {}) if variable.startswith("VOICEAGENT_")}
        assert named <= VARIABLES, name
        assert one["read_only"] is True and one["cap_drop"] == ["ALL"], name
    given = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text(encoding="utf-8"), re.MULTILINE))
    assert given == offered


def test_nothing_but_the_doors_is_published_and_only_on_this_machine() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    published = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert set(published) == {"platform", "gateway", "dashboard", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


# --- the chart -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", ["", "ci-values.yaml"])
def test_the_chart_renders_to_objects_that_kubernetes_takes(values: str, tmp_path: Path) -> None:
    options = ["-f", str(CHART / values)] if values else []
    checked([binary("helm"), "lint", "--strict", str(CHART), "--kube-version", f"{KUBERNETES}.0", *options])
    file, objects = tmp_path / "objects.yaml", rendered(*options)
    own = [
        one for one in objects if not one["apiVersion"].startswith("cert-manager.io/")
    ]  # which brings its own schema
    file.write_text(yaml.safe_dump_all(own), encoding="utf-8")
    checked([tool("kubernetes-validate"), "--strict", "--quiet", "-k", KUBERNETES, str(file)])


def test_each_role_has_its_deployment_probes_budget_and_walls() -> None:
    objects = rendered()
    deployments = of_kind(objects, "Deployment")
    assert set(deployments) == ROLES
    assert set(of_kind(objects, "PodDisruptionBudget")) == set(of_kind(objects, "NetworkPolicy")) == ROLES
    assert set(of_kind(objects, "HorizontalPodAutoscaler")) == ROLES - {"dashboard"}
    for role, deployment in deployments.items():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["args"] == ["serve", role]
        assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "health"}
        assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "health"}
        assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False


def test_a_pod_gets_more_time_to_end_than_it_takes() -> None:
    objects = rendered("--set", "drainSeconds=600", "--set", "retireSeconds=7")
    for role, deployment in of_kind(objects, "Deployment").items():
        assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 607, role


def test_the_chart_sets_what_exists_and_takes_secrets_only_from_a_secret() -> None:
    objects = rendered()
    settings = {name for one in objects if one["kind"] == "ConfigMap" for name in one["data"]}
    assert settings <= VARIABLES
    assert not [name for name in settings if "SECRET" in name or "TOKEN" in name or name.endswith("_KEY")]
    for deployment in of_kind(objects, "Deployment").values():
        variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        ours = {one["name"] for one in variables if one["name"].startswith("VOICEAGENT_")}
        assert ours <= VARIABLES
        assert all("secretKeyRef" in one["valueFrom"] for one in variables)


ENCRYPTED = ("--set", "tls.doors.enabled=true,tls.internal.enabled=true,tls.required=true")


def test_a_file_that_a_setting_names_is_mounted_in_every_pod() -> None:
    objects = rendered("-f", str(CHART / "ci-values.yaml"))
    maps = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    path = maps["voice-voiceagent"]["VOICEAGENT_HOOKS__FILE"]
    assert json.loads(maps["voice-voiceagent-files"][Path(path).name]) == {"rules": []}
    for deployment in of_kind(objects, "Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
        assert mounts["files"] == {"name": "files", "mountPath": str(Path(path).parent), "readOnly": True}
        assert {"name": "files", "configMap": {"name": "voice-voiceagent-files"}} in pod["volumes"]
    assert not any(one["metadata"]["name"].endswith("-files") for one in rendered())


def test_the_chart_encrypts_what_travels_by_secrets_that_exist() -> None:
    objects = rendered(*ENCRYPTED, "--set", "tls.doors.secret=ours,tls.internal.secret=house")
    assert not of_kind(objects, "Certificate")
    maps = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    services = {key: value for data in maps.values() for key, value in data.items() if "_SERVICES__" in key}
    assert len(services) == 3 and all(value.startswith("https://") for value in services.values())
    for role, deployment in of_kind(objects, "Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        data = {
            key: value for source in container["envFrom"] for key, value in maps[source["configMapRef"]["name"]].items()
        }
        assert set(data) <= VARIABLES
        secrets = {one["name"]: one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}
        mounts = {one["mountPath"]: secrets[one["name"]] for one in container["volumeMounts"] if one["name"] in secrets}
        doors = role in ("gateway", "dashboard")
        assert mounts == {"/tls/internal": "house"} | ({"/tls/doors": "ours"} if doors else {}), role
        files = {value.rpartition("/")[0] for value in data.values() if value.startswith("/tls/")}
        assert files == set(mounts), role
        assert (data.get("VOICEAGENT_SERVER__HOST") == "0.0.0.0") == doors, role


def test_the_chart_asks_cert_manager_for_what_has_no_secret() -> None:
    objects = rendered(
        *ENCRYPTED, "--set", "tls.issuer.doors=public,tls.issuer.internal=house,tls.issuer.kind=ClusterIssuer"
    )
    made = of_kind(objects, "Certificate")
    assert made["doors"]["spec"]["issuerRef"] == {"kind": "ClusterIssuer", "name": "public"}
    assert made["internal"]["spec"]["dnsNames"] == ["voiceagent.internal"]
    assert made["internal"]["spec"]["usages"] == ["server auth", "client auth"]
    mounted = {
        volume["secret"]["secretName"]
        for deployment in of_kind(objects, "Deployment").values()
        for volume in deployment["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    assert mounted == {one["spec"]["secretName"] for one in made.values()}


def test_the_chart_refuses_to_encrypt_without_a_certificate() -> None:
    command = [binary("helm"), "template", "voice", str(CHART), "--kube-version", f"{KUBERNETES}.0", *ENCRYPTED]
    run = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert run.returncode != 0
    assert "name tls.doors.secret or tls.issuer.doors" in run.stderr


def test_no_pod_is_reached_but_by_those_that_call_it() -> None:
    callers = {
        role: {
            source["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
            for rule in policy["spec"]["ingress"]
            for source in rule.get("from", [])
            if "podSelector" in source
        }
        for role, policy in of_kind(rendered(), "NetworkPolicy").items()
    }
    assert callers["engine"] == {"gateway", "voice"}
    assert callers["documents"] == {"gateway", "engine"}
    assert callers["voice"] == {"gateway"}
    assert callers["worker"] == set()


# --- monitoring ----------------------------------------------------------------------------------------------------------

OTHERS = {"up", "process_resident_memory_bytes"}


def metrics_of(expression: str) -> set[str]:
    """The metrics that an expression reads, without the endings that histograms add. Recorded series have colons."""
    names = set(re.findall(r"\b(?:voiceagent|process)[a-z0-9_:]+|\bup\b", re.sub(r'"[^"]*"', "", expression)))
    return {re.sub(r"_bucket$", "", name) for name in names if ":" not in name}


def documented() -> set[str]:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)) | OTHERS


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_rules_are_well_formed_and_fire_when_they_should() -> None:
    promtool = binary("promtool")
    checked([promtool, "check", "rules", "rules.yaml"], where=DEPLOY / "prometheus")
    checked([promtool, "test", "rules", "rules.test.yaml"], where=DEPLOY / "prometheus")
    checked([promtool, "check", "config", "--syntax-only", "prometheus.yaml"], where=DEPLOY / "prometheus")


def test_rules_and_dashboard_read_metrics_that_exist() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "voiceagent.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    read = {
        metric
        for expression in [*expressions, *(rule["expr"] for rule in rules())]
        for metric in metrics_of(expression)
    }
    assert read - documented() == set()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for expression in expressions for name in re.findall(r"voiceagent:[a-z0-9_:]+", expression)}
    assert used <= recorded


def test_panels_do_not_lie_over_each_other() -> None:
    panels = json.loads((DEPLOY / "grafana" / "voiceagent.json").read_text(encoding="utf-8"))["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_every_alert_says_what_happened_and_how_urgent_it_is() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("page", "warn")
            assert rule["annotations"].keys() >= {"summary", "description"}
