"""A report made by hand: varied, with everything that may be missing, undefined or hostile.

No number in it is a result of anything. `sample_report()` gives a fresh copy each time.
"""

from __future__ import annotations

import random
from typing import Any

from siming.rubric import builtin_rubric

ATTACK_TAG = "<script>window.hacked = 1</script>"
ATTACK_IMAGE = '<img src=x onerror="window.hacked = 2">'
ATTACK_CLOSERS = "]]> --> </pre></details></script></style></svg><script>window.hacked = 3</script>"
ATTACK_ORDER = "score \u202e3 stniop\u202c of 3 \x00\x1b[31m \u200bhidden \ud800"
HOSTILE = " ".join([ATTACK_TAG, ATTACK_IMAGE, ATTACK_CLOSERS, ATTACK_ORDER])

RUBRICS = ("cpr-adult-single", "aed-adult", "bmv-adult")
STEPS = [(rubric, step) for rubric in map(builtin_rubric, RUBRICS) for step in rubric.steps]
POINT_SETTINGS = ("full-points", "clip-points")


def measured(value: float, low: float, high: float, n: int = 792, **more: Any) -> dict[str, Any]:
    return {
        "value": value,
        "n": n,
        "n_clusters": 24,
        "interval": [low, high],
        "interval_method": "jackknife by video",
        "interval_level": 0.95,
        **more,
    }


def around(value: float, half: float, n: int = 792, **more: Any) -> dict[str, Any]:
    return measured(value, max(value - half, -1), min(value + half, 1), n, **more)


def undefined(reason: str, n: int = 792) -> dict[str, Any]:
    return {"value": None, "n": n, "n_clusters": 24, "reason": reason}


BOOTSTRAP = {"interval_method": "cluster bootstrap (BCa)", "seed": 7, "replicates": 2000}
CONSTANT_TOTALS = "no variation: every rater gave every video one total"


def point_metrics(
    raw: float, qwk: float, within: float, ac2: float, mcc: float, plcc: float, bias: float
) -> dict[str, Any]:
    precision, recall = 0.5 + mcc / 2.4, 0.42 + mcc / 2.2
    return {
        "raw_agreement": around(raw, 0.03),
        "qwk": around(qwk, 0.05),
        "qwk_within_step": around(within, 0.055),
        "ac2": around(ac2, 0.02),
        "mcc": around(mcc, 0.07),
        "precision": around(precision, 0.08, left_out={"cannot judge (reference)": 4}),
        "recall": around(recall, 0.09),
        "f1": around(2 * precision * recall / (precision + recall), 0.07),
        "plcc": around(plcc, 0.16, 24, **BOOTSTRAP, undefined_replicates=3),
        "srcc": around(plcc - 0.04, 0.18, 24, **BOOTSTRAP),
        "mean_difference": measured(bias, bias - 2.1, bias + 2.1, 24, limits=[bias - 11.8, bias + 11.8]),
        "icc_a1": around(plcc - 0.1, 0.17, 24, **BOOTSTRAP),
    }


def coverage(missing: dict[str, int] | None = None, **by_status: int) -> dict[str, Any]:
    lost = sum((missing or {}).values())
    return {
        "cells_asked": 792,
        "cells_answered": 792 - lost,
        "share": (792 - lost) / 792,
        "requests": sum(by_status.values()) or 24,
        "by_status": by_status or {"ok": 24},
        "cells_missing": missing or {},
    }


def confusion(rng: random.Random, skill: float) -> list[list[int]]:
    rows = []
    for label, total in enumerate((41, 52, 96, 603)):
        shares = [skill if guess == label else (1 - skill) * (0.55 if guess == 3 else 0.2) for guess in range(4)]
        rows.append([round(total * share * rng.uniform(0.9, 1.1) / sum(shares)) for share in shares])
    return rows


def per_step(rng: random.Random, skill: float, *, points: bool) -> list[dict[str, Any]]:
    rows = []
    for index, (_, step) in enumerate(STEPS):
        raw = min(1.0, max(0.0, skill + rng.gauss(0, 0.12)))
        kappa = None if index % 11 == 10 else raw * 1.1 - 0.35
        rows.append(
            {
                "step": step.id,
                "n": 24,
                "raw_agreement": raw,
                "qwk": kappa if points else None,
                "mcc": kappa,
                "reason": None
                if kappa is not None
                else "no variation: both raters gave every cell one and the same label",
                "mean_reference": 2.5,
                "mean_prediction": 2.5 - (1 - skill),
            }
        )
    return rows


