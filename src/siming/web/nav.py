"""Which pages a person finds in the bar: those his roles open."""

from __future__ import annotations

from collections.abc import Set

from siming.store.access import Actor
from siming.store.projects.projects import Project

PROJECT_PAGES: tuple[tuple[str, frozenset[str]], ...] = (
    ("attempts", frozenset({"manage_attempts", "run_models"})),
    ("upload", frozenset({"manage_attempts"})),
    ("plan", frozenset({"plan"})),
    ("compare", frozenset({"compare"})),
    ("cases", frozenset({"adjudicate", "compare"})),
    ("consensus", frozenset({"compare", "lock_consensus"})),
    ("agreement", frozenset({"see_statistics"})),
    ("calibration", frozenset({"see_raters", "rate"})),
    ("devices", frozenset({"plan"})),
    ("export", frozenset({"export"})),
    ("import", frozenset({"run_models"})),
    ("rubrics", frozenset({"see_project"})),
    ("members", frozenset({"manage_members"})),
    ("settings", frozenset({"manage_project"})),
    ("audit", frozenset({"see_audit"})),
)
"""Last part of the address below /p/{slug}/, and the rights of which one opens it."""


def project_pages(project: Project, rights: Set[str], in_cases: Set[str] = frozenset()) -> list[tuple[str, str]]:
    """Names and addresses of the pages of a project.

    Args:
        in_cases: Projects in which he takes part in cases as one of their raters.
    """
    open_by = [(name, any_of & rights) for name, any_of in PROJECT_PAGES]
    return [
        (name, f"/p/{project.slug}/{name}")
        for name, opened in open_by
        if opened or (name == "cases" and project.id in in_cases)
    ]


def rates(actor: Actor) -> bool:
    """Whether he rates anywhere: the queue is in his bar."""
    return any("rater" in roles for roles in actor.roles.values())
