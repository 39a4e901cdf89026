"""One value as a model wrote it: points, or a verdict, or why it is neither.

Nothing is guessed, clipped or rescaled: 5 of 4 points, 3 of 4 where the step has 6, and "2-3" are unreadable.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from siming.bench.clinical.stepname import plain

Cause = Literal[
    "missing",
    "not_a_number",
    "out_of_range",
    "other_scale",
    "several_numbers",
    "deduction",
    "no_verdict",
    "unclear",
    "contradiction",
    "ambiguous_number",
    "cannot_judge",
]

Question = Literal["error", "correct"]
"""What a yes answers: was there an error, or was it correct."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one answer about one step came to: points, or a verdict, or the cause why neither."""

    points: float | None = None
    wrong: bool | None = None
    cause: Cause | None = None
    """None exactly when there is a value."""
    found: str = ""
    """What stood there, shortened."""
    reason: str | None = None
    """The model's own words."""


def points_given(number: float, max_points: float) -> Outcome:
    """Points as a number; outside 0 to `max_points` they are unreadable."""
    if not math.isfinite(number):
        return Outcome(cause="not_a_number", found=str(number))
    if not 0 <= number <= max_points:
        return Outcome(cause="out_of_range", found=f"{number:g}")
    return Outcome(points=number + 0.0)  # + 0.0 turns -0.0 into 0.0


_NUM = r"\d{1,9}(?:\.\d{1,9})?|\.\d{1,9}"
_UNIT = r"(?:\s*+(?:points?|pts?\.?|marks?|分(?!钟|之))(?![a-z]))?"
_LEADING = re.compile(
    rf"""(?:(?:i\ (?:would\ )?(?:give|award|score)|awarded|award|given|gets?|earns?|receives?|scores?d?|points?|marks?
            |本步|该步骤|得分|评分|分数|打分|得|给|评)\s*+(?:it|is|of|as|为|是)?\s*+[:=]?\s*+)?
        (?P<num>[-+]?(?:{_NUM}))(?P<percent>\s*+%)?(?P<unit>{_UNIT})
        (?:\s*+(?:/|out\ of|of\ the|of|over)\s*+(?:a\ |the\ )?(?:maximum\ |possible\ |max\ )?(?:of\ )?
           (?P<den>{_NUM})(?P<den_percent>\s*+%)?{_UNIT})?""",
    re.VERBOSE | re.IGNORECASE,
)
_OUT_OF = re.compile(
    rf"满分\s*({_NUM})\s*分?\s*[,、]?\s*(?:得|给)?\s*({_NUM})\s*分|({_NUM})\s*分中得?\s*({_NUM})\s*分?"
)
_FULL_NOTE = re.compile(
    rf"\s*\(?\s*(?:满分|max(?:imum)?(?: points| score)?|out of|共)\s*[:=]?\s*({_NUM})", re.IGNORECASE
)
_RANGE = re.compile(
    rf"(?:[-~–—]|\s(?:to|or)\s|至|到|或|\s*(?:-+>|=+>|[→⇒])|\s[-~–—]\s(?=(?:{_NUM})\s*(?:points?|pts?|分|=|$)))\s*(?:{_NUM})"
)
_JUST_THE_MAXIMUM = re.compile(
    r"(?:\s+(?:is|are|was|as|being|the|a))*\s*[(\[,]?\s*(?:the\s+)?(?:max\b|maximum\b|满分|最高分?|上限"
    r"|(?:possible|available)\b(?=\s*(?:$|[)\].,;:]|(?:points?|marks?|if|for|in|here)\b)))",
    re.IGNORECASE,
)
_FRACTION = re.compile(rf"(?<![\d./])({_NUM})\s*/\s*({_NUM})(?![\d/]|\.\d)")
_LABELLED = re.compile(
    rf"(?<!max )(?<!max\. )(?<!maximum )(?<!possible )(?<!full )(?<!total )(?<![高满总])(?:scores?|points|得分|评分|分数)\s*(?:is|为|是)?\s*[:=]\s*({_NUM})(?![\d/.:%])",
    re.IGNORECASE,
)
_TAKEN_OFF = re.compile(r"deduct|\blos[ts]|\blose|\boff\b|penal|\bminus\b|扣|失分")
_GOES_ON = re.compile(
    r"\s*+(?:$|[,;.!?()\[\]\"'|}:*]|[-–—]|because\b|since\b|as\b|due\b|but\b|for\b|with\b|given\b|[。、“”…])"
)
_HALVES = str.maketrans({"½": ".5"})
_CLAUSE_END = re.compile(r"[,;!()。、\n|]|\.(?:\s|$)|:|\s[-–—]+\s|[–—]")
_NO_JUDGEMENT = re.compile(
    r"\b(?:can ?not|can't|could not|couldn't|unable to|impossible to|not possible to)\s+(?:be\s+)?(?:\w+\s+){0,2}?"
    r"(?:judged?|assess(?:ed)?|determined?|seen?|tell|told|evaluated?|scored?|verif(?:y|ied)|rated?|confirm(?:ed)?)\b"
    r"|\bnot (?:visible|assessable|observable|evaluable|applicable|judgeable|scorable)\b|\bun(?:clear|known|determined|scorable)\b"
    r"|\bindeterminate\b|\bn/a\b|\bnull\b|(?:无法|不能|难以)(?:判断|评判|评估|评分|确定|看清|观察|判定)|看不[清到见]|不可见|不适用|不确定|不清楚|未知"
)


