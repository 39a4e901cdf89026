"""The pages of the rating commands as text: all that the record holds, in its order, and nothing that it does not."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from page_reader import read
from sample_rating import ALL, HOSTILE, agreement, disconnected_effects, effects, g_study, hostile_agreement, standard
from sample_report import undefined

from siming.errors import TaskError
from siming.report.markup import plain
from siming.report.rating_page import render_rating_page, write_rating_page
from siming.report.rating_page.agreement import MOST_PICTURES, ORDER
from siming.report.rating_page.plot import MOST_POINTS, Plot, axis_over


def words_of(record) -> str:
    return " ".join(read(render_rating_page(record)).words.split())


def after(page: str, *marks: str) -> str:
    for mark in marks:
        page = page[page.index(mark) + len(mark) :]
    return page


# ---- every page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_page_names_nothing_outside_itself_and_runs_only_our_script(name):
    page = render_rating_page(ALL[name]())
    seen = read(page)
    outside = [value for key, value in seen.attributes if key in ("src", "href", "srcset", "action", "data")]
    assert outside
    assert all(value.startswith("#") for value in outside)
    assert seen.tags.count("script") == seen.tags.count("style") == 1
    assert not [key for key, _ in seen.attributes if key == "style" or key.startswith("on")]
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1].replace("&#x27;", "'")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for kind in ("style", "script"):
        content = re.search(rf"<{kind}>(.*?)</{kind}>", page, re.S)[1]
        assert (
            rules[f"{kind}-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
        )


@pytest.mark.parametrize("name", ALL)
def test_ids_are_unique_and_every_reference_to_one_is_answered(name):
    attributes = read(render_rating_page(ALL[name]())).attributes
    ids = [value for key, value in attributes if key == "id"]
    assert len(ids) == len(set(ids))
    asked = {value for key, value in attributes if key in ("popovertarget", "aria-labelledby", "aria-describedby")}
    asked |= {value[1:] for key, value in attributes if key == "href"}
    assert asked <= set(ids)


@pytest.mark.parametrize("name", ALL)
def test_every_drawing_is_named_and_told_or_hidden_beside_its_words(name):
    drawings = re.findall(r"<svg [^>]*>", render_rating_page(ALL[name]()))
    outer = [drawing for drawing in drawings if "viewBox" not in drawing]
    assert outer
    for drawing in outer:
        told = 'role="img"' in drawing and "aria-labelledby" in drawing and "aria-describedby" in drawing
        assert told or 'aria-hidden="true"' in drawing, drawing


@pytest.mark.parametrize("name", ALL)
def test_no_number_of_python_reaches_the_page_unwritten(name):
    assert not re.search(r"\b(nan|inf|None|True|False)\b", words_of(ALL[name]()))


@pytest.mark.parametrize("name", ALL)
def test_the_language_asked_for_is_the_one_shown_without_script(name):
    assert '<html lang="zh-Hans" data-lang="zh">' in render_rating_page(ALL[name](), language="zh")


@pytest.mark.parametrize("name", ALL)
def test_a_page_says_what_it_is_not(name):
    words = words_of(ALL[name]())
    assert "It certifies no one" in words
    assert "不作任何认证" in words


def test_names_and_reasons_from_the_data_are_text_and_never_markup_or_order():
    page = render_rating_page(hostile_agreement())
    seen = read(page)
    assert seen.tags.count("script") == 1
    assert "img" not in seen.tags
    assert "<script>window.hacked" not in page
    assert plain(HOSTILE) in seen.words
    assert "\u202e" not in page
    assert "\x00" not in page


def test_a_name_in_another_direction_is_isolated_from_the_text_around_it():
    assert "<bdi>שלום</bdi>" in render_rating_page(hostile_agreement())


def test_a_page_is_written_where_asked_with_its_folders(tmp_path):
    path = tmp_path / "new" / "agree.html"
    write_rating_page(agreement(), path, language="zh")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_an_unknown_record_is_refused_with_what_can_be_drawn():
    with pytest.raises(TaskError, match=r"siming.agreement/1.*not from 'siming.agreement/2'"):
        render_rating_page({"schema": "siming.agreement/2"})


@pytest.mark.parametrize("name", ALL)
def test_a_record_is_drawn_the_same_after_a_way_through_json(name):
    record = ALL[name]()
    assert render_rating_page(json.loads(json.dumps(record))) == render_rating_page(record)


def test_notes_are_shown_in_both_languages_where_the_record_has_them():
    record = agreement() | {"notes": ["delimiter: comma"], "notes_zh": ["分隔符：逗号"]}
    page = render_rating_page(record)
    assert "delimiter: comma" in page
    assert "分隔符：逗号" in page
    assert "delimiter: comma" in render_rating_page(agreement() | {"notes": ["delimiter: comma"]})


def test_limits_that_lie_on_the_mean_are_not_named_over_it():
    record = agreement()
    one = {"value": 0.0, "n": 9, "interval": None, "interval_reason": "not asked for"}
    record["panels"][0]["limits_of_agreement"] = dict.fromkeys(("mean", "sd", "lower", "upper"), one)
    page = after(render_rating_page(record), 'id="panel-1"')
    assert "mean 0.0" in page[: page.index('id="panel-2"') if 'id="panel-2"' in page else None]
    assert "upper limit 0.0" not in page
    assert "lower limit 0.0" not in page


# ---- agreement ----------------------------------------------------------------------------------------------


def test_the_panel_stands_in_the_order_of_the_specification_whatever_the_order_of_the_record():
    page = after(render_rating_page(agreement()), 'id="panel-1"', 'role="table"')
    panel = page[: page.index("</figure>")]
    names = ("Raw agreement", "QWK, pooled", "QWK, within step", "AC2", "AC2 of a rater at chance", "QWK of the blind step prior", "Mean difference, points of 100", "ICC(A,1) of the totals", "Bias index", "Beside the panel", "something_new")  # fmt: skip
    places = [panel.index(f">{name}<") for name in names]
    assert places == sorted(places)
    assert ORDER[:4] == ("raw_agreement", "qwk", "qwk_within_step", "ac2")


def test_warnings_stand_above_the_numbers_they_are_about():
    page = after(render_rating_page(agreement()), 'id="panel-1"')
    assert page.index("77 % of the labels are 3.") < page.index('role="table"')


def test_warnings_of_a_folded_panel_stay_in_sight():
    page = after(render_rating_page(agreement(panels=6)), 'id="panel-6"')
    assert page.index("77 % of the labels are 3.") < page.index("<details")


def test_a_number_says_its_interval_n_and_what_was_left_out():
    words = words_of(agreement())
    assert "0.73[0.68, 0.78]" in words
    assert "95 % interval: jackknife by video" in words
    assert "left out: cannot judge无法评判 3" in words


def test_an_undefined_number_is_a_dash_with_its_reason_in_both_languages():
    page = after(render_rating_page(agreement()), 'id="panel-1"', ">Bias index<")
    row = page[: page.index('role="row"')]
    assert "no pairs: no cell is compared" in row
    assert "没有配对：没有可比较的单元格" in row
    assert "<b>–</b>" in row


def test_a_step_without_kappa_says_why_and_keeps_its_raw_agreement():
    page = after(render_rating_page(agreement()), "cpr04")
    row = page[: page.index("cpr05")]
    assert "no variation: both raters gave every cell one and the same label" in row
    assert 'class="hollow human"' in row
    assert 'class="dot human"' not in row


def test_differences_are_drawn_second_minus_first():
    record = agreement()
    record["panels"][0]["totals"] = {"attempts": ["A-1", "A-2"], "first": [90.0, 50.0], "second": [80.0, 60.0]}
    page = render_rating_page(record)
    assert "okafor" in page[page.index("okafor</bdi> − <bdi>wei") :]
    rows = after(page, "Attempts furthest apart")
    assert rows.index("−10.0") < rows.index("+10.0")  # 80 − 90 comes first, then A-2: 60 − 50


def test_totals_that_nobody_has_say_so_instead_of_an_empty_frame():
    record = agreement()
    record["panels"][0]["totals"] = {"attempts": [], "first": [], "second": []}
    page = after(render_rating_page(record), "(Bland-Altman)</span>")
    assert "no attempt has a complete total of both raters" in page[: page.index("</div>")]


def test_many_points_are_counted_in_squares_and_none_is_lost():
    many = render_rating_page(agreement(n_points=MOST_POINTS + 1))
    assert many.count('class="point"') == 0
    cloud = after(many, "<g>").split("</g>")[0]
    assert sum(int(n) for n in re.findall(r"<title>(\d+)</title>", cloud)) == MOST_POINTS + 1
    assert f"{MOST_POINTS + 1} points, counted in squares" in many
    assert render_rating_page(agreement(n_points=MOST_POINTS)).count('class="point"') == MOST_POINTS


def test_confusion_shows_counts_and_shares_of_the_row():
    page = render_rating_page(agreement())
    # Row 0 is 30 5 2 1: 30 of 38 are 78.9 %, the eighth shade of ten.
    assert '<td class="h8">30<small>78.9 %</small></td>' in page


def test_panels_beyond_the_pictures_are_in_the_table_and_counted():
    page = render_rating_page(agreement(panels=MOST_PICTURES + 2))
    assert page.count('id="panel-') == 2 * MOST_PICTURES  # the section and its title
    assert f"part {MOST_PICTURES + 1}" in page
    assert "2 more are in the table only" in page


def test_who_is_stricter_is_said_with_its_p():
    words = words_of(agreement())
    assert "okafor gives the lower labels, beyond chance." in words
    assert "χ²(3) = 11.20" in words
    assert "< 0.001" in words


# ---- rater effects ------------------------------------------------------------------------------------------


def test_raters_and_steps_stand_on_the_map_from_the_highest_down():
    page = after(render_rating_page(effects()), "Raters, strictest first")
    places = [page.index(f"<bdi>{rater}</bdi>") for rater in ("wei", "okafor", "lin")]  # 0.4, 0, −0.4
    assert places == sorted(places)


def test_raters_that_nothing_links_are_told_before_any_severity():
    page = render_rating_page(disconnected_effects())
    assert page.index("Not all raters can be compared") < page.index("Severity map")


def test_drift_that_cannot_be_told_says_why_in_both_languages():
    words = words_of(disconnected_effects())
    assert "no sheet says when it was handed in (submitted_at)" in words
    assert "评分表没有提交时间" in words


def test_a_rater_without_drift_has_reasons_and_no_empty_drawing():
    page = after(render_rating_page(effects()), 'id="drift"', "<bdi>lin</bdi>")
    figure = page[: page.index("</figure>")]
    assert "all was rated on one day" in figure
    assert "<svg" not in figure


def test_adjusted_totals_are_called_advice_and_turned_decisions_come_first():
    page = after(render_rating_page(effects()), 'id="links"')
    assert "Advice only" in page
    assert page.index("A-006") < page.index("A-001")


def test_sentences_that_came_with_the_record_are_shown_in_both_languages():
    page = render_rating_page(effects())
    assert ">wei is stricter<" in page
    assert ">关于wei is stricter<" in page


def test_one_wild_interval_does_not_flatten_the_map():
    record = effects()
    record["steps"][0]["difficulty"]["interval"] = [-900.0, 900.0]
    ticks = re.findall(r">(−?\d+)</text>", after(render_rating_page(record), 'class="track-name axis-words"')[:1500])
    assert 4 <= len(ticks) <= 12
    assert all(abs(int(tick.replace("−", "-"))) < 10 for tick in ticks)


# ---- generalizability, standards ----------------------------------------------------------------------------


def test_a_negative_component_is_shown_as_estimated_and_noted():
    words = words_of(g_study())
    assert "−0.0140" in words
    assert "estimated below 0; counts as 0" in words


def test_the_observed_design_is_marked_on_both_curves():
    page = render_rating_page(g_study())
    assert page.count('class="ring"') == 2
    assert "as it was: 0.71" in page


def test_bars_are_shares_of_the_whole():
    page = render_rating_page(g_study())
    assert 'width="36%"' in page


def test_a_station_without_a_line_says_why():
    page = after(render_rating_page(standard()), 'id="stations"', "<bdi>AED</bdi>")
    assert "no variation: every candidate got the same grade" in page[:300]


def test_a_count_claims_no_missing_interval():
    page = after(render_rating_page(standard()), "<bdi>CPR</bdi>")
    assert "<td>7<small></small></td>" in page[: page.index("</tr>")]


def test_hardly_anything_in_a_record_still_makes_a_page():
    for schema in ("siming.agreement/1", "siming.rater-effects/1", "siming.g-study/1", "siming.standard/1"):
        assert "Nothing to show" in words_of({"schema": schema})


# ---- axes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "ends", "ticks"),
    [
        ([61.2, 98.4], (0, 100), (60.0, 70.0, 80.0, 90.0, 100.0)),
        ([-0.048, 0.05], (), (-0.06, -0.04, -0.02, 0.0, 0.02, 0.04, 0.06)),
        ([3.0, 3.0], (), (2.4, 2.6, 2.8, 3.0, 3.2, 3.4, 3.6)),
        ([0.0, 120.0], (0.0, 120.0), (0.0, 25.0, 50.0, 75.0, 100.0)),
    ],
)
def test_an_axis_has_round_ticks_and_holds_all_values(values, ends, ticks):
    axis = axis_over(values, ends=ends)
    assert axis.low <= min(values)
    assert axis.high >= max(values)
    assert axis.ticks == pytest.approx(ticks)


def test_a_value_beyond_the_ends_stands_at_the_end():
    plot = Plot(axis_over([0, 10]), axis_over([0, 10]), height=100)
    assert (plot.at_x(99), plot.at_y(99), plot.at_y(-5)) == ("100%", "0", "100")


def test_an_undefined_severity_is_placed_last_and_has_no_dot():
    record = effects()
    record["raters"][0]["severity"] = undefined("no rating")
    page = after(render_rating_page(record), "Raters, strictest first")
    part = page[: page.index("Steps, hardest first")]
    assert part.index("<bdi>lin</bdi>") < part.index("<bdi>wei</bdi>")
    assert part.count('class="dot run"') == 2
