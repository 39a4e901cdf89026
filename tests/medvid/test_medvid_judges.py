"""Whether one judge may stand for another: agreement on the pairs that both graded, with recordings as units."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest
from judging import CODES, write_captions

from siming.bench.medvid.judge.agreement import agreement
from siming.bench.medvid.judge.folder import load_judged
from siming.bench.medvid.judge.pairs import pairs_wanted
from siming.bench.medvid.judge.prompt import request_name
from siming.errors import TaskError
from siming.methods.medvid_judge import judge_pairs

WEI = [5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 3, 3, 4, 2, 5, 1, 2, 3, 4, 5, 1, 3, 5, 2, 4, 4, 2, 3, 5, 1]
OKAFOR = [5, 4, 4, 2, 1, 4, 4, 3, 3, 1, 3, 2, 4, 2, 5, 2, 2, 3, 5, 5, 1, 3, 4, 2, 4, 3, 2, 3, 5, 2]


@pytest.fixture
def pairs(tmp_path):
    """Thirty captions of six recordings: fifteen summaries, fifteen region captions."""
    submission, truth = write_captions(tmp_path / "files", 30)
    return pairs_wanted(json.loads(truth.read_text()), json.loads(submission.read_text()))


def judged(folder: Path, pairs, grades, *, skip=(), mode="quality", codes=CODES):
    """A folder as a judge would leave it, who gives the same grade in the first aspect and one more in each next, up to 5."""
    lines = [
        {
            "request": request_name(each.pair.task, each.pair.key),
            "text": "\n".join(f"{code}: {min(5, grade + i // 2)}" for i, code in enumerate(codes)),
        }
        for place, (each, grade) in enumerate(zip(pairs, grades, strict=True))
        if place not in skip
    ]
    file = folder.with_suffix(".jsonl")
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    judge_pairs(pairs, folder, model=f"replay:{file}", mode=mode)
    return load_judged(folder)


def test_agreement_by_aspect_is_that_of_the_grades(tmp_path, pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    found = agreement(judged(tmp_path / "a", pairs, WEI), judged(tmp_path / "b", pairs, OKAFOR))
    first = found.aspects["R2"]
    witness = metrics.cohen_kappa_score(WEI, OKAFOR, weights="quadratic", labels=[1, 2, 3, 4, 5])
    assert first["qwk"].value == pytest.approx(witness)
    # 9 of 30 differ, all by one: four times Wei gives more, five times Okafor does
    assert first["raw"].value == pytest.approx(21 / 30)
    assert first["difference"].value == pytest.approx(-1 / 30)
    assert first["qwk"].n_clusters == 6
    limits = first["qwk"].interval
    assert limits.low < witness < limits.high
    assert found.counts == {"both": 30, "first only": 0, "second only": 0, "neither": 0,
                            "put to the first alone": 0, "put to the second alone": 0}  # fmt: skip


def test_all_aspects_together_take_chance_aspect_by_aspect(tmp_path, pairs):
    # In R4, two more than in R2, nearly all grades are 5: pooled kappa would thank both for knowing that.
    found = agreement(judged(tmp_path / "a", pairs, WEI), judged(tmp_path / "b", pairs, OKAFOR))
    of_aspects = [found.aspects[code]["qwk"].value for code in CODES]
    assert min(of_aspects) < found.all_aspects["qwk"].value < max(of_aspects)
    assert found.all_aspects["raw"].n == 150


def test_what_goes_into_a_column_is_compared_pair_by_pair(tmp_path, pairs):
    found = agreement(judged(tmp_path / "a", pairs, WEI), judged(tmp_path / "b", pairs, OKAFOR))

    def mean(grade):
        return fmean(min(5, grade + i // 2) for i in range(5))

    one = [mean(grade) for grade in WEI[0::2]]
    other = [mean(grade) for grade in OKAFOR[0::2]]
    column = found.columns["VS_llm"]
    assert column["first"].value == pytest.approx(fmean(one))
    assert column["difference"].value == pytest.approx(fmean(one) - fmean(other))
    assert column["distance"].value == pytest.approx(fmean(abs(a - b) for a, b in zip(one, other, strict=True)))
    assert (column["difference"].n, column["difference"].n_clusters) == (15, 6)
    assert set(found.columns) == {"VS_llm", "RC_llm"}


def test_a_judge_agrees_with_itself(tmp_path, pairs):
    same = judged(tmp_path / "a", pairs, WEI)
    found = agreement(same, same)
    assert (found.all_aspects["qwk"].value, found.all_aspects["raw"].value) == (1, 1)
    assert found.all_aspects["difference"].value == 0


def test_swapping_the_judges_turns_differences_round_and_nothing_else(tmp_path, pairs):
    a, b = judged(tmp_path / "a", pairs, WEI), judged(tmp_path / "b", pairs, OKAFOR)
    one, other = agreement(a, b), agreement(b, a)
    for name in ("qwk", "raw"):
        assert one.all_aspects[name].value == pytest.approx(other.all_aspects[name].value)
    assert one.all_aspects["difference"].value == pytest.approx(-other.all_aspects["difference"].value)


def test_pairs_that_a_judge_failed_on_are_counted_and_in_no_number(tmp_path, pairs):
    a = judged(tmp_path / "a", pairs, WEI, skip={0, 1})
    b = judged(tmp_path / "b", pairs, OKAFOR, skip={1, 2, 3})
    found = agreement(a, b)
    assert (found.counts["both"], found.counts["first only"]) == (26, 2)
    assert (found.counts["second only"], found.counts["neither"]) == (1, 1)
    assert found.aspects["R2"]["raw"].n == 26
    fewer = agreement(a, judged(tmp_path / "c", pairs[:10], OKAFOR[:10]))
    assert fewer.counts["put to the first alone"] == 20


def test_comparative_judges_are_compared_too_but_not_with_the_others(tmp_path, pairs):
    codes = tuple(f"Q{i}" for i in range(1, 6))
    a = judged(tmp_path / "a", pairs, WEI, mode="comparative", codes=codes)
    b = judged(tmp_path / "b", pairs, OKAFOR, mode="comparative", codes=codes)
    assert set(agreement(a, b).columns) == {"vs", "rc"}  # none of the board's columns
    with pytest.raises(TaskError, match="the same question only"):
        agreement(a, judged(tmp_path / "c", pairs, OKAFOR))


def test_judges_with_nothing_in_common_are_refused_with_the_mend(tmp_path, pairs):
    a = judged(tmp_path / "a", pairs[:5], WEI[:5])
    b = judged(tmp_path / "b", pairs[5:], OKAFOR[5:])
    with pytest.raises(TaskError, match="let both judge the same submission"):
        agreement(a, b)


def test_everything_told_is_strict_json_with_a_reason_where_there_is_no_number(tmp_path, pairs):
    a = judged(tmp_path / "a", pairs, [3] * 30)
    plain = agreement(a, a).to_plain()
    json.dumps(plain, allow_nan=False)
    assert plain["aspects"]["R2"]["qwk"]["value"] is None
    assert plain["aspects"]["R2"]["qwk"]["reason"]
    assert plain["aspects"]["R2"]["name"] == "accuracy of the medical terms"
