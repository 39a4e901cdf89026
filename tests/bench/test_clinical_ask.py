"""What is asked: requests, their frames, and their words."""

from __future__ import annotations

import json
import string
from importlib.resources import files

import pytest

from siming.bench.clinical import SETTINGS, answer_schema, build_requests, get_setting
from siming.bench.clinical.prompt import loss_still_right, prompt_parts
from siming.errors import TaskError, VideoError
from siming.rubric import (
    Attempt,
    Author,
    Dataset,
    DatasetInfo,
    Entry,
    Rubric,
    RubricRef,
    Sheet,
    VideoRef,
    builtin_rubric,
    label_of_points,
    wrong_of_entry,
)

CPR, AED, BMV = (builtin_rubric(name) for name in ("cpr-adult-single", "aed-adult", "bmv-adult"))
NAMES = [setting.name for setting in SETTINGS]


def attempt(name="A-001", *, rubrics=(CPR, AED, BMV), duration_s=100.0, video="videos/a.mp4", **more):
    return Attempt(
        id=name,
        video=None if video is None else VideoRef(path=video, duration_s=duration_s),
        rubrics=tuple(RubricRef(id=rubric.id, version=rubric.version) for rubric in rubrics),
        **more,
    )


def dataset(folder, *attempts, sheets=()):
    refs = tuple(RubricRef(id=rubric.id, version=rubric.version) for rubric in (CPR, AED, BMV))
    info = DatasetInfo(name="d", version="1", licence="CC0-1.0", rubrics=refs, provenance="made up")
    return Dataset(folder, info, {r.id: r for r in (CPR, AED, BMV)}, attempts, sheets)


def words(request):
    return "\n".join(part.text if part.type == "text" else "<frames>" for part in request.parts)


# --- which requests, which frames


def test_a_full_video_is_asked_about_once_with_all_steps_of_its_rubrics_in_order(tmp_path):
    asked = build_requests(dataset(tmp_path, attempt()), "full-points", n=4)
    (request,) = asked.requests
    assert request.id == "A-001"
    assert request.steps == tuple(step.id for rubric in (CPR, AED, BMV) for step in rubric.steps)
    assert request.rubrics == ("cpr-adult-single 0.1.0", "aed-adult 0.1.0", "bmv-adult 0.1.0")
    assert request.plan.policy == "middle:4"
    assert request.plan.times_s == (12.5, 37.5, 62.5, 87.5)  # middles of four quarters of 100 s
    assert request.stretches_s == ()
    assert asked.skipped == {}


def test_a_step_clip_is_asked_about_by_itself_its_frames_spread_over_all_stretches_of_the_step(tmp_path):
    one = attempt(rubrics=(AED,), segments={"aed08": ((10, 20), (60, 70))})
    asked = build_requests(dataset(tmp_path, one), "clip-points", n=4)
    (request,) = asked.requests
    assert request.id == "A-001/aed08"
    assert request.steps == ("aed08",)
    assert request.stretches_s == ((10, 20), (60, 70))
    assert request.plan.times_s == (12.5, 17.5, 62.5, 67.5)
    assert "10.0 to 20.0 s; 60.0 to 70.0 s" in words(request)


def test_a_step_without_a_segment_is_skipped_with_its_reason_and_the_others_are_asked(tmp_path):
    asked = build_requests(dataset(tmp_path, attempt(rubrics=(BMV,), segments={"bmv02": ((1, 2),)})), "clip-errors")
    assert [request.id for request in asked.requests] == ["A-001/bmv02"]
    assert list(asked.skipped) == ["A-001/bmv01", "A-001/bmv03", "A-001/bmv04", "A-001/bmv05"]
    assert "no segment for step bmv01" in asked.skipped["A-001/bmv01"]


def test_clip_padding_stays_inside_the_recording_and_joins_stretches_that_then_touch(tmp_path):
    one = attempt(rubrics=(BMV,), segments={"bmv01": ((1, 4), (6, 8)), "bmv02": ((95, 99),)})
    asked = build_requests(dataset(tmp_path, one), "clip-points", clip_padding_s=2)
    assert [request.stretches_s for request in asked.requests] == [((0, 10),), ((93, 100),)]


