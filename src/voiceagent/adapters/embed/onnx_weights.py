"""The weights inside an ONNX file, read without its library: name, shape and type of each initialiser. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.generic]]

_GRAPH, _INITIALIZER = 7, 5
"""Field numbers of ModelProto and GraphProto in onnx.proto3."""

_DIMS, _TYPE, _NAME, _RAW = 1, 2, 8, 9
"""Field numbers of TensorProto."""

_TYPES: dict[int, type[np.generic]] = {1: np.float32, 3: np.int8, 7: np.int64}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
Field = tuple[int, int | memoryview]


def read_weights(path: Path) -> Weights:
    """The initialisers of float32, int8 and int64 that hold their numbers as raw bytes. Raises ValueError for a file that is none."""
    found: Weights = {}
    for number, graph in _fields(memoryview(path.read_bytes())):
        if number == _GRAPH and isinstance(graph, memoryview):
            for inner, tensor in _fields(graph):
                if inner == _INITIALIZER and isinstance(tensor, memoryview):
                    found.update(_tensor(tensor))
    return found


def _tensor(message: memoryview) -> Weights:
    dims: list[int] = []
    name, kind, raw = "", 0, None
    for number, value in _fields(message):
        if isinstance(value, int):
            if number == _DIMS:
                dims.append(value)
            elif number == _TYPE:
                kind = value
        elif number == _DIMS:
            dims.extend(_packed(value))
        elif number == _NAME:
            name = bytes(value).decode()
        elif number == _RAW:
            raw = value
    if raw is None or kind not in _TYPES:
        return {}
    return {name: np.frombuffer(raw, dtype=_TYPES[kind]).reshape(dims)}


def _fields(message: memoryview) -> Iterator[Field]:
    """The fields of a protobuf message, in order; groups do not occur."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError("this is no protobuf message")
        if at + size > len(message):
            raise ValueError("the message ends too early")
        yield key >> 3, message[at : at + size]
        at += size


def _packed(values: memoryview) -> Iterator[int]:
    at = 0
    while at < len(values):
        value, at = _varint(values, at)
        yield value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("a number is cut off")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
