"""What a person reads: every act and every refusal in both languages, one word for one thing, a true minus."""

from __future__ import annotations

import ast
import re
import time
from html import unescape
from pathlib import Path

import pytest
import yaml
from exams import gold_of
from rated_exam import exam
from rating_page import at
from rating_rooms import Tab, add_rated_attempt, give, submitted
from sqlalchemy import update

from siming.errors import InputError
from siming.store.blind import calibration
from siming.store.media.attempt_table import read_attempt_table
from siming.store.projects import members
from siming.store.projects.rubrics import builtin_document, parse_rubric
from siming.store.schema import audit_event, person
from siming.web import texts
from siming.web.numbers import formatted
from siming.web.page import _environment
from siming.web.texts import LANGUAGES

SOURCE = Path(__file__).resolve().parents[2] / "src" / "siming"
PLAN, API = "/p/spring/plan", "/api/v1/projects/spring/plan"


def in_chinese(room, actor):
    """The same person, who reads Chinese from now on."""
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == actor.id).values(language="zh"))
    return room.again(actor)


# --- the audit ------------------------------------------------------------------------------------------------------


def written_acts() -> set[str]:
    """Every act that a call of `audit.record` in the store can write, read from its source.

    An act that is not spelt out in the call is one of the texts of its noun in the same file or handed in as `act`; a
    case's acts are also the kinds of its decisions.
    """
    found, nouns, loose = set(), set(), set()
    for path in sorted((SOURCE / "store").rglob("*.py")) + sorted((SOURCE / "web").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "audit.record"]
        for call in calls:
            act = call.args[3]
            spelt = [n.value for n in ast.walk(act) if isinstance(n, ast.Constant) and "." in str(n.value)]
            found |= {each for each in spelt if not each.endswith(".")}
            nouns |= {each.partition(".")[0] for each in spelt}
            if isinstance(act, ast.JoinedStr):
                kinds = [k for d in ast.walk(tree) if isinstance(d, ast.Dict) for k in kinds_in(d)]
                found |= {spelt[0] + kind for kind in kinds}
            if isinstance(act, ast.Name):
                loose |= texts_in(tree)
        loose |= {
            k.value.value
            for n in ast.walk(tree)
            if isinstance(n, ast.Call)
            for k in n.keywords
            if k.arg == "act" and isinstance(k.value, ast.Constant)
        }
    return found | {
        each for each in loose if re.fullmatch(rf"({'|'.join(nouns)}|session|attempt|media)\.[a-z_]+", each)
    }


def kinds_in(made: ast.Dict) -> list[str]:
    """The kinds of decision that a dict is made with."""
    pairs = zip(made.keys, made.values, strict=True)
    return [
        v.value
        for k, v in pairs
        if isinstance(k, ast.Constant) and k.value == "kind" and isinstance(v, ast.Constant) and made.keys[1:]
    ]


def texts_in(tree: ast.AST) -> set[str]:
    """Every text of a file."""
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def test_every_act_that_the_store_can_write_has_a_sentence_and_every_sentence_an_act():
    acts = written_acts()
    assert {"case.decide", "case.reopen_agreed", "case.undo", "session.renew", "media.view_original"} <= acts
    assert {"attempt.exclusion_take_back", "project.close", "person.enable", "session.begin"} <= acts
    for language in LANGUAGES:
        told = {key.removeprefix("audit.acts.") for key in texts.texts(language) if key.startswith("audit.acts.")}
        assert told == acts


@pytest.mark.parametrize(("language", "said"), [("en", "A member was added"), ("zh", "添加了成员")])
def test_the_audit_speaks_of_acts_in_words_and_keeps_the_code_in_a_title(web, language, said):
    room = web.room
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == room.auditor.id).values(language=language))
    page = web.client(room.auditor).get("/p/spring/audit").text
    assert f'<span title="member.add">{said}</span>' in page
    assert f'value="member.add" title="member.add">{said}</option>' in page
    shown = re.sub(r"<[^>]*>", " ", page)
    assert not re.search(r"\b(member|project|submission)\.[a-z_]+\b", shown)


def test_a_broken_chain_is_told_in_the_readers_language(web):
    room = web.room
    auditor = in_chinese(room, room.auditor)
    with room.db.engine.begin() as c:
        for name in c.exec_driver_sql(
            "select name from sqlite_master where type = 'trigger' and tbl_name = 'audit_event'"
        ).scalars():
            c.exec_driver_sql(f"drop trigger {name}")
        c.execute(update(audit_event).where(audit_event.c.seq == 3).values(act="member.end"))
    assert "链已断裂：第 3 行写入后被改动。" in web.client(auditor).get("/p/spring/audit?verify=1").text


# --- refusals -------------------------------------------------------------------------------------------------------

