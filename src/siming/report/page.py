"""The report as one self-contained page: no server, no network, no build; both languages and both schemes inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from siming.report.agreement import setting_section
from siming.report.attempts import attempt_section
from siming.report.bilingual import both, named
from siming.report.column import Plain, settings_of
from siming.report.frames import FrameSource, Thumbnails
from siming.report.markup import tag
from siming.report.overview import attempts_overview, comparisons, headline, hero, method
from siming.report.shell import document
from siming.report.texts import LANGUAGES, Language, load_texts

FRAME_BUDGET_BYTES = 4_000_000
"""Size of all thumbnails together; each attempt gets an equal share."""

MOST_ATTEMPTS = 60
"""Attempts with a section of their own; the others are in report.json and the page says so."""


def write_report(
    report: Mapping[str, Any], path: Path, *, frames: FrameSource | None = None, language: Language = "en"
) -> tuple[Path, Path]:
    """Write the page and ``report.json`` (strict JSON) beside it, and give back the paths of both, data first.

    Args:
        path: A name that ends in ``.html`` is the page; anything else is a folder, and gets ``report.html``.
        frames, language: As in `write_page`.

    Raises:
        ValueError: The report holds NaN or an infinity, which no JSON file may carry.
    """
    page = path if path.suffix == ".html" else path / "report.html"
    data = page.with_name("report.json")
    # A half surrogate from a model's reply cannot be UTF-8; as an escape it is JSON like any other.
    written = json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1)
    page.parent.mkdir(parents=True, exist_ok=True)
    data.write_bytes(written.encode("utf-8", "backslashreplace") + b"\n")
    write_page(report, page, frames=frames, language=language)
    return data, page


def write_page(
    report: Plain,
    path: Path,
    *,
    frames: FrameSource | None = None,
    language: Language = "en",
    frame_budget_bytes: int = FRAME_BUDGET_BYTES,
    most_attempts: int = MOST_ATTEMPTS,
) -> None:
    """Write the report as one HTML file that needs nothing else.

    Args:
        report: A report of schema ``siming.report/1``; nothing is computed from it, only drawn.
        frames: Gives the JPEG of a frame key. Without it the page names the frames and shows none.
        language: Shown first, and shown without script; the reader can switch.
        frame_budget_bytes: What all thumbnails together may take.
        most_attempts: Attempts that get a section of their own.
    """
    page = render_page(
        report, frames=frames, language=language, frame_budget_bytes=frame_budget_bytes, most_attempts=most_attempts
    )
    path.write_text(page, encoding="utf-8")


def render_page(
    report: Plain,
    *,
    frames: FrameSource | None = None,
    language: Language = "en",
    frame_budget_bytes: int = FRAME_BUDGET_BYTES,
    most_attempts: int = MOST_ATTEMPTS,
) -> str:
    """The page as text. Arguments as in `write_page`."""
    attempts = report["attempts"][:most_attempts]
    limited = {**report, "attempts": attempts}
    share = frame_budget_bytes // max(1, len(attempts))
    settings = settings_of(report)
    overview = tag(
        "div",
        hero(report),
        headline(report),
        *(setting_section(report, setting, index) for index, setting in enumerate(settings)),
        comparisons(report),
        attempts_overview(report, len(attempts)) if attempts else None,
        method(report),
        id="overview",
    )
    links = [("#headline", both("nav.headline"))]
    links += [(f"#setting-{index}", named("setting.short", setting)) for index, setting in enumerate(settings)]
    links += [("#attempts", both("nav.attempts")), ("#method", both("nav.method"))]
    return document(
        titles={code: f"{report['dataset']['name']} · {load_texts(code)['page.title']}" for code in LANGUAGES},
        links=links,
        content=[
            overview,
            *(attempt_section(limited, number, Thumbnails(frames, share)) for number in range(len(attempts))),
        ],
        made_by=both("method.made_by", version=report.get("siming", ""), schema=report.get("schema", "")),
        language=language,
    )
