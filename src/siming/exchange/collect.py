"""What is found in somebody's file becomes sheets: held against attempts and rubrics, and complete or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from siming.errors import SheetError
from siming.exchange.escape import shown
from siming.exchange.frames import Frames, FrameTables
from siming.exchange.remark import Remark, remark
from siming.exchange.texts import texts
from siming.rating.spreadsheet import UnreadError
from siming.rubric import Attempt, Author, Dataset, Rubric, Sheet, check_sheet
from siming.rubric.record import in_one_sentence

_SLACK_S = 0.1
"""Evidence may end this much after the video: programs measure its length by container, by track or by last frame."""
_MOST_COMPLAINTS = 20
_LONGEST_COMPLAINT = 900
_MOST_REMARKS = 100
NOT_THERE = "the file does not have the step"
NO_POINTS = "the file has no points for the step"


@dataclass(frozen=True)
class Imported:
    """What a file held."""

    sheets: tuple[Sheet, ...]
    """Each fits its rubric and names every step of it."""
    warnings: tuple[Remark, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    """What was passed over, by reason (a key under ``skipped`` in the texts), counted."""

    def skipped_in(self, language: str) -> dict[str, int]:
        """The same with the reasons in words, in ``en`` or ``zh``."""
        words = texts(language)["skipped"]
        return {str(words[reason]): n for reason, n in self.skipped.items()}


@dataclass
class Draft:
    """What a file says about one step, as far as it was read."""

    points: float | None = None
    status: str = "judged"
    deductions: list[str] = field(default_factory=list)
    void: bool = False
    verdict: bool | None = None
    evidence: list[tuple[float, float]] = field(default_factory=list)
    note: str | None = None
    reason: str | None = None
    provenance: str | None = None
    rationale: str | None = None
    more: dict[str, Any] = field(default_factory=dict)
    """Fields under the names that an entry has for them."""


@dataclass
class SheetDraft:
    """One author's sheet of one attempt and rubric, as far as it was read."""

    attempt: str
    rubric: Rubric
    author: Author
    place: str
    steps: dict[str, Draft] = field(default_factory=dict)
    submitted_at: str | None = None
    global_rating: int | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def step(self, step_id: str) -> Draft:
        """The draft of a step, begun here if it was not."""
        return self.steps.setdefault(step_id, Draft())


class Known:
    """The attempts and rubrics that a file's sheets must belong to."""

    def __init__(self, source: Dataset | Rubric | Sequence[Rubric], frames: FrameTables | None = None) -> None:
        self._frames = frames
        self.attempts: Mapping[str, Attempt] | None = None
        """None where only rubrics were given: any attempt is then taken."""
        if isinstance(source, Dataset):
            self.rubrics: Mapping[str, Rubric] = source.rubrics
            self.attempts = source.attempts_by_id
        else:
            listed = [source] if isinstance(source, Rubric) else list(source)
            self.rubrics = {rubric.id: rubric for rubric in listed}

    def rubrics_of(self, attempt: str) -> list[Rubric]:
        """The rubrics that an attempt is judged by."""
        if self.attempts is None:
            return list(self.rubrics.values())
        return [self.rubrics[ref.id] for ref in self.attempts[attempt].rubrics]

    def rubric_ids(self, attempt: str) -> Collection[str]:
        """The ids of the rubrics that an attempt is judged by."""
        if self.attempts is None:
            return self.rubrics
        return [ref.id for ref in self.attempts[attempt].rubrics]

    def rubric_of_step(self, attempt: str, step: str) -> Rubric | None:
        """The rubric of the attempt that has the step; None where none or several have."""
        having = [rubric for rubric in self.rubrics_of(attempt) if rubric.find_step(step) is not None]
        return having[0] if len(having) == 1 else None

    def attempt_of_media(self, name: str) -> str | None:
        """The attempt whose video, or whose id, a file name is; None where none or several fit."""
        stem = PurePosixPath(name.replace("\\", "/")).stem
        if self.attempts is None:
            return stem or None
        if stem in self.attempts:
            return stem
        found = [a.id for a in self.attempts.values() if a.video and PurePosixPath(a.video.path).stem == stem]
        return found[0] if len(found) == 1 else None

    def has_attempt(self, attempt: str) -> bool:
        """Whether sheets of this attempt may come in."""
        return self.attempts is None or attempt in self.attempts

    def frames(self, attempt: str) -> Frames | None:
        """When each picture of the attempt's video is on show, where it is known."""
        return None if self._frames is None else self._frames(attempt)

    def duration_s(self, attempt: str) -> float | None:
        """Length of the attempt's video, where it is known."""
        found = (self.attempts or {}).get(attempt)
        return found.video.duration_s if found is not None and found.video is not None else None


