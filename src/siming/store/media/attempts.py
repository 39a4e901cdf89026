"""Attempts: one candidate's recording each, under a pseudonym.

Nothing here holds who a candidate is: that lies in the vault (`vault.py`). The code of an attempt is what raters see and
what sheets and exports carry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Row, exists, func, insert, or_, select, update

from siming.errors import ConflictError, InputError, NotFoundError, RubricError
from siming.store import audit
from siming.store.access import Actor
from siming.store.database import Database, new_id
from siming.store.projects.rubrics import rubric_in
from siming.store.schema import attempt, media, membership, project, project_rubric, rubric_version
from siming.store.text import one_line

CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""The same names as `siming.rubric.Attempt.id`."""

MOST_ON_A_PAGE: Final = 500
MOST_PARAMS: Final = 64

AttemptState = Literal["usable", "exclusion_asked", "excluded"]
MediaFilter = Literal["none", "ingest", "review", "verified", "quarantined"]
Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as its coordinator sees it."""

    id: str
    project: str
    code: str
    site: str | None
    occasion: str | None
    candidate_code: str | None
    rubrics: tuple[str, ...]
    """Ids of rubric versions, in the order in which they are rated."""
    params: Mapping[str, Value]
    """Params of those rubrics that this exam changed."""
    state: AttemptState
    excluded_reason: str | None
    excluded_by: str | None
    exclusion_confirmed_by: str | None
    gold: bool
    """Whether an expert panel's sheet exists, so that raters can be calibrated on it."""
    created_at: str


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """What an attempt is made from."""

    code: str
    site: str | None = None
    occasion: str | None = None
    candidate_code: str | None = None
    rubrics: tuple[str, ...] | None = None
    """Ids of rubric versions of the project; None for all of them, in the project's order."""
    params: Mapping[str, Value] = field(default_factory=dict)
    gold: bool | None = None
    """None where nobody has said; a new attempt is none for calibration then."""


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """A line of the coordinator's table."""

    attempt: Attempt
    media: Mapping[str, int]
    """State to number of derivatives in it."""


