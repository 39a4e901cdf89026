"""Both languages side by side in one page; the style sheet shows the one that the page's root asks for."""

from __future__ import annotations

from siming.report.column import Plain, bare_name
from siming.report.markup import Html, html, join, tag
from siming.report.texts import LANGUAGE_TAGS, LANGUAGES, find_text, load_texts, reason_in


def both(key: str, **fields: object) -> Html:
    """A text of ours in every language, its fields filled in; fields may be markup, which stays as it is."""
    filled = {name: html(value) for name, value in fields.items()}
    return join(
        tag("span", Html(str(html(load_texts(language)[key])).format(**filled)), class_=language, lang=LANGUAGE_TAGS[language])
        for language in LANGUAGES
    )  # fmt: skip


def drawn(key: str, **fields: object) -> Html:
    """As `both`, for a text inside a drawing, where only elements of drawings may stand. Fields are plain text."""
    return join(
        tag("tspan", load_texts(language)[key].format(**fields), class_=language, lang=LANGUAGE_TAGS[language])
        for language in LANGUAGES
    )


def pair(english: object, chinese: object) -> Html:
    """A text that comes with the data in both languages; in one where they are equal or one is lacking."""
    if not chinese or not english or english == chinese:
        return html(english or chinese)
    return join([tag("span", english, class_="en", lang="en"), tag("span", chinese, class_="zh", lang="zh-Hans")])


def hidden(key: str, **fields: object) -> Html:
    """A text for those who hear the page."""
    return tag("span", both(key, **fields), class_="vh")


def reason(words: str) -> Html:
    """Why there is no number, as the statistics said it, translated where the words are known."""
    return pair(words, reason_in("zh", words))


def named(prefix: str, name: str) -> Html:
    """What we call something the report names by an identifier; the identifier itself if we have no word."""
    return html(name) if find_text(f"{prefix}.{name}", "en") is None else both(f"{prefix}.{name}")


def entry_name(entry: Plain) -> Html:
    """What a row of a table is called. A model's own name is isolated from the text around it."""
    if entry["kind"] == "run":
        return tag("bdi", entry["name"])
    return named(str(entry["kind"]), bare_name(entry))
