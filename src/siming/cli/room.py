"""`siming room`: backups of the exam room, and whether it is what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.console import print_json, progress, talk

if TYPE_CHECKING:
    from siming.store.backup import Health
    from siming.store.database import Database

app = typer.Typer(help="Room: back it up, restore it, verify it.", no_args_is_help=True)

BACKUP_EXAMPLES = (
    "Examples: [bold]siming room backup --to backups/2026-03-01[/]   "
    "[bold]siming room backup --to backups/2026-03-02 --keep 14[/]   "
    "[bold]siming room backup --to /mnt/nas/room --db sqlite:///room.db --media media --json[/]"
)
RESTORE_EXAMPLES = "Examples: [bold]siming room restore backups/2026-03-01 --into /srv/room[/]"
VERIFY_EXAMPLES = (
    "Examples: [bold]siming room verify[/]   [bold]siming room verify --db sqlite:///room.db --media media --json[/]"
)

HELD = {
    "rubrics": "every document is as published",
    "consensus": "every version is as made and locked",
    "decisions": "every act and confirmation is as the audit tells",
    "gold": "every sheet is as brought in",
    "models": "every sheet is as brought in",
    "releases": "every manifest is as made",
    "reasons": "every reason is as given, or erased",
    "drafts": "each is what its changes lead to",
}
"""What is said of a kind of thing that holds."""

Url = Annotated[str | None, typer.Option("--db", help="Database; the data folder's by default.", metavar="URL")]
Media = Annotated[Path | None, typer.Option(help="Folder of recordings; the data folder's by default.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(epilog=BACKUP_EXAMPLES)
def backup(
    to: Annotated[Path, typer.Option(help="A fresh folder.", metavar="DIR")],
    db: Url = None,
    media: Media = None,
    link: Annotated[bool, typer.Option("--link", help="Second names in place of copies; same disk only.")] = False,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Keep the N newest backups beside it; older ones go once it is checked.", metavar="N"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the room into a folder, while the server may go on working.

    The vault's master key is left out on purpose: keep it elsewhere, or a stolen backup names the candidates.
    """
    from siming.store.backup import back_up, keep_newest

    opened, folder, vault = _room(db, media)
    made = back_up(opened, folder, to, vault=vault, link=link)
    opened.close()
    gone = keep_newest(made.folder, keep) if keep is not None else ()
    if as_json:
        print_json(
            {
                "folder": str(made.folder),
                "files": made.files,
                "bytes": made.bytes,
                "database": made.database,
                "arriving": made.arriving,
                "removed": [str(folder) for folder in gone],
            }
        )
        return
    talk(f"{made.files} files, {made.bytes / 1e6:.1f} MB in {made.folder}; the audit had {made.audit_lines} lines")
    for folder in gone:
        talk(f"removed {folder}: older than the {keep} newest")
    if made.arriving:
        talk(f"{made.arriving} uploads are still arriving and not in it; after a restore their senders begin anew.")
    if not made.database:
        talk(
            f"The database is PostgreSQL; add its dump: pg_dump --format=custom --file {made.folder}/room.dump DATABASE"
        )


@app.command(epilog=RESTORE_EXAMPLES)
def restore(
    folder: Annotated[Path, typer.Argument(help="A backup.", metavar="BACKUP")],
    into: Annotated[Path, typer.Option(help="Folder to restore to: room.db, media/ and vault/ appear in it.")],
    as_json: AsJson = False,
) -> None:
    """Bring a backup back where there is nothing yet, and verify it. Exit status 1 when something does not hold."""
    from siming.store.backup import restore as bring_back

    with _counting() as (note, note_draft):
        health = bring_back(
            folder,
            database=into / "room.db",
            media_folder=into / "media",
            vault=into / "vault",
            note=note,
            note_draft=note_draft,
        )
    _tell(health, as_json)
    if not as_json:
        talk(f"Run it with: SIMING_HOME={into} siming serve   (put the vault's master.key into {into / 'vault'})")


