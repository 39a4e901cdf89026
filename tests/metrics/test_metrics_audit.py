"""The table auditor: finds figures that cannot stand beside one another, and leaves honest tables alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from siming.errors import LabelError
from siming.metrics.audit import audit_table, kappa_floor
from siming.metrics.audit.identities import mcc_from
from siming.metrics.audit.printed import read_number


def one(rows, check, **options):
    """The only finding of that check."""
    (found,) = [finding for finding in audit_table(rows, **options).findings if finding.check == check]
    return found


def test_65_of_6600_is_098_per_cent_and_not_106():
    # SiMing-Bench (arXiv 2604.09037): 200 videos of 33 steps are 6,600; 65 adjudicated are printed as 1.06 %.
    row = {"row": "adjudicated", "count": "65", "total": "6,600"}
    found = one([row | {"percent": "1.06"}], "count")
    assert found.status == "needs denominator"
    # 65 / 0.010650 = 6103.3 and 65 / 0.010550 = 6161.1
    assert found.denominators == (6104, 6161)
    assert "0.985 per cent" in found.message
    assert one([row | {"percent": "0.98"}], "count").status == "pass"
    assert one([row | {"percent": "0.98%"}], "count").status == "pass"


def test_the_mend_offered_for_a_count_is_accepted():
    row = {"count": "65", "percent": "1.06"}
    low, high = one([row | {"total": "6600"}], "count").denominators
    for total in (low, high):
        assert one([row | {"total": str(total)}], "count").status == "pass"
    for total in (low - 1, high + 1):
        assert one([row | {"total": str(total)}], "count").status != "pass"


def test_a_count_without_its_denominator_passes_and_names_those_that_fit():
    found = one([{"count": "3", "percent": "33"}], "count")
    assert found.status == "pass"
    assert found.denominators == (9, 9)  # 3 / 0.335 = 8.96 and 3 / 0.325 = 9.23
    # 3 of 7 is 42.857 %; 42.8 % needs a denominator between 7.001 and 7.018.
    assert one([{"count": "3", "percent": "42.8"}], "count").status == "impossible"


def test_a_percentage_must_be_some_whole_count_of_its_total():
    assert one([{"percent": "18.3", "total": "60"}], "share").status == "pass"  # 11 of 60
    assert one([{"percent": "18.2", "total": "60"}], "share").status == "impossible"


def test_f1_follows_from_precision_and_recall_within_rounding():
    # 2 x 0.183 / 1.183 = 0.3094; with both rounded, 0.3085 to 0.3101.
    row = {"precision": "0.183", "recall": "1.000"}
    assert one([row | {"f1": "0.309"}], "f1").status == "pass"
    assert one([row | {"f1": "0.310"}], "f1").status == "pass"
    assert one([row | {"f1": "0.312"}], "f1").status == "impossible"


def test_mcc_from_precision_recall_and_prevalence_is_that_of_the_table_of_counts():
    rng = np.random.default_rng(0)
    for _ in range(200):
        tp, fp, fn, tn = rng.integers(1, 60, 4)
        truth = np.repeat([1, 0, 1, 0], [tp, fp, fn, tn])
        called = np.repeat([1, 1, 0, 0], [tp, fp, fn, tn])
        expected = sk.matthews_corrcoef(truth, called)
        assert mcc_from(tp / (tp + fp), tp / (tp + fn), truth.mean()) == pytest.approx(expected, abs=1e-12)


def test_figures_that_no_table_of_counts_has_are_told():
    # At prevalence 0.5 and recall 0.9 the worst precision is 0.45 / 0.95 = 0.474.
    found = one([{"precision": "0.40", "recall": "0.90", "mcc": "0.1", "prevalence": "0.50"}], "mcc")
    assert found.status == "impossible"
    assert "no table of counts" in found.message


def test_an_mcc_that_does_not_follow_is_told_with_what_would():
    row = {"precision": "0.600", "recall": "0.500", "prevalence": "0.200"}
    assert one([row | {"mcc": "0.447"}], "mcc").status == "pass"  # 0.4472 by hand: (0.1 - 0.2/6) / sqrt(1/6 5/6 0.16)
    assert one([row | {"mcc": "0.477"}], "mcc").status == "impossible"


def test_mcc_has_the_sign_of_precision_less_prevalence():
    row = {"precision": "0.170", "prevalence": "0.183"}
    assert one([row | {"mcc": "-0.02"}], "mcc_sign").status == "pass"
    assert one([row | {"mcc": "0.02"}], "mcc_sign").status == "impossible"
    assert one([row | {"mcc": "0.00"}], "mcc_sign").status == "pass"


def test_signs_of_two_rows_contradict_without_any_prevalence():
    rows = [
        {"model": "a", "precision": "0.170", "mcc": "0.03"},
        {"model": "b", "precision": "0.200", "mcc": "-0.01"},
    ]
    found = one(rows, "signs")
    assert (found.status, found.rows) == ("impossible", ("a", "b"))
    apart = audit_table([row | {"task": row["model"]} for row in rows])
    assert not apart.findings  # two test sets may differ in prevalence


def test_a_row_that_calls_everything_positive_shows_the_prevalence():
    rows = [
        {"model": "all", "precision": "0.183", "recall": "1.000", "mcc": "-"},
        {"model": "other", "precision": "0.600", "recall": "0.500", "mcc": "0.447"},  # prevalence 0.2, see above
    ]
    found = one(rows, "prevalence")
    assert found.status == "impossible"
    assert set(found.rows) == {"all", "other"}
    rows[0]["precision"] = "0.200"
    assert one(rows, "prevalence").status == "pass"
    assert one(rows, "all_positive", prevalence="0.200").status == "pass"
    assert one(rows, "all_positive", prevalence="0.183").status == "impossible"


def test_the_kappa_floor_of_the_specification():
    # Specification, section 5.3.
    assert kappa_floor(0.0106, 0.183) == pytest.approx(0.746, abs=5e-4)
    assert kappa_floor(0.0106, 0.15) == pytest.approx(0.714, abs=5e-4)
    assert kappa_floor(0.0106, 0.183, weights="nominal") == pytest.approx(0.965, abs=5e-4)


def test_no_table_falls_below_the_kappa_floor():
    rng = np.random.default_rng(1)
    distance = (np.arange(4)[:, None] - np.arange(4)) ** 2 / 9
    tried = 0
    for _ in range(4000):
        table = rng.dirichlet(rng.choice([0.05, 0.3, 1.0], 16)).reshape(4, 4)
        table += np.diag(rng.dirichlet([0.2, 0.2, 1, 3])) * rng.choice([0, 3, 30])
        table /= table.sum()
        first, second = table.sum(axis=1), table.sum(axis=0)
        d, p = 1 - np.trace(table), 1 - (first[3] + second[3]) / 2
        for weights, far in (("quadratic", distance), ("nominal", distance > 0)):
            expected = (far * np.outer(first, second)).sum()
            if d > 1e-6 and expected > 1e-9 and p <= 1 - d / 2:
                tried += 1
                assert 1 - (far * table).sum() / expected >= kappa_floor(d, p, weights=weights) - 1e-9
    assert tried > 5000


def test_too_small_a_kappa_for_so_few_disagreements_is_told():
    row = {"disagreement": "1.06%", "prevalence": "0.183"}
    assert one([row | {"qwk": "0.75"}], "kappa_floor").status == "pass"
    assert one([row | {"qwk": "0.70"}], "kappa_floor").status == "impossible"
    assert one([row | {"kappa": "0.93"}], "kappa_floor").status == "impossible"


def test_printed_differences_are_those_of_the_numbers_beside_them():
    row = {"before": "0.112", "after": "0.158"}
    assert one([row | {"delta": "+0.046"}], "delta").status == "pass"
    assert one([row | {"delta": "0.047"}], "delta").status == "pass"  # 0.1585 - 0.1115 = 0.0470
    assert one([row | {"delta": "0.05"}], "delta").status == "pass"
    assert one([row | {"delta": "0.049"}], "delta").status == "impossible"
    own = [{"full video": "0.10", "clips": "0.30", "gain": "0.10"}]
    assert one(own, "delta", deltas=[("full video", "clips", "gain")]).status == "impossible"


def test_a_correlation_and_n_give_the_p_value():
    # t = 0.158 sqrt(198 / (1 - 0.158^2)) = 2.2515, two-sided p = 0.0254.
    row = {"plcc": "0.158", "n": "200"}
    assert one([row | {"p": "0.025"}], "p_value").status == "pass"
    assert one([row | {"p": "<0.05"}], "p_value").status == "pass"
    found = one([row | {"p": "<0.001"}], "p_value")
    assert found.status == "needs denominator"
    first, last = found.denominators
    # 3.29 standard errors: (3.2905 / atanh 0.1585)^2 + 3 = 426.8 videos.
    assert first == pytest.approx(427, abs=4)
    assert last > 1000
    assert one([row | {"n": str(first), "p": "<0.001"}], "p_value").status == "pass"
    assert one([row | {"p": "0.99"}], "p_value").status == "impossible"


def test_means_of_whole_points_come_in_steps():
    # Brown and Heathers 2017: a mean of 28 whole numbers cannot print as 5.19 (145/28 = 5.18, 146/28 = 5.21).
    row = {"n": "28", "grain": "1"}
    assert one([row | {"mean": "5.18"}], "grim").status == "pass"
    assert one([row | {"mean": "5.19"}], "grim").status == "impossible"
    assert one([row | {"mean": "5.20", "grain": "0.5"}], "grim").status == "pass"  # 291/56 = 5.196
    assert not audit_table([{"mean": "5.19", "n": "28"}]).findings  # without a grain nothing is known of the scores


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("0.183", 0.1825, 0.1835),
        (".5", 0.45, 0.55),
        ("18.3%", 0.1825, 0.1835),
        ("18.3％", 0.1825, 0.1835),
        ("0,183", 0.1825, 0.1835),
        ("6,600", 6599.5, 6600.5),
        ("−0.02", -0.025, -0.015),
        ("**0.158**", 0.1575, 0.1585),
        ("<0.001", 0, 0.001),
        (0.1, 0.05, 0.15),
    ],
)
def test_a_number_stands_for_all_that_print_like_it(text, low, high):
    found = read_number(text, "here")
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize("text", [None, "", " - ", "—", "n/a", "NaN", float("nan")])
def test_a_dash_is_no_number_and_no_error(text):
    assert read_number(text, "here") is None


def test_per_cent_columns_are_seen_as_such():
    rows = [{"P": "18.3", "R": "100.0", "F1": "30.9"}, {"P": "60.0", "R": "0.5", "F1": "1.0"}]
    assert [f.status for f in audit_table(rows).findings] == ["pass", "pass"]


def test_unreadable_cells_and_headings_are_named():
    with pytest.raises(LabelError, match=r"row 1 \(Wei\), column 'F1': 'high'"):
        audit_table([{"model": "Wei", "P": "0.1", "R": "0.2", "F1": "high"}])
    with pytest.raises(LabelError, match="both mean 'recall'"):
        audit_table([{"R": "0.1", "sensitivity": "0.2"}])
    with pytest.raises(LabelError, match="no rows"):
        audit_table([])
    assert audit_table([{"model": "a", "colour": "red"}]).unused_columns == ("colour",)
    own = audit_table([{"Präzision": "0.5", "R": "0.5", "F1": "0.9"}], columns={"Präzision": "precision"})
    assert own.contradictions[0].check == "f1"


def test_json_is_plain():
    found = audit_table([{"row": "x", "count": "65", "total": "6600", "percent": "1.06"}]).to_json()
    assert found["findings"][0]["denominators"] == [6104, 6161]
    assert found["findings"][0]["rows"] == ["x"]


def honest_table(rng):
    """A table as an honest author prints it: models against one reference, all figures from the same counts."""
    n = int(rng.integers(20, 8000))
    truth = rng.random(n) < rng.uniform(0.03, 0.97)
    decimals = int(rng.integers(2, 6))
    per_cent = bool(rng.random() < 0.3)

    def printed(value):
        if np.isnan(value):
            return "-"
        return f"{100 * value:.{decimals - 1}f}" if per_cent else f"{value:.{decimals}f}"

    rows = []
    for number in range(int(rng.integers(2, 13))):
        kind = rng.random()
        called = rng.random(n) < rng.uniform(0.02, 0.98)
        if kind < 0.3:
            called = np.where(rng.random(n) < rng.uniform(0, 0.4), ~truth, truth)
        elif kind < 0.45:
            called = np.ones(n, dtype=bool)
        elif kind < 0.55:
            called = rng.random(n) < 0.999  # nearly everything
        tp, fp = (called & truth).sum(), (called & ~truth).sum()
        fn, tn = (~called & truth).sum(), (~called & ~truth).sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            precision, recall = np.divide(tp, tp + fp), np.divide(tp, tp + fn)
            f1 = np.divide(2 * tp, 2 * tp + fp + fn)
            scale = np.sqrt(float(tp + fp) * float(tp + fn) * float(tn + fp) * float(tn + fn))
            mcc = np.divide(float(tp) * float(tn) - float(fp) * float(fn), scale)
        rows.append(
            {
                "model": f"m{number}",
                "precision": printed(precision),
                "recall": printed(recall),
                "F1": printed(f1),
                "MCC": printed(mcc),
                "accuracy": printed((tp + tn) / n),
                "count": f"{tp + fp:,}",
                "total": f"{n:,}",
                "percent": f"{100 * (tp + fp) / n:.{decimals - 1}f}",
            }
        )
        if rng.random() < 0.3:
            del rows[-1]["count"]
        if rng.random() < 0.5:
            rows[-1]["prevalence"] = printed(truth.mean())
        videos = int(rng.integers(5, 400))
        x = rng.normal(size=videos)
        r = np.corrcoef(x, rng.normal(size=videos) + rng.uniform(-1, 1) * x)[0, 1]
        p = 2 * stats.t.sf(abs(r) * np.sqrt((videos - 2) / (1 - r * r)), videos - 2)
        points = rng.integers(0, 6, videos)
        before, after = rng.uniform(-1, 1, 2)
        rows[-1] |= {
            "plcc": f"{100 * r:.{decimals - 1}f}" if per_cent else f"{r:.{decimals}f}",
            "n": str(videos),
            "p": "<0.001" if p < 0.001 else f"{p:.3f}",
            "mean": f"{points.mean():.2f}",
            "grain": "1",
            "before": f"{before:.{decimals}f}",
            "after": f"{after:.{decimals}f}",
            "delta": f"{after - before:.{decimals}f}",
        }
    labels = rng.choice(4, size=n, p=[0.05, 0.05, 0.1, 0.8])
    other = np.where(rng.random(n) < 0.05, rng.integers(0, 4, n), labels)
    if len(set(labels)) == 4:
        rows.append(
            {
                "model": "two physicians",
                "test_set": "agreement",
                "disagreement": f"{100 * (labels != other).mean():.2f}%",
                "prevalence": f"{100 * (labels < 3).mean():.1f}%",
                "QWK": f"{sk.cohen_kappa_score(labels, other, weights='quadratic', labels=range(4)):.2f}",
                "kappa": f"{sk.cohen_kappa_score(labels, other, labels=range(4)):.2f}",
            }
        )
    return rows


def test_no_false_alarm_on_100_honest_tables():
    rng = np.random.default_rng(7)
    for _ in range(100):
        found = audit_table(honest_table(rng))
        assert not found.contradictions, found.contradictions[0]


@pytest.mark.slow
def test_no_false_alarm_on_1000_honest_tables():
    rng = np.random.default_rng(8)
    checks = set()
    for _ in range(1000):
        found = audit_table(honest_table(rng))
        assert not found.contradictions, found.contradictions[0]
        checks |= {finding.check for finding in found.findings}
    assert checks == {
        "f1", "mcc", "mcc_sign", "signs", "all_positive", "prevalence", "kappa_floor", "count", "share", "grim", "delta", "p_value",
    }  # fmt: skip


def test_an_f1_that_is_two_points_off_is_nearly_always_found():
    rng = np.random.default_rng(9)
    found = []
    for _ in range(40):
        rows = honest_table(rng)
        printed = rows[0]["F1"]
        if printed == "-":
            continue
        decimals = len(printed.partition(".")[2])
        per_cent = any(float(row["F1"]) > 1 for row in rows if row.get("F1", "-") != "-")
        rows[0]["F1"] = f"{float(printed) + (2 if per_cent else 0.02):.{decimals}f}"
        found.append(any(finding.check == "f1" for finding in audit_table(rows).contradictions))
    assert len(found) > 30
    assert np.mean(found) > 0.8  # what is missed has two decimals only
