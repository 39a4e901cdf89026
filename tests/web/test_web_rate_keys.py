"""The rating page by keyboard, in Chromium against the real server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rated_exam import exam
from rating_page import AED, BMV, CPR, STEPS, at, refolded

from siming.rubric import builtin_rubric
from siming.rubric.points import deduction_points, point_ranges
from siming.web.page import STATIC

pytestmark = pytest.mark.browser

KEYMAP = json.loads((STATIC / "rate" / "keymap.json").read_text("utf-8"))


@pytest.fixture
def wei(visit, served):
    """Wei's page on a film of 150 pictures at 25 a second."""
    return at(visit, exam(served.room))


# --- scoring ----------------------------------------------------------------------------------------------------------


def test_a_perfect_video_of_33_steps_costs_33_score_keys(wei):
    for _ in range(STEPS):
        wei.keys("3")
    wei.saved()
    steps = {(rubric, step): entry for rubric, all in wei.drafted["steps"].items() for step, entry in all.items()}
    wanted = {(name, s.id): {"points": s.max_points} for name in (CPR, AED, BMV) for s in builtin_rubric(name).steps}
    assert steps == wanted
    assert wei.page.inner_text("#left") == "all steps done"


def test_nothing_is_scored_until_a_key_is_pressed(wei):
    wei.keys("ArrowDown", "ArrowDown", "Enter", "ArrowUp")
    assert "Score this step first" in wei.page.inner_text("#toast")
    assert wei.drafted == {}
    assert wei.page.locator(".badge.open").count() == 19


def test_a_level_below_full_keeps_the_step_open_and_gives_the_middle_of_its_range(wei):
    wei.keys("ArrowDown", "ArrowDown")  # cpr03, 5 points: minor is 3.5 to 4.5, deficient 1.5 to 3
    got = {}
    for key in "210":
        wei.keys(key)
        got[key] = wei.entry("cpr03")["points"]
        assert wei.step == "cpr03"
    ranges = point_ranges(builtin_rubric(CPR).get_step("cpr03"), builtin_rubric(CPR))
    assert (ranges[2], ranges[1]) == ((3.5, 4.5), (1.5, 3))
    assert got == {"2": 4.0, "1": 2.0, "0": 0}  # (1.5 + 3) / 2 = 2.25, down to the half point


def test_a_deduction_sets_the_points_that_the_rubric_leaves(wei):
    step = builtin_rubric(CPR).get_step("cpr05")
    wei.keys(*["ArrowDown"] * 4)
    ticked = []
    for number, deduction in enumerate(step.deductions):
        wei.keys("d", "abcdefgh"[number])
        ticked.append(deduction.id)
        entry = wei.entry("cpr05")
        assert entry["deductions"] == ticked
        assert entry["points"] == float(deduction_points(step, ticked).points), ticked


def test_points_that_were_typed_stay_when_a_deduction_is_ticked(wei):
    wei.keys("p")
    wei.page.keyboard.type("2.5")
    wei.keys("Enter", "d", "a")
    assert wei.entry("cpr01") == {"points": 2.5, "deductions": ["d1"]}


def test_unticking_the_only_deduction_opens_the_step_again_and_gives_no_full_marks(wei):
    wei.keys("d", "a", "d", "a")
    assert wei.entry("cpr01") == {}


@pytest.mark.parametrize("typed", ["7", "2.3", "minus one"])
def test_points_that_the_step_does_not_allow_are_not_taken_and_the_field_says_why(wei, typed):
    wei.keys("p")
    wei.page.keyboard.type(typed[:6])
    wei.keys("Enter")
    assert wei.page.inner_text("#points-wrong") != ""
    assert wei.page.evaluate("document.activeElement.id") == "typed-points"
    wei.keys("Escape")
    assert wei.page.input_value("#typed-points") == ""
    assert wei.drafted == {}


def test_cannot_judge_takes_a_reason_and_the_points_away(wei):
    wei.keys("2", "n", "h")
    assert wei.entry("cpr01") == {"blank": {"status": "cannot_judge", "reason": "hidden"}}
    wei.keys("3")
    assert wei.entry("cpr01") == {"points": 3}


# --- every key ----------------------------------------------------------------------------------------------------------


