"""What the rating API takes and answers, and how the store's words become answers. Other pages answer with parts of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from siming.rubric import Rubric
from siming.rubric.points import HALF, point_ranges
from siming.store.blind import assignments, changes, submissions
from siming.store.blind.advice import advice_on
from siming.store.blind.change import Field as ChangedField
from siming.store.blind.change import Paper
from siming.store.blind.draft import BLANK_REASONS, Draft, Total, totals
from siming.store.blind.lease import RatingView
from siming.store.blind.queue import Card
from siming.store.blind.submissions import Receipt
from siming.store.blind.summary import Problem, Summary
from siming.store.database import Database
from siming.store.media.media import RatedMedia
from siming.web import signing, texts
from siming.web.who import SignedIn

Client = Annotated[
    str, Field(description="The tab's own random name: 8 to 64 letters, digits, - and _.", max_length=80)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Both(BaseModel):
    """A text in both languages."""

    en: str
    zh: str


# --- what is sent ---------------------------------------------------------------------------------------------------


class OpenBody(_Strict):
    """Open an assignment in a tab."""

    client: Client
    take_over: bool = Field(default=False, description="Take the lease from the tab or device that holds it.")


class ChangeBody(_Strict):
    """One field's whole new value; null clears it, and the old value again undoes."""

    client_seq: int = Field(ge=1, lt=2**31, description="Rising per client.")
    field: ChangedField
    rubric: str | None = None
    step: str | None = None
    value: Any = None
    media_s: float | None = None
    at: str = Field(max_length=40, description="The device's clock, ISO 8601.")


class ChangesBody(_Strict):
    """A batch of changes; an empty one is a sign of life."""

    client: Client
    fence: int = Field(ge=0, lt=2**31)
    unsent: int = Field(default=0, ge=0, le=10**9, description="How many more the device still holds.")
    changes: list[ChangeBody] = Field(max_length=changes.MOST_IN_A_BATCH)


class AdoptBody(_Strict):
    """Who takes over what was kept aside."""

    client: Client
    fence: int = Field(ge=0, lt=2**31)


class SubmitBody(_Strict):
    """What is to be locked, signed."""

    client: Client
    fence: int = Field(ge=0, lt=2**31)
    snapshot_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    initials: str = Field(max_length=80)


class ReasonBody(_Strict):
    """Why."""

    reason: str = Field(max_length=4000)


class ReassignBody(ReasonBody):
    """Who rates instead."""

    rater: str = Field(max_length=60, description="Id of the person.")
    despite: list[assignments.Despite] = Field(
        default=[], max_length=3, description="What does not stand in the way this time; audited with the reason."
    )


# --- what comes back ------------------------------------------------------------------------------------------------


class CardAnswer(BaseModel):
    """An assignment in one's own queue."""

    id: str
    project: str
    attempt_code: str
    purpose: str
    state: str
    position: int
    done: int
    steps: int
    duration_s: float | None
    due_at: str | None
    waiting_for: str | None


class QueueAnswer(BaseModel):
    """One's own assignments in one's own order."""

    assignments: list[CardAnswer]
    total: int
    n_finished: int
    next: str | None


class PolicyAnswer(BaseModel):
    """What the rating page needs of the project's policy."""

    explain: str
    evidence_required: bool
    unseen_max_share: float | None
    show_total: bool
    global_rating: bool
    watermark: bool


class DeductionAnswer(BaseModel):
    """A fault that can be ticked."""

    id: str
    letter: str = Field(description="The key behind D that ticks it.")
    points: float
    severity: str
    text: Both
    group: str | None


class StepAnswer(BaseModel):
    """A step to rate."""

    id: str
    order: int
    title: Both
    max_points: float
    criteria: list[Both]
    deductions: list[DeductionAnswer]
    ranges: dict[str, tuple[float, float] | None] = Field(description="Level to least and most points that carry it.")
    point_step: float


class RubricAnswer(BaseModel):
    """A rubric to rate by."""

    id: str
    version: str
    title: Both
    skill: str
    steps: list[StepAnswer]


class MediaAnswer(BaseModel):
    """A film to watch; evidence is in seconds of the first one."""

    id: str
    camera: str
    url: str = Field(description="Signed, for this person and half an hour.")
    frames_url: str
    duration_s: float
    sha256: str
    sound: bool
    clock_offset_s: float


class BlankReason(BaseModel):
    """A usual reason for leaving a step unjudged."""

    letter: str
    code: str
    en: str
    zh: str


