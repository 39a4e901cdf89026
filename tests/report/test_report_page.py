"""The page as text: one file, nothing from outside, nothing run that we did not write."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re

import pytest
from page_reader import read
from PIL import Image
from sample_report import sample_report

from siming.report import render_page, write_page, write_report
from siming.report.frames import THUMB_WIDTH, Thumbnails, thumbnail


def jpeg(colour: str = "teal", size: tuple[int, int] = (768, 432)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def test_a_report_is_written_as_strict_json_beside_its_page(tmp_path):
    report = sample_report(2)
    data, page = write_report(report, tmp_path / "new" / "folder")

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(data.read_bytes(), parse_constant=refuse) == report
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_name_that_ends_in_html_is_the_page_itself(tmp_path):
    data, page = write_report(sample_report(1), tmp_path / "spring.html")
    assert (data, page) == (tmp_path / "report.json", tmp_path / "spring.html")
    assert data.is_file()
    assert page.is_file()


def test_a_report_with_nan_is_refused_and_nothing_is_written(tmp_path):
    report = sample_report(1)
    report["entries"][0]["metrics"]["qwk"]["value"] = float("nan")
    with pytest.raises(ValueError, match="JSON"):
        write_report(report, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_page_names_nothing_outside_itself():
    seen = read(render_page(sample_report(2), frames=lambda key: jpeg()))
    outside = [value for name, value in seen.attributes if name in ("src", "href", "srcset", "action", "data")]
    assert outside
    assert all(value.startswith(("#", "data:image/jpeg;base64,")) for value in outside)
    assert not {"link", "iframe", "object", "base", "form"} & set(seen.tags)


def test_only_our_style_and_our_script_may_run():
    page = render_page(sample_report(1))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1].replace("&#x27;", "'")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for kind in ("style", "script"):
        content = re.search(rf"<{kind}>(.*?)</{kind}>", page, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert read(page).tags.count("script") == 1


def test_no_attribute_holds_style_or_a_handler():
    names = {name for name, _ in read(render_page(sample_report(2))).attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_ids_are_unique_and_every_reference_to_one_is_answered():
    attributes = read(render_page(sample_report(3))).attributes
    ids = [value for name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    asked = {value for name, value in attributes if name in ("popovertarget", "aria-labelledby")}
    asked |= {value[1:] for name, value in attributes if name == "href"}
    assert asked <= set(ids)


def test_every_undefined_number_says_why_in_both_languages():
    page = render_page(sample_report(1))
    assert 'Undefined: <span class="en" lang="en">no step was called wrong</span>' in page
    assert "没有步骤被判为做错" in page


def test_the_page_says_what_it_is_not_and_whose_judgement_it_shows():
    words = read(render_page(sample_report(1))).words
    assert "It certifies no one" in words
    assert "不作任何认证" in words
    assert "Judged against: the physicians’ consensus" in words
    assert "wei, okafor" in words


def test_the_reason_of_a_lost_point_stands_with_its_step():
    words = read(render_page(sample_report(1))).words
    assert "aed08 void: everyone_clear was cleared at 71.4 s by ev_touch_patient" in words


def test_a_step_done_is_a_bar_of_the_timeline_and_not_an_event_too():
    words = read(render_page(sample_report(1))).words
    assert "Events (3)" in words  # touch, shock, chest falls; not cpr01, strokes or breaths


def test_no_warning_is_lost_when_there_are_many():
    report = sample_report(1)
    report["warnings"] = [{"code": "x", "en": f"warning {i}.", "zh": f"警告{i}。"} for i in range(12)]
    words = read(render_page(report)).words
    assert all(f"warning {i}." in words for i in range(12))


def test_a_value_without_an_interval_is_not_called_undefined():
    report = sample_report(1)
    report["entries"] = report["entries"][:1]
    report["entries"][0]["metrics"] = {
        "mcc": {"value": 0.5, "n": 99, "n_clusters": 3, "interval": None, "interval_reason": "too few"}
    }
    report["entries"][0]["beside"] = report["entries"][0]["alternative_maps"] = {}
    page = render_page(report)
    assert "0.50" in read(page).words
    assert '<span class="en" lang="en">no interval</span>' in page
    assert '<span class="en" lang="en">undefined</span>' not in page


def test_the_language_asked_for_is_the_one_shown_without_script():
    assert '<html lang="zh-Hans" data-lang="zh">' in render_page(sample_report(1), language="zh")


def test_attempts_beyond_the_limit_are_counted_and_not_forgotten():
    page = render_page(sample_report(4), most_attempts=3)
    assert page.count('class="attempt"') == 3
    assert "1 more attempts are in report.json" in page


@pytest.mark.slow
def test_a_page_of_24_attempts_with_frames_stays_under_8_megabytes(tmp_path):
    write_page(sample_report(24), tmp_path / "report.html", frames=lambda key: jpeg(size=(320, 180)))
    assert (tmp_path / "report.html").stat().st_size < 8_000_000


def test_thumbnails_stop_at_their_budget():
    picture = jpeg()
    one = len(Thumbnails(lambda key: picture, 10**9).pick(["a"], [0.0])[0][1])
    few = Thumbnails(lambda key: picture, 3 * one + one // 2)
    assert len(few.pick(list("abcdefgh"), [float(i) for i in range(8)])) == 3


def test_a_lost_or_broken_frame_is_left_out_and_its_neighbours_stay():
    store = {"a": jpeg(), "b": None, "c": b"no picture", "d": jpeg()}
    assert [at for at, _ in Thumbnails(store.get, 10**6).pick(list("abcd"), [0.0, 1.0, 2.0, 3.0])] == [0.0, 3.0]


def test_frames_shown_to_two_models_are_in_the_page_once():
    pile = Thumbnails(lambda key: jpeg(), 10**6)
    assert pile.seen_before(["a", "b"], "first") is None
    assert pile.seen_before(["a", "b"], "second") == "first"


def test_a_thumbnail_is_small_and_keeps_its_shape():
    with Image.open(io.BytesIO(thumbnail(jpeg(size=(768, 432))))) as small:
        assert small.size[0] == THUMB_WIDTH
        assert small.size[1] == pytest.approx(THUMB_WIDTH * 432 / 768, abs=1)


def test_a_report_with_hardly_anything_in_it_still_makes_a_page():
    bare = {
        "schema": "siming.report/1",
        "siming": "0.1.0",
        "dataset": {"name": "empty"},
        "reference": "consensus",
        "missing_policy": "strict",
        "entries": [],
        "attempts": [],
    }
    assert "empty" in render_page(bare)
