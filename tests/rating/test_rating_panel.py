"""The agreement panel: always the same numbers in the same order, none of them alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from scipy.stats import binomtest, pearsonr
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa

from siming.errors import DatasetError, TaskError
from siming.metrics.prior import step_prior
from siming.rating import adjudication_rate, agreement_report
from siming.rating.panel import BESIDE, ORDER, Panel
from siming.rating.texts import texts
from siming.rubric import (
    Attempt,
    Author,
    Dataset,
    DatasetInfo,
    Entry,
    RubricRef,
    Sheet,
    builtin_rubric,
    labels_of_sheet,
)

BMV = builtin_rubric("bmv-adult")
REF = RubricRef(id=BMV.id, version=BMV.version)
STEPS = [step.id for step in BMV.steps]


def sheet(name: str, attempt: str, lost: dict[str, float | None]) -> Sheet:
    entries = {}
    for step in BMV.steps:
        points = lost.get(step.id, 0)
        entries[step.id] = (
            Entry(status="cannot_judge", reason="dark") if points is None else Entry(points=step.max_points - points)
        )
    author = Author(kind="physician", name=name)
    return Sheet(attempt=attempt, rubric=BMV.id, rubric_version=BMV.version, author=author, steps=entries)


def exam(wei: list[dict], okafor: list[dict], sites: list[str] | None = None) -> Dataset:
    ids = [f"A-{i}" for i in range(len(wei))]
    attempts = [Attempt(id=a, rubrics=(REF,), site=(sites or [None] * len(ids))[i]) for i, a in enumerate(ids)]
    sheets = [
        sheet(name, a, lost)
        for name, rows in (("wei", wei), ("okafor", okafor))
        for a, lost in zip(ids, rows, strict=True)
    ]
    info = DatasetInfo(name="small", version="1", licence="CC0-1.0", rubrics=(REF,), provenance="made for a test")
    return Dataset(Path("small"), info, {BMV.id: BMV}, attempts, sheets)


WEI = [{"bmv02": 18}, {"bmv02": 18}, {}, {"bmv01": 4}, {"bmv02": 9}, {"bmv04": 14}]
OKAFOR = [{"bmv02": 18}, {"bmv02": 9}, {"bmv03": 6}, {}, {"bmv02": 18}, {"bmv04": None}]


def panels(data: Dataset, **options) -> list[Panel]:
    return list(agreement_report(data, replicates=200, **options).panels)


def test_a_panel_shows_the_same_numbers_in_the_same_order_with_their_denominators():
    [panel] = panels(exam(WEI, OKAFOR))
    assert tuple(panel.metrics) == (*ORDER, *BESIDE)
    assert (panel.first, panel.second) == ("okafor", "wei")
    assert (panel.n_videos, panel.n_cells, panel.n_missing) == (6, 29, 1)
    # of 29 cells the labels differ at A-1 bmv02, A-2 bmv03, A-3 bmv01 and A-4 bmv02
    assert panel.metrics["raw_agreement"].value == pytest.approx(25 / 29)
    labels = both_labels(WEI, OKAFOR)
    expected = cohen_kappa_score(*labels, labels=[0, 1, 2, 3], weights="quadratic")
    assert panel.metrics["qwk"].value == pytest.approx(expected)
    plain = panel.to_plain()
    assert list(plain["metrics"]) == [*ORDER, *BESIDE]
    assert plain["metrics"]["qwk"]["left_out"] == {"cannot judge": 1}
    assert plain["metrics"]["icc_a1"]["left_out"] == {"attempts with an incomplete total": 1}
    assert plain["totals"]["attempts"] == ["A-0", "A-1", "A-2", "A-3", "A-4"]
    assert np.sum(plain["confusion"]) == 29


def both_labels(wei: list[dict], okafor: list[dict]) -> list[list[int]]:
    """Okafor's and Wei's labels of the cells that both judged."""
    read = [[labels_of_sheet(s, BMV) for s in exam(wei, okafor).sheets_of("physician", n)] for n in ("okafor", "wei")]
    pairs = [
        (one[step], other[step])
        for one, other in zip(*read, strict=True)
        for step in STEPS
        if one[step] is not None and other[step] is not None
    ]
    return [list(side) for side in zip(*pairs, strict=True)]


def test_differences_of_totals_are_second_minus_first_everywhere():
    [panel] = panels(exam([{"bmv02": 18}] * 3 + [{"bmv02": 9}] * 3, [{}] * 6))  # Wei, named second, takes points off
    expected = -100 * np.mean([18, 18, 18, 9, 9, 9]) / BMV.total_points
    assert panel.metrics["mean_difference"].value == pytest.approx(expected)
    assert panel.limits.mean.value == pytest.approx(expected)
    apart = np.subtract(panel.totals["second"], panel.totals["first"])
    assert apart.mean() == pytest.approx(expected, abs=1e-6)


def test_the_blind_step_prior_knows_only_what_other_videos_say_of_a_step():
    #          video a    b    c       step 1 of a: the others say 3 and 0; the higher of equally frequent ones
    labels = [3, 0, 3, 0, 0, 0]
    step = [1, 2, 1, 2, 1, 2]
    video = ["a", "a", "b", "b", "c", "c"]
    assert step_prior(labels, n_labels=4, step=step, cluster=video).tolist() == [3, 0, 3, 0, 3, 0]
    alone = step_prior([2, 1], n_labels=4, step=[1, 2], cluster=["a", "a"])
    assert alone.tolist() == [-1, -1]  # nobody else to know it from


def test_parts_of_a_panel_hold_all_its_cells_once():
    data = exam(WEI, OKAFOR, sites=["north", "north", "south", "south", "south", "north"])
    [whole] = panels(data)
    for by, names in (("skill", ["BMV"]), ("step", STEPS), ("site", ["north", "south"])):
        parts = panels(data, by=by)
        assert [p.part for p in parts] == names
        assert sum(p.n_cells for p in parts) == whole.n_cells
        assert sum(p.n_missing for p in parts) == whole.n_missing
        assert np.array_equal(sum(np.array(p.confusion) for p in parts), whole.confusion)


def test_the_row_of_a_step_says_what_the_panel_of_that_step_says():
    data = exam(WEI, OKAFOR)
    [whole] = panels(data)
    for row, alone in zip(whole.steps, panels(data, by="step"), strict=True):
        assert (row.step, row.n, row.n_missing) == (alone.part, alone.n_cells, alone.n_missing)
        for name, measured in row.metrics.items():
            there = alone.metrics[name]
            assert (measured.value, measured.interval, measured.reason) == (there.value, there.interval, there.reason)
    assert [row.n_different for row in whole.steps] == [1, 2, 1, 0, 0]
    assert whole.steps[0].title == {"en": BMV.steps[0].title, "zh": BMV.steps[0].title_zh}


def test_a_site_that_nobody_wrote_down_is_asked_for_and_not_made_up():
    with pytest.raises(DatasetError, match=r"no attempt names its site; write `site` into"):
        panels(exam(WEI, OKAFOR), by="site")
    some = panels(exam(WEI, OKAFOR, sites=["north", None, None, "north", None, None]), by="site")
    assert [(p.part, p.n_videos) for p in some] == [("north", 2), ("—", 4)]
    with pytest.raises(TaskError, match="give one of pair, skill, step, site"):
        panels(exam(WEI, OKAFOR), by="room")


def at(data: Dataset, **times: list[str | None]) -> Dataset:
    """The same with the times of each rater's sheets, attempt by attempt."""
    sheets = [
        each.model_copy(update={"submitted_at": times[each.author.name][int(each.attempt.removeprefix("A-"))]})
        for each in data.sheets
    ]
    return replace(data, sheets=sheets)


