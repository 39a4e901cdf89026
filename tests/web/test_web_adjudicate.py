"""Compare, adjudicate, consensus over HTTP and in a real browser: Wei and Okafor differ, Lin decides."""

from __future__ import annotations

import json
import re
import time

import pytest
from rated_exam import exam
from sqlalchemy import select, update
from works import add_attempt, assign, lock_work, rated_twice

from siming.rubric import Entry
from siming.store.accounts import invitations, people
from siming.store.cases import cases
from siming.store.cases.case_view import view_case
from siming.store.cases.consensus import versions_of
from siming.store.projects import members
from siming.store.schema import adjudication_case, assignment, decision, late_write

AED = "aed-adult"
BLANK = Entry(status="cannot_judge", reason="not_in_view")
WEI = {"aed02": Entry(points=8, deductions=("d1",), evidence=((0.4, 1.2),)), "aed04": 0, "aed07": BLANK}
OKAFOR = {"aed02": 10, "aed04": Entry(points=18, evidence=((1.0, 2.0),)), "aed07": 16}


def only_case(room, attempt=None):
    with room.db.read() as c:
        wanted = select(adjudication_case.c.id)
        return c.execute(
            wanted if attempt is None else wanted.where(adjudication_case.c.attempt == attempt)
        ).scalar_one()


def colleague(room, login="moreau", code="A02"):
    made, _ = invitations.create_person(room.db, room.owner, login=login, name=login.title())
    members.add_member(room.db, room.owner, room.project, person_id=made.id, roles=["adjudicator"], code=code)
    return people.actor_of(room.db, made.id)


# --- who finds what -------------------------------------------------------------------------------------------------


def addresses(room, case, consensus):
    """Every address of these pages, as method, path and body."""
    api, project = "/api/v1", f"/api/v1/projects/{room.slug}"
    act = {"fence": 1, "version": 0}
    return [
        ("GET", f"/p/{room.slug}/compare", None),
        ("GET", f"/p/{room.slug}/compare?cell=A-001/{AED}/aed02", None),
        ("GET", f"/p/{room.slug}/compare/cell?cell=A-001/{AED}/aed02", None),
        ("POST", f"/p/{room.slug}/compare/open-missing", None),
        ("GET", f"{project}/comparisons", None),
        ("GET", f"{project}/comparisons/A-001/{AED}/aed02", None),
        ("GET", f"/p/{room.slug}/cases", None),
        ("GET", f"{project}/cases", None),
        ("GET", f"/cases/{case}", None),
        ("GET", f"{api}/cases/{case}", None),
        ("GET", f"{api}/cases/{case}/state", None),
        ("POST", f"{api}/cases/{case}/take", {}),
        ("POST", f"{api}/cases/{case}/heartbeat", {"fence": 1}),
        ("POST", f"{api}/cases/{case}/release", {"fence": 1}),
        ("POST", f"{api}/cases/{case}/decide", {**act, "rubric": AED, "step": "aed02", "choice": "first", "rationale": "x"}),
        ("POST", f"{api}/cases/{case}/reopen", {**act, "rubric": AED, "step": "aed01", "reason": "x"}),
        ("POST", f"{api}/cases/{case}/undo", act),
        ("POST", f"{api}/cases/{case}/close", act),
        ("POST", f"{api}/cases/{case}/confirm", {"version": 0}),
        ("GET", f"/p/{room.slug}/consensus", None),
        ("GET", f"/p/{room.slug}/consensus/A-001", None),
        ("POST", f"/p/{room.slug}/consensus/A-001/lock", None),
        ("POST", f"/p/{room.slug}/consensus/A-001/appeal", None),
        ("POST", f"/p/{room.slug}/consensus/A-001/single", None),
        ("GET", f"{project}/consensus", None),
        ("GET", f"{project}/consensus/A-001", None),
        ("POST", f"{project}/consensus/A-001/{consensus}/lock", None),
        ("POST", f"{project}/consensus/A-001/{consensus}/appeal", {"reason": "x", "steps": [[AED, "aed02"]]}),
        ("POST", f"{project}/consensus/A-001/single", {"reason": "x"}),
    ]  # fmt: skip


def ask(client, method, path, body):
    form = {"consensus_id": "co_0", "reason": "x"} if body is None and method == "POST" else None
    return client.request(method, path, json=body, data=form)


