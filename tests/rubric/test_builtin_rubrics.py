"""The rubrics that come with siming: whole, in two languages, and their formulas mean what their words say."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from performances import Performance, aed, bmv, cpr

from siming.rubric import Rubric, builtin_rubric, builtin_rubric_ids, examine
from siming.rubric.labels import label_of_points
from siming.rubric.loss import texts

CPR, AED, BMV = RUBRICS = tuple(builtin_rubric(name) for name in ("cpr-adult-single", "aed-adult", "bmv-adult"))
CHINESE = re.compile("[\u4e00-\u9fff]")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
FORMULA = re.compile(r"always|label\b|d\d+ (not )?applied|[a-z]+_[a-z_]+")

each_rubric = pytest.mark.parametrize("rubric", RUBRICS, ids=lambda rubric: rubric.skill)


def parts(rubric: Rubric) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping of a rubric with its place, nested ones after those around them."""

    def inside(value: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        if isinstance(value, dict):
            yield place, value
            for key, child in value.items():
                yield from inside(child, f"{place}.{key}")
        elif isinstance(value, list):
            for number, child in enumerate(value):
                name = child.get("id", number) if isinstance(child, dict) else number
                yield from inside(child, f"{place}[{name}]")

    yield from inside(rubric.model_dump(mode="json", by_alias=True), rubric.skill)


def pairs(rubric: Rubric) -> Iterator[tuple[str, str, str | None]]:
    """Every text a person sees: its place, the English, the Chinese (None where there is none).

    Conditions that are formulas (``label >= 1``) are no texts; those in words are.
    """
    for place, part in parts(rubric):
        for key in ("title", "text", "when", "note"):
            text = part.get(key)
            override = ".ordinal_map" in place  # its `when` are names of the format, such as step_void
            if text is None or override or (key == "when" and "points" not in part and not _in_words(text)):
                continue
            yield f"{place}.{key}", text, part.get(f"{key}_zh")


def _in_words(condition: str) -> bool:
    return any(FORMULA.match(piece) is None for piece in condition.split(" and "))


# ------------------------------------------------------------------ shape


def test_three_skills_have_19_9_and_5_steps_of_100_points_each():
    assert builtin_rubric_ids() == ("cpr-adult-single", "aed-adult", "bmv-adult")
    assert [(r.skill, len(r.steps), r.total_points) for r in RUBRICS] == [
        ("CPR", 19, 100),
        ("AED", 9, 100),
        ("BMV", 5, 100),
    ]


@each_rubric
def test_steps_stand_in_their_order_and_carry_the_skill_in_their_id(rubric):
    assert [step.order for step in rubric.steps] == list(range(1, len(rubric.steps) + 1))
    assert [step.id for step in rubric.steps] == [f"{rubric.skill.lower()}{step.order:02d}" for step in rubric.steps]


@each_rubric
def test_no_physician_has_signed_so_the_status_is_draft(rubric):
    assert rubric.status == "draft"


@each_rubric
def test_each_deduction_alone_gives_the_label_of_its_severity(rubric):
    labels = {"minor": {2}, "major": {1, 2}, "critical": {0}}
    for step in rubric.steps:
        for d in step.deductions:
            critical = d.severity == "critical"
            label = label_of_points(step.max_points - d.points, step.max_points, rubric.ordinal_map, critical=critical)
            assert label in labels[d.severity], f"{step.id}.{d.id}"


@each_rubric
def test_a_step_done_as_badly_as_its_deductions_allow_earns_nothing(rubric):
    for step in rubric.steps:
        groups: dict[str, float] = {}
        for d in step.deductions:
            groups[d.group or d.id] = max(d.points, groups.get(d.group or d.id, 0))
        assert sum(groups.values()) >= step.max_points, step.id


@each_rubric
def test_no_text_lost_its_end_to_an_unquoted_comma(rubric):
    # `{when: on the xiphoid, abdomen or one side}` reads as when='on the xiphoid' and a nameless rest
    cut = [f"{place}: {key!r}" for place, part in parts(rubric) for key in part if " " in key]
    assert cut == []


# ------------------------------------------------------------------ two languages


@each_rubric
def test_every_text_has_a_chinese_twin(rubric):
    missing = [place for place, _, zh in pairs(rubric) if zh is None or CHINESE.search(zh) is None]
    assert missing == []


@each_rubric
def test_every_state_event_and_rule_has_a_title_in_both_languages(rubric):
    for part in (*rubric.states, *rubric.events, *rubric.rules):
        plain = part.model_dump()
        assert plain.get("title"), part.id
        assert CHINESE.search(plain["title_zh"]), part.id


@each_rubric
def test_english_texts_hold_no_chinese(rubric):
    assert [place for place, en, _ in pairs(rubric) if CHINESE.search(en)] == []


@each_rubric
def test_numbers_agree_between_the_languages(rubric):
    titles_spell_numbers_out = ".title"
    differing = [
        f"{place}: {en!r} / {zh!r}"
        for place, en, zh in pairs(rubric)
        if zh and not place.endswith(titles_spell_numbers_out) and _numbers(en) != _numbers(zh)
    ]
    assert differing == []


def _numbers(text: str) -> Counter[str]:
    """Figures of a text; `cpr_30_2` is a name, and a deduction's id is none either."""
    return Counter(NUMBER.findall(re.sub(r"cpr_30_2|(?<![a-z])d\d+", "", text)))


@each_rubric
def test_chinese_texts_use_chinese_punctuation(rubric):
    half_width = [f"{place}: {zh}" for place, _, zh in pairs(rubric) if zh and re.search(r"[,;()~]|(?<!\d):", zh)]
    assert half_width == []


SPELT_OUT = {"cpr16.d4": {1, 2}, "cpr17.d2": {2}, "cpr17.d5": {2}}
"""Figures of formulas whose words are `one`, `two` and `half`."""


@each_rubric
def test_the_figures_in_a_formula_stand_in_its_words(rubric):
    for step in rubric.steps:
        for d in step.deductions:
            said = {float(n) for n in NUMBER.findall(d.when)} | SPELT_OUT.get(f"{step.id}.{d.id}", set())
            if "per cent" in d.when:
                said |= {n / 100 for n in said}
            if not re.search(r"\d s\b", d.when):
                said |= {n + 1 for n in said} | {n - 1 for n in said}  # `20 to 27` whole strokes: 20 <= n < 28
            used = {float(n) for n in NUMBER.findall(re.sub(r"[a-z]\w*", "", d.test or ""))}
            assert used <= said, f"{step.id}.{d.id}"


@each_rubric
def test_the_params_a_formula_uses_have_the_figures_its_words_name(rubric):
    for step in rubric.steps:
        for d in step.deductions:
            said = {float(n) for n in NUMBER.findall(d.when)}
            for name in re.findall(r"params\.(\w+)", d.test or ""):
                value = rubric.params[name]
                assert float(value) in said or name in ("cycles_required", "on_to_shock_fail_s"), f"{step.id}.{d.id}"


# ------------------------------------------------------------------ the sentences


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_sentences_with_the_same_placeholders():
    en, zh = texts("en"), texts("zh")
    assert list(en) == list(zh)
    for key in en:
        if isinstance(en[key], str):
            assert placeholders(en[key]) == placeholders(zh[key]), key
    assert en["units"].keys() == zh["units"].keys()


def test_every_quantity_has_a_chinese_name_and_no_name_is_for_nothing():
    known = {m.quantity for rubric in RUBRICS for step in rubric.steps for m in step.measures}
    assert set(texts("zh")["quantities"]) == known
    assert set(texts("en")["quantities"]) <= known
    assert all(CHINESE.search(name) for name in texts("zh")["quantities"].values())


def test_every_unit_of_a_measure_is_written_in_both_languages():
    used = {m.unit for rubric in RUBRICS for step in rubric.steps for m in step.measures}
    assert used <= set(texts("en")["units"])


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "cpr17 −1: one pause of 10 to 12 s (d1 at 41.3 s); measured hands-off time 11 s at 41.3 s"),
        ("zh", "cpr17 扣 1 分：一次按压中断10～12秒（d1，41.3 秒）；实测按压中断 11 秒（41.3 秒）"),
    ],
)
def test_a_reason_reads_in_one_language_only(language, sentence):
    # 30 strokes at 107 per minute from 25 s: the last one 29 * 60 / 107 = 16.26 s later
    exam = examine(CPR, cpr([(30, 107), (30, 107)], pauses_s=[11]).events())
    assert exam.reasons("cpr17", language)[0].startswith(sentence)