def points_in(text: str, max_points: float) -> Outcome | None:
    """Points that a piece of text gives; None where it speaks of none.

    >>> points_in("3 out of 4 points, looked round late", 4).points
    3.0
    >>> points_in("3/5", 4).cause, points_in("2-3 points", 4).cause, points_in("1 point deducted", 4).cause
    ('other_scale', 'several_numbers', 'deduction')
    """
    text = re.sub(r"\s+", " ", re.sub(r"[*`]+", "", plain(text[:400]))).strip().translate(_HALVES)
    shown = text[:60]
    both = _OUT_OF.match(text)
    if both is not None:
        den, num = (both[1], both[2]) if both[1] else (both[3], both[4])
        return _over(float(num), float(den), max_points, shown)
    leading = _LEADING.match(text)
    if leading is not None:
        outcome = _leading_points(text, leading, max_points)
        if outcome is not None:
            return outcome
    elif _no_judgement_first(text):
        return Outcome(cause="cannot_judge", found=shown)
    given = {float(n) for n, den in _FRACTION.findall(text) if float(den) == max_points}
    given |= {float(n) for n in _LABELLED.findall(text)}
    if len(given) > 1:
        return Outcome(cause="several_numbers", found=shown)
    return points_given(given.pop(), max_points) if given else None


def _leading_points(text: str, leading: re.Match[str], max_points: float) -> Outcome | None:
    shown = text[:60]
    rest = text[leading.end() :]
    number = float(leading["num"])
    if _RANGE.match(rest) or re.match(r",\d", rest):
        return Outcome(cause="several_numbers", found=shown)
    clause = _CLAUSE_END.split(rest, maxsplit=1)[0]
    if _TAKEN_OFF.search(clause.lower()):
        return Outcome(cause="deduction", found=shown)
    plainly_points = leading["unit"] or leading["den"]
    if not (plainly_points or _GOES_ON.match(rest)) or re.match(r"[.:/]?\d|%", rest):
        return None  # 30 compressions, 2nd, 30:2: a number of something else
    if leading["den"] is not None:
        den = 100.0 if leading["den_percent"] else float(leading["den"])
        return _over(number, den, max_points, shown)
    if leading["percent"]:
        return _over(number, 100.0, max_points, shown)
    full = _FULL_NOTE.match(rest)
    if full is not None:
        return _over(number, float(full[1]), max_points, shown)
    if _JUST_THE_MAXIMUM.match(rest):
        return None  # "8 points maximum" repeats the sheet
    return points_given(number, max_points)


def _over(number: float, full: float, max_points: float, shown: str) -> Outcome:
    if full != max_points:
        return Outcome(cause="other_scale", found=shown)
    return points_given(number, max_points)


def _no_judgement_first(text: str) -> bool:
    """Whether the first two clauses say that the step cannot be judged."""
    return any(_NO_JUDGEMENT.search(clause.lower()) for clause in _CLAUSE_END.split(text, maxsplit=2)[:2]) or bool(
        re.match(r"n/a\b", text, re.IGNORECASE)
    )


_YES = frozenset({"yes", "y", "true", "是", "有"})
_NO = frozenset({"no", "n", "false", "none", "否", "无", "没有", "不是"})
_WRONG_ALONE = frozenset({"fail", "failed", "failure", "错", "有错", "×", "✗", "✘", "❌", "不合格", "不对", "*"})
_RIGHT_ALONE = frozenset(
    {"pass", "passed", "right", "ok", "okay", "fine", "√", "✓", "✔", "✅", "对", "合格", "没错", "无错"}
)
_WORD = re.compile(
    r"\berror-free\b|\b(?:in|un)correct(?:ly)?\b|\bcorrect(?:ly)?\b|\bwrong(?:ly)?\b|\berror(?:s|neous|neously)?\b"
    r"|\bmistakes?\b|\bmistaken\b|\bfault(?:s|y)?\b|\bfaultless(?:ly)?\b|错误|有误|出错|做错|失误|正确|无误"
)
_SPEAKS_FOR_RIGHT = ("correct", "error-free", "faultless", "正确", "无误")
_NOT_BEFORE = re.compile(
    r"(?:\b(?:no|not|never|without|none|nothing|nor|neither|cannot|zero)\b|n't\b)(?:\s+[^\s]+){0,3}\s*$"
)
_NOT_AFTER = re.compile(r"\b(?:not|never)\b|n't\b|[没未]")
_NOT_SEEN_AFTER = re.compile(
    r"(?:\b(?:not|never)|n't)\s+(?:\w+\s+){0,2}?(?:observed|seen|made|found|present|visible|detected|noted|committed"
    r"|apparent|evident|occur(?:red)?|happen(?:ed)?|there)\b|\b(?:absent|avoided|ruled out)\b"
    r"|(?:未|没有?)(?:被)?(?:出现|发生|发现|观察|见|犯)|不存在|得以避免"
)
# What follows is questioned, or more than it is denied: "without any doubt wrong", "can't say it was wrong".
_IN_DOUBT = re.compile(
    r"\b(?:doubt\w*|question\w*|whether|unsure|uncertain|no other|no further|no more)\b"
    r"|(?:\b(?:not|never|cannot|nobody|hardly|hard to|difficult to|unable to|impossible to)|n't)\s+(?:\w+\s+)?"
    r"(?:say|tell|claim|call|know|think|believe|rule|exclude|deny|argue|sure|certain|only|just|merely|simply)\b"
    r"|是否|不能说|不好说|难说|不敢说|未必|不一定|不能排除|不仅|不只"
)
_NOT_ERROR_ZH = re.compile(
    r"(?:无|没有|没|未|未见|未发现|未出现|不是|不存在|不算|不属于|并非|非|未犯)(?:任何|明显|重大|操作|显著|严重|的|到)*$"
)
_NOT_RIGHT_ZH = re.compile(r"(?:不|未|未能|没有|没能|没|不够|不是|不完全|并非|并不|非|未完全)$")


