"""The audit row of what the gateway does: as every service writes it."""

from __future__ import annotations

from voiceagent.web.deeds import deed

__all__ = ["deed"]
