"""Tables of the rating commands: numbers stay whole, reasons stand below, and complaints name options."""

from __future__ import annotations

import doctest
import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from siming.cli import app
from siming.cli.rating import source, tables
from siming.cli.rating.tables import Cell, print_table, probability, shown, value


@pytest.fixture
def printed(monkeypatch):
    """Print a table on a terminal so wide, and give back its lines."""

    def lines(width: int, *args: object, **options: object) -> list[str]:
        out = Console(width=width, record=True, file=io.StringIO())
        monkeypatch.setattr(tables, "console", lambda: out)
        print_table(*args, **options)
        return out.export_text().splitlines()

    return lines


def test_a_reason_is_told_once_below_the_table_in_the_readers_language(printed):
    why = "3 clusters are fewer than 5"
    bare = {"value": 0.5, "interval": None, "interval_reason": why}
    none = {"value": None, "reason": "no pairs"}
    rows = [["a", shown(bare), value(none)], ["b", shown(bare), shown({"value": 0.25, "interval": [0.1, 0.4]})]]
    out = printed(80, "t", ["", "x", "y"], rows, language="zh")
    assert [line for line in out if "¹" in line or "²" in line] == [
        next(line for line in out if line.strip().startswith("a ")),
        next(line for line in out if line.strip().startswith("b ")),
        "¹ 3段视频，少于5段",
        "² 没有配对",
    ]
    assert sum("0.50¹" in line for line in out) == 2
    assert any("0.25 [0.10, 0.40]" in line for line in out)


def test_on_a_narrow_terminal_a_step_keeps_one_line_with_its_id_and_all_numbers(printed):
    step = "cpr16 Two breaths of 1 s with visible chest rise"
    row = [step, "0.13 [-0.15, 0.38]", "13/6/6/35", "0.33"]
    heads = ["step", "step-rest correlation", "labels 0/1/2/3", "alpha without it"]
    out = printed(60, "t", heads, [row], language="en", one_line=True)
    [line] = [line for line in out if "cpr16" in line]
    assert all(number in line for number in row[1:])
    assert "…" in line
    assert max(map(len, out)) <= 60
    wide = printed(200, "t", heads, [row], language="en", one_line=True)
    assert any(step in line for line in wide)
    assert any(all(head in line for head in heads) for line in wide)


def test_a_p_value_is_never_0():
    assert probability({"value": 0.0002}) == Cell("< 0.001")
    assert probability({"value": 0.0312}) == Cell("0.031")
    assert probability({"value": None, "reason": "no pairs"}) == Cell("—", "no pairs")


def rating(*args: object):
    return CliRunner().invoke(app, ["rating", *map(str, args)], env={"COLUMNS": "200", "SIMING_LANG": "en"})


@pytest.mark.parametrize(
    ("table", "options", "mend"),
    [
        ("video,s1,s2\nv1,3,4\n", ["--max", 5], "--rater 'NAME'"),
        ("video,rater,step,label\nv1,A,s1,3\nv1,B,s1,2\n", ["--kind", "labels"], "--levels 0,1,2,3"),
        ("video,rater,s1\nv1,A,abc\nv1,B,4\n", ["--max", 5], "--ignore 's1'"),
        ("video,rater,s1\nv1,A,3\nv1,B,4\n", [], "give --max 's1=10', or --max 10 for all"),
        ("video,A,B\nv1,30,40\n", ["--raters", "A", "--raters", "B"], "siming stats one icc_agreement --table"),
    ],
)
def test_a_complaint_about_a_spreadsheet_names_the_option_that_mends_it(table, options, mend, tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text(table, encoding="utf-8")
    done = rating("agree", path, *options)
    complaint = str(done.exception)
    assert done.exit_code != 0
    assert mend in complaint
    assert not [each for each in ("rater='", "levels=[", "ignore=[", "max_points", "columns={") if each in complaint]


def test_examples_of_options_in_complaints_hold():
    assert doctest.testmod(source).attempted == 1
    assert doctest.testmod(source).failed == 0
