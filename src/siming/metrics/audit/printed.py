"""Reading numbers as a table prints them: each stands for all values that round to it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from siming.errors import LabelError

_HEADINGS = {
    "name": "row name model method system 模型 方法 名称 系统 行",
    "test_set": "test_set test-set dataset setting split task 测试集 数据集 任务 设置 场景",
    "precision": "P precision prec ppv 精确率 精准率 查准率 阳性预测值",
    "recall": "R recall sensitivity tpr 召回率 查全率 灵敏度 敏感度",
    "f1": "f1 f1_score f1-score f1值 f1分数",
    "mcc": "mcc matthews 马修斯相关系数",
    "specificity": "specificity tnr 特异度 特异性",
    "accuracy": "accuracy acc raw_agreement 准确率 正确率 一致率",
    "prevalence": "prevalence reference_prevalence imperfect_share 阳性率 流行率 患病率 错误率 未满分比例",
    "kappa": "kappa κ cohen_kappa kappa值 kappa系数",
    "qwk": "qwk quadratic_kappa quadratic_weighted_kappa 加权kappa 二次加权kappa",
    "disagreement": "disagreement disagreement_share adjudicated_share 不一致率 分歧率 裁定率",
    "r": "r plcc pearson 相关系数 皮尔逊相关系数",
    "n": "n N n_videos videos 样本量 例数 录像数 视频数",
    "p_value": "p p_value p-value p值",
    "count": "k count number 个数 计数 数量 频数",
    "total": "total denominator n_cells of 总数 分母 合计 单元数",
    "percent": "percent percentage % per_cent 百分比 占比 构成比",
    "mean": "mean mean_score 均值 均数 平均值 平均分",
    "grain": "grain score_step 最小单位 计分单位",
    "before": "before base 前 之前 基线",
    "after": "after 后 之后",
    "delta": "delta Δ difference 差值 差 变化 提升",
}
COLUMNS: Mapping[str, tuple[str, ...]] = {column: tuple(known.split()) for column, known in _HEADINGS.items()}
"""Columns that the auditor knows, and the headings each goes by. Capitals matter in single letters only."""

_SHARES = {
    "precision",
    "recall",
    "f1",
    "mcc",
    "specificity",
    "accuracy",
    "prevalence",
    "kappa",
    "qwk",
    "disagreement",
    "r",
}
_EXACT = {"count", "total", "n", "grain"}
_EMPTY = {"", "-", "–", "—", "/", "n/a", "na", "nan", "none", "null", "undefined"}
_UNIT = re.compile(r"[\s/,]*(?:\(\s*%\s*\)|\[\s*%\s*\]|%)$")
_NUMBER = re.compile(r"([<>≤≥]?)\s*([+-]?)(\d+(?:\.\d*)?|\.\d+)\s*(%?)")


@dataclass(frozen=True, slots=True)
class Printed:
    """A printed number: any value in [low, high]."""

    text: str
    low: float
    high: float

    def within(self, low: float, high: float) -> Printed:
        """Without the values that cannot be, such as a precision above 1."""
        return Printed(self.text, min(max(self.low, low), high), max(min(self.high, high), low))

    def meets(self, low: float, high: float) -> bool:
        """Whether some value that prints like this lies in [low, high]."""
        slack = 1e-9 * max(1.0, min(abs(low), abs(high)))
        return self.low <= high + slack and self.high >= low - slack


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One row of a table, by known column."""

    name: str
    test_set: str
    cells: Mapping[str, Printed]
    """Columns in which the row prints a number."""
    blank: frozenset[str]
    """Columns of the table in which it prints none."""

    def get(self, *columns: str) -> tuple[Printed, ...] | None:
        """The numbers in these columns, None unless all are there."""
        found = tuple(self.cells[column] for column in columns if column in self.cells)
        return found if len(found) == len(columns) else None


@dataclass(frozen=True, slots=True)
class Table:
    """A table by known column."""

    rows: tuple[ReadRow, ...]
    unused: tuple[str, ...]
    """Headings that no check knows."""
    unsure: tuple[str, ...]
    """Columns of small numbers in a table that prints others in per cent: an MCC of 0.3 may mean 0.3 or 0.003."""


