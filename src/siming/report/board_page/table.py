"""The board itself: ten columns under their tasks, one row per entry, every number with what it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from siming.report.bilingual import both
from siming.report.column import MISSING, Plain, bracket, number, percent
from siming.report.markup import Html, html, join, tag
from siming.report.number_card import how_made, opening
from siming.report.rating_page.pieces import Ids

DECIMALS = 3


def board_table(plain: Plain, ids: Ids) -> Html:
    """The table in a frame that scrolls. Rows carry what they are sorted by; the order without script is the rule's."""
    id_ = ids.new("c")
    columns = plain["columns"]
    bodies = []
    for ranked in (True, False):
        rows = [row for row in plain["rows"] if (row["place"] is not None) == ranked]
        if rows:
            lines = [_row(row, plain, ids) for row in rows]
            if not ranked:
                head = tag(
                    "th", tag("span", both("board.unranked"), class_="stay"), colspan=len(columns) + 2, scope="rowgroup"
                )
                lines.insert(0, tag("tr", head, class_="group"))
            bodies.append(tag("tbody", *lines))
    inner = tag(
        "table",
        tag("caption", both("board.table"), class_="vh", id=id_),
        tag("thead", _tasks(columns), _heads(plain)),
        *bodies,
        class_="sortable board-table",
    )
    return tag("div", inner, class_="scroll", tabindex=0, role="region", aria_labelledby=id_)


def _tasks(columns: Sequence[Plain]) -> Html:
    """The first line of the head: one name over the columns of each task."""
    cells = [tag("td", class_="name"), tag("td")]
    for task, own in groupby(columns, key=lambda column: column["task"]):
        cells.append(tag("th", both(f"board.task.{task}"), colspan=len(list(own)), scope="colgroup", class_="task"))
    return tag("tr", *cells, class_="tasks")


def _heads(plain: Plain) -> Html:
    # Ascending is best for places and mean ranks, descending for everything else.
    cells = [_head(both("board.entry"), "place", "ascending", sorted_=True, class_="name")]
    first = "ascending" if plain["rule"] == "current" else "descending"
    cells.append(_head(both(f"board.score.{plain['rule']}"), "score", first))
    task = None
    for column in plain["columns"]:
        class_ = "begins" if column["task"] != task else None
        cells.append(_head(html(_short(column["name"])), column["name"], "descending", class_=class_))
        task = column["task"]
    return tag("tr", *cells, class_="heads")


def _head(words: Html, key: str, first: str, *, sorted_: bool = False, class_: str | None = None) -> Html:
    """A head that sorts by its column: a button, so that keys and readers of the screen can use it."""
    button = tag(
        "button",
        words,
        tag("span", class_="arrow", aria_hidden="true"),
        type="button",
        data_sort=key,
        data_first=first,
        class_="sorter",
    )
    return tag("th", button, scope="col", class_=class_, aria_sort="ascending" if sorted_ else None)


def _short(name: str) -> str:
    """A column's name where its task stands above it.

    >>> _short("TAG_mIoU@0.3"), _short("CVS_acc"), _short("DVC_llm")
    ('mIoU@0.3', 'acc', 'judge')
    """
    return name.split("_", 1)[1].replace("llm", "judge")


def _row(row: Plain, plain: Plain, ids: Ids) -> Html:
    cells = [
        _name(row),
        tag(
            "td", number(row["score"], 3 if plain["rule"] != "current" else 2), data_value=row["score"], class_="score"
        ),
    ]
    task = None
    for column in plain["columns"]:
        begins = "begins" if column["task"] != task else ""
        cells.append(_cell(row, column, plain, ids, begins))
        task = column["task"]
    return tag("tr", *cells, class_=row["kind"])


def _name(row: Plain) -> Html:
    """Place and the places left open, name, who, when, and which mode made the numbers."""
    place = tag("span", row["place"] if row["place"] is not None else MISSING, class_="place")
    span = row["rank_range"]
    open_ = None
    if span:
        key = "board.range" if span[0] != span[1] else "board.range_one"
        open_ = tag("small", both(key, low=span[0], high=span[1]), class_="open")
    org = join([tag("bdi", row["org"]), " · "]) if row["org"] else None
    date = join([" · ", tag("span", row["date"], class_="date")]) if row["date"] else None
    alias = join([tag("bdi", row["alias"]), " · "]) if row["alias"] else None
    # Published rows say what made them where an entry names its board.
    made = None
    if row["kind"] != "published":
        made = tag("small", tag("span", both(f"board.made_by.{row['mode']}"), class_=f"badge {row['mode']}"))
    name = tag("span", tag("bdi", row["name"]), class_="entry-name")
    kind = tag("small", alias, org, both(f"board.kind.{row['kind']}"), date)
    return tag(
        "th",
        tag("div", tag("div", place, open_, class_="placed"), tag("div", name, kind, made), class_="entry"),
        scope="row",
        class_="name",
        data_value=row["place"],
    )


def _cell(row: Plain, column: Plain, plain: Plain, ids: Ids, begins: str) -> Html:
    found = row["cells"][column["name"]]
    value = found["value"]
    top = " top" if found.get("rank") == 1 and value is not None else ""
    if row["kind"] == "published":
        return tag(
            "td",
            tag("span", number(value, DECIMALS), class_="printed"),
            data_value=value,
            class_=f"{begins}{top}".strip() or None,
        )
    face: list[object] = [tag("b", number(value, DECIMALS)) if value is not None else tag("b", MISSING)]
    if value is None:
        zero = plain["missing_as_zero"]
        face.append(tag("small", both("board.missing_as_zero" if zero else "board.missing")))
    elif found.get("interval"):
        face.append(tag("small", bracket(found["interval"], DECIMALS)))
    else:
        face.append(tag("small", both("interval.none")))
    coverage = found.get("coverage")
    if value is not None and coverage and coverage["read"] < coverage["asked"]:
        face.append(
            tag("small", both("board.read", share=percent(coverage["read"] / coverage["asked"])), class_="read")
        )
    button, card = opening(ids.new("n"), face, _card(row, column, found), "num" if value is not None else "num dash")
    return tag("td", button, card, data_value=value, class_=f"{begins}{top}".strip() or None)


def _card(row: Plain, column: Plain, found: Plain) -> list[Html]:
    """How a number was made: mode, interval, what it stands on, what was read, which ranks are open."""
    title = join([tag("bdi", row["name"]), " · ", column["name"]])
    card = how_made(found, title=title, n_is=both("board.n_judged" if column["judged"] else "board.n"), decimals=5)
    lines = [(both("board.mode"), both(f"board.made_by.{row['mode']}"))]
    coverage = found.get("coverage")
    if coverage:
        lines.append((both("board.coverage"), html(f"{coverage['read']} / {coverage['asked']}")))
    if found.get("rank") is not None:
        lines.append((both("board.rank"), html(found["rank"])))
    if found.get("rank_range"):
        low, high = found["rank_range"]
        lines.append((both("board.rank_range"), html(f"{low}–{high}" if low != high else f"{low}")))
    if row["stored"] is not None and row["stored"].get(column["name"]) is not None:
        lines.append((both("board.stored"), html(f"{row['stored'][column['name']]:.3f}")))
    if column["judged"] and row["judged"]:
        lines.append((both("board.judged_by"), tag("bdi", row["judged"].get("by") or row["judged"]["folder"])))
    return [*card, tag("dl", *(tag("div", tag("dt", term), tag("dd", words)) for term, words in lines))]
