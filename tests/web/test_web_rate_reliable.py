"""Nothing that the rating page called saved is ever lost: killed browsers, cut networks, two tabs, full disks."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from rated_exam import exam
from rating_page import CPR, Rater, Wire, at, refolded
from rooms import PASSWORD
from rooms_web import ARGUMENTS, CHROMIUM
from sqlalchemy import update

from siming.errors import StoreError
from siming.store.accounts import sessions
from siming.store.blind import changes as changes_of
from siming.store.blind import handover
from siming.store.schema import web_session

pytestmark = pytest.mark.browser


def shown(page) -> str:
    """Everything the banner says."""
    return page.inner_text("#banner")


def until_equal(ask, wanted, timeout: float = 10) -> None:
    """Ask until the answer is the wanted one; fails with the last answer."""
    end = time.monotonic() + timeout
    while (answer := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert answer == wanted


# --- reload and kill ----------------------------------------------------------------------------------------------------


def test_a_reload_in_the_middle_loses_nothing(visit, served):
    wei = at(visit, exam(served.room))
    wei.keys("3", "2", "d", "a", "e", "t")
    wei.page.keyboard.type("half a sent")
    wei.page.wait_for_timeout(60)  # durable on the device within 50 ms
    wei.page.on("dialog", lambda dialog: dialog.accept())
    wei.page.reload()
    wei.ready()
    entry = wei.entry("cpr02")
    assert (entry["points"], entry["deductions"], entry["note"]) == (3, ["d1"], "half a sent")
    assert refolded(wei) == wei.drafted


@pytest.mark.alone
def test_a_change_is_on_the_devices_disk_within_50_ms_and_on_the_server_within_2_s(visit, served):
    wei = at(visit, exam(served.room))
    waits = wei.page.evaluate(
        """async () => {
          const state = document.getElementById('save-state')
          const out = []
          for (const key of '2102101021021') {
            const before = Number(state.dataset.device)
            const begun = performance.now()
            dispatchEvent.call(document.activeElement, new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
            let device = null, server = null
            while (server === null) {
              await new Promise((done) => setTimeout(done, 1))
              if (device === null && Number(state.dataset.device) > before) device = performance.now() - begun
              if (Number(state.dataset.server) > before) server = performance.now() - begun
              if (performance.now() - begun > 5000) break
            }
            out.push([device, server])
          }
          return out
        }"""
    )
    device = sorted(wait for wait, _ in waits)
    server = sorted(wait for _, wait in waits)
    print(
        f"device: median {device[len(device) // 2]:.1f} ms, most {device[-1]:.1f} ms; server: most {server[-1]:.0f} ms"
    )
    assert device[len(device) // 2] < 50
    assert server[-1] < 2000


class Killed:
    """Chromium with a profile that outlives it."""

    def __init__(self, playwright, served, made, folder) -> None:
        self.playwright, self.served, self.made, self.folder = playwright, served, made, folder
        self.begun = sessions.begin(served.room.db, served.room.wei.id)

    def open(self) -> Rater:
        """Start the browser and the page."""
        self.context = self.playwright.chromium.launch_persistent_context(
            str(self.folder), executable_path=CHROMIUM, args=ARGUMENTS, viewport={"width": 1280, "height": 900}
        )
        self.context.add_cookies([{"name": "siming_session", "value": self.begun.token, "url": self.served.address}])
        page = self.context.pages[0]
        page.goto(self.served.address + self.made.path)
        page.wait_for_selector("html[data-ready=yes]", timeout=20_000)
        return Rater(page, self.made)

    def kill(self) -> None:
        """kill -9, at once, of the browser and all its processes."""
        for pid in self._processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        with contextlib.suppress(Exception):  # nothing is left to be closed
            self.context.close()
        for name in ("SingletonLock", "SingletonCookie", "SingletonSocket"):
            (self.folder / name).unlink(missing_ok=True)

    def _processes(self) -> list[int]:
        """Those started with this very profile folder, the eldest first."""
        wanted = f"--user-data-dir={self.folder}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if wanted in (entry / "cmdline").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return sorted(found)


CHANGES = """async () => {
  const [{ Device }, { Journal }] = await Promise.all(['device', 'journal'].map((name) => import(`/static/rate/${name}.js`)))
  const found = await Journal.all(await Device.open(), location.pathname.split('/').pop())
  return found.map(({ client_seq, field, step, value }) => [client_seq, field, step ?? null, value])
}"""

VIEW_KEPT = """async () => {
  const { Shelf } = await import('/static/rate/offline.js')
  return ((await new Shelf().view(location.pathname.split('/').pop()))?.view.rubrics.length ?? 0) > 0
}"""


def kills(playwright, served, folder, n: int, *, seed: int) -> int:
    """Kill the browser `n` times at random moments of a busy rater; returns how many changes it had called saved."""
    chance = random.Random(seed)
    made = exam(served.room, n_frames=60)
    browser = Killed(playwright, served, made, folder)
    promised: dict[int, object] = {}
    before: list[list[object]] = []
    rater = browser.open()
    client = None
    for _ in range(n):
        until = time.monotonic() + chance.uniform(0.05, 0.9)
        while time.monotonic() < until:
            rater.keys(chance.choice(["2", "1", "0", "q", "ArrowDown", "ArrowUp", "e", "u"]))
        # What the page says in the instant before the blow; the journal in memory tells which changes these are.
        _, device, server = rater.save
        seen = rater.page.evaluate(
            "sessionStorage.getItem(Object.keys(sessionStorage).find((k) => k.includes('client')))"
        )
        client = client or seen
        assert seen == client  # a tab opened after a crash goes on as the one that died
        for seq in range(1, max(device, server) + 1):
            promised.setdefault(seq, None)
        browser.kill()
        rater = browser.open()
        assert rater.save[1] >= max(device, server), "a change that was called saved is gone from the device"
        held = rater.page.evaluate(CHANGES)
        assert held[: len(before)] == before, "a change came back as another one"
        before = held
    assert rater.page.evaluate(VIEW_KEPT), "the opened attempt is gone from the device"
    rater.saved(20)
    browser.context.close()
    on_server = {e.client_seq: [e.client_seq, e.field, e.step, e.new] for e in rater.events if e.client == client}
    stored = set(on_server)
    assert set(promised) <= stored
    assert [on_server[int(seq)] for seq, *_ in before] == before
    assert stored == set(range(1, max(stored) + 1))
    assert refolded(rater) == rater.drafted
    return len(promised)


class _Driver:
    def __init__(self, chromium) -> None:
        self.chromium = chromium


def test_five_killed_browsers_lose_nothing_that_was_called_saved(browser, served, tmp_path):
    assert kills(_Driver(browser.browser_type), served, tmp_path / "profile", 5, seed=1) > 10


@pytest.mark.slow
def test_a_hundred_killed_browsers_lose_nothing_that_was_called_saved(browser, served, tmp_path):
    assert kills(_Driver(browser.browser_type), served, tmp_path / "profile", 100, seed=2) > 200


# --- network ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def wired(browser, served):
    """A page behind a wire that can be cut."""
    wire = Wire(served.address)
    contexts = []

    def open_page(made) -> Rater:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        contexts.append(context)
        begun = sessions.begin(served.room.db, made.room.wei.id)
        context.add_cookies([{"name": "siming_session", "value": begun.token, "url": wire.address}])
        page = context.new_page()
        page.goto(wire.address + made.path)
        return Rater(page, made)

    open_page.wire = wire
    yield open_page
    for context in contexts:
        context.close()
    wire.close()


def test_rating_goes_on_without_a_network_also_through_a_reload_and_everything_arrives_once(served, wired):
    made = exam(served.room)
    wei = wired(made).ready()
    wei.keys("3")
    wei.saved()
    wei.until("document.getElementById('keep-video').classList.contains('kept')")
    wei.page.wait_for_timeout(500)  # the worker has put the page aside
    wired.wire.cut()
    wei.keys("3", "2", "d", "a", "t")
    wei.page.keyboard.type("no network")
    wei.keys("Escape")
    wei.until("document.getElementById('save-state').textContent.startsWith('no network: saved on this device')")
    wei.page.on("dialog", lambda dialog: dialog.accept())
    wei.page.reload()
    wei.ready()
    assert "No network" in shown(wei.page)
    assert wei.page.locator(".badge.l3").count() == 2
    assert wei.picture() == 0  # the video is there too
    wei.keys("ArrowDown", "1", "u", "2")  # cpr05
    wei.until("document.getElementById('save-state').dataset.state === 'device'")
    assert len(wei.events) == 1
    wired.wire.mend()
    wei.saved(40)
    steps = wei.drafted["steps"][CPR]
    assert steps["cpr01"] == {"points": 3}
    assert steps["cpr02"] == {"points": 4}
    assert steps["cpr03"] == {"points": 4, "deductions": ["d1"], "note": "no network"}
    numbers = [event.client_seq for event in wei.events]
    assert numbers == sorted(set(numbers))
    assert refolded(wei) == wei.drafted


def test_an_attempt_that_was_never_opened_here_says_so_without_a_network(served, wired):
    first, other = exam(served.room), exam(served.room, "turned", code="A-002")
    wei = wired(first).ready()
    wei.page.wait_for_timeout(500)
    wired.wire.cut()
    wei.page.goto(wired.wire.address + other.path)
    assert "No connection to the exam room" in wei.page.inner_text("h1")


def test_without_a_network_other_pages_say_what_is_safe_and_lead_back_to_the_attempt(served, wired):
    made = exam(served.room)
    wei = wired(made).ready()
    wei.keys("3")
    wei.saved()
    until_equal(lambda: wei.page.evaluate(f"caches.match('{made.path}').then((kept) => kept !== undefined)"), True)
    wei.page.goto(wired.wire.address + made.path + "/summary")
    wei.page.locator("#device-state").wait_for(state="hidden")
    wired.wire.cut()
    wei.page.evaluate("document.querySelector('#submit button').disabled = false")  # as with every step judged
    wei.page.fill("#submit input[name=initials]", "WZ")
    wei.page.locator("#submit").evaluate("(form) => form.requestSubmit(form.querySelector('button'))")
    wei.page.get_by_text("Nothing was submitted and nothing is lost").wait_for()
    for path in ("/queue", made.path + "/summary", "/"):
        wei.page.goto(wired.wire.address + path)
        assert wei.page.inner_text("h1") == "No connection to the exam room"
    wei.page.click("#kept a")
    wei.ready()
    assert "No network" in shown(wei.page)


def test_changes_that_cannot_be_sent_leave_the_device_as_a_sealed_file_that_only_the_server_can_read(served, wired):
    made = exam(served.room)
    wei = wired(made).ready()
    wei.keys("3")
    wei.saved()
    wired.wire.cut()
    wei.keys("2", "t")
    wei.page.keyboard.type("secret words")
    wei.keys("Escape")
    wei.until("document.getElementById('save-state').textContent.startsWith('no network')")
    files = wei.page.evaluate(
        """async () => {
          const [{ Device }, { Journal }, { Shelf }, { handOverFiles }] = await Promise.all(
            ['device', 'journal', 'offline', 'handover'].map((name) => import(`/static/rate/${name}.js`)))
          const device = await Device.open()
          const id = location.pathname.split('/').pop()
          const kept = await new Shelf().view(id)
          const records = (await Journal.all(device, id)).filter(({ state }) => state === 'unsent')
          return handOverFiles(kept.view, kept.ticket, records)
        }"""
    )
    [file] = files
    assert "secret" not in file
    assert json.loads(file)["schema"] == "siming.handover/1"
    brought = handover.bring_in(served.room.db, served.room.coordinator, served.room.project, file.encode())
    assert (brought.assignment, brought.n_aside) == (made.assignment, 0)
    assert wei.drafted["steps"][CPR]["cpr02"] == {"points": 3, "note": "secret words"}
    wired.wire.mend()
    wei.saved(40)
    assert [event.client_seq for event in wei.events] == sorted({event.client_seq for event in wei.events})


# --- two tabs -----------------------------------------------------------------------------------------------------------


def test_a_second_tab_reads_until_it_takes_over_and_late_changes_of_the_first_are_kept_aside(visit, served):
    made = exam(served.room)
    first = at(visit, made)
    first.keys("2")
    first.saved()
    second = Rater(first.page.context.new_page(), made)
    second.page.goto(served.address + made.path)
    second.ready()
    assert "another tab" in shown(second.page)
    second.keys("3")
    assert second.page.locator(".badge.l2").count() == 1
    assert second.save[1] == 0
    # The first tab's network is gone for a moment, so its change comes late.
    first.page.route("**/changes", lambda route: route.abort())
    first.keys("ArrowDown", "1")
    first.page.wait_for_timeout(300)
    second.page.click("text=Take over")
    second.until("!document.body.classList.contains('read-only')")
    assert second.step == "cpr02"
    second.keys("0")
    second.saved()
    theirs = {"cpr01": {"points": 2}, "cpr02": {"points": 0}}
    first.page.unroute("**/changes")
    first.page.evaluate("dispatchEvent(new Event('online'))")
    first.until("document.getElementById('banner').textContent.includes('kept aside')", 20)
    assert first.drafted["steps"][CPR] == theirs
    first.keys("0")
    assert first.drafted["steps"][CPR] == theirs
    # Back in the first tab: the change is still shown, and is merged only when the rater says so.
    first.page.click("text=Take over")
    first.until("document.getElementById('banner').textContent.includes('Take this change over')")
    assert first.drafted["steps"][CPR] == theirs
    first.page.click("text=Take this change over")
    first.until("document.querySelectorAll('.badge.l1').length === 1")
    assert first.drafted["steps"][CPR] == {"cpr01": {"points": 2}, "cpr02": {"points": 2}}
    visit.complaints.clear()  # aborted requests and the 409 are told by the browser too


def test_a_duplicated_tab_has_an_identity_of_its_own(visit, served):
    made = exam(served.room)
    first = at(visit, made)
    kept = first.page.evaluate("JSON.stringify(sessionStorage)")
    twin = first.page.context.new_page()
    twin.add_init_script(f"for (const [k, v] of Object.entries({kept})) sessionStorage.setItem(k, v)")
    twin.goto(served.address + made.path)
    Rater(twin, made).ready()
    assert twin.evaluate("JSON.stringify(sessionStorage)") != kept
    assert "another tab" in shown(twin)


# --- session ------------------------------------------------------------------------------------------------------------


def test_a_session_that_ends_in_the_middle_of_rating_costs_a_password_and_nothing_else(visit, served):
    made = exam(served.room)
    wei = at(visit, made)
    wei.keys("3")
    wei.saved()
    with served.room.db.write() as c:
        c.execute(update(web_session).values(expires_at="2020-01-01T00:00:00.000000Z"))
    wei.keys("2")
    wei.page.wait_for_selector("#sign-in-again[open]")
    assert wei.save[0] == "device"
    wei.page.fill("#sign-in-again [type=password]", "not the password")
    wei.keys("Enter")
    wei.until("document.querySelector('#sign-in-again [role=alert]').textContent === 'The password is not right.'")
    wei.page.fill("#sign-in-again [type=password]", PASSWORD)
    wei.keys("Enter")
    wei.until("!document.querySelector('#sign-in-again').open")
    assert wei.entry("cpr02") == {"points": 3}
    wei.keys("1")
    assert wei.entry("cpr02") == {"points": 2}
    visit.complaints.clear()


# --- disks --------------------------------------------------------------------------------------------------------------


def test_a_server_that_cannot_write_stops_the_editing_loudly_until_it_can_again(visit, served, monkeypatch):
    made = exam(served.room)
    wei = at(visit, made)
    wei.keys("3")
    wei.saved()
    real = changes_of.save_changes

    def full(*_args, **_options):
        raise StoreError("the disk is full", kind="full")

    monkeypatch.setattr(changes_of, "save_changes", full)
    wei.keys("2")
    wei.until("document.getElementById('save-state').textContent === 'NOT SAVED'")
    assert "editing has stopped" in shown(wei.page)
    before = wei.save[1]
    wei.keys("1", "0", "q")
    assert wei.save[1] == before
    assert wei.page.locator(".level.pressed.l2").count() == 1
    monkeypatch.setattr(changes_of, "save_changes", real)
    wei.until("document.getElementById('save-state').textContent.startsWith('saved on server')", 20)
    wei.keys("1")
    assert wei.entry("cpr02") == {"points": 2}
    visit.complaints.clear()


def test_a_device_that_cannot_write_takes_the_change_back_and_never_says_saved(visit, served):
    made = exam(served.room)
    wei = at(visit, made)
    wei.keys("3")
    wei.saved()
    wei.page.evaluate(
        """() => {
          const put = IDBObjectStore.prototype.put
          IDBObjectStore.prototype.put = function (...values) {
            if (this.name === 'changes') throw new DOMException('no room', 'QuotaExceededError')
            return put.apply(this, values)
          }
        }"""
    )
    wei.keys("2")
    wei.until("document.getElementById('save-state').textContent === 'NOT SAVED'")
    assert "was NOT saved" in shown(wei.page)
    assert wei.page.locator(".level.pressed").count() == 0
    assert wei.save[1] == 1
    wei.keys("1")
    assert wei.page.locator(".level.pressed").count() == 0
    assert wei.drafted["steps"][CPR] == {"cpr01": {"points": 3}}


def test_a_change_that_the_server_does_not_accept_is_told_at_its_step_and_does_not_hold_up_the_others(visit, served):
    made = exam(served.room)
    wei = at(visit, made)
    # A page of another version: it believes the step has more points.
    wei.page.route(
        "**/changes",
        lambda route: route.continue_(
            post_data=route.request.post_data.replace(
                '"field":"points","rubric":"cpr-adult-single","step":"cpr01","value":3,',
                '"field":"points","rubric":"cpr-adult-single","step":"cpr01","value":99,',
            )
        ),
    )
    wei.keys("3", "3", "2")
    wei.saved()
    assert wei.drafted["steps"][CPR] == {"cpr02": {"points": 4}, "cpr03": {"points": 4}}
    wei.keys("ArrowUp", "ArrowUp")
    assert "points was not accepted" in wei.page.inner_text(".notices")
    visit.complaints.clear()


# --- clocks and devices -------------------------------------------------------------------------------------------------


def test_a_device_whose_clock_is_years_off_rates_in_the_right_order_and_both_times_are_kept(visit, served):
    made = exam(served.room)
    page = visit.page(served.room.wei, None)
    page.add_init_script(
        "const real = Date.now; const Old = Date; Date = class extends Old { constructor(...a) { a.length ? super(...a) : super(real() - 2e11) } static now() { return real() - 2e11 } }"
    )
    page.goto(served.address + made.path)
    wei = Rater(page, made).ready()
    wei.keys("2", "1", "0")
    wei.saved()
    events = [event for event in wei.events if event.field == "points"]
    assert [event.new for event in events] == [2, 1, 0]
    assert all(event.client_at < "2023" < event.server_at for event in events)


def test_a_page_left_in_peace_asks_nothing_and_one_with_unsent_changes_does(visit, served):
    made = exam(served.room)
    wei = at(visit, made)
    asked = []
    wei.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    wei.keys("3")
    wei.saved()
    wei.page.goto(served.address + "/queue")
    assert asked == []
    wei.page.goto(served.address + made.path)
    wei.ready()
    wei.page.route("**/changes", lambda route: route.abort())
    wei.page.mouse.click(5, 300)
    wei.keys("3")
    wei.page.wait_for_timeout(200)
    wei.page.goto(served.address + "/queue")
    assert asked == ["beforeunload"]
    visit.complaints.clear()


def test_signing_out_leaves_no_page_and_no_video_behind_for_the_next_person(visit, served):
    wei = at(visit, exam(served.room))
    wei.keys("3")
    wei.saved()
    wei.until("document.getElementById('keep-video').classList.contains('kept')", 30)
    kept = """async () => {
      const { Device } = await import('/static/rate/device.js')
      const device = await Device.open()
      const keys = async (cache) => (await (await caches.open(cache)).keys()).map(({ url }) => new URL(url).pathname)
      const pages = (await keys('siming-pages-1')).filter((path) => !path.startsWith('/static/'))
      const shelf = (await keys('siming-shelf-1')).map((path) => path.split('/')[2])
      return [pages.length > 0, shelf.sort(), await device.read('changes', (store) => store.count())]
    }"""
    until_equal(lambda: wei.page.evaluate(kept), [True, ["table", "video", "view"], 1])
    wei.page.goto(served.address + "/queue")
    wei.page.click("form[action='/sign-out'] button")
    wei.page.wait_for_url("**/sign-in*")
    until_equal(lambda: wei.page.evaluate(kept), [False, [], 1])
