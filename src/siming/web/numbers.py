"""Points, times and differences as pages write them."""

from __future__ import annotations

import re

from siming.rubric.labels import exact


def points(value: float | None) -> str:
    """Without idle decimals; a dash for none.

    >>> points(8.0), points(0.5), points(None)
    ('8', '0.5', '–')
    """
    return "–" if value is None else f"{value:g}"


def signed(value: float | None) -> str:
    """A difference, with a true minus.

    >>> signed(2.0), signed(-0.5), signed(0.0), signed(None)
    ('+2', '−0.5', '0', '–')
    """
    if value is None:
        return "–"
    return f"+{value:g}" if value > 0 else f"−{-value:g}" if value < 0 else "0"


def formatted(form: str, *values: object) -> str:
    """Printf-style, as templates write numbers, with a true minus: a hyphen before a digit is one.

    >>> formatted("[%.2f, %.2f]", -0.25, 0.5), formatted("%+g", -3), formatted("%.1f", -0.04)
    ('[−0.25, 0.50]', '−3', '0.0')
    """
    text = form % values
    if not any(isinstance(value, int | float) and value < 0 for value in values):
        return text
    return re.sub(r"-(?=\d)", "−", re.sub(r"-(?=0(?:\.0+)?(?![\d.]))", "", text))


def clock(seconds: float) -> str:
    """A moment of a film, as the rating page writes it.

    >>> clock(83.04), clock(3661.5)
    ('1:23.04', '1:01:01.50')
    """
    hundredths = int(exact(max(0.0, seconds)) * 100)
    whole, rest = divmod(hundredths, 100)
    hours, minutes, left = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02}:{left:02}.{rest:02}" if hours else f"{minutes}:{left:02}.{rest:02}"
