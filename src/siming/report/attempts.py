"""One attempt's section of the page: timeline, steps with reasons, frames shown, replies word for word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from siming.report.bilingual import both, entry_name, hidden, named, pair
from siming.report.column import MISSING, Plain, clock, marks
from siming.report.figures import legend, mark_lane, span_lane, strip, time_axis, time_ticks
from siming.report.frames import Thumbnails
from siming.report.markup import Html, html, join, tag
from siming.report.step_chart import step_breaks, step_family

SIGNALS = ("compression", "breath")
"""Events so many that they get a lane of their own."""

REPLY_CHARACTERS = 6_000
"""What the page shows of one reply; report.json has more."""


def attempt_id(number: int) -> str:
    """The page's name for the attempt with this place in the report; ids given by users may hold anything."""
    return f"attempt-{number + 1}"


def attempt_section(report: Plain, number: int, thumbnails: Thumbnails) -> Html:
    """One attempt from top to bottom."""
    attempt = report["attempts"][number]
    count = len(report["attempts"])
    id_ = attempt_id(number)
    entries = {str(entry["name"]): entry for entry in report["entries"]}
    previous = tag("a", "← ", both("attempt.previous"), href=f"#{attempt_id(number - 1)}") if number else tag("span")
    following = (
        tag("a", both("attempt.next"), " →", href=f"#{attempt_id(number + 1)}") if number + 1 < count else tag("span")
    )
    navigation = [previous, tag("a", both("attempt.back"), href="#attempts"), following]
    facts = [
        clock(attempt["duration_s"]) if attempt.get("duration_s") else None,
        attempt.get("video"),
        *attempt["rubrics"],
    ]
    return tag(
        "article",
        tag("nav", *navigation, class_="attempt-nav"),
        tag("h2", both("attempt.title", id=tag("bdi", attempt["id"])), id=f"{id_}-title", tabindex=-1),
        tag("p", join((tag("span", fact) for fact in facts if fact), " · "), class_="facts"),
        tag("p", both("attempt.author", reference=reference_name(report)), class_="note"),
        timeline(attempt),
        step_table(attempt, entries, f"{id_}-steps"),
        replies(attempt, entries, thumbnails),
        id=id_,
        class_="attempt",
        aria_labelledby=f"{id_}-title",
    )  # fmt: skip


def reference_name(report: Plain) -> Html:
    """Whose judgement everything is compared with."""
    reference = str(report.get("reference", ""))
    return both(f"reference.{reference}") if reference in ("consensus", "physician", "examiner") else html(reference)


# ---- list of attempts ---------------------------------------------------------------------------------------


def attempt_list(report: Plain) -> Html:
    """Links to all attempts, each with its steps as a strip of labels."""
    cards = []
    for number, attempt in enumerate(report["attempts"]):
        steps = attempt["steps"]
        cells = [(f"cell {label_class(step['reference'])}", _tooltip(step)) for step in steps]
        reference = [step["reference"]["points"] for step in steps]
        lost = sum(1 for step in steps if step["reference"].get("label") in (0, 1, 2))
        unknown = reference.count(None)
        words = both("attempt.lost", n=lost) if lost else both("attempt.flawless")
        cards.append(
            tag(
                "a",
                tag("b", tag("bdi", attempt["id"])),
                tag("span", words, join([" · ", both("attempt.unjudged", n=unknown)]) if unknown else None),
                strip(cells, breaks=step_breaks([str(step["step"]) for step in steps]), height=16),
                href=f"#{attempt_id(number)}",
                class_="card",
            )
        )
    return tag("div", *cards, class_="cards attempts")


def label_class(reference: Plain) -> str:
    """Colour of a step by its label."""
    label = reference.get("label")
    return "none" if label is None else f"l{label}"


def _tooltip(step: Plain) -> str:
    reference = step["reference"]
    points = f"{marks(reference['points'])}/{marks(step['max_points'])}"
    words = [f"{step['step']} {points}", str(step.get("title") or ""), str(step.get("title_zh") or "")]
    return "\n".join([*filter(None, words), *(reference.get("reason_en") or ())])


def label_legend() -> Html:
    """What the colours of labels mean."""
    return legend([*((f"l{label}", both(f"label.{label}")) for label in (3, 2, 1, 0)), ("none", both("label.none"))])


# ---- timeline -----------------------------------------------------------------------------------------------