# ------------------------------------------------------------------ borders of the formulas


def mark(rubric: Rubric, performance: Performance, step: str) -> tuple[float | None, list[str]]:
    result = examine(rubric, performance.events()).steps[step]
    return result.points, [loss.ref for loss in result.losses]


@pytest.mark.parametrize(
    ("rate_per_min", "points", "refs"),
    [
        (78, 0, ["d3"]),
        (97, 3, ["d2"]),
        (99.9, 8, []),  # within the 2 per minute of measurement error
        (100, 8, []),
        (120, 8, []),
        (121, 8, []),  # the same error on the other side
        (130, 3, ["d2"]),
        (131, 3, ["d2"]),
        (141, 0, ["d3"]),
    ],
)
def test_all_bouts_at_one_rate(rate_per_min, points, refs):
    assert mark(CPR, cpr([(30, rate_per_min)] * 2), "cpr10") == (points, refs)


@pytest.mark.parametrize(
    ("rates", "points", "refs"),
    [
        ((110, 125), 6, ["d1"]),  # one of two is not most; a drift of 15 is not more than 15
        ((110, 130), 5, ["d1", "d4"]),  # 20 apart
        ((124, 126, 110), 2, ["d2", "d4"]),  # two of three are most; 126 - 110 = 16
        ((92, 104, 106), 6, ["d1"]),
    ],
)
def test_some_bouts_at_another_rate(rates, points, refs):
    rubric = CPR.with_params(cycles_required=len(rates))
    assert mark(rubric, cpr([(30, rate) for rate in rates]), "cpr10") == (points, refs)


