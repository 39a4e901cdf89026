"""`siming stats`: one statistic of a few columns, how many videos, and printed tables held against arithmetic."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from siming.cli import app
from siming.errors import LabelError, SimingError, TaskError
from siming.metrics.registry import CATALOGUE


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMING_LANG", "en")


def stats(*words: object, status: int = 0):
    """Run a command; what it could not use is raised, as in Python."""
    done = CliRunner().invoke(app, ["stats", *map(str, words)])
    if isinstance(done.exception, SimingError):
        raise done.exception
    assert done.exit_code == status, done.output
    return done


def told(*words: object, status: int = 0):
    """What a command says as JSON."""
    return json.loads(stats(*words, "--json", status=status).stdout)


def column(name: str, values: object, *, encoding: str = "utf-8") -> str:
    Path(name).write_text("".join(f"{value}\n" for value in values), encoding=encoding)
    return name


def cells_of(table: list[list[int]]) -> tuple[str, str]:
    """Two columns of labels that give this table of counts."""
    counts = np.array(table)
    first, second = np.indices(counts.shape)
    return tuple(
        column(f"{who}.txt", np.repeat(side.ravel(), counts.ravel())) for who, side in (("wei", first), ("lin", second))
    )  # type: ignore[return-value]


def table(name: str, rows: str) -> str:
    Path(name).write_text(rows, encoding="utf-8")
    return name


# ---- one ---------------------------------------------------------------------------------------------------------------

WEI, OKAFOR = [0, 0, 3, 3, 3, 1, 3, 3], [0, 3, 3, 3, 3, 3, 3, 1]


def test_the_scale_is_the_one_given_and_never_the_labels_in_use():
    pair = ("--a", column("a.txt", WEI), "--b", column("b.txt", OKAFOR))
    qwk = told("one", "qwk", *pair, "--levels", "0,1,2,3")
    assert qwk["value"] == pytest.approx(0.32, abs=5e-7)
    assert (qwk["name"], qwk["n"], qwk["interval"]) == ("qwk", 8, None)
    assert qwk["source"].startswith("Cohen")
    squeezed = told("one", "qwk", *pair, "--levels", "0,1,3")
    assert squeezed["value"] == pytest.approx(0.414634, abs=5e-7)
    with pytest.raises(TaskError, match="--levels 0,1,2,3"):
        stats("one", "qwk", *pair)


FLEISS = [[106, 10, 4], [22, 28, 10], [2, 12, 6]]
OWN = "1,0,0.4444444444\n0,1,0.6666666667\n0.4444444444,0.6666666667,1\n"


@pytest.mark.parametrize(
    ("weights", "golden"), [("nominal", 0.428571), ("linear", 0.492308), ("quadratic", 0.566667), ("own.csv", 0.507060)]
)
def test_kappa_of_fleiss_cohen_and_everitt(weights, golden):
    table("own.csv", OWN)
    a, b = cells_of(FLEISS)
    found = told("one", "kappa", "--a", a, "--b", b, "--levels", "0,1,2", "--weights", weights)
    assert found["value"] == pytest.approx(golden, abs=5e-6)


def test_gwets_abstractors():
    a, b = cells_of([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    for name, golden in [
        ("kappa", 0.7964094),
        ("scott_pi", 0.7962397),
        ("ac1", 0.8493305),
        ("krippendorff_nominal", 0.7972585),
    ]:
        found = told("one", name, "--a", a, "--b", b, "--levels", "0,1,2")
        assert found["value"] == pytest.approx(golden, abs=5e-8)


SHROUT = "video,A,B,C,D\n1,9,2,5,8\n2,6,1,3,2\n3,8,4,6,8\n4,7,1,2,6\n5,10,5,6,9\n6,6,2,4,7\n"
FORMS = {
    "icc_one_way": (0.16574, -0.13293, 0.72256),
    "icc_agreement": (0.28976, 0.018787, 0.76108),
    "icc_consistency": (0.71484, 0.342465, 0.94586),
    "icc_one_way_mean": (0.44280, -0.884442, 0.91242),
    "icc_agreement_mean": (0.62005, 0.071137, 0.92723),
    "icc_consistency_mean": (0.90932, 0.675675, 0.98589),
    "cronbach_alpha": (0.90932, 0.675675, 0.98589),
}


@pytest.mark.parametrize(("name", "golden"), FORMS.items())
def test_intraclass_correlations_of_shrout_and_fleiss_from_a_table(name, golden):
    found = told("one", name, "--table", table("judges.csv", SHROUT))
    assert (found["value"], *found["interval"]) == pytest.approx(golden, abs=6e-6)


def test_components_and_d_study_of_the_same_table():
    judges = table("judges.csv", SHROUT)
    study = told("one", "g_study", "--table", judges, "--option", "design=p x r")["result"]
    found = {name: round(part["value"], 6) for name, part in study["components"].items()}
    assert found == {"p": 2.555556, "r": 5.244444, "pr": 1.019444}
    decided = told("one", "d_study", "--table", judges, "--option", "design=p x r", "--option", "levels={r: 1}")[
        "result"
    ]
    assert decided["phi"]["value"] == pytest.approx(0.28976, abs=5e-6)


def test_a_design_of_three_facets_from_one_score_per_line():
    # Specification, G10: Brennan's synthetic data set 3.
    rows = ["2675 2555", "4567 6757", "5546 5455", "5986 5776", "4356 4564", "4447 6478", "2665 2775", "3445 6664", "0545 5553", "6876 6886"]  # fmt: skip
    lines = [
        f"{p},{i},{o},{score}"
        for p, row in enumerate(rows)
        for o, block in enumerate(row.split())
        for i, score in enumerate(block)
    ]
    long = table("long.csv", "p,i,o,score\n" + "\n".join(lines) + "\n")
    decided = told("one", "d_study", "--table", long, "--option", "design=p x i x o")["result"]
    assert decided["e_rho2"]["value"] == pytest.approx(0.639871, abs=5e-7)
    assert decided["phi"]["value"] == pytest.approx(0.554125, abs=5e-7)
    named = table("named.csv", Path(long).read_text().replace("p,i,o,score", "考生,Item,Occasion,得分"))
    again = told("one", "d_study", "--table", named, "--option", "design=考生 x Item x Occasion")["result"]
    assert again["phi"] == decided["phi"]


WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_peak_flow_of_bland_and_altman():
    pair = ("--a", column("wright.txt", WRIGHT), "--b", column("mini.txt", MINI))
    flow = told("one", "bland_altman", *pair, "--option", "multiplier=2")["result"]
    assert flow["mean"]["value"] == pytest.approx(-2.1176, abs=5e-5)
    assert flow["sd"]["value"] == pytest.approx(38.7651, abs=5e-5)
    assert flow["mean"]["interval"] == pytest.approx([-22.05, 17.81], abs=5.1e-3)
    assert flow["lower"]["interval"] == pytest.approx([-114.17, -45.13], abs=5.1e-3)
    assert told("one", "plcc", *pair)["value"] == pytest.approx(0.943279, abs=5e-7)
    assert told("one", "ccc", *pair)["value"] == pytest.approx(0.942742, abs=5e-7)


def numbers(**given: float) -> list[str]:
    return [word for name, value in given.items() for word in ("--option", f"{name}={value}")]


def test_dependent_correlations_from_printed_numbers():
    zou = told("one", "zou_interval", *numbers(r_first=0.396, r_second=0.179, r_between=0.088, n=66))
    assert zou["interval"] == pytest.approx([-0.0929, 0.5168], abs=5e-5)
    meng = told("one", "meng_test", *numbers(r_first=0.63, r_second=-0.03, r_between=-0.19, n=15))
    assert meng["result"]["statistic"]["value"] == pytest.approx(1.6794, abs=5e-5)
    williams = told("one", "williams_test", *numbers(r_first=0.4, r_second=0.5, r_between=0.1, n=103))
    assert williams["result"]["statistic"]["value"] == pytest.approx(-0.8913, abs=5e-5)
    steiger = told("one", "steiger_test", *numbers(r12=0.5, r34=0.6, r13=0.5, r14=0.5, r23=0.7, r24=0.8, n=103))
    assert steiger["result"]["statistic"]["value"] == pytest.approx(-1.202657, abs=5e-7)
    assert told("one", "critical_correlation", *numbers(n=200), "--option", "null=fisher_z")["value"] == pytest.approx(
        0.138744, abs=5e-6
    )
    nulls = told("one", "p_best_of_nulls", *numbers(r=0.158, models=12, n=200), "--option", "null=fisher_z")
    assert nulls["value"] == pytest.approx(0.1418, abs=5e-5)


def test_krippendorffs_four_observers_with_their_gaps():
    observers = {
        "A": "1 2 3 3 2 1 4 1 2 . . .",
        "B": "1 2 3 3 2 2 4 1 2 5 . 3",
        "C": ". 3 3 3 2 3 4 2 2 5 1 .",
        "D": "1 2 3 3 2 4 4 1 2 5 1 .",
    }
    raters = []
    for name, labels in observers.items():
        raters += ["--rater", column(f"{name}.txt", [label.replace(".", "") for label in labels.split()])]
    for scale, golden in [("nominal", 0.743421), ("ordinal", 0.815388), ("interval", 0.849107)]:
        found = told("one", f"krippendorff_{scale}", *raters, "--levels", "1,2,3,4,5")
        assert found["value"] == pytest.approx(golden, abs=5e-7)
        assert found["n"] == 11  # units with at least two ratings


def test_stuart_maxwell_and_bhapkar():
    a, b = cells_of([[20, 10, 5], [3, 30, 15], [0, 5, 40]])
    for name, golden in [("stuart_maxwell", 13.764706), ("bhapkar", 15.423275)]:
        found = told("one", name, "--a", a, "--b", b, "--levels", "0,1,2")
        assert found["result"]["statistic"]["value"] == pytest.approx(golden, abs=5e-6)


def test_borderline_regression_from_two_columns():
    grades = column("grades.txt", [1, 2, 2, 3, 3, 3, 4, 4, 5, 5])
    scores = column("scores.txt", [40, 52, 55, 60, 63, 66, 74, 71, 85, 88])
    found = told("one", "borderline_regression", "--a", scores, "--b", grades, "--option", "borderline=2", "--option",
                 "scale=[1,2,3,4,5]", "--replicates", 200)["result"]  # fmt: skip
    assert found["cut"]["value"] == pytest.approx(52.076923, abs=5e-7)
    assert found["standard_error"]["value"] == pytest.approx(1.045088, abs=5e-7)


def test_columns_of_one_spreadsheet_with_videos_as_clusters_and_a_heading_in_chinese():
    rng = np.random.default_rng(0)
    lines = ["录像,步骤,魏,林"]
    for video in range(8):
        for step in range(4):
            wei = rng.integers(0, 4)
            lines.append(f"V{video},s{step},{wei},{wei if rng.random() < 0.7 else rng.integers(0, 4)}")
    Path("marks.csv").write_text("\n".join(lines), encoding="gbk")
    files = ("--a", "marks.csv:魏", "--b", "marks.csv:林", "--levels", "0,1,2,3", "--cluster", "marks.csv:录像")
    within = told("one", "qwk_within_step", *files, "--step", "marks.csv:步骤")
    assert within["n"] == 32
    assert within["n_clusters"] == 8
    assert within["interval"][0] < within["value"] < within["interval"][1]
    drawn = told("one", "qwk", *files, "--interval", "bootstrap", "--replicates", 500, "--seed", 3)
    assert (drawn["seed"], drawn["replicates"]) == (3, 500)
    each = told("one", "by_step", *files, "--step", "marks.csv:步骤")["result"]
    assert sorted(each) == ["s0", "s1", "s2", "s3"]


def test_a_value_off_the_levels_is_refused_with_its_line_and_the_mend_is_accepted():
    a, b = column("a.txt", ["wei", 0, 7, 1, 2]), column("b.txt", [0, 1, 1, 2])
    with pytest.raises(LabelError, match=r"a\.txt line 3.*: found '7', wanted one of 0, 1, 2, 3; .*empty the cell"):
        stats("one", "qwk", "--a", a, "--b", b, "--levels", "0,1,2,3")
    column("a.txt", ["wei", 0, "", 1, 2])
    mended = told("one", "qwk", "--a", a, "--b", b, "--levels", "0,1,2,3")
    assert mended["left_out"] == {"missing": 1}
    assert told("one", "qwk", "--a", column("a.txt", [0, 7, 1, 2]), "--b", b, "--levels", "0,1,2,7")["n"] == 4


def test_a_heading_is_taken_for_one_and_said():
    done = stats("one", "plcc", "--a", column("a.txt", ["Wei", 1, 2, 4]), "--b", column("b.txt", ["林", 2, 2, 5]))
    assert "a.txt: the first line, 'Wei', is taken for a heading" in done.stderr
    assert "0.94491" in done.stdout


def test_words_may_be_levels_and_gaps_may_be_words():
    found = told("one", "raw_agreement", "--a", column("a.txt", ["fail", "pass", "NA", "pass"]),
                 "--b", column("b.txt", ["fail", "fail", "pass", "缺考"]), "--levels", "fail,pass")  # fmt: skip
    assert (found["value"], found["n"], found["left_out"]["missing"]) == (0.5, 2, 2)


def test_ratings_one_per_line_reach_the_statistics_of_raters():
    rng = np.random.default_rng(1)
    lines = ["video,step,rater,label"]
    for video in range(25):
        for step in range(6):
            seen = rng.normal() + 0.3 * step - 1
            for rater, severity in (("Wei", 0.0), ("Okafor", 0.8)):
                label = int(np.digitize(seen + 0.6 * rng.normal() - severity, [-1, 0, 1]))
                lines.append(f"V{video},s{step},{rater},{label}")
    long = table("ratings.csv", "\n".join(lines) + "\n")
    options = ("--table", long, "--levels", "0,1,2,3")
    contrast = told("one", "severity_contrast", *options, "--option", "first=Okafor", "--option", "second=Wei")
    assert contrast["interval"][0] > 0
    assert told("one", "connectivity", "--table", long)["result"]["raters"] == [["Okafor", "Wei"]]
    assert {"rater_habits", "dawid_skene", "link_adjustment"} <= {
        name for name in ("rater_habits", "dawid_skene", "link_adjustment") if told("one", name, *options)["result"]
    }
    with pytest.raises(LabelError, match="lacks rater; wanted a line per rating"):
        stats("one", "connectivity", "--table", table("short.csv", "video,step\nV1,s1\nV2,s1\n"))


def test_models_are_compared_and_ranked_from_columns():
    rng = np.random.default_rng(2)
    truth = rng.normal(60, 10, 40)
    good, bad = truth + rng.normal(0, 4, 40), rng.normal(60, 10, 40)
    files = ("--a", column("truth.txt", truth), "--rater", column("good.txt", good), "--rater", column("bad.txt", bad))
    pair = told("one", "paired_difference", *files, "--option", "metric=plcc", "--cluster",
                column("videos.txt", [f"V{v}" for v in range(40)]), "--option", "permutations=200")  # fmt: skip
    assert pair["result"]["difference"]["interval"][0] > 0
    ranks = told(
        "one", "rank_models", *files, "--option", "metric=plcc", "--cluster", "videos.txt", "--replicates", 200
    )
    assert [place["name"] for place in ranks["result"]["places"]] == ["good", "bad"]
    shuffled = told("one", "best_of_shuffled", *files, "--option", "metric=plcc", "--option", "draws=100")
    assert shuffled["result"]["p_value"]["value"] < 0.05


def test_evidence_is_read_from_stretches_of_seconds():
    found = told("one", "evidence_iou", "--a", column("a.txt", ["0-10", "3-5; 7-9", "none", ""]),
                 "--b", column("b.txt", ["5-15", "3-5;7-9", "1-2", "4-5"]))  # fmt: skip
    assert found["value"] == pytest.approx((5 / 15 + 1) / 2)
    with pytest.raises(LabelError, match=r"a\.txt line 1: found '5', wanted START-END"):
        stats("one", "evidence_iou", "--a", column("a.txt", ["5"]), "--b", column("b.txt", ["1-2"]))


def test_p_values_are_corrected_and_gaps_stay_gaps():
    found = told("one", "holm", "--a", column("p.txt", [0.01, "", 0.04, 0.03]))
    assert found["result"] == [
        pytest.approx(0.04),
        None,
        pytest.approx(0.09),
        pytest.approx(0.09),
    ]  # four were declared


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("qkw", "--a", "a.txt", "--b", "a.txt"), "did you mean 'qwk'"),
        (("qwk", "--a", "a.txt", "--levels", "0,1"), "give --a FILE --b FILE"),
        (("fleiss_kappa", "--rater", "a.txt", "--levels", "0,1"), "two or more raters"),
        (("icc_agreement", "--a", "a.txt"), "two or more raters"),
        (("cronbach_alpha",), "give --table FILE.csv"),
        (("share_within", "--a", "a.txt", "--b", "a.txt"), "needs tolerance"),
        (("plcc", "--a", "a.txt", "--b", "a.txt", "--step", "a.txt"), "takes no --step"),
        (("plcc", "--a", "a.txt", "--b", "a.txt", "--weights", "linear"), "takes no --weights"),
        (("kappa", "--a", "a.txt", "--b", "a.txt", "--levels", "0,1", "--weights", "cubic"), "nominal, linear, quadratic"),
        (("qwk_within_step", "--a", "a.txt", "--b", "a.txt", "--levels", "0,1"), "give --step FILE"),
        (("plcc", "--a", "none.txt", "--b", "a.txt"), "there is no such file"),
        (("plcc", "--a", "wide.csv", "--b", "a.txt"), "has 2 columns; name the one"),
        (("plcc", "--a", "wide.csv:C", "--b", "a.txt"), "has no column 'C'; it has A, B"),
        (("plcc", "--a", "a.txt", "--b", "a.txt", "--interval", "bayes"), "--interval 'bayes' is not one of"),
        (("audit_table",), "siming stats audit"),
        (("paired_difference", "--a", "a.txt", "--rater", "a.txt"), "each model with --rater"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_refused_with_the_mend(words, message):
    column("a.txt", [0, 1, 1])
    table("wide.csv", "A,B\n1,2\n3,4\n5,6\n")
    with pytest.raises(SimingError, match=re.escape(message)):
        stats("one", *words)


def test_the_terminal_shows_value_interval_n_formula_and_source_in_both_languages():
    pair = ("--a", column("wright.txt", WRIGHT), "--b", column("mini.txt", MINI))
    english = stats("one", "icc_consistency", *pair).stdout
    chinese = stats("one", "icc_consistency", *pair, "--lang", "zh").stdout
    for shown, words in (
        (english, ("formula", "source", "interval", "95%")),
        (chinese, ("公式", "出处", "区间", "组内相关系数")),
    ):
        assert all(word in shown for word in words)
        assert "17" in shown


@pytest.fixture
def files() -> dict[str, list[str]]:
    """One exam in every form that a statistic may ask for, with the words that hand it over."""
    rng = np.random.default_rng(7)
    labels = np.digitize(rng.normal(size=(1, 20, 1)) + 0.7 * rng.normal(size=(3, 20, 6)), [-1, 0, 1])
    videos, steps = [f"V{v}" for v in range(20)], [f"s{i}" for i in range(6)]
    cells = [(v, i) for v in range(20) for i in range(6)]
    for rater in range(3):
        column(f"l{rater}", labels[rater].ravel())
        column(f"w{rater}", (labels[rater] < 2).ravel().astype(int))
        column(f"t{rater}", labels[rater].sum(axis=1))
        column(f"e{rater}", [f"{10 * at}-{10 * at + 1 + label}" for at, label in enumerate(labels[rater].ravel())])
    column("step", [steps[i] for _, i in cells])
    column("video", [videos[v] for v, _ in cells])
    column("candidate", videos)
    column("grade", np.clip(labels[1].sum(axis=1) // 4 + 1, 1, 5))
    column("competent", (labels[1].sum(axis=1) > 9).astype(int))
    column("p", [0.01, 0.2, 0.03])
    table(
        "steps.csv",
        "\n".join(
            [f"video,{','.join(steps)}", *(f"{v},{','.join(map(str, labels[0, at]))}" for at, v in enumerate(videos))]
        ),
    )
    table(
        "judges.csv",
        "\n".join(
            [f"judge,{','.join(steps)}", *(f"J{at},{','.join(f'{x:.2f}' for x in rng.random(6))}" for at in range(8))]
        ),
    )
    order = [rng.permutation(20) for _ in range(3)]
    long = ["video,step,rater,label,time,order,group,occasion"]
    long += [
        f"{videos[v]},{steps[i]},R{r},{labels[r, v, i]},{order[r][v]},{order[r][v]},{'NS'[v % 2]},0"
        for r in range(3)
        for v, i in cells
    ]
    table("ratings.csv", "\n".join(long))
    scores = [f"{videos[v]},{steps[i]},R{r},{labels[r, v, i]}" for r in range(3) for v, i in cells]
    table("scores.csv", "\n".join(["p,i,r,score", *scores]))
    repeats = [f"{videos[v]},{steps[i]},R0,{labels[r, v, i]},{r}" for r in range(2) for v, i in cells]
    table("repeats.csv", "\n".join(["video,step,rater,label,occasion", *repeats]))
    totals = [f"{videos[v]},R{r},{labels[r, v].sum()},{order[r][v]}" for r in range(3) for v in range(20)]
    table("totals.csv", "\n".join(["video,rater,total,time", *totals]))
    two = [f"{videos[v]},{labels[0, v].sum()},{labels[1, v].sum()},{order[0][v]},{order[1][v]}" for v in range(20)]
    table("two.csv", "\n".join(["video,first,second,first_time,second_time", *two]))
    scale = ["--levels", "0,1,2,3"]
    return {
        "labels": ["--a", "l0", "--b", "l1", *scale, "--cluster", "video"],
        "verdicts": ["--a", "w0", "--b", "w1"],
        "totals": ["--a", "t0", "--b", "t1"],
        "labels of many": ["--rater", "l0", "--rater", "l1", "--rater", "l2", *scale],
        "totals of many": ["--rater", "t0", "--rater", "t1", "--rater", "t2"],
        "steps": ["--table", "steps.csv"],
        "scores": ["--table", "scores.csv"],
        "ratings": ["--table", "ratings.csv", *scale],
        "evidence": ["--a", "e0", "--b", "e1"],
        "grades": ["--a", "t0", "--b", "grade"],
        "judges": ["--table", "judges.csv"],
        "marks": ["--a", "t0"],
        "p values": ["--a", "p"],
        "two models": ["--a", "t0", "--rater", "t1", "--rater", "t2"],
        "models": ["--a", "t0", "--rater", "t1", "--rater", "t2"],
        "numbers": [],
    }


OWN_FILES = {
    "confusion_table": ["--a", "l0", "--b", "l1", "--levels", "0,1,2,3"],
    "linear_drift": ["--table", "totals.csv"],
    "cumulative_drift": ["--table", "two.csv"],
    "intra_rater": ["--table", "repeats.csv", "--levels", "0,1,2,3"],
    "connectivity": ["--table", "ratings.csv"],
    "contrasting_groups": ["--a", "t0", "--b", "competent"],
    "label_use": ["--table", "steps.csv", "--levels", "0,1,2,3"],
    "disjoint_evidence": [
        "--a",
        "e0",
        "--b",
        "e1",
        "--levels",
        "0,1,2,3",
        *("--option", "first_label=@l0", "--option", "second_label=@l1"),
    ],
}
ANSWERS = {
    "tolerance": 2, "pass_mark": 8, "max_points": 3, "design": "p x i x r", "levels": "{r: [1, 2]}", "borderline": 3,
    "scale": "[1,2,3,4,5]", "relevance": "[0,0,1,1,1,1]", "difficulty": "[0,1,2,0,1,2]", "lowest_cut": 6, "highest_cut": 11,
    "lowest_fail": 0.05, "highest_fail": 0.6, "first": "R0", "second": "R1", "metric": "plcc", "r": 0.2, "n": 66,
    "r_first": 0.4, "r_second": 0.2, "r_between": 0.1, "models": 12, "r12": 0.5, "r34": 0.6, "r13": 0.5, "r14": 0.5, "r23": 0.7,
    "r24": 0.8, "disagreement": 0.0106, "imperfect": 0.183,
}  # fmt: skip
BY_COMMAND = [one for one in CATALOGUE.values() if one.reached_by.startswith("siming stats one")]


@pytest.mark.parametrize("entry", BY_COMMAND, ids=str)
def test_every_statistic_that_names_this_command_is_reached_by_it(entry, files):
    words = OWN_FILES.get(entry.name, files[entry.shape])
    words = [*words, *(word for name in entry.needs for word in ("--option", f"{name}={ANSWERS[name]}"))]
    if entry.by_step and "--step" not in words:
        words += ["--step", "step"]
    if entry.shape in ("two models", "models") and entry.takes("cluster"):
        words += ["--cluster", "candidate"]
    words += [w for name in ("permutations", "draws") if entry.takes(name) for w in ("--option", f"{name}=100")]
    found = told("one", entry.name, *words, "--replicates", 200)
    assert found["name"] == entry.name
    assert found.get("value") is not None or found["result"]


# ---- list --------------------------------------------------------------------------------------------------------------


def test_the_list_names_every_statistic_by_theme():
    assert [one["name"] for one in told("list")] == list(CATALOGUE)
    assert {one["theme"] for one in told("list", "--theme", "totals")} == {"totals"}
    shown = stats("list", "--lang", "zh").stdout
    assert "评分者效应" in shown
    assert all(re.search(rf"^{name}\b", shown, re.M) for name in CATALOGUE)


# ---- plan --------------------------------------------------------------------------------------------------------------


def test_videos_for_a_correlation_with_other_goals_beside():
    found = told("plan", "--what", "plcc", "--expected", 0.158, "--power", 0.8, "--videos", 400)
    assert found["plan"]["videos"] == 313  # specification, G15
    assert found["double_rating_share"]["value"] == pytest.approx(313 / 400)
    assert [other["power"] for other in found["alternatives"]] == [0.7, 0.9, 0.95]
    assert found["alternatives"][0]["videos"] < 313 < found["alternatives"][1]["videos"]
    assert "313" in found["sentence"]["en"]
    assert "313" in found["sentence"]["zh"]


def test_videos_for_an_intraclass_correlation():
    assert told("plan", "--what", "icc", "--expected", 0.7, "--raters", 3, "--width", 0.2)["plan"]["videos"] == 68
    assert told("plan", "--what", "icc", "--expected", 0.8, "--null", 0.6, "--power", 0.8)["plan"]["videos"] == 49


def test_videos_for_kappa_from_shares_and_from_a_table_of_counts():
    shares = told("plan", "--what", "qwk", "--expected", 0.5, "--shares", "50,50", "--width", 0.2,
                  "--cells-per-video", 1, "--design-effect", 1)  # fmt: skip
    # Binary kappa of even labels: SE sqrt((1 - k^2) / n); a width of 0.2 needs n = (2 x 1.96)^2 x 0.75 / 0.04 = 288.
    assert shares["plan"]["videos"] == pytest.approx(288, rel=0.05)
    counts = told("plan", "--what", "qwk", "--counts", table("counts.csv", "75,25\n25,75\n"), "--width", 0.2,
                  "--cells-per-video", 1, "--design-effect", 1)  # fmt: skip
    assert counts["plan"]["videos"] == pytest.approx(288, rel=0.05)
    assert len(shares["assumptions"]) == 2


@pytest.fixture
def pilot() -> str:
    """Thirty candidates, five steps of three points, two raters."""
    rng = np.random.default_rng(4)
    lines = ["考生,评委,洗手(3分),戴手套(3分),评估(3分),按压(3分),通气(3分)"]
    for candidate in range(30):
        truth = rng.integers(0, 4, 5)
        for rater in ("魏", "林"):
            seen = np.where(rng.random(5) < 0.7, truth, rng.integers(0, 4, 5))
            lines.append(f"{2024001 + candidate},{rater},{','.join(map(str, seen))}")
    return table("pilot.csv", "\n".join(lines) + "\n")


def test_a_pilot_in_a_spreadsheet_plans_any_metric_and_the_link_videos(pilot):
    found = told("plan", "--what", "qwk", "--from", pilot, "--width", 0.1, "--replicates", 500)
    half = told("plan", "--what", "qwk", "--from", pilot, "--width", 0.05, "--replicates", 500)
    assert half["plan"]["videos"] == pytest.approx(4 * found["plan"]["videos"], rel=0.3)
    assert found["links"]["videos"] > 2
    links = told("plan", "--what", "links", "--from", pilot, "--width", 4)
    assert links["plan"]["videos"] == found["links"]["videos"]
    for what in ("plcc", "icc", "qwk_within_step", "mcc"):
        assert told("plan", "--what", what, "--from", pilot, "--width", 0.3, "--replicates", 200)["plan"]["videos"] > 0


def test_link_videos():
    assert told("plan", "--what", "links", "--sd", 6, "--width", 4)["plan"]["videos"] == 38


def test_a_goal_out_of_reach_is_said_and_the_status_is_1():
    found = told("plan", "--what", "plcc", "--expected", 0, "--power", 0.8, status=1)
    assert found["plan"]["videos"] is None
    assert "cannot be told from 0" in found["sentence"]["en"]
    assert (
        "无法给出计划"
        in stats("plan", "--what", "plcc", "--expected", 0, "--power", 0.8, "--lang", "zh", status=1).stdout
    )


@pytest.mark.parametrize("what", ["qwk", "plcc", "icc"])
def test_a_plan_without_a_value_to_expect_takes_one_and_says_so(what):
    said = stats("plan", "--what", what, "--width", 0.2, "--lang", "en").stdout
    given = stats("plan", "--what", what, "--width", 0.2, "--expected", 0.7, "--lang", "en").stdout
    assert "Nothing was said about the value expected, so 0.7 is taken" in " ".join(said.split())
    assert "Nothing was said" not in given
    assert said.splitlines()[0] == given.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--what", "plcc", "--expected", "0.3"), "either --width (such as 0.1) or --power"),
        (("--what", "plcc", "--expected", "0.3", "--width", "0.1", "--power", "0.8"), "either --width"),
        (("--what", "links", "--width", "4"), "--sd 6"),
        (("--what", "links", "--sd", "6", "--power", "0.8"), "--width 4"),
        (("--what", "mcc", "--expected", "0.3", "--width", "0.1"), "give --from DATASET"),
        (("--what", "qwkk", "--expected", "0.3", "--width", "0.1"), "did you mean 'qwk'"),
        (("--what", "qwk", "--shares", "a,b", "--expected", "0.3", "--width", "0.1"), "--shares 4,6,8,82"),
    ],
)
def test_a_plan_says_what_it_lacks(words, message):
    with pytest.raises(SimingError, match=re.escape(message)):
        stats("plan", *words)


def test_a_plan_speaks_plainly_in_both_languages():
    goal = ("plan", "--what", "icc", "--expected", "0.8", "--width", "0.1", "--videos", "100")
    assert "With 205 videos, the 95 % interval of the intraclass correlation" in stats(*goal).stdout.replace("\n", " ")
    assert "有 205 段视频时，组内相关系数" in stats(*goal, "--lang", "zh").stdout
    assert "the goal needs 205 videos rated twice and there are 100" in stats(*goal).stdout.replace("\n", " ")


def test_the_python_of_the_page_on_these_commands_says_what_the_code_computes():
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "plan-and-audit.md"
    done = doctest.testfile(str(page), module_relative=False)
    assert (done.failed, done.attempted > 2) == (0, True)


# ---- audit -------------------------------------------------------------------------------------------------------------


def test_65_of_6600_is_not_106_per_cent():
    printed = table("t.csv", "item,count,percent\nadjudicated,65,1.06%\n")
    (finding,) = told("audit", printed, "--cells", 6600, status=1)["findings"]
    assert (finding["check"], finding["status"], finding["denominators"]) == (
        "count",
        "needs denominator",
        [6104, 6161],
    )
    assert "0.985 per cent" in finding["message"]["en"]
    assert "6600中的65应为0.985%" in finding["message"]["zh"]
    table("t.csv", "item,count,percent\nadjudicated,65,0.98%\n")
    assert stats("audit", printed, "--cells", 6600).exit_code == 0


CHINESE = """表3 各模型结果,,,,,,
模型,精确率（%）,召回率（%）,F1（%）,MCC↑,相关系数,p值
甲,18.3,100.0,30.9,—,0.158,0.025
乙,17.0,50.0,25.4,0.03,0.10,0.16
丙,20.0,30.0,24.0,-0.01,0.05,0.48
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_signs_that_contradict_each_other_are_found_under_chinese_headings(encoding):
    Path("t.csv").write_text(CHINESE, encoding=encoding)
    found = told("audit", "t.csv", "--n", 200, status=1)["findings"]
    wrong = [one for one in found if one["status"] == "impossible"]
    assert "signs" in {one["check"] for one in wrong}
    assert next(one["rows"] for one in wrong if one["check"] == "signs") == ["乙", "丙"]
    assert {one["status"] for one in found if one["check"] == "p_value"} == {"pass"}
    shown = stats("audit", "t.csv", "--n", 200, "--lang", "zh", status=1).stdout
    assert "不可能" in shown
    assert "两个符号之一有误" in shown


