"""A rater's own work over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "store"))

from rating_rooms import AT, Tab, add_rated_attempt, give, submitted

from siming.rubric import builtin_rubric
from siming.store.blind.change import Paper, read_change
from siming.store.blind.draft import applied, snapshot_sha256
from siming.store.blind.submissions import verify_submissions

VECTORS = Path(__file__).with_name("snapshot_vectors.json")


class Page:
    """The rating page without a browser: speaks JSON as it does."""

    def __init__(self, client, assignment, name="client_web_01"):
        self.http, self.base, self.name = client, f"/api/v1/assignments/{assignment}", name
        self.fence, self.seq, self.view = 0, 0, None

    def open(self, take_over=False):
        answer = self.http.post(f"{self.base}/open", json={"client": self.name, "take_over": take_over}).json()
        self.fence, self.view = answer["fence"], answer["view"]
        return answer

    def change(self, field, value, step=None, rubric="aed-adult"):
        self.seq += 1
        whole = field in ("played", "bookmarks")
        return {"client_seq": self.seq, "field": field, "rubric": None if whole else rubric, "step": step,
                "value": value, "media_s": 1.5, "at": AT}  # fmt: skip

    def send(self, *changes, unsent=0):
        body = {"client": self.name, "fence": self.fence, "unsent": unsent, "changes": list(changes)}
        return self.http.post(f"{self.base}/changes", json=body)

    def submit(self, snapshot, initials="W"):
        body = {"client": self.name, "fence": self.fence, "snapshot_sha256": snapshot, "initials": initials}
        return self.http.post(f"{self.base}/submit", json=body)

    def rate_all(self):
        changes = [self.change("played", [[0, 120]])]
        for rubric in self.view["rubrics"]:
            changes += [self.change("points", s["max_points"], s["id"], rubric["id"]) for s in rubric["steps"]]
        return self.send(*changes)


@pytest.fixture
def given(web):
    """Wei's client and his assignment on A-031."""
    return web.client(web.room.wei), give(web.room, add_rated_attempt(web.room), web.room.wei)


@pytest.fixture
def page(given):
    """Wei's page, open."""
    made = Page(*given)
    made.open()
    return made


def test_the_view_holds_what_the_page_needs(given, web):
    view = Page(*given).open()["view"]
    assert view["attempt_code"] == "A-031"
    assert view["viewer_code"] == "R01"
    (rubric,) = view["rubrics"]
    step = next(s for s in rubric["steps"] if s["id"] == "aed04")
    assert step["ranges"] == {"3": [18, 18], "2": [12, 17.5], "1": [5, 11.5], "0": [0, 4.5]}
    assert step["point_step"] == 0.5
    assert [d["letter"] for d in step["deductions"][:3]] == ["a", "b", "c"]
    assert step["deductions"][0]["text"]["zh"] != step["deductions"][0]["text"]["en"]
    (film,) = view["media"]
    assert film["url"].startswith(f"/media/{film['id']}?until=")
    assert film["frames_url"] == f"/api/v1/media/{film['id']}/frames"
    assert (film["duration_s"], film["sound"]) == (120.0, True)
    assert {r["code"] for r in view["blank_reasons"]} >= {"hidden", "no_sound", "another"}
    assert len({r["letter"] for r in view["blank_reasons"]}) == len(view["blank_reasons"])
    assert set(view["policy"]) == {
        "explain", "evidence_required", "unseen_max_share", "show_total", "global_rating", "watermark"
    }  # fmt: skip


def test_the_whole_way_from_the_queue_to_the_receipt(web, given, page):
    http, assignment = given
    listed = http.get("/api/v1/assignments").json()
    assert (listed["next"], listed["assignments"][0]["steps"]) == (assignment, 9)
    saved = page.rate_all().json()
    assert saved["acked"] == list(range(1, 11))
    assert saved["totals"] == {"aed-adult": {"points": 100, "max": 100, "left": 0}}
    summary = http.get(f"{page.base}/summary").json()
    assert summary["ready"]
    assert summary["unseen_share"] == 0
    locked = page.submit(summary["snapshot_sha256"])
    assert locked.status_code == 200
    assert http.get(f"{page.base}/receipts").json()[0]["receipt"] == locked.json()["receipt"]
    assert page.submit(summary["snapshot_sha256"]).json() == locked.json()
    assert Page(*given).open()["view"]["read_only"] is True
    assert verify_submissions(web.room.db).ok


