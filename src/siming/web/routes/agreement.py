"""Live agreement: the panel of each two raters over first independent sheets, and the page of rater effects.

Opening a page never counts: it shows the newest snapshot and says how many sheets came since; counting goes on beside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel

from siming.rating.texts import reason_in
from siming.report.rating_page import render_rating_page
from siming.store.figures import snapshots
from siming.store.figures.snapshots import Standing
from siming.store.projects import projects
from siming.store.projects.projects import Project
from siming.web.counting import counting
from siming.web.figures import Figure, figure_of
from siming.web.page import language_of, render
from siming.web.seen import seen
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1", tags=["statistics"])

By = Literal["pair", "skill", "step", "site", "week"]
Kind = Literal["agreement", "effects"]
BYS: tuple[By, ...] = ("pair", "skill", "step", "site", "week")
SHOWN = (
    "raw_agreement", "qwk", "qwk_within_step", "ac2", "ac2_at_chance", "prior_qwk", "mean_difference", "icc_a1",
)  # fmt: skip
"""What the page shows of a panel, in the panel's order; the rest stands in the whole report."""
TABLES: Mapping[By, tuple[str, ...]] = {
    "step": ("raw_agreement", "qwk", "ac2", "ac2_at_chance", "mean_difference"),
    "week": ("raw_agreement", "qwk", "ac2", "ac2_at_chance", "mean_difference", "icc_a1"),
}
"""Where there are many parts they stand in one table that can be sorted, with these figures."""
BRIEF = ("raw_agreement", "qwk", "ac2", "icc_a1")
"""What other pages show of a panel."""
MOST_STEPS = 10
"""Steps listed as those with most disagreement: what the rubric's next version should look at."""


class SnapshotView(BaseModel):
    """Statistics of a project, and how far the project has moved on since they were counted."""

    snapshot: str | None
    created_at: str | None
    n_submissions: int
    """First independent sheets locked now."""
    n_counted: int
    """Sheets that the figures stand on."""
    up_to_date: bool
    counting: bool
    problem: str | None
    figures: dict[str, Any] | None


@pages.get("/p/{slug}/agreement")
def agreement_page(
    request: Request,
    slug: str,
    who: Annotated[SignedIn, Depends(signed_in)],
    by: By = "pair",
    sort: Annotated[str, Query(max_length=40)] = "",
    turned: bool = False,
) -> Response:
    """The panel, the steps that are disputed most, and the way to the whole report."""
    project, found = _standing(request, who, slug, "agreement", by)
    figures = None if found.snapshot is None else found.snapshot.figures
    panels = (figures or {}).get("panels", [])
    say = _saying(request, who)
    return render(
        request,
        "agreement.html",
        who=who,
        project=project,
        here="agreement",
        by=by,
        bys=BYS,
        standing=found,
        undefined=(figures or {}).get("undefined"),
        panels=[] if by in TABLES else [(panel, figures_of(panel, SHOWN, say)) for panel in panels],
        table=_table(panels, by, say, sort=sort, turned=turned) if by in TABLES and panels else None,
        shown=SHOWN,
        sort=sort,
        turned=turned,
        disputed=_disputed(panels),
        problem=_problem(request, (project.id, "agreement", by)),
    )


@pages.get("/p/{slug}/agreement/report")
def agreement_report_page(
    request: Request, slug: str, who: Annotated[SignedIn, Depends(signed_in)], kind: Kind = "agreement", by: By = "pair"
) -> Response:
    """The whole report as one page that can be kept: plots, confusion, every step, every rater."""
    project, found = _standing(request, who, slug, kind, by)
    snapshot = found.snapshot
    if snapshot is None or "undefined" in snapshot.figures:
        return render(request, "agreement_wait.html", who=who, project=project, here="agreement", standing=found, snapshot=snapshot, kind=kind, by=by)  # fmt: skip
    page = render_rating_page(snapshot.figures, language=language_of(request, who))
    answer = HTMLResponse(page)
    # The page names its own style and script by their digests; nothing else may run in it.
    answer.headers["Content-Security-Policy"] = _policy_in(page)
    return answer


@api.get("/projects/{slug}/statistics/{kind}")
def statistics(
    request: Request, slug: str, kind: Kind, who: Annotated[SignedIn, Depends(signed_in)], by: By = "pair"
) -> SnapshotView:
    """The newest figures; asking begins to count those of what is locked now."""
    project, found = _standing(request, who, slug, kind, by)
    return _view(request, project, found, kind, by)


def _standing(request: Request, who: SignedIn, slug: str, kind: Kind, by: By) -> tuple[Project, Standing]:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = snapshots.standing(db, who.actor, project.id, kind=kind, by=by)
    if found.snapshot is not None:
        seen(request, who, f"project:{project.id}", act="project.statistics", project=project.id)
    beside = counting(request)
    if beside is not None and not found.up_to_date and found.n_submissions:
        beside.ask((project.id, kind, by), at=found.fingerprint)
    return project, found


