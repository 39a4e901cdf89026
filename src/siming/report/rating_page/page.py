"""One page for each rating command, drawn from its plain record; nothing is computed from it, only drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from siming.errors import TaskError
from siming.report.bilingual import both, pair
from siming.report.column import MISSING, Plain
from siming.report.markup import Html, join, tag
from siming.report.rating_page.agreement import agreement_sections
from siming.report.rating_page.effects import effects_sections
from siming.report.rating_page.gstudy import gstudy_sections, sizes_words
from siming.report.rating_page.pieces import Ids, page_title, section
from siming.report.rating_page.standard import standard_sections
from siming.report.rating_page.steps import steps_sections
from siming.report.shell import document, read_asset
from siming.report.texts import Language

Sections = Callable[[Plain, Ids], list[tuple[str, Html, Html]]]

PAGES: Mapping[str, tuple[str, Sections]] = {
    "siming.agreement/1": ("agreement", agreement_sections),
    "siming.rater-effects/1": ("effects", effects_sections),
    "siming.g-study/1": ("gstudy", gstudy_sections),
    "siming.standard/1": ("standard", standard_sections),
    "siming.steps/1": ("steps", steps_sections),
}
"""Schema to the page's kind and the sections that draw it."""

MOST_LINKS = 9
"""Links in the bar; pages of many pairs have more sections than a bar can hold."""


def write_rating_page(plain: Plain, path: Path, *, language: Language = "en") -> None:
    """Write the page of a rating command as one HTML file that needs nothing else.

    Args:
        plain: What `siming rating agree`, `effects`, `gstudy`, `standard` or `steps` print with ``--json``.
        path: Of the file; folders on the way are made.
        language: Shown first, and shown without script; the reader can switch.

    Raises:
        TaskError: A record of another schema.
    """
    page = render_rating_page(plain, language=language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def render_rating_page(plain: Plain, *, language: Language = "en") -> str:
    """The page as text. Arguments and errors as in `write_rating_page`."""
    schema = str(plain.get("schema", ""))
    if schema not in PAGES:
        known = ", ".join(PAGES)
        raise TaskError(f"a rating page is drawn from one of {known}, not from {schema or 'a record without schema'!r}")
    kind, sections = PAGES[schema]
    ids = Ids()
    parts = sections(plain, ids)
    links = [("#top", both("rating.nav.top")), *((f"#{id_}", words) for id_, words, _ in parts)]
    overview = tag(
        "div", _hero(plain, kind), *(content for _, _, content in parts), _method(plain, kind), id="overview", class_="rating"
    )  # fmt: skip
    return document(
        titles=page_title(f"rating.title.{kind}", str(plain.get("source") or "siming")),
        links=[*links[:MOST_LINKS], ("#method", both("nav.method"))],
        content=[overview],
        made_by=both("method.made_by", version=plain.get("siming") or "", schema=schema)
        if plain.get("siming")
        else tag("span", schema),
        language=language,
        styles=[read_asset("style.css", "siming.report.rating_page")],
    )


def _hero(plain: Plain, kind: str) -> Html:
    """What the page is about, what it is not, and whose judgements it shows."""
    people = [str(each if isinstance(each, str) else each.get("rater")) for each in plain.get("raters") or ()]
    authors = both("rating.hero.authors", raters=join((tag("bdi", name) for name in people), ", ")) if people else None
    english = plain.get("notes") or ()
    notes = [tag("li", pair(*told)) for told in zip(english, plain.get("notes_zh") or english, strict=True)]
    return tag(
        "div",
        tag("p", both(f"rating.title.{kind}"), class_="kicker"),
        tag("h1", tag("bdi", plain.get("source") or MISSING), id="top"),
        tag("p", both("hero.purpose"), class_="purpose"),
        tag("p", authors, class_="authors") if authors is not None else None,
        tag("dl", *(tag("div", tag("dt", term), tag("dd", fact)) for term, fact in _facts(plain)), class_="facts"),
        tag("details", tag("summary", both("rating.hero.notes", n=len(notes))), tag("ul", *notes, class_="said-words"), open=True, class_="closes")
        if notes
        else None,
        class_="hero",
    )  # fmt: skip


def _facts(plain: Plain) -> list[tuple[Html, object]]:
    found: list[tuple[Html, object]] = []
    if plain.get("raters"):
        found.append((both("rating.hero.raters"), len(plain["raters"])))
    n_attempts = plain.get("n_attempts", len(plain["attempts"]) if plain.get("attempts") else None)
    counts = (("rating.hero.attempts", n_attempts), ("rating.hero.candidates", plain.get("n_candidates")))
    found += [(both(key), n) for key, n in counts if n is not None]
    if plain.get("design"):
        found.append((both("rating.hero.design"), tag("code", tag("bdi", plain["design"]))))
    if plain.get("sizes"):
        found.append((both("rating.hero.sizes"), sizes_words(plain["sizes"], without=())))
    if plain.get("stations"):
        found.append((both("rating.hero.stations"), len(plain["stations"])))
    return found


def _method(plain: Plain, kind: str) -> Html:
    """How the numbers were made."""
    notes = [
        (both("rating.method.unit"), both("rating.method.unit_is")),
        (both("rating.method.undefined"), both("rating.method.undefined_is")),
        (both(f"rating.method.{kind}"), both(f"rating.method.{kind}_is")),
        (both("rating.method.data"), both("rating.method.data_is", schema=plain["schema"])),
    ]
    lines = [tag("div", tag("dt", term), tag("dd", words)) for term, words in notes]
    return section("method", both("method.title"), tag("dl", *lines, class_="method"))