@pytest.mark.parametrize("segment", [(7, 7), (150, 160)], ids=["empty", "after the end"])
def test_a_segment_that_shows_nothing_is_skipped_and_not_an_error(tmp_path, segment):
    asked = build_requests(dataset(tmp_path, attempt(segments={"cpr01": (segment,)})), "clip-points")
    assert asked.requests == ()
    assert "leave nothing to show" in asked.skipped["A-001/cpr01"]


def test_an_empty_segment_can_be_shown_with_the_padding_that_its_message_offers(tmp_path):
    one = attempt(segments={"cpr01": ((7, 7),)})
    asked = build_requests(dataset(tmp_path, one), "clip-points", clip_padding_s=1)
    assert asked.requests[0].stretches_s == ((6, 8),)


def test_an_attempt_without_a_video_is_skipped_and_does_not_stop_the_others(tmp_path):
    data = dataset(tmp_path, attempt("A-001", video=None), attempt("A-002", segments={"bmv01": ((0, 5),)}))
    asked = build_requests(data, "full-points")
    assert [request.id for request in asked.requests] == ["A-002"]
    assert "has no video" in asked.skipped["A-001"]
    assert asked.attempts == ("A-001", "A-002")
    clips = build_requests(data, "clip-points")
    assert "has no video" in clips.skipped["A-001/cpr01"]
    assert [request.id for request in clips.requests] == ["A-002/bmv01"]


def test_the_length_of_a_video_is_measured_only_where_the_attempt_does_not_say_it(tmp_path):
    (tmp_path / "known.mp4").touch()
    (tmp_path / "unknown.mp4").touch()
    data = dataset(
        tmp_path,
        attempt("A-001", video="known.mp4", duration_s=10.0),
        attempt("A-002", video="unknown.mp4", duration_s=None),
    )
    measured = []

    def duration_of(path):
        measured.append(path.name)
        return 30.0

    asked = build_requests(data, "full-points", n=1, duration_of=duration_of)
    assert measured == ["unknown.mp4"]
    assert [request.plan.times_s for request in asked.requests] == [(5.0,), (15.0,)]


def test_a_video_that_cannot_be_used_is_skipped_with_the_reason(tmp_path):
    (tmp_path / "cut.mp4").touch()

    def duration_of(path):
        raise VideoError("cut.mp4: its index is missing", kind="index_missing")

    asked = build_requests(
        dataset(tmp_path, attempt(video="cut.mp4", duration_s=None)), "full-points", duration_of=duration_of
    )
    assert asked.skipped == {"A-001": "cut.mp4: its index is missing"}


def test_policies_and_counts_reach_the_plan(tmp_path):
    data = dataset(tmp_path, attempt())

    def plan(**options):
        return build_requests(data, "full-points", **options).requests[0].plan

    assert plan().policy == "middle:64"
    assert plan(policy="endpoints:32").policy == "endpoints:32"
    assert plan(policy="endpoints", n=2).times_s == pytest.approx((0, 100))
    assert plan(policy="fps:1/10", n=2).times_s == (0, 90)  # of 0, 10 ... 90 as many as the cap allows
    assert plan(max_side=512, time_form="native").max_side == 512


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"policy": "random"},
        {"policy": "middle:8", "n": 9},
        {"language": "fr"},
        {"time_form": "spoken"},
        {"max_side": 0},
        {"clip_padding_s": -1},
        {"clip_padding_s": float("inf")},
        {"setting": "full"},
    ],
    ids=str,
)
def test_an_option_out_of_range_is_refused_before_anything_is_asked(tmp_path, options):
    with pytest.raises(TaskError):
        build_requests(dataset(tmp_path, attempt()), **{"setting": "full-points", **options})


def test_limit_takes_the_first_attempts(tmp_path):
    data = dataset(tmp_path, attempt("A-001"), attempt("A-002"), attempt("A-003"))
    asked = build_requests(data, "full-points", limit=2)
    assert asked.attempts == ("A-001", "A-002")
    assert len(asked.requests) == 2


