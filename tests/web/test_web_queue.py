"""The pages around rating: queue, summary, receipt, devices."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "store"))

from rating_rooms import Tab, add_rated_attempt, give, submitted
from sqlalchemy import update

from siming.store.blind.handover import seal
from siming.store.blind.submissions import receipts, reopen
from siming.store.blind.summary import summary
from siming.store.schema import person


@pytest.fixture
def given(web):
    """Wei's client and his assignment on A-031."""
    return web.client(web.room.wei), give(web.room, add_rated_attempt(web.room), web.room.wei)


@pytest.fixture
def tab(web, given):
    """Wei's tab, open."""
    made = Tab(web.room, web.room.wei, given[1])
    made.open()
    return made


# --- queue ----------------------------------------------------------------------------------------------------------


def test_an_empty_queue_says_so(web):
    answer = web.client(web.room.wei).get("/queue")
    assert answer.status_code == 200
    assert "Nothing to rate at the moment" in answer.text


def test_the_queue_shows_ones_own_cards_and_continues_with_enter(web, given, tab):
    http, assignment = given
    tab.set("points", 5, step="aed01")
    page = http.get("/queue").text
    assert "A-031" in page
    assert "1 of 9" in page
    assert "2:00" in page
    assert re.search(rf'<a class="button main" id="continue" href="/rate/{assignment}" autofocus>', page)


@pytest.mark.parametrize(
    ("language", "listed", "page"),
    [
        ("en", "1 submitted rating stays closed", "stays closed to you for now"),
        ("zh", "1 份已提交的评分暂不开放", "暂时不能查看"),
    ],
)
def test_what_is_to_be_rated_again_stands_in_the_queue_alone_and_its_first_sheet_is_closed(web, language, listed, page):
    room = web.room
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == room.wei.id).values(language=language))
    attempt = add_rated_attempt(room)
    first, _ = submitted(room, attempt, room.wei, lost=2.0)
    give(room, attempt, room.wei, purpose="repeat")
    room.clock.pass_by(days=15)
    http = web.client(room.wei)
    assert "A-031" in http.get("/queue").text
    finished = http.get("/queue?finished=true").text
    assert "A-031" not in finished
    assert listed in finished
    for path in ("summary", "receipt"):
        answer = http.get(f"/rate/{first}/{path}")
        assert answer.status_code == (409 if path == "summary" else 200)
    assert page in http.get(f"/rate/{first}/summary").text
    assert http.get(f"/api/v1/assignments/{first}").json()["error"]["code"] == "finished_shut"
    (receipt,) = http.get(f"/api/v1/assignments/{first}/receipts").json()
    assert receipt["receipt"]


def test_the_queue_names_nobody_else(web, given):
    give(web.room, add_rated_attempt(web.room, "A-032", candidate_code="C-77"), web.room.wei, purpose="link", slot=1)
    page = given[0].get("/queue").text
    main = page[page.index("<main") : page.index("</main>")]
    for hidden in ("Okafor", "R02", "slot", "link", "repeat", "C-77"):
        assert hidden not in main


def test_invariant_1_the_pages_are_the_same_whatever_another_rater_has_done(web, given, tab):
    http, assignment = given
    tab.set("points", 5, step="aed01")

    def pages():
        found = [http.get("/queue").text, http.get("/queue?finished=true").text]
        return [*found, http.get(f"/rate/{assignment}/summary").text]

    before = pages()
    attempt = tab.opened.view.attempt_code
    with web.room.db.read() as c:
        found = c.exec_driver_sql("SELECT id FROM attempt WHERE code = ?", (attempt,)).scalar_one()
    submitted(web.room, found, web.room.okafor, slot=1, lost=2)
    assert pages() == before


def test_submitted_work_moves_to_the_other_list(web):
    done, _ = submitted(web.room, add_rated_attempt(web.room), web.room.wei)
    http = web.client(web.room.wei)
    assert done not in http.get("/queue").text
    assert f"/rate/{done}/receipt" in http.get("/queue?finished=true").text