class Collector:
    """Gathers drafts from a file, counts what it passes over, and makes the sheets."""

    def __init__(self, known: Known, name: str, author: Author | None) -> None:
        self.known = known
        self.name = name
        self._author = author
        self._drafts: dict[tuple[str, str, str, str], SheetDraft] = {}
        self._skipped: Counter[str] = Counter()
        self._remarks: dict[Remark, None] = {}
        self._untold = False

    def remark(self, code: str, **values: str | int) -> None:
        """Tell the person something; said once however often it is met."""
        told = remark(code, **{key: _short(each) if isinstance(each, str) else each for key, each in values.items()})
        if len(self._remarks) < _MOST_REMARKS:
            self._remarks[told] = None
        elif told not in self._remarks:
            self._untold = True

    def skip(self, reason: str, **values: str | int) -> None:
        """Count something that is passed over, and say why."""
        self._skipped[reason] += 1
        self.remark(reason, **values)

    def takes(self, attempt: str, author: Author) -> bool:
        """Whether sheets of this attempt and author are wanted; counted where not."""
        if not self.known.has_attempt(attempt):
            self.skip("unknown_attempt", name=attempt)
            return False
        if self._author is not None and (author.kind, author.name) != (self._author.kind, self._author.name):
            self.skip("other_author", name=f"{author.kind}:{author.name}")
            return False
        return True

    def author_or_given(self, author: Author | None, place: str) -> Author:
        """The author a file names, or the one who was given for it.

        Raises:
            SheetError: neither.
        """
        found = author or self._author
        if found is None:
            raise UnreadError(
                f"{place}: nobody is named who rated; say who did with author= (--author KIND:NAME)",
                "nobody",
                name=self.name,
            )
        return found

    def sheet(self, attempt: str, rubric: str, version: str | None, author: Author, place: str) -> SheetDraft | None:
        """The draft of a sheet; None where attempt, rubric or author are not wanted.

        Raises:
            SheetError: the rubric is of another version.
        """
        if not self.takes(attempt, author):
            return None
        found = self.known.rubrics.get(rubric)
        if found is None or rubric not in self.known.rubric_ids(attempt):
            self.skip("unknown_rubric", name=rubric, attempt=attempt)
            return None
        if version is not None and version != found.version:
            raise SheetError(
                f"{place}: was filled for rubric {rubric} {version}, and {found.version} is here; "
                "give the rubric of that version"
            )
        key = (attempt, rubric, author.kind, author.name)
        return self._drafts.setdefault(key, SheetDraft(attempt, found, author, place))

    def begin(self, attempt: str, rubric: str, version: str | None, author: Author, place: str) -> SheetDraft | None:
        """Like `sheet`, where the file must hold it once only.

        Raises:
            SheetError: it stands in the file already.
        """
        first = self._drafts.get((attempt, rubric, author.kind, author.name))
        if first is not None:
            raise SheetError(
                f"{place}: {author.kind} {author.name!r} has a sheet for attempt {attempt} and rubric {rubric} "
                f"already ({first.place}); keep one"
            )
        return self.sheet(attempt, rubric, version, author, place)

    def take(self, sheet: Sheet, place: str) -> None:
        """A sheet that is whole already.

        Raises:
            SheetError: it stands in the file twice, or its rubric is of another version.
        """
        draft = self.begin(sheet.attempt, sheet.rubric, sheet.rubric_version, sheet.author, place)
        if draft is None:
            return
        draft.submitted_at, draft.global_rating = sheet.submitted_at, sheet.global_rating
        draft.more = dict(sheet.model_extra or {})
        for step_id, entry in sheet.steps.items():
            more = {} if entry.reasons is None else {"reasons": entry.reasons}
            draft.steps[step_id] = Draft(
                entry.points, entry.status, list(entry.deductions), entry.void, entry.wrong, list(entry.evidence),
                entry.note, entry.reason, entry.provenance, entry.rationale, {**more, **(entry.model_extra or {})},
            )  # fmt: skip

    def step(self, attempt: str, author: Author, step: str, place: str) -> Draft | None:
        """The draft of a step, its rubric found by the step; None where it is not wanted."""
        if not self.takes(attempt, author):
            return None
        rubric = self.known.rubric_of_step(attempt, step)
        if rubric is None:
            self.skip("unknown_step", name=step)
            return None
        sheet = self.sheet(attempt, rubric.id, None, author, place)
        return None if sheet is None else sheet.step(step)

    def finish(self) -> Imported:
        """The sheets.

        Raises:
            SheetError: listing up to twenty mistakes.
        """
        sheets, complaints = [], []
        for draft in self._drafts.values():
            if not draft.steps:
                self.skip("empty_sheet", name=draft.author.name, attempt=draft.attempt)
                continue
            try:
                sheets.append(self._sheet(draft))
            except SheetError as error:
                complaints.append(_short(str(error), _LONGEST_COMPLAINT))
        if complaints:
            more = len(complaints) - _MOST_COMPLAINTS
            raise SheetError("\n".join(complaints[:_MOST_COMPLAINTS] + ([f"and {more} more"] if more > 0 else [])))
        remarks = (*self._remarks, remark("more_remarks")) if self._untold else tuple(self._remarks)
        return Imported(tuple(sheets), remarks, dict(sorted(self._skipped.items())))

    def _sheet(self, draft: SheetDraft) -> Sheet:
        lacking = [step.id for step in draft.rubric.steps if step.id not in draft.steps]
        pointless = [step_id for step_id, each in draft.steps.items() if _says_nothing(each)]
        who = {"attempt": draft.attempt, "name": draft.author.name}
        if lacking:
            self.remark("lacking_steps", steps=", ".join(lacking), **who)
        if pointless:
            self.remark("no_points", steps=", ".join(pointless), **who)
        plain = {step_id: _plain(each) for step_id, each in draft.steps.items()}
        plain |= {step_id: {"status": "cannot_judge", "reason": NOT_THERE} for step_id in lacking}
        try:
            sheet = Sheet.model_validate(
                {
                    **draft.more,
                    "attempt": draft.attempt,
                    "rubric": draft.rubric.id,
                    "rubric_version": draft.rubric.version,
                    "author": draft.author,
                    "steps": plain,
                    "submitted_at": draft.submitted_at,
                    "global_rating": draft.global_rating,
                }
            )
        except ValidationError as cause:
            raise SheetError(f"{draft.place}: {in_one_sentence(cause)}") from cause
        check_sheet(sheet, draft.rubric, where=draft.place)
        check_evidence(sheet, self.known.duration_s(draft.attempt), where=draft.place)
        return sheet


