"""The bill of materials as CycloneDX 1.6 JSON: every package of the locks, every model, every font and script that is bundled. Made offline.

    python supply/sbom.py [FILE]      # from the top of the repository; without FILE to standard output

The same locks give the same bytes.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[1]
LOCKS = {"core": "required", "distributed": "optional", "build": "excluded", "test": "excluded", "bench": "excluded"}
"""CycloneDX's scope of what stands in each lock; a package has that of the first that names it."""

_PACKAGE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^ ;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def packages(lock: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name, version and SHA-256 digests of every package in a lock."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in joined.splitlines():
        found = _PACKAGE.match(line)
        if found:
            yield normal(found["name"]), found["version"], tuple(_HASH.findall(line))


def normal(name: str) -> str:
    """As PEP 503 writes names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licences() -> dict[str, str]:
    """SPDX expressions of all packages."""
    table = tomllib.loads((TOP / "supply" / "licences.toml").read_text(encoding="utf-8"))
    return {**table["runtime"], **table["development"]}


def bill() -> dict[str, Any]:
    """The document."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    components = [*_python(), *_browser(), *_models()]
    told = json.dumps(components, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, told)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "voiceagent",
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"expression": project["license"]}],
            }
        },
        "components": components,
        "dependencies": [{"ref": "voiceagent", "dependsOn": _direct(project, components)}],
    }


def _python() -> Iterator[dict[str, Any]]:
    known, seen = licences(), set()
    for lock, scope in LOCKS.items():
        for name, version, digests in packages(TOP / "requirements" / f"{lock}.txt"):
            purl = f"pkg:pypi/{name}@{version}"
            if purl in seen:
                continue
            seen.add(purl)
            yield {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "purl": purl,
                "scope": scope,
                "licenses": [{"expression": known[name]}],
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in digests],
            }


def _browser() -> Iterator[dict[str, Any]]:
    """What the dashboard's bundle is made of, and made with."""
    lock = TOP / "dashboard" / "package-lock.json"
    for path, entry in json.loads(lock.read_text(encoding="utf-8"))["packages"].items():
        if path and "version" in entry:
            name = path.rpartition("node_modules/")[2]
            yield {
                "type": "library",
                "bom-ref": f"npm:{path}",
                "name": name,
                "version": entry["version"],
                "purl": f"pkg:npm/{name.replace('@', '%40')}@{entry['version']}",
                "scope": "excluded" if entry.get("dev") or entry.get("optional") else "required",
                "licenses": [{"expression": entry["license"]}],
                "hashes": [_digest(one) for one in entry["integrity"].split()],
            }


def _digest(integrity: str) -> dict[str, str]:
    """What npm writes as sha512-BASE64."""
    name, _, digest = integrity.partition("-")
    return {"alg": f"SHA-{name.removeprefix('sha')}", "content": base64.b64decode(digest).hex()}


def _models() -> Iterator[dict[str, Any]]:
    manifest = tomllib.loads((TOP / "src/voiceagent/models/manifest.toml").read_text(encoding="utf-8"))
    for model in manifest["model"]:
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"model:{model['name']}",
            "name": model["name"],
            "description": model["summary"],
            "scope": "required" if model.get("wanted") else "optional",
            "licenses": [{"license": {"name": model["licence"]}}],
            "components": [
                {
                    "type": "file",
                    "name": file["name"],
                    "hashes": [{"alg": "SHA-256", "content": file["sha256"]}],
                }
                for file in model["file"]
            ],
        }


def _direct(project: dict[str, Any], components: list[dict[str, Any]]) -> list[str]:
    """The packages that pyproject.toml itself names."""
    names = {normal(re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0]) for one in project["dependencies"]}
    return [one["bom-ref"] for one in components if one["name"] in names and one["bom-ref"].startswith("pkg:pypi/")]


def main() -> None:
    text = json.dumps(bill(), indent=1) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