def test_a_week_holds_the_videos_whose_later_sheet_came_in_it():
    data = exam(WEI[:4], OKAFOR[:4])
    wei = ["2026-01-01T08:00:00Z", "2026-01-04T23:59:59Z", "2026-01-01T08:00:00Z", None]
    # 1 January 2026 is a Thursday, in the first week; the second begins with the Monday, 5 January, in UTC
    okafor = ["2025-12-31T08:00:00Z", "2026-01-04T10:00:00-02:00", "2026-01-05T02:00:00+02:00", "2026-01-05T02:00:00Z"]
    parts = panels(at(data, wei=wei, okafor=okafor), by="week")
    assert [(p.part, p.totals["attempts"]) for p in parts] == [
        ("2026-W01", ["A-0", "A-1"]), ("2026-W02", ["A-2"]), ("—", ["A-3"])
    ]  # fmt: skip
    [whole] = panels(data)
    assert sum(p.n_cells for p in parts) == whole.n_cells
    with pytest.raises(DatasetError, match=r"no sheet says when it was submitted; write `submitted_at` into"):
        panels(data, by="week")


def test_the_cells_that_go_to_adjudication_are_those_that_a_consensus_has_to_decide():
    data = exam(WEI, OKAFOR)
    [panel] = panels(data)
    sheets = zip(data.sheets_of("physician", "wei"), data.sheets_of("physician", "okafor"), strict=True)
    expected = adjudication_rate(sheets, data.rubrics)
    assert panel.adjudication_rate.value == expected.value == pytest.approx(5 / 30)  # four differ, one is blank
    assert panel.adjudication_rate.interval == expected.interval


