"""Films over HTTP: byte-exact parts, addresses that hold for one person and a short while, and nothing by tricks."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import pytest
from films import add_attempt_with_film, add_film, time_map
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rating_rooms import Tab, give
from sqlalchemy import func, insert, select, update

from siming.store.media import attempts, exclusion, media, media_access
from siming.store.media.media_folder import MediaFolder
from siming.store.projects.projects import set_project_state
from siming.store.schema import adjudication_case, assignment, audit_event
from siming.store.schema import media as media_table
from siming.video.timemap import TimeMap
from siming.web import signing
from siming.web.ranges import FilePart, Span, Unsatisfiable, span_of

CONTENT = bytes((k * 7 + k // 256) % 256 for k in range(10_000))


@pytest.fixture
def film(web):
    """A released film of 10,000 bytes that Wei is to rate."""
    made, derivative = add_attempt_with_film(web.room, content=CONTENT)
    assign(web.room, web.room.wei, made.id)
    return derivative


def assign(room, rater, attempt_id):
    row = {
        "id": f"as_{rater.login:x<12}", "project": room.project, "attempt": attempt_id, "rater": rater.id, "slot": 0,
        "position": 0, "purpose": "score", "rubrics": [], "state": "queued", "created_at": room.db.stamp(),
    }  # fmt: skip
    with room.db.write() as c:
        c.execute(insert(assignment).values(**row))


def address(web, film, actor=None) -> str:
    return signing.media_address(web.room.db, film.id, (actor or web.room.wei).id).url


# --- parts ----------------------------------------------------------------------------------------------------------

numbers = st.integers(0, 12_000) | st.just(10**30)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.none() | numbers, last=st.none() | numbers)
@example(first=0, last=0)
@example(first=9_999, last=None)
@example(first=10_000, last=None)
@example(first=None, last=0)
@example(first=None, last=10_001)
@example(first=0, last=9_999)
@example(first=5, last=4)
def test_a_part_is_exactly_the_bytes_that_were_asked_for(web, film, first, last):
    client = made_once(web)
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    answer = client.get(address(web, film), headers={"Range": header})
    size = len(CONTENT)
    if first is None and last is None:
        start, wanted = 0, None  # not a range by the grammar: the whole film
    elif first is None:
        start = max(0, size - last)
        wanted = CONTENT[start:]
    elif last is not None and last < first:
        start, wanted = 0, None
    else:
        start = first
        wanted = CONTENT[first : size if last is None else last + 1]
    if wanted is None:
        assert (answer.status_code, answer.content) == (200, CONTENT)
    elif not wanted:
        assert (answer.status_code, answer.content) == (416, b"")
        assert answer.headers["content-range"] == f"bytes */{size}"
    else:
        assert (answer.status_code, answer.content) == (206, wanted)
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(wanted) - 1}/{size}"
        assert answer.headers["content-length"] == str(len(wanted))


def made_once(web):
    if not hasattr(web, "of_wei"):
        web.of_wei = web.client(web.room.wei)
    return web.of_wei


@pytest.mark.parametrize(
    "header",
    ["bytes=0-1,4-5", "bytes=" + ",".join(["0-"] * 200), "items=0-1", "bytes", "bytes=", "bytes=-", "bytes=a-b",
     "bytes=1-2-3", "bytes=--1", "bytes=0x1-0x2", "bytes= - ", "bytes=٣-٤", "bytes=" + "9" * 5000 + "-", ""],
)  # fmt: skip
def test_a_range_that_cannot_be_understood_gives_the_whole_film(header):
    assert span_of(header, 100) is None


@given(st.text(max_size=30) | st.from_regex(r"bytes=[0-9]{0,25}-[0-9]{0,25}", fullmatch=True), st.integers(0, 10**12))
def test_any_range_header_lies_inside_the_file_or_is_refused(header, size):
    try:
        span = span_of(header, size)
    except Unsatisfiable:
        return
    assert span is None or 0 <= span.start < span.stop <= size


def test_ranges_beyond_four_gigabytes_are_exact(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.seek(6 << 30)
        file.write(b"the end")
    part = FilePart(path, etag='"x"', media_type="video/mp4", asked={"range": f"bytes={(6 << 30) + 4}-"}, head=False)
    sent = asyncio.run(collect(part))
    assert sent[0]["status"] == 206
    assert b"".join(message["body"] for message in sent[1:]) == b"end"
    assert span_of("bytes=-7", (6 << 30) + 7) == Span(6 << 30, (6 << 30) + 7)


async def collect(part, *, gone_after: int | None = None):
    sent = []
    gone = asyncio.Event()

    async def send(message):
        sent.append(message)
        if gone_after is not None and len(sent) > gone_after:
            gone.set()
            await asyncio.sleep(0.01)

    async def receive():
        await gone.wait()
        return {"type": "http.disconnect"}

    await part({"type": "http"}, receive, send)
    return sent


def test_a_player_that_hangs_up_is_not_read_to(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    part = FilePart(path, etag='"x"', media_type="video/mp4", asked={}, head=False)
    assert len(asyncio.run(collect(part, gone_after=3))) < 10


def test_conditions_of_a_request_are_kept(web, film):
    client, url, etag = made_once(web), address(web, film), f'"{film.sha256}"'
    whole = client.get(url)
    assert (whole.status_code, whole.content, whole.headers["etag"]) == (200, CONTENT, etag)
    for tag in (etag, f"W/{etag}", "*", f'"other", {etag}'):
        same = client.get(url, headers={"If-None-Match": tag})
        assert (same.status_code, same.content) == (304, b"")
    part = {"Range": "bytes=10-19"}
    assert client.get(url, headers=part | {"If-Range": etag}).content == CONTENT[10:20]
    for other in ('"other"', f"W/{etag}", "Sat, 21 Nov 2026 08:00:00 GMT"):
        assert client.get(url, headers=part | {"If-Range": other}).content == CONTENT


def test_head_tells_what_get_would_send_and_sends_nothing(web, film):
    client, url = made_once(web), address(web, film)
    for headers in ({}, {"Range": "bytes=5-9"}):
        head, get = client.head(url, headers=headers), client.get(url, headers=headers)
        assert (head.status_code, head.content) == (get.status_code, b"")
        for name in ("content-length", "content-type", "accept-ranges", "etag"):
            assert head.headers[name] == get.headers[name]


def test_a_film_is_only_ever_a_film(web, film):
    answer = made_once(web).get(address(web, film))
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "inline"
    assert answer.headers["cache-control"].startswith("private")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


# --- addresses ------------------------------------------------------------------------------------------------------


def refused(client, url) -> tuple[int, str]:
    answer = client.get(url, headers={"Accept": "application/json"})
    assert CONTENT[:50] not in answer.content
    return answer.status_code, answer.json()["error"]["code"]


def test_an_address_ends_and_the_page_gets_a_new_one(web, film):
    client, url = made_once(web), address(web, film)
    web.room.clock.pass_by(minutes=29)
    assert client.get(url).status_code == 200
    web.room.clock.pass_by(minutes=2)
    assert refused(client, url) == (403, "address_expired")
    fresh = client.get(f"/api/v1/media/{film.id}/address").json()
    assert client.get(fresh["url"]).content == CONTENT


def test_an_address_is_of_use_to_the_person_it_was_given_to_only(web, film):
    url = address(web, film)
    assert refused(web.client(web.room.okafor), url) == (403, "address_of_other")
    assert refused(web.client(web.room.coordinator), url) == (403, "address_of_other")
    assert refused(web.visitor(), url) == (401, "signed_out")


def test_a_signature_alone_opens_nothing_once_the_right_is_gone(web, film):
    client, url = made_once(web), address(web, film)
    assert client.get(url).status_code == 200
    with web.room.db.write() as c:
        c.execute(update(assignment).values(state="withdrawn"))
    assert refused(client, url) == (404, "media_missing")
    assert client.get(f"/api/v1/media/{film.id}/address").status_code == 404
    assert client.get(f"/api/v1/media/{film.id}/frames").status_code == 404


def test_a_quarantined_film_is_gone_at_once_for_raters(web, film):
    client, url = made_once(web), address(web, film)
    media.quarantine(web.room.db, web.room.coordinator, film.id, "badge")
    assert refused(client, url)[0] == 404


@pytest.mark.parametrize("end", ["excluded", "closed"])
def test_once_an_attempt_is_excluded_or_its_project_closed_a_rater_has_neither_film_nor_address(web, film, end):
    room, client, url = web.room, made_once(web), address(web, film)
    assert client.get(url).status_code == 200
    if end == "excluded":
        room.policy(exclusion_needs_second_person=False)
        exclusion.exclude(room.db, room.coordinator, film.attempt, "consent_withdrawn")
    else:
        set_project_state(room.db, room.owner, room.project, closed=True)
    assert refused(client, url) == (404, "media_missing")
    assert client.get(f"/api/v1/media/{film.id}/address").status_code == 404
    assert client.get(f"/api/v1/media/{film.id}/frames").status_code == 404
    assert client.post(f"/api/v1/media/{film.id}/leak", json={}).status_code == 404


def test_beside_two_ratings_their_own_film_is_shown_and_no_other_one(web):
    room = web.room
    made = attempts.add_attempt(room.db, room.coordinator, room.project, code="A-031", rubrics=("aed-adult",))
    rated = media.release(room.db, room.coordinator, add_film(room, made.id, content=CONTENT).id)
    for slot, who in enumerate((room.wei, room.okafor)):
        tab = Tab(room, who, give(room, made.id, who, slot=slot))
        tab.open()
        tab.rate_all(lost=1.0 + slot, played_s=10.0)
        tab.submit()
    with room.db.read() as c:
        case = c.scalar(select(adjudication_case.c.id))
    lin, cora = web.client(room.lin), web.client(room.coordinator)

    def shown():
        step = "aed-adult/aed01"
        pages = (lin.get(f"/api/v1/cases/{case}"), cora.get(f"/api/v1/projects/spring/comparisons/A-031/{step}"))
        return [[film["id"] for film in page.json()["media"]] for page in pages]

    assert shown() == [[rated.id], [rated.id]]
    other = add_film(room, made.id, content=b"another take")
    with room.db.write() as c:  # as releases once did it
        c.execute(update(media_table).where(media_table.c.id == rated.id).values(state="review"))
        c.execute(update(media_table).where(media_table.c.id == other.id).values(state="verified"))
    assert shown() == [[], []]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_address_with_one_thing_changed_is_forged(web, film, data):
    from urllib.parse import parse_qsl, urlencode, urlsplit

    client = made_once(web)
    parts = urlsplit(address(web, film))
    query = dict(parse_qsl(parts.query))
    name = data.draw(st.sampled_from(sorted(query)))
    if name == "sig":
        at = data.draw(st.integers(0, 63))
        other = data.draw(st.sampled_from([c for c in "0123456789abcdef" if c != query["sig"][at]]))
        query["sig"] = query["sig"][:at] + other + query["sig"][at + 1 :]
    elif name == "until":
        query["until"] = data.draw(
            st.sampled_from([str(int(query["until"]) + 1), "9" * 12, "", "-1", "1e9", "٣", f" {query['until']}"])
        )
    else:
        query["for"] = data.draw(st.sampled_from([web.room.okafor.id, "", "é", "x\ny"]))
    status, _ = refused(client, f"{parts.path}?{urlencode(query)}")
    assert status == 403


def test_an_address_of_one_film_opens_no_other(web, film):
    _, other = add_attempt_with_film(web.room, "A-032", content=b"another film")
    url = address(web, film).replace(film.id, other.id)
    assert refused(made_once(web), url) == (403, "address_forged")
    assert refused(made_once(web), address(web, film).replace(film.id, film.made_from))[0] == 403
    assert refused(made_once(web), signing.media_address(web.room.db, film.made_from, web.room.wei.id).url)[0] == 404


@pytest.mark.parametrize(
    "path",
    ["/media/../room.db", "/media/..%2f..%2froom.db", "/media/%2e%2e/%2e%2e/etc/passwd", "/media//etc/passwd",
     "/media/originals/sha256", "/media/md_%00", "/media/" + "a" * 5000, "/media/md_x/preview/-1",
     "/media/md_x/preview/99999999999999999999", "/media/md_x/preview/..%2f..", "/static/../../room.db",
     "/api/v1/media/..%2f/frames", "/api/v1/media/%ff/address"],
)  # fmt: skip
def test_no_trick_with_a_path_leads_out(web, film, path):
    answer = made_once(web).get(path)
    assert answer.status_code in (401, 403, 404, 422), path
    assert CONTENT[:50] not in answer.content
    assert b"SQLite" not in answer.content


def test_addresses_are_signed_alike_by_every_server_of_one_database(web, film):
    import dataclasses

    from siming.store import Database

    other = Database(str(web.room.db.url), clock=web.room.clock)
    url = signing.media_address(other, film.id, web.room.wei.id).url
    other.close()
    assert made_once(web).get(url).status_code == 200
    assert dataclasses.is_dataclass(signing.MediaAddress)


# --- the rest -------------------------------------------------------------------------------------------------------


def test_the_frame_table_is_that_of_the_derivative(web, film):
    client = made_once(web)
    answer = client.get(signing.frames_address(film.id))
    times = TimeMap.from_json(time_map(film.time_map["source"]["sha256"], film.sha256))
    table = answer.json()
    assert table["time_base"] == [1, 10_000]
    assert table["ticks"] == list(times.derivative_ticks)
    assert table["ticks"][:3] == [0, 400, 800]
    assert table["end"] == 250 * 400
    same = client.get(signing.frames_address(film.id), headers={"If-None-Match": answer.headers["etag"]})
    assert same.status_code == 304


def test_previews_are_for_the_coordinator(web, film):
    picture = web.client(web.room.coordinator).get(f"/media/{film.id}/preview/0")
    assert (picture.status_code, picture.content) == (200, b"picture of " + CONTENT)
    assert picture.headers["content-type"] == "image/jpeg"
    assert made_once(web).get(f"/media/{film.id}/preview/0").status_code == 404
    assert web.client(web.room.coordinator).get(f"/media/{film.id}/preview/1").status_code == 404


def test_a_film_played_in_many_parts_is_one_line_of_the_view_log(web, film):
    client, url = made_once(web), address(web, film)
    for start in range(0, 10_000, 1000):
        assert client.get(url, headers={"Range": f"bytes={start}-{start + 999}"}).status_code == 206
    assert len(media_access.who_saw(web.room.db, web.room.coordinator, film.id)) == 1
    with web.room.db.read() as c:
        assert c.scalar(select(func.count()).where(audit_event.c.act == "media.view")) == 1


def test_a_rater_reports_a_leak_and_the_film_is_gone(web, film):
    client, url = made_once(web), address(web, film)
    assert client.post(f"/api/v1/media/{film.id}/leak", json={"note": "badge at 0:31"}).json() == {"quarantined": True}
    assert refused(client, url)[0] == 404
    page = web.client(web.room.coordinator).get("/p/spring/attempts/A-031")
    assert "badge at 0:31" in page.text


def test_what_a_rater_writes_about_a_leak_cannot_run_on_the_coordinators_page(web, film):
    note = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    made_once(web).post(f"/api/v1/media/{film.id}/leak", json={"note": note})
    page = web.client(web.room.coordinator).get("/p/spring/attempts/A-031")
    assert "<script>alert(1)" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


def test_a_film_whose_file_is_gone_reads_like_one_that_is_not_there(web, film):
    MediaFolder(web.room.media).path_of(film.path).unlink()
    assert refused(made_once(web), address(web, film)) == (404, "media_missing")


def test_no_rater_learns_of_a_film_by_asking(web, film):
    """What is not there and what is not for him read the same."""
    client = web.client(web.room.okafor)
    for act in ("address", "frames"):
        there = client.get(f"/api/v1/media/{film.id}/{act}")
        nowhere = client.get(f"/api/v1/media/md_000000000000/{act}")
        assert (there.status_code, there.content) == (nowhere.status_code, nowhere.content)
    post = partial(client.post, json={"note": ""})
    assert post(f"/api/v1/media/{film.id}/leak").content == post("/api/v1/media/md_000000000000/leak").content
    assert json.loads(there.content)["error"]["code"] == "media_missing"
