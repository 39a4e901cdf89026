"""Colours and type stand in one file, which reports carry in themselves and the exam room serves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from siming.report.shell import read_asset

SOURCE = Path(__file__).resolve().parents[2] / "src" / "siming"
TOKENS = read_asset("shared/tokens.css")
SHEETS = sorted([*SOURCE.glob("report/**/*.css"), *SOURCE.glob("web/static/**/*.css")])


def declared(rule: str) -> dict[str, str]:
    return dict(re.findall(r"(--[\w-]+): ([^;]+);", rule))


def blocks() -> list[dict[str, str]]:
    """Light, dark by the device, dark by choice."""
    return [declared(rule) for rule in re.findall(r":root[^{]*\{([^{}]*)\}", TOKENS)]


def test_dark_is_the_same_whether_the_device_or_the_reader_chose_it():
    light, by_device, by_choice = blocks()
    assert by_device == by_choice
    assert set(by_device) < set(light)
    assert set(light) - set(by_device) == {"--sans", "--serif", "--mono"}


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: "/".join(path.relative_to(SOURCE).parts))
def test_no_other_sheet_sets_a_token_or_uses_one_that_is_not_there(path):
    if path.name == "tokens.css":
        return
    text = path.read_text("utf-8").split("@media print")[0]  # paper is white
    assert not set(declared(text)) & set(blocks()[0])
    own = set(re.findall(r"(--[\w-]+):", text)) | {
        "--kind",
        "--point",
    }  # `--kind` and `--point` are set by rules of reports
    assert set(re.findall(r"var\((--[\w-]+)", text)) <= set(blocks()[0]) | own


def luminance(colour: str) -> float:
    parts = re.findall("..", colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:]))
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (int(p, 16) / 255 for p in parts)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_a_contrast_of_four_and_a_half_on_every_ground_it_stands_on(scheme):
    tokens = {**blocks()[0], **blocks()[scheme]}
    pairs = [(ink, ground) for ink in ("ink", "soft", "accent", "bad") for ground in ("ground", "surface", "sunk")]
    pairs += [("faint", "ground"), ("faint", "surface"), ("human", "surface"), ("warn", "warn-ground")]
    pairs += [("on-accent", "accent"), ("accent", "accent-soft"), *((f"on-l{n}", f"l{n}") for n in range(4))]
    low = {pair: contrast(*(tokens[f"--{name}"] for name in pair)) for pair in pairs}
    assert {pair: round(value, 2) for pair, value in low.items() if value < 4.5} == {}