class ReceiptAnswer(BaseModel):
    """Proof of a submission."""

    receipt: str = Field(description="sha256 over everything that was locked.")
    id: str
    locked_at: str
    revision: int
    snapshot_sha256: str
    initials: str


class RatingAnswer(BaseModel):
    """Everything the rating page needs."""

    id: str
    attempt_code: str
    purpose: str
    state: str
    revision: int
    read_only: bool
    reopened_reason: str | None
    policy: PolicyAnswer
    viewer_code: str
    rubrics: list[RubricAnswer]
    media: list[MediaAnswer]
    blank_reasons: list[BlankReason]
    draft: dict[str, Any]
    seq: int
    server_time: str
    public_key: str
    receipt: ReceiptAnswer | None = Field(description="Of what is locked; null while it is worked on.")


class AsideAnswer(BaseModel):
    """A change that was kept and not merged."""

    client: str
    client_seq: int
    field: str
    rubric: str | None
    step: str | None
    value: Any
    media_s: float | None
    at: str
    server_at: str


class OpenAnswer(BaseModel):
    """What a tab knows after it opened an assignment."""

    view: RatingAnswer
    fence: int
    writer: bool
    held_by_other: bool
    last_client_seq: int
    aside: list[AsideAnswer]
    ticket: str


class TotalAnswer(BaseModel):
    """Points of one rubric."""

    points: float
    max: float
    left: int


class LimitAnswer(BaseModel):
    """What limits a step."""

    rubric: str
    step: str
    kind: str
    points: float | None
    certain: bool
    text: Both


class ConflictAnswer(BaseModel):
    """A step with more points than a certain limit allows."""

    rubric: str
    step: str
    text: Both


class SavedAnswer(BaseModel):
    """What is on the server's disk now."""

    acked: list[int]
    seq: int
    saved_at: str
    totals: dict[str, TotalAnswer]
    limits: list[LimitAnswer]
    conflicts: list[ConflictAnswer]


class ProblemAnswer(BaseModel):
    """Something to look at before submission."""

    rubric: str | None
    step: str | None
    code: str
    text: Both
    blocking: bool


class RowAnswer(BaseModel):
    """A step as it was entered."""

    rubric: str
    step: str
    order: int
    title: Both
    points: float | None
    max_points: float
    label: int | None
    blank: dict[str, str] | None
    deductions: list[str]
    evidence: list[tuple[float, float]]
    note: str
    unsure: bool


class SummaryAnswer(BaseModel):
    """All of a draft, and whether it can be submitted."""

    rows: list[RowAnswer]
    problems: list[ProblemAnswer]
    totals: dict[str, TotalAnswer]
    unseen_share: float | None
    snapshot_sha256: str
    ready: bool


class ReopenAnswer(BaseModel):
    """The revision that is now worked on."""

    revision: int


class ReassignAnswer(BaseModel):
    """The new assignment."""

    id: str


class AssignedAnswer(BaseModel):
    """An assignment as its planner sees it."""

    id: str
    attempt: str
    attempt_code: str
    rater: str
    slot: int
    position: int
    purpose: str
    state: str
    done: int
    steps: int
    not_before: str | None
    due_at: str | None


# --- from the store's words to the answer's -------------------------------------------------------------------------


def say_problem(problem: Problem) -> dict[str, str]:
    """What is wrong, in both languages."""
    if problem.text is not None:
        return {"en": problem.text["en"], "zh": problem.text["zh"]}
    key = f"problem.{problem.code}"
    return {"en": texts.text("en", key, **problem.params), "zh": texts.text("zh", key, **problem.params)}


def blank_reason_texts() -> list[BlankReason]:
    """The usual reasons for leaving a step unjudged."""
    return [
        BlankReason(
            letter=letter,
            code=code,
            en=texts.text("en", f"blank_reason.{code}"),
            zh=texts.text("zh", f"blank_reason.{code}"),
        )
        for letter, code in BLANK_REASONS
    ]


def card_answer(card: Card) -> CardAnswer:
    return CardAnswer(
        id=card.id,
        project=card.project_title,
        attempt_code=card.attempt_code,
        purpose=card.purpose,
        state=card.state,
        position=card.position,
        done=card.done,
        steps=card.steps,
        duration_s=card.duration_s,
        due_at=card.due_at,
        waiting_for=card.waiting_for,
    )


