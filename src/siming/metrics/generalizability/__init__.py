"""Generalizability theory: where the differences between marks come from, and what more raters or steps would buy."""

from siming.metrics.generalizability.design import Design, read_design
from siming.metrics.generalizability.dstudy import d_curve, d_study
from siming.metrics.generalizability.study import GStudy, g_study

__all__ = [
    "Design",
    "GStudy",
    "d_curve",
    "d_study",
    "g_study",
    "read_design",
]
