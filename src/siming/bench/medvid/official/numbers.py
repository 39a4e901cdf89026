"""Numbers in answers, as the evaluator's patterns find them.

A number is a run of decimal digits of any script, with a fraction or without, and never has a sign.
"""

from __future__ import annotations

from typing import Final

NUMBER: Final = r"(?<!\d)\d+(?:\.\d+)?"
"""The look behind changes no match (whoever fails at the first digit of a run fails at the others too), but without
it a long run of digits is tried from each of them, and ten megabytes of digits take for ever."""