def test_a_p_value_hangs_on_the_number_of_videos():
    printed = table("t.csv", "model,PLCC,p\nx,0.158,<0.001\n")
    (finding,) = told("audit", printed, "--n", 200, status=1)["findings"]
    assert finding["status"] == "needs denominator"
    assert "videos or more" in finding["message"]["en"]
    assert told("audit", printed, "--n", 600)["findings"][0]["status"] == "pass"


def test_prevalence_own_columns_and_own_differences():
    printed = table("t.csv", "Model;Found;Precision;MCC;clip;full;gain\nx;0,50;0,170;0,02;0,10;0,30;0,10\n")
    found = told(
        "audit", printed, "--prevalence", 0.183, "--column", "Found=recall", "--delta", "clip,full,gain", status=1
    )
    assert {one["check"]: one["status"] for one in found["findings"]} == {
        "mcc_sign": "impossible",
        "mcc": "impossible",
        "delta": "impossible",
        "prevalence": "impossible",
    }
    assert found["unused_columns"] == []


def test_a_table_that_no_check_fits_is_said_to_be_so():
    shown = stats("audit", table("t.csv", "model,colour\nx,red\ny,blue\n"))
    assert "No check fits" in shown.stdout
    assert "colour" in shown.stderr


def test_passes_are_shown_on_demand():
    printed = table("t.csv", "model,P,R,F1\nx,0.183,1.000,0.309\n")
    assert "0.3086 to 0.3101" not in stats("audit", printed).stdout
    assert "0.3086 to 0.3101" in stats("audit", printed, "--all").stdout


