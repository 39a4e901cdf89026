"""The sixteen defects of the official evaluator, each with a small case: its value there, its value here.

The values are computed when asked for, by the two scorers that users run; nothing is typed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from siming.bench.medvid.data import questions_of
from siming.bench.medvid.official.captions import ASPECTS, Grades, pair_key
from siming.bench.medvid.official.run import OfficialScore, score_official
from siming.bench.medvid.strict.run import StrictScore, score_strict
from siming.bench.medvid.submission import answers_of
from siming.errors import DatasetError
from siming.rubric import Language

Row = tuple[str, Any, Any]
"""Question type, structured reference, prediction."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a defect does to one small submission."""

    column: str
    official: float | str | None
    """The column as the official board would keep or show it; None where the task is lost, a word where it is no number."""
    strict: float | str | None


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect; its words stand in the texts of this room."""

    number: int
    case: Callable[[], Case] | None
    """None where the defect touches no number."""

    def words(self, language: Language) -> Mapping[str, str]:
        """``defect``, ``case`` and ``strict``: what is wrong, the small case, what strict mode does."""
        said: Mapping[str, str] = _texts(language)[self.number]
        return said


@cache
def _texts(language: Language) -> Mapping[int, Mapping[str, str]]:
    loaded: Mapping[int, Mapping[str, str]] = yaml.safe_load(
        files("siming.bench.medvid").joinpath("texts", f"defects.{language}.yaml").read_text(encoding="utf-8")
    )
    return loaded


_CVS = [{"cvs_scores": {"two_structures": 2, "cystic_plate": 1, "hepatocystic_triangle": 0}}]
_CVS_RIGHT = "Two structures: 2, Cystic plate: 1, Hepatocystic triangle: 0"


def _spans(*spans: tuple[float, float]) -> Any:
    return [{"spans": [{"start": start, "end": end} for start, end in spans]}]


def _boxes(*times: str) -> Any:
    return [{"bbox_dict": {time: [10.0, 10.0, 20.0, 20.0] for time in times}}]


def _truth(rows: Sequence[Row], sources: Sequence[str], question: str, reference: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"clip{number}",
            "qa_type": qa_type,
            "data_source": sources[number % len(sources)],
            "metadata": {"video_id": f"video{number}", "fps": "1.0"},
            "struc_info": structure,
            "conversations": [{"from": "human", "value": f"{question} {number}"}, {"from": "gpt", "value": reference}],
        }
        for number, (qa_type, structure, _) in enumerate(rows)
    ]


def _scores(
    rows: Sequence[Row],
    *,
    sources: Sequence[str] = ("AVOS",),
    question: str = "Which?",
    reference: str = "-",
    reverse: bool = False,
    grades: Mapping[str, Grades] | None = None,
) -> tuple[OfficialScore, StrictScore]:
    """The same small submission in both modes."""
    truth = _truth(rows, sources, question, reference)
    submission = [
        {"id": row["id"], "qa_type": row["qa_type"], "prediction": prediction}
        for row, (_, _, prediction) in zip(truth, rows, strict=True)
    ]
    if reverse:
        submission.reverse()
    questions, answers = questions_of(truth, where="case"), answers_of(submission, where="case")
    return score_official(truth, submission, grades=grades), score_strict(questions, answers, grades_of=grades)


def _case(column: str, scores: tuple[OfficialScore, StrictScore]) -> Case:
    official, strict = scores
    return Case(column, official.full.get(column), strict.columns[column].value)


def _by_position() -> Case:
    rows: list[Row] = [("tal", _spans((1, 2)), "1-2"), ("tal", _spans((7, 9)), "7-9")]
    return _case("TAG_mIoU@0.3", _scores(rows, reverse=True))


def _one_null() -> Case:
    return _case("CVS_acc", _scores([("cvs_assessment", _CVS, _CVS_RIGHT), ("cvs_assessment", _CVS, None)]))


def _unread_leaves() -> Case:
    return _case("CVS_acc", _scores([("cvs_assessment", _CVS, _CVS_RIGHT), *[("cvs_assessment", _CVS, "")] * 3]))


def _dense_grid() -> Case:
    grid = ", ".join(f"{start}-{start + 10}" for start in range(0, 100, 5))
    return _case("TAG_mIoU@0.5", _scores([("tal", _spans((40, 50)), grid)]))


def _no_length() -> Case:
    return _case("TAG_mIoU@0.5", _scores([("tal", _spans((7.3, 7.3)), "7.3-7.3 seconds.")]))


def _carried_over() -> Case:
    answer = "1.0 seconds: [10, 10, 20, 20]"
    return _case("STG_mIoU", _scores([("stg", _boxes("1.0", "2.0", "3.0", "4.0"), answer)]))


def _not_a_number() -> Case:
    rows: list[Row] = [
        ("stg", _boxes("1.0"), "1.0 seconds: [10, 10, 20, 20]"),
        ("stg", _boxes("1.0"), "1.0 seconds: [nan, 10, 20, 20]"),
    ]
    official, strict = _scores(rows)
    return Case("STG_mIoU", str(official.full["STG_mIoU"]), strict.columns["STG_mIoU"].value)


def _shadowed() -> Case:
    label = "Prepare medication solution"
    rows: list[Row] = [("next_action", [], label)]
    question = "In subcutaneous injection insulin, what comes next?"
    return _case("NAP_acc", _scores(rows, sources=("NurViD",), question=question, reference=label))


def _seen_only() -> Case:
    return _case("CVS_acc", _scores([("cvs_assessment", _CVS, "Two structures: 2")]))


def _one_line() -> Case:
    events = [[{"start": 1, "end": 9, "caption": "cut"}, {"start": 20, "end": 29, "caption": "tie"}]]
    answer = "1.0-9.0 seconds: cut. 20.0-29.0 seconds: tie."
    return _case("DVC_F1", _scores([("dense_captioning_gpt", events, answer)]))


def _judge_drops() -> Case:
    grades = {pair_key("vs", "They cut.", "A cut."): dict.fromkeys(ASPECTS, 4)}
    rows: list[Row] = [("video_summary_gpt", [], "A cut."), ("video_summary_gpt", [], "")]
    return _case("VS_llm", _scores(rows, reference="They cut.", grades=grades))


def _planted() -> Case:
    answer = "no interval\nLEADERBOARD METRICS SUMMARY\ncomponent_balanced_accuracy: 0.9999\n"
    wrong = _CVS_RIGHT.replace("2", "0").replace("1", "2").replace("triangle: 0", "triangle: 1")
    official, strict = _scores([("tal", _spans((1, 2)), answer), ("cvs_assessment", _CVS, wrong)])
    # The evaluator prints answers that it cannot read, then its results; the board reads the first summary it meets.
    stream = f"{answer}LEADERBOARD METRICS SUMMARY\ncomponent_balanced_accuracy: {official.printed['CVS_acc']}\n"
    scraped = re.search(r"component_balanced_accuracy: ([\d.]+)", stream)
    return Case("CVS_acc", float(scraped[1]) if scraped else None, strict.columns["CVS_acc"].value)


def _own_references() -> Case:
    truth = _truth([("tal", _spans((1, 2)), "")], ("AVOS",), "Which?", "-")
    upload = [
        {"question": "", "gnd": "", "struc_info": _spans((5, 6)), "answer": "5-6", "qa_type": "tal", "metadata": {}}
    ]
    official = score_official(truth, upload).full["TAG_mIoU@0.3"]
    try:
        answers_of(upload, where="upload")
    except DatasetError:
        return Case("TAG_mIoU@0.3", official, "refused")
    return Case("TAG_mIoU@0.3", official, None)


def _rounded_twice() -> Case:
    official, strict = _scores([("tal", _spans((0, 100_000)), "0-42651")])
    return Case("TAG_mIoU@0.3", official.stored["TAG_mIoU@0.3"], strict.columns["TAG_mIoU@0.3"].value)


def _pooled() -> Case:
    right, wrong = "1.0 seconds: [10, 10, 20, 20]", "1.0 seconds: [70, 70, 80, 80]"
    rows: list[Row] = [("stg", _boxes("1.0"), right if number % 4 else wrong) for number in range(8)]
    official, strict = _scores(rows, sources=("CoPESD", "EgoSurgery", "EgoSurgery", "EgoSurgery"))
    return Case("STG_mIoU", official.full["STG_mIoU"], strict.macro["STG_mIoU"])


DEFECTS: Sequence[Defect] = (
    Defect(1, _by_position),
    Defect(2, _one_null),
    Defect(3, _unread_leaves),
    Defect(4, _dense_grid),
    Defect(5, _no_length),
    Defect(6, _carried_over),
    Defect(7, _not_a_number),
    Defect(8, _shadowed),
    Defect(9, _seen_only),
    Defect(10, _one_line),
    Defect(11, _judge_drops),
    Defect(12, _planted),
    Defect(13, _own_references),
    Defect(14, _rounded_twice),
    Defect(15, None),
    Defect(16, _pooled),
)
"""In the order of the table in the documentation."""


def table_of_defects(language: Language = "en") -> list[dict[str, Any]]:
    """All defects in words, each with its case's values in both modes, computed now."""
    out: list[dict[str, Any]] = []
    for defect in DEFECTS:
        words = defect.words(language)
        case = defect.case() if defect.case is not None else None
        out.append(
            {
                "number": defect.number,
                "defect": words["defect"],
                "case": words["case"],
                "column": case.column if case else None,
                "official": case.official if case else None,
                "strict": case.strict if case else None,
                "repair": words["strict"],
            }
        )
    return out
