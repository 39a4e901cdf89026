"""Plain records of the rating commands, made by hand: varied, with what may be missing, undefined or hostile.

No number in them is a result of anything. Each function gives a fresh copy.
"""

from __future__ import annotations

import random
from typing import Any

from sample_report import HOSTILE, STEPS, measured, undefined

SAME = "no variation: both raters gave every cell one and the same label"
RATERS = ("wei", "okafor", "lin")
LEFT = {"cannot judge": 3}
ATTEMPTS = [f"A-{number:03}" for number in range(1, 25)]


def around(value: float, half: float, n: int = 792, **more: Any) -> dict[str, Any]:
    return measured(value, value - half, value + half, n, **more)


def said(**sections: list[str]) -> dict[str, Any]:
    return {name: {"en": lines, "zh": [f"关于{line}" for line in lines]} for name, lines in sections.items()}


def panel(first: str, second: str, part: str | None = None, *, n_points: int = 24) -> dict[str, Any]:
    rng = random.Random(len(second))
    totals = [rng.uniform(55, 99) for _ in range(n_points)]
    metrics = {
        # Not in the order of the specification: the page must put them in it.
        "icc_a1": around(0.81, 0.1, 24),
        "qwk": around(0.73, 0.05, left_out=LEFT),
        "raw_agreement": around(0.78, 0.03, left_out=LEFT),
        "qwk_within_step": around(0.69, 0.06, left_out=LEFT),
        "ac2_at_chance": around(0.61, 0.03),
        "ac2": around(0.91, 0.02),
        "mean_difference": measured(-1.3, -2.4, -0.2, 24),
        "prior_qwk": around(0.14, 0.04),
        "bias_index": undefined("no pairs: no cell is compared"),
        "plcc": around(0.84, 0.1, 24),
        "something_new": around(0.5, 0.1),
    }
    steps = [
        {
            "step": step.id,
            "title": {"en": step.title, "zh": step.title_zh},
            "skill": rubric.skill,
            "n": 24,
            "n_missing": index % 3,
            "n_different": 4,
            "metrics": {
                "raw_agreement": around(0.8, 0.1, 24),
                "qwk": undefined(SAME, 24) if index % 7 == 3 else around(0.9 - index / 40, 0.2, 24),
                "ac2": around(0.9, 0.08, 24),
            },
        }
        for index, (rubric, step) in enumerate(STEPS)
    ]
    return {
        "first": first,
        "second": second,
        "part": part,
        "n_videos": 24,
        "n_cells": 789,
        "n_missing": 3,
        "metrics": metrics,
        "limits_of_agreement": {
            "mean": measured(-1.3, -2.4, -0.2, n_points),
            "sd": measured(4.4, 3.9, 5.0, n_points),
            "lower": measured(-9.9, -11.8, -8.0, n_points),
            "upper": measured(7.3, 5.4, 9.2, n_points),
        },
        "levels": [0, 1, 2, 3],
        "confusion": [[30, 5, 2, 1], [6, 40, 9, 3], [1, 8, 60, 20], [2, 4, 25, 573]],
        "totals": {
            "attempts": [f"A-{number:05}" for number in range(n_points)],
            "first": totals,
            "second": [total - 1.3 + rng.gauss(0, 4.4) for total in totals],
        },
        "steps": steps,
        "marginals": {
            "stuart_maxwell": {
                "statistic": measured(11.2, 0, 0) | {"interval": None},
                "degrees": 3,
                "p_value": {"value": 0.0004, "n": 789},
            },
            "mean_level_difference": {
                "difference": around(0.04, 0.03),
                "z": {"value": 2.9, "n": 789},
                "p_value": {"value": 0.004, "n": 789},
            },
            "stricter": second,
            "mcnemar": [
                {"step": "cpr01", "only_first": 1, "only_second": 7, "p_value": {"value": 0.07, "n": 24}, "p_holm": undefined("no pairs", 0), "stricter": None}
            ],
        },
        "adjudication_rate": around(0.22, 0.03),
        "warnings": [
            {"code": "skew", "share": 0.77, "text": {"en": "77 % of the labels are 3.", "zh": "77%的等级为3。"}}
        ],
    }  # fmt: skip


