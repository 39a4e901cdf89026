"""Rubric versions: published once, then never changed (invariant 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import ValidationError
from sqlalchemy import Connection, Row, Text, delete, insert, select, type_coerce, update

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError, RubricError
from siming.rubric import Rubric, builtin_rubric_ids
from siming.rubric.check import check_rubric
from siming.store import audit
from siming.store.access import Actor
from siming.store.database import Database, new_id
from siming.store.schema import attempt, project, project_rubric, rubric_version

LONGEST_DOCUMENT = 1_000_000
"""Bytes of YAML; siming's own longest has under a tenth of it."""


@dataclass(frozen=True, slots=True)
class RubricVersion:
    """One published version."""

    id: str
    rubric: str
    version: str
    sha256: str
    state: str
    """``published`` or ``retired``: a retired one stays as it is and goes into no new work."""
    published_at: str | None
    title: str
    title_zh: str
    status: str
    """What the document says of itself: ``draft``, ``reviewed`` or ``official``."""
    n_steps: int
    total_points: float


def publish_rubric(db: Database, actor: Actor, document: bytes | str) -> RubricVersion:
    """Check a rubric and keep it for ever; the same document again is the same version.

    Raises:
        NotAllowedError: only an owner, of the installation or of a project, may.
        InputError: the document is not a sound rubric; the message says where.
        ConflictError: this id and version were published with other content.
    """
    if not may_publish(actor):
        raise NotAllowedError("only an owner of the installation or of a project publishes rubrics", code="owner_only")
    text = _text_of(document)
    rubric = parse_rubric(text)
    sha256 = hashlib.sha256(text.encode("utf-8")).hexdigest()
    with db.write() as c:
        same = c.execute(
            select(rubric_version).where(
                rubric_version.c.rubric == rubric.id, rubric_version.c.version == rubric.version
            )
        ).first()
        if same is not None:
            if same.sha256 == sha256:
                return _version(same)
            raise ConflictError(
                f"rubric {rubric.id} {rubric.version} is published with other content (sha256 {same.sha256[:12]}); "
                "give the new one a new version",
                kind="exists",
                code="rubric_version_taken",
                params={"rubric": rubric.id, "version": rubric.version},
            )
        now = db.stamp()
        values = {
            "id": new_id("rv"),
            "rubric": rubric.id,
            "version": rubric.version,
            "sha256": sha256,
            "document": text,
            "state": "published",
            "created_at": now,
            "published_at": now,
        }
        c.execute(insert(rubric_version).values(**values))
        audit.record(
            c,
            db,
            actor,
            "rubric.publish",
            f"rubric_version:{values['id']}",
            after=sha256,
            detail={"rubric": rubric.id, "version": rubric.version},
        )
        return _version(c.execute(select(rubric_version).where(rubric_version.c.id == values["id"])).one())


def publish_builtin(db: Database, actor: Actor, rubric_id: str) -> RubricVersion:
    """Publish a rubric that comes with siming, byte for byte."""
    return publish_rubric(db, actor, builtin_document(rubric_id))


def builtin_document(rubric_id: str) -> bytes:
    """The YAML of a rubric that comes with siming."""
    if rubric_id not in builtin_rubric_ids():
        raise NotFoundError(f"there is no built-in rubric {rubric_id!r}; there are {', '.join(builtin_rubric_ids())}")
    for entry in files("siming.rubric.builtin").iterdir():
        if entry.name.endswith(".yaml"):
            document = entry.read_bytes()
            if parse_rubric(document.decode("utf-8")).id == rubric_id:
                return document
    raise NotFoundError(f"the file of the built-in rubric {rubric_id!r} is missing; install siming again")


def retire_rubric(db: Database, actor: Actor, version_id: str) -> RubricVersion:
    """Take a version out of new work; what was rated with it stays."""
    if not may_publish(actor):
        raise NotAllowedError("only an owner of the installation or of a project retires rubrics", code="owner_only")
    with db.write() as c:
        row = _row(c, version_id)
        if row.state == "published":
            c.execute(update(rubric_version).where(rubric_version.c.id == version_id).values(state="retired"))
            audit.record(c, db, actor, "rubric.retire", f"rubric_version:{version_id}", before=row.sha256)
        return _version(_row(c, version_id))


def rubric_versions(db: Database, actor: Actor) -> tuple[RubricVersion, ...]:
    """Every version that he may read (`read_version`), by rubric, newest first."""
    with db.read() as c:
        rows = c.execute(
            select(rubric_version)
            .where(rubric_version.c.state != "draft")
            .order_by(rubric_version.c.rubric, rubric_version.c.published_at.desc(), rubric_version.c.id)
        ).all()
        return tuple(_version(row) for row in rows if _may_read(c, actor, row))