NAMES = re.compile(r"[\w.-]*[\d-][\w.-]*|QWK|JSON|kappa|NUL|North")
"""What may stay in Latin letters: codes, and names of things."""


def alert_of(page: str) -> str:
    """What the page says went wrong."""
    return unescape(re.search(r'role="alert"[^>]*>(.*?)</p>', page, re.DOTALL)[1])


def assert_chinese(said: str) -> None:
    """No English is left in a sentence."""
    assert re.search(r"[一-鿿]", said), said
    assert not re.search(r"[A-Za-z]{2,}", NAMES.sub("", said)), said


def test_every_refusal_of_the_planner_is_chinese_on_a_chinese_page(web):
    room = web.room
    client = web.client(in_chinese(room, room.coordinator))
    met = {}

    def refused(name: str, query: str) -> str:
        answer = client.get(f"{PLAN}?{query}")
        assert answer.status_code in (409, 422), (name, answer.status_code)
        met[name] = alert_of(answer.text)
        return met[name]

    def rater(login: str, **changes: object) -> None:
        members.change_member(room.db, room.owner, room.members[login], **{"roles": ["rater"], **changes})

    refused("nothing is ready", "look=plan")
    attempt = add_rated_attempt(room, "A-001", site="North", candidate_code="T-1")
    add_rated_attempt(room, "A-002")
    assert "需要 3 位评分者" in refused("too few raters", "look=plan&raters_per_attempt=3")
    assert "最多可填 2" in refused("too many links", "look=plan&link_attempts=9")
    assert "每段视频需要 4 位评分者" in refused("forecast of too few", "look=forecast&raters=3&raters_per_attempt=4")
    assert "5 段视频" in refused("forecast of too many links", "look=forecast&videos=5&link_attempts=6")
    refused("a forecast too large", "look=forecast&videos=5001")
    assert "不得小于 1" in refused("a number below", "look=plan&raters_per_attempt=0")
    assert "不得大于 100" in refused("a share above", "look=plan&double_percent=101")
    assert "须为整数" in refused("half a rater", "look=plan&raters_per_attempt=1.5")
    refused("no number", "look=plan&seed=drei-1")
    for login in ("wei", "okafor"):
        rater(login, minutes=1.0)
    assert "至少提高到" in refused("too many minutes", "look=plan&repeat_percent=0")
    rater("wei", site="North")
    assert "来自考点 North" in refused("own site", "look=plan")
    rater("okafor", conflicts=["A-001"])
    assert "已注明回避" in refused("own site and conflict", "look=plan")
    rater("wei")
    assert "R02 已注明回避" in refused("conflict", "look=plan")
    given = give(room, attempt, room.wei)
    for name, act, data in (
        ("no day", "due", {"due": "2026-1"}),
        ("no reason", "withdraw", {"reason": ""}),
        ("a conflict", "reassign", {"rater": room.okafor.id, "reason": "病假"}),
    ):
        answer = client.post(f"{PLAN}/{given}/{act}", data=data)
        assert answer.status_code in (409, 422), name
        met[name] = alert_of(answer.text)
    answer = client.post(f"{PLAN}/give-out", data={"mark": "0", "repeat_percent": "0", "raters_per_attempt": "1"})
    met["moved on"] = alert_of(answer.text)
    rater("wei", roles=["adjudicator"])
    rater("okafor", roles=["adjudicator"])
    refused("nobody rates", "look=plan")
    for said in met.values():
        assert_chinese(said)


def test_the_same_refusals_have_sentences_of_their_own_in_english(web):
    room = web.room
    add_rated_attempt(room, "A-001", site="North")
    members.change_member(room.db, room.owner, room.members["wei"], roles=["rater"], site="North")
    page = web.client(room.coordinator).get(f"{PLAN}?look=plan").text
    assert "needs raters (2), but only 1 could take it: it was made at site North, which is the own site of R01" in page
    assert "same_site_allowed=" not in alert_of(page)
    answer = web.client(room.coordinator).post(f"{API}/propose", json={})
    assert answer.json()["error"]["code"] == "plan_too_few_raters_own_site"


@pytest.mark.parametrize(
    "change",
    [
        {"field": "points", "value": 99},
        {"field": "note", "value": "x" * 10_001},
        {"field": "note", "value": "a\x00b"},
        {"field": "deductions", "value": ["d99"]},
        {"field": "evidence", "value": [[5, 9999]]},
        {"field": "evidence", "value": "everywhere"},
        {"field": "unsure", "value": 3},
        {"field": "points", "value": 1, "step": "aed99"},
    ],
)
def test_a_change_that_is_refused_is_refused_in_the_raters_language(web, change):
    room = web.room
    assignment = give(room, add_rated_attempt(room, "A-001"), room.wei)
    client = web.client(in_chinese(room, room.wei))
    path = f"/api/v1/assignments/{assignment}"
    fence = client.post(f"{path}/open", json={"client": "client_of_tests"}).json()["fence"]
    whole = {"client_seq": 1, "rubric": "aed-adult", "step": "aed01", "at": "2026-03-01T08:00:00.000Z", **change}
    answer = client.post(f"{path}/changes", json={"client": "client_of_tests", "fence": fence, "changes": [whole]})
    assert answer.status_code == 422
    assert_chinese(answer.json()["error"]["message"])


