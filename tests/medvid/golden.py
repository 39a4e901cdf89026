"""The golden fixtures of MedVidBench, and the recipes of their scenarios carried out."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from siming.bench.medvid.columns import COLUMNS, task_of

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "medvidbench"


def golden(name: str) -> Any:
    if not FOLDER.is_dir():
        pytest.skip("the golden fixtures are not here (../shared/fixtures/medvidbench)")
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def scenario_names() -> list[str]:
    return [each["name"] for each in golden("expected")["scenarios"]] if FOLDER.is_dir() else []


def scenario(name: str) -> tuple[Any, Any, Mapping[str, Any]]:
    """Truth, submission and what is expected of them."""
    recipe = next(each for each in golden("expected")["scenarios"] if each["name"] == name)
    truth, submission = copy.deepcopy(golden("ground_truth")), copy.deepcopy(golden("submission"))
    for position, prediction in _predictions(recipe, truth, submission):
        submission[position]["prediction"] = prediction
    if name == "ids_scrambled":
        submission = [{**row, "id": "x"} for row in submission]
    elif name == "qa_types_scrambled":
        submission = [{**row, "qa_type": "tal"} for row in submission]
    elif name == "short_by_one":
        submission = submission[:-1]
    elif name == "missing_key":
        del submission[4]["prediction"]
    elif name == "dict_submission":
        submission = {str(number): row for number, row in enumerate(submission)}
    elif name == "bad_fps_in_truth":
        truth[9]["metadata"]["fps"] = "n/a"
    return truth, submission, recipe["expected"]


def _predictions(recipe: Mapping[str, Any], truth: Any, submission: Any) -> Iterator[tuple[int, Any]]:
    """New predictions by position."""
    name = recipe["name"]
    texts = [row["conversations"][-1]["value"] for row in truth]
    tasks = [task_of(row["qa_type"]) for row in truth]
    if "set" in recipe:
        yield from ((int(position), prediction) for position, prediction in recipe["set"].items())
    elif name == "all_empty":
        yield from ((number, "") for number in range(len(truth)))
    elif name == "reference_text":
        yield from enumerate(texts)
    elif name == "rotate_one":
        yield from enumerate([submission[number - 1]["prediction"] for number in range(len(submission))])
    elif name == "tal_spam":
        yield from ((number, recipe["text"]) for number, task in enumerate(tasks) if task == "tal")
    elif name.startswith("answer_one_"):
        for number, task in enumerate(tasks):
            if task == task_of(recipe["task"]):
                yield number, texts[number] if number == recipe["kept_row"] else ""


def by_name(values: Mapping[str, Any]) -> dict[str, float]:
    """Columns under the board's names; the text ``nan`` as a number."""
    names = {column.key: name for name, column in COLUMNS.items()}
    return {names[key]: float(value) for key, value in values.items()}


def differences(wanted: Mapping[str, float], found: Mapping[str, float], tolerance: float = 1e-9) -> list[str]:
    """Columns that are not equal; nan equals nan."""

    def equal(one: float, other: float) -> bool:
        return (math.isnan(one) and math.isnan(other)) or abs(one - other) <= tolerance

    return [
        f"{name}: {found.get(name)} instead of {wanted.get(name)}"
        for name in sorted({*wanted, *found})
        if name not in found or name not in wanted or not equal(wanted[name], found[name])
    ]


def stub_grades(pairs: Any) -> dict[str, dict[str, int]]:
    """The deterministic judge of the fixtures; a call that it fails has no grades."""
    out = {}
    for pair in pairs:
        p, g = sum(pair.prediction.encode()), sum(pair.reference.encode())
        if (p + g) % 17:
            out[pair.key] = {
                aspect: 1 + (p // (i + 1) + 3 * (g // (i + 2))) % 5
                for i, aspect in enumerate(("R2", "R3", "R8", "R5", "R4"))
            }
    return out
