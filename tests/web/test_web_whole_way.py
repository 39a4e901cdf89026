"""The whole way by people at their browsers: from an empty room to an exported dataset that a benchmark run is scored on.

Nothing here calls the API or reads the database. The owner, the coordinator, two raters and an adjudicator have a browser
of their own each; the raters and the adjudicator use the keyboard alone. Okafor's browser speaks Chinese.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from real_server import RealServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHARED = Path(__file__).resolve().parents[3] / "shared"
FILMED = {"NG5-T3": "reenact_ng5_t3.mp4", "NG8-T0": "reenact_ng8_t0.mp4"}
PASSWORD = "four quiet words here"
STEPS = 33
PEOPLE = (
    ("cora", "Cora Lindqvist", "Coordinator", "C01"),
    ("wei", "Wei Lan", "Rater", "R01"),
    ("okafor", "Ada Okafor", "Rater", "R02"),
    ("lin", "Lin Mei", "Adjudicator", "A01"),
)
FAULTS = {
    "wei": {("NG5-T3", 4), ("NG5-T3", 21), ("NG8-T0", 10), ("NG8-T0", 30)},
    "okafor": {("NG5-T3", 4), ("NG5-T3", 12), ("NG8-T0", 2), ("NG8-T0", 30)},
}
"""Steps, counted over all three skills, on which a rater sees something missing: two that both see, four that one sees."""
HIDDEN = ("NG8-T0", 15)
"""Okafor cannot judge this one."""


class Person:
    """Somebody at a browser of his own."""

    def __init__(self, browser, address: str, language: str = "en-GB") -> None:
        self.context = browser.new_context(
            locale=language, viewport={"width": 1280, "height": 900}, accept_downloads=True
        )
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.address = address

    def go(self, path: str) -> None:
        """Type an address, as only the very first visit needs."""
        self.page.goto(path if path.startswith("http") else self.address + path)

    def press(self, name: str, *, role: str = "button", exact: bool = True) -> None:
        """Click what carries this name."""
        self.page.get_by_role(role, name=name, exact=exact).first.click()

    def open(self, *names: str) -> None:
        """Click links, one after the other."""
        for name in names:
            self.press(name, role="link")

    def fill(self, label: str, text: str) -> None:
        """Write into a field."""
        self.page.get_by_label(label, exact=True).first.fill(text)

    def tick(self, label: str) -> None:
        """Tick a box."""
        self.page.get_by_label(re.compile(rf"^\s*{re.escape(label)}")).first.check()

    def sees(self, text: str, timeout: float = 60) -> None:
        """Wait until the page says something."""
        self.page.get_by_text(text).first.wait_for(timeout=timeout * 1000)

    # --- by keyboard -------------------------------------------------------------------------------------------------

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type a text."""
        self.page.keyboard.type(text)

    def until(self, true: str, timeout: float = 60) -> None:
        """Wait until an expression is true in the page (its policy forbids Playwright's own way, which needs `eval`)."""
        end = time.monotonic() + timeout
        while True:
            try:
                if self.page.evaluate(true):
                    return
            except Exception as error:  # the page is just being left
                if "context was destroyed" not in str(error):
                    raise
            assert time.monotonic() < end, f"not true after {timeout} s at {self.page.url}: {true}"
            self.page.wait_for_timeout(50)

    def walk_to(self, true_of: str) -> None:
        """Press Tab until the focused element is the one that is meant."""
        for _ in range(80):
            if self.page.evaluate(f"(element => {true_of})(document.activeElement)"):
                return
            self.keys("Tab")
        raise AssertionError(f"the keyboard does not get to it at {self.page.url}: {true_of}")

    def working(self) -> None:
        """Wait until a rating or adjudication page takes keys and shows the video."""
        self.page.wait_for_selector("html[data-ready=yes]")
        self.until("document.querySelector('video').readyState >= 2")


