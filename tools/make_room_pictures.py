"""Pictures of every screen of the exam room, in both languages, for the documentation.

python tools/make_room_pictures.py                              write docs/images/room/{en,zh}/
python tools/make_room_pictures.py --only queue,rate    just these
python tools/make_room_pictures.py --room siming-demo/room      of a room that `siming demo --room` has filled already

Needs chromium with CJK fonts (tools/find-chromium.sh) and `pip install 'siming[web,test]'`. The room is copied before it
is used: taking pictures rates, reports and locks in it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

OUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "room"
LANGUAGES = ("en", "zh")
WIDTH, HEIGHT, TALLEST = 1280, 800, 1250
DARK: dict[str, Any] = {"color_scheme": "dark"}
TABLET: dict[str, Any] = {"viewport": {"width": 834, "height": 1112}, "has_touch": True}
COLOURS = 96
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@dataclass(frozen=True)
class Picture:
    """One screen: who looks, where, and what he does there before the picture is taken."""

    name: str
    login: str | None
    path: str
    do: Callable[[Stage], None] | None = None
    options: dict[str, Any] | None = None
    whole: bool = False
    """The whole page up to `TALLEST`, not only the first screen."""


class Stage:
    """A person's browser window in one language."""

    def __init__(self, page: Any, film: Path) -> None:
        self.page, self.film = page, film

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def rating(self) -> None:
        """Wait for the rating or the adjudication page, with a picture of the video."""
        self.page.wait_for_selector("html[data-ready=yes]", timeout=60_000)
        self.until("document.querySelector('video').readyState >= 2")

    def until(self, true: str) -> None:
        """Wait until an expression holds in the page (its policy forbids Playwright's own way)."""
        for _ in range(600):
            if self.page.evaluate(true):
                return
            self.page.wait_for_timeout(50)
        raise TimeoutError(true)

    def go(self, text: str) -> None:
        """Go to a time of the video."""
        self.keys("Shift+G")
        self.page.fill("#go-to input", text)
        self.keys("Enter")
        self.page.wait_for_timeout(200)
        self.until("(() => { const v = document.querySelector('video'); return !v.seeking && v.readyState >= 2 })()")

    def saved(self) -> None:
        """Wait until everything is on the server."""
        self.until("document.getElementById('save-state').dataset.state === 'server'")

    def open_step(self, step: str) -> None:
        """Open a step of the rating page by clicks on its skill and its line."""
        self.page.click(f"#skills [data-rubric^={step[:3]}]")
        self.page.click(f"#steps [data-row={step}]")


# --- what people do before the picture -----------------------------------------------------------------------------


def score(stage: Stage) -> None:
    """Five steps, the last below full marks."""
    stage.rating()
    stage.keys("3", "3", "3", "3")
    stage.go("0:06")
    stage.keys("2")
    stage.saved()
    stage.page.wait_for_timeout(4000)  # the toast goes


def evidence(stage: Stage) -> None:
    """A deduction, two stretches of evidence and a rationale on the step that is open."""
    stage.rating()
    stage.open_step("cpr08")
    stage.keys("d", "b")
    stage.go("0:38")
    stage.keys("i")
    stage.go("0:41")
    stage.keys("o")
    stage.go("0:52")
    stage.keys("e", "t")
    zh = stage.page.get_attribute("html", "lang") == "zh-Hans"
    stage.page.keyboard.type("双手位置偏低，两次。" if zh else "Hands too low, twice.")
    stage.keys("Escape")
    stage.saved()
    stage.page.wait_for_timeout(4000)


def banner(stage: Stage) -> None:
    """The defibrillator is never switched on; a later step shows what that means for it."""
    stage.rating()
    stage.open_step("aed02")
    stage.keys("d", "d")
    stage.saved()
    stage.open_step("aed05")
    stage.page.wait_for_timeout(4000)


def cannot_judge(stage: Stage) -> None:
    """The reasons are on offer."""
    stage.rating()
    stage.open_step("bmv01")
    stage.keys("n")


