"""Ways to judge an attempt by video."""

from siming.methods.direct import ask, judge

__all__ = ["ask", "judge"]
