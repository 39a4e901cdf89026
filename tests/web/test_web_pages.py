"""The foundation's pages in a real browser: hostile texts are texts, both languages, keyboard, narrow screens."""

from __future__ import annotations

import re
import string
from datetime import timedelta

import pytest
from markupsafe import Markup
from rooms import PASSWORD
from sqlalchemy import select

from siming.store.accounts import invitations, people, tokens
from siming.store.accounts.vault import Identity, Vault, put_identities
from siming.store.database import moment_of
from siming.store.media import attempts
from siming.store.projects import members, projects
from siming.store.schema import attempt as attempt_table
from siming.web.page import _teller, when
from siming.web.texts import text, texts

pytestmark = pytest.mark.browser

HOSTILE = '<script>window.ran=1</script>"><img src=x onerror="window.ran=1">'
SHORT = '"><img src=x onerror=window.ran=1>'


def pages_of(room):
    return [
        "/",
        "/projects/new",
        f"/p/{room.slug}",
        f"/p/{room.slug}/settings",
        f"/p/{room.slug}/members",
        f"/p/{room.slug}/members/{room.members['wei']}",
        f"/p/{room.slug}/identities",
        f"/p/{room.slug}/rubrics",
        f"/p/{room.slug}/audit?verify=1",
        "/rubrics",
        f"/rubrics/{room.rubrics[1].id}",
        "/account",
        "/people",
        "/break-glass",
        "/audit",
        "/api",
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_texts_in_every_field_show_as_texts_and_run_nothing(visit, served, language):
    """The `visit` fixture fails on any complaint of the browser, and a blocked inline script is one."""
    room = served.room
    vault = Vault(room.media.parent / "vault", clock=room.db.now)
    put_identities(room.db, vault, room.owner, room.project, "candidate", [Identity(SHORT, HOSTILE, SHORT, HOSTILE)])
    vault.close()
    projects.change_project(room.db, room.owner, room.project, title=HOSTILE)
    people.change_person(room.db, room.owner, name=HOSTILE, language=language)
    made, _ = invitations.create_person(room.db, room.owner, login="tan", name=HOSTILE)
    members.add_member(
        room.db, room.owner, room.project, person_id=made.id, roles=["rater"], site=HOSTILE[:80], conflicts=[SHORT]
    )
    tokens.make_token(room.db, room.owner, name=HOSTILE[:80])
    invitations.create_person(room.db, room.owner, login="ola", name=HOSTILE, is_owner=True)
    projects.break_glass(room.db, room.owner, room.slug, reason=HOSTILE)
    page = visit.page(room.owner, None)
    for path in pages_of(room):
        page.goto(served.address + path)
        assert page.evaluate("window.ran") is None, path
        assert page.locator("img").count() == 0, path
        assert page.locator("bdi").filter(has_text=HOSTILE).count() >= 1, path
    page.goto(f"{served.address}/p/{room.slug}/identities")
    page.get_by_role("textbox").first.fill(HOSTILE)
    page.locator("form.filters button").click()
    assert page.locator("td").filter(has_text=HOSTILE).count() >= 1
    assert page.evaluate("window.ran") is None


def test_hostile_texts_that_come_back_with_a_refusal_run_nothing(visit, served):
    room = served.room
    page = visit.page(room.owner, "/projects/new")
    page.fill("#f-title", HOSTILE)
    page.fill("#f-slug", HOSTILE[:60])
    page.get_by_role("button", name="Make the project").click()
    assert page.input_value("#f-title") == HOSTILE
    assert page.input_value("#f-slug") == HOSTILE[:60]
    assert "A short name has" in page.get_by_role("alert").inner_text()
    page.goto(f"{served.address}/p/{room.slug}/members")
    page.fill("#f-login", HOSTILE)
    page.fill("#f-name", HOSTILE)
    page.get_by_role("button", name="Add", exact=True).click()
    assert page.input_value("#f-login") == HOSTILE
    other = visit.page(None, f"/sign-in?next={SHORT}")
    other.fill("#f-login", HOSTILE)
    other.fill("#f-password", "x")
    other.get_by_role("button", name="Sign in").click()
    assert other.input_value("#f-login") == HOSTILE
    assert page.evaluate("window.ran") is None
    assert other.evaluate("window.ran") is None
    refused(visit)


def refused(visit):
    """A form that was refused came back with its status: the browser remarks on it, as it should."""
    visit.complaints[:] = [text for text in visit.complaints if "status of 4" not in text]


def test_a_rubric_made_to_attack_is_read_as_text(visit, served, tmp_path):
    from siming.store.projects import rubrics

    document = rubrics.builtin_document("aed-adult").decode()
    document = document.replace("version: 0.1.0", "version: 0.2.0").replace(
        "title: Switch the AED on", "title: '" + HOSTILE.replace("'", "''") + "'"
    )
    hostile = tmp_path / "rubric.yaml"
    hostile.write_text(document, "utf-8")
    page = visit.page(served.room.owner, "/rubrics")
    page.set_input_files("#f-document", hostile)
    page.get_by_role("button", name="Check and publish").click()
    assert "0.2.0 is published" in page.get_by_role("status").inner_text()
    assert page.get_by_role("heading", name="window.ran=1").count() == 1
    assert page.evaluate("window.ran") is None


def test_a_rubric_that_is_none_is_refused_with_its_reason_on_the_page(visit, served, tmp_path):
    wrong = tmp_path / "rubric.yaml"
    wrong.write_text("schema: siming.rubric/1\nid: [", "utf-8")
    page = visit.page(served.room.owner, f"/p/{served.room.slug}/rubrics")
    page.set_input_files("#f-document", wrong)
    page.get_by_role("button", name="Check and publish").click()
    assert "line 3" in page.get_by_role("alert").inner_text()
    refused(visit)


def test_a_whole_beginning_by_keyboard_alone(visit, served):
    """Sign in, make a project, add a rater: no mouse."""
    page = visit.page(None, "/sign-in")
    page.keyboard.type("owner")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(served.address + "/")
    page.get_by_role("link", name="New project").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Title").focus()
    page.keyboard.type("Autumn exam")
    page.keyboard.press("Tab")
    page.keyboard.type("autumn")
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/autumn/members")
    page.locator("#f-login").focus()
    page.keyboard.type("tan@example.org")
    page.keyboard.press("Tab")
    page.keyboard.type("Tan")
    page.locator("[name=roles][value=rater]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    link = page.locator("output.secret").inner_text()
    assert re.fullmatch(re.escape(served.address) + r"/welcome\?token=[\w-]{40,}", link)
    other = visit.page(None, None)
    other.goto(link)
    other.get_by_label("Choose a password").focus()
    other.keyboard.type("a handful of words")
    other.keyboard.press("Enter")
    other.wait_for_url("**/queue")
    assert "Tan" in other.locator(".me").inner_text()


def test_the_first_tab_stop_skips_to_the_content(visit, served):
    page = visit.page(served.room.owner, "/account")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_language_and_theme_change_at_once_and_are_kept_for_the_person(visit, served):
    page = visit.page(served.room.owner, "/account")
    page.get_by_role("button", name="中文").click()
    assert page.get_by_role("heading", level=1).inner_text() == "您的账号"
    assert page.get_attribute("html", "lang") == "zh-Hans"
    page.locator("form[action='/theme'] button").click()
    page.wait_for_load_state("load")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor") == "rgb(19, 21, 25)"
    again = visit.page(served.room.owner, "/")
    assert (again.get_attribute("html", "lang"), again.get_attribute("html", "data-theme")) == ("zh-Hans", "dark")


def test_who_is_signed_out_reads_in_the_browsers_language_until_he_chooses(visit):
    page = visit.page(None, "/sign-in", locale="zh-CN")
    assert page.get_by_role("heading", level=1).inner_text() == "登录"
    page.get_by_role("button", name="English").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Sign in"
    page.reload()
    assert page.get_by_role("heading", level=1).inner_text() == "Sign in"


CHECKS = """() => {
  const found = []
  const named = (e) => (e.getAttribute('aria-label') || e.title || e.textContent || e.value || '').trim()
  if (document.querySelectorAll('h1').length !== 1) found.push('h1: ' + document.querySelectorAll('h1').length)
  if (!document.querySelector('main') || !document.querySelector('header')) found.push('landmarks')
  for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!e.labels.length && !e.getAttribute('aria-label') && e.getAttribute('aria-hidden') !== 'true') found.push('no label: ' + e.name)
  for (const e of document.querySelectorAll('button, a')) if (!named(e)) found.push('no name: ' + e.outerHTML.slice(0, 80))
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id)
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push('twice: ' + id)
  if (document.querySelector('[style]')) found.push('style attribute')
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth
  if (wide > 0) found.push('wider than the screen by ' + wide)
  for (const e of document.querySelectorAll('button, a.button, .bar a')) {
    const box = e.getBoundingClientRect()
    if (box.height && box.height < 36) found.push('too small for a finger: ' + named(e) + ' ' + box.height)
  }
  return found
}"""


@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(1280, "light", "en"), (1024, "dark", "zh"), (390, "light", "zh")]
)
def test_every_page_has_labels_landmarks_and_fits_the_screen(visit, served, width, scheme, language):
    room = served.room
    people.change_person(room.db, room.owner, language=language)
    page = visit.page(room.owner, None, viewport={"width": width, "height": 768}, color_scheme=scheme)
    found = {}
    for path in pages_of(room):
        page.goto(served.address + path)
        wrong = page.evaluate(CHECKS)
        if wrong:
            found[path] = wrong
    assert found == {}