def timeline(attempt: Plain) -> Html | None:
    """Steps as bars, one lane per rubric; strokes, breaths and other events as marks."""
    duration = attempt.get("duration_s")
    if not duration:
        return None
    ticks = time_ticks(duration)
    drawn = [tag("div", tag("span"), time_axis(duration), class_="track-row two track-axis")]
    for family, steps in groupby(attempt["steps"], key=lambda step: step_family(str(step["step"]))):
        spans = [
            (start, end, label_class(step["reference"]), str(step["step"])[len(family) :], _tooltip(step))
            for step in steps
            for start, end in step.get("segments") or ()
        ]
        lane = span_lane(spans, duration_s=duration, ticks=ticks)
        drawn.append(tag("div", tag("span", family.upper(), class_="track-name"), lane, class_="track-row two"))
    events = list(attempt.get("events") or ())
    for signal in SIGNALS:
        instants = [(event["start_s"], clock(event["start_s"])) for event in events if event["action"] == signal]
        if instants:
            lane = mark_lane(instants, duration_s=duration, ticks=ticks, class_=f"stroke {signal}", height=22)
            drawn.append(
                tag("div", tag("span", both(f"signal.{signal}"), class_="track-name"), lane, class_="track-row two")
            )
    known = {*SIGNALS, *(step["step"] for step in attempt["steps"])}  # a step done is a bar already
    others = [event for event in events if event["action"] not in known]
    if others:
        lane = mark_lane(
            [(e["start_s"], _event_words(e)) for e in others],
            duration_s=duration,
            ticks=ticks,
            class_="stroke event",
            height=26,
        )
        drawn.append(tag("div", tag("span", both("signal.other"), class_="track-name"), lane, class_="track-row two"))
    return tag(
        "figure",
        tag("figcaption", tag("h3", both("timeline.title")), tag("p", both("timeline.how"))),
        tag("div", tag("div", *drawn, class_="tracks timeline"), class_="scroll", tabindex=0),
        label_legend(),
        _event_list(others),
        class_="panel",
    )  # fmt: skip


def _event_words(event: Plain) -> str:
    names = " · ".join(filter(None, [event.get("title"), event.get("title_zh")])) or event["action"]
    return f"{clock(event['start_s'])} {names}"


def _event_list(events: Sequence[Plain]) -> Html | None:
    if not events:
        return None
    lines = [
        tag("li", tag("time", clock(event["start_s"])), " ", pair(event.get("title") or event["action"], event.get("title_zh")), " ", tag("code", event["action"]))
        for event in events
    ]  # fmt: skip
    return tag("details", tag("summary", both("timeline.events", n=len(events))), tag("ol", *lines, class_="events"), open=True, class_="closes")  # fmt: skip


# ---- steps --------------------------------------------------------------------------------------------------


def step_table(attempt: Plain, entries: Mapping[str, Plain], title: str) -> Html:
    """Every step: what the reference gave and why, what each physician and each run said."""
    steps = attempt["steps"]
    raters = list(dict.fromkeys(str(rater["name"]) for step in steps for rater in step.get("raters") or ()))
    runs = list(dict.fromkeys(str(p["entry"]) for step in steps for p in step.get("predictions") or ()))
    head = [
        tag("th", both("steps.step"), scope="col", class_="name"),
        tag("th", both("steps.reference"), scope="col"),
        *(tag("th", tag("bdi", rater), scope="col", class_="rater") for rater in raters),
        *(tag("th", _entry(run, entries), scope="col") for run in runs),
    ]
    rows = [_step_row(step, raters, runs, entries) for step in steps]
    return tag(
        "div",
        tag("h3", both("steps.of_attempt"), id=title),
        tag("p", both("steps.of_attempt_how"), class_="note"),
        tag(
            "div",
            tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows), class_="steps"),
            class_="scroll", tabindex=0, role="region", aria_labelledby=title,
        ),
        class_="block",
    )  # fmt: skip


def _entry(name: str, entries: Mapping[str, Plain]) -> Html:
    return entry_name(entries[name]) if name in entries else tag("bdi", name)