class Rater(Person):
    """A person who rates by keyboard."""

    fault_note = ""

    @property
    def attempt(self) -> str:
        """Code of the attempt."""
        return self.page.inner_text("#code")

    def rate(self, faults: set[tuple[str, int]], hidden: tuple[str, int] | None) -> None:
        """All 33 steps of the attempt that is open, and submit it."""
        self.working()
        code = self.attempt
        for number in range(STEPS):
            if (code, number) == hidden:
                self.keys("n", "h", "Enter")
            elif (code, number) in faults:
                self.find_fault()
            elif number == 7:  # a slip, taken back
                self.keys("0", "u", "3")
            else:
                self.keys("3")
        self.until("document.getElementById('save-state').dataset.state === 'server'")
        self.keys("s")
        self.page.wait_for_url("**/summary*")
        assert self.page.locator(".problems .blocking").count() == 0, self.page.inner_text(".problems")
        self.until("!document.querySelector('#submit button').disabled")
        self.walk_to("element.id === 'initials'")
        self.type("XY")
        self.keys("Control+Enter")
        self.page.wait_for_url("**/receipt")
        assert re.fullmatch(r"[0-9a-f]{64}", self.page.locator(".digest").first.inner_text())

    def find_fault(self) -> None:
        """Points are lost: one deduction, evidence from here to two seconds later, a moment, a rationale."""
        self.keys("d", "a", "Shift+L", "i", "l")
        self.still()
        self.keys("o", "j", "e", "t")
        self.type(self.fault_note)
        self.keys("Escape", "Enter")

    def still(self) -> None:
        """Wait until the video stands on a picture."""
        self.page.wait_for_timeout(100)
        self.until("(() => { const v = document.querySelector('video'); return !v.seeking && v.readyState >= 2 })()")


def recordings(folder: Path) -> dict[str, Path]:
    """Code of the attempt to its video: the two re-enacted exams, else two that siming draws."""
    found = {code: SHARED / "video" / name for code, name in FILMED.items()}
    if all(path.is_file() for path in found.values()):
        return found
    from siming.simulate import simulate_dataset

    drawn = simulate_dataset(folder, attempts=2, seed=7)
    return dict(zip(FILMED, (drawn.video_path(attempt) for attempt in drawn.attempts), strict=True))