def read_version(db: Database, actor: Actor, version_id: str) -> RubricVersion:
    """One version, for somebody who may read it.

    Everybody reads what comes with siming, members read what a project of theirs rates with or has rated with, and who
    may publish reads all. A site's own rubric may be an exam that its candidates must not know.

    Raises:
        NotFoundError: there is none of that id, or it is none of his.
    """
    with db.read() as c:
        row = _row(c, version_id)
        if not _may_read(c, actor, row):
            raise _no_version(version_id)
        return _version(row)


def get_rubric(db: Database, version_id: str) -> Rubric:
    """The rubric of a version."""
    with db.read() as c:
        return rubric_in(c, version_id)


def rubric_in(c: Connection, version_id: str) -> Rubric:
    """The same inside a transaction."""
    return parse_rubric(_row(c, version_id).document)


def document_of(db: Database, version_id: str) -> str:
    """The YAML as published."""
    with db.read() as c:
        return str(_row(c, version_id).document)


def project_rubrics(db: Database, actor: Actor, project_id: str) -> tuple[RubricVersion, ...]:
    """What a project rates with, in the order of the rating page."""
    actor.require("see_project", project_id)
    with db.read() as c:
        rows = c.execute(
            select(rubric_version)
            .join(project_rubric, project_rubric.c.rubric_version == rubric_version.c.id)
            .where(project_rubric.c.project == project_id)
            .order_by(project_rubric.c.position)
        )
        return tuple(_version(row) for row in rows)


def set_project_rubrics(db: Database, actor: Actor, project_id: str, version_ids: Sequence[str]) -> None:
    """Say what a project rates with from now on; attempts and assignments that exist keep theirs.

    Raises:
        InputError: a version twice, a retired one that was not there before, or two versions of one rubric.
    """
    actor.require("manage_project", project_id)
    with db.write() as c:
        c.execute(select(project.c.id).where(project.c.id == project_id).with_for_update()).one()
        before = list(
            c.execute(
                select(project_rubric.c.rubric_version)
                .where(project_rubric.c.project == project_id)
                .order_by(project_rubric.c.position)
            ).scalars()
        )
        rows = [_row(c, version_id) for version_id in version_ids]
        for row in rows:
            if row.state != "published" and row.id not in before:
                raise InputError(
                    f"rubric {row.rubric} {row.version} is {row.state}; choose a published version",
                    field="rubrics",
                    code="rubric_not_published",
                    params={"rubric": row.rubric, "version": row.version},
                )
        if len({row.rubric for row in rows}) < len(rows):
            raise InputError(
                "a project rates with one version of each rubric; choose one",
                field="rubrics",
                code="rubric_chosen_twice",
            )
        c.execute(delete(project_rubric).where(project_rubric.c.project == project_id))
        for position, row in enumerate(rows):
            c.execute(insert(project_rubric).values(project=project_id, rubric_version=row.id, position=position))
        audit.record(
            c,
            db,
            actor,
            "project.rubrics",
            f"project:{project_id}",
            project=project_id,
            detail={"before": before, "after": [row.id for row in rows]},
        )


def may_publish(actor: Actor) -> bool:
    """Whether he may publish and retire rubrics."""
    return actor.is_owner or any(actor.may("manage_project", project_id) for project_id in actor.roles)


def _may_read(c: Connection, actor: Actor, row: Row[Any]) -> bool:
    if may_publish(actor) or row.sha256 in _builtin_sha256():
        return True
    own = list(actor.roles)
    now = select(project_rubric.c.project).where(
        project_rubric.c.rubric_version == row.id, project_rubric.c.project.in_(own)
    )
    # An attempt keeps the versions it came with when its project goes over to newer ones.
    once = select(attempt.c.id).where(
        attempt.c.project.in_(own), type_coerce(attempt.c.rubrics, Text).contains(f'"{row.id}"', autoescape=True)
    )
    return any(c.execute(wanted.limit(1)).first() is not None for wanted in (now, once))


@lru_cache(maxsize=1)
def _builtin_sha256() -> frozenset[str]:
    entries = files("siming.rubric.builtin").iterdir()
    return frozenset(
        hashlib.sha256(entry.read_bytes()).hexdigest() for entry in entries if entry.name.endswith(".yaml")
    )