def entry(
    kind: str, name: str, setting: str | None, metrics: dict[str, Any], skill: float, **more: Any
) -> dict[str, Any]:
    rng = random.Random(name)
    points = "qwk" in metrics
    return {
        "kind": kind,
        "name": name,
        "model": more.pop("model", name),
        "setting": setting,
        "note": more.pop("note", None),
        "coverage": more.pop("coverage", coverage()),
        "prevalence": {"reference": 0.117, "prediction": 0.117 + (0.9 - skill) / 4},
        "metrics": metrics,
        "beside": {"ac2_at_chance": around(0.74, 0.03), "bias_index": around(-0.02, 0.02)} if points else {},
        "confusion": confusion(rng, skill) if points else None,
        "binary": {"tp": 61, "fp": 30, "fn": 32, "tn": 669},
        "per_step": per_step(rng, skill, points=points),
        "alternative_maps": {
            "zero-only-at-zero": around(metrics["qwk"]["value"] + 0.01, 0.05),
            "minor-to-a-quarter": around(metrics["qwk"]["value"] - 0.03, 0.05),
            "minor-to-a-half": undefined("no variation: both raters gave every cell one and the same label"),
        }
        if points and metrics["qwk"]["value"] is not None
        else {},
        **more,
    }


def error_metrics(raw: float, mcc: float) -> dict[str, Any]:
    kept = ("raw_agreement", "ac2", "mcc", "precision", "recall", "f1")
    return {key: value for key, value in point_metrics(raw, 0, 0, raw - 0.03, mcc, 0.5, 0).items() if key in kept}


def entries() -> list[dict[str, Any]]:
    blind_totals = {key: undefined(CONSTANT_TOTALS, 24) for key in ("plcc", "srcc")}
    rows = []
    for setting, gain in (("full-points", 0.0), ("clip-points", 0.06)):
        rows += [
            entry("run", f"qwen3-vl-8b {setting}", setting, point_metrics(0.83 + gain / 3, 0.49 + gain, 0.34 + gain, 0.87, 0.41 + gain, 0.52, -3.4), 0.83, model="openai:qwen3-vl-8b@http://127.0.0.1:8000/v1"),
            entry("run", f"司命-基线模型 {setting}", setting, point_metrics(0.8, 0.43 + gain, 0.29 + gain, 0.85, 0.36 + gain, 0.47, 1.2), 0.8, model="local:司命-7B",
                  coverage=coverage({"failed": 33, "unreadable step": 12, "cannot judge (reference)": 4}, ok=22, truncated=1, failed=1)),
            entry("run", f"tiny-random {setting}", setting, point_metrics(0.41, 0.03, -0.01, 0.22, 0.02, -0.06, -31.5), 0.41, model="local:tests/tiny", note="random weights, for the pipe only"),
            entry("human", "wei – okafor", setting, point_metrics(0.91, 0.77, 0.69, 0.94, 0.7, 0.87, 0.4), 0.91, model=None, note="two physicians, first blind sheets"),
            entry("human", "wei", setting, point_metrics(0.97, 0.9, 0.86, 0.98, 0.88, 0.95, 0.1), 0.97, model=None, note="the consensus was made with this physician's own sheet, so this stands too high as a ceiling"),
            entry("baseline", "baseline:all-correct", setting, {
                **point_metrics(0.761, 0, 0, 0.82, 0, 0, 11.9), **blind_totals,
                "qwk": around(0, 0, notes=["constant rater: the second gave every cell the label 3"]),
                "qwk_within_step": around(0, 0),
                "mcc": undefined("no variation: the reference or the prediction calls every step the same"),
                "precision": undefined("no step was called wrong"), "f1": around(0, 0)}, 0.76, model="baseline:all-correct"),
            entry("baseline", "baseline:all-wrong", setting, {
                **point_metrics(0.05, 0, 0, -0.55, 0, 0, -88.1), **blind_totals,
                "mcc": undefined("no variation: the reference or the prediction calls every step the same")}, 0.05, model="baseline:all-wrong"),
            entry("baseline", "baseline:chance", setting, point_metrics(0.59, 0.0, 0.0, 0.71, 0.0, 0.02, 0.1), 0.59, model="baseline:chance"),
            entry("baseline", "baseline:step-prior", setting, {**point_metrics(0.772, 0.31, 0.0, 0.84, 0.19, 0, 2.2), **blind_totals}, 0.77, model="baseline:step-prior"),
        ]  # fmt: skip
    for setting, gain in (("full-errors", 0.0), ("clip-errors", 0.05)):
        rows += [
            entry("run", f"qwen3-vl-8b {setting}", setting, error_metrics(0.88, 0.38 + gain), 0.86),
            entry("run", f"broken {ATTACK_IMAGE} {setting}", setting, {
                key: undefined("no pairs: every cell lacks a rater's value", 0) for key in ("raw_agreement", "ac2", "mcc", "precision", "recall", "f1")
            }, 0.5, coverage=coverage({"failed": 792}, failed=24), note="the server was down", per_step=[], confusion=None),
            entry("human", "wei – okafor", setting, error_metrics(0.94, 0.71), 0.93, model=None),
            entry("baseline", "baseline:all-correct", setting, {**error_metrics(0.88, 0), "mcc": undefined("no variation: the reference or the prediction calls every step the same")}, 0.88),
            entry("baseline", "baseline:step-prior", setting, error_metrics(0.86, 0.17), 0.86),
        ]  # fmt: skip
    return rows


