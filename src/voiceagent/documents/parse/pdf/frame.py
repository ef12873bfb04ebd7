"""From the coordinates that a PDF page is drawn in to the page as it is shown: turned, cut to its visible part, counted from the upper left."""

from __future__ import annotations

import ctypes
from typing import Any

import pypdfium2.raw as pdfium

_FINE = 64
"""PDFium tells places in whole pixels: this many a point."""

_REACH_POINTS = 10_000.0
_CLOSE = 0.05


class Frame:
    """The visible part of a page. width, height: in points as it is shown.  is_plain: neither turned nor cut, only counted from above."""

    def __init__(self, page: Any, width: float, height: float) -> None:
        self.height = height
        origin = _place(page, width, height, 0.0, 0.0)
        right = _place(page, width, height, 100.0, 0.0)
        up = _place(page, width, height, 0.0, 100.0)
        self._x = ((right[0] - origin[0]) / 100, (up[0] - origin[0]) / 100, origin[0])
        self._y = ((right[1] - origin[1]) / 100, (up[1] - origin[1]) / 100, origin[1])
        plain = (1.0, 0.0, 0.0, 0.0, -1.0, height)
        told = (*self._x, *self._y)
        outside = max(width, height) > _REACH_POINTS  # such a page does not fit PDFium's pixels
        self.is_plain = outside or all(abs(one - other) < _CLOSE for one, other in zip(told, plain, strict=True))

    def shown(self, left: float, right: float, bottom: float, top: float) -> tuple[float, float, float, float]:
        """Left, right, upper and lower edge on the page as it is shown."""
        if self.is_plain:
            return left, right, self.height - top, self.height - bottom
        (ax, bx, cx), (ay, by, cy) = self._x, self._y
        xs = (ax * left + bx * bottom + cx, ax * right + bx * top + cx)
        ys = (ay * left + by * bottom + cy, ay * right + by * top + cy)
        return min(xs), max(xs), min(ys), max(ys)


def _place(page: Any, width: float, height: float, x: float, y: float) -> tuple[float, float]:
    columns, rows = ctypes.c_int(), ctypes.c_int()
    size = (int(min(width, _REACH_POINTS) * _FINE), int(min(height, _REACH_POINTS) * _FINE))
    pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, columns, rows)
    return columns.value / _FINE, rows.value / _FINE