def read_number(found: object, where: str, *, exact: bool = False) -> Printed | None:
    """A cell as printed; None where it is empty or a dash.

    Reads ``0.183``, ``18.3%``, ``6,600``, ``0,183``, ``<0.001`` and ``**0.158**``. A float counts with the decimals that Python
    shows, so give text where trailing zeros matter.

    Args:
        found: The cell.
        where: Row and column, for the error.
        exact: Whether the number is a count, which nobody rounds.

    Raises:
        LabelError: Anything else.

    >>> read_number("18.3%", "row 1")
    Printed(text='18.3%', low=0.1825, high=0.1835)
    """
    text = "" if found is None else str(found).strip()
    bare = text.strip("*_ ").replace("\N{MINUS SIGN}", "-").replace("\N{FULLWIDTH PERCENT SIGN}", "%")
    if bare.lower() in _EMPTY:
        return None
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?\s*%?", bare):
        bare = bare.replace(",", "")
    elif bare.count(",") == 1 and "." not in bare:
        bare = bare.replace(",", ".")
    read = _NUMBER.fullmatch(bare)
    if read is None:
        raise LabelError(f"{where}: {text!r} is not one printed number; write it like 0.183, or leave the cell empty")
    bound, sign, digits, per_cent = read.groups()
    value = float(sign + digits)
    decimals = len(digits.partition(".")[2])
    half = 0.0 if exact else 0.5 * 10.0**-decimals
    low, high = value - half, value + half
    if bound in ("<", "≤"):
        low, high = 0.0, value
    elif bound in (">", "≥"):
        low, high = value, float("inf")
    unit = 100 if per_cent else 1
    return Printed(text, round(low / unit, decimals + 4), round(high / unit, decimals + 4))


def read_table(
    rows: Sequence[Mapping[str, object]],
    *,
    columns: Mapping[str, str] | None = None,
    per_cent: frozenset[str] = frozenset(),
) -> Table:
    """The rows by known column.

    A column of shares or coefficients with a number beyond 1 is taken to be in per cent throughout.

    Args:
        rows: Heading to cell, as `csv.DictReader` gives them.
        columns: Own headings, each with the known column it means.
        per_cent: Known columns to be read as per cent though no number in them is beyond 1.

    Raises:
        LabelError: No rows, a cell that is not a number, or two headings for one column.
    """
    if not rows:
        raise LabelError("found no rows, wanted at least one; give a sequence of mappings, heading to cell")
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    meaning = {heading: _meaning(heading, columns or {}) for heading in headings}
    known = {heading: column for heading, column in meaning.items() if column is not None}
    for column in set(known.values()):
        same = [heading for heading, means in known.items() if means == column]
        if len(same) > 1:
            raise LabelError(f"headings {same} both mean {column!r}; audit them one at a time, or rename one")
    read = [_read_row(number, row, known) for number, row in enumerate(rows, start=1)]
    surely = {column for column in _SHARES if any(_beyond_one(cells.get(column)) for _, _, cells in read)}
    surely |= {column for heading, column in known.items() if says_per_cent(heading)} & _SHARES
    unsure = (_SHARES & set(known.values())) - surely if surely else set()
    for _, _, cells in read:
        for column in (surely | per_cent) & set(cells):
            cell = cells[column]
            if not cell.text.endswith("%"):
                cells[column] = Printed(cell.text, cell.low / 100, cell.high / 100)
    every = frozenset(known.values())
    out = [ReadRow(name, test_set, cells, every - set(cells)) for name, test_set, cells in read]
    unused = [heading for heading, column in meaning.items() if column is None]
    return Table(tuple(out), tuple(unused), tuple(sorted(unsure)))


def _read_row(number: int, row: Mapping[str, object], known: Mapping[str, str]) -> tuple[str, str, dict[str, Printed]]:
    texts = {column: str(row[heading]) for heading, column in known.items() if row.get(heading) is not None}
    name = texts.get("name", "").strip() or f"row {number}"
    cells = {}
    for heading, column in known.items():
        if column in ("name", "test_set"):
            continue
        cell = read_number(row.get(heading), f"row {number} ({name}), column {heading!r}", exact=column in _EXACT)
        if cell is not None:
            cells[column] = cell
    return name, texts.get("test_set", "").strip(), cells


def _beyond_one(cell: Printed | None) -> bool:
    return cell is not None and (cell.low > 1 or cell.high < -1)


def _meaning(heading: str, own: Mapping[str, str]) -> str | None:
    if heading in own:
        if own[heading] not in COLUMNS:
            raise LabelError(f"column {own[heading]!r} is unknown; the auditor knows {', '.join(COLUMNS)}")
        return own[heading]
    plain = _without_unit(heading)
    wanted = plain if len(plain) == 1 else plain.lower().replace(" ", "_")
    return next((column for column, names in COLUMNS.items() if wanted in names), None)


def column_of(heading: str) -> str | None:
    """The column that a heading means, None where the auditor knows none.

    >>> column_of("精确率（%）"), column_of("F1-score"), column_of("colour")
    ('precision', 'f1', None)
    """
    return _meaning(heading, {})


def _without_unit(heading: str) -> str:
    """A heading in plain letters, without a per cent sign behind it and arrows that say which way is better."""
    plain = unicodedata.normalize("NFKC", heading).strip().rstrip("↑↓ ")
    return _UNIT.sub("", plain) or plain


def says_per_cent(heading: str) -> bool:
    """Whether a heading says that its column is in per cent.

    >>> says_per_cent("精确率（%）"), says_per_cent("F1")
    (True, False)
    """
    plain = unicodedata.normalize("NFKC", heading).strip().rstrip("↑↓ ")
    return _UNIT.sub("", plain) not in ("", plain)
