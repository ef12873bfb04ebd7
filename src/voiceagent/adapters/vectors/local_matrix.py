"""Vectors of one model in one file, searched exactly; above a size, a narrow copy of the matrix finds the candidates first."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

SKETCH_ABOVE = 50_000
"""Up to here every vector is compared: 20,000 of 384 numbers are 31 MB to read, 200,000 are 307 MB."""

SKETCH_DIMENSIONS = 96
SKETCH_CANDIDATES = 2_000
_SAMPLE = 20_000
_GROW_SLOTS = 4_096
_SKETCH_STEP = 8


class VectorFile:
    """Slots of float32 vectors in a file. A slot counts only when a row of the database points at it, so a crash leaves no half vector."""

    def __init__(self, path: Path, dimensions: int) -> None:
        self._path = path
        self.dimensions = dimensions
        path.touch(exist_ok=True)
        self._matrix = self._mapped()
        self._sketch: Floats | None = None
        self._basis: Floats | None = None

    @property
    def slots(self) -> int:
        return len(self._matrix)

    def write(self, slots: Ints, vectors: Floats) -> None:
        """Put vectors (n, dimensions) into slots (n) and make them durable before any row may point at them."""
        needed = int(slots.max()) + 1
        with open(self._path, "r+b") as file:
            if needed > self.slots:
                file.truncate((needed + _GROW_SLOTS) * self._row_bytes)
            for slot, vector in zip(slots.tolist(), vectors, strict=True):
                file.seek(slot * self._row_bytes)
                file.write(np.ascontiguousarray(vector, dtype="<f4").tobytes())
            file.flush()
            os.fsync(file.fileno())
        if needed > self.slots:
            self._matrix = self._mapped()
        self._update_sketch(slots)

    def clear(self, slots: Ints) -> None:
        """Overwrite the vectors in slots (n) that no row points at."""
        used = slots[slots < self.slots]
        used = used[np.any(self._matrix[used] != 0, axis=1)] if len(used) else used
        if len(used):
            self.write(used, np.zeros((len(used), self.dimensions), dtype=np.float32))

    def scores(self, slots: Ints, vector: Floats) -> Floats:
        """Cosines of the vectors in `slots` (n) with `vector` (dimensions), both of unit length."""
        return _products(self._matrix[slots], vector)

    def best(self, vector: Floats, allowed: NDArray[np.bool_], count: int) -> tuple[Ints, Floats]:
        """The `count` best slots with allowed[slot], best first, and their cosines. Exact up to SKETCH_ABOVE slots."""
        size = min(len(allowed), self.slots)
        candidates = np.flatnonzero(allowed[:size])
        if len(candidates) == 0:
            return candidates, np.empty(0, dtype=np.float32)
        if len(candidates) > SKETCH_ABOVE:
            candidates = self._sketched(vector, candidates)
        # A product with the whole map is faster than a gather of nearly all of it.
        dense = len(candidates) > size // 2
        scores = _products(self._matrix[:size], vector)[candidates] if dense else self.scores(candidates, vector)
        if len(scores) > count:
            top = np.argpartition(scores, len(scores) - count)[-count:]
            candidates, scores = candidates[top], scores[top]
        order = np.argsort(-scores, kind="stable")
        return candidates[order], scores[order]

    def prepare(self, used: Ints) -> None:
        """Build the narrow copy once there are enough vectors: their projection on the directions in which they differ most."""
        if len(used) <= SKETCH_ABOVE or self._sketch is not None:
            return
        step = max(len(used) // _SAMPLE, 1)
        sample = np.asarray(self._matrix[used[::step]])
        _, directions = np.linalg.eigh(sample.T @ sample)
        self._basis = np.ascontiguousarray(directions[:, -SKETCH_DIMENSIONS:], dtype=np.float32)
        self._sketch = self._matrix @ self._basis

    def _sketched(self, vector: Floats, candidates: Ints) -> Ints:
        sketch, basis = self._sketch, self._basis
        if sketch is None or basis is None or len(sketch) <= int(candidates[-1]):
            return candidates
        near = _products(sketch, vector @ basis)
        if len(candidates) < len(near):
            near = near[candidates]
        # The bar comes from every eighth score: it lets about as many through as a full sort would, in a tenth of the time.
        sample = near[::_SKETCH_STEP]
        wanted = SKETCH_CANDIDATES // _SKETCH_STEP
        bar = np.partition(sample, len(sample) - wanted)[-wanted]
        found: Ints = candidates[near >= bar]
        return found

    def _update_sketch(self, slots: Ints) -> None:
        if self._sketch is None or self._basis is None:
            return
        if len(self._sketch) < self.slots:
            grown = np.zeros((self.slots, SKETCH_DIMENSIONS), dtype=np.float32)
            grown[: len(self._sketch)] = self._sketch
            self._sketch = grown
        self._sketch[slots] = self._matrix[slots] @ self._basis

    @property
    def _row_bytes(self) -> int:
        return self.dimensions * 4

    def _mapped(self) -> Floats:
        rows = self._path.stat().st_size // self._row_bytes
        if rows == 0:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return np.asarray(np.memmap(self._path, dtype="<f4", mode="r", shape=(rows, self.dimensions)))


def _products(matrix: Floats, vector: Floats) -> Floats:
    """Dot products of the rows (n, d) with a vector (d), on this thread alone.

    BLAS would share it between threads and wait for the slower one. Measured 2026-11-23 on two busy cores, p50: 20,000 rows of 384 numbers
    0.9 ms instead of 1.4, 2,000 rows 0.2 instead of 8, 200,000 rows of 96 numbers 3.6 instead of 9.6.
    """
    products: Floats = np.vecdot(matrix, vector)
    return products