def seen_by(web, actor, case="ca_0", consensus="co_0"):
    client = web.client(actor)
    return [ask(client, *address) for address in addresses(web.room, case, consensus)]


def same(response):
    """An answer without what differs from request to request."""
    return response.status_code, re.sub(r"[A-Za-z0-9_-]{32,}|ca_\w+|co_\w+", "", response.text)


def test_a_raters_session_gets_the_same_404_whatever_the_other_rater_and_the_adjudicator_have_done(web):
    """Invariant 1, for the addresses of this slice."""
    room = web.room
    made = add_attempt(room)
    mine, other = assign(room, room.wei, made, 0), assign(room, room.okafor, made, 1)
    nothing = seen_by(web, room.wei)
    assert {response.status_code for response in nothing} == {404}
    lock_work(room, other, OKAFOR)
    assert list(map(same, seen_by(web, room.wei))) == list(map(same, nothing))
    lock_work(room, mine, WEI)
    case = only_case(room)
    assert list(map(same, seen_by(web, room.wei, case))) == list(map(same, nothing))
    pen = cases.take_case(room.db, room.lin, case)
    for step in ("aed02", "aed04", "aed07"):
        pen = cases.decide(
            room.db, room.lin, case, fence=pen.fence, version=pen.version, rubric=AED, step=step, choice="first",
            rationale="so",
        )  # fmt: skip
    cases.close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    made = versions_of(room.db, room.coordinator, room.project, "A-001")[0]
    assert list(map(same, seen_by(web, room.wei, case, made.id))) == list(map(same, nothing))


def test_in_joint_mode_a_rater_finds_his_case_after_both_locks_and_nothing_else(web):
    room = web.room
    room.policy(mode="joint")
    made = add_attempt(room)
    mine, other = assign(room, room.wei, made, 0), assign(room, room.okafor, made, 1)
    lock_work(room, other, OKAFOR)
    before = seen_by(web, room.wei)
    assert {response.status_code for response in before} == {404}
    lock_work(room, mine, WEI)
    case = only_case(room)
    found = {
        (method, path): ask(web.client(room.wei), method, path, body).status_code
        for method, path, body in addresses(room, case, "co_0")
    }
    allowed = {key for key, status in found.items() if status != 404}
    assert allowed == {key for key in found if "/cases" in key[1]}


def test_in_joint_mode_a_rater_is_led_to_his_cases_once_both_have_locked(web):
    room = web.room
    room.policy(mode="joint")
    made = add_attempt(room)
    mine, other = assign(room, room.wei, made, 0), assign(room, room.okafor, made, 1)
    wei = web.client(room.wei)

    def doors():
        return [f'href="/p/{room.slug}/cases"' in wei.get(path).text for path in ("/queue", f"/p/{room.slug}")]

    def pages():
        return [re.sub(r"[A-Za-z0-9_-]{32,}", "", wei.get(path).text) for path in ("/queue", f"/p/{room.slug}")]

    nothing = pages()
    lock_work(room, other, OKAFOR)
    assert pages() == nothing  # nothing of his own is locked: the pages are the same to the last byte
    assert doors() == [False, False]
    lock_work(room, mine, WEI)
    assert doors() == [True, True]
    assert "1 waiting" in wei.get("/queue").text
    assert f"/cases/{only_case(room)}" in wei.get(f"/p/{room.slug}/cases").text
    with room.db.write() as c:
        c.execute(update(assignment).where(assignment.c.id == mine).values(state="reopened"))
    assert doors() == [False, False]


def test_where_third_persons_decide_a_rater_is_led_to_no_case(web):
    room = web.room
    rated_twice(room, WEI, OKAFOR)
    wei = web.client(room.wei)
    assert not any("/cases" in wei.get(path).text for path in ("/queue", f"/p/{room.slug}"))


def test_who_is_signed_out_is_asked_to_sign_in(web):
    client = web.visitor()
    for method, path, body in addresses(web.room, "ca_0", "co_0"):
        if method == "GET":
            status = ask(client, method, path, body).status_code
            assert status == (401 if path.startswith("/api/") else 303), path