def verdict_in(text: str, *, asked: Question = "error") -> Outcome | None:
    """Whether a piece of text says that a step was done wrong; None where it says nothing about it.

    The first clause that speaks decides; within it, words that disagree are unreadable. A bare yes or no at the start
    answers the question "was there an error?" (or "was it correct?"), and is unreadable when the next clause denies it.

    >>> [verdict_in(t).wrong for t in ("no error", "Not correct - too slow", "未见明显错误", "不正确", "yes")]
    [False, True, False, True, True]
    >>> verdict_in("yes, correct").cause
    'unclear'
    """
    text = re.sub(r"\s+", " ", plain(text[:400])).strip()
    shown = text[:60]
    clauses = [clause.strip(" \"'`*_。.") for clause in _CLAUSE_END.split(text, maxsplit=6)[:6]]
    clauses = [clause.lower() for clause in clauses if clause]
    for i, clause in enumerate(clauses):
        if i == 0 and clause in _YES | _NO:
            wrong = (clause in _YES) == (asked == "error")
            denied = len(clauses) > 1 and _spoken(clauses[1]) == {not wrong}
            return Outcome(cause="unclear", found=shown) if denied else Outcome(wrong=wrong)
        spoken = _spoken(clause)
        if len(spoken) == 1:
            return Outcome(wrong=spoken.pop())
        if spoken:
            return Outcome(cause="unclear", found=shown)
        if _NO_JUDGEMENT.search(clause) or (clause == "n/a"):
            return Outcome(cause="cannot_judge", found=shown)
    return None


def _spoken(clause: str) -> set[bool]:
    """What the words of one clause say: wrong (True), right (False), both, or nothing."""
    if clause in _WRONG_ALONE or clause in _RIGHT_ALONE:
        return {clause in _WRONG_ALONE}
    said: set[bool] = set()
    for word in _WORD.finditer(clause):
        for_right = word[0].startswith(_SPEAKS_FOR_RIGHT)
        before = clause[max(0, word.start() - 60) : word.start()]
        if word[0].isascii():
            negated = bool(_NOT_BEFORE.search(before)) and word[0] != "error-free"
        else:
            negated = bool((_NOT_RIGHT_ZH if for_right else _NOT_ERROR_ZH).search(before)) and word[0] != "无误"
        after = clause[word.end() :]
        denied_after = (_NOT_AFTER if for_right else _NOT_SEEN_AFTER).search(after)
        # "correct depth was not reached" names the right thing to deny it; "wrong? no" asks.
        if (denied_after and not negated) or "?" in after or _IN_DOUBT.search(clause[: word.start()]):
            said |= {True, False}
        said.add(for_right == negated)
    return said


_FILLERS = re.compile(
    r"\b(?:an?|the|is|was|has|not|no|never|without|any|obvious|done|performed|carried|out|step|yes|true|false)\b|n't\b"
    r"|[无没有不未见明显步骤操作是否存在发现任何并非了]"
)


def is_bare_verdict(text: str) -> bool:
    """Whether a text is a verdict, or a refusal to give one, and nothing else.

    >>> [is_bare_verdict(t) for t in ("not done correctly", "无明显错误", "N/A", "正确粘贴", "error in position")]
    [True, True, True, False, False]
    """
    text = plain(text[:200]).strip(" .。!*`_\"'").lower()
    if verdict_in(text) is None:
        return False
    return not re.sub(r"[\W_]+", "", _FILLERS.sub("", _WORD.sub("", _NO_JUDGEMENT.sub("", text)))) or not _WORD.search(
        text
    )
