"""What leaves over HTTP: the same bytes twice, nothing of the vault in any of them, and a dataset that is scored."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from exams import exam, gold_of, model_runner, model_sheet, new_member
from films import add_attempt_with_film
from rating_rooms import add_rated_attempt, submitted
from sqlalchemy import select, update

from siming.exchange import FORMATS, export_bytes
from siming.rubric import load_dataset
from siming.store.accounts.vault import Identity, Vault, put_identities
from siming.store.blind.calibration import add_gold
from siming.store.cases import consensus
from siming.store.cases.consensus_view import list_results
from siming.store.figures.release import export_dataset
from siming.store.schema import media, person, submission

WRITABLE = [name for name, each in FORMATS.items() if each.can_write]
API = "/api/v1/projects/spring"


def lock_all(room) -> None:
    for line in list_results(room.db, room.coordinator, room.project).lines:
        consensus.lock(room.db, room.coordinator, line.id)


def settled(room, n: int = 3) -> list[str]:
    """Attempts on which two raters agree and whose consensus is locked."""
    made = exam(room, n, lost_wei=lambda n: 0.5 * (n % 2), lost_okafor=lambda n: 0.5 * (n % 2))
    lock_all(room)
    return made


def leaves(raw: bytes) -> list[tuple[str, bytes]]:
    """Every file in an answer, those within zips and workbooks too."""
    found = [("", raw)]
    if raw.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for name in archive.namelist():
                found.append((name, name.encode()))
                found += [(f"{name}!{inner}", content) for inner, content in leaves(archive.read(name))]
    if raw.startswith(b"PAR1"):
        parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow: pip install 'siming[exchange]'")
        found.append(
            ("table", json.dumps(parquet.read_table(io.BytesIO(raw)).to_pylist(), ensure_ascii=False).encode())
        )
    return found


@pytest.mark.parametrize("form", WRITABLE)
def test_a_release_asked_for_twice_over_http_is_byte_identical(web, form):
    settled(web.room)
    client = web.client(web.room.analyst)
    body = {"name": "2026-05", "licence": "CC BY 4.0", "agreements": ["Ethics 2026/17"]}
    made = client.post(f"{API}/releases", json=body)
    assert made.status_code == 201
    address = f"/api/v1/releases/{made.json()['id']}/export"
    first = client.get(address, params={"format": form})
    submitted(web.room, add_rated_attempt(web.room, "A-900"), web.room.wei)
    again = client.get(address, params={"format": form})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert "attachment" in first.headers["content-disposition"]
    assert list(web.room.media.glob("export-*")) == []


@pytest.mark.parametrize("form", WRITABLE)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_of_the_vault_and_nobodys_name_is_in_any_byte_that_leaves(web, form, language, tmp_path):
    room = web.room
    settled(room)
    odd = new_member(room, "login-of-quentin", "Quentin Namesake", "rater", "R77")
    helped = add_rated_attempt(room, "A-900", candidate_code="T-900", site="north", occasion="spring")
    submitted(room, helped, odd)
    gold = add_rated_attempt(room, "G-001")
    add_gold(room.db, room.coordinator, gold, [gold_of("G-001")], source="panel of secret professors")
    vault = Vault(tmp_path / "vault")
    tan = Identity("T-900", "Tan Weiming", "S-4711", "left-handed")
    put_identities(room.db, vault, room.owner, room.project, "candidate", [tan])
    vault.close()
    with room.db.write() as c:
        c.execute(update(media).where(media.c.kind == "original").values(facts={"device": "Serial-99-XYZ"}))
    with room.db.read() as c:
        people = c.execute(select(person.c.login, person.c.display_name, person.c.id)).all()
        originals = c.execute(select(media.c.sha256, media.c.path, media.c.id).where(media.c.kind == "original")).all()
        receipts = c.execute(select(submission.c.sha256, submission.c.id)).all()
    answer = web.client(room.coordinator).get(
        f"{API}/export", params={"format": form, "language": language, "what": ["first", "consensus", "model"]}
    )
    assert answer.status_code == 200
    kept_back = {word for row in (*people, *originals, *receipts) for word in row}
    kept_back |= {"Tan Weiming", "S-4711", "left-handed", "Serial-99-XYZ", "secret professors", room.project}
    kept_back -= {"Wei", "wei", "lin", "Lin", "owner", "okafor", "Okafor"}  # short enough to stand in other words
    for name, content in leaves(answer.content):
        for word in kept_back:
            assert word.encode() not in content, f"{word!r} leaves in {form} {name}"


def test_the_names_that_could_stand_in_other_words_are_no_author_either(web):
    settled(web.room)
    answer = web.client(web.room.coordinator).get(f"{API}/export", params={"format": "siming"})
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    sheets = [json.loads(line) for line in archive.read("sheets.jsonl").decode().splitlines()]
    assert {sheet["author"]["name"] for sheet in sheets} == {"R01", "R02", "consensus"}


def test_a_dataset_that_left_is_read_agrees_and_is_scored(web, tmp_path):
    from typer.testing import CliRunner

    from siming.cli import app

    settled(web.room, 6)
    answer = web.client(web.room.coordinator).get(f"{API}/export", params={"format": "siming"})
    folder = tmp_path / "spring"
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(folder)
    dataset = load_dataset(folder)
    assert len(dataset.sheets_of("consensus")) == 6
    assert [path.name for path in (folder / "rubrics").iterdir()] == ["1-aed-adult.yaml"]

    def run(*args: str) -> str:
        done = CliRunner().invoke(app, list(args), env={"COLUMNS": "200"})
        assert done.exit_code == 0, done.output
        return done.output

    assert "R01" in run("rating", "agree", str(folder))
    out = tmp_path / "run"
    run("bench", "run", str(folder), "--model", "baseline:all-correct", "--setting", "full-points", "--out", str(out))
    report = json.loads(run("bench", "score", str(out), "--dataset", str(folder), "--json"))
    assert "all-correct" in json.dumps(report)
    # nine steps of six videos; every second video lost half a point on its first step, which is still done right
    assert '"n": 54' in json.dumps(report)


def test_videos_leave_masked_and_only_for_who_may_see_them(web, tmp_path):
    room = web.room
    ids = settled(room, 2)
    for number, attempt_id in enumerate(ids):
        film = room.media / f"film{number}.mp4"
        film.write_bytes(b"masked %d" % number)
        with room.db.write() as c:
            mine = (media.c.attempt == attempt_id, media.c.kind == "derivative")
            c.execute(update(media).where(*mine).values(path=film.name))
    params = {"format": "siming", "videos": True}
    assert web.client(room.analyst).get(f"{API}/export", params=params).status_code == 403
    assert web.client(room.coordinator).get(f"{API}/export", params={**params, "format": "csv"}).status_code == 422
    answer = web.client(room.coordinator).get(f"{API}/export", params=params)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert [archive.read(f"videos/A-00{n}.mp4") for n in range(2)] == [b"masked 0", b"masked 1"]
    assert web.client(room.coordinator).get(f"{API}/export", params=params).content == answer.content
    made = web.client(room.coordinator).post(f"{API}/releases", json={"name": "one", "licence": "CC0"}).json()
    with room.db.write() as c:
        c.execute(update(media).where(media.c.attempt == ids[0]).values(state="quarantined"))
    now = web.client(room.coordinator).get(f"{API}/export", params=params)
    assert "videos/A-000.mp4" not in zipfile.ZipFile(io.BytesIO(now.content)).namelist()
    named = web.client(room.coordinator).get(f"/api/v1/releases/{made['id']}/export", params=params)
    assert (named.status_code, named.json()["error"]["code"]) == (422, "export_video_gone")


@pytest.mark.parametrize(
    ("language", "told", "warning", "unknown"),
    [
        (
            "en",
            'faces masked in 1, <span class="bad">not masked in 2</span>',
            "In 2 videos faces are as",
            "faces masked in 3",
        ),
        ("zh", '1 段已遮挡面部, <span class="bad">2 段未遮挡</span>', "有 2 段视频未遮挡面部", "3 段已遮挡面部"),
    ],
)
def test_the_page_says_of_how_many_videos_faces_are_masked_and_warns_of_the_others(
    web, language, told, warning, unknown
):
    room = web.room
    first, second, third = settled(room)

    def made_by(attempt_id: str, recipe: dict[str, str] | None) -> None:
        with room.db.write() as c:
            c.execute(
                update(media).where(media.c.attempt == attempt_id, media.c.kind == "derivative").values(recipe=recipe)
            )

    made_by(first, {"faces": "blur"}), made_by(second, {"faces": "none"}), made_by(third, None)
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == room.coordinator.id).values(language=language))
    client = web.client(room.coordinator)
    client.post("/p/spring/export/release", data={"name": "May", "licence": "CC0", "what": ["first"]})
    page = client.get("/p/spring/export").text
    assert told in page
    assert page.count(warning) == 3  # of what leaves, at the box that adds videos, and at the release's box
    counted = client.get(f"{API}/export/preview").json()
    assert (counted["n_videos"], counted["n_videos_unmasked"]) == (3, 2)
    made_by(second, {"faces": "box"}), made_by(third, {"faces": "blur"})
    page = client.get("/p/spring/export").text
    assert unknown in page
    assert 'class="flash warn"' not in page


def test_raters_adjudicators_and_auditors_get_nothing_of_it(web):
    room = web.room
    settled(room, 1)
    made = web.client(room.coordinator).post(f"{API}/releases", json={"name": "one", "licence": "CC0"}).json()
    for actor in (room.wei, room.lin, room.auditor):
        client = web.client(actor)
        for path in ("/p/spring/export", f"{API}/export", f"{API}/export/preview", f"{API}/releases",
                     f"/api/v1/releases/{made['id']}/export", "/p/spring/import", f"{API}/models"):  # fmt: skip
            assert client.get(path).status_code == 403, path
        for path in (
            "/p/spring/export/download",
            "/p/spring/export/release",
            f"/p/spring/export/releases/{made['id']}",
        ):
            assert client.post(path, data={"format": "csv", "what": "first"}).status_code == 403, path
        assert client.post(f"{API}/releases", json={"name": "two", "licence": "CC0"}).status_code == 403


def test_a_stranger_learns_nothing_of_a_release(web):
    room = web.room
    settled(room, 1)
    made = web.client(room.coordinator).post(f"{API}/releases", json={"name": "one", "licence": "CC0"}).json()
    from siming.store.accounts import invitations, people

    stranger, _ = invitations.create_person(room.db, room.owner, login="stranger", name="Stranger")
    client = web.client(people.actor_of(room.db, stranger.id))
    there = client.get(f"/api/v1/releases/{made['id']}/export").json()["error"]
    missing = client.get("/api/v1/releases/re_000000000000/export").json()["error"]
    assert there["code"] == missing["code"] == "no_release"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_says_what_leaves_what_stays_and_makes_a_release(web, language):
    room = web.room
    settled(room)
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == room.coordinator.id).values(language=language))
    client = web.client(room.coordinator)
    page = client.get("/p/spring/export").text
    assert ("What never leaves" if language == "en" else "永不导出") in page
    for form in WRITABLE:
        assert FORMATS[form].about(language).replace('"', "&#34;") in page.replace("&#39;", "'")
    sent = {"name": "<b>May</b>", "licence": "CC0", "agreements": "one\ntwo", "what": ["first"]}
    assert client.post("/p/spring/export/release", data=sent).status_code == 303
    page = client.get("/p/spring/export").text
    assert "&lt;b&gt;May&lt;/b&gt;" in page
    assert "<b>May</b>" not in page
    assert client.post("/p/spring/export/release", data=sent).status_code == 409
    download = client.post("/p/spring/export/download", data={"format": "csv", "what": ["first"], "language": language})
    assert download.status_code == 200
    assert download.content.startswith(b"\xef\xbb\xbf")
    assert client.post("/p/spring/export/download", data={"format": "nonsense", "what": ["first"]}).status_code == 422
    assert client.post("/p/spring/export/download", data={"format": "csv"}).status_code == 422


def test_a_models_sheets_come_in_by_file_and_out_as_a_models(web):
    room = web.room
    settled(room, 2)
    client = web.client(model_runner(room))
    from dataclasses import replace

    from siming.store.figures.model_runs import room_for

    blank = room_for(room.db, room.again(client_actor(room, "maud")), room.project)
    raw = export_bytes(replace(blank, sheets=[model_sheet("A-000"), model_sheet("A-001", lost=1.0)]), "csv")[2]
    sent = client.post("/p/spring/import", data={"format": "csv"}, files={"file": ("m.csv", raw)})
    assert sent.status_code == 303, sent.text
    page = client.get("/p/spring/import").text
    assert "qwen3-vl" in page
    answer = web.client(room.coordinator).get(f"{API}/export", params={"what": "model", "format": "csv"})
    assert b"qwen3-vl" in answer.content
    assert b"qwen3-vl" not in web.client(room.coordinator).get(f"{API}/export", params={"format": "csv"}).content


def test_a_models_marks_on_pictures_become_seconds_of_the_film_that_is_shown(web):
    room = web.room
    made, _ = add_attempt_with_film(room, "A-031")  # 25 pictures a second
    raw = f"""<annotations><meta><task><name>x</name></task><source>{made.code}.mp4</source></meta>
        <track id="0" label="aed02"><box frame="50" outside="0"/><box frame="75" outside="1"/></track></annotations>"""
    client = web.client(model_runner(room))
    sent = {"format": "cvat", "model": "detector"}
    answer = client.post("/p/spring/import", data=sent, files={"file": ("marks.xml", raw.encode())})
    assert answer.status_code == 303, answer.text
    dataset = export_dataset(room.db, room.coordinator, room.project, what=("model",))
    [sheet] = [sheet for sheet in dataset.sheets if sheet.steps.get("aed02")]
    assert sheet.steps["aed02"].evidence == ((2.0, 3.0),)
    assert sheet.steps["aed02"].points is None


def test_a_file_is_called_as_its_sender_calls_it(web):
    add_rated_attempt(web.room, "A-000")
    client = web.client(model_runner(web.room))
    for called, said in (("marks.opf", "marks.opf"), ("../../etc/\u202eevil.opf", "evil.opf")):
        answer = client.post(
            "/p/spring/import", data={"format": "datavyu", "model": "m"}, files={"file": (called, b"PK\x03\x04")}
        )
        assert answer.status_code == 422
        assert said in answer.text
        assert "/etc" not in answer.text


def client_actor(room, login: str):
    with room.db.read() as c:
        return c.execute(select(person).where(person.c.login == login)).one()


def test_a_physicians_spreadsheet_is_no_blind_rating_and_does_not_come_in(web):
    room = web.room
    settled(room, 1)
    raw = export_bytes(export_dataset(room.db, room.coordinator, room.project, what=("first",)), "csv")[2]
    client = web.client(model_runner(room))
    sent = client.post("/p/spring/import", data={"format": "csv"}, files={"file": ("wei.csv", raw)})
    assert sent.status_code == 422
    claimed = client.post("/p/spring/import", data={"format": "csv", "model": "R01"}, files={"file": ("wei.csv", raw)})
    assert claimed.status_code == 422
    assert "blind" in client.get("/p/spring/import").text


@pytest.mark.parametrize(
    "raw", [b"", b"PK\x03\x04 broken", b"\x00\xff\xfe" * 50, b"attempt,step\n=cmd|' /C calc'!A0,x\n", b"{}" * 9]
)
@pytest.mark.parametrize("form", [name for name, each in FORMATS.items() if each.can_read])
def test_a_hostile_file_is_refused_with_a_reason(web, raw, form):
    add_rated_attempt(web.room, "A-000")
    client = web.client(model_runner(web.room))
    answer = client.post(f"{API}/models", data={"format": form, "model": "m"}, files={"file": ("x", raw)})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]
    assert str(web.room.folder) not in answer.text
