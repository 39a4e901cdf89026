"""The table auditor: whether printed figures can stand beside one another."""

from siming.metrics.audit.finding import (
    Finding,  # one check: pass, impossible or needs denominator
)
from siming.metrics.audit.identities import (
    kappa_floor,  # the smallest kappa that a share of disagreements allows
)
from siming.metrics.audit.printed import (
    COLUMNS,  # headings that the auditor knows
    column_of,  # the column that a heading means
)
from siming.metrics.audit.table import (
    Audit,  # all findings
    audit_table,  # rows of text in, findings out
)

__all__ = ["COLUMNS", "Audit", "Finding", "audit_table", "column_of", "kappa_floor"]