def agreement(*, panels: int = 1, n_points: int = 24) -> dict[str, Any]:
    pairs = [("wei", "okafor"), ("wei", "lin"), ("okafor", HOSTILE)]
    made = [
        panel(*pairs[number % 3], None if number < 3 else f"part {number}", n_points=n_points)
        for number in range(panels)
    ]
    return {
        "schema": "siming.agreement/1",
        "source": "spring exam",
        "by": "pair",
        "raters": list(RATERS),
        "n_attempts": 24,
        "n_candidates": 24,
        "notes": ["sheet 2, cell C7: 缺考 is read as missing"],
        "panels": made,
        "all_raters": {
            "raters": list(RATERS),
            "n_videos": 24,
            "n_cells": 790,
            "metrics": {"agreement": around(0.9, 0.02), "krippendorff_alpha": around(0.7, 0.06), "icc_a1": undefined("no pairs: no attempt has totals of two raters")},
        },
    }  # fmt: skip


def hostile_agreement() -> dict[str, Any]:
    record = agreement()
    only = record["panels"][0]
    record["source"] = record["notes"][0] = only["first"] = only["second"] = only["part"] = HOSTILE
    record["raters"] = [HOSTILE, "שלום"]
    only["totals"]["attempts"] = [HOSTILE] * 24
    only["steps"][0] |= {"step": HOSTILE, "title": {"en": HOSTILE, "zh": HOSTILE}, "skill": HOSTILE}
    only["warnings"] = [{"code": HOSTILE}, {"code": "x", "text": {"en": HOSTILE, "zh": HOSTILE}}]
    only["metrics"]["qwk"] = undefined(HOSTILE)
    only["metrics"]["ac2"]["left_out"] = {HOSTILE: 2}
    only["marginals"]["stricter"] = HOSTILE
    only["metrics"][HOSTILE] = around(0.4, 0.1)
    return record


def effects() -> dict[str, Any]:
    rng = random.Random(5)
    habits = {"residual_correlation": around(0.06, 0.03), "halo": around(0.03, 0.02), "entropy": around(0.7, 0.03), "threshold_spread": undefined("two levels have one threshold, which cannot spread")}  # fmt: skip
    return {
        "schema": "siming.rater-effects/1",
        "source": "spring exam",
        "notes": [],
        "connectivity": {"connected": True, "groups": [{"raters": list(RATERS), "n_videos": 24}], "explanation": "linked"},
        "raters": [
            {
                "rater": rater,
                "n_ratings": 790,
                "severity": around(0.4 - 0.4 * index, 0.15),
                "fair_average": around(2.5, 0.1),
                "infit": around(1.1, 0.1),
                "outfit": around(1.2, 0.2),
                "extreme": None,
                "habits": habits,
                "level_use": [0.05, 0.1, 0.15, 0.7],
            }
            for index, rater in enumerate(RATERS)
        ],
        "contrasts": [
            {"first": "wei", "second": "okafor", "difference": around(0.4, 0.2), "marks": around(-3.1, 1.5)},
            {"first": "wei", "second": "lin", "difference": undefined("not linked: inside a group, no shared videos join the raters")},
        ],
        "separation": {
            facet: {"separation": around(2.1, 0.4), "reliability": around(0.8, 0.1), "homogeneity": {"value": 0.0, "n": 3}}
            for facet in ("raters", "attempts", "steps")
        },
        "steps": [
            {"step": step.id, "title": {"en": step.title, "zh": step.title_zh}, "difficulty": around(rng.gauss(0, 1), 0.4, 72), "infit": around(1, 0.2), "outfit": around(1, 0.3)}
            for _, step in STEPS
        ],
        "attempts": [{"attempt": name, "ability": around(rng.gauss(1, 0.7), 0.5, 99), "extreme": name == "A-003"} for name in ATTEMPTS],
        "drift": {
            "order": "submitted_at",
            "raters": [
                {
                    "rater": rater,
                    "blocks": [{"from": 1 + 8 * at, "to": 8 + 8 * at, "n": 8, "severity": around(0.1 * at - 0.1, 0.2)} for at in range(3)],
                    "trend": around(0.2, 0.25),
                    "cumulative": [rng.uniform(-1, 1) for _ in range(24)],
                    "colleague": "okafor",
                    "turn": "A-017",
                    "p_value": {"value": 0.31, "n": 24},
                }
                for rater in RATERS[:2]
            ]
            + [{"rater": "lin", "blocks": [{"from": 1, "to": 24, "n": 24, "severity": undefined("all was rated on one day")}], "trend": undefined("all was rated on one day"), "cumulative": []}],
        },
        "groups": [{"group": "site", "rater": "wei", "value": "north", "other": "south", "contrast": around(0.1, 0.2)}],
        "repeats": [],
        "repeats_reason": "no repeats: this rater judged every cell once",
        "links": {
            "advice": "advice only",
            "pass_mark": 75.0,
            "attempts": [
                {"attempt": name, "total": 80.0 - at, "adjusted": around(80.4 - at, 1), "rank_change": at % 3 - 1, "decision_changed": at == 5}
                for at, name in enumerate(ATTEMPTS)
            ],
        },
        "latent": {"reason": None, "agreement": around(0.95, 0.02), "accuracy": {rater: around(0.9, 0.03) for rater in RATERS}, "doubtful": [{"attempt": "A-004", "step": "cpr02", "consensus": 3, "likeliest": 1, "probability": 0.21}]},
        "words": said(severity=["wei is stricter"], drift=["no one drifts"]),
    }  # fmt: skip