@pytest.mark.parametrize("setting", NAMES)
def test_what_is_asked_does_not_depend_on_any_sheet(tmp_path, setting):
    one = attempt(candidate="Tan", site="north", segments={"cpr05": ((3, 9),)})
    gold = Sheet(
        attempt="A-001",
        rubric=CPR.id,
        rubric_version=CPR.version,
        author=Author(kind="consensus", name="Lin"),
        steps={step.id: Entry(points=0, note="GOLD") for step in CPR.steps},
    )
    with_gold = build_requests(dataset(tmp_path, one, sheets=[gold]), setting)
    without = build_requests(dataset(tmp_path, one), setting)
    assert [r.hash for r in with_gold.requests] == [r.hash for r in without.requests]
    text = words(with_gold.requests[0])
    assert not any(secret in text for secret in ("GOLD", "Lin", "Tan", "A-001", "north"))


def test_the_whole_video_does_not_tell_where_its_steps_lie(tmp_path):
    here = build_requests(dataset(tmp_path, attempt(segments={"cpr05": ((3, 9),)})), "full-points")
    nowhere = build_requests(dataset(tmp_path, attempt()), "full-points")
    assert here.requests == nowhere.requests


# --- the words


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("setting", NAMES)
def test_every_prompt_names_its_steps_with_their_points_and_what_costs_how_much(tmp_path, setting, language):
    one = attempt(rubrics=(AED,), segments={"aed08": ((10, 20),)})
    text = words(build_requests(dataset(tmp_path, one), setting, language=language).requests[0])
    assert "[aed08]" in text
    assert ("10 points" if language == "en" else "10分") in text
    fault = AED.get_step("aed08").find_deduction("d2")
    assert fault.points == 4
    assert (f"4 points: {fault.when}" if language == "en" else f"扣4分：{fault.when_zh or fault.when}") in text
    assert text.count("<frames>") == 1
    assert "null" in text
    assert '"steps"' in text
    assert "$" not in text


@pytest.mark.parametrize("setting", NAMES)
def test_a_chinese_prompt_takes_its_titles_and_states_from_the_rubric(tmp_path, setting):
    one = attempt(rubrics=(AED,), segments={"aed08": ((10, 20),)})
    text = words(build_requests(dataset(tmp_path, one), setting, language="zh").requests[0])
    assert AED.get_step("aed08").title_zh in text
    assert AED.states_by_id["everyone_clear"].title_zh in text
    assert AED.get_step("aed08").title not in text


def test_a_chinese_prompt_takes_chinese_criteria_where_the_rubric_has_them(tmp_path):
    plain = BMV.model_dump(by_alias=True)
    plain["steps"][0]["criteria"][0]["text_zh"] = "面罩大小合适"
    plain["steps"][0]["deductions"][0]["when_zh"] = "未检查球囊"
    translated = type(BMV).model_validate(plain)
    data = dataset(tmp_path, attempt(rubrics=(BMV,)))
    data = Dataset(data.folder, data.info, {**data.rubrics, BMV.id: translated}, data.attempts, ())
    zh = words(build_requests(data, "full-points", language="zh").requests[0])
    assert "  - 面罩大小合适\n" in zh
    assert "  - 扣4分：未检查球囊\n" in zh
    assert "面罩大小合适" not in words(build_requests(data, "full-points").requests[0])


def prompt_of_a_step(*, language="en", **step):
    """The prompt for a rubric of one step with a few states, an event and a param."""
    rubric = Rubric.model_validate(
        {
            **{"id": "tiny", "version": "1", "title": "Tiny", "title_zh": "小", "skill": "x"},
            "ordinal_map": CPR.ordinal_map,
            "params": {"rounds": 2, "loud": True},
            "states": [
                {"id": "clear", "kind": "safety", "title_zh": "无人接触", "text": "nobody touches the patient"},
                {"id": "cycles", "kind": "phase", "title_zh": "循环数", "text": "cycles completed", "counter": True},
            ],
            "events": [{"id": "ev_shock", "title": "button pressed", "title_zh": "按下放电键"}],
            "steps": [{"id": "t01", "order": 1, "title": "Do", "title_zh": "做", "max_points": 4, **step}],
            "rules": [
                {
                    **{"id": "r_wait", "kind": "delay", "title": "waiting", "title_zh": "等待", "full_max_s": 5},
                    "bands": [{"over_s": "rounds", "points": 1}],
                    "charge": {"step": "t01"},
                    "applies_when": "params.loud",
                },
                {
                    **{
                        "id": "r_twice",
                        "kind": "order",
                        "title": "said twice",
                        "title_zh": "重复",
                        "same_as": "t01.d1",
                    },
                    "charge": {"step": "t01", "points": 2},
                },
                {
                    **{"id": "r_first", "kind": "order", "title": "this first", "title_zh": "先做"},
                    "charge": {"step": "t01", "points": 2},
                },
            ],
        }
    )
    parts = prompt_parts(get_setting("full-points"), ["t01"], [rubric], language=language)
    return parts[0].text


