"""A release: long tables as Parquet, a dataset card, and Croissant metadata that says who rated, how, and how far they
agree. Out only. Names of candidates and places of videos stay behind."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from siming.errors import MissingExtraError
from siming.exchange.croissant import croissant
from siming.exchange.escape import shown
from siming.exchange.selection import Selection
from siming.exchange.texts import texts
from siming.rating import measure_pair, physician_pairs
from siming.rubric import Dataset, labels_of_sheet

if TYPE_CHECKING:
    import pyarrow as pa

_TEXT, _NUMBER, _WHOLE, _FLAG = "string", "double", "int64", "bool"
_TEXTS, _NUMBERS = "list<string>", "list<double>"

_AGREEMENT = {"raw_agreement": "raw_agreement", "qwk": "qwk", "ac2": "ac2"}
"""Statistics that a release tells of each two raters; none stands alone."""

TABLES: Mapping[str, Mapping[str, str]] = {
    "sheets": {
        "attempt": _TEXT, "rubric": _TEXT, "rubric_version": _TEXT, "author_kind": _TEXT, "author": _TEXT, "step": _TEXT,
        "points": _NUMBER, "max_points": _NUMBER, "label": _WHOLE, "status": _TEXT, "deductions": _TEXTS, "void": _FLAG,
        "wrong": _FLAG, "evidence_start_s": _NUMBERS, "evidence_end_s": _NUMBERS, "note": _TEXT, "reason": _TEXT,
        "provenance": _TEXT, "rationale": _TEXT,
        "global_rating": _WHOLE, "submitted_at": _TEXT,
    },
    "attempts": {
        "attempt": _TEXT, "rubrics": _TEXTS, "duration_s": _NUMBER, "video_sha256": _TEXT, "site": _TEXT,
        "occasion": _TEXT,
    },
    "steps": {
        "rubric": _TEXT, "rubric_version": _TEXT, "step": _TEXT, "order": _WHOLE, "title": _TEXT, "title_zh": _TEXT,
        "max_points": _NUMBER,
    },
}  # fmt: skip
"""Columns of each table, and what their cells are."""


def write_release(selection: Selection) -> dict[str, bytes]:
    """Tables, card and metadata.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    tables = {"sheets": _sheets(selection), "attempts": _attempts(selection), "steps": _steps(selection)}
    files = {f"data/{name}.parquet": _parquet(rows, TABLES[name]) for name, rows in tables.items()}
    facts = facts_of(selection)
    files["README.md"] = _card(selection, facts, {name: len(rows) for name, rows in tables.items()})
    in_english: Mapping[str, str] = texts("en")["card"]
    lines = [agreement_line(pair, in_english) for pair in facts["agreement"]]
    files["croissant.json"] = croissant(selection, TABLES, files, {**facts, "agreement": lines})
    return files


def _sheets(selection: Selection) -> list[dict[str, Any]]:
    rows = []
    for sheet in selection.sheets:
        rubric = selection.dataset.rubrics[sheet.rubric]
        labels = labels_of_sheet(sheet, rubric)
        rows += [
            {
                "attempt": sheet.attempt,
                "rubric": sheet.rubric,
                "rubric_version": sheet.rubric_version,
                "author_kind": sheet.author.kind,
                "author": sheet.author.name,
                "step": step_id,
                "points": entry.points,
                "max_points": rubric.get_step(step_id).max_points,
                "label": labels[step_id],
                "status": entry.status,
                "deductions": list(entry.deductions),
                "void": entry.void,
                "wrong": entry.wrong,
                "evidence_start_s": [start_s for start_s, _ in entry.evidence],
                "evidence_end_s": [end_s for _, end_s in entry.evidence],
                "note": entry.note,
                "reason": entry.reason,
                "provenance": entry.provenance,
                "rationale": entry.rationale,
                "global_rating": sheet.global_rating,
                "submitted_at": sheet.submitted_at,
            }
            for step_id, entry in sheet.steps.items()
        ]
    return rows


def _attempts(selection: Selection) -> list[dict[str, Any]]:
    return [
        {
            "attempt": attempt.id,
            "rubrics": [ref.id for ref in attempt.rubrics],
            "duration_s": attempt.video.duration_s if attempt.video else None,
            "video_sha256": attempt.video.sha256 if attempt.video else None,
            "site": attempt.site,
            "occasion": attempt.occasion,
        }
        for attempt in selection.attempts
    ]