def test_who_is_stricter_is_said_only_where_the_data_can_tell():
    strict = [{"bmv01": 4, "bmv02": 18}] * 10 + [{"bmv02": 18}] * 2
    [panel] = panels(exam(strict, [{}] * 12))
    assert panel.marginals.stricter == "wei"
    of_bmv01, of_bmv02, *others = panel.marginals.mcnemar  # 4 of 18 points lost at bmv01 are minor, and not wrong
    assert (of_bmv02.only_first, of_bmv02.only_second, of_bmv02.stricter) == (0, 12, "wei")
    # five steps are looked at, four of them without any difference of verdict; Holm counts them all the same
    assert of_bmv02.p_value.value == pytest.approx(binomtest(0, 12).pvalue)
    assert of_bmv02.p_holm.value == pytest.approx(5 * binomtest(0, 12).pvalue)
    assert all(step.stricter is None and step.p_value.value is None for step in (of_bmv01, *others))
    [calm] = panels(exam(WEI, OKAFOR))
    assert calm.marginals.stricter is None
    words = calm.to_plain()["words"]
    assert any("Who is stricter cannot be told" in sentence for sentence in words["en"])
    assert any("无法判断谁更严" in sentence for sentence in words["zh"])


def test_several_attempts_of_one_candidate_are_not_counted_as_independent_by_mcnemar():
    data = exam([{"bmv02": 18}] * 12, [{}] * 12)
    by_candidate = [a.model_copy(update={"candidate": f"C-{i // 2}"}) for i, a in enumerate(data.attempts)]
    paired = Dataset(data.folder, data.info, data.rubrics, by_candidate, data.sheets)
    [alone], [together] = panels(data), panels(paired)
    # six candidates that all lean one way: chi-square 12^2 / (6 x 2^2) = 6, p = .014 and not 2 / 2^12
    assert alone.marginals.mcnemar[1].p_value.value == pytest.approx(2 / 2**12)
    assert together.marginals.mcnemar[1].p_value.value == pytest.approx(0.0143, abs=1e-4)
    assert together.metrics["qwk"].n_clusters == 6


def test_a_correlation_of_totals_is_refused_without_its_interval():
    [few] = panels(exam(WEI[:4], OKAFOR[:4]))
    assert few.metrics["plcc"].value is None
    assert few.metrics["plcc"].reason.startswith("not shown without an interval")
    assert "no_correlation" in [caution.code for caution in few.warnings]
    rng = np.random.default_rng(3)
    wei = [{"bmv02": float(rng.integers(0, 18)), "bmv04": float(rng.integers(0, 14))} for _ in range(30)]
    okafor = [{"bmv02": lost["bmv02"], "bmv04": float(rng.integers(0, 14))} for lost in wei]
    [many] = panels(exam(wei, okafor))
    assert many.metrics["plcc"].value == pytest.approx(pearsonr(many.totals["first"], many.totals["second"])[0])
    assert many.metrics["plcc"].interval is not None