def test_a_secret_token_is_shown_once(visit, served):
    page = visit.page(served.room.owner, "/account")
    page.get_by_label("What it is for").fill("script")
    page.get_by_role("button", name="Make a token").click()
    secret = page.locator("output.secret").inner_text()
    assert tokens.find_by_token(served.room.db, secret) is not None
    page.goto(served.address + "/account")
    assert page.locator("output.secret").count() == 0
    assert secret not in page.content()


def test_a_rater_finds_no_door_to_what_he_may_not_see(visit, served):
    page = visit.page(served.room.wei, f"/p/{served.room.slug}")
    names = set(page.locator(".subbar a").all_inner_texts())
    assert names <= {"Spring exam", "Rubrics", "Calibration"}  # of calibration a rater sees his own results
    assert page.locator("header nav a").all_inner_texts() == ["My queue", "Projects"]


# --- texts --------------------------------------------------------------------------------------------------------


def places(value):
    every = value.values() if isinstance(value, dict) else [value]
    return {part[1] for one in every for part in string.Formatter().parse(one) if part[1] is not None}


def test_both_languages_hold_the_same_texts_with_the_same_places():
    english, chinese = texts("en"), texts("zh")
    assert set(english) == set(chinese)
    assert {k for k in english if places(english[k]) != places(chinese[k])} == set()
    assert {k for k in english if not isinstance(english[k], (str, dict))} == set()