@lru_cache(maxsize=64)
def parse_rubric(text: str) -> Rubric:
    """A rubric from its YAML, checked.

    Raises:
        InputError: what is wrong and where.
    """
    try:
        _refuse_traps(text)
        plain = _loaded(text)
        if not isinstance(plain, dict):
            raise _unsound(f"it holds {type(plain).__name__}, wanted keys with values", "no_keys")
        if plain.get("schema") != Rubric.SCHEMA:
            raise _unsound(f"its schema is not {Rubric.SCHEMA}", "schema", wanted=Rubric.SCHEMA)
        rubric = Rubric.from_plain(plain)
        check_rubric(rubric, where="the rubric")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            raise _unsound(str(error), "yaml") from error
        raise _unsound(str(error), "yaml_at", line=mark.line + 1, column=mark.column + 1) from error
    except ValueError as error:
        if isinstance(error.__cause__, ValidationError):
            raise _misfit(str(error), error.__cause__) from error
        raise _unsound(str(error), "said", why=str(error)) from error
    except RubricError as error:
        raise _unsound(str(error), "said", why=str(error)) from error
    return rubric


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _loaded(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - one of the safe ones
    except (ArithmeticError, LookupError, TypeError, AttributeError) as error:
        # The library lets these out where a value is not what its tag says, such as `!!int ''`.
        raise _unsound(f"a value is not what its tag says ({error})", "yaml") from error


DEEPEST = 40
"""Levels of a document; siming's own rubrics have seven."""
MOST_PARTS = 40_000
"""Keys, values and brackets of a document; siming's own rubrics have some thousands."""


def _refuse_traps(text: str) -> None:
    """Stop at the first sign of a document made to eat time or memory, before anything is built from it."""
    depth = 0
    for number, found in enumerate(yaml.parse(text, Loader=_LOADER)):
        if number > MOST_PARTS:
            raise _unsound(f"it has more than {MOST_PARTS} keys and values", "parts", at_most=MOST_PARTS)
        if isinstance(found, yaml.AliasEvent):
            raise _unsound("it refers to its own parts with * (an alias); write them out", "alias")
        if isinstance(found, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(found, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise _unsound(f"it is nested more than {DEEPEST} levels deep", "deep", at_most=DEEPEST)


MOST_TOLD = 12
"""Misfits of one document that are told at once."""


def _unsound(message: str, kind: str, **facts: object) -> InputError:
    return _refused(message, [InputError(message, code=f"rubric_{kind}", params=facts)])


def _misfit(message: str, found: ValidationError) -> InputError:
    """One refusal of the first fields that do not fit; pages say each in the reader's language."""
    told = []
    for item in found.errors(include_url=False)[:MOST_TOLD]:
        where = ".".join(str(piece) for piece in item["loc"]) or "–"
        said = item["msg"].removeprefix("Value error, ")
        kind = "rule" if item["type"] in ("value_error", "assertion_error") else "field"
        why = {"why": said} if kind == "rule" else {"why": item["type"], **item.get("ctx", {})}
        told.append(InputError(f"{where}: {said}", code=f"rubric_{kind}", params={"field": where, **why}))
    return _refused(message, told)


def _refused(message: str, told: list[InputError]) -> InputError:
    return InputError(
        f"the rubric cannot be published: {message}", field="document", code="rubric_unsound", params={"why": told}
    )


def _text_of(document: bytes | str) -> str:
    raw = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else document
    if len(raw) > LONGEST_DOCUMENT:
        raise _unsound(
            f"it has {len(raw)} bytes, at most {LONGEST_DOCUMENT} are taken",
            "bytes",
            n=len(raw),
            at_most=LONGEST_DOCUMENT,
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unsound(f"it is not UTF-8 (byte {error.start}); save it as UTF-8", "encoding") from error
    if "\x00" in text:
        raise _unsound("it holds a NUL character", "encoding")
    return text


def _row(c: Connection, version_id: str) -> Row[Any]:
    row = c.execute(select(rubric_version).where(rubric_version.c.id == version_id)).first()
    if row is None:
        raise _no_version(version_id)
    return row


def _no_version(version_id: str) -> NotFoundError:
    return NotFoundError(f"there is no rubric version {version_id!r}")


def _version(row: Row[Any]) -> RubricVersion:
    rubric = parse_rubric(row.document)
    return RubricVersion(
        id=row.id,
        rubric=row.rubric,
        version=row.version,
        sha256=row.sha256,
        state=row.state,
        published_at=row.published_at,
        title=rubric.title,
        title_zh=rubric.title_zh,
        status=rubric.status,
        n_steps=len(rubric.steps),
        total_points=rubric.total_points,
    )