@app.command(epilog=VERIFY_EXAMPLES)
def verify(
    db: Url = None,
    media: Media = None,
    drafts: Annotated[
        int | None,
        typer.Option(min=0, help="Build only N drafts again, drawn at random; all by default.", metavar="N"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the whole audit, every submission's receipt and every recording; hold each consensus, decision, rubric, gold
    sheet, model run and release against its digest and its line in the audit; build drafts again from their changes; and
    count every statistic again that was kept.

    Of a statistic that comes out otherwise it names the first figure and the digit. Exit status 1 when something does not
    hold. Counting takes some seconds for each statistic of a large project.
    """
    from siming.store.backup import check_room

    opened, folder, _ = _room(db, media)
    with _counting() as (note, note_draft):
        health = check_room(opened, folder, drafts=drafts, note=note, note_draft=note_draft)
    opened.close()
    _tell(health, as_json)


def _room(url: str | None, media: Path | None) -> tuple[Database, Path, Path]:
    from siming.errors import StoreError
    from siming.store.database import Database
    from siming.store.migrate import newest_version, present_version
    from siming.web.settings import Settings, default_home

    home = default_home()
    if url is None and not (home / "room.db").is_file():
        raise StoreError(f"{home / 'room.db'}: there is no room here; name it with --db", kind="unreachable")
    opened = Database(url or f"sqlite:///{home / 'room.db'}")
    found = present_version(opened)
    if found != newest_version():
        raise StoreError(
            f"the database is at schema {found}, this siming is at {newest_version()}; start `siming serve` once, or "
            "upgrade siming",
            kind="newer",
        )
    folder = media or home / "media"
    return opened, folder, Settings(media=folder).vault_folder


@contextmanager
def _counting() -> Iterator[tuple[Callable[[int, int], None], Callable[[int, int], None]]]:
    """Bars while statistics are counted, and drafts built, again."""
    with progress() as bar:
        drafts = bar.add_task("drafts", total=None, note="")
        statistics = bar.add_task("statistics", total=None, note="")
        yield (
            lambda done, of: bar.update(statistics, completed=done, total=of),
            lambda done, of: bar.update(drafts, completed=done, total=of),
        )


def _tell(health: Health, as_json: bool) -> None:
    plain: dict[str, Any] = {
        "ok": health.ok,
        "audit": {"ok": health.audit.ok, "lines": health.audit.n, "reason": health.audit.reason},
        "submissions": {
            "ok": health.submissions.ok,
            "n": health.submissions.n,
            "problems": list(health.submissions.problems),
        },
        "media": {"n": health.media, "problems": list(health.problems)},
        "statistics": {
            "ok": health.figures.ok,
            "n": health.figures.n,
            "other_version": health.figures.n_other_version,
            "problems": list(health.figures.problems),
        },
        "held": {kind.kind: {"n": kind.n, "problems": list(kind.problems)} for kind in health.held},
    }
    if as_json:
        print_json(plain)
    else:
        talk(f"audit        {health.audit.n} lines: {health.audit.reason or 'the chain holds'}")
        talk(f"submissions  {health.submissions.n}: {'; '.join(health.submissions.problems) or 'every receipt holds'}")
        talk(f"recordings   {health.media}: {'; '.join(health.problems) or 'every file is as it came in'}")
        for kind in health.held:
            talk(f"{kind.kind:<12} {kind.n}: {'; '.join(kind.problems) or HELD[kind.kind]}")
        found = "; ".join(health.figures.problems) or "every figure comes out again to the last digit"
        left = (
            f" ({health.figures.n_other_version} of another siming left alone)"
            if health.figures.n_other_version
            else ""
        )
        talk(f"statistics   {health.figures.n}{left}: {found}")
    if not health.ok:
        raise typer.Exit(1)