def test_a_long_queue_has_pages(web):
    for number in range(101):
        give(web.room, add_rated_attempt(web.room, f"A-{number:03}"), web.room.wei, position=number)
    http = web.client(web.room.wei)
    first, second = http.get("/queue").text, http.get("/queue?page=2").text
    assert "Page 1 of 2" in first
    assert first.count("data-assignment") == 100
    assert second.count("data-assignment") == 1
    assert 'start="101"' in second


def test_the_queue_speaks_chinese(web, given):
    http = given[0]
    http.headers["Accept-Language"] = "zh-CN"
    http.post("/language", data={"to": "zh", "next": "/queue"})
    page = http.get("/queue").text
    assert "我的任务" in page
    assert "继续" in page


# --- summary and receipt --------------------------------------------------------------------------------------------


def test_the_summary_puts_what_stands_in_the_way_first_and_rows_lead_back(web, given, tab):
    http, assignment = given
    tab.save(tab.change("points", 5, step="aed01"), tab.change("note", "<b>late</b>", step="aed01"))
    page = http.get(f"/rate/{assignment}/summary").text
    assert page.index('class="problems"') < page.index('class="steps"')
    assert f'href="/rate/{assignment}#aed01"' in page
    assert "3 lost points" not in page, "a note explains them"
    assert "Points are lost and nothing in the video is marked for it." in page
    assert "&lt;b&gt;late&lt;/b&gt;" in page
    assert "disabled" in page


def test_a_form_without_script_locks_what_was_shown(web, given, tab):
    http, assignment = given
    tab.rate_all()
    page = http.get(f"/rate/{assignment}/summary").text
    snapshot = re.search(r'name="snapshot" value="([0-9a-f]{64})"', page)[1]
    # the rating tab holds the lease and may have more to send: a form that does not know that must not lock
    refused = http.post(f"/rate/{assignment}/summary", data={"initials": "W", "snapshot": snapshot})
    assert refused.status_code == 409
    assert "submit from there" in refused.text
    told = {"initials": "W", "snapshot": snapshot, "client": tab.client, "fence": str(tab.fence)}
    done = http.post(f"/rate/{assignment}/summary", data=told)
    assert (done.status_code, done.headers["location"]) == (303, f"/rate/{assignment}/receipt")
    receipt = http.get(f"/rate/{assignment}/receipt").text
    (kept,) = receipts(web.room.db, web.room.wei, assignment)
    assert kept.sha256 in receipt


def test_a_form_with_another_digest_or_no_initials_is_sent_back_with_the_reason(web, given, tab):
    http, assignment = given
    tab.rate_all()
    told = {"client": tab.client, "fence": str(tab.fence)}
    answer = http.post(f"/rate/{assignment}/summary", data={**told, "initials": "W", "snapshot": "0" * 64})
    assert answer.status_code == 409
    assert "hold different things" in answer.text
    right = summary(web.room.db, web.room.wei, assignment).snapshot_sha256
    answer = http.post(f"/rate/{assignment}/summary", data={**told, "initials": " ", "snapshot": right})
    assert answer.status_code == 422
    assert receipts(web.room.db, web.room.wei, assignment) == ()


def test_without_a_receipt_one_is_led_to_the_summary(given):
    http, assignment = given
    assert http.get(f"/rate/{assignment}/receipt").headers["location"] == f"/rate/{assignment}/summary"


@pytest.mark.parametrize("part", ["summary", "receipt"])
def test_another_raters_pages_are_not_there(web, given, part):
    assert web.client(web.room.okafor).get(f"/rate/{given[1]}/{part}").status_code == 404


# --- in a browser ---------------------------------------------------------------------------------------------------


@pytest.fixture
def live(served):
    """Wei's tab on A-031 of the served room, rated to the end."""
    made = Tab(served.room, served.room.wei, give(served.room, add_rated_attempt(served.room), served.room.wei))
    made.open()
    made.rate_all(lost=2)
    return made


