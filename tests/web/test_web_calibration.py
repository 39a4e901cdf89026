"""Calibration over HTTP: a rater's own result after his own lock, the coordinator's table, gold sheets by file."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from exams import assign_calibrated, gold_of
from rating_rooms import Tab, add_rated_attempt, submitted
from sqlalchemy import update

from siming.exchange import export_bytes
from siming.store.blind.calibration import add_gold
from siming.store.figures.model_runs import room_for
from siming.store.schema import person

PAGE, API = "/p/spring/calibration", "/api/v1/projects/spring/calibration"
PANEL = "panel of 3, May 2026"


def gold_file(room, *sheets, form: str = "csv") -> bytes:
    blank = room_for(room.db, room.coordinator, room.project)
    return export_bytes(replace(blank, sheets=list(sheets)), form)[2]


@pytest.mark.parametrize("form", ["csv", "xlsx", "siming"])
def test_a_panels_file_makes_an_attempt_a_gold_one(web, form):
    room = web.room
    add_rated_attempt(room, "G-001")
    client = web.client(room.coordinator)
    sent = {"attempt": "G-001", "format": form, "source": PANEL}
    answer = client.post(
        f"{PAGE}/gold", data=sent, files={"file": ("gold", gold_file(room, gold_of("G-001"), form=form))}
    )
    assert answer.status_code == 303, answer.text
    assert client.get(f"{API}/gold").json() == [
        {"code": "G-001", "source": PANEL, "n_sheets": 1, "n_given": 0, "n_submitted": 0}
    ]
    assert client.post("/p/spring/plan/calibration").status_code == 303
    assert client.get(f"{API}/gold").json()[0]["n_given"] == 2


def test_before_the_own_lock_the_answers_are_the_same_bytes_whatever_the_panel_gave(web, tmp_path):
    room = web.room
    attempt = add_rated_attempt(room, "G-001")
    given = assign_calibrated(room, attempt, room.wei)
    client = web.client(room.wei)
    looks = (PAGE, API, "/queue", "/calibration", "/api/v1/assignments", f"/api/v1/assignments/{given}")

    def answers():
        return [client.get(path).content for path in looks]

    Tab(room, room.wei, given).open()
    answers()  # what a first look changes by itself, such as the signed address of a film, is behind us
    add_gold(room.db, room.coordinator, attempt, [gold_of("G-001", lost=0.0)], source=PANEL)
    before = [b"" if b"sig=" in content else content for content in answers()]
    add_gold(room.db, room.coordinator, attempt, [gold_of("G-001", lost=2.0)], source="others")
    submitted(room, attempt, room.okafor, purpose="calibration", lost=1.0)
    assert [b"" if b"sig=" in content else content for content in answers()] == before
    assert b"Step by step" not in client.get(PAGE).content


def test_after_the_own_lock_the_panels_points_stand_beside_the_own(web):
    room = web.room
    room.policy(calibration_pass_kappa=0.5)
    attempt = add_rated_attempt(room, "G-001")
    add_gold(room.db, room.coordinator, attempt, [gold_of("G-001", lost=2.0)], source=PANEL)
    submitted(room, attempt, room.wei, purpose="calibration", lost=2.0)
    client = web.client(room.wei)
    page = client.get(PAGE).text
    assert "Passed" in page
    assert "Step by step" in page
    own = client.get(API).json()
    assert (own["rater"], own["passed"], own["n_open"]) == ("R01", True, 0)
    assert own["steps"][0]["own"] == own["steps"][0]["panel"] == own["steps"][0]["max_points"] - 2
    assert client.get("/calibration").headers["location"] == PAGE
    assert "/calibration" in client.get("/queue").text


def test_a_coordinator_sees_the_table_and_raters_do_not(web):
    room = web.room
    attempt = add_rated_attempt(room, "G-001")
    add_gold(room.db, room.coordinator, attempt, [gold_of("G-001", lost=1.0)], source=PANEL)
    submitted(room, attempt, room.okafor, purpose="calibration", lost=2.0)
    client = web.client(room.coordinator)
    assert [row["rater"] for row in client.get(f"{API}/raters").json()] == ["R01", "R02"]
    page = client.get(PAGE).text
    assert "R02" in page
    assert PANEL in page
    wei = web.client(room.wei)
    assert "R02" not in wei.get(PAGE).text
    for path in (f"{API}/raters", f"{API}/gold"):
        assert wei.get(path).status_code == 403
    sent = {"attempt": "G-001", "format": "csv", "source": PANEL}
    assert wei.post(f"{PAGE}/gold", data=sent, files={"file": ("g", b"x")}).status_code == 403
    for actor in (room.lin, room.auditor, room.analyst):
        assert web.client(actor).get(PAGE).status_code == 403


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": " "}, "Say who made"),
        ({"attempt": "A-404"}, "A-404"),
        ({"format": "webvtt"}, "no such format"),
        ({"attempt": "G-002"}, "no sheet of this attempt"),
    ],
)
def test_a_gold_file_that_does_not_fit_is_refused_with_the_form(web, change, words):
    room = web.room
    add_rated_attempt(room, "G-001"), add_rated_attempt(room, "G-002")
    sent = {"attempt": "G-001", "format": "csv", "source": PANEL, **change}
    answer = web.client(room.coordinator).post(
        f"{PAGE}/gold", data=sent, files={"file": ("gold.csv", gold_file(room, gold_of("G-001")))}
    )
    assert answer.status_code in (404, 422)
    assert words in answer.text


def test_of_two_authors_in_a_file_none_is_taken_for_gold(web):
    room = web.room
    add_rated_attempt(room, "G-001")
    from exams import sheet_of

    from siming.rubric import Author

    two = [sheet_of("G-001", author=Author(kind="physician", name=name)) for name in ("Ada", "Ben")]
    sent = {"attempt": "G-001", "format": "csv", "source": PANEL}
    answer = web.client(room.coordinator).post(
        f"{PAGE}/gold", data=sent, files={"file": ("g.csv", gold_file(room, *two))}
    )
    assert answer.status_code == 422
    assert "physician Ada, physician Ben" in answer.text


@pytest.mark.parametrize(
    ("raw", "en", "zh"),
    [
        (b"only one column\nof text\n", "gold.csv has one column only", "gold.csv 只有一列"),
        ("考生，步骤，得分\nA，b，1\n".encode(), "full-width", "全角"),
        (b"a,b\n1,2\n", "names the attempts", "没有标明考试记录的表头"),
        (b"\x00\x01\x02 binary", "is no text file", "不是文本文件"),
        (b"%PDF-1.7", "no CSV and no XLSX", "不是 CSV 或 XLSX"),
        (b" \n", "gold.csv is empty", "gold.csv 是空的"),
        (b'attempt,rater,step,points\nA,b,"c,1\n', "quotation marks", "引号没有闭合"),
    ],
)
def test_a_wrong_gold_file_is_called_by_its_own_name_and_refused_in_the_readers_language(web, raw, en, zh):
    add_rated_attempt(web.room, "G-001")
    client = web.client(web.room.coordinator)
    sent = {"attempt": "G-001", "format": "csv", "source": PANEL}
    for language, words in (("en", en), ("zh", zh)):
        with web.room.db.write() as c:
            c.execute(update(person).where(person.c.id == web.room.coordinator.id).values(language=language))
        answer = client.post(f"{PAGE}/gold", data=sent, files={"file": ("gold.csv", raw)})
        assert answer.status_code == 422
        said = re.search(r'id="trouble">(.*?)</p>', answer.text)[1]
        assert words in said
        assert "delimiter=" not in said
        assert "table.csv" not in said


@pytest.mark.parametrize(
    ("language", "on", "thin", "none"),
    [
        ("en", "9 steps, 1 video", "another gold video can turn the result", "no interval:"),
        ("zh", "9 个步骤, 1 段视频", "再评一段金标准视频，结果就可能改变", "无区间："),
    ],
)
def test_kappa_and_the_verdict_say_on_how_much_they_stand_for_rater_and_coordinator(web, language, on, thin, none):
    room = web.room
    room.policy(calibration_pass_kappa=0.5)
    attempt = add_rated_attempt(room, "G-001")
    add_gold(room.db, room.coordinator, attempt, [gold_of("G-001", lost=2.0)], source=PANEL)
    submitted(room, attempt, room.wei, purpose="calibration", lost=2.0)
    with room.db.write() as c:
        c.execute(update(person).values(language=language))
    for actor in (room.wei, room.coordinator):
        page = web.client(actor).get(PAGE).text
        assert page.count(on) == 4  # beside kappa, raw agreement and AC2, and beside the verdict
        assert page.count(none) == 4
        assert thin in page
    kappa = web.client(room.wei).get(API).json()["metrics"]["qwk"]
    assert (kappa["n"], kappa["interval"]) == (9, None)
    assert kappa["interval_reason"]