def siming(*words: str) -> str:
    """A command in a terminal; what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "siming", *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"siming {' '.join(words)}: {done.stderr or done.stdout}"
    return done.stdout


@pytest.fixture
def room(tmp_path):
    """A server on fresh folders."""
    server = RealServer(f"sqlite:///{tmp_path / 'room.db'}", tmp_path / "media", home=tmp_path)
    yield server
    if server.process is not None:
        server.stop()


def test_from_an_empty_room_to_an_exported_dataset_that_a_run_is_scored_on(room, browser, tmp_path):
    films = recordings(tmp_path / "drawn")
    told = room.start()
    owner = Person(browser, told["address"])
    links = make_project(owner, told["setup"])
    cora = arrive(Person(browser, told["address"]), links["cora"])
    wei = arrive(Rater(browser, told["address"]), links["wei"])
    okafor = arrive(Rater(browser, told["address"], language="zh-CN"), links["okafor"])
    lin = arrive(Person(browser, told["address"]), links["lin"])
    assert okafor.page.get_attribute("html", "lang") == "zh-Hans"
    wei.fault_note, okafor.fault_note = "Left out; I waited for it.", "没有做到，见标记处。"

    upload_and_release(cora, films)
    give_out(cora)
    for login, rater in (("wei", wei), ("okafor", okafor)):
        rate_everything(rater, FAULTS[login], HIDDEN if login == "okafor" else None)
    compare(cora)
    assert adjudicate_and_lock(lin) == 5  # four steps on which one alone saw a fault, and the one that was hidden
    lock_consensus(cora)
    look_at_agreement(cora)
    archive = export(cora, tmp_path)
    read_the_audit(owner)
    for person in (owner, cora, wei, okafor, lin):
        assert person.complaints == []
        person.context.close()
    room.stop()
    score(archive, tmp_path)
    siming("room", "verify", "--db", f"sqlite:///{tmp_path / 'room.db'}", "--media", str(tmp_path / "media"))


def make_project(owner: Person, setup: str) -> dict[str, str]:
    """The first owner sets the room up, makes a project with three rubrics and its members; login to one-time link."""
    owner.go(setup)
    owner.fill("Name", "Olga Owner")
    owner.fill("Login", "olga")
    owner.fill("Choose a password", PASSWORD)
    owner.press("Begin")
    owner.sees("The room is yours")
    owner.open("New project")
    owner.fill("Title", "Spring exam")
    owner.fill("Short name", "spring")
    for box in owner.page.locator("input[name=rubrics]").all():
        box.check()
    owner.press("Make the project")
    owner.open("Rules")  # nobody shall have to watch twelve minutes of video in this test
    owner.fill("Share of the video that may stay unplayed, in %", "")
    owner.press("Save")
    owner.open("Members")
    links = {}
    for login, name, role, code in PEOPLE:
        owner.fill("Login", login)
        owner.fill("Name", name)
        owner.fill("Code", code)
        owner.tick(role)
        owner.press("Add")
        owner.sees(f"A link for {name}")
        links[login] = owner.page.locator("output.secret").inner_text()
    return links


def arrive(person, link: str):
    """Open a one-time link and choose a password."""
    person.go(link)
    person.page.locator("input[type=password]").fill(PASSWORD)
    person.keys("Enter")
    person.page.wait_for_selector(".bar .me")
    return person


def upload_and_release(cora: Person, films: dict[str, Path]) -> None:
    """Both videos, faces as they are; each is looked at and released."""
    cora.press("Spring exam", role="link", exact=False)
    cora.open("Upload")
    cora.tick("Leave as they are")
    for code, film in films.items():
        cora.page.set_input_files("#files", film)
        cora.page.locator("#chosen").get_by_label("Code").fill(code)
        cora.press("Send")
        cora.page.locator("#transfers li", has_text=code).wait_for()
    for code in films:
        cora.page.locator("#transfers li", has_text=code).get_by_role("link", name="Look at it").click(timeout=240_000)
        assert cora.page.inner_text("h1") == code
        assert cora.page.locator(".pictures img").count() >= 6
        cora.press("Looks right: release to raters")
        cora.sees("Raters can see the video now")
        cora.open("Upload")


def give_out(cora: Person) -> None:
    """The plan is shown, then given out: each rater gets both attempts."""
    cora.open("Plan")
    cora.page.locator("input[name=repeat_percent]").last.fill("0")
    cora.press("Show the plan")
    cora.press("Give out 4 assignments")
    cora.sees("4 assignments were given out")


def rate_everything(rater: Rater, faults: set[tuple[str, int]], hidden: tuple[str, int] | None) -> None:
    """The queue from the first to the last, by keyboard."""
    rater.walk_to("element.matches('nav a[href=\"/queue\"]')")
    rater.keys("Enter")
    for _ in FILMED:
        rater.until("document.activeElement.id === 'continue'")
        rater.keys("Enter")
        rater.rate(faults, hidden)
        rater.walk_to("element.matches('main a[href=\"/queue\"]')")
        rater.keys("Enter")
        rater.page.wait_for_url("**/queue")
    assert rater.page.locator("#continue").count() == 0


def compare(cora: Person) -> None:
    """Both attempts stand in the grid; a cell shows both raters' words."""
    cora.open("Compare")
    assert cora.page.locator("table.grid tbody tr").count() == len(FILMED)
    cora.page.locator(".grid button:is(.k-discrepant, .k-critical_mismatch)").first.click()
    cora.sees("Rater 2")