def _view(request: Request, project: Project, found: Standing, kind: Kind, by: By) -> SnapshotView:
    snapshot = found.snapshot
    problem = _problem(request, (project.id, kind, by))
    return SnapshotView(
        snapshot=None if snapshot is None else snapshot.id,
        created_at=None if snapshot is None else snapshot.created_at,
        n_submissions=found.n_submissions,
        n_counted=0 if snapshot is None else snapshot.n_submissions,
        up_to_date=found.up_to_date,
        counting=not found.up_to_date and found.n_submissions > 0 and problem is None,
        problem=problem,
        figures=None if snapshot is None else dict(snapshot.figures),
    )


def _problem(request: Request, wanted: tuple[str, Kind, str]) -> str | None:
    beside = counting(request)
    return None if beside is None else beside.problem(wanted)


def brief_agreement(request: Request, who: SignedIn, project: Project) -> Brief:
    """What the page of another subject shows of a project's agreement, counted anew where sheets have come."""
    _, found = _standing(request, who, project.slug, "agreement", "pair")
    panels = [] if found.snapshot is None else found.snapshot.figures.get("panels", [])
    say = _saying(request, who)
    return Brief(found, [(panel, figures_of(panel, BRIEF, say)) for panel in panels[:MOST_PAIRS]], len(panels))


@dataclass(frozen=True, slots=True)
class Brief:
    """The first panels of a project, and how many there are."""

    standing: Standing
    panels: Sequence[tuple[Mapping[str, Any], Sequence[Figure]]]
    n_panels: int


MOST_PAIRS = 3
"""Pairs of raters that a page of another subject shows."""


def figures_of(
    panel: Mapping[str, Any], names: Sequence[str], say: Callable[[str], str], *, decimals: int = 3
) -> list[Figure]:
    """Those figures of a panel that it has."""
    metrics = panel["metrics"]
    return [figure_of(name, metrics[name], say, decimals=decimals) for name in names if name in metrics]


@dataclass(frozen=True, slots=True)
class Row:
    """A part of what two raters compared."""

    part: str
    title: Mapping[str, str] | None
    """Of a step."""
    first: str
    second: str
    n_videos: int
    n_cells: int
    n_missing: int
    n_different: int
    figures: Sequence[Figure]


@dataclass(frozen=True, slots=True)
class Table:
    """Parts below each other, and why some figures or intervals are lacking."""

    rows: Sequence[Row]
    names: Sequence[str]
    n_pairs: int
    reasons: Sequence[str]
    """Each said once below the table; the figures name them by number."""


def _table(panels: Sequence[Mapping[str, Any]], by: By, say: Callable[[str], str], *, sort: str, turned: bool) -> Table:
    names = TABLES[by]
    rows = [
        Row(
            part=panel["part"],
            title=panel["steps"][0]["title"] if by == "step" and panel["steps"] else None,
            first=panel["first"],
            second=panel["second"],
            n_videos=panel["n_videos"],
            n_cells=panel["n_cells"],
            n_missing=panel["n_missing"],
            n_different=sum(step["n_different"] for step in panel["steps"]),
            figures=figures_of(panel, names, say, decimals=2),
        )
        for panel in panels
    ]
    reasons = dict.fromkeys(figure.why for row in rows for figure in row.figures if figure.why is not None)
    if sort:
        known = [row for row in rows if _place(row, sort) is not None]
        known.sort(key=lambda row: _place(row, sort) or 0.0, reverse=turned)
        rows = known + [row for row in rows if _place(row, sort) is None]
    return Table(rows, names, len({(row.first, row.second) for row in rows}), tuple(reasons))


def _place(row: Row, sort: str) -> float | None:
    """What a row is sorted by: the least agreement and the most differences first."""
    if sort in ("n_cells", "n_videos"):
        return getattr(row, sort)  # type: ignore[no-any-return]
    if sort == "n_different":
        return -row.n_different / max(1, row.n_cells)
    found = next((figure.order for figure in row.figures if figure.name == sort), None)
    return -abs(found) if sort == "mean_difference" and found is not None else found


def _saying(request: Request, who: SignedIn) -> Callable[[str], str]:
    language = language_of(request, who)
    return lambda reason: reason_in(language, reason)


def _disputed(panels: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Steps by the share of cells on which two raters differ, over all pairs."""
    steps: dict[str, dict[str, Any]] = {}
    for panel in panels:
        for row in panel["steps"]:
            kept = steps.setdefault(
                row["step"], {"step": row["step"], "title": row["title"], "skill": row["skill"], "n": 0, "different": 0}
            )
            kept["n"] += row["n"]
            kept["different"] += row["n_different"]
    found = [step for step in steps.values() if step["different"]]
    return sorted(found, key=lambda step: (-step["different"] / step["n"], step["step"]))[:MOST_STEPS]


def _policy_in(page: str) -> str:
    mark = 'http-equiv="Content-Security-Policy" content="'
    start = page.index(mark) + len(mark)
    return unescape(page[start : page.index('"', start)]) + "; frame-ancestors 'none'"