def test_a_counted_text_takes_its_number():
    assert text("en", "identities.put_done", n=1) == "One person is sealed."
    assert text("en", "identities.put_done", n=3) == "3 people are sealed."
    assert text("zh", "identities.put_done", n=1) == "已加密保存 1 人。"


def test_a_time_says_that_it_is_utc_and_what_stands_beside_it_is_still_escaped():
    told = when("2026-03-01T08:00:05.123456Z")
    assert told == '<time datetime="2026-03-01T08:00:05Z">2026-03-01 08:00 UTC</time>'
    assert when("2026-03-01T08:00:05.123456Z", seconds=True).endswith(">2026-03-01 08:00:05 UTC</time>")
    said = _teller("en")("consensus.made_by", name="<img src=x>", at=told)
    assert str(said).startswith("Made by &lt;img src=x&gt;, <time ")
    assert isinstance(_teller("en")("consensus.made_by", name="<b>", at="now"), str)  # the page escapes it as a whole
    assert not isinstance(_teller("en")("consensus.made_by", name="<b>", at="now"), Markup)


def test_times_are_told_by_the_readers_own_clock_and_without_scripts_in_utc(visit, served):
    room = served.room
    attempts.add_attempt(room.db, room.coordinator, room.project, code="A-001")
    with room.db.read() as c:
        stamp = c.scalar(select(attempt_table.c.created_at))
    utc = moment_of(stamp)
    page = visit.page(room.coordinator, f"/p/{room.slug}/attempts", timezone_id="Asia/Shanghai")
    time = page.locator("td time")
    assert time.inner_text() == (utc + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M")
    assert time.get_attribute("title") == utc.strftime("%Y-%m-%d %H:%M UTC")
    plain = visit.page(room.coordinator, f"/p/{room.slug}/attempts", java_script_enabled=False)
    assert plain.locator("td time").inner_text() == utc.strftime("%Y-%m-%d %H:%M UTC")
