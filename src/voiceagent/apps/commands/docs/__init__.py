"""`voiceagent docs`: give documents to the running platform, search them, ask them."""

from __future__ import annotations

from voiceagent.apps.commands.docs.commands import app

__all__ = ["app"]