def test_what_a_form_or_body_lacks_is_told_in_the_readers_language(web):
    room = web.room
    client = web.client(in_chinese(room, room.coordinator))
    for body in ({"raters_per_attempt": 0}, {"seed": "x"}, {"nonsense": 1}, {"same_site_allowed": "maybe"}, [1]):
        answer = client.post(f"{API}/propose", json=body)
        assert answer.status_code == 422
        said = answer.json()["error"]["message"].split("不符合要求：")[1]
        assert_chinese(said)
    answer = client.post(f"{API}/propose", content=b"{", headers={"content-type": "application/json"})
    assert_chinese(answer.json()["error"]["message"])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("site\nx-1\n", "必须有 code"),
        ("code\nA 1\nA-2\nA-2\n", "第 2 行：考试记录编号为"),
        ("code\nA-2\nA-2\n", "第 3 行：编号 A-2 已出现在第 2 行。"),
        ("code,gold\nA-1,perhaps-1\n", "请写“是”或“否”"),
        ("code\n", "其中没有考试记录"),
        ('code\n"A-1\n', "不能按 CSV 读取"),
    ],
)
def test_a_list_of_attempts_is_refused_line_by_line_in_the_readers_language(table, said):
    with pytest.raises(InputError) as refused:
        read_attempt_table(table.encode())
    told = texts.say_error("zh", refused.value)
    assert said in told
    columns = r"(?<![a-z])(code|site|occasion|candidate_code|rubrics|params|gold|CSV|UTF|GB)(?![a-z])"
    assert_chinese(re.sub(columns, "", told))


# --- one word for one thing -----------------------------------------------------------------------------------------

BANNED = {
    "录像": "视频",
    "影片": "视频",
    "作答": "考试记录（模型：回答）",
    "评分员": "评分者",
    "评分人": "评分者",
    "仲裁": "裁定",
    "严格程度": "严厉度",
    "严厉程度": "严厉度",
    "一致意见": "共识",
    "除颤仪": "自动体外除颤器或AED",
    "片断": "片段",
    "病人": "患者",
    "个视频": "段视频",
    "份视频": "段视频",
    "份考试记录": "条考试记录",
}
"""Variants that once stood beside the word of the glossary."""

CHINESE = sorted([*SOURCE.rglob("texts/zh.yaml"), *SOURCE.rglob("texts/reasons.yaml")])


def said_in(tree: object) -> list[str]:
    """Every text of a file."""
    if isinstance(tree, dict):
        return [each for value in tree.values() for each in said_in(value)]
    if isinstance(tree, list):
        return [each for value in tree for each in said_in(value)]
    return [tree] if isinstance(tree, str) else []


@pytest.mark.parametrize("path", CHINESE, ids=lambda path: "/".join(path.parts[-3:]))
def test_chinese_texts_use_one_word_for_one_thing(path):
    found = [
        f"{variant}（应为{right}）：{said}"
        for said in said_in(yaml.safe_load(path.read_text("utf-8")))
        for variant, right in BANNED.items()
        if variant in said.replace("各个视频", "")
    ]
    assert found == []


def test_both_languages_hold_the_same_keys_and_the_same_places_to_fill():
    english, chinese = texts.texts("en"), texts.texts("zh")
    assert list(english) == list(chinese)
    for key, said in english.items():
        wanted = set(re.findall(r"\{(\w+)", str(said["other"] if isinstance(said, dict) else said)))
        other = chinese[key]
        assert isinstance(said, dict) == isinstance(other, dict), key
        assert set(re.findall(r"\{(\w+)", str(other["other"] if isinstance(other, dict) else other))) <= wanted | {
            "n"
        }, key


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_a_negative_number_on_a_page_has_a_true_minus():
    assert formatted("%.3f", -0.25) == "−0.250"
    assert formatted("[%.3f, %.3f]", -0.5, -0.25) == "[−0.500, −0.250]"
    assert formatted("%+g", 2) == "+2"
    assert formatted("%.1f", -0.01) == "0.0"
    assert formatted("%s", "A-031") == "A-031"
    page = _environment().from_string("{{ '%+.1f'|format(n) }} {{ 'a-%d'|format(3) }}").render(n=-1.5)
    assert page == "−1.5 a-3"