LOST = {
    "aed08": (
        0,
        ["aed08 void: everyone_clear was cleared at 71.4 s by ev_touch_patient"],
        ["aed08 作废：71.4 s 时 ev_touch_patient 使“已确认所有人离开”失效"],
    ),
    "cpr10": (6, ["rate 131 per min in bout 2, 100 to 120 wanted: 2 points"], ["第2轮按压频率131次/分，应为100~120次/分：扣2分"]),
    "bmv03": (8, ["mask not sealed during squeeze 2 at 141.0 s: 16 points"], ["141.0 s 第2次挤压时面罩未密闭：扣16分"]),
}  # fmt: skip


def attempt(number: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    rng = random.Random(number)
    steps, at = [], 1.0
    for index, (_, step) in enumerate(STEPS):
        length = rng.uniform(2.4, 6.5)
        segments = [[round(at, 1), round(at + length, 1)]]
        at += length + 0.4
        points, reason_en, reason_zh = (
            LOST.get(step.id, (step.max_points, [], [])) if number % 3 == 1 else (step.max_points, [], [])
        )
        if number % 4 == 2 and index == 4:
            points, reason_en, reason_zh = None, ["cannot judge: hand hidden by the rescuer"], ["无法判断：手部被遮挡"]
        label = None if points is None else 3 if points == step.max_points else 0 if points == 0 else 2
        predictions: list[dict[str, Any]] = []
        for run in runs:
            if run["coverage"]["cells_answered"] == 0:
                predictions.append(
                    {
                        "entry": run["name"],
                        "points": None,
                        "wrong": None,
                        "label": None,
                        "why": "failed: connection refused",
                    }
                )
            elif "errors" in run["setting"]:
                wrong = rng.random() < (0.6 if label in (0, 1) else 0.08)
                predictions.append(
                    {
                        "entry": run["name"],
                        "points": None,
                        "wrong": wrong,
                        "label": None,
                        "why": "contact during the shock" if wrong else "",
                    }
                )
            else:
                guess = step.max_points if rng.random() < 0.75 else round(step.max_points * rng.random())
                predictions.append(
                    {
                        "entry": run["name"],
                        "points": guess,
                        "wrong": guess < step.max_points / 2,
                        "label": 3 if guess == step.max_points else 1,
                        "why": HOSTILE if index == 2 else "",
                    }
                )
        steps.append(
            {
                "step": step.id,
                "title": step.title,
                "title_zh": step.title_zh,
                "max_points": step.max_points,
                "segments": segments if index % 16 != 15 else [],
                "reference": {"points": points, "label": label, "wrong": None if label is None else label < 2, "reason_en": reason_en, "reason_zh": reason_zh},
                "raters": [{"name": "wei", "points": points}, {"name": "okafor", "points": step.max_points if index % 7 else None}],
                "predictions": predictions,
            }
        )  # fmt: skip
    events = [
        {"action": "cpr01", "start_s": 1.0, "end_s": 4.0, "title": "Check the scene", "title_zh": "评估环境"},
        {
            "action": "ev_touch_patient",
            "start_s": 71.4,
            "end_s": None,
            "title": "somebody touches the patient",
            "title_zh": "有人接触患者",
        },
        {
            "action": "ev_shock_button",
            "start_s": 74.2,
            "end_s": 74.2,
            "title": "shock button pressed",
            "title_zh": "按下放电键",
        },
        {"action": "ev_chest_falls", "start_s": 143.0, "end_s": 143.6, "title": "chest falls", "title_zh": "胸廓回落"},
    ]
    events += [
        {
            "action": "compression",
            "start_s": round(33 + i * 0.55, 2),
            "end_s": None,
            "title": "compression",
            "title_zh": "按压",
        }
        for i in range(30)
    ]
    events += [
        {"action": "breath", "start_s": 52.0 + 2 * i, "end_s": 53.0 + 2 * i, "title": "breath", "title_zh": "人工呼吸"}
        for i in range(2)
    ]
    replies = []
    for run in runs:
        full = run["setting"].startswith("full")
        failed = run["coverage"]["cells_answered"] == 0
        for request in [f"A-{number:03d}"] if full else [f"A-{number:03d}/{step.id}" for _, step in STEPS[:5]]:
            keys = [f"{request}-{i}" for i in range(64 if full else 3)]
            replies.append(
                {
                    "entry": run["name"],
                    "request": request,
                    "status": "failed" if failed else "ok",
                    "text": None if failed else '{"steps": [{"step": "cpr01", "points": 3}, {"step": "cpr02", "points": 2}]}\n' + HOSTILE,
                    "frames": keys,
                    "shown_s": [round(i * 2.6, 2) for i in range(len(keys))],
                }
            )  # fmt: skip
    return {
        "id": f"A-{number:03d}" if number != 3 else f"A-003 {ATTACK_TAG}",
        "video": f"videos/A-{number:03d}.mp4",
        "duration_s": 172.0,
        "rubrics": [f"{rubric} 0.1.0" for rubric in RUBRICS],
        "steps": steps,
        "events": events if number != 2 else [],
        "replies": replies,
    }


def sample_report(n_attempts: int = 6) -> dict[str, Any]:
    rows = entries()
    runs = [row for row in rows if row["kind"] == "run"]
    points = [row["name"] for row in runs if row["setting"] == "full-points"]
    clips = [row["name"] for row in runs if row["setting"] == "clip-points"]
    return {
        "schema": "siming.report/1",
        "siming": "0.1.0",
        "dataset": {
            "name": "Simulated spring exam · 模拟春季考核",
            "version": "1.0",
            "licence": "CC-BY-4.0",
            "provenance": "simulated, seed 7; physicians Wei and Okafor are simulated too",
            "n_attempts": 24,
            "rubrics": [f"{rubric} 0.1.0" for rubric in RUBRICS],
        },
        "reference": "consensus",
        "polarity": "positive = step done wrong",
        "missing_policy": "strict",
        "ordinal_map": {"name": "rubric", "status": "assumption", "minor_max_ratio": "1/3", "deficient_below_ratio": "3/4"},
        "seed": 7,
        "replicates": 2000,
        "entries": rows,
        "groups": [points[:2], points[2:]],
        "groups_by_setting": {"clip-points": [clips[:2], clips[2:]], "full-points": [points[:2], points[2:]]},
        "comparisons": [
            {"first": points[0], "second": points[1], "setting": "full-points", "metric": "qwk_within_step", "difference": around(0.05, 0.07), "p": 0.16, "n_cells": 747},
            {"first": points[0], "second": points[2], "setting": "full-points", "metric": "qwk_within_step", "difference": around(0.35, 0.08), "p": 0.0004, "n_cells": 792},
            {"first": clips[0], "second": clips[1], "setting": "clip-points", "metric": "qwk_within_step", "difference": undefined("no pairs: every cell lacks a rater's value"), "p": None, "n_cells": 0},
        ],
        "warnings": [
            {"code": "skew", "en": "76 % of the reference labels are 3: kappa is pulled down and raw agreement is easy to reach.", "zh": "参考标签中76%为3：κ值会被压低，而原始一致率容易偏高。"},
            {"code": "step-difficulty", "en": "QWK pooled is much above QWK within step for step-prior: the difficulty of steps explains 0.31.", "zh": "step-prior 的合并QWK远高于步骤内QWK：其中0.31由步骤难度解释。"},
        ],
        "attempts": [attempt(number, runs) for number in range(1, n_attempts + 1)],
    }  # fmt: skip
