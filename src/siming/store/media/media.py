"""Recordings and the files made from them for raters.

An original is what was uploaded; it is never shown to raters. A derivative is made from it: masked, upright, without
anything that the camera wrote into the file, and with an exact time map. A coordinator looks at a derivative before
raters do::

    original    ingest -> verified | quarantined | erased
    derivative  review -> verified | quarantined | erased        quarantined -> verified, after another look
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from sqlalchemy import Connection, insert, select, update

from siming.errors import ConflictError, InputError, NotFoundError
from siming.store import audit
from siming.store.access import SYSTEM, Actor
from siming.store.database import Database, new_id
from siming.store.media.attempts import attempt_of, check_open, for_coordinator
from siming.store.media.rated import are_one_film, hold_films, refuse_other_film
from siming.store.schema import attempt, media
from siming.store.text import free_text, one_line

Kind = Literal["original", "derivative"]
MediaState = Literal["ingest", "review", "verified", "quarantined", "erased"]

SLACK_S: Final = 5e-6
"""A time this little beyond the end still lies inside: players count whole microseconds. As in `video.timemap`."""


@dataclass(frozen=True, slots=True)
class Media:
    """One file, as the exam room knows it."""

    id: str
    attempt: str
    kind: Kind
    made_from: str | None
    camera: str
    sha256: str
    """Kept when the file is erased."""
    bytes: int
    path: str
    """Its name in the media folder, see `media_folder.py`."""
    duration_s: float | None
    width: int | None
    height: int | None
    rate: str | None
    """Mean pictures per second, as a fraction in text."""
    time_map: Mapping[str, Any] | None
    recipe: Mapping[str, Any] | None
    facts: Mapping[str, Any]
    """What was found when it was made: warnings, sound, damaged pictures, preview pictures."""
    clock_offset_s: float
    state: MediaState
    state_reason: str | None
    created_at: str

    @property
    def has_sound(self) -> bool:
        """Whether there is anything to hear."""
        return bool(self.facts.get("has_sound"))


@dataclass(frozen=True, slots=True)
class RatedMedia:
    """A film that a rater is shown: verified, and never an original."""

    id: str
    camera: str
    sha256: str
    duration_s: float
    width: int
    height: int
    rate: str
    sound: bool
    clock_offset_s: float
    """What to add to this camera's time for the main camera's."""


@dataclass(frozen=True, slots=True)
class NewDerivative:
    """What a derivative is made of; `web.ingest` fills it from `video.asset.Derivative`."""

    sha256: str
    bytes: int
    path: str
    duration_s: float
    width: int
    height: int
    rate: str
    time_map: Mapping[str, Any]
    recipe: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Timed(Protocol):
    """Anything with a length: a row of the table, `Media` or `RatedMedia`."""

    @property
    def duration_s(self) -> float | None: ...


def add_original(
    db: Database, actor: Actor, attempt_id: str, *, camera: str, sha256: str, bytes: int, path: str
) -> Media:
    """A recording that has arrived and is about to be worked on. Bytes that the attempt holds already are the same
    original, not another one.

    Raises:
        ConflictError: Another attempt of the project holds the same recording.
    """
    if not path.startswith("originals/"):
        raise ValueError(f"{path}: an original lies apart from what raters may see")
    with db.write() as c:
        found = _for_ingest(c, actor, attempt_id)
        camera = one_line(camera, "camera", at_most=40)
        same = c.execute(
            select(media, attempt.c.code)
            .join(attempt, attempt.c.id == media.c.attempt)
            .where(
                attempt.c.project == found.project,
                media.c.kind == "original",
                media.c.sha256 == sha256,
                media.c.state != "erased",
            )
        ).first()
        if same is not None and same.attempt != attempt_id:
            raise ConflictError(
                f"attempt {same.code} holds the very same recording; bring another one, or exclude one of the two",
                kind="exists",
                code="same_recording",
                params={"code": same.code},
            )
        if same is not None:
            c.execute(update(media).where(media.c.id == same.id).values(state="ingest", state_reason=None))
            return media_of(c, same.id)
        row = {
            "id": new_id("md"), "attempt": attempt_id, "kind": "original", "camera": camera, "sha256": sha256,
            "bytes": bytes, "path": path, "facts": {}, "clock_offset_s": 0.0, "state": "ingest",
            "created_at": db.stamp(),
        }  # fmt: skip
        c.execute(insert(media).values(**row))
        audit.record(c, db, actor, "media.arrive", f"media:{row['id']}", project=found.project, after=sha256)
        return media_of(c, str(row["id"]))


def add_derivative(db: Database, actor: Actor, original_id: str, made: NewDerivative) -> Media:
    """A file for raters, made from an original; a coordinator looks at it before they do. Made again with the same
    bytes, it is the one that is there.

    Raises:
        InputError: Its time map is not that of these two files: without it no evidence could be traced.
    """
    if not made.path.startswith("derivatives/"):
        raise ValueError(f"{made.path}: a derivative lies apart from the originals")
    with db.write() as c:
        original = media_of(c, original_id, lock=True)
        found = _for_ingest(c, actor, original.attempt)
        if original.kind != "original":
            raise InputError("a derivative is made from an original", field="made_from", code="not_an_original")
        _check_time_map(made, original)
        c.execute(update(media).where(media.c.id == original_id).values(state="verified", state_reason=None))
        same = c.scalar(
            select(media.c.id).where(
                media.c.made_from == original_id, media.c.sha256 == made.sha256, media.c.state != "erased"
            )
        )
        if same is not None:
            return media_of(c, same)
        row = {name: getattr(made, name) for name in NewDerivative.__dataclass_fields__} | {
            "id": new_id("md"), "attempt": original.attempt, "kind": "derivative", "made_from": original_id,
            "camera": original.camera, "clock_offset_s": original.clock_offset_s, "state": "review",
            "created_at": db.stamp(),
        }  # fmt: skip
        c.execute(insert(media).values(**row))
        audit.record(
            c, db, actor, "media.derive", f"media:{row['id']}", project=found.project, before=original.sha256,
            after=made.sha256,
        )  # fmt: skip
        return media_of(c, str(row["id"]))


def reject_original(db: Database, actor: Actor, original_id: str, reason: str) -> None:
    """Lock away an original that could not be worked on, unless a derivative has been made from it before."""
    with db.write() as c:
        row = media_of(c, original_id, lock=True)
        project_id = attempt_of(c, row.attempt).project
        made = c.scalar(select(media.c.id).where(media.c.made_from == original_id, media.c.state != "erased").limit(1))
        values = {"state": "verified" if made else "quarantined", "state_reason": free_text(reason, "reason")}
        c.execute(update(media).where(media.c.id == original_id).values(**values))
        audit.record(c, db, actor, "media.reject", f"media:{original_id}", project=project_id)


def release(db: Database, actor: Actor, media_id: str) -> Media:
    """Let raters see a derivative: somebody has looked at it and its masks. Another one of the same attempt and camera
    steps back, so that raters are shown one film per camera. Where ratings have begun, they go on if it shows the same
    pictures at the same moments as the film that they were begun on.

    Raises:
        ConflictError: It is an original, or erased; or ratings have begun on another film.
    """
    with db.write() as c:
        row, project_id = _for_review(c, actor, media_id)
        if row.state == "verified":
            return row
        hold_films(c, row.attempt, to_release=True)
        others = c.scalars(
            select(media.c.id).where(
                media.c.attempt == row.attempt, media.c.camera == row.camera, media.c.kind == "derivative",
                media.c.state == "verified", media.c.id != media_id,
            )
        ).all()  # fmt: skip
        for other in others:
            c.execute(update(media).where(media.c.id == other).values(state="review", state_reason="replaced"))
        c.execute(update(media).where(media.c.id == media_id).values(state="verified", state_reason=None))
        if media_for_rating(c, row.attempt)[0].id == media_id:
            refuse_other_film(c, actor, row.attempt, row.sha256)
        audit.record(
            c, db, actor, "media.release", f"media:{media_id}", project=project_id, after=row.sha256,
            detail={"replaces": sorted(others)},
        )  # fmt: skip
        return media_of(c, media_id)


def quarantine(db: Database, actor: Actor, media_id: str, reason: str) -> Media:
    """Take a derivative away from everybody but the coordinators.

    Raises:
        ConflictError: It is an original (which raters never see), or erased.
    """
    with db.write() as c:
        _, project_id = _for_review(c, actor, media_id)
        values = {"state": "quarantined", "state_reason": free_text(reason, "reason", at_most=500)}
        c.execute(update(media).where(media.c.id == media_id).values(**values))
        audit.record(c, db, actor, "media.quarantine", f"media:{media_id}", project=project_id)
        return media_of(c, media_id)


def set_clock_offset(db: Database, actor: Actor, media_id: str, offset_s: float) -> Media:
    """What to add to a camera's time for the main camera's time.

    Raises:
        InputError: Not a number of seconds within a day.
    """
    if not (math.isfinite(offset_s) and abs(offset_s) <= 86_400):
        raise InputError(
            f"clock offset {offset_s} s; give seconds between -86400 and 86400", field="offset_s", code="clock_offset"
        )
    with db.write() as c:
        _, project_id = _for_review(c, actor, media_id)
        c.execute(update(media).where(media.c.id == media_id).values(clock_offset_s=offset_s))
        audit.record(
            c, db, actor, "media.clock", f"media:{media_id}", project=project_id, detail={"offset_s": offset_s}
        )
        return media_of(c, media_id)


def media_of_attempt(db: Database, actor: Actor, attempt_id: str) -> list[Media]:
    """Every file of an attempt, originals first, for its coordinator."""
    with db.read() as c:
        actor.require("manage_attempts", attempt_of(c, attempt_id).project)
        rows = c.execute(
            select(media)
            .where(media.c.attempt == attempt_id)
            .order_by(media.c.kind.desc(), media.c.camera, media.c.created_at, media.c.id)
        ).all()
    return [_media(row._mapping) for row in rows]


_MAIN_FIRST: Final = (media.c.camera != "main", media.c.camera, media.c.created_at, media.c.id)


def media_for_rating(connection: Connection, attempt_id: str) -> list[RatedMedia]:
    """The films that raters of an attempt are shown: verified derivatives, the main camera first. Never an original."""
    rows = connection.execute(
        select(media)
        .where(media.c.attempt == attempt_id, media.c.kind == "derivative", media.c.state == "verified")
        .order_by(*_MAIN_FIRST)
    )
    return [
        RatedMedia(
            id=row.id,
            camera=row.camera,
            sha256=row.sha256,
            duration_s=row.duration_s,
            width=row.width,
            height=row.height,
            rate=row.rate,
            sound=bool(row.facts.get("has_sound")),
            clock_offset_s=row.clock_offset_s,
        )
        for row in rows
    ]


def films_as_rated(connection: Connection, attempt_id: str, noted: Collection[str | None]) -> list[RatedMedia]:
    """The films to show beside ratings of an attempt. None at all where what is released now is another film than the one
    that was rated: there the same second is another moment.

    Args:
        noted: Hashes of the films that were rated, as assignments and submissions keep them; None says nothing.
    """
    shown = media_for_rating(connection, attempt_id)
    hashes = {sha256 for sha256 in noted if sha256 is not None}
    return shown if shown and are_one_film(connection, attempt_id, {shown[0].sha256, *hashes}) else []


def check_marked(
    connection: Connection, attempt_id: str, intervals: Collection[tuple[float, float]], *, noted: str | None = None
) -> None:
    """Go on if every interval lies inside the film.

    Args:
        noted: Hash of the film that was rated; without one it is the film that is shown now.

    Raises:
        InputError: One does not, or there is no film to mark anything in.
    """
    if not intervals:
        return
    films = select(media.c.duration_s).where(media.c.attempt == attempt_id, media.c.kind == "derivative")
    shown = films.where(media.c.state == "verified").order_by(*_MAIN_FIRST)
    film = connection.execute(films.where(media.c.sha256 == noted)).first() if noted else None
    film = film or connection.execute(shown.limit(1)).first()
    if film is None:
        raise InputError(
            "there is no video in which evidence could lie; release it first, or leave the evidence out",
            field="evidence",
            code="evidence_without_film",
        )
    for start_s, end_s in intervals:
        check_evidence(film, start_s, end_s)


def check_evidence(film: Timed, start_s: float, end_s: float) -> None:
    """Go on if an evidence interval lies inside the film (invariant 6).

    Args:
        film: The derivative that was rated; times are seconds from its first picture.

    Raises:
        InputError: The interval runs backwards or lies, in part, outside.
    """
    length_s = film.duration_s
    numbers = math.isfinite(start_s) and math.isfinite(end_s)
    if length_s is None or not numbers or not -SLACK_S <= start_s <= end_s <= length_s + SLACK_S:
        raise InputError(
            f"evidence from {start_s} to {end_s} s does not lie in the video, which lasts {length_s or 0:.3f} s; "
            "mark it again",
            field="evidence",
            code="evidence_outside",
            params={"start": start_s if numbers else None, "end": end_s if numbers else None, "length": length_s or 0},
        )


def media_of(c: Connection, media_id: str, *, lock: bool = False) -> Media:
    """Inside a transaction: the file of that id.

    Raises:
        NotFoundError: There is none.
    """
    wanted = select(media).where(media.c.id == check_id(media_id))
    row = c.execute(wanted.with_for_update() if lock else wanted).first()
    if row is None:
        raise no_media()
    return _media(row._mapping)


def check_id(media_id: str) -> str:
    """The id, if it is one: a database is not asked for what it could not hold.

    Raises:
        NotFoundError: It is none.
    """
    if not _ID.fullmatch(media_id):
        raise no_media()
    return media_id


_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,40}")


def no_media() -> NotFoundError:
    """The one sentence for a video that is not there and for one that the asker may not know of."""
    return NotFoundError("there is no such video, or it is no longer shown", code="media_missing")


def _media(row: Mapping[str, Any] | Any) -> Media:
    return Media(**{name: row[name] for name in Media.__dataclass_fields__})


def _for_ingest(c: Connection, actor: Actor, attempt_id: str) -> Any:
    """The attempt, for a coordinator or for the worker that ends what a coordinator began."""
    if actor is SYSTEM:
        found = attempt_of(c, attempt_id)
        check_open(c, found.project)
        return found
    return for_coordinator(c, actor, attempt_id)


def _for_review(c: Connection, actor: Actor, media_id: str) -> tuple[Media, str]:
    actor.require_somewhere("manage_attempts")
    row = c.execute(select(media.c.attempt).where(media.c.id == check_id(media_id))).first()
    if row is None:
        raise no_media()
    try:
        project_id = for_coordinator(c, actor, row.attempt).project
    except NotFoundError:
        raise no_media() from None
    found = media_of(c, media_id, lock=True)
    if found.kind != "derivative" or found.state not in ("review", "verified", "quarantined"):
        raise ConflictError(
            f"this file is {'an original' if found.kind == 'original' else found.state}; only a derivative is shown "
            "to raters or taken from them",
            kind="state",
            code="media_not_reviewable",
        )
    return found, project_id


def _check_time_map(made: NewDerivative, original: Media) -> None:
    try:
        hashes = (made.time_map["source"]["sha256"], made.time_map["derivative"]["sha256"])
        pictures = int(made.time_map["pictures"])
    except (KeyError, TypeError, ValueError):
        hashes, pictures = (None, None), 0
    if hashes != (original.sha256, made.sha256) or pictures < 1 or not made.duration_s > 0:
        raise InputError(
            "the time map is not that of this original and this derivative; ingest the recording again",
            field="time_map",
            code="time_map_wrong",
        )