def test_limits_and_conflicts_come_with_every_save_in_both_languages(page):
    answer = page.send(page.change("points", 0, "aed02"), page.change("points", 18, "aed04")).json()
    assert answer["limits"]
    assert all(limit["text"]["en"] and limit["text"]["zh"] for limit in answer["limits"])
    assert {"rubric", "step", "kind", "points", "certain", "text"} == set(answer["limits"][0])


def test_a_stale_tab_gets_409_with_what_was_kept(given, page):
    other = Page(*given, name="client_web_02")
    assert other.open()["held_by_other"] is True
    assert other.open(take_over=True)["writer"] is True
    answer = page.send(page.change("points", 1, "aed01"))
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert (error["kind"], error["detail"]) == ("stale_writer", {"kept_aside": [1], "fence": other.fence})
    (aside,) = other.open()["aside"]
    assert (aside["client"], aside["value"], aside["step"]) == (page.name, 1, "aed01")
    body = {"client": other.name, "fence": other.fence}
    adopted = other.http.post(f"{other.base}/aside/{page.name}/adopt", json=body)
    assert adopted.json()["totals"]["aed-adult"]["points"] == 1


def test_a_wrong_change_is_422_and_named(page):
    answer = page.send(page.change("points", 99, "aed01"))
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "points"
    assert "aed01" in answer.json()["error"]["message"]
    assert "from 0 to 8" in answer.json()["error"]["message"]


def test_what_stands_in_the_way_is_409_and_told_in_both_languages(page, given):
    summary = given[0].get(f"{page.base}/summary").json()
    assert not summary["ready"]
    assert len([p for p in summary["problems"] if p["code"] == "unscored"]) == 9
    assert all(p["text"]["en"] and p["text"]["zh"] for p in summary["problems"])
    refused = page.submit(summary["snapshot_sha256"])
    assert (refused.status_code, refused.json()["error"]["kind"]) == (409, "incomplete")
    assert page.submit("0" * 64).json()["error"]["code"] == "snapshot_differs"


ODD_BODIES = (
    {},
    {"client": "client_web_01", "fence": -1, "changes": []},
    {"client": "client_web_01", "fence": 2**40, "changes": []},
    {"client": "client_web_01", "fence": 1, "changes": [{}]},
    {"client": "client_web_01", "fence": 1, "changes": "all"},
    {"client": "a b", "fence": 1, "changes": []},
    {"client": "client_web_01", "fence": 1, "changes": [], "admin": True},
    {"client": "client_web_01", "fence": 1, "unsent": -1, "changes": []},
)
ODD_VALUES = ({"a": [1] * 99}, [[]], "x" * 20_000, -5, 1e308, 10**400, [[1, 2], [3]], [None], {"$set": 1}, "\ud800")


