"""The boxes of a chunk as one short string, as both vector stores keep them."""

from __future__ import annotations

import json

from voiceagent.domain.document import Box


def packed_boxes(boxes: tuple[Box, ...]) -> str:
    """JSON, "" for none."""
    rows = [[box.page, box.start, box.end, box.x0, box.y0, box.x1, box.y1] for box in boxes]
    return json.dumps(rows, separators=(",", ":")) if rows else ""


def unpacked_boxes(text: str | None) -> tuple[Box, ...]:
    """What `packed_boxes` made; () for a chunk that was stored without."""
    return tuple(Box(*row) for row in json.loads(text)) if text else ()