def test_forged_and_hostile_ids_are_nothing_found_and_never_an_error_of_the_server(web):
    client = web.client(web.room.lin)
    rated_twice(web.room, WEI, OKAFOR)
    for name in ("ca_000000000000", "..%2f..%2fetc", "%00", "'; DROP TABLE decision;--", "é" * 30, "%ed%a0%80"):
        for path in (f"/cases/{name}", f"/api/v1/cases/{name}", f"/api/v1/cases/{name}/state"):
            assert client.get(path).status_code in (404, 422), path
    case = only_case(web.room)
    taken = client.post(f"/api/v1/cases/{case}/take", json={}).json()
    for part in ("\x00", "\ud800", "x" * 9000, "<script>alert(1)</script>"):
        answer = client.post(
            f"/api/v1/cases/{case}/decide",
            content=json.dumps(
                {
                    "fence": taken["fence"],
                    "version": 0,
                    "rubric": AED,
                    "step": "aed02",
                    "choice": "first",
                    "rationale": part,
                }
            ),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code in (200, 422), part


def test_what_people_wrote_is_shown_as_text_and_never_as_markup(web):
    room = web.room
    evil = "<img src=x onerror=alert(1)>"
    rated_twice(room, {**WEI, "aed02": Entry(points=8, note=evil, reason=None)}, OKAFOR)
    page = web.client(room.coordinator).get(f"/p/{room.slug}/compare?cell=A-001/{AED}/aed02").text
    assert evil not in page
    assert "&lt;img src=x" in page
    case = only_case(room)
    pen = cases.take_case(room.db, room.lin, case)
    for step in ("aed02", "aed04", "aed07"):
        pen = cases.decide(
            room.db, room.lin, case, fence=pen.fence, version=pen.version, rubric=AED, step=step, choice="first",
            rationale=evil,
        )  # fmt: skip
    cases.close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    page = web.client(room.coordinator).get(f"/p/{room.slug}/consensus/A-001").text
    assert evil not in page
    assert "&lt;img src=x" in page


# --- over HTTP ------------------------------------------------------------------------------------------------------


def test_a_coordinator_reads_the_grid_and_opens_a_cell(web):
    room = web.room
    rated_twice(room, WEI, OKAFOR)
    client = web.client(room.coordinator)
    page = client.get(f"/p/{room.slug}/compare")
    assert page.status_code == 200
    assert page.text.count('class="k-critical_mismatch"') == 1
    assert "R01 · R02" in page.text
    panel = client.get(f"/p/{room.slug}/compare/cell", params={"cell": f"A-001/{AED}/aed02"}).text
    assert "<html" not in panel
    assert "<b>8</b>" in panel
    assert "<b>10</b>" in panel
    grid = client.get(f"/api/v1/projects/{room.slug}/comparisons", params={"kind": "blank"}).json()
    assert grid["rows"][0]["kinds"][AED]["aed07"] == "blank"
    cell = client.get(f"/api/v1/projects/{room.slug}/comparisons/A-001/{AED}/aed02").json()
    assert [entry["points"] for entry in cell["entries"]] == [8, 10]


def test_a_case_goes_the_whole_way_over_the_api(web):
    room = web.room
    rated_twice(room, WEI, OKAFOR)
    lin = web.client(room.lin)
    (line,) = lin.get(f"/api/v1/projects/{room.slug}/cases").json()["cases"]
    at = f"/api/v1/cases/{line['id']}"
    view = lin.get(at).json()
    assert "R01" not in str(view)
    pen = lin.post(f"{at}/take", json={}).json()
    late = None
    for step in [s for s in view["steps"] if s["state"] == "open"]:
        body = {
            "fence": pen["fence"],
            "version": pen["version"],
            "rubric": AED,
            "step": step["step"],
            "choice": "second",
        }
        refused = lin.post(f"{at}/decide", json=body)
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, "rationale")
        stale = {**body, "rationale": "thoughts"}
        pen = lin.post(f"{at}/decide", json=stale).json()
        late = lin.post(f"{at}/decide", json=stale)
    assert late.status_code == 409
    assert late.json()["error"]["kind"] == "stale_version"
    assert late.json()["error"]["detail"]["kept"]["rationale"] == "thoughts"
    done = lin.post(f"{at}/close", json={"fence": pen["fence"], "version": pen["version"]}).json()
    assert done["state"] == "confirmed"
    boss = web.client(room.coordinator)
    result = boss.get(f"/api/v1/projects/{room.slug}/consensus/A-001").json()
    assert result["version"]["state"] == "provisional"
    locked = boss.post(f"/api/v1/projects/{room.slug}/consensus/A-001/{result['version']['id']}/lock").json()
    assert locked["state"] == "locked"
    case = boss.post(
        f"/api/v1/projects/{room.slug}/consensus/A-001/{locked['id']}/appeal",
        json={"reason": "the candidate objects", "steps": [[AED, "aed04"]]},
    ).json()["case"]
    assert case == line["id"]
    assert lin.get(at).json()["n_open"] == 1


