"""What is installed is what was locked: hashes on every line, no address of any registry, a changed byte refused."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from supply.sbom import LOCKS, TOP, bill, licences, normal, packages

FILES = [TOP / "requirements" / f"{name}.txt" for name in LOCKS]


@pytest.mark.parametrize("lock", FILES, ids=lambda path: path.name)
def test_every_requirement_has_a_version_and_hashes_and_nothing_else_stands_there(lock: Path) -> None:
    lines = lock.read_text().replace("\\\n", " ").splitlines()
    found = list(packages(lock))
    assert len(found) == len([line for line in lines if line.strip() and not line.startswith("#")])
    for name, version, digests in found:
        assert version and digests, name
    assert not re.search(r"https?://|--index|--find-links|--trusted|@ ", lock.read_text())


def test_all_locks_agree_on_versions() -> None:
    versions: dict[str, set[frozenset[str]]] = {}
    for lock in FILES:
        named: dict[str, set[str]] = {}  # one version a version of Python, where packages have left an old one behind
        for name, version, _ in packages(lock):
            named.setdefault(name, set()).add(version)
        for name, found in named.items():
            versions.setdefault(name, set()).add(frozenset(found))
    assert not {name: found for name, found in versions.items() if len(found) > 1}


@pytest.mark.parametrize("changed", [False, True], ids=["as it was", "one byte more"])
def test_a_changed_file_is_refused_by_its_hash(tmp_path: Path, changed: bool) -> None:
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    (tmp_path / "lock.txt").write_text(f"tiny==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    if changed:
        wheel.write_bytes(wheel.read_bytes() + b"\0")
    fetch = [sys.executable, "-m", "pip", "download", "--isolated", "--disable-pip-version-check", "--no-index"]
    fetch += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--find-links", str(tmp_path)]
    fetch += ["--dest", str(tmp_path / "to"), "-r", str(tmp_path / "lock.txt")]
    told = subprocess.run(fetch, capture_output=True, text=True, timeout=400, check=False)
    assert (told.returncode != 0) is changed, told.stderr
    assert ("DO NOT MATCH THE HASHES" in told.stderr) is changed


def test_everything_is_installed_with_hashes_and_from_wheels_alone() -> None:
    for name in ("Makefile", "deploy/Dockerfile"):
        text = (TOP / name).read_text()
        assert "--require-hashes --only-binary :all:" in text, name
        assert not re.search(r"pip install (?!.*(--require-hashes|--no-deps))", text.replace("\\\n", " ")), name


# --- licences and the bill of materials ---------------------------------------------------------------------------------


def _table() -> dict[str, object]:
    return tomllib.loads((TOP / "supply" / "licences.toml").read_text())


def test_every_locked_package_has_a_licence_that_is_allowed() -> None:
    table, known = _table(), licences()
    locked = {name for lock in FILES for name, _, _ in packages(lock)}
    assert locked == set(known), "supply/licences.toml names exactly what is locked"
    foreign = {name: one for name, one in known.items() if not _allowed(one, set(table["allowed"]))}  # type: ignore[call-overload]
    assert set(foreign) == set(table["exceptions"]), foreign  # type: ignore[call-overload]


def _allowed(expression: str, allowed: set[str]) -> bool:
    """Of alternatives one is enough; of what applies together, all."""
    return any(
        all(part.strip("() ") in allowed for part in alternative.split(" AND "))
        for alternative in expression.split(" OR ")
    )


def test_every_package_of_the_dashboard_has_a_hash_and_a_licence_that_is_allowed() -> None:
    text = (TOP / "dashboard" / "package-lock.json").read_text()
    found = {path: one for path, one in json.loads(text)["packages"].items() if path}
    assert len(found) > 100 and not re.search(r'"resolved"|git\+', text)
    allowed = set(_table()["allowed"])  # type: ignore[call-overload]
    for path, one in found.items():
        assert one["integrity"].startswith("sha512-"), path
        assert _allowed(one["license"], allowed), (path, one["license"])


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("", False),
    ],
)
def test_a_licence_outside_the_list_is_noticed(expression: str, good: bool) -> None:
    assert _allowed(expression, {"MIT"}) is good


def test_what_is_required_at_run_time_has_no_copyleft_but_the_exception() -> None:
    runtime = {name for lock in ("core", "distributed") for name, _, _ in packages(TOP / f"requirements/{lock}.txt")}
    assert runtime == set(_table()["runtime"])  # type: ignore[call-overload]
    assert {name for name in runtime if "GPL" in licences()[name]} == {"soxr"}


def test_the_table_says_what_the_packages_say() -> None:
    known, wrong = licences(), {}
    for one in metadata.distributions():
        name, told = normal(one.metadata["Name"]), one.metadata.get("License-Expression")
        if name in known and told and told != known[name]:
            wrong[name] = (told, known[name])
    assert not wrong


def test_the_bill_names_every_package_and_model_with_digests_and_is_the_same_twice() -> None:
    document = bill()
    assert document["bomFormat"] == "CycloneDX" and document["specVersion"] == "1.6"
    assert json.dumps(document) == json.dumps(bill())
    refs = [one["bom-ref"] for one in document["components"]]
    assert len(refs) == len(set(refs))
    named = {one["name"] for one in document["components"] if one["type"] == "library" and "pypi" in one["purl"]}
    assert named == {name for lock in FILES for name, _, _ in packages(lock)}
    models = [one for one in document["components"] if one["type"] == "machine-learning-model"]
    manifest = tomllib.loads((TOP / "src/voiceagent/models/manifest.toml").read_text())["model"]
    assert [one["name"] for one in models] == [one["name"] for one in manifest]
    for one in document["components"]:
        assert one["licenses"], one["name"]
        assert one.get("hashes") or one.get("components"), one["name"]
    direct = document["dependencies"][0]["dependsOn"]
    assert len(direct) > 30 and set(direct) <= set(refs)
