"""How replies name steps and columns: ids in any spelling, titles, ordinals; "score", "得分", "max" ..."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from siming.errors import RubricError
from siming.rubric import Rubric, Step

Kind = Literal["id", "points", "max", "error", "correct", "verdict", "label", "reason"]

_KEYS: dict[Kind, str] = {
    "id": "id|step|step id|stepid|step no|step number|no|#|code|item|step name|title|name|步骤|步骤编号|步骤id|编号|序号|步骤名称",
    "points": "points|point|pts|score|scores|mark|marks|awarded|points awarded|awarded points|points given|step score"
    "|earned|得分|分数|评分|打分|实得分|分",
    "max": "max|maximum|max points|max score|maximum points|maximum score|out of|full points|full marks"
    "|possible|points possible|满分|分值|最高分",
    "error": "error|errors|is error|has error|wrong|is wrong|done wrong|incorrect|is incorrect|mistake"
    "|错误|有错误|有误|是否错误|是否有误|是否有错误|是否做错|做错",
    "correct": "correct|is correct|right|is right|done correctly|no error|passed|正确|是否正确|做对",
    "verdict": "verdict|judgement|judgment|result|answer|value|status|assessment|判断|结论|结果|判定|判断结果|评判",
    # A word for right or wrong, or a place on some scale of the model's own: a 3 here is not 3 points.
    "label": "label|rating|grade|level|等级|评级|标签",
    "reason": "reason|reasons|reasoning|comment|comments|why|rationale|explanation|justification|note|notes"
    "|理由|原因|说明|备注|依据|评语",
}
_KIND_OF: dict[str, Kind] = {name: kind for kind, names in _KEYS.items() for name in names.split("|")}
_IN_PARENTHESES = re.compile(r"\([^()]*+\)")


@lru_cache(maxsize=4096)
def kind_of_key(key: str) -> Kind | None:
    """What a key of an object or the head of a column is about; None for anything else.

    >>> [kind_of_key(k) for k in ("Points_Awarded", "得分", "Score (max 3)", "max_points", "Score / Max", "time")]
    ['points', 'points', 'points', 'max', 'points', None]
    """
    text = _IN_PARENTHESES.sub("", plain(key[:80]).casefold())
    # "Score / Max" is a column of "3/4": the first word says what it is.
    words = re.sub(r"[\s_*`?:.\-]+", " ", text.partition("/")[0]).strip()
    return _KIND_OF.get(re.sub(r"^(?:final|overall|my|最终|本步)\s*", "", words))


_WIDE = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: 0x20, 0xA0: 0x20, 0x2212: 0x2D, 0x2019: 0x27, 0xD7: 0x2A}


def plain(text: str) -> str:
    """Full-width letters, digits and signs as their ASCII selves; true minus signs and curly apostrophes too.

    >>> plain("步骤１：３／４分")
    '步骤1:3/4分'
    """
    return text.translate(_WIDE)


@dataclass(frozen=True, slots=True)
class Mention:
    """A step named in a text: which one, and where the name ends."""

    ref: str | int
    """Id of a step (asked for or not), or an ordinal that is not yet any step's."""
    start: int
    end: int


class StepNames:
    """Everything the steps of one request can be called."""

    def __init__(self, steps: Sequence[str], rubrics: Sequence[Rubric]) -> None:
        self.asked = tuple(steps)
        self.known: dict[str, Step] = {step.id: step for rubric in rubrics for step in rubric.steps}
        unknown = [step_id for step_id in steps if step_id not in self.known]
        if unknown:
            raise RubricError(
                f"step {unknown[0]!r} is in none of the rubrics {', '.join(r.id for r in rubrics) or '(none given)'}; "
                "give the rubrics of the request"
            )
        self._order_counts = any(tuple(step.id for step in rubric.steps) == self.asked for rubric in rubrics)
        self._by_name, self._named = _spellings(tuple((s.id, s.title, s.title_zh) for s in self.known.values()))
        self._remembered: dict[str, str | int | None] = {}

    def find(self, name: str) -> str | int | None:
        """The step that a cell or key names: its id, an ordinal, or None."""
        if name not in self._remembered:
            if len(self._remembered) > 10_000:
                self._remembered.clear()
            self._remembered[name] = self._find(name)
        return self._remembered[name]

    def _find(self, name: str) -> str | int | None:
        text = plain(name[:200]).strip(" \t\"'`*_[]()【】")
        found = self._by_name.get(_bare(text))
        if found is not None:
            return found
        if '"' in text or len({mention.ref for mention in self.mentions(text)}) > 1:
            return None  # two cells or keys that a lost quote ran together
        numbered = _NUMBERED.match(text)
        for start in (0, numbered.end() if numbered else 0):
            named = self.at(text, len(text) - len(text[start:].lstrip(" :-.")))
            if named is not None:
                return None if self.goes_on(text, named) else named.ref
        if numbered is None:
            return None
        number = int(numbered[1] or numbered[2] or numbered[3])
        return None if self.goes_on(text, Mention(number, 0, numbered.end())) else number

    def id_of(self, written: str) -> str:
        """The id behind one of its spellings; itself where no step is called so."""
        return self._by_name.get(_bare(written), written)

    def mentions(self, text: str) -> list[Mention]:
        """Ids and titles in a text (in plain letters), in order."""
        return [Mention(self.id_of(m[0]), m.start(), m.end()) for m in self._named.finditer(text)]

    def at(self, text: str, position: int) -> Mention | None:
        """The id or title that begins exactly there."""
        m = self._named.match(text, position)
        return None if m is None else Mention(self.id_of(m[0]), m.start(), m.end())

    def goes_on(self, text: str, name: Mention) -> bool:
        """Whether a name in a text is only the first of several: "aed01-aed09", "aed01-09", "aed01, aed02".

        What is said of them may hold for each or for all together.
        """
        if _RANGE_OF_NUMBERS.match(text, name.end):
            return True
        joined = _JOINS.match(text, name.end)
        if joined is None:
            return False
        if isinstance(name.ref, int):
            return _ANOTHER_NUMBER.match(text, joined.end()) is not None
        other = self.at(text, joined.end())
        return other is not None and other.ref != name.ref  # "aed01 - Open the lid" names one step twice

    def by_ordinal(self, ordinals: Sequence[int]) -> dict[int, str]:
        """Steps behind ordinals, where there is one way only to read them.

        A whole rubric, asked in its order, may be numbered in part. Otherwise the numbers must be exactly 1 to n
        or, for one rubric, exactly the steps' own numbers, each once: with three rubrics in one request a lone
        "step 3" could be any of three.
        """
        if len(set(ordinals)) != len(ordinals) or not ordinals:
            return {}
        by_position = dict(enumerate(self.asked, start=1))
        found = set(ordinals)
        if found == set(by_position) or (self._order_counts and found <= set(by_position)):
            return by_position
        own = {self.known[step_id].order: step_id for step_id in self.asked}
        return own if len(own) == len(self.asked) and found == set(own) else {}


