"""What the headings of a spreadsheet say: who was rated, who rated, which step, what is only a sum."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal

from siming.rating.spreadsheet.table_file import plain
from siming.rubric import Rubric, Step

Role = Literal[
    "attempt", "rater", "step", "skill", "points", "label", "max", "sum", "mean", "remark", "aside",
    "candidate", "site", "time", "global",
]  # fmt: skip
NAMABLE: tuple[Role, ...] = (
    "attempt", "rater", "step", "skill", "points", "max", "candidate", "site", "time", "global",
)  # fmt: skip
"""Roles a caller may give to a heading by hand."""

_WORDS: dict[Role, str] = {
    "attempt": "attempt|attemptid|candidate|candidateid|candidateno|candidatenumber|student|studentid|studentno"
    "|studentnumber|examinee|examineeid|examno|case|caseid|video|videoid|id|考生|考生编号|考生号|考生学号|考生姓名|考号"
    "|准考证号|准考证|学号|学员编号|编号|考试编号|录像编号|视频编号|学生|学生姓名|学员|姓名|name|candidatename|studentname"
    "|序号|no|number|serial|serialno|座号|抽签号",
    "rater": "rater|raterid|ratername|examiner|examinerid|examinername|assessor|assessorid|judge|physician|doctor"
    "|marker|reviewer|scorer|ratedby|评委|评委编号|评委姓名|考官|考官编号|考官姓名|评分者|评分人|评分员|评分医师|评审|评审员|专家|医师|裁判",
    "step": "step|stepid|stepno|steptitle|item|itemid|itemno|criterion|task|步骤|步骤编号|步骤名称|操作步骤|项目|评分项|评分项目|考核项目|条目|评分点|评分要点",
    "skill": "skill|rubric|station|技能|技能项目|科目|考核内容|考站|站点",
    "points": "points|point|pts|score|scores|mark|marks|value|rating|得分|分数|评分|打分|分|成绩|实得分|步骤得分",
    "label": "label|level|grade|标签|等级|级别|评级",
    "max": "max|maximum|maxpoints|maxscore|maximumpoints|maximumscore|fullmarks|outof|满分|分值|标准分|最高分",
    "sum": "sum|total|totals|totalpoints|totalscore|totalmarks|subtotal|grandtotal|overall|overallscore|合计|总分|总计|小计|总成绩|总得分|累计",
    "mean": "mean|average|avg|meanscore|averagescore|平均|平均分|均分|均值|平均得分|平均成绩",
    "remark": "remark|remarks|note|notes|comment|comments|status|attendance|备注|说明|评语|考试状态|状态|出勤",
    "site": "site|sites|siteid|sitename|examsite|center|centre|centerid|testcenter|location|venue|考点|考点名称|场地|考试中心|中心|考场|基地",
    "time": "ratedat|rated|ratingtime|submittedat|submitted|submissiontime|scoredat|markedat|timestamp"
    "|评分时间|打分时间|提交时间|评分日期|评阅时间",
    "global": "global|globalrating|globalscore|globalgrade|globaljudgement|globalimpression|overallrating|overallgrade"
    "|overalljudgement|overallimpression|总体评价|总体评分|总体评级|总体等级|总体印象|总体判断|整体评价|整体评分|整体等级|整体印象|综合评价|综合等级|总评|总评等级|总评分级|全局评分|全局评级",
    "aside": "date|time|room|sex|gender|age|class|group|rank|signature|result|pass|passed|日期|时间|考试日期|考试时间|考室"
    "|性别|年龄|班级|专业|签名|签字|考官签名|评委签名|名次|排名|合格|是否合格|结果|单位|科室|部门|场次|批次|组别|医院",
}
_ROLE_OF: dict[str, Role] = {word: role for role, words in _WORDS.items() for word in words.split("|")}
_ID_ORDER = {word: order for order, word in enumerate(_WORDS["attempt"].split("|"))}
_SITE_ORDER = {word: order for order, word in enumerate(_WORDS["site"].split("|"))}
_OF_ATTEMPTS = frozenset(
    ["attempt", "attemptid", "case", "caseid", "video", "videoid", "考试编号", "录像编号", "视频编号"]
)
"""Words for a recording, beside which a word for a person names the candidate."""
_SERIALS = frozenset(["序号", "座号", "抽签号", "no", "number", "serial", "serialno"])

_RATER_NUMBER = re.compile(
    r"(?:评委|考官|评分者|评分人|评分员|评审|专家|裁判|rater|examiner|assessor|judge|physician|marker|reviewer)"
    r"[\s_.#-]*(?:[0-9]{1,3}|[A-Za-z]|[一二三四五六七八九十甲乙丙丁])",
    re.IGNORECASE,
)
_MAXIMUM = re.compile(
    r"[(\[]\s*(?:(?:满分|共|max(?:imum)?|out of|/)\s*[:=]?\s*([0-9]+(?:\.[0-9]+)?)\s*(?:分|points?|pts?|marks?)?"
    r"|([0-9]+(?:\.[0-9]+)?)\s*(?:分|points?|pts?|marks?))\s*[)\]]",
    re.IGNORECASE,
)
_ORDINAL = re.compile(r"(?:step|item|no\.?|#|步骤|第|项目)?[\s.:#_-]*0*([0-9]{1,3})\s*(?:步|项|[.、)])?", re.IGNORECASE)
_NUMBERED = re.compile(
    r"(?:(?:step|item|no\.?|步骤|第)\s*[.:#]?\s*[0-9]{1,3}\s*[步项]?|[0-9]{1,3}\s*(?=[.、:)])|[(][0-9]{1,3}[)])[\s.、:)_-]*",
    re.IGNORECASE,
)

FOOTERS = (
    "注",
    "备注",
    "说明",
    "note",
    "remark",
    "制表",
    "审核",
    "填表",
    "签名",
    "签字",
    "打印",
    "统计",
    "日期",
    "*",
    "※",
)
"""How the rows below a table begin that hold no marks."""
SUMMARIES = frozenset(
    [
        "平均",
        "平均分",
        "均分",
        "均值",
        "平均值",
        "合计",
        "总计",
        "总分",
        "标准差",
        "最高分",
        "最低分",
        "及格率",
        "合格率",
        "得分率",
        "人数",
        "mean",
        "average",
        "avg",
        "median",
        "total",
        "sum",
        "sd",
        "std",
        "min",
        "minimum",
        "count",
        "n",
    ]
)
"""Rows below a table that are computed from those above."""
MAXIMA = frozenset(
    ["满分", "分值", "标准分", "每项满分", "max", "maximum", "fullmarks", "maxpoints", "maximumpoints", "outof"]
)
"""Rows that say what each step is worth."""


def bare(text: str) -> str:
    """A heading without what spellings differ in: case, blanks, signs, and a remark in brackets.

    >>> bare("Candidate-ID (exam)"), bare("考 生：")
    ('candidateid', '考生')
    """
    without = re.sub(r"[(\[【][^()\[\]【】]*[)\]】]", "", text).strip() or text
    return re.sub(r"[\s_.\-:;,#*'\"/、：。]+", "", without.casefold())


def tight(text: str) -> str:
    """A heading as callers may spell it: case and blanks do not count, everything else does."""
    return "".join(text.casefold().split())


@lru_cache(maxsize=4096)
def role_of(heading: str) -> Role | None:
    """What a column is for; None where it may be a step or a rater.

    >>> [role_of(h) for h in ("学号", "评委姓名", "得分", "CPR 总分", "小计2", "洗手")]
    ['attempt', 'rater', 'points', 'sum', 'sum', None]
    """
    word = bare(heading)
    if word in _ROLE_OF:
        return _ROLE_OF[word]
    if re.search(r"(?:合计|总分|小计|总得分)[0-9]{0,2}$", word) or re.search(
        r"(?:^|[\s_.\-:/])(?:total|subtotal|sum)[\s_]*[0-9]{0,2}$", heading.casefold()
    ):
        return "sum"
    if re.search(r"(?:平均分?|均分)$", word):
        return "mean"
    return None


def is_subtotal(heading: str) -> bool:
    """Whether a sum is that of the columns just before it."""
    return bool(re.search("小计|subtotal", heading.casefold()))


def best_attempt(headings: Sequence[tuple[int, str]]) -> int | None:
    """The column that names attempts best: a recording before a person, a code before a name, both before a number.

    None where two columns have an equal claim.
    """

    def rank(heading: str) -> tuple[int, int]:
        word = bare(heading)
        if word in _OF_ATTEMPTS:
            return -1, _ID_ORDER[word]
        return 2 if word in _SERIALS else "姓名" in word or "name" in word, _ID_ORDER.get(word, 0)

    ranked = sorted((rank(heading), column) for column, heading in headings)
    if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
        return None
    return ranked[0][1]


def is_recording(heading: str) -> bool:
    """Whether a column of attempts names recordings and not people."""
    return bare(heading) in _OF_ATTEMPTS


def is_person(heading: str) -> bool:
    """Whether a column of attempts names people: ``考生``, ``student id``."""
    word = bare(heading)
    return role_of(heading) == "attempt" and word not in _OF_ATTEMPTS and word not in _SERIALS


def site_order(heading: str) -> int:
    """Which of several columns of places names the site best; the least."""
    return _SITE_ORDER.get(bare(heading), 0)


def is_grade_of_all(heading: str) -> bool:
    """Whether a column of grades, where no column names steps, holds a rater's grade of the whole: ``等级``.

    English headings do not: a student's ``grade`` may be his year.
    """
    return bare(heading) in ("等级", "评级")


def is_rater_number(text: str) -> bool:
    """Whether a heading is a rater by its own word, such as ``评委1`` or ``Examiner B``."""
    return bool(_RATER_NUMBER.fullmatch(text))


def maximum_in(heading: str) -> float | None:
    """The maximum that a heading carries, as in ``洗手(3分)``; a bare number in brackets is none.

    >>> maximum_in("洗手(满分3分)"), maximum_in("cpr01 (max 3)"), maximum_in("cpr01 (3)")
    (3.0, 3.0, None)
    """
    found = _MAXIMUM.search(heading)
    return float(found[1] or found[2]) if found else None


def without_maximum(heading: str) -> str:
    """The heading without its maximum."""
    return _MAXIMUM.sub("", heading).strip()


class StepNames:
    """Every way the steps of some rubrics are called: id, title in either language, number."""

    def __init__(self, rubrics: Sequence[Rubric]) -> None:
        self.rubrics = tuple(rubrics)
        self._named: dict[str, set[str]] = {}
        self.steps: dict[str, Step] = {}
        self.rubric_of: dict[str, Rubric] = {}
        for rubric in rubrics:
            for step in rubric.steps:
                self.steps[step.id] = step
                self.rubric_of[step.id] = rubric
                for name in (step.id, step.title, step.title_zh):
                    for spelling in {_loose(name), bare(plain(name))}:
                        self._named.setdefault(spelling, set()).add(step.id)

    def skill(self, text: str) -> Rubric | None:
        """The rubric that a text names by id, skill or title."""
        wanted = _loose(text)
        found = [
            rubric
            for rubric in self.rubrics
            if wanted in {_loose(plain(name)) for name in (rubric.id, rubric.skill, rubric.title, rubric.title_zh)}
        ]
        return found[0] if len(found) == 1 else None

    def find(self, heading: str, skill: str | None = None) -> str | None:
        """The step that a heading names, within a skill where one is given; None where none or several."""
        text = without_maximum(heading)
        within = self.skill(skill) if skill else None
        rubrics = [within] if within else list(self.rubrics)
        allowed = {step.id for rubric in rubrics for step in rubric.steps}
        number = _NUMBERED.match(text)
        for name in (text, text[number.end() :] if number else ""):
            for spelling in (_loose(name), bare(name)):
                found = self._named.get(spelling, set()) & allowed
                if len(found) == 1:
                    return next(iter(found))
        head, _, tail = text.partition(" ")
        both = self._named.get(_loose(head), set()) & self._named.get(_loose(tail), set()) & allowed
        if len(both) == 1:  # "cpr01 Check the scene": both halves name one step
            return both.pop()
        ordinal = _ORDINAL.fullmatch(text)
        if ordinal and len(rubrics) == 1:
            order = int(ordinal[1])
            return next((step.id for step in rubrics[0].steps if step.order == order), None)
        return None

    def nearest(self, heading: str) -> str:
        """Advice on what a heading may be meant to be."""
        known = {name: name for step in self.steps.values() for name in (step.id, step.title, plain(step.title_zh))}
        close = get_close_matches(without_maximum(heading), known, n=1, cutoff=0.6)
        return f"; did you mean {close[0]!r}?" if close else ""


def _loose(text: str) -> str:
    """A name without case, blanks and signs, and without leading zeros; brackets count."""
    word = re.sub(r"[\s_.\-:;,#*'\"/、：。()\[\]~～]+", "", plain(text).casefold())
    return re.sub(r"(?<!\d)0+(?=\d)", "", word)