@pytest.mark.browser
def test_the_queue_says_what_this_device_keeps_and_has_not_sent(visit, live):
    page = visit.page(live.actor, "/queue")
    assert page.locator("[data-kept]:visible").count() == 0
    page.evaluate(
        """async ([assignment, person]) => {
            const [{ Device }, { Shelf }] = await Promise.all(
              ['device', 'offline'].map((name) => import(`/static/rate/${name}.js`)))
            const device = await Device.open()
            await new Shelf().keepView(assignment, { view: {} })
            const change = { assignment, client: 'c', state: 'unsent', person }
            await device.write('changes', (store) => {
                store.put({ ...change, client_seq: 1 })
                store.put({ ...change, client_seq: 2 })
                store.put({ ...change, client_seq: 3, state: 'sent' })
                store.put({ ...change, client_seq: 4, person: 'somebody else' })
            })
        }""",
        [live.assignment, live.actor.id],
    )
    page.reload()
    page.locator("[data-unsent]:visible").wait_for()
    assert page.locator("[data-unsent]").inner_text() == "2 changes not sent"
    assert page.locator("[data-kept]:visible").count() == 1


@pytest.mark.browser
def test_enter_goes_on_with_the_first_card(visit, live):
    page = visit.page(live.actor, "/queue")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/rate/{live.assignment}", wait_until="commit")


@pytest.mark.browser
def test_the_summary_submits_from_the_tab_that_writes_and_from_no_other(visit, live):
    page = visit.page(live.actor, f"/rate/{live.assignment}/summary")
    page.locator("#device-state:visible").wait_for()
    assert "Another tab or device writes here" in page.locator("#device-state").inner_text()
    assert page.locator("#submit button").is_disabled()
    room = live.room
    live.submit()
    reopen(room.db, room.coordinator, live.assignment, reason="once more")  # nobody holds the lease now
    page.reload()
    page.locator("#submit button:enabled").wait_for()
    page.fill("#initials", "W. W.")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/receipt")
    newest = receipts(room.db, room.wei, live.assignment)[-1]
    assert (newest.revision, newest.initials) == (2, "W. W.")
    assert newest.sha256 in page.locator("main").inner_text()
    assert page.locator("#print").is_visible()


# --- devices --------------------------------------------------------------------------------------------------------


def test_the_coordinator_sees_devices_and_writes_one_off(web, tab):
    http = web.client(web.room.coordinator)
    address = f"/p/{web.room.slug}/devices"
    tab.save(unsent=3)
    web.room.clock.pass_by(minutes=5)
    page = http.get(address).text
    assert "1 device may still hold work." in page
    assert "Holds unsent changes" in page
    form = {"client": tab.client, "assignment": tab.assignment, "reason": "tablet fell into the pool"}
    assert http.post(f"{address}/write-off", data=form | {"reason": " "}).status_code == 422
    assert http.post(f"{address}/write-off", data=form).status_code == 303
    assert "tablet fell into the pool" in http.get(address).text


def test_a_hand_over_file_comes_in_by_the_page(web, tab):
    http = web.client(web.room.coordinator)
    tab.change("points", 5, step="aed01")
    payload = {"assignment": tab.assignment, "client": tab.client, "fence": tab.fence, "ticket": tab.opened.ticket,
               "changes": tab.sent}  # fmt: skip
    file = json.dumps(seal(tab.opened.view.public_key, payload)).encode()
    address = f"/p/{web.room.slug}/devices/hand-over"
    assert http.post(address, files={"file": ("x.json", b"{}")}).status_code == 422
    assert http.post(address, files={"file": ("x.json", file)}).status_code == 303
    assert tab.open().view.draft["steps"]["aed-adult"]["aed01"]["points"] == 5
    again = http.post(f"/api/v1/projects/{web.room.slug}/hand-over", files={"file": ("x.json", file)})
    assert again.json() == {"assignment": tab.assignment, "n_changes": 1, "n_aside": 0}


def test_raters_see_no_devices(web, tab):
    for address in (f"/p/{web.room.slug}/devices", f"/api/v1/projects/{web.room.slug}/devices"):
        assert web.client(web.room.wei).get(address).status_code == 403
