"""A plan that cannot be made: why, in English and as plain facts, so that a page can say it in its reader's language."""

from __future__ import annotations

from siming.errors import TaskError


class PlanError(TaskError):
    """There is no such plan.

    Args:
        code: Stable, such as ``too_few_raters``.
        facts: What a sentence about it needs: numbers, ids, lists of ids.
    """

    def __init__(self, message: str, code: str, **facts: object) -> None:
        super().__init__(message)
        self.code = code
        self.facts = facts
