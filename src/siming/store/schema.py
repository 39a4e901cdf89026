"""The tables of the exam room, for SQLite and PostgreSQL alike.

Ids are short random texts: a counter would tell a rater how much the others have done. Times are ISO 8601 in UTC with
six decimals, so that they sort as text. What is append-only here is held so by triggers (`triggers.py`).
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from siming.store.canonical import canonical_json

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every constraint has a name, so that a later migration can change it on both databases."""


class Json(TypeDecorator[Any]):
    """Plain values as canonical JSON text: the same bytes on both databases, ready to be hashed."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def _id() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = False, index: bool = True) -> Column[str]:
    return Column(name, Text, ForeignKey(f"{target}.id"), nullable=nullable, index=index)


def _one_of(name: str, column: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(v) for v in values)})", name=name)


# --- people ---------------------------------------------------------------------------------------------------------

person = Table(
    "person",
    METADATA,
    _id(),
    Column("login", Text, nullable=False, unique=True),  # lower case; an e-mail address or a short name
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text),  # argon2id; NULL for who comes by OIDC only
    Column("oidc_subject", Text, unique=True),  # "issuer|subject"
    Column("is_owner", Boolean, nullable=False, default=False),  # of the whole installation
    Column("language", Text, nullable=False, default="en"),
    Column("settings", Json, nullable=False, default=dict),  # theme, key map
    Column("created_at", Text, nullable=False),
    Column("disabled_at", Text),
)

web_session = Table(
    "web_session",
    METADATA,
    Column("token_hash", Text, primary_key=True),  # sha256 of the cookie's value: a stolen database opens no door
    _ref("person", "person"),
    Column("csrf", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
)

api_token = Table(
    "api_token",
    METADATA,
    _id(),
    Column("token_hash", Text, nullable=False, unique=True),
    _ref("person", "person"),
    Column("name", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text),
    Column("revoked_at", Text),
)

invitation = Table(
    "invitation",
    METADATA,
    Column("token_hash", Text, primary_key=True),  # lets one person set a password once
    _ref("person", "person"),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("used_at", Text),
)

# --- projects -------------------------------------------------------------------------------------------------------

project = Table(
    "project",
    METADATA,
    _id(),
    Column("slug", Text, nullable=False, unique=True),  # in addresses and in the exported dataset's name
    Column("title", Text, nullable=False),
    Column("policy", Json, nullable=False),  # see policy.py
    Column("state", Text, nullable=False, default="open"),
    Column("created_at", Text, nullable=False),
    Column("closed_at", Text),
    _one_of("state", "state", "open", "closed"),
)

membership = Table(
    "membership",
    METADATA,
    _id(),
    _ref("project", "project"),
    _ref("person", "person"),
    Column("code", Text, nullable=False),  # such as R07: the name that sheets and exports carry
    Column("roles", Json, nullable=False),  # list of role names, see access.py
    Column("held", Json, nullable=False, default=list),  # every role ever held: what was seen cannot be unseen
    Column("site", Text),
    Column("conflicts", Json, nullable=False, default=list),  # attempt codes this person may not rate
    Column("minutes", Float),  # what this person can give, minutes of video
    Column("created_at", Text, nullable=False),
    Column("ended_at", Text),
    UniqueConstraint("project", "person"),
    UniqueConstraint("project", "code"),
)

rubric_version = Table(
    "rubric_version",
    METADATA,
    _id(),
    Column("rubric", Text, nullable=False),  # id inside the document, such as cpr-adult-single
    Column("version", Text, nullable=False),
    Column("sha256", Text, nullable=False),  # of `document`
    Column("document", Text, nullable=False),  # the YAML as published
    Column("state", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("published_at", Text),
    UniqueConstraint("rubric", "version"),
    _one_of("state", "state", "draft", "published", "retired"),
)

project_rubric = Table(
    "project_rubric",
    METADATA,
    _ref("project", "project"),
    _ref("rubric_version", "rubric_version"),
    Column("position", Integer, nullable=False),  # the order of the skills on the rating page
    UniqueConstraint("project", "rubric_version"),
)

# --- attempts and media ---------------------------------------------------------------------------------------------

attempt = Table(
    "attempt",
    METADATA,
    _id(),
    _ref("project", "project"),
    Column("code", Text, nullable=False),  # the pseudonym that raters see and exports carry
    Column("site", Text),
    Column("occasion", Text),
    Column("candidate_code", Text),  # pseudonym of the candidate; the person behind it lies in the vault
    Column("rubrics", Json, nullable=False),  # ids of rubric_version, in order
    Column("params", Json, nullable=False, default=dict),
    Column("state", Text, nullable=False, default="usable"),
    Column("excluded_reason", Text),  # a code, see `exclusion.REASONS`
    _ref("excluded_by", "person", nullable=True, index=False),
    _ref("exclusion_confirmed_by", "person", nullable=True, index=False),  # must be a second person
    Column("gold", Boolean, nullable=False, default=False),  # for calibration: the expert panel's sheet exists
    Column("created_at", Text, nullable=False),
    UniqueConstraint("project", "code"),
    _one_of("state", "state", "usable", "exclusion_asked", "excluded"),
)

media = Table(
    "media",
    METADATA,
    _id(),
    _ref("attempt", "attempt"),
    Column("kind", Text, nullable=False),
    _ref("made_from", "media", nullable=True, index=False),  # a derivative's original
    Column("camera", Text, nullable=False, default="main"),
    Column("sha256", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("path", Text, nullable=False),  # below the media folder, content-addressed
    Column("duration_s", Float),
    Column("width", Integer),
    Column("height", Integer),
    Column("rate", Text),  # mean pictures per second as a fraction, "30000/1001"
    Column("time_map", Json),  # of a derivative: see video/timemap.py
    Column("recipe", Json),  # of a derivative: what was masked and removed
    Column("facts", Json, nullable=False, default=dict),  # what the probe and the ingest found; preview pictures
    Column("clock_offset_s", Float, nullable=False, default=0.0),  # of this camera against the main one
    Column("state", Text, nullable=False),
    Column("state_reason", Text),
    Column("created_at", Text, nullable=False),
    CheckConstraint("kind <> 'derivative' OR (time_map IS NOT NULL AND made_from IS NOT NULL)", name="time_map"),
    _one_of("kind", "kind", "original", "derivative"),
    _one_of("state", "state", "ingest", "review", "verified", "quarantined", "erased"),
)

upload = Table(
    "upload",
    METADATA,
    _id(),
    _ref("project", "project"),
    _ref("attempt", "attempt", nullable=True),
    _ref("person", "person"),
    Column("file_name", Text, nullable=False),  # as the browser gave it; shown, never used as a path
    Column("fingerprint", Text),  # what the browser knows the file again by; means nothing to the server
    Column("size", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False, default=0),  # on the disk for certain
    Column("camera", Text, nullable=False, default="main"),
    Column("recipe", Json, nullable=False),
    Column("state", Text, nullable=False),
    Column("progress", Float, nullable=False, default=0.0),  # of the ingest, 0 to 1
    Column("problem", Text),  # why it failed: a code, see `uploads.PROBLEMS`
    Column("problem_text", Text),  # the same in the words of what found it
    _ref("original", "media", nullable=True, index=False),
    _ref("derivative", "media", nullable=True, index=False),
    Column("created_at", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
    _one_of("state", "state", "receiving", "queued", "working", "done", "failed", "cancelled"),
)

media_view = Table(
    "media_view",
    METADATA,
    Column("media", Text, ForeignKey("media.id"), primary_key=True),
    Column("person", Text, ForeignKey("person.id"), primary_key=True),
    Column("session", Text, primary_key=True),  # a digest: one line a session, however many ranges were asked for
    Column("first_at", Text, nullable=False),
)

object_view = Table(
    "object_view",  # the same for cases, cells, consensus, statistics and gold sheets
    METADATA,
    Column("object", Text, primary_key=True),  # as in the audit, such as case:ca_...
    Column("person", Text, ForeignKey("person.id"), primary_key=True),
    Column("session", Text, primary_key=True),
    Column("first_at", Text, nullable=False),
)

# --- blind rating ---------------------------------------------------------------------------------------------------

assignment = Table(
    "assignment",
    METADATA,
    _id(),
    _ref("project", "project"),
    _ref("attempt", "attempt", index=False),
    _ref("rater", "person", index=False),
    Column("slot", Integer, nullable=False),  # 0 or 1 (more where the plan says so); never shown to the rater
    Column("position", Integer, nullable=False),  # in the rater's own order
    Column("purpose", Text, nullable=False),
    Column(
        "rubrics", Json, nullable=False
    ),  # [{"id": rubric_version.id, "rubric", "version", "sha256", "steps": how many}]
    Column("media_sha256", Text),  # of the derivative rated; set when first opened
    Column("state", Text, nullable=False, default="queued"),
    Column("not_before", Text),
    Column("wait_days", Integer),  # of a repeat: how long after its first rating was locked it may be seen
    Column("due_at", Text),
    Column("revision", Integer, nullable=False, default=0),  # 0 until first submitted; each reopening adds one
    Column("reopened_reason", Text),
    Column("draft", Json, nullable=False, default=dict),  # the fold of the events, see draft.py
    Column("done", Integer, nullable=False, default=0),  # steps of the draft that are scored or left blank on purpose
    Column(
        "seq", Integer, nullable=False, default=0
    ),  # last event's number; counted per assignment, see `rating_event`
    Column("fence", Integer, nullable=False, default=0),  # of the writer lease: a take-over adds one
    Column("writer", Text),  # client id that holds the lease
    Column("opened_at", Text),
    Column("created_at", Text, nullable=False),
    _one_of("state", "state", "queued", "open", "in_progress", "submitted", "reopened", "withdrawn"),
    _one_of("purpose", "purpose", "score", "link", "repeat", "calibration", "ai_assisted"),
    Index("ix_assignment_queue", "rater", "project", "state", "position"),
    # Asked on nearly every page: has this person this attempt still before him? By person alone it would take all he has.
    Index("ix_assignment_attempt", "attempt", "rater", "state"),
)

rating_event = Table(
    "rating_event",
    METADATA,
    Column("assignment", Text, ForeignKey("assignment.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),  # per assignment: a global number would count other people's work
    Column("client", Text, nullable=False),
    Column("client_seq", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("aside", Boolean, nullable=False, default=False),  # came from a stale writer: kept, never merged
    Column("revision", Integer, nullable=False),
    Column("field", Text, nullable=False),
    Column("rubric", Text),
    Column("step", Text),
    Column("old", Json),
    Column("new", Json),
    Column("media_s", Float),
    Column("client_at", Text, nullable=False),  # the device's clock, as it was
    Column("server_at", Text, nullable=False),
    UniqueConstraint("assignment", "client", "client_seq"),
)

device = Table(
    "device",
    METADATA,
    Column("client", Text, primary_key=True),
    Column("assignment", Text, ForeignKey("assignment.id"), primary_key=True, index=True),
    _ref("person", "person", index=False),
    Column("unsent", Integer, nullable=False, default=0),  # what the device last said it still held
    Column("fence", Integer, nullable=False, default=0),  # of the lease, as the device last heard it
    Column("held", Boolean, nullable=False, default=False),  # the lease, ever; a device that did not has only looked
    Column("browser", Text),  # of what family and on what system, such as "Chrome, Android"
    Column("seen_at", Text, nullable=False),
    Column("written_off_at", Text),
    _ref("written_off_by", "person", nullable=True, index=False),
    Column("written_off_reason", Text),
)

submission = Table(
    "submission",
    METADATA,
    _id(),
    _ref("assignment", "assignment"),
    Column("revision", Integer, nullable=False),  # 1 is the first and independent one: agreement uses only this
    Column("purpose", Text, nullable=False),  # of the assignment when it was locked: AI-assisted stays so for ever
    Column("rubrics", Json, nullable=False),  # as in `assignment`: what was rated by, with its hash
    Column("sheets", Json, nullable=False),  # siming.sheet/1, one per rubric
    Column("snapshot_sha256", Text, nullable=False),  # what device and server agreed on
    Column("sha256", Text, nullable=False),  # of the canonical JSON of everything here: the receipt
    Column("media_sha256", Text),
    Column("played_share", Float),
    Column("work_s", Float),  # first to last event
    Column("initials", Text, nullable=False),
    Column("reason", Text),  # of a later revision
    Column("last_seq", Integer, nullable=False),
    Column("locked_at", Text, nullable=False),
    UniqueConstraint("assignment", "revision"),
)

# --- adjudication and consensus -------------------------------------------------------------------------------------

comparison = Table(
    "comparison",  # a pure function of two locked submissions and a tolerance, kept because 10,000 are filtered at once
    METADATA,
    Column("first", Text, ForeignKey("submission.id"), primary_key=True),
    Column("second", Text, ForeignKey("submission.id"), primary_key=True),
    Column("tolerance", Text, primary_key=True),
    _ref("attempt", "attempt"),
    _ref("project", "project"),
    Column("cells", Json, nullable=False),  # rubric version -> one letter per step, see `comparison.LETTERS`
    Column("points", Json, nullable=False),  # rubric version -> [[first, second], ...]
    Column("n_exact", Integer, nullable=False),
    Column("n_evidence_disjoint", Integer, nullable=False),
    Column("n_within_tolerance", Integer, nullable=False),
    Column("n_discrepant", Integer, nullable=False),
    Column("n_blank", Integer, nullable=False),
    Column("n_critical_mismatch", Integer, nullable=False),
    Column("problem", Text),  # why the two cannot be compared
)

adjudication_case = Table(
    "adjudication_case",
    METADATA,
    _id(),
    _ref("attempt", "attempt"),
    _ref("first", "submission", index=False),
    _ref("second", "submission", index=False),
    Column("mode", Text, nullable=False),
    Column("state", Text, nullable=False, default="open"),
    Column("swapped", Boolean, nullable=False),  # shuffles the sides, drawn once per case
    Column("policy", Json, nullable=False),  # the policy the comparison was made under
    Column("version", Integer, nullable=False, default=0),  # compare-and-swap: every decision adds one
    _ref("holder", "person", nullable=True, index=False),
    Column("fence", Integer, nullable=False, default=0),
    Column("lease_until", Text),
    Column("n_open", Integer, nullable=False),  # steps still to decide, and the critical ones among them: the list of
    Column("n_critical", Integer, nullable=False),  # cases sorts by them; written with every decision
    Column("created_at", Text, nullable=False),
    Column("decided_at", Text),
    UniqueConstraint("first", "second"),
    _one_of("mode", "mode", "third", "joint"),
    _one_of("state", "state", "open", "leased", "decided", "confirmed", "withdrawn"),
)

decision = Table(
    "decision",
    METADATA,
    Column("case", Text, ForeignKey("adjudication_case.id"), primary_key=True),
    Column("version", Integer, primary_key=True),  # the case's version that this decision made
    Column("kind", Text, nullable=False),
    Column("rubric", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("choice", Text),
    Column("entry", Json),  # the entry decided on
    Column("template", Text),  # id of a sentence that the language files hold
    Column("rationale", Text, nullable=False),  # the decider's own words; empty where the template says it all
    Column("undoes", Integer),  # version of the act that an undo takes back
    _ref("person", "person", index=False),
    Column("fence", Integer, nullable=False),
    Column("decided_at", Text, nullable=False),
    _one_of("kind", "kind", "decide", "reopen_agreed", "undo", "appeal"),
    _one_of("choice", "choice", "first", "second", "other"),
)

confirmation = Table(
    "confirmation",
    METADATA,
    Column("case", Text, ForeignKey("adjudication_case.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("person", Text, ForeignKey("person.id"), primary_key=True),
    Column("confirmed_at", Text, nullable=False),
)

late_write = Table(
    "late_write",
    METADATA,
    _id(),
    Column("case", Text, ForeignKey("adjudication_case.id"), nullable=False, index=True),
    _ref("person", "person", index=False),
    Column("payload", Json, nullable=False),  # a refused decision with its text, given back to its author
    Column("refused_because", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)

consensus_version = Table(
    "consensus_version",
    METADATA,
    _id(),
    _ref("attempt", "attempt"),
    Column("number", Integer, nullable=False),
    Column("case", Text, ForeignKey("adjudication_case.id"), index=True),  # NULL: all agreed, or single
    Column("sheets", Json, nullable=False),  # siming.sheet/1 by author kind consensus, one per rubric
    Column("provenance", Json, nullable=False),  # rubric -> step -> agreed | adjudicated | single
    Column("parents", Json, nullable=False),  # submissions, and the version it supersedes
    Column("state", Text, nullable=False),
    Column("reason", Text),  # of an appeal
    _ref("made_by", "person", nullable=True, index=False),  # NULL: siming, from two sheets without a difference
    _ref("locked_by", "person", nullable=True, index=False),
    Column("created_at", Text, nullable=False),
    Column("locked_at", Text),
    Column("sha256", Text, nullable=False),
    UniqueConstraint("attempt", "number"),
    _one_of("state", "state", "provisional", "locked", "superseded"),
)

# --- models, statistics, releases -----------------------------------------------------------------------------------

model_run = Table(
    "model_run",
    METADATA,
    _id(),
    _ref("project", "project"),
    _ref("attempt", "attempt"),
    Column("model", Text, nullable=False),
    Column("rubric", Text, nullable=False),  # of a model, attempt and rubric the newest counts; a release names its own
    Column("sheet", Json, nullable=False),
    Column("about", Json, nullable=False, default=dict),  # prompt, settings, raw output, missing
    Column("batch", Text, nullable=False),  # sheets that came in together: the audit's line names it
    _ref("added_by", "person", index=False),
    Column("created_at", Text, nullable=False),
)

gold_sheet = Table(
    "gold_sheet",
    METADATA,
    _id(),
    _ref("attempt", "attempt"),
    Column("sheet", Json, nullable=False),  # the expert panel's, for calibration
    Column("source", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("replaced_at", Text),  # when newer ones of the attempt came in
)

stat_snapshot = Table(
    "stat_snapshot",
    METADATA,
    _id(),
    _ref("project", "project"),
    Column("kind", Text, nullable=False),  # agreement, calibration ...
    Column(
        "inputs_sha256", Text, nullable=False
    ),  # over the submissions that went in, and what is known of the attempts
    Column("inputs", Json, nullable=False),  # their ids, and what the attempts were called then
    Column("n_submissions", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),  # of the project then: has it moved on since?
    Column("configuration", Json, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("figures", Json, nullable=False),  # every figure shown, with n, interval, left out
    Column("created_at", Text, nullable=False),
    Index("ix_stat_snapshot_lookup", "project", "kind", "inputs_sha256"),
)

release = Table(
    "release",
    METADATA,
    _id(),
    _ref("project", "project"),
    Column("name", Text, nullable=False),
    Column("manifest", Json, nullable=False),  # consensus versions, submissions, rubrics, agreements in force
    Column("manifest_sha256", Text, nullable=False),
    _ref("made_by", "person", index=False),
    Column("created_at", Text, nullable=False),
    UniqueConstraint("project", "name"),
)

# --- audit ----------------------------------------------------------------------------------------------------------

audit_event = Table(
    "audit_event",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),  # person id, or "siming"
    Column("act", Text, nullable=False),  # such as submission.lock
    Column("project", Text, index=True),
    Column("object", Text, nullable=False),  # such as assignment:as_...
    Column("before", Text),  # sha256 of the thing before and after
    Column("after", Text),
    Column("detail", Json, nullable=False, default=dict),  # never a secret, never an identity
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

audit_head = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True),  # always 1: the row whose lock puts audited writes in line
    Column("seq", Integer, nullable=False),
    Column("hash", Text, nullable=False),
)

audit_reason = Table(
    "audit_reason",
    METADATA,
    Column("sha256", Text, primary_key=True),  # over salt and words: what the line holds
    Column("salt", Text),  # goes with the words, so that nobody can try out what they may have been
    Column("words", Text),  # NULL once erased: people write names in here
    Column("created_at", Text, nullable=False),
    Column("erased_at", Text),
)

secret = Table(
    "secret",
    METADATA,
    Column("name", Text, primary_key=True),  # signing keys that all servers of one database must share
    Column("value", LargeBinary, nullable=False),
)

APPEND_ONLY = (
    "audit_event",
    "rating_event",
    "submission",
    "decision",
    "confirmation",
    "late_write",
    "model_run",
    "stat_snapshot",
    "release",
)
"""Tables whose rows may never be changed or taken out."""

KEPT = {
    "adjudication_case": ("id", "attempt", "first", "second", "mode", "swapped", "policy", "created_at"),
    "consensus_version": (
        "id",
        "attempt",
        "number",
        "case",
        "sheets",
        "provenance",
        "parents",
        "reason",
        "made_by",
        "created_at",
        "sha256",
    ),
    "gold_sheet": ("id", "attempt", "sheet", "source", "created_at"),
}
"""Tables whose rows may never be taken out, and the columns that may never change; the others say how far a thing has
come."""