@pytest.mark.parametrize(
    ("need", "line"),
    [
        (
            {"state": "clear", "on_missing": {"effect": "void"}},
            "the step earns 0 if this is missing when the step begins: nobody touches the patient",
        ),
        (
            {"state": "clear", "on_missing": {"effect": "cap", "points": 1}, "hold": "during_step"},
            "at most 1 point if this is missing at any time during the step: nobody touches the patient",
        ),
        (
            {"state": "clear", "on_missing": {"effect": "void"}, "at": "event:ev_shock"},
            'the step earns 0 if this is missing just before "button pressed": nobody touches the patient',
        ),
        (
            {"state": "clear", "on_missing": {"effect": "void"}, "at": "end"},
            "the step earns 0 if this is missing when the step ends: nobody touches the patient",
        ),
        (
            {"state": "cycles", "on_missing": {"effect": "deduct", "points": 2}, "at_least": "rounds"},
            "2 points lost if this is missing when the step begins: cycles completed (at least 2)",
        ),
    ],
    ids=["void", "cap", "at an event", "at the end", "counter"],
)
def test_a_prompt_says_what_a_step_needs_from_its_context_and_what_the_lack_costs(need, line):
    assert f"  - {line}\n" in prompt_of_a_step(requires=[need])


def test_a_state_whose_lack_costs_nothing_is_not_in_the_prompt():
    need = {"state": "clear", "on_missing": {"effect": "note"}}
    assert "nobody touches" not in prompt_of_a_step(requires=[need])


def test_the_same_context_in_chinese():
    need = {"state": "clear", "on_missing": {"effect": "deduct", "points": 2}}
    assert "  - 步骤开始时如不具备以下条件，扣2分：无人接触\n" in prompt_of_a_step(requires=[need], language="zh")


def test_rules_across_steps_are_named_with_their_price_unless_a_listed_deduction_says_the_same():
    text = prompt_of_a_step(deductions=[{"id": "d1", "points": 2, "severity": "major", "when": "not in order"}])
    assert "  - 1 point over 2 s: waiting\n" in text
    assert "  - 2 points lost if this is not kept: this first" in text
    assert "said twice" not in text


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        ("params.loud", "nobody touches the patient"),
        ("params.rounds == 2 and not params.loud", None),
        ("the device talks", "nobody touches the patient (only if the device talks)"),
        ("params.loud and the device talks", "nobody touches the patient (only if the device talks)"),
        ("the device talks and params.rounds > 2", None),
    ],
)
def test_a_condition_that_the_exam_decides_is_decided_and_only_the_rest_is_put_into_words(condition, line):
    need = {"state": "clear", "on_missing": {"effect": "void"}, "applies_when": condition}
    text = prompt_of_a_step(requires=[need])
    shown = [shown.partition("begins: ")[2] for shown in text.splitlines() if "nobody touches" in shown]
    assert shown == ([] if line is None else [line])


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        ("params.loud", None),
        (
            "not params.loud",
            "Does not apply in this examination: answer null for it, unless the trainee carried it out.",
        ),
        ("somebody else is there", "Applies only if: somebody else is there"),
    ],
)
def test_a_step_that_the_exam_does_not_have_is_asked_about_and_said_to_be_out_of_it(condition, line):
    _, _, sheet = prompt_of_a_step(applies_when=condition).partition("[t01] Do: 4 points\n")
    first = sheet.splitlines()[0].strip()
    assert first == (line or "In context")