def test_odd_bodies_and_values_are_422_and_never_500(page):
    for body in ODD_BODIES:
        assert page.http.post(f"{page.base}/changes", json=body).status_code == 422, body
    for field in (
        "points",
        "blank",
        "deductions",
        "evidence",
        "note",
        "unsure",
        "global_rating",
        "bookmarks",
        "played",
    ):
        for value in ODD_VALUES:
            whole = field in ("global_rating", "bookmarks", "played")
            # by hand: a client's own library would refuse to write half a character
            body = {"client": page.name, "fence": page.fence, "unsent": 0,
                    "changes": [page.change(field, value, None if whole else "aed01")]}  # fmt: skip
            answer = page.http.post(
                f"{page.base}/changes", content=json.dumps(body), headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 422, (field, value)


def test_without_a_session_the_api_says_401_and_without_the_token_403(web, given):
    _, assignment = given
    assert web.visitor().get(f"/api/v1/assignments/{assignment}").status_code == 401
    client = web.client(web.room.wei)
    del client.headers["X-CSRF-Token"]
    body = {"client": "client_web_01", "take_over": False}
    assert client.post(f"/api/v1/assignments/{assignment}/open", json=body).status_code == 403


def test_another_raters_assignment_is_404_on_every_address(web, given):
    _, assignment = given
    okafor = web.client(web.room.okafor)
    base = f"/api/v1/assignments/{assignment}"
    page = Page(okafor, assignment)
    for address in (base, f"{base}/summary", f"{base}/receipts"):
        assert okafor.get(address).status_code == 404
    assert okafor.post(f"{base}/open", json={"client": page.name}).status_code == 404
    assert page.send().status_code == 404
    assert page.submit("0" * 64).status_code == 404
    for act in ("withdraw", "reopen", "reassign"):
        body = {"reason": "because"} | ({"rater": web.room.okafor.id} if act == "reassign" else {})
        assert okafor.post(f"{base}/{act}", json=body).status_code in (403, 404)


def test_invariant_1_a_raters_answers_are_the_same_bytes_whatever_another_has_done(web):
    room = web.room
    attempt = add_rated_attempt(room)
    own = give(room, attempt, room.wei, slot=0)
    page = Page(web.client(room.wei), own)
    page.open()
    page.send(page.change("points", 5, "aed01"))

    def answers():
        texts = []
        for address in ("/api/v1/assignments", page.base, f"{page.base}/summary", f"{page.base}/receipts"):
            plain = page.http.get(address).json()
            if "server_time" in plain:
                del plain["server_time"]
                for film in plain["media"]:
                    del film["url"]  # signed anew each time
            texts.append(json.dumps(plain))
        texts.append(page.send().json() | {"saved_at": ""})
        return texts

    before = answers()
    other, _ = submitted(room, attempt, room.okafor, slot=1, lost=3)
    assert answers() == before
    coordinator = web.client(room.coordinator)
    assert coordinator.post(f"/api/v1/assignments/{other}/reopen", json={"reason": "sound off"}).status_code == 200
    assert answers() == before


def test_planners_withdraw_reassign_and_reopen(web, given, page):
    room, assignment = web.room, given[1]
    coordinator = web.client(room.coordinator)
    body = {"reason": "ill", "rater": room.okafor.id}
    made = coordinator.post(f"/api/v1/assignments/{assignment}/reassign", json=body).json()["id"]
    listed = coordinator.get(f"/api/v1/projects/{room.slug}/assignments").json()
    assert {(a["id"], a["state"]) for a in listed} == {(assignment, "withdrawn"), (made, "queued")}
    assert page.send(page.change("points", 1, "aed01")).json()["error"]["kind"] == "state"
    assert coordinator.post(f"/api/v1/assignments/{made}/withdraw", json=body | {}).status_code == 422
    assert coordinator.post(f"/api/v1/assignments/{made}/withdraw", json={"reason": "ill"}).status_code == 204
    assert web.client(room.wei).get(f"/api/v1/projects/{room.slug}/assignments").status_code == 403


def test_the_list_of_assignments_comes_a_part_at_a_time(web):
    room = web.room
    given = [give(room, add_rated_attempt(room, f"A-{n}"), room.wei) for n in range(5)]
    coordinator, address = web.client(room.coordinator), f"/api/v1/projects/{room.slug}/assignments"
    seen, params = [], {"limit": 2}
    while part := coordinator.get(address, params=params).json():
        assert len(part) <= 2
        seen += [a["id"] for a in part]
        params["after"] = seen[-1]
    assert seen == given
    assert coordinator.get(address, params={"after": "as_nothing"}).status_code == 422


def test_the_api_describes_itself(web):
    described = web.client(web.room.wei).get("/api/v1/openapi.json").json()
    path = described["paths"]["/api/v1/assignments/{assignment}/changes"]["post"]
    assert path["summary"]
    assert "SavedAnswer" in json.dumps(path["responses"]["200"])


def test_drafts_over_http_are_those_of_python(web, given, page):
    tab = Tab(web.room, web.room.wei, given[1], client=page.name)
    tab.open()
    page.send(page.change("points", 5, "aed01"))
    assert tab.open().view.draft == Page(*given).open()["view"]["draft"]


def vectors():
    """Drafts and their digests, for every language that computes them: rounding, order, characters, half-entered."""
    rubrics = (builtin_rubric("aed-adult"), builtin_rubric("bmv-adult"))
    paper = Paper(rubrics, 100.0)

    def draft(*entered):
        made: dict = {}
        for number, (field, step, value) in enumerate(entered, start=1):
            rubric = None if step is None else "bmv-adult" if step.startswith("bmv") else "aed-adult"
            whole = {"client_seq": number, "field": field, "rubric": rubric, "step": step, "value": value, "at": AT}
            if field == "global_rating":
                whole |= {"rubric": "aed-adult", "step": None}
            change = read_change(whole, paper)
            made = applied(made, change.field, change.rubric, change.step, change.value)
        return made

    cases = {
        "empty": draft(),
        "whole and half points": draft(("points", "aed01", 8), ("points", "aed02", 0.5), ("points", "aed03", 0)),
        "order of ticks": draft(("deductions", "aed04", ["d3", "d1", "d2"])),
        "order and rounding of evidence": draft(
            ("evidence", "aed04", [[9.5, 10], [0.1 + 0.2, 1.0000005], [1 / 3, 2 / 3], [0, 0], [99.9999995, 100]])
        ),
        "notes in every script": draft(
            ("note", "aed01", "手的位置偏低 – “late”\n\ttab \\ / \u2028 \x7f 🫀"),
            ("note", "aed02", "é e\u0301 <script>"),
        ),
        "blank": draft(
            ("blank", "aed05", {"status": "cannot_judge", "reason": "hidden"}),
            ("blank", "aed06", {"status": "not_applicable"}),
            ("unsure", "aed06", True),
        ),
        "cleared again": draft(("points", "aed01", 8), ("points", "aed01", None), ("note", "aed01", "")),
        "impression, bookmarks, played": draft(
            ("global_rating", None, 4), ("bookmarks", None, [[3.5, "here"]]), ("played", None, [[0, 50.25]])
        ),
    }
    order = [{"id": r.id, "steps": [{"id": s.id} for s in r.steps]} for r in rubrics]
    return {
        "about": "Made by test_web_rating_api.py (SIMING_WRITE_VECTORS=1); store/blind/draft.py and static/rate/snapshot.js agree.",
        "rubrics": order,
        "cases": [
            {"name": name, "draft": made, "sha256": snapshot_sha256(made, rubrics)} for name, made in cases.items()
        ],
    }


def test_the_vectors_that_browsers_are_held_against_are_those_of_today():
    if os.environ.get("SIMING_WRITE_VECTORS"):
        VECTORS.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert json.loads(VECTORS.read_text("utf-8")) == json.loads(json.dumps(vectors()))


@pytest.fixture
def run_script(tmp_path):
    """Runs a module beside the rating page's scripts in node; gives what it prints as JSON."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node on the PATH")
    scripts = Path(__file__).resolve().parents[2] / "src" / "siming" / "web" / "static" / "rate"
    shutil.copytree(scripts, tmp_path / "rate")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")

    def run(code: str, given: object) -> object:
        (tmp_path / "given.json").write_text(json.dumps(given), encoding="utf-8")
        start = "import { readFileSync } from 'node:fs'\nconst given = JSON.parse(readFileSync('given.json', 'utf8'))\n"
        (tmp_path / "run.js").write_text(start + code, encoding="utf-8")
        done = subprocess.run([node, "run.js"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_pages_script_computes_the_same_digests(run_script):
    given = json.loads(VECTORS.read_text("utf-8"))
    code = """
        import { snapshotSha256 } from './rate/snapshot.js'
        const out = {}
        for (const { name, draft } of given.cases) out[name] = await snapshotSha256(draft, given.rubrics)
        console.log(JSON.stringify(out))
    """
    assert run_script(code, given) == {case["name"]: case["sha256"] for case in given["cases"]}


def test_a_file_that_the_pages_script_sealed_opens_on_the_server(web, given, page, run_script):
    changes = [page.change("points", 5, "aed01"), page.change("note", "手的位置偏低", "aed01")]
    opened = Page(*given).open()
    told = {"assignment": opened["view"]["id"], "client": page.name, "fence": opened["fence"], "state": "unsent"}
    code = """
        import { handOverFiles } from './rate/handover.js'
        console.log(JSON.stringify(await handOverFiles(given.view, given.ticket, given.records)))
    """
    given_to_script = {"view": opened["view"], "ticket": opened["ticket"], "records": [c | told for c in changes]}
    (file,) = run_script(code, given_to_script)
    address = f"/api/v1/projects/{web.room.slug}/hand-over"
    answer = web.client(web.room.coordinator).post(address, files={"file": ("x.json", file.encode())})
    assert answer.json() == {"assignment": told["assignment"], "n_changes": 2, "n_aside": 0}
    steps = Page(*given).open()["view"]["draft"]["steps"]["aed-adult"]
    assert steps == {"aed01": {"points": 5, "note": "手的位置偏低"}}
