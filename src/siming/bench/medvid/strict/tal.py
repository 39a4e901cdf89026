"""TAL, strict: missed spans count 0 and surplus ones cost, so that a dense grid of intervals buys nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from siming.bench.medvid.data import Question
from siming.bench.medvid.strict.stretches import Stretch, best_pairs, overlapping, read_stretches
from siming.bench.medvid.strict.value import Value, how_read
from siming.bench.medvid.times import number_in

THRESHOLDS: Final = {"TAG_mIoU@0.3": 0.3, "TAG_mIoU@0.5": 0.5}


def score_row(question: Question, answer: str) -> Value:
    """Summed IoU of the matched pairs over the larger of the two counts, and F1 beside it.

    For an answer that gives no more spans than the reference has, that is the mean over the reference's spans with 0
    for each one missed.
    """
    wanted = reference_stretches(question)
    shown = read_stretches(answer)
    if not wanted and not (question.reference or "").strip():
        return Value(question, "tal", "unread", {}, left_out="the reference has no spans")
    columns: dict[str, float] = {}
    overlaps = overlapping(wanted, shown)
    for name, threshold in THRESHOLDS.items():
        pairs = best_pairs(overlaps, threshold)
        most = max(len(wanted), len(shown))
        # A reference that says there is none is answered rightly by giving none.
        columns[name] = sum(overlap for _, _, overlap in pairs) / most if most else float(_says_none(answer))
        both = len(wanted) + len(shown)
        columns[f"TAG_F1@{threshold}"] = 2 * len(pairs) / both if both else float(_says_none(answer))
    reading = "read" if not wanted and _says_none(answer) else how_read(answer, len(shown), 1)
    return Value(question, "tal", reading, columns, {"segments": [list(each) for each in shown[:100]], "n": len(shown)})


def reference_stretches(question: Question) -> list[Stretch]:
    """Spans of the structured reference, times as text included; of the reference's text where it has none."""
    blocks = question.structure if isinstance(question.structure, list) else [question.structure]
    given = [block["spans"] for block in blocks if isinstance(block, Mapping) and isinstance(block.get("spans"), list)]
    plain = [span for spans in given for span in spans if isinstance(span, Mapping)]
    numbers = [(number_in(span.get("start")), number_in(span.get("end"))) for span in plain]
    spans = [(start, end) for start, end in numbers if start is not None and end is not None and start <= end]
    return spans or read_stretches(question.reference or "")


def _says_none(answer: str) -> bool:
    return answer.strip().strip(".").lower() in ("none", "no", "n/a", "not present", "无")