def rating_answer(db: Database, who: SignedIn, view: RatingView) -> RatingAnswer:
    policy = view.policy
    return RatingAnswer(
        id=view.id,
        attempt_code=view.attempt_code,
        purpose=view.purpose,
        state=view.state,
        revision=view.revision,
        read_only=view.read_only,
        reopened_reason=view.reopened_reason,
        policy=PolicyAnswer(**{name: getattr(policy, name) for name in PolicyAnswer.model_fields}),
        viewer_code=view.viewer_code,
        rubrics=[rubric_answer(rubric) for rubric in view.rubrics],
        media=[media_answer(db, who, film) for film in view.media],
        blank_reasons=blank_reason_texts(),
        draft=dict(view.draft),
        seq=view.seq,
        server_time=view.server_time,
        public_key=view.public_key,
        receipt=_last_receipt(db, who, view),
    )


def media_answer(db: Database, who: SignedIn, film: RatedMedia) -> MediaAnswer:
    """A film with addresses for this person."""
    return MediaAnswer(
        id=film.id,
        camera=film.camera,
        url=signing.media_address(db, film.id, who.actor.id).url,
        frames_url=signing.frames_address(film.id),
        duration_s=film.duration_s,
        sha256=film.sha256,
        sound=film.sound,
        clock_offset_s=film.clock_offset_s,
    )


def _last_receipt(db: Database, who: SignedIn, view: RatingView) -> ReceiptAnswer | None:
    locked = submissions.receipts(db, who.actor, view.id) if view.state == "submitted" else ()
    return receipt_answer(locked[-1]) if locked else None


def rubric_answer(rubric: Rubric) -> RubricAnswer:
    return RubricAnswer(
        id=rubric.id,
        version=rubric.version,
        title=Both(en=rubric.title, zh=rubric.title_zh),
        skill=rubric.skill,
        steps=[
            StepAnswer(
                id=step.id,
                order=step.order,
                title=Both(en=step.title, zh=step.title_zh),
                max_points=step.max_points,
                criteria=[Both(en=c.text, zh=c.text_zh or c.text) for c in step.criteria],
                deductions=[
                    DeductionAnswer(
                        id=d.id,
                        letter=_letter(number),
                        points=d.points,
                        severity=d.severity,
                        text=Both(en=d.when, zh=d.when_zh or d.when),
                        group=d.group,
                    )
                    for number, d in enumerate(step.deductions)
                ],
                ranges={
                    str(label): None if found is None else (float(found[0]), float(found[1]))
                    for label, found in point_ranges(step, rubric).items()
                },
                point_step=float(HALF),
            )
            for step in rubric.steps
        ],
    )


def _letter(number: int) -> str:
    """a to z; a rubric with more deductions on one step needs the mouse for the rest."""
    return chr(ord("a") + number) if number < 26 else ""


def saved_answer(acked: Sequence[int], seq: int, saved_at: str, draft: Draft, paper: Paper) -> SavedAnswer:
    limits, conflicts = advice_on(draft, paper)
    return SavedAnswer(
        acked=list(acked),
        seq=seq,
        saved_at=saved_at,
        totals=_totals(totals(draft, paper)),
        limits=[LimitAnswer(**asdict(a)) for a in limits],
        conflicts=[ConflictAnswer(**asdict(c)) for c in conflicts],
    )


def _totals(found: Mapping[str, Total]) -> dict[str, TotalAnswer]:
    return {rubric: TotalAnswer(**asdict(total)) for rubric, total in found.items()}


def summary_answer(found: Summary) -> SummaryAnswer:
    return SummaryAnswer(
        rows=[
            RowAnswer(
                rubric=row.rubric,
                step=row.step,
                order=row.order,
                title=Both(en=row.title["en"], zh=row.title["zh"]),
                points=row.points,
                max_points=row.max_points,
                label=row.label,
                blank=dict(row.blank) if row.blank else None,
                deductions=list(row.deductions),
                evidence=list(row.evidence),
                note=row.note,
                unsure=row.unsure,
            )
            for row in found.rows
        ],
        problems=[
            ProblemAnswer(rubric=p.rubric, step=p.step, code=p.code, text=Both(**say_problem(p)), blocking=p.blocking)
            for p in found.problems
        ],
        totals=_totals(found.totals),
        unseen_share=found.unseen_share,
        snapshot_sha256=found.snapshot_sha256,
        ready=found.ready,
    )


def receipt_answer(receipt: Receipt) -> ReceiptAnswer:
    return ReceiptAnswer(
        receipt=receipt.sha256,
        id=receipt.id,
        locked_at=receipt.locked_at,
        revision=receipt.revision,
        snapshot_sha256=receipt.snapshot_sha256,
        initials=receipt.initials,
    )