@pytest.mark.parametrize(
    ("strokes", "points", "refs"),
    [
        (19, 0, ["d3"]),
        (20, 3, ["d2"]),
        (27, 3, ["d2"]),
        (28, 5, ["d1"]),
        (30, 6, []),
        (32, 5, ["d1"]),
        (33, 3, ["d2"]),
        (40, 3, ["d2"]),
        (41, 0, ["d3"]),
    ],
)
def test_a_bout_of_so_many_strokes(strokes, points, refs):
    assert mark(CPR, cpr([(30, 110), (strokes, 110)]), "cpr13") == (points, refs)


@pytest.mark.parametrize(("gap_s", "points", "refs"), [(1.9, 6, []), (2.05, 6, []), (2.2, 4, ["d4"]), (2.9, 4, ["d4"])])
def test_a_gap_inside_a_bout(gap_s, points, refs):
    # 15 strokes from 25 to 32 s, the gap, 15 more; the cycle's breaths begin at 43 s
    p = cpr().without("compression")
    half = p.strokes(25, 15, 120)
    p.strokes(half + gap_s, 15, 120)
    p.strokes(47.818, 30, 110)
    assert mark(CPR, p, "cpr13") == (points, refs)


@pytest.mark.parametrize(
    ("pauses_s", "points", "refs"),
    [
        ((10.4, 7), 7, []),
        ((10.6, 7), 6, ["d1"]),
        ((11.9, 7), 6, ["d1"]),
        ((12.1, 7), 4, ["d2"]),
        ((10.6, 10.6), 4, ["d2"]),
        ((10.4, 10.6), 6, ["d1"]),  # the first counts as 10 s
    ],
)
def test_pauses_between_bouts(pauses_s, points, refs):
    rubric = CPR.with_params(cycles_required=3)
    assert mark(rubric, cpr([(30, 110)] * 3, pauses_s=pauses_s), "cpr17") == (points, refs)


@pytest.mark.parametrize(
    ("cycles", "required", "points", "refs"),
    [(5, 5, 7, []), (4, 5, 5, ["d3"]), (6, 5, 5, ["d3"]), (3, 5, 5, ["d3"]), (2, 5, 0, ["d5"]), (1, 2, 5, ["d3"])],
)
def test_too_few_and_too_many_cycles(cycles, required, points, refs):
    rubric = CPR.with_params(cycles_required=required)
    assert mark(rubric, cpr([(30, 110)] * cycles), "cpr17") == (points, refs)


@pytest.mark.parametrize(
    ("duration_s", "lost", "ref"),
    [(4.4, 2, {"cpr05": "d1", "cpr18": "d2"}), (10.6, 2, {"cpr05": "d2", "cpr18": "d2"})]
    + [(d, 0, {}) for d in (4.6, 5, 7, 10, 10.4)],
)
@pytest.mark.parametrize("step", ["cpr05", "cpr18"])
def test_a_pulse_check_of_so_many_seconds(step, duration_s, lost, ref):
    [start_s] = [e.start_s for e in cpr().events() if e.action == step]
    performance = cpr().change(step, end_s=start_s + duration_s)
    refs = [ref[step]] if ref else []
    assert mark(CPR, performance, step) == (CPR.get_step(step).max_points - lost, refs)


@pytest.mark.parametrize(("duration_s", "points"), [(0.4, 6), (0.6, 8), (1, 8), (1.9, 8), (2.1, 6)])
def test_a_breath_of_so_many_seconds(duration_s, points):
    # the first breath alone differs; the second is long past either way
    p = cpr().without("breath")
    for start_s, length_s in ((43.0, duration_s), (45.2, 1.0), (66.0, 1.0), (67.6, 1.0)):
        p.breath(start_s, start_s + length_s)
    assert mark(CPR, p, "cpr16")[0] == points