def test_every_warning_carries_its_numbers_in_both_languages():
    nothing = [{}] * 4
    [panel] = panels(exam(nothing, nothing))
    assert [caution.code for caution in panel.warnings] == ["skew", "few_videos"]
    assert panel.metrics["qwk"].value is None  # both gave every step one label: 0/0
    assert panel.metrics["positive_agreement"].reason == "nobody calls a step wrong"
    assert panel.warnings[0].numbers == {"rater": "wei", "label": 3, "share": 1.0, "at_chance": 1.0}
    # two steps, one always failed and one always done; pooled kappa is 1 - small, within-step 0: only difficulty
    hard = [{"bmv02": 18, **({"bmv01": 4} if i == 0 else {})} for i in range(8)]
    easy = [{"bmv02": 18, **({"bmv01": 4} if i == 1 else {})} for i in range(8)]
    [gap] = panels(exam(hard, easy))
    codes = {caution.code: caution for caution in gap.warnings}
    found = codes["step_difficulty"].numbers
    assert found["difference"] == pytest.approx(gap.metrics["qwk"].value - gap.metrics["qwk_within_step"].value)
    wide = codes["wide_interval"].numbers
    assert wide["videos_for_limit"] == int(np.ceil(8 * (wide["width"] / 0.2) ** 2))
    for caution in (*panel.warnings, *gap.warnings):
        english, chinese = caution.text("en"), caution.text("zh")
        assert not re.search(r"[{}]", english + chinese)
        assert re.search(r"[一-鿿]", chinese)
        assert caution.to_plain()["text"] == {"en": english, "zh": chinese}
    assert "100 % of the labels" in panel.warnings[0].text("en").replace("100%", "100 %")


def test_a_rater_who_gave_one_label_throughout_is_named_and_not_the_other():
    wei = [{}] * 8  # nothing deducted: label 3 in every cell
    okafor = [{"bmv01": 4 * (i % 3), "bmv02": 5 * (i % 2)} for i in range(8)]
    [panel] = panels(exam(wei, okafor))
    codes = {caution.code: caution for caution in panel.warnings}
    assert panel.metrics["qwk"].value == 0
    assert codes["constant_rater"].numbers == {"rater": "wei", "label": 3}
    assert codes["skew"].numbers["rater"] == "wei"
    assert codes["skew"].numbers["share"] == 1.0
    assert "wei gave every cell the label 3" in codes["constant_rater"].text("en")


def test_a_level_difference_that_never_varies_says_so_and_blames_no_number_of_videos():
    [panel] = panels(exam([{}] * 8, [{}] * 8))
    sentence = next(each for each in panel.to_plain()["words"]["en"] if "not tested" in each)
    assert "every cluster lies at the mean difference" in sentence


def test_cells_that_are_alike_within_a_video_are_warned_of():
    # half the videos Wei fails altogether and Okafor passes, else they agree: the five steps of a video say one thing
    all_lost = {step.id: step.max_points for step in BMV.steps}
    [panel] = panels(
        exam([all_lost if i % 2 else {} for i in range(100)], [all_lost if i % 4 == 1 else {} for i in range(100)])
    )
    [caution] = [caution for caution in panel.warnings if caution.code == "design_effect"]
    # wholly alike cells: five of them tell what one does
    assert caution.numbers["value"] == pytest.approx(5, rel=0.05)
    assert caution.numbers["worth_cells"] == pytest.approx(100, abs=5)


def test_both_languages_name_everything_a_panel_shows():
    for language in ("en", "zh"):
        say = texts(language)
        assert set(say["rows"]) == {*ORDER, *BESIDE}
        assert set(say["agreement"]["warned"]) == set(say["warnings"])
    assert set(texts("en")["agreement"]["words"]) == set(texts("zh")["agreement"]["words"])
    assert set(texts("en")["agreement"]["all_raters"]) == set(texts("zh")["agreement"]["all_raters"])