@dataclass(frozen=True, slots=True)
class AttemptPage:
    """Part of the coordinator's table."""

    lines: tuple[AttemptLine, ...]
    total: int
    """Attempts that fit the filter, on all pages."""
    page: int
    per_page: int
    sites: tuple[str, ...]
    """Every site of the project, to choose from."""

    @property
    def pages(self) -> int:
        """Pages there are; at least 1."""
        return max(1, -(-self.total // self.per_page))


def add_attempt(
    db: Database,
    actor: Actor,
    project_id: str,
    *,
    code: str,
    site: str | None = None,
    occasion: str | None = None,
    candidate_code: str | None = None,
    rubrics: Sequence[str] | None = None,
    params: Mapping[str, Value] | None = None,
    gold: bool = False,
) -> Attempt:
    """One more attempt.

    Raises:
        InputError: A code that no file could carry, a rubric that the project does not use, a param it does not have.
        ConflictError: There is an attempt of that code already.
    """
    wanted = NewAttempt(
        code, site, occasion, candidate_code, None if rubrics is None else tuple(rubrics), params or {}, gold
    )
    return add_attempts(db, actor, project_id, [wanted])[0]


def add_attempts(db: Database, actor: Actor, project_id: str, wanted: Sequence[NewAttempt]) -> list[Attempt]:
    """Many attempts: all of them, or none and the reason.

    Raises:
        InputError, ConflictError: As `add_attempt`; the message names the attempt at fault.
    """
    actor.require("manage_attempts", project_id)
    with db.write() as c:
        check_open(c, project_id)
        rows = new_rows(c, db, project_id, wanted)
        if rows:
            c.execute(insert(attempt), rows)
        for row in rows:
            audit.record(c, db, actor, "attempt.add", f"attempt:{row['id']}", project=project_id)
    return [attempt_from(row) for row in rows]


def new_rows(c: Connection, db: Database, project_id: str, wanted: Sequence[NewAttempt]) -> list[dict[str, Any]]:
    """Inside a transaction: the rows of attempts that may be added.

    Raises:
        InputError, ConflictError: As `add_attempt`.
    """
    offered = project_rubrics(c, project_id)
    taken = set(c.scalars(select(attempt.c.code).where(attempt.c.project == project_id)))
    rows, now = [], db.stamp()
    for new in wanted:
        code = check_code(new.code)
        if code in taken:
            raise ConflictError(
                f"there is an attempt {code!r} already; choose another code, or bring the video to that one",
                kind="exists",
                code="attempt_exists",
                params={"code": code},
            )
        taken.add(code)
        values = checked_values(c, new, offered)
        rows.append(
            {
                "id": new_id("at"),
                "project": project_id,
                "code": code,
                **values,
                "rubrics": list(values["rubrics"]),
                "state": "usable",
                "excluded_reason": None,
                "excluded_by": None,
                "exclusion_confirmed_by": None,
                "created_at": now,
            }
        )
    return rows


def checked_values(c: Connection, new: NewAttempt, offered: Sequence[Row[Any]] | None) -> dict[str, Any]:
    """Inside a transaction: what an attempt is to hold, but for its code.

    Args:
        offered: The `project_rubrics` to choose from; None where its rubrics and their params are not looked at.

    Raises:
        InputError, ConflictError: As `add_attempt`.
    """
    chosen = tuple(new.rubrics or ())
    if offered is not None:
        chosen = _chosen_rubrics(new.code, new.rubrics, offered)
        if new.params:
            _check_params(c, new.code, chosen, new.params)
    return {
        "site": _line(new.site, "site"),
        "occasion": _line(new.occasion, "occasion"),
        "candidate_code": _line(new.candidate_code, "candidate_code"),
        "rubrics": chosen,
        "params": dict(new.params),
        "gold": bool(new.gold),
    }


def get_attempt(db: Database, actor: Actor, project_id: str, code: str) -> Attempt:
    """The attempt of that code.

    Raises:
        NotFoundError: There is none.
    """
    actor.require("manage_attempts", project_id)
    row = None
    if CODE.fullmatch(code):
        with db.read() as c:
            row = c.execute(select(attempt).where(attempt.c.project == project_id, attempt.c.code == code)).first()
    if row is None:
        raise no_attempt(code)
    return attempt_from(row._mapping)


def attempt_of(c: Connection, attempt_id: str) -> Attempt:
    """Inside a transaction: the attempt of that id.

    Raises:
        NotFoundError: There is none.
    """
    row = c.execute(select(attempt).where(attempt.c.id == attempt_id)).first()
    if row is None:
        raise no_attempt(attempt_id)
    return attempt_from(row._mapping)


def list_attempts(
    db: Database,
    actor: Actor,
    project_id: str,
    *,
    text: str = "",
    state: AttemptState | None = None,
    media_state: MediaFilter | None = None,
    site: str | None = None,
    gold: bool | None = None,
    page: int = 1,
    per_page: int = 50,
) -> AttemptPage:
    """The coordinator's table, by code.

    Args:
        text: Part of the code, the candidate's code or the occasion; small and large letters are one.
        media_state: Attempts with a derivative in that state; ``none``: without any.
        page: From 1; beyond the last one there are no lines.
    """
    actor.require("manage_attempts", project_id)
    per_page = min(max(1, per_page), MOST_ON_A_PAGE)
    page = min(max(1, page), 1_000_000)
    where: list[ColumnElement[bool]] = [attempt.c.project == project_id]
    text = _searchable(text)
    if text:
        part = "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
        columns = (attempt.c.code, attempt.c.candidate_code, attempt.c.occasion)
        where.append(or_(*(column.ilike(part, escape="\\") for column in columns)))
    if state is not None:
        where.append(attempt.c.state == state)
    if site is not None:
        where.append(attempt.c.site == _searchable(site))
    if gold is not None:
        where.append(attempt.c.gold.is_(gold))
    if media_state is not None:
        derivatives = select(media.c.id).where(media.c.attempt == attempt.c.id, media.c.state != "erased")
        if media_state == "none":
            where.append(~exists(derivatives))
        elif media_state == "ingest":
            where.append(exists(derivatives.where(media.c.state == "ingest")))
        else:
            where.append(exists(derivatives.where(media.c.kind == "derivative", media.c.state == media_state)))
    wanted = select(attempt).where(*where).order_by(attempt.c.code).limit(per_page).offset((page - 1) * per_page)
    with db.read() as c:
        total = c.execute(select(func.count()).select_from(attempt).where(*where)).scalar_one()
        rows = c.execute(wanted).all()
        states = _media_states(c, [row.id for row in rows])
        sites = c.scalars(
            select(attempt.c.site)
            .where(attempt.c.project == project_id, attempt.c.site.is_not(None))
            .distinct()
            .order_by(attempt.c.site)
        ).all()
    lines = tuple(AttemptLine(attempt_from(row._mapping), states.get(row.id, {})) for row in rows)
    return AttemptPage(lines, total, page, per_page, tuple(str(site) for site in sites))


def set_gold(db: Database, actor: Actor, attempt_id: str, gold: bool) -> None:
    """Say whether raters are calibrated on this attempt."""
    with db.write() as c:
        found = for_coordinator(c, actor, attempt_id)
        c.execute(update(attempt).where(attempt.c.id == attempt_id).values(gold=gold))
        audit.record(c, db, actor, "attempt.gold", f"attempt:{found.id}", project=found.project, detail={"gold": gold})


def set_conflict(db: Database, actor: Actor, attempt_id: str, person_id: str, *, conflict: bool) -> None:
    """Say that a member may not rate an attempt (his own student), or that he may after all."""
    with db.write() as c:
        found = for_coordinator(c, actor, attempt_id)
        row = c.execute(
            select(membership.c.id, membership.c.conflicts)
            .where(membership.c.project == found.project, membership.c.person == person_id)
            .with_for_update()
        ).first()
        if row is None:
            raise NotFoundError("this person is no member of the project; add the person first", code="member_missing")
        codes = set(row.conflicts) - {found.code} | ({found.code} if conflict else set())
        c.execute(update(membership).where(membership.c.id == row.id).values(conflicts=sorted(codes)))
        audit.record(
            c, db, actor, "attempt.conflict", f"attempt:{found.id}", project=found.project,
            detail={"member": row.id, "conflict": conflict},
        )  # fmt: skip


def conflicts_of(c: Connection, attempt_id: str, *, same_site: bool = True) -> dict[str, tuple[str, ...]]:
    """Who may not rate an attempt, and why.

    Returns:
        Person id to reasons: ``named`` (a coordinator said so), ``site`` (of the attempt's own site).
    """
    found = attempt_of(c, attempt_id)
    reasons: dict[str, tuple[str, ...]] = {}
    for row in c.execute(select(membership).where(membership.c.project == found.project)):
        held = []
        if found.code in row.conflicts:
            held.append("named")
        if same_site and found.site is not None and row.site == found.site:
            held.append("site")
        if held:
            reasons[row.person] = tuple(held)
    return reasons


def check_code(code: str) -> str:
    """The code, if sheets, files and addresses can carry it.

    Raises:
        InputError: They cannot.
    """
    if not CODE.fullmatch(code):
        raise InputError(
            f"attempt code {code[:80]!r}: use 1 to 64 letters, digits, dots, hyphens and underscores, the first a "
            "letter or digit, such as A-031",
            field="code",
            code="attempt_code",
        )
    return code


def for_coordinator(c: Connection, actor: Actor, attempt_id: str) -> Attempt:
    """Inside a writing transaction: the attempt, locked, if the actor manages attempts there and the project is open.

    Raises:
        NotFoundError: There is none, or he is no member there.
        NotAllowedError: He manages attempts nowhere.
        ConflictError: The project is closed.
    """
    actor.require_somewhere("manage_attempts")
    row = c.execute(select(attempt).where(attempt.c.id == attempt_id).with_for_update()).first()
    if row is None or not actor.may("manage_attempts", row.project):
        raise no_attempt(attempt_id)
    check_open(c, row.project)
    return attempt_from(row._mapping)


def check_open(c: Connection, project_id: str) -> None:
    """Go on if the project still changes.

    Raises:
        ConflictError: ``state``: It is closed.
    """
    if c.scalar(select(project.c.state).where(project.c.id == project_id)) != "open":
        raise ConflictError(
            "the project is closed; nothing in it changes any more", kind="state", code="project_closed"
        )


def no_attempt(name: str) -> NotFoundError:
    """The one sentence for an attempt that is not there and for one that the asker may not know of."""
    return NotFoundError(
        f"there is no attempt {name[:80]!r}; see the list of attempts",
        code="attempt_missing",
        params={"code": name[:80]},
    )


def attempt_from(row: Mapping[str, Any] | Any) -> Attempt:
    """An attempt from its row."""
    values = {name: row[name] for name in Attempt.__dataclass_fields__}
    return Attempt(**values | {"rubrics": tuple(values["rubrics"])})


def _line(value: str | None, name: str) -> str | None:
    return None if value is None else one_line(value, name, at_most=100, optional=True) or None


def _searchable(text: str) -> str:
    """A text to look for, without what no row can hold."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode().strip()[:100]


def project_rubrics(c: Connection, project_id: str) -> list[Row[Any]]:
    """The rubric versions that new attempts are rated with, in the project's order."""
    return list(
        c.execute(
            select(rubric_version.c.id, rubric_version.c.rubric, rubric_version.c.version)
            .join(project_rubric, project_rubric.c.rubric_version == rubric_version.c.id)
            .where(project_rubric.c.project == project_id, rubric_version.c.state == "published")
            .order_by(project_rubric.c.position, rubric_version.c.id)
        )
    )


def _chosen_rubrics(code: str, wanted: Sequence[str] | None, offered: Sequence[Row[Any]]) -> tuple[str, ...]:
    """Ids of the rubric versions; a rubric may also be named by its own id, with or without a version."""
    if not offered:
        raise ConflictError(
            "the project has no published rubric yet; choose one first", kind="state", code="project_without_rubric"
        )
    if wanted is None:
        return tuple(row.id for row in offered)
    chosen: list[str] = []
    for name in wanted:
        fitting = [row.id for row in offered if name in (row.id, row.rubric, f"{row.rubric}@{row.version}")]
        if len(fitting) != 1 or fitting[0] in chosen:
            raise InputError(
                f"attempt {code}: rubric {name[:80]!r}; choose one or more of "
                + ", ".join(f"{row.rubric}@{row.version}" for row in offered)
                + ", each once",
                field="rubrics",
                code="attempt_rubric",
                params={"code": code, "rubric": name[:80]},
            )
        chosen.append(fitting[0])
    if not chosen:
        raise InputError(f"attempt {code}: choose at least one rubric", field="rubrics", code="attempt_without_rubric")
    return tuple(chosen)


def _check_params(c: Connection, code: str, rubrics: Sequence[str], params: Mapping[str, Value]) -> None:
    known = [rubric_in(c, rubric_id) for rubric_id in rubrics]
    try:
        if len(params) > MOST_PARAMS:
            raise RubricError(f"{len(params)} params, at most {MOST_PARAMS} fit")
        for name, value in params.items():
            holding = [rubric for rubric in known if name in rubric.params] or known[:1]
            for rubric in holding:
                rubric.with_params(**{name: value})
    except RubricError as error:
        raise InputError(
            f"attempt {code}: {error}", field="params", code="attempt_params", params={"code": code, "why": str(error)}
        ) from error


def _media_states(c: Connection, attempts: Sequence[str]) -> dict[str, dict[str, int]]:
    """Per attempt, how many of its videos are in which state; an original still at work counts as ``ingest``."""
    if not attempts:
        return {}
    counted: dict[str, dict[str, int]] = {}
    wanted = (
        select(media.c.attempt, media.c.state, func.count().label("n"))
        .where(
            media.c.attempt.in_(attempts),
            or_(media.c.kind == "derivative", media.c.state.in_(("ingest", "quarantined"))),
            media.c.state != "erased",
        )
        .group_by(media.c.attempt, media.c.state)
    )
    for row in c.execute(wanted):
        counted.setdefault(row.attempt, {})[row.state] = row.n
    return counted
