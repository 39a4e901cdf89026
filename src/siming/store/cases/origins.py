"""Where each value of a consensus version comes from, and the words it was decided with.

A case goes on after a version was made from it: an appeal adds acts. What stands behind a version is therefore what stood
when it was made, for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from siming.rubric import Sheet
from siming.store.cases.case_acts import Act, Key, act_of, standing
from siming.store.schema import attempt, consensus_version, decision

AT_ONCE = 500


def acts_behind(connection: Connection, case_id: str | None, case_version: int | None) -> dict[Key, Act]:
    """The act that stood on each step of a case when it was at that version."""
    if case_id is None or case_version is None:
        return {}
    wanted = (
        select(decision)
        .where(decision.c.case == case_id, decision.c.version <= case_version)
        .order_by(decision.c.version)
    )
    return standing(act_of(dict(row)) for row in connection.execute(wanted).mappings())


def with_origins(connection: Connection, sheets: Sequence[Sheet], versions: Sequence[str]) -> list[Sheet]:
    """The sheets, those of the consensus versions named with provenance and rationale at each step; others as they are."""
    found: dict[tuple[str, str], Mapping[str, dict[str, str]]] = {}
    for start in range(0, len(versions), AT_ONCE):
        wanted = (
            select(consensus_version, attempt.c.code)
            .join(attempt, attempt.c.id == consensus_version.c.attempt)
            .where(consensus_version.c.id.in_(versions[start : start + AT_ONCE]))
        )
        for row in connection.execute(wanted).all():
            acts = acts_behind(connection, row.case, row.parents["case_version"])
            for rubric_id, steps in row.provenance.items():
                found[row.code, rubric_id] = {
                    step_id: _said(origin, acts.get((rubric_id, step_id))) for step_id, origin in steps.items()
                }
    return [
        _told(sheet, found[sheet.attempt, sheet.rubric])
        if sheet.author.kind == "consensus" and (sheet.attempt, sheet.rubric) in found
        else sheet
        for sheet in sheets
    ]


def _said(origin: str, act: Act | None) -> dict[str, str]:
    if origin != "adjudicated" or act is None:
        return {"provenance": origin}
    words = ": ".join(part for part in (act.template, act.rationale) if part)
    return {"provenance": origin, **({"rationale": words} if words else {})}


def _told(sheet: Sheet, said: Mapping[str, dict[str, str]]) -> Sheet:
    steps = {step_id: entry.model_copy(update=said.get(step_id, {})) for step_id, entry in sheet.steps.items()}
    return sheet.model_copy(update={"steps": steps})