def keys_overlay(stage: Stage) -> None:
    """Every key, as the rater has it."""
    stage.rating()
    stage.keys("?")


def offline(stage: Stage) -> None:
    """The network is gone; rating goes on."""
    stage.rating()
    stage.page.context.set_offline(True)
    stage.open_step("bmv01")
    stage.keys("3", "3")
    stage.until("document.getElementById('save-state').dataset.state === 'device'")
    stage.page.wait_for_timeout(4000)


def elsewhere(stage: Stage) -> None:
    """The same attempt in a second tab, which is the one to see."""
    stage.rating()
    stage.page = stage.page.context.new_page()
    stage.page.goto(stage.page.context.pages[0].url)
    stage.rating()
    stage.page.wait_for_timeout(1000)


def sign_in_again(stage: Stage) -> None:
    """The session has ended; what is entered stays."""
    stage.rating()
    stage.page.context.clear_cookies()
    stage.keys("3")
    stage.page.wait_for_selector("#sign-in-again[open]", timeout=30_000)


def first_step(stage: Stage) -> None:
    """The case as it opens: pen taken, first choice made."""
    stage.rating()
    if stage.page.locator("#pen-state[data-state=server]").count() == 0:
        stage.keys("Shift+P")
        stage.page.wait_for_selector("#pen-state[data-state=server]")
    stage.keys("1")
    stage.page.wait_for_timeout(500)


def case_help(stage: Stage) -> None:
    """What the rubric says of the step."""
    first_step(stage)
    stage.keys("h")
    stage.page.wait_for_timeout(300)


def choose_cell(stage: Stage) -> None:
    """A cell that differs."""
    stage.page.locator(".c .k-discrepant, .c .k-critical_mismatch").first.click()
    stage.page.wait_for_selector("#cell table, #cell dl, #cell h2, #cell h3")
    stage.page.wait_for_timeout(500)


def counted(stage: Stage) -> None:
    """The newest figures are there; until then the page looks for them itself."""
    stage.page.locator("[data-counting=no]").wait_for(timeout=180_000)


def chosen_file(stage: Stage) -> None:
    """A file is chosen, its code is asked for."""
    stage.page.set_input_files("#files", stage.film)
    stage.page.locator("#chosen input[name=code]").fill("A-031")


def film_loaded(stage: Stage) -> None:
    """The video shows a picture."""
    stage.until("document.querySelector('video').readyState >= 2")
    stage.page.wait_for_timeout(500)


