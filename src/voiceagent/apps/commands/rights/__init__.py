"""`voiceagent privacy`: erase a person, take along what is kept of one, see that nobody came back with a backup."""

from __future__ import annotations

from voiceagent.apps.commands.rights.commands import app

__all__ = ["app"]