@lru_cache(maxsize=64)
def _spellings(steps: tuple[tuple[str, str, str], ...]) -> tuple[Mapping[str, str], re.Pattern[str]]:
    """Ids by their bare names and titles, and what finds an id or a title wherever it stands.

    Made once for a rubric: a run reads thousands of replies about the same steps.
    """
    ids = [step_id for step_id, _, _ in steps]
    bare_ids = Counter(_bare(step_id) for step_id in ids)
    titles = [(_bare(title), step_id) for step_id, *both in steps for title in set(both)]
    bare_titles = Counter(title for title, _ in titles)
    by_name = {title: step_id for title, step_id in titles if bare_titles[title] == 1}
    by_name |= {_bare(step_id): step_id for step_id in ids if bare_ids[_bare(step_id)] == 1}

    forms = {_id_form(step_id) for step_id in ids}
    prefixes = {m[1] for step_id in ids if (m := _LETTERS_DIGITS.fullmatch(step_id))}
    forms |= {rf"{re.escape(prefix)}[ _.\-]?\d{{1,3}}" for prefix in prefixes}
    escaped = {re.escape(plain(title)) for _, *both in steps for title in both}
    longest_first = (sorted(names, key=len, reverse=True) for names in (forms, escaped))
    in_ids, in_titles = ("|".join(names) for names in longest_first)
    return by_name, re.compile(rf"(?<![a-z0-9])(?:{in_ids})(?![a-z0-9])|{in_titles}", re.IGNORECASE)


_LETTERS_DIGITS = re.compile(r"([A-Za-z]+)[_.\-]?0*(\d+)")
_JOINS = re.compile(
    r"\s*(?:[-–—~&/+→,、]|->|(?:to|through|thru|until|and|or)\s|,\s*(?:and|or)\s|[至到和及与或])\s*", re.IGNORECASE
)
_ANOTHER_NUMBER = re.compile(r"(?:step|步骤|第)\s*#?\d", re.IGNORECASE)
# "aed01 – 3: late" gives 3 points; "aed01–03: 8" and "aed01 – 03: 8" give 8 to three steps.
_RANGE_OF_NUMBERS = re.compile(r"(?:[-–—~]\d{1,3}\s*(?:$|[:=])|\s*[-–—~至到]\s*\d{1,3}\s*步?\s*[:=]\s*[\d.])")
_NUMBERED = re.compile(
    r"(?:step|no\.?|#)\s*[:#.]?\s*(\d{1,3})(?!\d)|(?:步骤?|第)\s*(\d{1,3})(?!\d)\s*[步项]?|(\d{1,3})(?=\s*[.)、]|\s*:(?!\d)|\s*$)",
    re.IGNORECASE,
)


def _bare(name: str) -> str:
    """A name without what spellings differ in: case, spaces, signs, leading zeros."""
    text = re.sub(r"[\s_.\-:,;()*#`'\"~]+", "", plain(name).casefold())
    return re.sub(r"(?<!\d)0+(?=\d)", "", text)


def _id_form(name: str) -> str:
    parts = _LETTERS_DIGITS.fullmatch(name)
    return re.escape(name) if parts is None else rf"{parts[1]}[ _.\-]?0*{parts[2]}"
