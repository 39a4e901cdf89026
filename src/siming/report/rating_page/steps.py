"""Steps: how hard each is, whether it goes with the others, and which labels it ever got."""

from __future__ import annotations

from siming.rating.texts import texts
from siming.report.bilingual import both, pair
from siming.report.column import MISSING, Plain
from siming.report.markup import Html, join, tag
from siming.report.rating_page.pieces import Ids, cell, section, sentences, stands_on, table, written

NUMBERS = ("difficulty", "step_rest", "upper_lower", "alpha_without")
COLUMNS = ("step", "max_points", *NUMBERS, "levels", "missing")


def steps_sections(plain: Plain, ids: Ids) -> list[tuple[str, Html, Html]]:
    """The page's parts: (id, words of the bar, content)."""
    english, chinese = (texts(language)["steps"]["columns"] for language in ("en", "zh"))
    head = [pair(english[column], chinese[column]) for column in COLUMNS]
    out = []
    for number, skill in enumerate(plain["skills"], start=1):
        id_, name = f"skill-{number}", tag("bdi", skill["skill"])
        rows = [
            [
                _step(each),
                tag("td", f"{each['max_points']:g}"),
                *(cell(each[key]) for key in NUMBERS),
                tag("td", "/".join(map(str, each["levels"]))),
                tag("td", each["n_missing"]),
            ]
            for each in skill["steps"]
        ]
        alpha = tag(
            "dl",
            tag("div", tag("dt", both("rating.steps.alpha")), tag("dd", written(skill["alpha"]))),
            class_="facts counts",
        )
        content = [alpha, table(ids, name, head, rows, class_="agreement"), stands_on([skill["alpha"]])]
        out.append((id_, name, section(id_, name, *content)))
    said = sentences(plain, "exam")
    if said is not None:
        out.append(("exam", both("rating.standard.exam"), section("exam", both("rating.standard.exam"), said)))
    return out


def _step(each: Plain) -> Html:
    title = each.get("title") or {}
    return join([tag("code", each.get("step", MISSING)), " ", pair(title.get("en"), title.get("zh"))])