def test_a_rater_below_the_panel_is_told_so_with_a_true_minus(web):
    room = web.room
    attempt = add_rated_attempt(room, "G-1", gold=True)
    calibration.add_gold(room.db, room.coordinator, attempt, [gold_of("G-1")], source="panel")
    submitted(room, attempt, room.wei, lost=0.5, purpose="calibration")
    page = web.client(room.wei).get("/p/spring/calibration").text
    shown = re.sub(r"<[^>]*>", " ", page)
    assert re.search(r"−\d", shown)
    assert not re.search(r"(?<![\w-])-\d", shown)


# --- one thing in the same words on two pages --------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "3 of 96 points · 17 open, worth 93 · 1 not judged, 4 not counted"),
        ("zh", "3 / 96 分 · 17 步未评，共 93 分 · 1 步不评判，4 分不计入"),
    ],
)
def test_rating_page_and_summary_tell_total_and_what_is_open_in_the_same_words(visit, served, language, said):
    made = exam(served.room)
    with served.room.db.write() as c:
        c.execute(update(person).where(person.c.id == served.room.wei.id).values(language=language))
    wei = at(visit, made)
    wei.keys("3")
    wei.on("cpr02")
    wei.keys("n", "h")
    wei.saved()
    assert wei.page.inner_text("#totals").endswith(said)
    assert visit.page(served.room.wei, made.path + "/summary").inner_text(".total >> nth=0") == said


@pytest.mark.browser
def test_a_locked_sheet_says_when_it_was_locked_and_its_receipt_and_not_that_it_was_saved_now(visit, served):
    made = exam(served.room)
    tab = Tab(served.room, served.room.wei, made.assignment)
    tab.open()
    tab.rate_all()
    receipt = tab.submit()
    time.sleep(1.2)
    wei = at(visit, made)
    said = wei.page.inner_text("#save-state")
    assert "saved" not in said
    assert receipt.sha256[:12] in said
    local = wei.page.evaluate(
        "at => new Date(new Date(at) - new Date(at).getTimezoneOffset() * 60000).toISOString().slice(0, 19).replace('T', ' ')",
        receipt.locked_at,
    )
    assert local in said


def test_the_summary_names_deductions_in_words_and_keeps_their_code_in_a_title(web):
    room = web.room
    tab = Tab(room, room.wei, give(room, add_rated_attempt(room, "A-001"), room.wei))
    tab.open()
    tab.set("deductions", ["d2"], step="aed01")
    page = web.client(in_chinese(room, room.wei)).get(f"/rate/{tab.assignment}/summary").text
    assert '<span title="d2">未检查环境</span>' in page
    assert "0 / 100 分 · 9 步未评，共 100 分" in page


@pytest.mark.parametrize(
    ("document", "en", "zh"),
    [
        ("schema: siming.rubric/1\nid: x\n", "version: it is missing.", "version：缺少此项。"),
        ("a: [1\n", "line 2, column 1", "第 2 行第 1 列"),
        ("id: x\n", "schema: siming.rubric/1", "schema: siming.rubric/1"),
        ("x: &a 1\ny: *a\n", "(an alias)", "（别名）"),
        ("- 1\n", "keys and values", "键和值"),
    ],
)
def test_what_is_wrong_with_a_rubric_is_said_in_the_readers_language(document, en, zh):
    with pytest.raises(InputError) as refused:
        parse_rubric(document)
    assert en in texts.say_error("en", refused.value)
    told = texts.say_error("zh", refused.value)
    assert zh in told
    assert "详情（英文）" not in told


def test_every_field_of_a_rubric_that_has_the_wrong_kind_is_told_in_words():
    good = yaml.safe_load(builtin_document("aed-adult"))
    refused = []
    places = [(good, key) for key in good] + [(good["steps"][0], key) for key in good["steps"][0]]
    for holder, key in places:
        for wrong in ([[]], {"x": {}}, -1e9, "", None, True):
            kept, holder[key] = holder[key], wrong
            try:
                parse_rubric(yaml.safe_dump(good, allow_unicode=True))
            except InputError as error:
                refused.append(error)
            holder[key] = kept
    assert len(refused) > 40
    told = [texts.say_error(language, error) for error in refused for language in texts.LANGUAGES]
    assert not [one for one in told if re.search(r"\b[a-z]+_(type|parsing|error)\b", one)]


def test_why_a_file_cannot_be_read_has_words_in_both_languages():
    codes = set()
    for path in [*(SOURCE / "exchange").glob("*.py"), *(SOURCE / "rating" / "spreadsheet").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UnreadError":
                codes |= {part.value for part in ast.walk(node.args[1]) if isinstance(part, ast.Constant)}
    assert len(codes) > 12
    assert not [code for code in codes if not texts.has_text(f"error.file_{code}")]
