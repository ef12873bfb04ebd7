"""What computes MiniLM: on whole numbers through CTranslate2, or as the file says, on floats, through ONNX Runtime. Tokens in, vectors out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import ctranslate2
import numpy as np
import onnxruntime as ort
from ctranslate2.specs import common_spec, transformer_spec
from numpy.typing import NDArray

from voiceagent.adapters.embed.onnx_weights import Weights, read_weights

Floats = NDArray[np.float32]
Tokens = Sequence[Sequence[int]]

HEADS = 12
_LAYER = "inner.encoder.layer."
_EPSILON = 1e-12  # of BERT's layer norms


class Encoder(Protocol):
    """Rows of unit length, one a text: the mean of the last states of its tokens."""

    def vectors(self, tokens: Tokens) -> Floats: ...


def has_whole_numbers(path: Path) -> bool:
    """Whether the weights are stored as in the model store's file, and this processor multiplies whole numbers. Raises ValueError, OSError."""
    weights = read_weights(path)
    known = any(name.startswith(_LAYER) for name in weights) and len(_products(weights)) == 6 * _layers(weights) > 0
    return known and "int8_float32" in ctranslate2.get_supported_compute_types("cpu")


class IntegerEncoder:
    """The stored 8-bit weights multiplied as they are, each token scaled by itself: what a text stands beside does not change its vector.

    Measured on 2 cores with AVX-512 VNNI: 0.39 of the CPU time of floats, cosine with their vectors 0.996 to 0.999.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """threads: how many calls run at once; each call uses one. They get the priority of the thread that makes this."""
        spec = _spec(read_weights(path))
        with tempfile.TemporaryDirectory(prefix="voiceagent-embed-") as folder:
            spec.save(folder)
            self._model = ctranslate2.Encoder(
                folder, device="cpu", compute_type="int8_float32", inter_threads=threads, intra_threads=1
            )

    def vectors(self, tokens: Tokens) -> Floats:
        told = [list(one) for one in tokens]
        found = self._model.forward_batch(told, token_type_ids=[[0] * len(one) for one in told])
        states: Floats = np.array(found.last_hidden_state)
        mask = np.arange(states.shape[1])[None, :] < np.array([len(one) for one in told])[:, None]
        return _unit_mean(states, mask)


class FloatEncoder:
    """Any export of the model with `input_ids`, `attention_mask` and `token_type_ids`. No spinning: others need the cores."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def vectors(self, tokens: Tokens) -> Floats:
        longest = max(len(one) for one in tokens)
        ids = np.zeros((len(tokens), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states: Floats = self._session.run(["last_hidden_state"], feed)[0]
        return _unit_mean(states, mask)


def _unit_mean(states: Floats, mask: NDArray[Any]) -> Floats:
    """Mean over the real tokens of states (texts, tokens, dimensions), scaled to length 1."""
    weights = mask[..., None].astype(np.float32)
    mean = (states * weights).sum(axis=1) / weights.sum(axis=1)
    unit: Floats = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    return unit


def _layers(weights: Weights) -> int:
    return sum(name.startswith(_LAYER) and name.endswith(".intermediate.dense.bias") for name in weights)


def _products(weights: Weights) -> list[str]:
    """The names of the matrices, in the order of the computation: query, key, value, output, up and down of each layer."""
    return [name.removesuffix("_q") for name in weights if name.startswith("val_") and name.endswith("_q")]


def _spec(weights: Weights) -> transformer_spec.TransformerEncoderModelSpec:
    """The model as CTranslate2 wants it, with the same bytes of weights: nothing is rounded a second time."""
    count = _layers(weights)
    encoder = transformer_spec.TransformerEncoderSpec(
        count,
        HEADS,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    spec = transformer_spec.TransformerEncoderModelSpec(encoder)
    encoder.scale_embeddings = False
    words, kinds = encoder.embeddings
    words.weight = weights["inner.embeddings.word_embeddings.weight_q"]
    words.weight_scale = _per_row(weights["inner.embeddings.word_embeddings.weight_scale"])
    kinds.weight = weights["inner.embeddings.token_type_embeddings.weight"]
    places = weights["inner.embeddings.position_embeddings.weight_q"].astype(np.float32)
    encoder.position_encodings.encodings = places * weights["inner.embeddings.position_embeddings.weight_scale"].astype(
        np.float32
    )
    _norm(encoder.layernorm_embedding, weights, "inner.embeddings.LayerNorm")
    products = _products(weights)
    for at, layer in enumerate(encoder.layer):
        _layer(layer, weights, f"{_LAYER}{at}", products[6 * at : 6 * at + 6])
    spec.config.layer_norm_epsilon = _EPSILON
    spec.config.unk_token = "[UNK]"  # noqa: S105 - a token of text
    spec.register_vocabulary(
        [str(at) for at in range(len(words.weight))]
    )  # tokens come as numbers: no word is looked up
    spec.validate()
    return spec


def _layer(layer: Any, weights: Weights, name: str, products: list[str]) -> None:
    heads = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    _linear(layer.self_attention.linear[0], weights, products[:3], heads)
    _linear(layer.self_attention.linear[1], weights, products[3:4], [f"{name}.attention.output.dense"])
    _norm(layer.self_attention.layer_norm, weights, f"{name}.attention.output.LayerNorm")
    _linear(layer.ffn.linear_0, weights, products[4:5], [f"{name}.intermediate.dense"])
    _linear(layer.ffn.linear_1, weights, products[5:6], [f"{name}.output.dense"])
    _norm(layer.ffn.layer_norm, weights, f"{name}.output.LayerNorm")


def _linear(place: Any, weights: Weights, products: list[str], biases: list[str]) -> None:
    """ONNX has (inputs, outputs) with what a step is worth; CTranslate2 (outputs, inputs) with steps to the unit."""
    place.weight = np.ascontiguousarray(np.concatenate([weights[f"{one}_q"].T for one in products]))
    place.weight_scale = np.concatenate([_per_row(weights[f"{one}_scale"]) for one in products])
    place.bias = np.concatenate([weights[f"{one}.bias"] for one in biases])


def _norm(place: Any, weights: Weights, name: str) -> None:
    place.gamma, place.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _per_row(scale: NDArray[np.generic]) -> Floats:
    return np.reciprocal(scale.astype(np.float32).reshape(-1))
