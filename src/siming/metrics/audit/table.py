"""Whether the numbers of a printed table can stand beside one another.

Every printed number is a range: 0.183 is anything from 0.1825 to 0.1835. A check fails only if no numbers within
the ranges satisfy the identity, so rounding alone never raises it. What fails is a contradiction between printed
figures, not a verdict on who made them: a typing error, another denominator, or an average over videos beside a
figure of the pooled table do it too, and each message says what it took for granted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from siming.errors import LabelError
from siming.metrics.audit.finding import Finding
from siming.metrics.audit.printed import Printed, ReadRow, Table, read_number, read_table
from siming.metrics.audit.rows import check_difference, checks_of_row
from siming.metrics.audit.sets import checks_of_set


@dataclass(frozen=True, slots=True)
class Audit:
    """All checks that the table's columns allow."""

    findings: tuple[Finding, ...]
    unused_columns: tuple[str, ...]
    """Headings that no check knows."""

    @property
    def contradictions(self) -> tuple[Finding, ...]:
        """Findings other than passes."""
        return tuple(finding for finding in self.findings if finding.status != "pass")

    def to_json(self) -> dict[str, Any]:
        """A plain dict for JSON; keys are the field names."""
        return {"findings": [f.to_json() for f in self.findings], "unused_columns": list(self.unused_columns)}


def audit_table(
    rows: Sequence[Mapping[str, object]],
    *,
    prevalence: str | None = None,
    columns: Mapping[str, str] | None = None,
    deltas: Sequence[tuple[str, str, str]] = (),
) -> Audit:
    """Check a printed table against the identities that its columns must obey.

    ============  =====================================================================================
    check         figures and identity
    ============  =====================================================================================
    f1            precision P, recall R: F1 = 2PR / (P + R)
    mcc           P, R, prevalence p: MCC = sqrt(R/P) (P - p) / sqrt((1 - Rp/P)(1 - p))
    mcc_sign      P, MCC, prevalence: MCC has the sign of P - p
    signs         P, MCC of several rows: each with MCC > 0 has a larger P than each with MCC < 0
    all_positive  R = 1 and no MCC: everything was called positive, so P = prevalence
    prevalence    P, R and MCC or accuracy of several rows: one prevalence serves all of a test set
    kappa_floor   disagreement, prevalence (share below full), kappa or qwk: see `kappa_floor`
    count         count, percent, total: count / total prints as the percentage
    share         percent, total: some whole count prints as the percentage
    grim          mean, n, grain: some sum of n scores in steps of `grain` prints as the mean
    delta         before, after, delta: the difference of what is printed
    p_value       r, n, p_value: two-sided p by Student's t or Fisher's z
    ============  =====================================================================================

    Args:
        rows: Heading to cell, as text, so that trailing zeros count; `printed.COLUMNS` lists the headings known.
        prevalence: Printed share of positives in the reference, where the text and not the table says it.
        columns: Own headings, each with the known column it means.
        deltas: Further triples of headings (before, after, delta).

    Returns:
        All findings, passes included. ``needs denominator`` says that the figures contradict each other with the
        denominator printed and agree with those named.

    Raises:
        LabelError: No rows, or a cell in a known column that is no number.

    Source: GRIM, Brown and Heathers 2017; the others follow from the definitions.

    >>> found = audit_table([{"row": "adjudicated", "count": "65", "total": "6,600", "percent": "1.06"}])
    >>> found.findings[0].status, found.findings[0].denominators
    ('needs denominator', (6104, 6161))
    """
    given = None if prevalence is None else read_number(prevalence, "the prevalence given")
    if given is not None and given.low > 1:
        raise LabelError(f"prevalence {prevalence} is above 1; give a share such as 0.183, or '18.3%'")
    table = read_table(rows, columns=columns)
    audit = _audit(rows, table, given, deltas)
    # Where a table does not say whether a column of small numbers is per cent, the kinder reading counts.
    per_cent: frozenset[str] = frozenset()
    for column in table.unsure if audit.contradictions else ():
        other = _audit(rows, read_table(rows, columns=columns, per_cent=per_cent | {column}), given, deltas)
        if len(other.contradictions) < len(audit.contradictions):
            audit, per_cent = other, per_cent | {column}
    return audit


def _audit(
    rows: Sequence[Mapping[str, object]],
    table: Table,
    prevalence: Printed | None,
    deltas: Sequence[tuple[str, str, str]],
) -> Audit:
    findings: list[Finding] = []
    for row in table.rows:
        findings.extend(checks_of_row(row, row.cells.get("prevalence", prevalence)))
    for test_set in dict.fromkeys(row.test_set for row in table.rows):
        findings.extend(checks_of_set([row for row in table.rows if row.test_set == test_set], prevalence))
    for triple in deltas:
        findings.extend(_own_deltas(rows, table.rows, triple))
    used = {heading for triple in deltas for heading in triple}
    return Audit(tuple(findings), tuple(heading for heading in table.unused if heading not in used))


def _own_deltas(
    rows: Sequence[Mapping[str, object]], read: Sequence[ReadRow], triple: tuple[str, str, str]
) -> Iterator[Finding]:
    for raw, row in zip(rows, read, strict=True):
        cells = [read_number(raw.get(heading), f"{row.name}, column {heading!r}") for heading in triple]
        before, after, delta = cells
        if before is not None and after is not None and delta is not None:
            yield check_difference(row.name, before, after, delta)