def disconnected_effects() -> dict[str, Any]:
    record = effects()
    record["connectivity"] = {"connected": False, "groups": [{"raters": ["wei"], "n_videos": 12}, {"raters": [HOSTILE], "n_videos": 12}], "explanation": "two islands"}  # fmt: skip
    record["drift"] = {
        "reason": "no sheet says when it was handed in (submitted_at), so there is no order to drift along"
    }
    record["links"] = {"reason": "not linked: two islands"}
    record["raters"][0]["rater"] = HOSTILE
    return record


def g_study() -> dict[str, Any]:
    shares = {"p": 0.11, "i": 0.2, "r": None, "pi": 0.3, "pr": 0.01, "ir": 0.02, "pir": 0.36}
    return {
        "schema": "siming.g-study/1",
        "source": "spring exam",
        "notes": [],
        "design": "p x i x r",
        "method": "anova",
        "sizes": {"p": 24, "i": 33, "r": 2},
        "components": [
            {"effect": effect, "variance": measured(-0.014, -0.03, 0.01) if share is None else around(share * 9, 0.3), "share": share or 0.0, "df": 23, "mean_square": 3.21, "notes": ["estimated below 0; counts as 0"] if share is None else []}
            for effect, share in shares.items()
        ],
        "coefficients": {"relative_error": around(0.2, 0.02), "absolute_error": around(0.25, 0.02), "e_rho2": around(0.71, 0.08), "phi": around(0.66, 0.09), "phi_lambda": None},
        "curves": [
            {"sizes": {"p": 24, "r": r, "i": i}, "e_rho2": around(1 - 0.5 / r - 2 / i, 0.08), "phi": undefined("no variation: universe and error variance are both 0") if (r, i) == (1, 11) else around(0.95 - 0.5 / r - 2 / i, 0.09)}
            for r in (1, 2, 3, 4)
            for i in (11, 33, 66)
        ],
        "words": said(components=["most variance is residual"]),
    }  # fmt: skip


def standard() -> dict[str, Any]:
    rng = random.Random(2)
    points = [[grade, round(45 + 10 * grade + rng.gauss(0, 5), 1)] for grade in (1, 2, 3, 4, 5) for _ in range(12)]
    nothing = undefined("no variation: every candidate got the same grade", 0)
    return {
        "schema": "siming.standard/1",
        "source": "spring exam",
        "notes": [],
        "method": "borderline-regression",
        "borderline": 2,
        "stations": [
            {"skill": "CPR", "n": 60, "cut": around(65, 1.9, 60), "slope": around(10, 1), "intercept": around(45, 3), "r_squared": around(0.8, 0.05), "points": points, "fail_rate": around(0.21, 0.06), "critical_fails": {"value": 7, "n": 60, "interval": None, "interval_reason": "a count"}},
            {"skill": "AED", "n": 0, "cut": nothing, "slope": nothing, "intercept": nothing, "r_squared": nothing, "points": [], "fail_rate": nothing},
            {"skill": HOSTILE, "n": 3, "cut": nothing, "slope": nothing, "intercept": nothing, "r_squared": nothing, "points": [[3, 70], [3, 71], [3, 75]], "fail_rate": nothing},
        ],
        "exam": {"cut": undefined("1 of 2 stations have no cut", 60)},
    }  # fmt: skip


ALL = {"agreement": agreement, "hostile": hostile_agreement, "effects": effects, "disconnected": disconnected_effects, "gstudy": g_study, "standard": standard}  # fmt: skip
"""Every record by a short name."""
