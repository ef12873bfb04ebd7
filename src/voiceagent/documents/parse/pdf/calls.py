"""The functions of PDFium that are called for every line, taking addresses as plain numbers: half the time of a call is what ctypes checks."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pypdfium2.raw as pdfium

_HANDLE, _INDEX, _OUT = ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p


def address_of(handle: Any) -> int:
    """The number behind a handle or a function of PDFium."""
    return int(ctypes.cast(handle, ctypes.c_void_p).value or 0)


def _plain(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    address = address_of(function)
    plain: Callable[..., Any] = ctypes.CFUNCTYPE(result, *arguments)(address)
    return plain


char_box = _plain(pdfium.FPDFText_GetLooseCharBox, ctypes.c_int, _HANDLE, _INDEX, _OUT)
fill_color = _plain(pdfium.FPDFText_GetFillColor, ctypes.c_int, _HANDLE, _INDEX, _OUT, _OUT, _OUT, _OUT)
font_size = _plain(pdfium.FPDFText_GetFontSize, ctypes.c_double, _HANDLE, _INDEX)
font_weight = _plain(pdfium.FPDFText_GetFontWeight, ctypes.c_int, _HANDLE, _INDEX)