def third(data: Dataset, rows: list[dict]) -> Dataset:
    extra = [sheet("lin", attempt.id, lost) for attempt, lost in zip(data.attempts, rows, strict=True)]
    return Dataset(data.folder, data.info, data.rubrics, data.attempts, [*data.sheets, *extra])


LIN = [{"bmv02": 18}, {"bmv02": 18}, {"bmv03": 6}, {"bmv01": 4}, {"bmv02": 9}, {}]


def test_three_raters_are_also_compared_all_together_as_other_libraries_do():
    data = third(exam(WEI, OKAFOR), LIN)
    report = agreement_report(data, replicates=200)
    assert [(p.first, p.second) for p in report.panels] == [("lin", "okafor"), ("lin", "wei"), ("okafor", "wei")]
    together = report.all_raters
    assert together.raters == ("lin", "okafor", "wei")
    assert (together.n_videos, together.n_cells) == (6, 30)
    labels = np.array(
        [
            [
                np.nan if label is None else label
                for s in data.sheets_of("physician", name)
                for label in labels_of_sheet(s, BMV).values()
            ]
            for name in together.raters
        ],
        dtype=float,
    )
    alpha = krippendorff.alpha(labels, value_domain=[0, 1, 2, 3], level_of_measurement="ordinal")
    assert together.metrics["krippendorff_alpha"].value == pytest.approx(alpha)
    complete = third(exam(WEI, [{} if lost.get("bmv04", 0) is None else lost for lost in OKAFOR]), LIN)
    counts = [
        [
            sum(labels_of_sheet(s, BMV)[step] == label for s in complete.sheets if s.attempt == a.id)
            for label in range(4)
        ]
        for a in complete.attempts
        for step in STEPS
    ]
    # quadratic weights, by hand: 1 - sum of d over pairs of one cell / d of the pooled labels
    share, distance = np.sum(counts, axis=0) / np.sum(counts), np.subtract.outer(range(4), range(4)) ** 2
    observed = np.mean([(np.array(c) @ distance @ np.array(c)) / 6 for c in counts])
    found = agreement_report(complete, replicates=200).all_raters.metrics
    assert found["fleiss_kappa"].value == pytest.approx(1 - observed / (share @ distance @ share))
    pairs_equal = np.mean([sum(n * (n - 1) for n in c) / 6 for c in counts])
    assert found["agreement"].value == pytest.approx(pairs_equal)
    nominal = fleiss_kappa(np.array(counts), method="fleiss")
    assert nominal == pytest.approx(1 - (1 - pairs_equal) / (1 - share @ share))  # the witness for the hand sum's parts
    assert agreement_report(exam(WEI, OKAFOR), replicates=200).all_raters is None


def test_a_report_is_strict_json_and_knows_its_schema():
    plain = agreement_report(
        third(exam(WEI, OKAFOR), LIN), replicates=200, source="small.csv", notes=["a note"]
    ).to_plain()
    again = json.loads(json.dumps(plain, allow_nan=False))
    assert again["schema"] == "siming.agreement/1"
    assert (again["source"], again["by"], again["notes"]) == ("small.csv", "pair", ["a note"])
    assert again["notes_zh"] == ["a note"]  # somebody's own words stay as they are
    assert (again["n_attempts"], again["n_candidates"]) == (6, 6)
    assert list(again["panels"][0]["limits_of_agreement"]) == ["mean", "sd", "lower", "upper"]
    assert "icc_c1" in again["all_raters"]["metrics"]


def test_the_order_of_files_changes_nothing():
    data = third(exam(WEI, OKAFOR), LIN)
    shuffled = Dataset(data.folder, data.info, data.rubrics, data.attempts[::-1], data.sheets[::-1])
    assert agreement_report(shuffled, replicates=200).to_plain() == agreement_report(data, replicates=200).to_plain()


def test_agreement_of_one_physician_is_refused_with_the_mend():
    data = exam(WEI, OKAFOR)
    alone = Dataset(data.folder, data.info, data.rubrics, data.attempts, data.sheets_of("physician", "wei"))
    with pytest.raises(DatasetError, match=r"rated by: wei\); agreement needs two physicians"):
        panels(alone)
