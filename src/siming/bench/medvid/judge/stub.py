"""A judge that is a formula: deterministic, offline, blind to meaning. It makes the judged columns of the fixtures."""

from __future__ import annotations

from collections.abc import Sequence


def stub_grades(reference: str, prediction: str, codes: Sequence[str]) -> dict[str, int] | None:
    """Grades from the sums of the texts' bytes; None for one pair in about seventeen, as for a call that failed.

    Source: the judge that the golden fixtures were made with.

    >>> stub_grades("a", "b", ("R2", "R3", "R8", "R5", "R4"))  # 97 and 98: 1 + (98 + 3 * 48) % 5, and so on
    {'R2': 3, 'R3': 1, 'R8': 5, 'R5': 2, 'R4': 3}
    """
    p = sum(prediction.encode("utf-8", "surrogatepass"))
    g = sum(reference.encode("utf-8", "surrogatepass"))
    if (p + g) % 17 == 0:
        return None
    return {code: 1 + (p // (i + 1) + 3 * (g // (i + 2))) % 5 for i, code in enumerate(codes)}