def adjudicate_and_lock(lin: Person) -> int:
    """Every open step by keyboard: the first rater's points, the second's, or points of one's own; then the lock.

    Returns:
        How many steps were decided.
    """
    number = 0
    lin.press("Spring exam", role="link", exact=False)
    lin.open("Adjudicate")
    for _ in FILMED:
        lin.walk_to("element.matches('td a.button')")
        lin.keys("Enter")
        lin.working()
        lin.until("document.getElementById('pen-state').dataset.state === 'server'")
        while left := open_steps(lin):
            decide(lin, number)
            lin.until(f"[...document.querySelectorAll('#steps .chip-step.open')].length < {left}")
            number += 1
        lin.keys("Control+Enter")
        lin.sees("This case is locked")
        lin.page.locator("a.back").focus()
        lin.keys("Enter")
        lin.page.wait_for_url("**/cases*")
    lin.sees("There is no case here")
    return number


def open_steps(lin: Person) -> int:
    """How many steps wait for a decision."""
    return lin.page.locator("#steps .chip-step.open").count()


def decide(lin: Person, number: int) -> None:
    """One decision, each of the three ways in turn."""
    if number % 3 == 0:
        lin.keys("1", "y", "a", "Enter")
    elif number % 3 == 1:
        lin.keys("2", "a", "t")
        lin.type("Seen at the marked moment.")
        lin.keys("Escape", "Enter")
    else:
        lin.keys("3")
        lin.type("1")
        lin.keys("Escape", "t")
        lin.type("Done, but late.")
        lin.keys("Escape", "Enter")


def lock_consensus(cora: Person) -> None:
    """What came out of the cases is locked with them; what the raters agreed on wholly is locked here."""
    cora.open("Consensus")
    for code in FILMED:
        cora.open(code)
        button = cora.page.get_by_role("button", name="Lock this consensus")
        if button.count():
            button.click()
        cora.sees("Locked")
        cora.open("Consensus")


def look_at_agreement(cora: Person) -> None:
    """The panel shows figures once they are counted."""
    cora.open("Agreement")
    cora.page.locator("[data-counting=no]").wait_for()
    assert cora.page.locator(".panel .figures td b").count() > 3


def export(cora: Person, folder: Path) -> Path:
    """A release is made and downloaded as a siming dataset."""
    cora.open("Export")
    cora.fill("Name", "2026-05")
    cora.fill("Licence", "For teaching in our department")
    cora.press("Make the release")
    cora.sees("Release 2026-05 is made")
    release = cora.page.locator("article", has_text="2026-05")
    with cora.page.expect_download() as waited:
        release.get_by_role("button", name="Download").click()
    archive = folder / waited.value.suggested_filename
    waited.value.save_as(archive)
    return archive


def read_the_audit(owner: Person) -> None:
    """The chain holds, as the owner's own page says."""
    owner.open("Audit")
    owner.open("Verify the chain")
    owner.sees("The whole chain holds")


def score(archive: Path, folder: Path) -> None:
    """The dataset as anybody gets it: agreement of its raters, and a run measured against its consensus."""
    data = folder / "dataset"
    zipfile.ZipFile(archive).extractall(data)
    inner = next(data.rglob("attempts.jsonl")).parent
    siming("rating", "agree", str(inner), "--replicates", "200")
    run = folder / "run"
    siming("bench", "run", str(inner), "--model", "baseline:all-correct", "--setting", "full-points", "--out", str(run))
    said = siming("bench", "score", str(run), "--dataset", str(inner), "--replicates", "200", "--json")
    report = json.loads(said)
    assert report["reference"] == "consensus"
    assert report["dataset"]["provenance"] == "siming exam room, release 2026-05"
    asked = next(entry for entry in report["entries"] if entry["kind"] == "run")["coverage"]["cells_asked"]
    assert asked == len(FILMED) * STEPS