PICTURES = (
    Picture("sign-in", None, "/sign-in"),
    Picture("set-up", None, "{set-up}"),
    Picture("home", "owner", "/"),
    Picture("people", "owner", "/people"),
    Picture("project-new", "owner", "/projects/new"),
    Picture("project", "owner", "/p/demo", whole=True),
    Picture("members", "owner", "/p/demo/members", whole=True),
    Picture("rules", "owner", "/p/demo/settings", whole=True),
    Picture("rubrics", "owner", "/p/demo/rubrics", whole=True),
    Picture("rubric", "owner", "/rubrics/{rubric}", whole=True),
    Picture("account", "wei", "/account", whole=True),
    Picture("attempts", "cora", "/p/demo/attempts"),
    Picture("attempt", "cora", "/p/demo/attempts/A-001", film_loaded, whole=True),
    Picture("upload", "cora", "/p/demo/upload", chosen_file, whole=True),
    Picture("plan", "cora", "/p/demo/plan?look=forecast&videos=200&raters=6&minutes=5&raters_per_attempt=2"
            "&double_percent=100&repeat_percent=5&link_attempts=4#outcome"),
    Picture("devices", "cora", "/p/demo/devices"),
    Picture("compare", "cora", "/p/demo/compare", choose_cell),
    Picture("cases", "lin", "/p/demo/cases"),
    Picture("adjudicate", "lin", "/cases/{case}", first_step),
    Picture("adjudicate-rubric", "lin", "/cases/{case}", case_help),
    Picture("consensus", "cora", "/p/demo/consensus"),
    Picture("consensus-attempt", "cora", "/p/demo/consensus/{consensus}", whole=True),
    Picture("agreement", "cora", "/p/demo/agreement", counted, whole=True),
    Picture("agreement-report", "cora", "/p/demo/agreement/report?by=pair", whole=True),
    Picture("calibration", "cora", "/p/demo/calibration", whole=True),
    Picture("calibration-own", "okafor", "/calibration", whole=True),
    Picture("export", "cora", "/p/demo/export", whole=True),
    Picture("audit", "owner", "/p/demo/audit"),
    Picture("queue", "okafor", "/queue"),
    Picture("rate-scoring", "wei", "/rate/{wei:A-008}", score),
    Picture("rate", "wei", "/rate/{wei:A-008}", evidence),
    Picture("rate-banner", "wei", "/rate/{wei:A-008}", banner),
    Picture("rate-cannot-judge", "wei", "/rate/{wei:A-008}", cannot_judge),
    Picture("rate-keys", "wei", "/rate/{wei:A-008}", keys_overlay),
    Picture("rate-offline", "wei", "/rate/{wei:A-008}", offline),
    Picture("rate-elsewhere", "wei", "/rate/{wei:A-008}", elsewhere),
    Picture("rate-dark", "okafor", "/rate/{okafor:A-006}", score, DARK),
    Picture("rate-tablet", "okafor", "/rate/{okafor:A-007}", score, TABLET),
    Picture("summary", "wei", "/rate/{wei:A-007}/summary", whole=True),
    Picture("receipt", "wei", "/rate/{wei:A-006}/receipt"),
    Picture("rate-locked", "wei", "/rate/{wei:A-006}", lambda s: s.rating()),
    Picture("queue-dark", "okafor", "/queue", None, DARK),
    Picture("compare-dark", "cora", "/p/demo/compare", choose_cell, DARK),
    Picture("adjudicate-dark", "lin", "/cases/{case}", first_step, DARK),
    Picture("queue-tablet", "okafor", "/queue", None, TABLET),
    Picture("rate-sign-in", "okafor", "/rate/{okafor:A-008}", sign_in_again),
)  # fmt: skip
"""In this order: what one does in the room is there for the next; who is signed out comes last."""


# --- the room, the server, the browser ----------------------------------------------------------------------------


def filled(folder: Path) -> Path:
    """A demo room, filled where there is none yet."""
    if not (folder / "room.db").is_file():
        told = [sys.executable, "-m", "siming", "demo", "--room", "--no-serve", "--out", str(folder.parent)]
        subprocess.run(told, check=True)
    return folder


@contextmanager
def serving(room: Path) -> Iterator[dict[str, str]]:
    """`siming serve` on a free port; what it says of itself."""
    command = [
        sys.executable, "-m", "siming", "serve", "--db", f"sqlite:///{room / 'room.db'}", "--media", str(room / "media"),
        "--port", "0", "--no-open", "--json",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "SIMING_HOME": str(room)},
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(30)


def addresses(room: Path) -> dict[str, str]:
    """What stands in braces in the paths: assignments as ``wei:A-008``, and the case that still waits."""
    import sqlite3

    with sqlite3.connect(room / "room.db") as found:
        rows = found.execute(
            "SELECT p.login || ':' || a.code, s.id FROM assignment s JOIN attempt a ON a.id = s.attempt "
            "JOIN person p ON p.id = s.rater WHERE s.purpose <> 'repeat'"
        )
        known = dict(rows.fetchall())
        known["case"] = found.execute("SELECT id FROM adjudication_case WHERE state = 'open'").fetchone()[0]
        known["consensus"] = found.execute(
            "SELECT a.code FROM consensus_version v JOIN attempt a ON a.id = v.attempt WHERE v.state = 'locked'"
        ).fetchone()[0]
        known["rubric"] = found.execute("SELECT id FROM rubric_version WHERE rubric = 'aed-adult'").fetchone()[0]
    return known


