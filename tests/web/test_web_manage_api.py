"""What coordinators and owners do on pages, done by programs: projects, members, people, rubrics, films, audit."""

from __future__ import annotations

import pytest
from rated_exam import add_film
from rooms import PASSWORD

from siming.rubric import builtin_rubric
from siming.store.media import attempts

P = "/api/v1/projects"


@pytest.fixture
def owner(web):
    return web.client(web.room.owner)


@pytest.fixture
def coordinator(web):
    return web.client(web.room.coordinator)


def ok(answer, status: int = 200):
    """The answer's content, if it is what was hoped for."""
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_project_is_made_changed_closed_and_opened_again(owner):
    made = ok(owner.post(P, json={"slug": "autumn", "title": "Autumn", "policy": {"mode": "joint"}}), 201)
    assert (made["slug"], made["policy"]["mode"], made["roles"]) == ("autumn", "joint", ["owner"])
    policy = {**made["policy"], "tolerance": 0.5}
    changed = ok(owner.patch(f"{P}/autumn", json={"title": "Autumn 2026", "policy": policy}))
    assert (changed["title"], changed["policy"]["tolerance"]) == ("Autumn 2026", 0.5)
    assert ok(owner.put(f"{P}/autumn/state", json={"closed": True}))["state"] == "closed"
    assert ok(owner.put(f"{P}/autumn/state", json={"closed": False})) == ok(owner.get(f"{P}/autumn"))
    assert "autumn" in {project["slug"] for project in ok(owner.get(P))}


def test_rules_that_do_not_exist_are_refused_by_name(owner):
    answer = owner.post(P, json={"slug": "autumn", "title": "Autumn", "policy": {"tolerence": 1}})
    assert answer.status_code == 422
    assert "tolerence" in answer.text


def test_a_member_is_added_by_login_comes_in_by_the_link_changes_and_leaves(web, coordinator):
    body = {"login": "ada@example.org", "name": "Ada", "roles": ["rater"], "site": "north", "minutes": 90}
    added = ok(coordinator.post(f"{P}/spring/members", json=body), 201)
    member, link = added["member"], added["link"]
    assert (member["site"], member["minutes"], member["has_password"]) == ("north", 90, False)
    again = ok(coordinator.post(f"{P}/spring/members/{member['id']}/link"))
    assert again["address"] != link["address"]
    page = web.visitor()
    csrf = page.get(again["address"]).text.split('name="csrf" value="')[1].split('"')[0]
    token = again["address"].split("token=")[1]
    assert page.post("/welcome", data={"token": token, "password": PASSWORD, "csrf": csrf}).status_code == 303
    changed = ok(coordinator.put(f"{P}/spring/members/{member['id']}", json={"roles": ["rater"], "minutes": 30}))
    assert (changed["has_password"], changed["minutes"], changed["site"]) == (True, 30, None)
    assert coordinator.post(f"{P}/spring/members/{member['id']}/link").status_code == 403
    assert ok(coordinator.delete(f"{P}/spring/members/{member['id']}"))["ended_at"]


def test_a_member_of_another_project_is_not_there(owner, coordinator):
    ok(owner.post(P, json={"slug": "autumn", "title": "Autumn"}), 201)
    other = ok(owner.get(f"{P}/autumn/members"))[0]["id"]
    assert coordinator.put(f"{P}/spring/members/{other}", json={"roles": ["rater"]}).status_code == 404
    assert coordinator.delete(f"{P}/spring/members/{other}").status_code == 404
    assert owner.delete(f"{P}/spring/members/{other}").status_code == 404


def test_a_rubric_is_published_chosen_and_retired(owner):
    import yaml

    plain = builtin_rubric("bmv-adult").to_plain() | {"id": "bmv-ward"}
    made = ok(owner.post("/api/v1/rubrics", json={"document": yaml.safe_dump(plain, allow_unicode=True)}), 201)
    assert (made["rubric"], made["state"]) == ("bmv-ward", "published")
    ok(owner.post(P, json={"slug": "autumn", "title": "Autumn"}), 201)
    assert ok(owner.put(f"{P}/autumn/rubrics", json={"versions": [made["id"]]})) == {"versions": [made["id"]]}
    assert ok(owner.post(f"/api/v1/rubrics/{made['id']}/retirement"))["state"] == "retired"
    assert owner.post("/api/v1/rubrics", json={"document": "siming: [no rubric"}).status_code == 422


def test_films_are_listed_held_back_and_erased(web, coordinator):
    room = web.room
    made = attempts.add_attempt(room.db, room.coordinator, room.project, code="A-900")
    film = add_film(room, made.id, "constant", n_frames=30)
    listed = {one["id"]: one for one in ok(coordinator.get(f"{P}/spring/attempts/A-900/media"))}
    assert (listed[film.id]["state"], listed[film.id]["camera"]) == ("verified", film.camera)
    assert "path" not in listed[film.id]
    held = ok(coordinator.post(f"/api/v1/media/{film.id}/quarantine", json={"reason": "a badge at 3 s"}))
    assert (held["state"], held["state_reason"]) == ("quarantined", "a badge at 3 s")
    assert ok(coordinator.post(f"/api/v1/media/{film.id}/release"))["state"] == "verified"
    assert ok(coordinator.put(f"/api/v1/media/{film.id}/clock", json={"offset_s": 0.5}))["clock_offset_s"] == 0.5
    erased = ok(coordinator.post(f"/api/v1/media/{film.made_from}/erasure", json={"ground": "consent_withdrawn"}))
    assert set(erased["media"]) == {film.id, film.made_from}
    rater = web.client(room.wei)
    assert rater.get(f"{P}/spring/attempts/A-900/media").status_code == 403
    assert rater.post(f"/api/v1/media/{film.id}/release").status_code in (403, 404)


def test_accounts_are_made_closed_and_erased_by_owners_alone(web, owner, coordinator):
    made = ok(owner.post("/api/v1/people", json={"login": "ben@example.org", "name": "Ben", "language": "zh"}), 201)
    ben = made["person"]["id"]
    assert "/welcome?token=" in made["link"]["address"]
    assert ok(owner.post(f"/api/v1/people/{ben}/link"))["address"] != made["link"]["address"]
    assert ok(owner.put(f"/api/v1/people/{ben}/state", json={"disabled": True}))["disabled"] is True
    assert ok(owner.post(f"/api/v1/people/{ben}/erasure", json={"reason": "asked to"}))["name"] == "–"
    assert {person["id"] for person in ok(owner.get("/api/v1/people"))} >= {ben, web.room.wei.id}
    assert coordinator.get("/api/v1/people").status_code == 403
    assert coordinator.put(f"/api/v1/people/{web.room.wei.id}/state", json={"disabled": True}).status_code == 403


def test_the_audit_is_read_part_by_part_to_its_beginning(web, owner):
    auditor = web.client(web.room.auditor)
    seen, before = [], None
    while True:
        page = ok(auditor.get(f"{P}/spring/audit", params={"before": before} if before else {}))
        seen += [line["seq"] for line in page["lines"]]
        if (before := page["older"]) is None:
            break
    assert seen == sorted(set(seen), reverse=True)
    assert ok(auditor.get(f"{P}/spring/audit", params={"act": "member.add"}))["lines"]
    assert {line["act"] for line in ok(owner.get("/api/v1/audit"))["lines"]} >= {"person.create"}
    assert web.client(web.room.wei).get(f"{P}/spring/audit").status_code == 403
    assert auditor.get("/api/v1/audit").status_code == 403
