"""Ranks and comparisons as pictures, tables and one page."""

from __future__ import annotations

import copy
import re
import shutil
from html.parser import HTMLParser

import pytest
from rich.console import Console

from siming.report.comparison import print_comparison, render_comparison_page, write_comparison_page
from siming.report.comparison.page import difference_scale
from siming.report.markup import tag
from siming.report.ranking import rank_picture

HOSTILE = "<script>window.hacked = 1</script>"


def measured(value, *limits, **more):
    reach = {"interval": list(limits), "interval_level": 0.95, "interval_method": "jackknife by cluster (t)"}
    return {"value": value, "n": 660, "n_clusters": 20, **(reach if limits else {}), **more}


def model(name, value, rank, low, high, group, best=0.5):
    return {
        "name": name,
        "value": measured(value, value - 0.1, value + 0.1),
        "rank": {"value": rank, "low": low, "high": high, "best_share": best, "reason": None},
        "group": group,
        "coverage": 1.0,
        "design_effect": measured(1.25),
    }


def versus(first, second, difference, p, apart):
    return {
        "first": first,
        "second": second,
        "setting": "full-points",
        "metric": "qwk_within_step",
        "difference": measured(difference, difference - 0.15, difference + 0.15),
        "p": p,
        "p_reason": None,
        "p_holm": min(1, 3 * p),
        "p_bh": min(1, 2 * p),
        "permutations": 10_000,
        "exact": False,
        "apart": apart,
        "n_cells": 660,
        "closed_forms": None,
    }


SETTING = {
    "setting": "full-points",
    "metric": "qwk_within_step",
    "better": "higher",
    "unit": "cells",
    "level": 0.95,
    "n_videos": 20,
    "n_cells": 660,
    "n_cells_of_any": 660,
    "models": [
        model("qwen3-vl-8b", 0.42, 1, 1, 2, 1, 0.9),
        model("司命-7B", 0.36, 2, 1, 2, 1, 0.1),
        model(HOSTILE, 0.02, 3, 3, 3, 2, 0.0),
        {
            **model("seldom", 0.1, None, None, None, None, None),
            "value": measured(0.1),
            "rank": {
                "value": None,
                "low": None,
                "high": None,
                "best_share": None,
                "reason": "undefined in 700 of 2000 bootstrap replicates, more than 5 %",
            },
        },
    ],
    "groups": [["qwen3-vl-8b", "司命-7B"], [HOSTILE], ["seldom"]],
    "tests": {
        "all_zero": {"hypothesis": "", "statistic": measured(9.0), "p": measured(0.0004), "degrees": [3, 17]},
        "all_equal": {
            "hypothesis": "",
            "statistic": {"value": None, "n": 660, "reason": "the models never differ"},
            "p": {"value": None, "n": 660, "reason": "the models never differ"},
            "degrees": None,
        },
    },
    "best_of_nulls": {
        "models": 3,
        "expected": measured(0.03),
        "exceeded": measured(0.06),
        "alpha": 0.05,
        "p": measured(0.001),
    },
    "pairs": [
        versus("司命-7B", HOSTILE, 0.34, 0.0001, True),
        versus("qwen3-vl-8b", "司命-7B", 0.06, 0.31, False),
        versus("qwen3-vl-8b", HOSTILE, 0.4, 0.0001, True),
    ],
    "blind": {
        "baselines": [{"name": "baseline:step-prior", "value": measured(0.05, 0.0, 0.1)}],
        "best": "baseline:step-prior",
        "pairs": [
            versus("qwen3-vl-8b", "baseline:step-prior", 0.37, 0.001, True),
            versus(HOSTILE, "baseline:step-prior", -0.03, 0.6, False),
        ],
        "beaten_by": ["qwen3-vl-8b"],
    },
    "cautions": [{"code": "few-videos", "en": "Twenty videos.", "zh": "只有二十个视频。"}],
}

COMPARISON = {
    "schema": "siming.comparison/1",
    "siming": "0.1.0",
    "dataset": {
        "name": "spring exams",
        "version": "1",
        "licence": "CC0-1.0",
        "provenance": "made by hand",
        "n_attempts": 20,
        "rubrics": ["aed-adult 1.0.0"],
    },
    "reference": "consensus",
    "metric": None,
    "missing_policy": "strict",
    "seed": 0,
    "replicates": 10_000,
    "permutations": 10_000,
    "settings": [SETTING],
}


def with_setting(**changes):
    return {**COMPARISON, "settings": [{**copy.deepcopy(SETTING), **changes}]}