def test_a_rule_is_shown_only_in_the_exams_it_is_for(tmp_path):
    def text(**params):
        return words(
            build_requests(dataset(tmp_path, attempt(rubrics=(BMV,), params=params)), "full-points").requests[0]
        )

    rule = "4 points lost if this is not kept: hands-off time in mode cpr_30_2\n"
    assert rule not in text()
    assert rule in text(mode="cpr_30_2")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("setting", NAMES)
def test_no_code_of_the_rubric_stands_in_a_prompt(tmp_path, setting, language):
    segments = {step.id: ((1, 2),) for rubric in (CPR, AED, BMV) for step in rubric.steps}
    asked = build_requests(dataset(tmp_path, attempt(segments=segments)), setting, language=language)
    text = "\n".join(words(request) for request in asked.requests)
    assert not any(code in text for code in ("params.", "context.", "==", ">=", "event:", '"end"', "“end”"))


def test_faults_of_which_only_one_counts_carry_their_group():
    fault = {"id": "d1", "points": 2, "severity": "major", "when": "too fast", "group": "pace"}
    assert "  - 2 points: too fast [pace]\n" in prompt_of_a_step(deductions=[fault])


def test_the_params_of_an_exam_are_those_of_its_attempt(tmp_path):
    one = attempt(rubrics=(CPR,), params={"cycles_required": 5})
    text = words(build_requests(dataset(tmp_path, one), "full-points").requests[0])
    assert "cycles_required = 5" in text


def test_only_frames_with_written_times_are_announced_as_such(tmp_path):
    data = dataset(tmp_path, attempt())
    assert "Before each frame stands its time" in words(build_requests(data, "full-points").requests[0])
    native = build_requests(data, "full-points", time_form="native").requests[0]
    assert "Before each frame" not in words(native)
    assert native.plan.time_form == "native"


@pytest.mark.parametrize("rubric", [CPR, AED, BMV], ids=lambda rubric: rubric.id)
def test_the_limit_told_for_errors_is_the_one_that_scoring_uses(rubric):
    """Every loss in quarter points: beyond the limit exactly when the rubric's maps call the step wrong."""
    for step in rubric.steps:
        limit, inclusive = loss_still_right(step, rubric)
        for quarters in range(int(4 * step.max_points) + 1):
            points = step.max_points - quarters / 4
            wrong = wrong_of_entry(Entry(points=points), step, rubric)
            beyond = quarters / 4 > limit if inclusive else quarters / 4 >= limit
            assert wrong == beyond, (step.id, points, label_of_points(points, step.max_points, rubric.ordinal_map))


def test_the_limit_follows_the_rubrics_binary_map():
    cpr05 = CPR.get_step("cpr05")  # 7 points

    def at(threshold):
        map_ = CPR.binary_map.model_copy(update={"correct_when_label_at_least": threshold})
        return loss_still_right(cpr05, CPR.model_copy(update={"binary_map": map_}))

    assert at(3) == (0, True)
    assert at(1) == (21 / 4, False)  # three quarters of 7
    assert at(0) is None


@pytest.mark.parametrize("asks", ["points", "errors"])
def test_the_schema_can_be_used_in_strict_mode_and_names_exactly_the_steps(asks):
    schema = answer_schema(["cpr01", "cpr02"], asks)

    def objects(node):
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield node
            for value in node.values():
                yield from objects(value)

    for node in objects(schema):
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])
    assert schema["properties"]["steps"]["items"]["properties"]["id"]["enum"] == ["cpr01", "cpr02"]
    assert set(json.dumps(schema)) <= set(string.printable)


def test_both_languages_have_the_same_prompts_with_the_same_placeholders():
    folder = files("siming.bench.clinical") / "prompts"

    def placeholders(language):
        return {
            file.name: sorted(set(string.Template(file.read_text(encoding="utf-8")).get_identifiers()))
            for file in (folder / language).iterdir()
        }

    english, chinese = placeholders("en"), placeholders("zh")
    assert english == chinese
    assert set(english) == {*(f"{name}.txt" for name in NAMES), "system.txt", "words.yaml"}