def test_a_result_is_locked_and_appealed_against_by_plain_forms(web):
    room = web.room
    rated_twice(room, {}, {})
    boss = web.client(room.coordinator)
    at = f"/p/{room.slug}/consensus/A-001"
    assert boss.get(f"/p/{room.slug}/consensus").status_code == 200
    made = versions_of(room.db, room.coordinator, room.project, "A-001")[0]
    assert boss.post(f"{at}/lock", data={"consensus_id": made.id}).status_code == 303
    refused = boss.post(f"{at}/appeal", data={"consensus_id": made.id, "reason": "why", "step": []})
    assert refused.status_code == 422
    assert "why" in refused.text  # what was typed is still there
    sent = boss.post(f"{at}/appeal", data={"consensus_id": made.id, "reason": "why", "step": [f"{AED}/aed04"]})
    assert sent.status_code == 303
    page = boss.get(at).text
    assert "An appeal is open" in page


def test_every_page_is_there_in_chinese(web):
    room = web.room
    rated_twice(room, WEI, OKAFOR)
    rated_twice(room, {}, {}, code="A-002")
    for actor, paths in (
        (room.coordinator, ("compare", "cases", "consensus", "consensus/A-002")),
        (room.lin, ("cases",)),
    ):
        people.change_person(room.db, actor, language="zh")
        client = web.client(actor)
        for path in paths:
            page = client.get(f"/p/{room.slug}/{path}")
            assert page.status_code == 200
            assert 'lang="zh-Hans"' in page.text
    assert web.client(room.lin).get(f"/cases/{only_case(room)}").status_code == 200


# --- in the browser -------------------------------------------------------------------------------------------------


def ready(page):
    page.wait_for_selector("html[data-ready=yes]", timeout=20_000)
    return page