def test_every_sentence_of_the_auditor_exists_in_both_languages_with_the_same_numbers():
    from siming.metrics.audit.finding import texts

    en, zh = texts("en"), texts("zh")
    assert en["means"].keys() == zh["means"].keys()
    for key, sentence in en["said"].items():
        assert set(re.findall(r"{(\w+)}", sentence)) == set(re.findall(r"{(\w+)}", zh["said"][key]))


def test_every_text_of_these_commands_exists_in_both_languages_with_the_same_numbers():
    from siming.cli.console import strings

    en, zh = strings("en"), strings("zh")
    assert {key for key in en if key.startswith("stats_")} == {key for key in zh if key.startswith("stats_")}
    for key in filter(lambda key: key.startswith("stats_"), en):
        assert set(re.findall(r"{(\w+)}", en[key])) == set(re.findall(r"{(\w+)}", zh[key])), key


def test_what_a_statistic_lacks_is_asked_for_by_its_option():
    a, b, c = column("a.txt", range(6)), column("b.txt", [1, 0, 2, 3, 5, 4]), column("c.txt", [5, 3, 4, 1, 2, 0])
    with pytest.raises(TaskError, match=r"paired_difference needs the video .candidate. of each; give --cluster FILE"):
        stats("one", "paired_difference", "--a", a, "--rater", b, "--rater", c, "--option", "metric=plcc")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--what", "foo", "--width", 0.1], "--what 'foo' is not one of"),
        (["--what", "icc", "--expected", 0.8, "--width", 3], "width is 3; icc lies between -1 and 1"),
        (["--what", "qwk", "--expected", 0.7, "--shares", "4,6,8", "--width", 0.1], "add up to 18, not to 100"),
    ],
)
def test_a_plan_that_means_nothing_is_refused(words, why):
    with pytest.raises(TaskError, match=why):
        stats("plan", *words)


@pytest.mark.parametrize("shares", ["4,6,8,82", "0.04,0.06,0.08,0.82", "33.3,33.3,33.3,0"])
def test_shares_may_be_of_100_or_of_1_and_rounded(shares):
    assert told("plan", "--what", "qwk", "--expected", 0.7, "--shares", shares, "--width", 0.2)["plan"]["videos"] > 0


def test_a_heading_that_the_audited_table_does_not_have_is_refused():
    Path("t.csv").write_text("Model,P,R,F1\nA,0.30,0.40,0.343\n", encoding="utf-8")
    with pytest.raises(TaskError, match=r"t\.csv: has no heading 'X'; it has"):
        stats("audit", "t.csv", "--column", "X=recall")


def test_reasons_and_methods_are_chinese_in_chinese():
    a, b = column("a.txt", [0, 1, 2, 3, 3, 2]), column("b.txt", [3] * 6)
    videos = column("v.txt", ["v1", "v2", "v3", "v4", "v5", "v6"])
    out = stats("one", "qwk", "--a", a, "--b", b, "--levels", "0,1,2,3", "--cluster", videos, "--lang", "zh").stdout
    assert "评分恒定：第二方在所有单元格给出等级3" in out
    assert "cluster" not in out