def check_evidence(sheet: Sheet, duration_s: float | None, *, where: str) -> None:
    """Hold the times of a sheet against its video.

    Raises:
        SheetError: a time before the start, an interval that runs backwards, or one that ends after the video.
    """
    for step_id, entry in sheet.steps.items():
        for start_s, end_s in entry.evidence:
            place = f"{where}: evidence of step {step_id!r} runs from {start_s:g} to {end_s:g} s"
            if not 0 <= start_s <= end_s:
                raise SheetError(f"{place}; times count forward from 0")
            if duration_s is not None and end_s > duration_s + _SLACK_S:
                raise SheetError(f"{place}, and the video lasts {duration_s:g} s; check that it is the same video")


def merged(parts: Iterable[Imported]) -> Imported:
    """What several files held, as one.

    Raises:
        SheetError: two of them hold the same author's sheet of one attempt and rubric.
    """
    sheets: dict[tuple[str, str, str, str], Sheet] = {}
    remarks: dict[Remark, None] = {}
    skipped: Counter[str] = Counter()
    for part in parts:
        for sheet in part.sheets:
            key = (sheet.attempt, sheet.rubric, sheet.author.kind, sheet.author.name)
            if key in sheets:
                raise SheetError(
                    f"two files hold the sheet of {sheet.author.kind} {sheet.author.name!r} for attempt {sheet.attempt} "
                    f"and rubric {sheet.rubric}; keep one"
                )
            sheets[key] = sheet
        remarks |= dict.fromkeys(part.warnings)
        skipped.update(part.skipped)
    return Imported(tuple(sheets.values()), tuple(remarks), dict(sorted(skipped.items())))


def _short(text: str, longest: int = 120) -> str:
    """What a stranger's file says, as words in a sentence."""
    plain = shown(text[: 10 * longest])
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"


def _says_nothing(draft: Draft) -> bool:
    return draft.status == "judged" and draft.points is None and draft.verdict is None


def _plain(draft: Draft) -> dict[str, Any]:
    nothing = _says_nothing(draft)
    return {
        **draft.more,
        "status": "cannot_judge" if nothing else draft.status,
        "points": draft.points,
        "deductions": draft.deductions,
        "void": draft.void,
        "evidence": draft.evidence,
        "note": draft.note,
        "reason": NO_POINTS if nothing and draft.reason is None else draft.reason,
        "wrong": draft.verdict,
        "provenance": draft.provenance,
        "rationale": draft.rationale,
    }