def until(page, expression, *, seconds=15):
    """Wait for an expression to be true; asked from outside, because the page's policy allows no code of others."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"not so after {seconds} s: {expression}"
        page.wait_for_timeout(50)


def current(page):
    return page.get_attribute("#steps [aria-current]", "data-step")


def filmed_case(room):
    made = exam(room, n_frames=75)
    lock_work(room, made.assignment, {}, WEI, {})
    lock_work(room, made.assigned_to(room.okafor), {}, OKAFOR, {})
    return only_case(room, made.attempt)


def test_a_whole_case_is_decided_by_keyboard(visit):
    room = visit.served.room
    case = filmed_case(room)
    page = ready(visit.page(room.lin, f"/cases/{case}"))
    until(page, "document.getElementById('video').readyState >= 2")
    assert current(page) == f"{AED}/aed04"  # the critical one first
    keys = page.keyboard
    film = "document.getElementById('video').currentTime"
    side = "a" if page.inner_text("#side-first .score b") == "18" else "b"
    keys.press(side)  # play the evidence from 1.0 to 2.0 s
    until(page, f"{film} > 1.2")
    until(page, "document.getElementById('video').paused")
    assert 1.9 <= page.evaluate(film) <= 2.3
    keys.press("1")
    keys.press("Enter")  # no reason yet: the page asks for it and puts the cursor there
    assert page.evaluate("document.activeElement.dataset.part") == "why"
    keys.press("Escape")
    keys.press("y")
    keys.press("a")
    keys.press("Enter")
    page.wait_for_selector("#steps .chip-step.decided")
    assert current(page) == f"{AED}/aed02"
    keys.press("3")
    keys.type("9")
    keys.press("Escape")
    keys.press("t")
    keys.type("One prompt was not followed.")
    keys.press("Escape")
    keys.press("Enter")
    until(page, "document.querySelectorAll('#steps .chip-step.decided').length === 2")
    keys.press("h")
    assert page.is_visible("#rubric-text[open] .taken")
    keys.press("Escape")
    page.wait_for_selector("#rubric-text", state="hidden")
    keys.press("u")  # the last decision is taken back, and made again
    until(page, "document.querySelectorAll('#steps .chip-step.decided').length === 1")
    assert current(page) == f"{AED}/aed02"
    keys.press("2")
    keys.press("t")
    keys.type("Seen.")
    keys.press("Control+Enter")
    until(page, "document.querySelectorAll('#steps .chip-step.decided').length === 2")
    assert current(page) == f"{AED}/aed07"
    keys.press("1")
    keys.press("y")
    keys.press("e")
    keys.press("Enter")
    until(page, "document.querySelectorAll('#steps .chip-step.decided').length === 3")
    keys.press("Control+Enter")
    until(page, "document.getElementById('pen-state').textContent.includes('locked')")
    assert "This case is locked." in page.inner_text("#verdict")
    assert page.locator("#verdict .choices").count() == 0
    page.wait_for_selector("#verdict [data-next]:focus")
    keys.press("Enter")
    page.wait_for_url(lambda url: url.endswith(f"/p/{room.slug}/cases"))
    assert "No other case waits for you." in page.inner_text("main")
    (made,) = versions_of(room.db, room.coordinator, room.project, "A-001")
    assert {s for s, origin in made.provenance[AED].items() if origin == "adjudicated"} == {"aed02", "aed04", "aed07"}
    with room.db.read() as c:
        kinds = list(c.execute(select(decision.c.kind).order_by(decision.c.version)).scalars())
    assert kinds == ["decide", "decide", "undo", "decide", "decide"]


def test_an_agreed_step_opens_read_only_and_is_decided_after_it_was_reopened_with_a_reason(visit):
    room = visit.served.room
    case = filmed_case(room)
    page = ready(visit.page(room.lin, f"/cases/{case}"))
    page.click(".fold")
    page.click(f'[data-step="{AED}/aed01"]')
    assert page.locator(".choice").count() == 0
    page.keyboard.press("Shift+O")
    page.keyboard.type("Both overlooked the puddle.")
    page.click("#reopen button[value=yes]")
    page.wait_for_selector(".choice")
    assert view_case(room.db, room.lin, case).n_open == 4


def test_two_adjudicators_at_once_the_late_words_are_refused_kept_and_given_back(visit):
    room = visit.served.room
    case = filmed_case(room)
    moreau = colleague(room)
    page = ready(visit.page(room.lin, f"/cases/{case}"))
    page.keyboard.press("1")
    page.keyboard.press("t")
    page.keyboard.type("Lin's long and careful thought.")
    page.keyboard.press("Escape")
    with room.db.write() as c:  # two minutes without a sign of life pass
        c.execute(adjudication_case.update().values(lease_until="2020-01-01T00:00:00.000000Z"))
    other = ready(visit.page(moreau, f"/cases/{case}"))
    assert "You hold the pen" in other.inner_text("#pen-state")
    for key in ("2", "y", "a", "Enter"):
        other.keyboard.press(key)
    other.wait_for_selector("#steps .chip-step.decided")
    page.keyboard.press("Enter")
    page.wait_for_selector("#banner [data-name=late]")
    assert "Lin's long and careful thought." in page.inner_text("#banner [data-name=late]")
    assert "Moreau holds the pen" in page.inner_text("#pen-state")
    with room.db.read() as c:
        (kept,) = c.execute(select(late_write.c.payload)).scalars()
        (stands,) = c.execute(select(decision.c.person)).scalars()
    assert kept["rationale"] == "Lin's long and careful thought."
    assert stands == moreau.id
    other.click("#pen")  # Moreau puts the pen down; Lin takes it and uses his words again
    page.wait_for_selector("#pen:not([hidden])")
    page.keyboard.press("Shift+P")
    until(page, "document.getElementById('pen-state').textContent.includes('You hold the pen')")
    page.click("#banner [data-name=late] button")
    assert page.input_value("#why") == "Lin's long and careful thought."
    page.keyboard.press("Enter")
    until(
        page, f"document.querySelector('#steps [aria-current]').dataset.step === '{AED}/aed02'"
    )  # decided: on to the next
    assert page.locator("#banner [data-name=late]").count() == 0
    visit.complaints[:] = [text for text in visit.complaints if "409" not in text]
    acts = view_case(room.db, room.lin, case).history
    assert [act.by.name for act in acts] == ["Moreau", "Lin"]


def test_joint_mode_goes_through_with_three_people_at_three_browsers(visit):
    room = visit.served.room
    room.policy(mode="joint")
    case = filmed_case(room)
    wei, okafor, lin = (ready(visit.page(actor, f"/cases/{case}")) for actor in (room.wei, room.okafor, room.lin))
    assert "Nobody holds the pen" in okafor.inner_text("#pen-state")
    wei.keyboard.press("Shift+P")
    until(wei, "document.getElementById('pen-state').textContent.includes('You hold the pen')")
    until(okafor, "/^Rater . holds the pen/.test(document.getElementById('pen-state').textContent)")
    assert okafor.is_hidden("#pen")
    assert "Wei" not in okafor.inner_text("body")  # the policy hides who the other one is
    for n in range(3):
        for key in ("1", "y", "b", "Enter"):
            wei.keyboard.press(key)
        until(wei, f"document.querySelectorAll('#steps .chip-step.decided').length === {n + 1}")
    wei.keyboard.press("Control+Enter")
    for page in (okafor, lin):
        page.wait_for_selector("#verdict [data-act=confirm]", timeout=15_000)
    assert versions_of(room.db, room.coordinator, room.project, "A-001") == ()
    assert "Joint case A-001 waits for your confirmation." in visit.page(room.okafor, "/queue").inner_text("main")
    okafor.click("#steps .chip-step.decided >> nth=0")
    okafor.click("#verdict [data-act=disagree]")
    okafor.fill("#disagree textarea", "The second moment was not looked at.")
    okafor.click("#disagree [value=yes]")
    wei.get_by_text("The second moment was not looked at.").wait_for(timeout=15_000)
    until(wei, "document.querySelectorAll('#steps .chip-step.decided').length === 2")
    wei.locator("#steps .chip-step:not(.decided):not(.agreed)").first.click()
    for key in ("2", "y", "c", "Enter"):
        wei.keyboard.press(key)
    until(wei, "document.querySelectorAll('#steps .chip-step.decided').length === 3")
    wei.keyboard.press("Control+Enter")
    for page in (okafor, lin):
        page.wait_for_selector("#verdict [data-act=confirm]:not([disabled])", timeout=15_000)
        until(
            page,
            f"document.getElementById('verdict').dataset.version === '{wei.get_attribute('#verdict', 'data-version')}'",
        )
    okafor.keyboard.press("Control+Enter")
    okafor.wait_for_selector("#verdict [data-act=confirm][disabled]")
    until(lin, "document.querySelector('[data-name=joint]')?.textContent.includes('you') === false")
    lin.keyboard.press("Control+Enter")
    until(lin, "document.getElementById('pen-state').textContent.includes('locked')")
    (made,) = versions_of(room.db, room.coordinator, room.project, "A-001")
    assert list(made.provenance[AED].values()).count("adjudicated") == 3
    until(wei, "document.getElementById('pen-state').textContent.includes('locked')")


def test_what_was_begun_on_a_step_survives_a_reload(visit):
    room = visit.served.room
    case = filmed_case(room)
    page = ready(visit.page(room.lin, f"/cases/{case}"))
    page.keyboard.press("2")
    page.keyboard.press("t")
    page.keyboard.type("Half a thou")
    page.reload()
    ready(page)
    assert page.input_value("#why") == "Half a thou"
    assert "You hold the pen" in page.inner_text("#pen-state")
    assert page.get_attribute(".choice.second", "aria-pressed") == "true"


def test_the_grid_is_walked_by_arrows_and_a_cell_opens_beside_it(visit):
    room = visit.served.room
    filmed_case(room)
    page = visit.page(room.coordinator, f"/p/{room.slug}/compare")
    page.focus(f'td.c button[value="A-001/{AED}/aed01"]')
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("#cell .pair")
    assert "Different" in page.inner_text("#cell")
    page.click("#cell [data-start]")
    until(page, "document.getElementById('film').currentTime >= 0.4")
    until(page, "document.getElementById('film').paused")


def test_an_adjudicator_chooses_his_own_keys_and_a_key_for_two_things_is_refused(visit):
    room = visit.served.room
    case = filmed_case(room)
    page = ready(visit.page(room.lin, f"/cases/{case}"))
    asked = "document.querySelector('#key-help .asked').textContent"
    page.keyboard.press("?")
    page.click("#key-help [data-action=take_first]")
    page.keyboard.press("2")
    assert "already does" in page.inner_text("#key-help .asked")
    page.click("#key-help [data-action=take_first]")
    page.keyboard.press("v")
    until(page, f"{asked} === 'Kept.'")
    page.keyboard.press("?")  # the key that opened the overlay closes it
    assert page.locator("#key-help[open]").count() == 0
    for place in (".choice.first kbd", "#hint kbd >> nth=0"):
        assert page.inner_text(place) == "V"
    page.keyboard.press("1")
    assert page.get_attribute(".choice.first", "aria-pressed") == "false"
    page.keyboard.press("v")
    assert page.get_attribute(".choice.first", "aria-pressed") == "true"
    page.reload()
    ready(page).keyboard.press("2")
    page.keyboard.press("v")
    assert page.get_attribute(".choice.first", "aria-pressed") == "true"
    page.keyboard.press("?")
    page.click("#key-help [data-reset]")
    until(page, f"{asked} === 'Kept.'")
    assert page.locator("#key-help [data-keys] kbd").first.inner_text() == "1"


def test_the_keys_of_a_case_are_kept_apart_from_those_of_rating_and_begin_with_them_for_the_player(web):
    client = web.client(web.room.wei)

    def put(page, keys):
        answer = client.put("/api/v1/me/keys", params={"page": page}, json={"keys": keys})
        return answer.status_code, answer.json().get("error", {}).get("code")

    def of_case():
        page = client.get(f"/cases/{case}").text
        return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])

    web.room.policy(mode="joint")
    case = only_case(web.room, rated_twice(web.room, WEI, OKAFOR))
    assert put("case", {"take_first": ["v"]}) == (200, None)
    assert put("case", {"take_first": ["2"]}) == (422, "key_clash")
    assert put("case", {"level_3": ["v"]}) == (422, "key_action")
    assert put("rate", {"play": ["z"]}) == (200, None)
    assert client.get("/api/v1/me/keys", params={"page": "case"}).json() == {"keys": {"take_first": ["v"]}}
    assert client.get("/api/v1/me/keys").json() == {"keys": {"play": ["z"]}}
    data = of_case()
    assert (data["keymap"]["play"], data["keys"]) == (["z"], {"take_first": ["v"]})
    assert put("rate", {"play": ["a"]}) == (200, None)  # here the evidence of rater 1
    assert of_case()["keymap"]["play"] == ["Space", "k"]
    assert put("nowhere", {})[0] == 422


def test_the_ready_made_reasons_take_the_focus_and_are_walked_by_arrows(visit):
    room = visit.served.room
    page = ready(visit.page(room.lin, f"/cases/{filmed_case(room)}"))
    page.keyboard.press("1")
    page.keyboard.press("y")
    page.wait_for_selector("dialog#templates[open] [role=listbox] [role=option]:focus")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#templates", state="hidden")
    assert "is not what the rubric describes" in page.inner_text("#verdict .template")
    page.keyboard.press("y")
    page.keyboard.press("Escape")
    page.wait_for_selector("#templates", state="hidden")
    assert "is not what the rubric describes" in page.inner_text("#verdict .template")  # nothing was chosen


def test_after_a_case_the_next_one_that_waits_is_opened_and_a_consensus_names_raters_as_the_case_does(web):
    room = web.room
    rated_twice(room, WEI, OKAFOR)
    rated_twice(room, WEI, OKAFOR, code="A-002")
    with room.db.read() as c:
        first, second = c.execute(select(adjudication_case.c.id).order_by(adjudication_case.c.created_at)).scalars()
    lin = web.client(room.lin)
    assert lin.get(f"/p/{room.slug}/cases/next?after={first}").headers["location"] == f"/cases/{second}"
    assert lin.get(f"/p/{room.slug}/cases/next?after={second}").headers["location"] == f"/cases/{first}"
    assert web.client(room.wei).get(f"/p/{room.slug}/cases/next").status_code == 404
    assert lin.get("/").headers["location"] == f"/p/{room.slug}/cases"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_case_fits_a_telephone(visit, language):
    room = visit.served.room
    case = filmed_case(room)
    people.change_person(room.db, room.lin, language=language)
    page = ready(visit.page(room.lin, f"/cases/{case}", viewport={"width": 390, "height": 844}))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('.top').scrollWidth") <= 390
