"""A board as one self-contained page, drawn from its plain record; nothing is computed from it, only drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from siming.report.bilingual import both, pair
from siming.report.board_page.table import board_table
from siming.report.column import MISSING, Plain, number
from siming.report.markup import Html, html, join, tag
from siming.report.rating_page.pieces import Ids, section, table
from siming.report.shell import document, read_asset
from siming.report.texts import LANGUAGES, Language, load_texts

PACKAGE = "siming.report.board_page"

NOTES_IN_SIGHT = 4
"""Findings that are only to be known stand folded where there are more of them."""


def write_board_page(plain: Plain, path: Path, *, language: Language = "en") -> None:
    """Write a board as one HTML file that needs nothing else.

    Args:
        plain: What `siming board show` prints with ``--json``.
        path: Of the file; folders on the way are made.
        language: Shown first, and shown without script; the reader can switch.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_board_page(plain, language=language), encoding="utf-8")


def render_board_page(plain: Plain, *, language: Language = "en") -> str:
    """The page as text. Arguments as in `write_board_page`."""
    ids = Ids()
    parts: list[tuple[str, Html, Html]] = [("board", both("board.nav.table"), _board(plain, ids))]
    if plain["findings"]:
        parts.append(("findings", both("board.nav.findings"), _findings(plain)))
    if plain["groups"]:
        parts.append(("ties", both("board.nav.ties"), _ties(plain)))
    if any(row["per_source"] for row in plain["rows"]):
        parts.append(("sources", both("board.nav.sources"), _sources(plain, ids)))
    title = plain["name"]
    overview = tag(
        "div", _hero(plain), *(content for _, _, content in parts), _method(plain), id="overview", class_="board"
    )
    return document(
        titles={code: f"{title or 'MedVidBench'} · {load_texts(code)['board.title']}" for code in LANGUAGES},
        links=[("#top", both("board.nav.top")), *((f"#{id_}", words) for id_, words, _ in parts), ("#method", both("nav.method"))],
        content=[overview],
        made_by=both("method.made_by", version=plain["siming"], schema=plain["schema"]),
        language=language,
        styles=[read_asset("style.css", PACKAGE)],
        scripts=[read_asset("page.js", PACKAGE)],
    )  # fmt: skip


def _hero(plain: Plain) -> Html:
    counts = {
        kind: sum(row["kind"] == kind for row in plain["rows"]) for kind in ("official", "community", "published")
    }
    facts: list[tuple[Html, object]] = [(both(f"board.count.{kind}"), n) for kind, n in counts.items() if n]
    facts += [
        (both("board.mode"), both(f"board.mode.{plain['mode']}")),
        (both("board.rule"), both(f"board.rule.{plain['rule']}")),
    ]
    if plain["truth_sha256"]:
        facts.append((both("board.truth"), tag("code", f"{plain['truth_sha256'][:16]}…")))
    return tag(
        "div",
        tag("p", both("board.title"), class_="kicker"),
        tag("h1", tag("bdi", plain["name"]) if plain["name"] else both("board.published_title"), id="top"),
        tag("p", both("hero.purpose"), class_="purpose"),
        tag("dl", *(tag("div", tag("dt", term), tag("dd", fact)) for term, fact in facts), class_="facts"),
        class_="hero",
    )  # fmt: skip


def _board(plain: Plain, ids: Ids) -> Html:
    if not plain["rows"]:
        return section("board", both("board.table"), tag("p", both("board.empty"), class_="note"))
    below = [both(f"board.how.{plain['mode']}")]
    if any(row["rank_range"] for row in plain["rows"]):
        below.append(both("board.how.ranges"))
    below.append(both("board.how.dash"))
    return section(
        "board",
        both("board.table"),
        board_table(plain, ids),
        tag("p", join(below, " "), class_="note"),
        *(tag("p", pair(fact["en"], fact["zh"]), class_="note fact") for fact in plain["facts"]),
        lead=both(f"board.lead.{plain['rule']}"),
    )


def _findings(plain: Plain) -> Html:
    """What the numbers say about each other, the impossible first."""
    loud = [each for each in plain["findings"] if each["meaning"] != "note"]
    quiet = [each for each in plain["findings"] if each["meaning"] == "note"]
    content: list[Html | None] = [_finding_list(loud)] if loud else []
    if len(quiet) > NOTES_IN_SIGHT:
        words = both("board.findings.more", n=len(quiet))
        content.append(tag("details", tag("summary", words), _finding_list(quiet), open=True, class_="closes"))
    elif quiet:
        content.append(_finding_list(quiet))
    return section("findings", both("board.findings"), *content, lead=both("board.findings.lead"))


def _finding_list(findings: Sequence[Plain]) -> Html:
    lines = []
    for each in findings:
        meaning = tag("b", both(f"board.meaning.{each['meaning']}"), class_="meaning")
        lines.append(
            tag("li", meaning, " ", tag("span", pair(each["text"]["en"], each["text"]["zh"])), class_=each["meaning"])
        )
    return tag("ul", *lines, class_="found")


def _ties(plain: Plain) -> Html:
    """Groups that the data cannot tell apart, best first."""
    lines = [tag("li", *(tag("span", tag("bdi", name), class_="chip") for name in group)) for group in plain["groups"]]
    return section("ties", both("board.ties"), tag("ol", *lines, class_="ties"), lead=both("board.ties.lead"))


def _sources(plain: Plain, ids: Ids) -> Html:
    """Each entry's columns by source: a pooled mean hides a source on which a model fails."""
    content = []
    for row in plain["rows"]:
        if not row["per_source"]:
            continue
        columns = [column["name"] for column in plain["columns"] if row["per_source"].get(column["name"])]
        sources = sorted({source for name in columns for source in row["per_source"][name]})
        lines: list[Sequence[object]] = [
            [tag("bdi", source), *(_source_cell(row["per_source"][name].get(source)) for name in columns)]
            for source in sources
        ]
        lines.append([both("board.sources.macro"), *(tag("td", number(row["macro"].get(name), 3)) for name in columns)])
        head = [both("board.sources.source"), *(html(name.replace("_mIoU", "").replace("_", " ")) for name in columns)]
        name = tag("bdi", row["name"])
        content.append(
            tag("details", tag("summary", name), table(ids, join([both("board.sources"), ": ", name]), head, lines, class_="sources"), open=True, class_="closes")
        )  # fmt: skip
    return section("sources", both("board.sources"), *content, lead=both("board.sources.lead"))


def _source_cell(found: Plain | None) -> Html:
    if found is None:
        return tag("td")
    if found["value"] is None:
        return tag("td", MISSING)
    return tag("td", number(found["value"], 3), tag("small", f"n {found['n']}"))


def _method(plain: Plain) -> Html:
    notes = [
        (both(f"board.method.{key}"), both(f"board.method.{key}_is"))
        for key in ("modes", "rules", "intervals", "ranges", "missing", "references")
    ]
    if plain["sources"]:
        said = [
            tag("p", pair(plain["sources"]["en"][key], plain["sources"]["zh"][key])) for key in plain["sources"]["en"]
        ]
        notes.append((both("board.method.published"), join(said)))
    notes.append((both("rating.method.data"), both("rating.method.data_is", schema=plain["schema"])))
    lines = [tag("div", tag("dt", term), tag("dd", words)) for term, words in notes]
    return section("method", both("method.title"), tag("dl", *lines, class_="method"))