class Photographer:
    """Opens pages as people and keeps pictures of them; a person keeps his window from picture to picture."""

    def __init__(self, browser: Any, language: str, room: Path, address: str, known: dict[str, str], out: Path) -> None:
        self.browser, self.language, self.address, self.known, self.out = browser, language, address, known, out
        self.password = (room / "password.txt").read_text("utf-8").strip()
        self.film = next((room / "exams").rglob("*.mp4"))
        self._windows: dict[tuple[str | None, str], Any] = {}

    def take(self, picture: Picture) -> int:
        """Take one; its size in bytes."""
        path = picture.path
        for name, value in self.known.items():
            path = path.replace("{" + name + "}", value)
        stage = Stage(self._window(picture), self.film)
        stage.page.goto(path if path.startswith("http") else self.address + path)
        if picture.do is not None:
            picture.do(stage)
        stage.page.wait_for_timeout(300)
        size = self._keep(stage.page, picture)
        stage.page.context.set_offline(False)
        for more in stage.page.context.pages[1:]:
            more.close()
        return size

    def _window(self, picture: Picture) -> Any:
        key = (picture.login, json.dumps(picture.options, sort_keys=True))
        if key in self._windows:
            return self._windows[key].pages[0]
        options = {"viewport": {"width": WIDTH, "height": HEIGHT}, **(picture.options or {})}
        context = self.browser.new_context(locale={"en": "en-GB", "zh": "zh-CN"}[self.language], **options)
        context.set_default_timeout(60_000)
        self._windows[key] = context
        page = context.new_page()
        if picture.login is not None:
            page.goto(f"{self.address}/sign-in")
            page.fill("[name=login]", picture.login)
            page.fill("[name=password]", self.password)
            page.click("main button.main")
            page.wait_for_selector(".bar .me")
            if not page.get_attribute("html", "lang").startswith(self.language):
                page.click("form[action='/language'] button")
        return page

    def _keep(self, page: Any, picture: Picture) -> int:
        size = dict(page.viewport_size)
        if picture.whole:
            size["height"] = min(TALLEST, max(size["height"], page.evaluate("document.documentElement.scrollHeight")))
        shot = page.screenshot(full_page=picture.whole, clip={"x": 0, "y": 0, **size})
        image = Image.open(io.BytesIO(shot)).convert("RGB")
        small = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        target = self.out / self.language / f"{picture.name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        small.save(target, optimize=True)
        return target.stat().st_size

    def close(self) -> None:
        """Close every window."""
        for context in self._windows.values():
            context.close()


def main() -> int:
    """Take what is asked for; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", type=Path, help="folder that `siming demo --room` filled; a new one by default")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--lang", choices=LANGUAGES)
    parser.add_argument("--only", default="", help="names, with commas between")
    asked = parser.parse_args()
    wanted = set(asked.only.split(",")) - {""}
    unknown = wanted - {picture.name for picture in PICTURES}
    if unknown:
        parser.error(f"there is no picture {', '.join(sorted(unknown))}")
    chosen = [picture for picture in PICTURES if not wanted or picture.name in wanted]
    total = 0
    with tempfile.TemporaryDirectory(prefix="room-pictures-") as scratch:
        source = filled(asked.room or Path(scratch) / "demo" / "room")
        for language in [asked.lang] if asked.lang else LANGUAGES:
            total += _one_language(Path(scratch) / language, source, language, chosen, asked.out)
    print(f"{total / 1e6:.2f} MB", file=sys.stderr)
    return 0


def _one_language(scratch: Path, source: Path, language: str, chosen: list[Picture], out: Path) -> int:
    from playwright.sync_api import sync_playwright

    room = scratch / "room"
    shutil.copytree(source, room)
    (scratch / "fresh").mkdir()
    total = 0
    with serving(room) as served, serving(scratch / "fresh") as fresh, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        known = {**addresses(room), "set-up": fresh["setup"]}
        by = Photographer(browser, language, room, served["address"], known, out)
        for picture in chosen:
            size = by.take(picture)
            total += size
            print(f"{language}/{picture.name}.png  {size / 1000:.0f} kB", file=sys.stderr)
        by.close()
        browser.close()
    return total


if __name__ == "__main__":
    sys.exit(main())
