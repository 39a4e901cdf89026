"""What a room keeps held against the digests it was given and the audit lines that tell of it.

Triggers refuse changes (`triggers.py`); this finds what got round them, as one does who opens the file with another program.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, select

from siming.store import audit_reasons
from siming.store.blind.draft import folded, n_done
from siming.store.canonical import digest, digest_of_set
from siming.store.cases.case_acts import decided_digest
from siming.store.database import Database
from siming.store.schema import (
    assignment,
    attempt,
    audit_event,
    audit_reason,
    confirmation,
    consensus_version,
    decision,
    gold_sheet,
    model_run,
    rating_event,
    release,
    rubric_version,
)

Note = Callable[[int, int], None]
"""Told how many of how many are done."""

CONSENSUS = ("attempt", "number", "sheets", "provenance", "parents", "reason")
"""What the digest of a consensus version stands over."""


@dataclass(frozen=True, slots=True)
class Held:
    """One kind of thing, looked at."""

    kind: str
    n: int
    problems: tuple[str, ...]
    """Which one, and what differs."""


def hold_all(db: Database, *, drafts: int | None = None, note: Note = lambda done, of: None) -> tuple[Held, ...]:
    """Hold everything that was decided, published, brought in or released against its digests and the audit.

    Args:
        drafts: How many drafts to build again from their changes, drawn at random; all of them by default.
        note: Told how many drafts are done, of how many: with many changes that is what takes time.
    """
    with db.read() as c:
        found = (
            _held("rubrics", _count(c, rubric_version), _rubrics(c)),
            _held("consensus", _count(c, consensus_version), _consensus(c)),
            _held("decisions", _count(c, decision) + _count(c, confirmation), _decisions(c)),
            _held("gold", _count(c, gold_sheet), _gold(c)),
            _held("models", _count(c, model_run), _models(c)),
            _held("releases", _count(c, release), _releases(c)),
            _held("reasons", _count(c, audit_reason), audit_reasons.problems_of(c)),
        )
    return (*found, _drafts(db, drafts, note))


def _held(kind: str, n: int, problems: Iterable[str]) -> Held:
    found: list[str] = []
    try:
        found.extend(problems)
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # the rest is looked at all the same
        found.append(f"something of it cannot be read at all ({type(error).__name__}: {error})")
    return Held(kind, n, tuple(found))


def _count(c: Connection, table: Table) -> int:
    return int(c.execute(select(func.count()).select_from(table)).scalar_one())


def _lines(c: Connection, act: str) -> list[Any]:
    return list(c.execute(select(audit_event).where(audit_event.c.act == act).order_by(audit_event.c.seq)))


def _told(c: Connection, act: str) -> dict[str, Any]:
    """The line that tells of each object, by its id."""
    return {line.object.partition(":")[2]: line for line in _lines(c, act)}


def _against(name: str, there: Mapping[str, str], told: Mapping[str, Any]) -> Iterator[str]:
    """Hold digests against the lines that tell of them, both ways."""
    for key, sha256 in there.items():
        line = told.get(key)
        if line is None:
            yield f"{name} {key}: no line of the audit tells of it"
        elif line.after != sha256:
            yield f"{name} {key}: its digest is {sha256[:12]}, audit line {line.seq} says {str(line.after)[:12]}"
    yield from (
        f"audit line {line.seq}: the {name} {key} it tells of is gone" for key, line in told.items() if key not in there
    )


def _rubrics(c: Connection) -> Iterator[str]:
    rows = c.execute(select(rubric_version).where(rubric_version.c.state != "draft")).all()
    for row in rows:
        if hashlib.sha256(row.document.encode("utf-8")).hexdigest() != row.sha256:
            yield f"rubric {row.rubric} {row.version}: its document is not what was published"
    yield from _against("rubric version", {row.id: row.sha256 for row in rows}, _told(c, "rubric.publish"))


def _consensus(c: Connection) -> Iterator[str]:
    locks, there = _told(c, "consensus.lock"), {}
    wanted = select(consensus_version, attempt.c.code).join(attempt, attempt.c.id == consensus_version.c.attempt)
    for row in c.execute(wanted.execution_options(yield_per=500)):
        there[row.id] = row.sha256
        about, line = f"consensus {row.id}, version {row.number} of {row.code}", locks.get(row.id)
        if digest({name: row._mapping[name] for name in CONSENSUS}) != row.sha256:
            yield f"{about}: its content is not what its digest was made of"
        if line is None and (row.state == "locked" or row.locked_by is not None):
            yield f"{about}: it is locked, and no line of the audit tells of it"
        elif line is not None and line.after != row.sha256:
            yield f"{about}: its digest is {row.sha256[:12]}, audit line {line.seq} locked {str(line.after)[:12]}"
        elif line is not None and (row.state == "provisional" or row.locked_by != line.actor):
            yield f"{about}: audit line {line.seq} says that {line.actor} locked it; it is {row.state}"
    yield from _against("consensus", there, _told(c, "consensus.make"))


def _decisions(c: Connection) -> Iterator[str]:
    """Every act of a case and every confirmation against its line."""
    told = {
        (line.object.partition(":")[2], line.detail["version"]): line
        for kind in ("decide", "reopen_agreed", "undo")
        for line in _lines(c, f"case.{kind}")
    }
    there, appealed = set(), defaultdict(list)
    for row in c.execute(select(decision).order_by(decision.c.case, decision.c.version)):
        about, line = f"act {row.version} of case {row.case}", told.get((row.case, row.version))
        there.add((row.case, row.version))
        if row.kind == "appeal":
            appealed[row.case].append([row.rubric, row.step])
        elif line is None:
            yield f"{about}: no line of the audit tells of it"
        elif line.after != decided_digest(row._asdict()):
            yield f"{about}: it is not the one that audit line {line.seq} tells of"
    for key, line in told.items():
        if key not in there:
            yield f"audit line {line.seq}: act {key[1]} of case {key[0]}, which it tells of, is gone"
    named: dict[str, list[list[str]]] = defaultdict(list)
    for line in _lines(c, "consensus.appeal"):
        named[line.detail["case"]] += line.detail["steps"]
    for case in sorted({*named, *appealed}):
        if named[case] != appealed[case]:
            yield f"appeals of case {case}: their steps are not those that the audit tells of"
    given = {(row.case, row.version, row.person) for row in c.execute(select(confirmation))}
    said = {
        (line.object.partition(":")[2], line.detail["version"], line.actor): line.seq
        for line in _lines(c, "case.confirm")
    }
    for case, version, person in sorted(given - set(said)):
        yield f"confirmation of case {case}, version {version}, by {person}: no line of the audit tells of it"
    for case, version, person in sorted(set(said) - given):
        yield f"audit line {said[case, version, person]}: the confirmation of case {case} it tells of is gone"


def _gold(c: Connection) -> Iterator[str]:
    brought: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in c.execute(select(gold_sheet).order_by(gold_sheet.c.created_at)):
        brought[row.attempt, row.created_at].append(row)
    there: dict[str, list[tuple[str, list[Any]]]] = defaultdict(list)
    for (attempt_id, _), rows in brought.items():
        there[attempt_id].append((digest_of_set(row.sheet for row in rows), rows))
    told = defaultdict(list)
    for line in _lines(c, "calibration.gold"):
        told[line.object.partition(":")[2]].append(line)
    for attempt_id in sorted({*there, *told}):
        about = f"gold sheets of attempt {attempt_id}"
        for number in range(max(len(there[attempt_id]), len(told[attempt_id]))):
            if number >= len(told[attempt_id]):
                yield f"{about}: no line of the audit tells of them"
            elif number >= len(there[attempt_id]):
                yield f"audit line {told[attempt_id][number].seq}: the {about} it tells of are gone"
            elif there[attempt_id][number][0] != told[attempt_id][number].after:
                yield f"{about}: they are not those that audit line {told[attempt_id][number].seq} tells of"
        for number, (_, rows) in enumerate(there[attempt_id], start=1):
            replaced = number < len(there[attempt_id])
            if any((row.replaced_at is not None) != replaced for row in rows):
                yield f"{about}: which of them are in force is not what the audit tells"


def _models(c: Connection) -> Iterator[str]:
    there: dict[str, list[str]] = defaultdict(list)
    rows = select(model_run.c.batch, model_run.c.sheet, model_run.c.about)
    for row in c.execute(rows.execution_options(yield_per=500)):
        there[row.batch].append(digest([row.sheet, row.about]))
    told = {line.detail["batch"]: line for line in _lines(c, "model_run.add") if line.detail["n"]}
    digests = {batch: digest(sorted(each)) for batch, each in there.items()}
    yield from _against("model sheets", digests, told)


def _releases(c: Connection) -> Iterator[str]:
    there = {}
    for row in c.execute(select(release)):
        there[row.id] = row.manifest_sha256
        if digest(row.manifest) != row.manifest_sha256:
            yield f"release {row.name} ({row.id}): its manifest is not what its digest was made of"
    yield from _against("release", there, _told(c, "release.make"))


def _drafts(db: Database, most: int | None, note: Note) -> Held:
    """Build drafts again from their changes."""
    with db.read() as c:
        every = list(c.execute(select(assignment.c.id).where(assignment.c.seq > 0).order_by(assignment.c.id)).scalars())
    wanted = every if most is None or most >= len(every) else sorted(random.sample(every, most))
    problems: list[str] = []
    for number, assignment_id in enumerate(wanted):
        note(number, len(wanted))
        with db.read() as c:  # one at a time: raters go on writing
            problems += _draft(c, assignment_id)
    note(len(wanted), len(wanted))
    return Held("drafts", len(wanted), tuple(problems))


def _draft(c: Connection, assignment_id: str) -> Iterator[str]:
    row = c.execute(select(assignment).where(assignment.c.id == assignment_id)).one()
    events = c.execute(
        select(rating_event).where(rating_event.c.assignment == assignment_id).order_by(rating_event.c.seq)
    )
    log = [dict(event) for event in events.mappings()]
    about = f"draft of assignment {assignment_id}"
    if [event["seq"] for event in log] != list(range(1, row.seq + 1)):
        yield f"{about}: {row.seq} changes were kept, its log holds {len(log)}"
        return
    draft = folded(log)
    if draft != row.draft:
        yield f"{about}: {_first_difference(draft, row.draft)} is not what its changes lead to"
    elif n_done(draft) != row.done:
        yield f"{about}: {n_done(draft)} steps are done, it says {row.done}"


def _first_difference(one: Any, other: Any, place: str = "") -> str:
    """The first place at which two drafts differ, such as ``steps/cpr/cpr01/points``."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                return _first_difference(one.get(key), other.get(key), f"{place}/{key}" if place else key)
    return place or "the whole"