def test_every_key_of_the_map_does_what_it_says(wei):
    page = wei.page
    seen = set()

    def press(action: str, number: int = 0) -> None:
        seen.add(action)
        key = KEYMAP[action][number]
        page.keyboard.press(
            {
                "Shift+j": "Shift+J",
                "Shift+l": "Shift+L",
                "Shift+g": "Shift+G",
                "Shift+x": "Shift+X",
                "Shift+u": "Shift+U",
                "Ctrl+ArrowUp": "Control+ArrowUp",
                "Ctrl+ArrowDown": "Control+ArrowDown",
                "Ctrl+Enter": "Control+Enter",
                "?": "?",
            }.get(key, key)
        )

    def video(what: str):
        return page.evaluate(f"document.querySelector('video').{what}")

    press("play")
    wei.until("!document.querySelector('video').paused")
    press("play", 1)
    wei.until("document.querySelector('video').paused")
    wei.go("2")
    for action, moved in (("forward", 2), ("back", -2), ("next_frame", 0.04), ("previous_frame", -0.04)):
        before = video("currentTime")
        press(action)
        wei.still()
        assert video("currentTime") - before == pytest.approx(moved, abs=1e-3), action
    press("forward_far")
    wei.still()
    assert wei.picture() == 149
    press("back_far")
    wei.still()
    assert wei.picture() == 0
    press("faster")
    assert video("playbackRate") == 1.25
    press("slower")
    press("slower")
    assert video("playbackRate") == 0.75
    press("normal_speed")
    assert video("playbackRate") == 1
    for _ in range(12):
        page.keyboard.press("]")
    assert video("playbackRate") == 3
    for _ in range(20):
        page.keyboard.press("[")
    assert video("playbackRate") == 0.25
    press("normal_speed")
    press("mute")
    assert video("muted") is True
    press("go_to_time")
    page.fill("#go-to input", "0:01.2")
    page.keyboard.press("Enter")
    wei.still()
    assert wei.picture() == 30
    press("evidence_in")
    press("forward")
    wei.still()
    press("evidence_out")
    assert wei.entry("cpr01")["evidence"] == [[1.2, 3.2]]
    press("evidence_point")
    assert wei.entry("cpr01")["evidence"] == [[1.2, 3.2], [1.2, 4.2]]
    press("delete_evidence")
    assert wei.entry("cpr01")["evidence"] == [[1.2, 3.2]]
    press("back_far")
    press("go_to_evidence")
    wei.still()
    assert wei.picture() == 30
    press("loop")
    wei.until("document.querySelector('.stage.looping') && !document.querySelector('video').paused")
    press("loop")
    assert page.locator(".stage.looping").count() == 0
    page.keyboard.press("Space")
    press("list_evidence")
    assert "0:01.20 – 0:03.20" in page.inner_text("#evidence-list")
    page.keyboard.press("Escape")
    for action, number, step in (
        ("next_step", 0, "cpr02"),
        ("next_step", 1, "cpr03"),
        ("previous_step", 1, "cpr02"),
        ("previous_step", 0, "cpr01"),
        ("next_skill", 0, "aed01"),
        ("next_skill", 0, "bmv01"),
        ("previous_skill", 0, "aed01"),
        ("previous_skill", 0, "cpr01"),
    ):
        press(action, number)
        assert wei.step == step, action
    press("level_2")
    assert wei.entry("cpr01")["points"] == 2
    press("level_1")
    assert wei.entry("cpr01")["points"] == 1
    press("level_0")
    assert wei.entry("cpr01")["points"] == 0
    press("confirm")
    assert wei.step == "cpr02"
    press("level_3")
    assert wei.entry("cpr02")["points"] == 4
    assert wei.step == "cpr03"
    press("type_points")
    page.keyboard.type("2.5")
    page.keyboard.press("Enter")
    assert wei.entry("cpr03")["points"] == 2.5
    press("deduction")
    page.keyboard.press("b")
    assert wei.entry("cpr03")["deductions"] == ["d2"]
    press("rationale")
    page.keyboard.type("3 calls, no AED?")
    page.keyboard.press("Escape")
    assert wei.entry("cpr03")["note"] == "3 calls, no AED?"
    press("unsure")
    assert wei.entry("cpr03")["unsure"] is True
    press("undo")
    assert "unsure" not in wei.entry("cpr03")
    press("redo")
    assert wei.entry("cpr03")["unsure"] is True
    press("bookmark")
    wei.saved()
    assert [text for _, text in wei.drafted["bookmarks"]] == ["CPR 3"]
    press("next_step")
    press("cannot_judge")
    page.keyboard.press("v")
    assert wei.entry("cpr04")["blank"]["reason"] == "not_in_view"
    press("keys")
    assert page.locator("#key-help[open]").count() == 1
    page.keyboard.press("Escape")
    press("full_screen")
    wei.until("document.fullscreenElement?.id === 'stage'")
    press("full_screen")
    wei.until("!document.fullscreenElement")
    press("next_region")
    assert page.evaluate("document.activeElement.closest('.steps')") is None
    press("next_camera")  # one camera only: stays
    press("summary")
    page.wait_for_url("**/summary")
    page.go_back()
    wei.ready()
    press("submit")
    page.wait_for_url("**/summary#submit")
    assert seen == set(KEYMAP)


