"""What the numbers of a rating command say, in sentences: each section's, in both languages, with its own numbers in them.

Works on the plain values of a result, so that terminal, page and JSON say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from siming.rating.texts import MINUS, reason_in, texts

Plain = Mapping[str, Any]
Words = dict[str, dict[str, list[str]]]
"""Section to language to sentences."""

MOST_PAIRS = 3
"""So many contrasts of raters are told one by one; of more, the strictest against the mildest and a count."""


def words_of(plain: Plain) -> Words:
    """The sentences of a result.

    Args:
        plain: What its `to_plain` makes, of any of the four schemas of this room.
    """
    family = str(plain["schema"]).partition("/")[0]
    return {
        section: {language: write(plain, texts(language)) for language in ("en", "zh")}
        for section, write in _SECTIONS[family].items()
    }


def amount(value: float | None, decimals: int = 2) -> str:
    """A number, or a dash; never a negative zero."""
    return "—" if value is None else f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", MINUS)


def bracket(measured: Plain, decimals: int = 2, *, times: float = 1.0) -> str:
    """The interval in square brackets, or nothing where there is none."""
    interval = measured.get("interval")
    if not interval:
        return ""
    low, high = sorted(times * end for end in interval)
    return f"[{amount(low, decimals)}, {amount(high, decimals)}]"


def percent(measured: Plain) -> str:
    """A share as a number of per cent."""
    value = measured["value"]
    return "—" if value is None else amount(100 * value, 1)


def _put(template: str, **values: Any) -> str:
    """A sentence with its numbers; an interval that is lacking leaves no gap."""
    text = template.format(**values)
    for sign in ".,;:。，；：)":
        text = text.replace(f" {sign}", sign)
    return " ".join(text.split())


def _joined(parts: Sequence[str], say: Plain, sign: str = "comma") -> str:
    """A list with the commas of its language."""
    return str(say["effects"][sign]).join(parts)


# ------------------------------------------------------------------ rater effects
def _connection(plain: Plain, say: Plain) -> list[str]:
    words, found = say["effects"]["words"], plain["connectivity"]
    if found["connected"]:
        return [words["linked"]]
    groups = _joined([_joined(group["raters"], say) for group in found["groups"]], say, "semicolon")
    return [_put(words["unlinked"], n=len(found["groups"]), groups=groups)]


def _severity(plain: Plain, say: Plain) -> list[str]:
    words = say["effects"]["words"]
    told = [each for each in plain["contrasts"] if each["difference"]["value"] is not None]
    out = []
    if len(told) > MOST_PAIRS:
        apart = sum(1 for each in told if not _holds_zero(each["difference"]))
        widest = max(told, key=lambda each: abs(each["difference"]["value"]))
        out = [_contrast(widest, words), _put(words["many"], n=len(told), told=apart)]
    else:
        out = [_contrast(each, words) for each in told]
    refused = [each for each in plain["contrasts"] if each["difference"]["value"] is None]
    if plain["connectivity"]["connected"]:
        out += [
            _put(words["no_contrast"], **_names(each), reason=reason_in(say["language"], each["difference"]["reason"]))
            for each in refused[:MOST_PAIRS]
        ]
    return out


def _names(contrast: Plain) -> dict[str, str]:
    return {"first": contrast["first"], "second": contrast["second"]}


def _holds_zero(measured: Plain) -> bool:
    interval = measured.get("interval")
    return not interval or interval[0] <= 0 <= interval[1]


def _contrast(contrast: Plain, words: Plain) -> str:
    value, marks = contrast["difference"], contrast["marks"]
    names, sign = _names(contrast), 1.0
    if value["value"] < 0:
        names, sign = {"first": names["second"], "second": names["first"]}, -1.0
    return _put(
        words["undecided" if _holds_zero(value) else "stricter"],
        **names,
        value=amount(abs(value["value"])),
        interval=bracket(value, times=sign),
        marks=amount(None if marks["value"] is None else abs(marks["value"]), 1),
        marks_interval=bracket(marks, 1, times=sign),
    )


def _fit(plain: Plain, say: Plain) -> list[str]:
    words = say["effects"]["words"]
    known = [each for each in plain["raters"] if each["infit"]["value"] is not None]
    if not known:
        return []
    parts = [
        _put(
            words["one_fit"],
            rater=each["rater"],
            infit=amount(each["infit"]["value"]),
            outfit=amount(each["outfit"]["value"]),
        )
        for each in known[: 2 * MOST_PAIRS]
    ]
    return [_put(words["fit"], list=_joined(parts, say, "semicolon"))]


def _habits(plain: Plain, say: Plain) -> list[str]:
    words, out = say["effects"]["words"], []
    for each in plain["raters"][: 2 * MOST_PAIRS]:
        habits = each["habits"]
        if habits["halo"]["value"] is not None:
            out.append(
                _put(
                    words["halo"],
                    rater=each["rater"],
                    within=amount(habits["residual_correlation"]["value"], 3),
                    across=amount(habits["across_raters"]["value"], 3),
                    value=amount(habits["halo"]["value"], 3),
                    interval=bracket(habits["halo"], 3),
                )
            )
        spread = habits["threshold_spread"]
        if spread["value"] is not None:
            out.append(
                _put(words["spread"], rater=each["rater"], value=amount(spread["value"]), interval=bracket(spread))
            )
    return out


def _drift(plain: Plain, say: Plain) -> list[str]:
    words = say["effects"]["words"]
    if "reason" in plain["drift"]:
        return [words["no_times"]]
    out = []
    for each in plain["drift"]["raters"][: 2 * MOST_PAIRS]:
        trend, marks = each["trend"], each["per_100_attempts"]
        if trend["value"] is None:
            out.append(_put(words["no_drift"], rater=each["rater"], reason=reason_in(say["language"], trend["reason"])))
            continue
        out.append(
            _put(
                words["drift"],
                rater=each["rater"],
                value=amount(trend["value"]),
                interval=bracket(trend),
                marks=amount(marks["value"], 1),
                marks_interval=bracket(marks, 1),
            )
        )
    return out


def _groups(plain: Plain, say: Plain) -> list[str]:
    words = say["effects"]["words"]
    if plain["groups_reason"]:
        return [_put(words["no_groups"], reason=reason_in(say["language"], plain["groups_reason"]))]
    out = []
    for each in plain["groups"]:
        value = each["contrast"]["value"]
        if value is None:
            continue
        # An average of two raters that is 0 by construction: the second one says the same with the other sign.
        here, there, sign = (each["value"], each["other"], 1.0) if value >= 0 else (each["other"], each["value"], -1.0)
        out.append(
            _put(
                words["groups"],
                by=reason_in(say["language"], each["group"]),
                rater=each["rater"],
                value=here,
                other=there,
                amount=amount(abs(value)),
                interval=bracket(each["contrast"], times=sign),
            )
        )
    return out[: 2 * MOST_PAIRS]


def _repeats(plain: Plain, say: Plain) -> list[str]:
    words = say["effects"]["words"]
    if not plain["repeats"]:
        return [words["no_repeats"]]
    return [
        _put(
            words["repeats"],
            rater=each["rater"],
            n=each["metrics"]["raw_agreement"]["n"],
            share=percent(each["metrics"]["raw_agreement"]),
            interval=bracket(each["metrics"]["raw_agreement"], 1, times=100),
        )
        for each in plain["repeats"]
        if each["metrics"]["raw_agreement"]["value"] is not None
    ]


def _links(plain: Plain, say: Plain) -> list[str]:
    words, links = say["effects"]["words"], plain["links"]
    if "reason" in links:
        return [words["no_links"]]
    told = [each for each in links["attempts"] if each["adjusted"]["value"] is not None]
    if not told:
        return [words["no_links"]]
    moved = max(told, key=lambda each: abs(each["adjusted"]["value"] - each["total"]))
    out = [
        _put(
            words["links"],
            ranks=links["ranks_changed"],
            n=len(told),
            largest=amount(moved["adjusted"]["value"] - moved["total"], 1),
            attempt=moved["attempt"],
        )
    ]
    if links["pass_mark"] is not None:
        turned = [each["attempt"] for each in told if each["decision_changed"]]
        out.append(
            _put(
                words["decisions"],
                pass_mark=f"{links['pass_mark']:g}",
                n=len(turned),
                attempts=_joined(turned[:5], say) + (" …" if len(turned) > 5 else "") or say["effects"]["none"],
                hang=sum(1 for each in told if each["hangs_on_a_link"]),
            )
        )
    return out


def _latent(plain: Plain, say: Plain) -> list[str]:
    words, latent = say["effects"]["words"], plain["latent"]
    if latent["reason"]:
        return [_put(words["no_latent"], reason=reason_in(say["language"], latent["reason"]))]
    return [_put(words["latent"], doubtful=len(latent["doubtful"]), n=latent["agreement"]["n"])]


# ------------------------------------------------------------------ generalizability
def _components(plain: Plain, say: Plain) -> list[str]:
    gstudy = say["gstudy"]
    words, facets = gstudy["words"], gstudy["facets"]
    sizes = [_size(words, facets, facet, number) for facet, number in plain["sizes"].items()]
    out = [
        _put(
            words["sizes"],
            n=plain["n_scores"],
            list=_joined(sizes, say),
            missing=plain["n_missing"],
            score=words["score"][plain["score"]],
        )
    ]
    known = [each for each in plain["components"] if each["share"] is not None]
    if known:
        shares = [
            _put(words["one_share"], share=amount(100 * each["share"], 1), source=source_of(each["facets"], say))
            for each in sorted(known, key=lambda each: -each["share"])
            if each["share"] >= 0.005
        ]
        out.append(_put(words["shares"], list=_joined(shares, say, "semicolon")))
    negative = [each["effect"] for each in plain["components"] if (each["variance"]["value"] or 0) < 0]
    if negative:
        out.append(_put(words["negative"], list=_joined(negative, say)))
    return out


def source_of(facets: Sequence[str], say: Plain) -> str:
    """One source of variance in words."""
    gstudy = say["gstudy"]
    names = [gstudy["facets"][facet] for facet in facets]
    if len(names) == 1:
        return str(gstudy["words"]["persons"].format(facets=names[0]))
    joined = names[0]
    for name in names[1:]:
        joined = gstudy["by"].format(joined, name)
    return str(gstudy["words"]["interaction"].format(facets=joined))


def _size(words: Plain, facets: Plain, facet: str, number: float) -> str:
    return str(words["size"].format(n=f"{number:.3g}", facet=facets[facet]))


def _coefficients(plain: Plain, say: Plain) -> list[str]:
    gstudy = say["gstudy"]
    words, facets, found = gstudy["words"], gstudy["facets"], plain["coefficients"]
    conditions = [_size(words, facets, facet, n) for facet, n in plain["sizes"].items() if facet != "p"]
    out = []
    if found["e_rho2"]["value"] is not None:
        out.append(
            _put(
                words["e_rho2"],
                sizes=_joined(conditions, say),
                value=amount(found["e_rho2"]["value"]),
                interval=bracket(found["e_rho2"]),
            )
        )
    if found["phi"]["value"] is not None:
        out.append(
            _put(
                words["phi"],
                value=amount(found["phi"]["value"]),
                interval=bracket(found["phi"]),
                sem=amount(found["sem"]["value"], 1),
            )
        )
    if found["phi_lambda"] is not None and found["phi_lambda"]["value"] is not None:
        out.append(
            _put(
                words["phi_lambda"],
                cut=f"{plain['cut']:g}",
                value=amount(found["phi_lambda"]["value"]),
                interval=bracket(found["phi_lambda"]),
            )
        )
    if plain["fixed"]:
        out.append(_put(words["fixed"], facets=_joined([facets[facet] for facet in plain["fixed"]], say)))
    return out


def _curve(plain: Plain, say: Plain) -> list[str]:
    words, facets = say["gstudy"]["words"], say["gstudy"]["facets"]
    points = [point for point in plain["curves"] if point["e_rho2"]["value"] is not None]
    if len(points) < 2:
        return []
    first, last = points[0], points[-1]
    changed = [facet for facet in first["sizes"] if len({point["sizes"][facet] for point in points}) > 1]
    if len(changed) != 1:
        return []
    facet = changed[0]
    return [
        _put(
            words["curve"],
            facet=facets[facet],
            first=amount(first["e_rho2"]["value"]),
            n_first=f"{first['sizes'][facet]:g}",
            last=amount(last["e_rho2"]["value"]),
            n_last=f"{last['sizes'][facet]:g}",
        )
    ]


# ------------------------------------------------------------------ standards
def _stations(plain: Plain, say: Plain) -> list[str]:
    standard = say["standard"]
    words, unit = standard["words"], standard["units"][plain["unit"]]
    if plain["method"] == "hofstee":
        return []
    out = []
    for station in plain["stations"]:
        cut = station["cut"]
        if cut["value"] is None:
            out.append(_put(words["no_cut"], skill=station["skill"], reason=reason_in(say["language"], cut["reason"])))
            continue
        out.append(
            _put(
                words[plain["method"]],
                skill=station["skill"],
                borderline=f"{plain['borderline']:g}" if plain["borderline"] is not None else "",
                n=cut["n"],
                cut=amount(cut["value"], 1),
                unit=unit,
                interval=bracket(cut, 1),
                slope=amount(station["slope"]["value"], 1) if "slope" in station else "",
                r_squared=percent(station["r_squared"]) if "r_squared" in station else "",
                false_pass=percent(station["false_pass"]) if "false_pass" in station else "",
                false_fail=percent(station["false_fail"]) if "false_fail" in station else "",
            )
        )
    return out


def _quality(plain: Plain, say: Plain) -> list[str]:
    words, out = say["standard"]["words"], []
    for station in plain["stations"]:
        rate = station["fail_rate"]
        if rate["value"] is not None:
            out.append(
                _put(
                    words["fails"],
                    skill=station["skill"],
                    share=percent(rate),
                    n=rate["n"],
                    interval=bracket(rate, 1, times=100),
                )
            )
        critical = station["critical_fails"]
        if critical is not None and critical["value"]:
            out.append(_put(words["critical"], skill=station["skill"], n=int(critical["value"])))
    for what, name in words["between_of"].items():
        shares = [(each["skill"], each["between"].get(what)) for each in plain["stations"]]
        parts = [
            _put(words["one_between"], skill=skill, share=percent(share), interval=bracket(share, 1, times=100))
            for skill, share in shares
            if share is not None and share["value"] is not None
        ]
        if parts:
            out.append(_put(words["between"], what=name, list=_joined(parts, say, "semicolon")))
    return out


def _exam(plain: Plain, say: Plain) -> list[str]:
    standard, exam = say["standard"], plain["exam"]
    words, unit = standard["words"], standard["units"][plain["unit"]]
    if exam["cut"]["value"] is None:
        return [_put(words["exam_none"], reason=reason_in(say["language"], exam["cut"]["reason"]))]
    out = []
    if plain["method"] == "hofstee":
        limits = exam["limits"]
        out.append(
            _put(
                words["hofstee"],
                lowest_cut=amount(limits["lowest_cut"], 1),
                highest_cut=amount(limits["highest_cut"], 1),
                lowest_fail=amount(100 * limits["lowest_fail"], 1),
                highest_fail=amount(100 * limits["highest_fail"], 1),
                cut=amount(exam["cut"]["value"], 1),
                unit=unit,
                interval=bracket(exam["cut"], 1),
            )
        )
    out.append(
        _put(
            words["exam"],
            cut=amount(exam["cut"]["value"], 1),
            unit=unit,
            interval=bracket(exam["cut"], 1),
            share=percent(exam["fail_rate"]),
            n=exam["n"],
            fail_interval=bracket(exam["fail_rate"], 1, times=100),
        )
    )
    return out


# ------------------------------------------------------------------ steps
def _skills(plain: Plain, say: Plain) -> list[str]:
    return [sentence for skill in plain["skills"] for sentence in skill_words(skill, say)]


def skill_words(skill: Plain, say: Plain) -> list[str]:
    """What the step analysis says of one skill."""
    words, steps = say["steps"]["words"], skill["steps"]
    out = []
    if skill["alpha"]["value"] is not None:
        out.append(
            _put(
                words["alpha"],
                skill=skill["skill"],
                value=amount(skill["alpha"]["value"]),
                interval=bracket(skill["alpha"]),
                n=len(steps),
            )
        )
    known = [step for step in steps if step["difficulty"]["value"] is not None]
    if known:
        hard = min(known, key=lambda step: step["difficulty"]["value"])
        easy = max(known, key=lambda step: step["difficulty"]["value"])
        out.append(
            _put(
                words["hard"],
                step=hard["step"],
                share=percent(hard["difficulty"]),
                max_points=f"{hard['max_points']:g}",
                easy=easy["step"],
                easy_share=percent(easy["difficulty"]),
            )
        )
    related = [step for step in steps if step["step_rest"]["value"] is not None]
    if related:
        least = min(related, key=lambda step: step["step_rest"]["value"])
        out.append(
            _put(
                words["discrimination"],
                step=least["step"],
                value=amount(least["step_rest"]["value"]),
                interval=bracket(least["step_rest"]),
                gap=percent(least["upper_lower"]),
            )
        )
    if skill["alpha"]["value"] is not None:
        better = [
            step["step"]
            for step in steps
            if step["alpha_without"]["value"] is not None and step["alpha_without"]["value"] > skill["alpha"]["value"]
        ]
        whole = amount(skill["alpha"]["value"])
        out.append(
            _put(words["deleted"], steps=_joined(better, say), value=whole) if better else str(words["none_deleted"])
        )
    unused = sum(1 for step in steps if 0 in step["levels"] and sum(step["levels"]))
    if unused:
        out.append(_put(words["unused"], n=unused, all=len(steps)))
    return out


def _whole(plain: Plain, say: Plain) -> list[str]:
    words = say["steps"]["words"]
    out = [_put(words["author"], author=words["authors"].get(plain["author"], plain["author"]))]
    if len(plain["skills"]) > 1 and plain["alpha"]["value"] is not None:
        out.append(_put(words["whole"], value=amount(plain["alpha"]["value"]), interval=bracket(plain["alpha"])))
    return out


_SECTIONS: Mapping[str, Mapping[str, Callable[[Plain, Plain], list[str]]]] = {
    "siming.rater-effects": {
        "connectivity": _connection,
        "severity": _severity,
        "fit": _fit,
        "habits": _habits,
        "drift": _drift,
        "groups": _groups,
        "repeats": _repeats,
        "links": _links,
        "latent": _latent,
    },
    "siming.g-study": {"components": _components, "coefficients": _coefficients, "curves": _curve},
    "siming.standard": {"stations": _stations, "quality": _quality, "exam": _exam},
    "siming.steps": {"skills": _skills, "exam": _whole},
}
