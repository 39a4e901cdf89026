"""What is append-only is so for everybody who opens the database, not only for this program's own functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def guards(table: str, *, dialect: str) -> list[str]:
    """Statements that make changing or deleting a row of `table` fail."""
    made = []
    for act in ("UPDATE", "DELETE"):
        name = f"{table}_no_{act.lower()}"
        if dialect == "sqlite":
            made.append(
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        else:
            made.append(f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    return made


def kept_guards(table: str, columns: Sequence[str], *, dialect: str) -> list[str]:
    """Statements that make deleting a row of `table`, or changing one of these columns, fail."""
    named = ", ".join(f'"{column}"' for column in columns)
    made = []
    for name, act, does in (("kept", f"UPDATE OF {named}", "never changes"), ("no_delete", "DELETE", "stays")):
        if dialect == "sqlite":
            how = f"BEGIN SELECT RAISE(ABORT, 'what {table} holds {does}'); END"
        else:
            how = "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        made.append(f"CREATE TRIGGER {table}_{name} BEFORE {act} ON {table} {how}")
    return made


def published_guard(dialect: str) -> list[str]:
    """Statements that keep the document of a published rubric version as it is for ever."""
    if dialect == "sqlite":
        same = " OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in ("document", "sha256", "rubric", "version"))
        return [
            f"CREATE TRIGGER rubric_version_published BEFORE UPDATE ON rubric_version "
            f"WHEN OLD.state <> 'draft' AND ({same} OR NEW.state = 'draft') "
            "BEGIN SELECT RAISE(ABORT, 'a published rubric version never changes'); END",
            "CREATE TRIGGER rubric_version_kept BEFORE DELETE ON rubric_version WHEN OLD.state <> 'draft' "
            "BEGIN SELECT RAISE(ABORT, 'a published rubric version never changes'); END",
        ]
    same = " OR ".join(f"NEW.{c} IS DISTINCT FROM OLD.{c}" for c in ("document", "sha256", "rubric", "version"))
    return [
        f"CREATE TRIGGER rubric_version_published BEFORE UPDATE ON rubric_version FOR EACH ROW "
        f"WHEN (OLD.state <> 'draft' AND ({same} OR NEW.state = 'draft')) EXECUTE FUNCTION refuse_change()",
        "CREATE TRIGGER rubric_version_kept BEFORE DELETE ON rubric_version FOR EACH ROW "
        "WHEN (OLD.state <> 'draft') EXECUTE FUNCTION refuse_change()",
    ]


REFUSE = (
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger AS $$ "
    "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql"
)
"""PostgreSQL's function behind the triggers."""


def all_guards(tables: Iterable[str], kept: Mapping[str, Sequence[str]], *, dialect: str) -> list[str]:
    """Every statement, in the order to run them.

    Args:
        tables: Those that only grow.
        kept: Those whose rows stay, and the columns that never change.
    """
    first = [] if dialect == "sqlite" else [REFUSE]
    grow = [s for table in tables for s in guards(table, dialect=dialect)]
    stay = [s for table, columns in kept.items() for s in kept_guards(table, columns, dialect=dialect)]
    return [*first, *grow, *stay, *published_guard(dialect)]