def test_text_fields_take_every_key_until_escape(wei):
    wei.keys("t")
    wei.page.keyboard.type("3210 jklxu?")
    assert wei.page.input_value("#note") == "3210 jklxu?"
    wei.keys("Escape", "3")
    assert wei.entry("cpr01") == {"note": "3210 jklxu?", "points": 3}


def test_a_key_is_known_by_its_place_where_the_keyboard_types_no_latin_letters(wei):
    for init in ({"key": "Process", "code": "Digit2"}, {"key": "й", "code": "KeyQ"}):
        wei.page.evaluate(
            "(init) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { ...init, bubbles: true, cancelable: true }))",
            init,
        )
    assert wei.entry("cpr01") == {"points": 2, "unsure": True}


def test_a_person_chooses_his_own_keys_and_a_key_for_two_things_is_refused(wei):
    page = wei.page
    wei.keys("?")
    page.click("[data-action=play]")
    wei.keys("3")
    assert "already does" in page.inner_text(".asked")
    page.click("[data-action=play]")
    wei.keys("v")
    wei.until("document.querySelector('.asked').textContent === 'Kept.'")
    wei.keys("Escape", "v")
    wei.until("!document.querySelector('video').paused")
    wei.keys("k")
    assert page.evaluate("document.querySelector('video').paused") is False
    page.reload()
    wei.ready().keys("v")
    wei.until("!document.querySelector('video').paused")


def test_the_server_refuses_keys_that_clash_or_cannot_be(web):
    client = web.client(web.room.wei)

    def code(keys):
        answer = client.put("/api/v1/me/keys", json={"keys": keys})
        return answer.status_code, answer.json().get("error", {}).get("code")

    assert code({"play": ["v"]}) == (200, None)
    assert client.get("/api/v1/me/keys").json() == {"keys": {"play": ["v"]}}
    assert code({"play": ["3"]}) == (422, "key_clash")
    assert code({"dance": ["v"]}) == (422, "key_action")
    assert code({"play": []}) == (422, "key_number")
    assert code({"play": ["Ctrl+w"]}) == (422, "key_form")
    assert code({"play": ["V"]}) == (422, "key_form")
    assert code({"play": ["<script>"]}) == (422, "key_form")
    assert client.get("/api/v1/me/keys").json() == {"keys": {"play": ["v"]}}
    assert code({}) == (200, None)
    assert client.get("/api/v1/me/keys").json() == {"keys": {}}


def test_the_page_of_the_docs_lists_the_same_keys():
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "rate-a-video.md"
    rows = re.findall(r"(?m)^\| `(\w+)` \| (.+?) \| ", page.read_text("utf-8"))
    assert {action: re.findall(r"`([^`]+)`", keys) for action, keys in rows} == KEYMAP


def test_a_bar_on_the_timeline_is_as_long_as_its_evidence(wei):
    wei.go("1")
    wei.keys("i")
    wei.go("1.2")
    wei.keys("o")
    drawn = wei.page.evaluate(
        "['.own .bar', '.scrubber'].map((name) => document.querySelector(name).getBoundingClientRect().width)"
    )
    assert drawn[0] / drawn[1] == pytest.approx(0.2 / 6, abs=0.003)


# --- undo ---------------------------------------------------------------------------------------------------------------


def test_undo_goes_back_to_the_very_beginning_and_redo_to_the_end_also_after_a_reload(wei):
    wei.keys("3", "2", "d", "a", "q", "e", "t")
    wei.page.keyboard.type("a word")
    wei.keys("Escape", "ArrowDown", "0", "n", "v")
    wei.saved()
    whole = {k: v for k, v in wei.drafted.items() if k != "played"}
    wei.page.reload()
    wei.ready()
    acts = 0
    while "Nothing to undo" not in wei.page.inner_text("#toast"):
        wei.keys("u")
        wei.until("document.getElementById('save-state').dataset.state !== 'saving'")
        wei.page.wait_for_timeout(50)  # the sentence comes after the disk has it
        acts += 1
        assert acts < 20, wei.page.inner_text("#toast")
    wei.saved()
    assert acts - 1 == 8  # 3, 2, D A, Q, E, the text, 0, N V
    assert {k: v for k, v in wei.drafted.items() if k != "played"} == {}
    for _ in range(acts):
        wei.keys("Shift+U")
        wei.page.wait_for_timeout(30)
    wei.saved()
    assert {k: v for k, v in wei.drafted.items() if k != "played"} == whole
    assert refolded(wei) == wei.drafted


def test_a_key_pressed_right_after_undo_acts_on_the_step_that_undo_shows_and_the_next_key_goes_on(wei):
    wei.keys("3", "0", "u", "3", "3")
    assert wei.step == "cpr04"
    wei.saved()
    assert list(wei.drafted["steps"][CPR]) == ["cpr01", "cpr02", "cpr03"]