def _steps(selection: Selection) -> list[dict[str, Any]]:
    return [
        {
            "rubric": rubric.id,
            "rubric_version": rubric.version,
            "step": step.id,
            "order": step.order,
            "title": step.title,
            "title_zh": step.title_zh,
            "max_points": step.max_points,
        }
        for rubric in selection.rubrics
        for step in rubric.steps
    ]


def _parquet(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> bytes:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as cause:
        raise MissingExtraError("writing Parquet", "exchange") from cause
    kinds: dict[str, pa.DataType] = {
        _TEXT: pa.string(), _NUMBER: pa.float64(), _WHOLE: pa.int64(), _FLAG: pa.bool_(),
        _TEXTS: pa.list_(pa.string()), _NUMBERS: pa.list_(pa.float64()),
    }  # fmt: skip
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    stream = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows), schema=schema), stream, compression="zstd")
    return stream.getvalue()


def facts_of(selection: Selection) -> dict[str, Any]:
    """What a reader of the release wants to know of how it came about; None for what nobody stated.

    Consent, address and day of publication are the keys ``consent``, ``url`` and ``published`` of `dataset.yaml`.
    """
    info = selection.dataset.info
    stated = info.model_extra or {}
    kept = Dataset(
        selection.dataset.folder, info, selection.dataset.rubrics, list(selection.attempts), list(selection.sheets)
    )
    agreement = [
        {
            "raters": [found.first, found.second],
            "measured": measure_pair(found.pair, kinds=("label",), names=_AGREEMENT),
        }
        for found in physician_pairs(kept)
    ]
    per_attempt = Counter(
        (sheet.attempt, sheet.rubric) for sheet in selection.sheets if sheet.author.kind == "physician"
    )
    return {
        "raters": sorted({s.author.name for s in selection.sheets if s.author.kind == "physician"}),
        "kinds": dict(sorted(Counter(s.author.kind for s in selection.sheets).items())),
        "ratings_per_attempt": sorted(set(per_attempt.values())),
        "agreement": agreement,
        **{key: shown(str(stated[key])) if stated.get(key) else None for key in ("consent", "url", "published")},
        "licence": info.licence,
        "provenance": info.provenance,
    }


def agreement_line(pair: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """How far two raters agree: each coefficient with its interval and the steps it stands on."""
    told = []
    for name, measured in pair["measured"].items():
        if measured.value is None:
            told.append(f"{words[name]} {words['undefined']}")
            continue
        between = measured.interval
        limits = "" if between is None else f" [{between.low:.3f}, {between.high:.3f}]"
        told.append(f"{words[name]} {measured.value:.3f}{limits} (n = {measured.n})")
    return f"{shown(pair['raters'][0])} × {shown(pair['raters'][1])}: {', '.join(told)}"


def _card(selection: Selection, facts: Mapping[str, Any], n_rows: Mapping[str, int]) -> bytes:
    words: Mapping[str, str] = texts(selection.language)["card"]
    info = selection.dataset.info
    head = {
        "pretty_name": info.name,
        "license": "other",
        "license_name": info.licence,
        "language": ["en", "zh"],
        "task_categories": ["video-classification"],
        "tags": ["clinical skills", "siming"],
        "configs": [
            {
                "config_name": name,
                "data_files": f"data/{name}.parquet",
                **({"default": True} if name == "sheets" else {}),
            }
            for name in TABLES
        ],
    }
    agreed = [agreement_line(pair, words) for pair in facts["agreement"]]
    lines = [
        f"# {_plain(info.name)} {_plain(info.version)}",
        words["intro"].format(attempts=len(selection.attempts), sheets=len(selection.sheets)),
        f"## {words['tables']}",
        *(f"- `data/{name}.parquet`: {words[name]} ({n_rows[name]})" for name in TABLES),
        f"## {words['origin']}",
        f"- {words['provenance']}: {_plain(facts['provenance'])}",
        f"- {words['licence']}: {_plain(facts['licence'])}",
        f"- {words['consent']}: {_plain(facts['consent'] or words['not_stated'])}",
        f"- {words['raters']}: {_plain(', '.join(facts['raters']) or words['none'])}",
        f"## {words['agreement']}",
        *([f"- {_plain(line)}" for line in agreed] or [words["no_agreement"]]),
        f"## {words['limits']}",
        words["limits_text"],
    ]
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{_spaced(lines)}".encode()


def _spaced(lines: Sequence[str]) -> str:
    """Paragraphs with a blank line between them, lists kept together."""
    out = ""
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        out += line + ("\n" if line.startswith("- ") and after.startswith("- ") else "\n\n")
    return out.rstrip("\n") + "\n"


def _plain(text: str) -> str:
    """One line in which nothing is markup."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in shown(text))
