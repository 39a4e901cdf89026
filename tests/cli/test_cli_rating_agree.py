"""`siming rating agree`: from a folder or a spreadsheet to the panel, in a terminal, as JSON and as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from siming.cli import app
from siming.metrics import quadratic_weighted_kappa
from siming.rating.panel import ORDER
from siming.rating.source import POINTS_MAP
from siming.rating.texts import texts
from siming.rubric import label_of_points

RNG = np.random.default_rng(7)
N, STEPS, RATERS = 20, ("洗手", "戴手套", "评估环境"), ("魏", "林", "Okafor")
POINTS = np.clip(
    RNG.integers(0, 6, size=(N, 1, len(STEPS))) + RNG.integers(-1, 2, size=(N, len(RATERS), len(STEPS))), 0, 5
)


@pytest.fixture
def marks(tmp_path) -> Path:
    rows = [
        f"S{i:02d},{'东院' if i % 2 else '西院'},{rater},{','.join(map(str, POINTS[i, r]))}"
        for i in range(N)
        for r, rater in enumerate(RATERS)
    ]
    path = tmp_path / "marks.csv"
    path.write_text("\n".join(["考生,考点,评委," + ",".join(STEPS), *rows]) + "\n", encoding="gb18030")
    return path


def agree(*args: object, code: int = 0):
    done = CliRunner().invoke(app, ["rating", "agree", *map(str, args)], env={"COLUMNS": "160"})
    assert done.exit_code == code, done.output
    return done


def test_a_spreadsheet_goes_straight_to_its_panels(marks):
    done = agree(marks, "--max", 5, "--json", "--replicates", 200)
    plain = json.loads(done.stdout)
    assert (plain["schema"], plain["source"]) == ("siming.agreement/1", "marks.csv")
    assert plain["raters"] == sorted(RATERS)
    assert [note for note in plain["notes"] if note.startswith("encoding")] == [
        line.removeprefix("marks.csv: ") for line in done.stderr.splitlines() if "encoding" in line
    ]
    panel = next(p for p in plain["panels"] if (p["first"], p["second"]) == ("林", "魏"))
    labels = [[label_of_points(float(x), 5, POINTS_MAP) for x in POINTS[:, r].ravel()] for r in (1, 0)]
    expected = quadratic_weighted_kappa(*labels, n_labels=4).value
    assert panel["metrics"]["qwk"]["value"] == pytest.approx(expected)
    assert set(plain["all_raters"]["raters"]) == set(RATERS)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_terminal_shows_the_panel_in_its_order_with_sentences_in_the_readers_language(marks, lang):
    out = agree(marks, "--max", 5, "--lang", lang, "--replicates", 200).stdout
    rows = texts(lang)["rows"]
    places = [out.index(rows[name].format(first="Okafor", second="林")) for name in ORDER]
    assert places == sorted(places)
    assert ("Stuart-Maxwell by video" if lang == "en" else "按视频的Stuart-Maxwell检验") in out
    assert texts(lang)["agreement"]["all_raters"]["krippendorff_alpha"] in out
    assert not re.search(r"substantial|良好一致|[{}]", out)


def test_by_step_is_one_table_per_pair_and_by_site_one_panel_per_site(marks):
    by_step = agree(marks, "--max", 5, "--by", "step", "--replicates", 200, "--lang", "en").stdout
    assert by_step.count("\n 戴手套 ") == 3  # pairs of raters
    plain = json.loads(agree(marks, "--max", 5, "--by", "site", "--json", "--replicates", 200).stdout)
    assert [p["part"] for p in plain["panels"]] == ["东院", "西院"] * 3
    assert all(p["n_videos"] == N / 2 for p in plain["panels"])


def test_a_page_of_both_languages_is_written(marks, tmp_path):
    page = tmp_path / "agreement.html"
    done = agree(marks, "--max", 5, "--html", page, "--replicates", 200)
    text = page.read_text(encoding="utf-8")
    assert "戴手套" in text
    assert "siming" in text
    assert str(page) in done.stderr.replace("\n", "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), r"no maximum is known for 3 of 3 steps.*--max 10 for all"),
        (("--max", "many"), r"--max 'many' is no number of points"),
        (("--max", "洗手=5", "--max", "洗手=6"), r"--max gives step '洗手' twice"),
        (("--max", 5, "--by", "skil"), r"did you mean 'skill'"),
        (("--max", 5, "--levels", "a,b"), r"--levels 'a,b' are not whole numbers"),
        (("--max", 5, "--kind", "label"), r"did you mean 'labels'"),
        (("--max", 5, "--column", "site"), r"--column 'site' is not NAME=VALUE"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_mend(marks, options, said):
    from siming.errors import SimingError

    done = CliRunner().invoke(app, ["rating", "agree", str(marks), *map(str, options)])
    assert done.exit_code != 0
    shown = done.output + (str(done.exception) if isinstance(done.exception, SimingError) else "")
    assert re.search(said, shown, re.S), shown


def test_options_reach_the_reader_of_spreadsheets(tmp_path):
    path = tmp_path / "seats.csv"
    rows = [f"{i},{i % 3},{(i + 1) % 3},n" for i in range(8)]
    path.write_text("\n".join(["座位,Wei_s1,Lin_s1,extra", *rows]) + "\n", encoding="utf-8")
    given = ("--column", "attempt=座位", "--raters", "Wei", "--raters", "Lin", "--ignore", "extra", "--max", "s1=2")
    plain = json.loads(agree(path, *given, "--encoding", "utf-8", "--delimiter", ",", "--json").stdout)
    [panel] = plain["panels"]
    assert (panel["first"], panel["second"], panel["n_cells"]) == ("Lin", "Wei", 8)