class Reader(HTMLParser):
    """The text that a reader of one language sees."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._hidden = {"en": "zh", "zh": "en"}[language]
        self._open: list[bool] = []
        self.said: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "hr", "img"):
            self._open.append(tag in ("style", "script") or dict(attrs).get("class") == self._hidden)

    def handle_endtag(self, tag):
        self._open.pop()

    def handle_data(self, data):
        if not any(self._open):
            self.said.append(data)


def words(markup: str, language: str) -> str:
    reader = Reader(language)
    reader.feed(markup)
    return "".join(reader.said)


def bars(markup: str) -> list[tuple[float, float]]:
    found = re.findall(r'<rect x="([\d.]+)%" width="([\d.]+)%"[^>]*class="rank-bar"', markup)
    return [(float(x), float(width)) for x, width in found]


# ---- ranks ------------------------------------------------------------------------------------------------


def test_a_bar_covers_the_places_that_are_not_ruled_out():
    first, second, third = bars(rank_picture(SETTING, lambda name: tag("bdi", name)))
    # Three ranked models: each place is a third of the width, and a bar ends a little inside its last place.
    assert first == second
    assert first[0] == pytest.approx(100 * (0.64 - 0.5) / 3, abs=0.01)
    assert first[0] + first[1] == pytest.approx(100 * (2.36 - 0.5) / 3, abs=0.02)
    assert third[0] == pytest.approx(100 * (2.64 - 0.5) / 3, abs=0.01)


def test_the_published_rank_is_the_group_and_models_that_cannot_be_ranked_say_why():
    picture = rank_picture(SETTING, lambda name: tag("bdi", name))
    english, chinese = words(picture, "en"), words(picture, "zh")
    assert english.index("Rank 1, shared") < english.index("司命-7B") < english.index("Rank 2")
    assert "Not ranked" in english
    assert "undefined in 700 of 2000" in english
    assert "2000次自助重抽样中有700次无定义" in chinese
    assert "并列第 1 名" in chinese


def test_without_rank_intervals_the_places_stand_and_the_reason_is_given():
    few = copy.deepcopy(SETTING)
    for found in few["models"][:3]:
        found["rank"] |= {"low": None, "high": None, "best_share": None, "reason": "4 clusters are fewer than 5"}
    picture = rank_picture(few, lambda name: tag("bdi", name))
    assert bars(picture) == []
    assert "4 clusters are fewer than 5" in words(picture, "en")


# ---- page -------------------------------------------------------------------------------------------------


def test_the_page_answers_each_question_in_both_languages():
    page = render_comparison_page(COMPARISON)
    english, chinese = words(page, "en"), words(page, "zh")
    assert "Told apart: 2 of 3 pairs of models." in english
    assert "Not tested: the models never differ." in english
    assert "未检验：各模型从无差异。" in chinese
    assert "(0.05), and above it: qwen3-vl-8b. Not so: 司命-7B, " in english
    assert "0.03 on average, more than 0.06 once in twenty times" in english
    assert "Twenty videos." in english
    assert "只有二十个视频。" in chinese
    assert "Step prior never sees the video" in english


def test_a_models_name_is_text_wherever_it_stands():
    assert HOSTILE not in render_comparison_page(COMPARISON)
    assert words(render_comparison_page(COMPARISON), "en").count(HOSTILE) >= 5


def test_a_single_model_has_no_ranking_and_no_pairs():
    alone = with_setting(models=SETTING["models"][:1], pairs=[], best_of_nulls=None)
    page = render_comparison_page(alone)
    assert "Ranks by" not in words(page, "en")
    assert "A single model" in words(page, "en")


def test_correlations_show_their_closed_forms():
    closed = {
        "zou": measured(0.1, -0.05, 0.25),
        "meng": {"statistic": measured(1.2), "p": measured(0.231), "degrees": None, "source": ""},
        "williams": {"statistic": measured(1.1), "p": measured(0.272), "degrees": 17, "source": ""},
    }
    pairs = [{**pair, "closed_forms": closed} for pair in SETTING["pairs"]]
    shown = words(render_comparison_page(with_setting(pairs=pairs, metric="plcc", unit="totals")), "en")
    for said in ("[−0.050, 0.250]", "0.231", "0.272", "checks, not the result", "of the same 660 totals"):
        assert said in shown


def test_of_sixty_six_pairs_the_farthest_apart_are_in_sight_and_none_is_lost():
    pairs = [versus(f"a{i}", f"b{i}", i / 100, 0.5, False) for i in range(66)]
    page = render_comparison_page(with_setting(pairs=pairs))
    assert "36 more pairs" in words(page, "en")
    assert page.count('class="track-row baseline"') >= 66
    assert page.index("a65") < page.index("a2<")


@pytest.mark.parametrize("values", [[0.0], [0.004], [-0.7, 0.2], [1.3, -1.1], [12.0, -40.0], []])
def test_an_axis_of_differences_holds_all_of_them_and_zero_on_round_ticks(values):
    low, high, ticks = difference_scale(values)
    assert low <= min([0, *values])
    assert high >= max([0, *values])
    assert 0 in ticks
    assert 2 <= len(ticks) <= 7


# ---- terminal ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Who is above the blind baselines?"), ("zh", "哪些模型高于盲基线？")]
)
def test_the_terminal_says_the_same(language, said, capsys):
    print_comparison(COMPARISON, Console(width=100), language=language)
    out = capsys.readouterr().out
    assert said in out
    assert "qwen3-vl-8b" in out
    assert "1–2" in out
    assert "+0.40" in out
    assert HOSTILE in out


# ---- browser ----------------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium on the PATH")
@pytest.mark.parametrize("width", [380, 1280])
def test_the_page_fits_its_window_and_runs_nothing_of_a_models_name(tmp_path, playwright, width):
    path = tmp_path / "compare.html"
    write_comparison_page(COMPARISON, path, language="zh")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    assert page.locator(".ranks").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.hacked") is None
    assert "模型比较" in page.locator(".kicker").inner_text()
    page.get_by_role("button", name="EN").click()
    assert "Model comparison" in page.locator(".kicker").inner_text()
    assert page.locator("details.closes[open]").count() == 0
    browser.close()
    assert complaints == []
