"""The comparison page: the agreement beside the grid, every step within reach, and the way from a cell to its case."""

from __future__ import annotations

import re
from html import unescape

import pytest
from exams import exam
from rating_rooms import add_rated_attempt, submitted
from sqlalchemy import select, update

from siming.store.figures.snapshots import take_snapshot
from siming.store.schema import adjudication_case, person

PAGE = "/p/spring/compare"
ALL = ("cpr-adult-single", "aed-adult", "bmv-adult")


def all_skills(room) -> None:
    """An attempt of 33 steps that two raters have locked."""
    attempt = add_rated_attempt(room, "A-001", rubrics=ALL)
    submitted(room, attempt, room.wei)
    submitted(room, attempt, room.okafor, slot=1)


def plain(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.mark.parametrize(
    ("language", "words", "on", "none"),
    [
        ("en", "Agreement now", "36 cells, 4 candidates", "None: 4"),
        ("zh", "当前一致性", "36 个单元格, 4 位考生", "无： 4"),
    ],
)
def test_the_agreement_stands_beside_the_grid_until_a_cell_is_chosen(web, language, words, on, none):
    room = web.room
    exam(room, 4)
    found = take_snapshot(room.db, room.project).figures["panels"][0]["metrics"]
    with room.db.write() as c:
        c.execute(update(person).values(language=language))
    page = web.client(room.coordinator).get(PAGE).text
    live = plain(page[page.index('class="live"') :])
    assert words in live
    for name in ("raw_agreement", "qwk", "ac2", "icc_a1"):
        value = found[name]["value"]
        assert value is None or f"{value:.3f}".replace("-", "−") in live
    assert on in live
    assert none in live
    assert 'href="/p/spring/agreement"' in page[page.index('class="live"') :]
    chosen = web.client(room.coordinator).get(PAGE, params={"cell": "A-000/aed-adult/aed01"}).text
    assert 'class="live"' not in chosen


def test_the_case_stands_before_the_steps_and_a_skill_alone_can_be_shown(web):
    room = web.room
    all_skills(room)
    client = web.client(room.coordinator)

    def heads(**query):
        page = client.get(PAGE, params=query).text
        table = page[page.index('<table class="grid"') : page.index("</thead>", page.index('<table class="grid"'))]
        return re.findall(r'class="skill" scope="colgroup">([^<]+)<', table), table.count('class="step"'), table

    skills, n_steps, table = heads()
    assert (set(skills), n_steps) == (set(ALL), 33)
    assert table.index(">Differ<") < table.index(">Case<") < table.index(">Consensus<") < table.index('class="skill"')
    assert heads(skill="aed-adult")[:2] == (["aed-adult"], 9)
    assert heads(skill="nothing")[1] == 33
    assert 'name="skill" value="aed-adult"' in client.get(PAGE, params={"skill": "aed-adult"}).text  # kept by the cells


def test_a_cell_leads_to_the_case_of_its_attempt(web):
    room = web.room
    exam(room, 2, lost_wei=lambda n: 2.0 * n, lost_okafor=lambda n: 0.0)
    client = web.client(room.coordinator)
    with room.db.read() as c:
        [case] = c.execute(select(adjudication_case.c.id)).scalars()
    for path in (PAGE, f"{PAGE}/cell"):
        assert f'href="/cases/{case}"' in client.get(path, params={"cell": "A-001/aed-adult/aed01"}).text
    alone = client.get(f"{PAGE}/cell", params={"cell": "A-000/aed-adult/aed01"}).text
    assert "/cases/" not in alone
    assert client.get("/api/v1/projects/spring/comparisons/A-001/aed-adult/aed01").json()["case"] == case
    assert client.get("/api/v1/projects/spring/comparisons/A-000/aed-adult/aed01").json()["case"] is None


@pytest.mark.parametrize("width", [1280, 390])
def test_every_step_is_within_reach_and_the_page_says_where(visit, width):
    room = visit.served.room
    all_skills(room)
    page = visit.page(room.coordinator, PAGE)
    page.set_viewport_size({"width": width, "height": 900})
    box, hint = page.locator(".grid-box"), page.locator(".aside-ways")
    right = "e => e.getBoundingClientRect().right"
    edge = box.evaluate(right)
    heads = page.locator("table.grid thead tr").first.locator("th:not(.skill)")
    if width == 1280:
        assert all(heads.nth(n).evaluate(right) <= edge for n in range(4))  # attempt, differ, case, consensus
    hidden = int(re.search(r"\d+", hint.inner_text())[0])
    steps = page.locator("table.grid th.step")
    assert sum(steps.nth(n).evaluate(right) > edge + 2 for n in range(33)) == hidden
    box.evaluate("e => e.scrollLeft = e.scrollWidth")
    page.wait_for_function("document.querySelector('.aside-ways').textContent === ''")
    assert steps.last.evaluate(right) <= edge + 2
    left = "e => e.getBoundingClientRect().left"
    assert page.locator("table.grid tbody th").first.evaluate(left) == pytest.approx(box.evaluate(left), abs=2)
