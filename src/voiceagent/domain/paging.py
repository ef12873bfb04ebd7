"""Lists that are read page by page, newest first."""

from __future__ import annotations

from datetime import datetime

Place = tuple[datetime, str]
"""Where a row stands in a list: its moment, and its id, since several may be of the very same moment."""
