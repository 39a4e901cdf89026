"""The same report in the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from sample_report import ATTACK_IMAGE, sample_report

from siming.report import print_report


def printed(report, *, language="en", width=120) -> str:
    out = io.StringIO()
    print_report(report, language=language, console=Console(file=out, width=width, color_system=None))
    return out.getvalue()


def test_every_number_has_its_interval_under_it():
    lines = printed(sample_report(1)).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("qwen3-vl-8b") and "0.49" in line)
    assert "[0.44, 0.54]" in lines[at + 1]


def test_every_dash_is_explained_in_words():
    words = printed(sample_report(1))
    assert "All correct: MCC: no variation" in words
    assert "All correct: P: no step was called wrong" in words


def test_dashes_and_coverage_are_explained_in_chinese_too():
    words = printed(sample_report(1), language="zh")
    assert "全部正确: 精确率: 没有步骤被判为做错" in words
    assert "已回答93.8 %；缺失：失败 33, 步骤无法读取 12, 参考：无法评判 4" in words


def test_a_correlation_without_interval_is_held_back_and_says_why():
    report = sample_report(1)
    run = report["entries"][0]
    run["metrics"]["plcc"] = {
        "value": 0.987,
        "n": 3,
        "interval": None,
        "interval_reason": "3 clusters are fewer than 5",
    }
    words = printed(report)
    assert "0.99" not in words.split("Full video, errors")[0]
    assert "PLCC: not shown without its interval (3 clusters are fewer than 5)" in words


def test_groups_warnings_purpose_and_policy_are_said():
    words = printed(sample_report(1))
    assert "cannot be told apart" in words
    assert "76 % of the reference labels are 3" in words
    assert "It certifies no one" in words
    assert "strict: a missing answer counts as the worst admissible one" in words


def test_names_of_models_are_text_and_never_markup_of_the_terminal():
    report = sample_report(1)
    report["entries"][0]["name"] = "[bold red]x[/bold red]\x1b[31m"
    words = printed(report)
    assert "[bold red]x[/bold" in words
    assert "\x1b" not in words
    assert ATTACK_IMAGE.split()[0] in words


@pytest.mark.parametrize("width", [80, 100, 200])
def test_tables_fit_the_terminal_and_lose_no_metric(width):
    words = printed(sample_report(1), width=width)
    assert all(len(line) <= width for line in words.splitlines())
    for head in ("Raw", "QWK in step", "AC2", "MCC", "F1", "PLCC", "SRCC", "Diff.", "ICC(A,1)"):
        assert head in words
    assert "…" not in words


def test_a_report_of_humans_only_prints():
    report = sample_report(1)
    report["entries"] = [entry for entry in report["entries"] if entry["kind"] == "human"]
    report["groups"], report["comparisons"], report["warnings"] = [], [], []
    assert "wei – okafor" in printed(report)