def _step_row(step: Plain, raters: Sequence[str], runs: Sequence[str], entries: Mapping[str, Plain]) -> Html:
    reference = step["reference"]
    by_rater = {rater["name"]: rater.get("points") for rater in step.get("raters") or ()}
    by_run = {prediction["entry"]: prediction for prediction in step.get("predictions") or ()}
    reasons_en, reasons_zh = reference.get("reason_en") or [], reference.get("reason_zh") or []
    losses = [pair(en, zh) for en, zh in zip(reasons_en, reasons_zh or reasons_en, strict=False)]
    said = [(name, prediction["why"]) for name, prediction in by_run.items() if prediction.get("why")]
    first = [
        tag("span", tag("code", step["step"]), " ", pair(step.get("title"), step.get("title_zh")), class_="step-title"),
        tag("ul", *(tag("li", loss) for loss in losses), class_="losses") if losses else None,
        _said(said, entries) if said else None,
    ]
    points = [
        tag("span", marks(reference["points"]), class_="points"),
        tag("span", f"/{marks(step['max_points'])}", class_="of"),
    ]
    return tag(
        "tr",
        tag("th", *first, scope="row", class_="name"),
        tag("td", *points, class_=f"ref {label_class(reference)}"),
        *(tag("td", marks(by_rater.get(rater)), class_="rater") for rater in raters),
        *(_answer(by_run.get(run), reference) for run in runs),
    )  # fmt: skip


def _said(said: Sequence[tuple[str, str]], entries: Mapping[str, Plain]) -> Html:
    lines = [tag("div", tag("dt", _entry(name, entries)), tag("dd", tag("bdi", why))) for name, why in said]
    return tag(
        "details", tag("summary", both("steps.said", n=len(said))), tag("dl", *lines), open=True, class_="said closes"
    )


def _answer(prediction: Plain | None, reference: Plain) -> Html:
    """One run's answer to one step, tinted by how far its label is from the reference's."""
    if prediction is None:
        return tag("td", MISSING)
    wrong, points = prediction.get("wrong"), prediction.get("points")
    if points is not None:
        return tag("td", tag("span", marks(points), class_=_distance(prediction.get("label"), reference.get("label"))))
    if wrong is None:
        return tag("td", MISSING, hidden("steps.no_answer"), class_="dash")
    truth = reference.get("wrong")
    class_ = None if truth is None or truth == wrong else "tint d3"
    sign = tag("span", "✗" if wrong else "✓", aria_hidden="true", class_=class_)
    return tag("td", sign, hidden("steps.wrong" if wrong else "steps.right"))


def _distance(label: int | None, reference: int | None) -> str | None:
    return None if label is None or reference is None else f"tint d{abs(label - reference)}"


# ---- replies ------------------------------------------------------------------------------------------------


def replies(attempt: Plain, entries: Mapping[str, Plain], thumbnails: Thumbnails) -> Html | None:
    """What every model was shown and what it wrote, word for word."""
    given = attempt.get("replies") or ()
    if not given:
        return None
    blocks = []
    for name, group in groupby(given, key=lambda reply: str(reply["entry"])):
        inner = [_reply(reply, name, thumbnails) for reply in group]
        summary = tag("summary", tag("b", _entry(name, entries)), " ", tag("span", both("reply.count", n=len(inner))))
        blocks.append(tag("details", summary, *inner, open=True, class_="replies closes"))
    return tag(
        "div", tag("h3", both("reply.title")), tag("p", both("reply.how"), class_="note"), *blocks, class_="block"
    )


def _reply(reply: Plain, name: str, thumbnails: Thumbnails) -> Html:
    text = str(reply.get("text") or "")
    beyond = len(text) - REPLY_CHARACTERS
    status = str(reply["status"])
    return tag(
        "section",
        tag("h4", tag("code", reply["request"]), " ", tag("span", named("status", status), class_=f"badge {status}")),
        _frames(reply, name, thumbnails),
        tag("pre", text[:REPLY_CHARACTERS], dir="auto", tabindex=0) if text else tag("p", both("reply.none"), class_="note"),
        tag("p", both("reply.cut", n=beyond), class_="note") if beyond > 0 else None,
        class_="reply",
    )  # fmt: skip


def _frames(reply: Plain, name: str, thumbnails: Thumbnails) -> Html | None:
    keys, times = list(reply.get("frames") or ()), list(reply.get("shown_s") or ())
    if not keys:
        return None
    earlier = thumbnails.seen_before(keys, f"{name} · {reply['request']}")
    if earlier is not None:
        return tag("p", both("frames.same", n=len(keys), entry=tag("bdi", earlier)), class_="note")
    picked = thumbnails.pick(keys, times)
    if not picked:
        return tag("p", both("frames.none", n=len(keys)), class_="note")
    figures = [
        tag("figure", tag("img", src=address, alt="", loading="lazy", decoding="async"), tag("figcaption", clock(at)))
        for at, address in picked
    ]
    caption = tag("p", both("frames.some", n=len(picked), all=len(keys)), class_="note")
    return join([caption, tag("div", *figures, class_="frames")])