@pytest.mark.parametrize(("count", "points", "refs"), [(1, 6, ["d4"]), (2, 8, []), (3, 6, ["d4"])])
def test_so_many_breaths_in_a_cycle(count, points, refs):
    p = cpr().without("breath")
    for start_s in (*(42.9, 43.9, 44.9)[:count], 65.7, 67.3):
        p.breath(start_s, start_s + 0.9)
    assert mark(CPR, p, "cpr16") == (points, refs)


@pytest.mark.parametrize(("duration_s", "points", "refs"), [(15, 18, []), (19.9, 18, []), (20.1, 15, ["d3"])])
def test_pads_stuck_on_within_so_many_seconds(duration_s, points, refs):
    assert mark(AED, aed().change("aed04", end_s=8 + duration_s), "aed04") == (points, refs)


@pytest.mark.parametrize(
    ("wait_s", "points", "refs"), [(5, 10, []), (5.4, 10, []), (5.6, 8, ["d1"]), (9.9, 8, ["d1"]), (10.1, 6, ["d2"])]
)
def test_a_shock_so_long_after_the_device_is_ready(wait_s, points, refs):
    shock_s = 35 + wait_s
    p = aed().without("aed07", "aed08", "aed09", "ev_shock_button", "compression")
    p.step("aed07", shock_s - 3, shock_s - 1)  # cleared freshly, so only the wait is at fault
    p.step("aed08", shock_s - 1, shock_s + 0.5)
    p.event("ev_shock_button", shock_s)
    p.step("aed09", shock_s + 1, p.strokes(shock_s + 1, 8, 110))
    assert mark(AED, p, "aed08") == (points, refs)


@pytest.mark.parametrize(
    ("full_s", "fail_s", "points", "refs"),
    [(60, 90, 10, []), (30, 60, 8, ["r_on_to_shock"]), (20, 30, 6, ["d2"]), (20, 33.1, 8, ["r_on_to_shock"])],
)
def test_power_on_to_shock_against_the_limits_of_the_exam(full_s, fail_s, points, refs):
    # power on ends at 5 s, the button is pressed at 37.5 s: 32.5 s (33 s to the end of the step)
    rubric = AED.with_params(on_to_shock_full_s=full_s, on_to_shock_fail_s=fail_s)
    assert mark(rubric, aed(), "aed08") == (points, refs)


@pytest.mark.parametrize(
    ("pause_s", "points", "refs"), [(5, 10, []), (5.4, 10, []), (5.6, 7, ["d1"]), (10, 7, ["d1"]), (10.1, 4, ["d2"])]
)
def test_compressions_resumed_so_long_after_the_shock(pause_s, points, refs):
    p = aed().without("aed09", "compression")
    start_s = 37.5 + pause_s
    p.step("aed09", start_s, p.strokes(start_s, 8, 110))
    assert mark(AED, p, "aed09") == (points, refs)


def breaths(interval_s: float, squeeze_s: float = 1.0) -> Performance:
    """Five bag breaths at an interval, start to start."""
    p = bmv().without("bmv04", "bmv05", "ev_chest_falls")
    for number in range(5):
        start_s = 14 + interval_s * number
        p.step("bmv04", start_s, start_s + squeeze_s, answers={"breath_delivered": True})
        p.event("ev_chest_falls", start_s + squeeze_s + 0.3)
    p.step("bmv05", 14, 14 + 5 * interval_s)
    return p


@pytest.mark.parametrize(
    ("interval_s", "pace", "rate"),
    [
        (2.9, (14, ["d3"]), (0, ["d4"])),  # 60 / 2.9 = 20.7 per minute
        (3.1, (14, ["d3"]), (6, ["d3"])),
        (3.9, (14, ["d3"]), (6, ["d3"])),
        (4.0, (19, ["d2"]), (6, ["d3"])),
        (4.6, (19, ["d2"]), (6, ["d3"])),  # 13.04 per minute
        (4.8, (28, []), (12, [])),  # 5 s and 12 per minute within the error of measurement
        (5.5, (28, []), (12, [])),
        (6.2, (28, []), (12, [])),
        (6.4, (19, ["d2"]), (12, [])),
        (8.0, (19, ["d2"]), (12, [])),
        (8.1, (14, ["d3"]), (12, [])),
    ],
)
def test_bag_breaths_at_an_interval(interval_s, pace, rate):
    assert mark(BMV, breaths(interval_s), "bmv04") == pace
    assert mark(BMV, breaths(interval_s), "bmv05") == rate


@pytest.mark.parametrize(
    ("squeeze_s", "points", "refs"), [(0.5, 24, ["d1"]), (0.7, 28, []), (1, 28, []), (1.6, 28, []), (1.8, 24, ["d1"])]
)
def test_a_squeeze_of_so_many_seconds(squeeze_s, points, refs):
    assert mark(BMV, breaths(5.5, squeeze_s), "bmv04") == (points, refs)
