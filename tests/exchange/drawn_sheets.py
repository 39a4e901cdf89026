"""Datasets with arbitrary sheets, on a rubric whose ids are as unfriendly as ids can be, and four people to fill them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from hypothesis import strategies as st

from siming.rubric import (
    Attempt,
    Author,
    Dataset,
    DatasetInfo,
    Entry,
    Rubric,
    RubricRef,
    Sheet,
    Step,
    VideoRef,
    builtin_rubric,
)
from siming.rubric.rubric import Deduction, DeficientBand, MinorBand, OrdinalMap
from siming.rubric.sheet import AuthorKind

DURATION_S = 170.5
STEPS = ("s1", "步骤;2", "=3+1", 'a"b', "x__y", "a|b(c)", "bell\x07\ufffe", " s\t9 ", "a@b", "_x0041_", "-1")
DEDUCTIONS = ("d;1", "=d", "evidence", "None", "a,b|c", " d\n2\r", "扣\x00分", '"', "[1]")


def unfriendly(steps: tuple[str, ...]) -> Rubric:
    """A rubric of some of those steps."""
    return Rubric(
        id="un friendly/标准",
        version="1.0",
        title="Unfriendly <&>",
        title_zh="不友好",
        skill="test",
        ordinal_map=OrdinalMap(minor=MinorBand(max_ratio="1/3"), deficient=DeficientBand(below_ratio="3/4")),
        steps=tuple(
            Step(
                id=step_id,
                order=order,
                title=f"Title of {step_id} <b>",
                title_zh="=标题",
                max_points=18,
                deductions=tuple(
                    Deduction(id=each, points=1, severity="minor", when=f"<when> {each}", when_zh="扣分")
                    for each in DEDUCTIONS
                ),
            )
            for order, step_id in enumerate(steps, start=1)
        ),
    )


PLAIN_RUBRIC = Rubric(
    id="plain",
    version="2.1",
    title="Plain",
    title_zh="普通",
    skill="test",
    ordinal_map=OrdinalMap(minor=MinorBand(max_ratio="1/3"), deficient=DeficientBand(below_ratio="3/4")),
    steps=(
        Step(
            id="p1", order=1, title="One", title_zh="一", max_points=18,
            deductions=(Deduction(id="p1.d1", points=2, severity="minor", when="late", when_zh="迟"),),
        ),
        Step(id="p2", order=2, title="Two", title_zh="二", max_points=20),
    ),
)  # fmt: skip

TEXT = st.text(max_size=30) | st.sampled_from(
    ["", "=1+1", "'=x", "''", "@cmd|' /C calc'!A0", "胸外按压\n偏浅", '"quoted", and; more', "]]>", "-->", "<b>&amp;</b>",
     "_x0007_", "_x005F_", "\r\n", "\x00\x0b\x85\u2028\ufffe\uffff", "\u202eright to left", "\t tab", "None", "null", "1e400",
     " both ends ", "｛全角＝", "x" * 2000]
)  # fmt: skip
POINTS = st.sampled_from([0.0, 0.5, 1.0, 18.0, 0.1 + 0.2, 1e-300]) | st.floats(0, 18)
TIMES = st.tuples(st.floats(0, DURATION_S), st.floats(0, DURATION_S)).map(lambda pair: (min(pair), max(pair)))
EVIDENCE = st.lists(TIMES | st.sampled_from([(0.0, 0.0), (1.0, 2.0), (2.0, 3.0), (2.0, 2.0)]), max_size=4).map(tuple)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT,
    lambda each: st.lists(each, max_size=2),
    max_leaves=4,
)
UNKNOWN = st.dictionaries(st.sampled_from(["x_one", "x_二"]), PLAIN.filter(lambda each: each is not None), max_size=2)
REASONS = st.none() | st.fixed_dictionaries({"en": st.lists(TEXT, max_size=2), "zh": st.lists(TEXT, max_size=2)})


@st.composite
def entries(draw: st.DrawFn, deductions: tuple[str, ...]) -> Entry:
    status = draw(st.sampled_from(["judged", "judged", "cannot_judge", "not_applicable"]))
    points = draw(st.none() | POINTS) if status == "judged" else None
    wrong = draw(st.booleans() if points is None else st.none() | st.booleans()) if status == "judged" else None
    return Entry.model_validate(
        {
            **draw(UNKNOWN),
            "status": status,
            "points": points,
            "wrong": wrong,
            "deductions": draw(st.lists(st.sampled_from(deductions), max_size=3)) if deductions else [],
            "void": draw(st.booleans()),
            "evidence": draw(EVIDENCE),
            "note": draw(st.none() | TEXT),
            "reason": draw(st.none() | TEXT),
            "reasons": draw(REASONS),
            "provenance": draw(st.sampled_from([None, "agreed", "adjudicated", "single"])),
            "rationale": draw(st.none() | TEXT),
        }
    )


@st.composite
def sheets(draw: st.DrawFn, attempt: str, rubric: Rubric, author: Author) -> Sheet:
    lead_time = draw(st.none() | st.floats(0, 1e6))
    return Sheet.model_validate(
        {
            **draw(UNKNOWN),
            **({} if lead_time is None else {"lead_time_s": lead_time}),
            "attempt": attempt,
            "rubric": rubric.id,
            "rubric_version": rubric.version,
            "author": author,
            "steps": {s.id: draw(entries(tuple(d.id for d in s.deductions))) for s in rubric.steps},
            "submitted_at": draw(st.none() | TEXT | st.just("2026-03-01T10:00:00Z")),
            "global_rating": draw(st.none() | st.integers(-5, 100)),
        }
    )


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    names = TEXT | st.sampled_from(["wei", "okafor", "lin", "model:wei", "wei@example.org"])
    who = st.tuples(st.sampled_from(get_args(AuthorKind)), names)
    strange = unfriendly(tuple(draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=3, unique=True))))
    filled = [
        draw(sheets(attempt, rubric, Author.model_validate({"kind": kind, "name": name, **draw(UNKNOWN)})))
        for attempt, rubric in (("A-1", strange), ("A-1", PLAIN_RUBRIC), ("A-2", PLAIN_RUBRIC))
        for kind, name in draw(st.lists(who, max_size=2, unique=True))
    ]
    return dataset_of(filled, (strange, PLAIN_RUBRIC))


def dataset_of(filled: Iterable[Sheet], rubrics: tuple[Rubric, ...] = (builtin_rubric("bmv-adult"),)) -> Dataset:
    """A dataset of two attempts; the first is judged by every rubric, the second by the last."""
    refs = tuple(RubricRef(id=rubric.id, version=rubric.version) for rubric in rubrics)
    info = DatasetInfo(
        name="Spring exam 春季", version="1", licence="CC BY 4.0", rubrics=refs, provenance="drawn by a test"
    )
    attempts = [
        Attempt(
            id=name,
            video=VideoRef(path=f"videos/{name}.mp4", duration_s=DURATION_S),
            rubrics=judged_by,
            candidate="Tan",
        )
        for name, judged_by in (("A-1", refs), ("A-2", refs[-1:]))
    ]
    return Dataset(Path("exam"), info, {rubric.id: rubric for rubric in rubrics}, attempts, list(filled))


def simple_sheet(name: str = "wei", *, attempt: str = "A-1", kind: AuthorKind = "physician", **changed: Any) -> Sheet:
    """A sheet on bag-mask ventilation: full points, but for the entries that are changed."""
    rubric = builtin_rubric("bmv-adult")
    steps: Mapping[str, Entry] = {step.id: Entry(points=step.max_points) for step in rubric.steps}
    return Sheet(
        attempt=attempt,
        rubric=rubric.id,
        rubric_version=rubric.version,
        author=Author(kind=kind, name=name),
        steps={**steps, **changed},
        submitted_at="2026-03-01T10:00:00Z",
    )


def fields_of(sheet: Sheet) -> dict[str, Any]:
    """A sheet by the fields that formats keep or lose."""
    entries_ = sheet.steps
    extra = dict(sheet.model_extra or {})
    lead_time = extra.pop("lead_time_s", None)

    def each(read: Any) -> dict[str, Any]:
        return {step_id: read(entry) for step_id, entry in entries_.items()}

    return {
        "author": (sheet.author.kind, sheet.author.name),
        "points": each(lambda e: e.points),
        "status": each(lambda e: e.status),
        "deductions": each(lambda e: e.deductions),
        "void": each(lambda e: e.void),
        "verdict": each(lambda e: e.wrong),
        "evidence": each(lambda e: e.evidence),
        "evidence_ms": each(lambda e: tuple(_ms(*interval) for interval in e.evidence)),
        "note": each(lambda e: e.note),
        "reason": each(lambda e: e.reason),
        "reasons": each(lambda e: e.reasons),
        "provenance": each(lambda e: e.provenance),
        "rationale": each(lambda e: e.rationale),
        "submitted_at": sheet.submitted_at,
        "global_rating": sheet.global_rating,
        "lead_time": lead_time,
        "unknown_fields": (extra, sheet.author.model_extra, each(lambda e: e.model_extra)),
    }


def _ms(start_s: float, end_s: float) -> tuple[int, int]:
    """To the millisecond, and no shorter than one."""
    return round(start_s * 1000), max(round(end_s * 1000), round(start_s * 1000) + 1)