def test_undo_leads_to_the_step_it_changes(wei):
    wei.keys("3", "3", "3", "ArrowDown", "u")
    wei.on("cpr03")
    assert "undone" in wei.page.inner_text("#toast")


# --- what is shown ------------------------------------------------------------------------------------------------------


def test_a_total_that_the_project_hides_is_nowhere_on_the_page(visit, served):
    served.room.policy(show_total=False)
    wei = at(visit, exam(served.room))
    wei.keys("3")
    wei.saved()
    assert wei.page.locator("#totals").is_hidden()
    assert "/ 100" not in wei.page.inner_text("body")


def test_the_viewers_code_lies_over_the_video_unless_the_project_does_not_want_it(visit, served):
    made = exam(served.room)
    assert at(visit, made).page.inner_text("#watermark").split() == ["R01"] * 6
    served.room.policy(watermark=False)
    assert at(visit, made).page.locator("#watermark").is_hidden()


def test_what_a_person_wrote_is_never_read_as_markup(wei):
    nasty = "<img src=x onerror=alert(1)><script>window.hacked=1</script>"
    wei.keys("t")
    wei.page.keyboard.insert_text(nasty)
    wei.keys("Escape")
    assert wei.entry("cpr01")["note"] == nasty
    wei.page.reload()
    wei.ready()
    assert wei.page.input_value("#note") == nasty
    assert wei.page.evaluate("window.hacked") is None


def test_an_earlier_outcome_that_limits_a_step_is_said_and_nothing_is_filled_in(wei):
    wei.keys("Control+ArrowDown")
    assert wei.step == "aed01"
    wei.keys("ArrowDown", "d", "d")  # aed02.d4: never switched on, which aed04 and later need
    wei.saved()
    wei.keys("ArrowDown", "ArrowDown")
    wei.page.wait_for_selector("#limits .message")
    assert "aed04" not in wei.drafted["steps"][AED]


def test_the_mouse_does_everything_too(wei):
    page = wei.page
    page.click(".level.l1")
    page.click(".deduction >> nth=0")
    page.click("#t-point")
    page.click(".doubt .small >> text=unsure")
    entry = wei.entry("cpr01")
    assert entry["deductions"] == ["d1"]
    assert entry["points"] == 2
    assert entry["unsure"] is True
    assert len(entry["evidence"]) == 1
    page.click("[data-row=cpr07]")
    assert wei.step == "cpr07"
    wei.keys("3")  # the keys still belong to the steps
    assert wei.entry("cpr07")["points"] == 3
    page.click("#undo")
    assert wei.entry("cpr07") == {}


def test_points_being_typed_are_taken_before_the_button_that_is_pressed_next(wei):
    wei.keys("p")
    wei.page.keyboard.type("1.5")
    wei.page.click(".level.l2")
    assert wei.entry("cpr01") == {"points": 2}
    assert wei.page.input_value("#typed-points") == "2"
    assert [event.new for event in wei.events if event.field == "points"] == [1.5, 2]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (768, 1024)])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_is_wider_than_its_place_on_any_screen(visit, served, language, width, height):
    from siming.store.accounts import people

    people.change_person(served.room.db, served.room.wei, language=language)
    wei = at(
        visit, exam(served.room), viewport={"width": width, "height": height}, has_touch=True, is_mobile=width < 1200
    )
    for _ in range(3):
        assert (
            wei.page.evaluate(
                "['html', '.sheet .scroll', '.look', '.top', '#card'].filter((s) => { const e = document.querySelector(s); return e.scrollWidth > e.clientWidth + 1 })"
            )
            == []
        )
        wei.keys("Control+ArrowDown")
    small = wei.page.evaluate(
        """[...document.querySelectorAll('main button, main a[href]')].filter((e) => e.offsetParent && !e.closest('dialog, .timeline'))
           .map((e) => [e.id || e.className, e.getBoundingClientRect().height]).filter(([, height]) => height < 43.5)"""
    )
    assert width >= 1200 or small == []


def test_every_control_has_a_name_and_every_message_a_role(wei):
    nameless = wei.page.evaluate(
        """[...document.querySelectorAll('button, input, textarea, select, a[href], [role=slider]')]
           .filter((e) => e.offsetParent !== null && !(e.textContent.trim() || e.getAttribute('aria-label') || e.title
             || (e.labels && e.labels.length && [...e.labels].some((l) => l.textContent.trim())) || e.querySelector('[aria-label]')))
           .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    assert wei.page.get_attribute("#save-state", "role") == "status"
    assert wei.page.locator("[role=tab][aria-selected=true]").count() == 1
