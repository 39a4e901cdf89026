"""What `siming demo --room` does: a whole exam room with simulated people's work in every state, by the doors that
people use themselves: upload, ingest, plan, rate, submit, adjudicate, lock."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siming.cli.room_notes import blank_reason, not_to_be_seen, note_of, other_points

if TYPE_CHECKING:
    from siming.rubric import Dataset, Entry, Language, Rubric, Sheet, Step
    from siming.store import Actor, Database, Role

OnProgress = Callable[[str, int, int], None]

PEOPLE: tuple[tuple[str, str, Role, str, Language], ...] = (
    ("cora", "Cora Lindqvist", "coordinator", "C01", "en"),
    ("wei", "Wei", "rater", "Wei", "zh"),
    ("okafor", "Okafor", "rater", "Okafor", "en"),
    ("lin", "Lin", "adjudicator", "A01", "zh"),
    ("ana", "Ana Costa", "analyst", "S01", "en"),
)
"""Login, name, role, code, language that he reads and writes; the two raters' codes are the names that their simulated
sheets carry."""
LANGUAGE_OF: Mapping[str, Language] = {login: language for login, *_, language in PEOPLE}

PASS_KAPPA = 0.4
GOLD = "G-001"


@dataclass(frozen=True, slots=True)
class Login:
    """An account of the demo."""

    login: str
    name: str
    role: str


LOGINS = (
    Login("owner", "Olga Owner", "owner"),
    *(Login(login, name, role) for login, name, role, *_ in PEOPLE),
)


def fill_room(
    folder: Path, *, attempts: int, seed: int, on_progress: OnProgress, fps: int = 10, language: Language | None = None
) -> str:
    """Make `folder` an exam room (``room.db``, ``media``) with simulated exams. Returns the password of all accounts.

    A room that is there already is left as it is.

    Args:
        fps: Pictures per second of the drawn videos.
        language: That everybody reads and writes; without it some have one and some the other, as in a mixed team.
    """
    from siming.simulate import simulate_dataset
    from siming.store import Database, migrate
    from siming.store.accounts.people import has_people

    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "password.txt"
    db = Database(f"sqlite:///{folder / 'room.db'}")
    try:
        migrate(db)
        if has_people(db):
            return kept.read_text("utf-8").strip() if kept.exists() else "?"
        exams = simulate_dataset(
            folder / "exams",
            attempts=attempts + 1,
            seed=seed,
            fps=fps,
            on_progress=lambda done, total: on_progress("drawing", done, total),
        )
        password = "-".join(secrets.token_hex(2) for _ in range(4))
        _keep_secret(kept, password)
        story = _Story(db, folder / "media", exams, password, on_progress, language)
        story.tell()
        return password
    finally:
        db.close()


def _keep_secret(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text + "\n")


class _Story:
    """The chapters, one after the other."""

    def __init__(
        self,
        db: Database,
        media: Path,
        exams: Dataset,
        password: str,
        on_progress: OnProgress,
        language: Language | None,
    ) -> None:
        self.language = language
        self.language_of = {login: language or own for login, own in LANGUAGE_OF.items()}
        self.db, self.media, self.exams, self.password, self.on_progress = db, media, exams, password, on_progress
        self.actors: dict[str, Actor] = {}
        self.project = ""
        self.codes: dict[str, str] = {}
        """Code in the room to the id of the simulated exam."""

    def tell(self) -> None:
        """Everything."""
        self._people()
        self._videos()
        self._calibrate()
        self._rate()
        self._adjudicate()

    def _people(self) -> None:
        from siming.store import Policy
        from siming.store.accounts import invitations, people
        from siming.store.projects import members, projects, rubrics

        owner = people.set_up_owner(
            self.db, login="owner", name="Olga Owner", password=self.password, language=self.language or "en"
        )
        boss = people.actor_of(self.db, owner.id)
        made = projects.create_project(
            self.db,
            boss,
            slug="demo",
            title="Simulated exams · 模拟考试",
            policy=Policy(calibration_pass_kappa=PASS_KAPPA),
            code="O01",
        )
        self.project = made.id
        boss = people.actor_of(self.db, owner.id)
        chosen = [rubrics.publish_builtin(self.db, boss, name).id for name in self.exams.rubrics]
        rubrics.set_project_rubrics(self.db, boss, made.id, chosen)
        for login, name, role, code, _ in PEOPLE:
            person, invitation = invitations.create_person(
                self.db, boss, login=login, name=name, language=self.language_of[login]
            )
            invitations.accept_invitation(self.db, invitation.token, self.password)
            members.add_member(self.db, boss, made.id, person_id=person.id, roles=[role], code=code)
            self.actors[login] = people.actor_of(self.db, person.id)
        self.actors["owner"] = people.actor_of(self.db, owner.id)

    def _videos(self) -> None:
        from siming.store.media.attempts import add_attempt
        from siming.store.media.media import release
        from siming.web.ingest import add_video

        cora = self.actors["cora"]
        for number, exam in enumerate(self.exams.attempts):
            code = GOLD if number == 0 else f"A-{number:03d}"
            self.codes[code] = exam.id
            made = add_attempt(
                self.db, cora, self.project, code=code, site=exam.site, candidate_code=f"T-{number:03d}",
                params=exam.params, gold=number == 0,
            )  # fmt: skip
            film = add_video(self.db, cora, self.media, made.id, self.exams.video_path(exam))
            release(self.db, cora, film.id)
            self.on_progress("ingesting", number + 1, len(self.exams.attempts))

    def _calibrate(self) -> None:
        from siming.store.blind.calibration import add_gold
        from siming.store.blind.planning import assign_calibration
        from siming.store.media.attempts import get_attempt

        cora = self.actors["cora"]
        gold = [
            sheet.model_copy(update={"attempt": GOLD})
            for sheet in self.exams.sheets_of("examiner")
            if sheet.attempt == self.codes[GOLD]
        ]
        attempt = get_attempt(self.db, cora, self.project, GOLD)
        add_gold(self.db, cora, attempt.id, gold, source="the simulator's known truth · 模拟器的已知真值")
        assign_calibration(self.db, cora, self.project)
        for login in ("wei", "okafor"):
            for card in self._cards(login):
                self._rate_one(login, card.id, card.attempt_code)

    def _rate(self) -> None:
        from siming.store.blind.planning import PlanOptions, give_out, propose

        cora, options = self.actors["cora"], PlanOptions(seed=7, due_days=14)
        give_out(self.db, cora, self.project, options, mark=propose(self.db, cora, self.project, options).mark)
        # The last ones stay in every state that a queue can show: submitted by one, begun, untouched.
        codes = [code for code in self.codes if code != GOLD]
        only_wei, begun, untouched = codes[-3:] if len(codes) > 4 else ("", "", "")
        for login in ("wei", "okafor"):
            cards = self._cards(login)
            for number, card in enumerate(cards):
                self.on_progress(f"{login} rates", number + 1, len(cards))
                if card.attempt_code == untouched or (login == "okafor" and card.attempt_code in (only_wei, begun)):
                    continue
                self._rate_one(login, card.id, card.attempt_code, half=card.attempt_code == begun)

    def _cards(self, login: str) -> Sequence[Any]:
        from siming.store.blind.queue import queue

        return [card for card in queue(self.db, self.actors[login]).cards if card.state != "submitted"]

    def _rate_one(self, login: str, assignment: str, code: str, *, half: bool = False) -> None:
        from siming.store.blind.changes import save_changes
        from siming.store.blind.lease import open_assignment
        from siming.store.blind.submissions import submit
        from siming.store.blind.summary import summary

        actor, client = self.actors[login], f"demo-{secrets.token_hex(8)}"
        opened = open_assignment(self.db, actor, assignment, client=client)
        duration_s = opened.view.media[0].duration_s
        sheets = [s for s in self.exams.sheets_of("physician", actor.name) if s.attempt == self.codes[code]]
        changes = list(changes_of(sheets, opened.view.rubrics, duration_s, language=self.language_of[login]))
        if half:
            changes = changes[: len(changes) // 2]
        numbered = [{**change, "client_seq": n} for n, change in enumerate(changes, start=1)]
        save_changes(self.db, actor, assignment, client=client, fence=opened.fence, changes=numbered)
        if half:
            return
        found = summary(self.db, actor, assignment)
        submit(
            self.db, actor, assignment, client=client, fence=opened.fence, snapshot_sha256=found.snapshot_sha256,
            initials=actor.name[:1],
        )  # fmt: skip

    def _adjudicate(self) -> None:
        from siming.store.cases.case_view import list_cases, view_case
        from siming.store.cases.cases import close_case, decide, take_case

        lin = self.actors["lin"]
        lines = list_cases(self.db, lin, self.project).lines
        truth = {
            (sheet.attempt, step): entry
            for sheet in self.exams.sheets_of("consensus")
            for step, entry in sheet.steps.items()
        }
        for number, line in enumerate(lines[: -(-len(lines) // 2)]):
            self.on_progress("Lin adjudicates", number + 1, len(lines))
            moved = take_case(self.db, lin, line.id)
            view = view_case(self.db, lin, line.id)
            for step in view.steps:
                if step.state != "open":
                    continue
                right = truth[self.codes[view.code], step.step]
                moved = decide(
                    self.db, lin, line.id, fence=moved.fence, version=moved.version, rubric=step.rubric, step=step.step,
                    **_decision(right, step.first, step.second, language=self.language_of["lin"]),
                )  # fmt: skip
            if number:  # the first stays decided and open, so that there is one to lock
                close_case(self.db, lin, line.id, fence=moved.fence, version=moved.version)
        self._lock()

    def _lock(self) -> None:
        from siming.errors import ConflictError
        from siming.store.cases.consensus import lock
        from siming.store.cases.consensus_view import list_results

        cora = self.actors["cora"]
        lines = list_results(self.db, cora, self.project).lines
        # One stays provisional where there is more than one, so that there is one to lock.
        for line in lines[: max(1, len(lines) - 1)]:
            try:
                lock(self.db, cora, line.id)
            except ConflictError:
                continue  # locked with its case already


def changes_of(
    sheets: Sequence[Sheet], rubrics: Sequence[Rubric], duration_s: float, *, language: Language
) -> list[dict[str, Any]]:
    """The changes a rating page would send for these sheets, without their numbers.

    Args:
        language: That the rater writes in.
    """
    at = "2026-03-02T09:00:00.000Z"
    steps = {(sheet.rubric, step): entry for sheet in sheets for step, entry in sheet.steps.items()}
    made: list[dict[str, Any]] = [
        {"field": "played", "rubric": None, "step": None, "value": [[0, duration_s]], "media_s": None, "at": at}
    ]
    for rubric in rubrics:
        for step in rubric.steps:
            entry = steps[rubric.id, step.id]
            for field, value in _fields(entry, step, rubric, duration_s, language).items():
                made.append(
                    {"field": field, "rubric": rubric.id, "step": step.id, "value": value, "media_s": None, "at": at}
                )
    made += [
        {
            "field": "global_rating",
            "rubric": sheet.rubric,
            "step": None,
            "value": sheet.global_rating,
            "media_s": None,
            "at": at,
        }
        for sheet in sheets
        if sheet.global_rating is not None
    ]
    return made


def _fields(entry: Entry, step: Step, rubric: Rubric, duration_s: float, language: Language) -> Mapping[str, Any]:
    if entry.points is None:
        return {"blank": {"status": entry.status, "reason": blank_reason(entry)}}
    fields: dict[str, Any] = {"points": entry.points}
    if entry.deductions:
        fields["deductions"] = list(entry.deductions)
    if entry.points < step.max_points:
        whole = [[max(0.0, start), min(duration_s, end)] for start, end in entry.evidence if start < duration_s]
        fields["evidence"] = whole or [[0.0, min(2.0, duration_s)]]
        fields["note"] = note_of(entry, step, rubric, language)
    return fields


def _decision(right: Entry, first: Entry, second: Entry, *, language: Language) -> Mapping[str, Any]:
    for choice, entry in (("first", first), ("second", second)):
        if entry.points == right.points and right.points is not None:
            return {"choice": choice, "template": "evidence_clearer"}
    if right.points is None:
        return {
            "choice": "other",
            "blank": "cannot_judge",
            "blank_reason": "hidden",
            "rationale": not_to_be_seen(language),
        }
    return {
        "choice": "other",
        "points": right.points,
        "deductions": right.deductions,
        "evidence": right.evidence,
        "rationale": other_points(language),
    }
