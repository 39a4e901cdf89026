"""`siming demo`: the whole story on simulated exams, with no key and no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siming.cli.console import console, language_of_terminal, progress, talk

if TYPE_CHECKING:
    from siming.rubric import Language

EXAMPLES = (
    "Examples: [bold]siming demo --out my-demo[/]   "
    "[bold]siming demo --room[/] (an exam room with simulated people's work, opened in the browser)"
)
ROOM_ATTEMPTS = 8


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("siming-demo"),
    attempts: Annotated[
        int | None, typer.Option(help="How many exams to simulate; 20, or 8 for a room.", min=6, show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 7,
    lang: Annotated[
        str | None,
        typer.Option(
            help="en or zh; the terminal's own by default, and in a room some people have one and some the other."
        ),
    ] = None,
    room: Annotated[bool, typer.Option("--room", help="Fill an exam room instead, and run it.")] = False,
    run: Annotated[
        bool, typer.Option("--serve/--no-serve", help="With --room: run the server when it is filled.")
    ] = True,
    port: Annotated[
        int, typer.Option(help="With --room: port of the server; 0 takes a free one.", min=0, max=65535)
    ] = 8470,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="With --room: open it in the browser.")] = True,
) -> None:
    """Simulate exams, let two physicians rate them, ask baselines and a replayed model, measure, examine, report.

    With --room: a whole exam room with simulated exams, raters, cases and consensus in every state.
    """
    from siming.cli.arguments import language

    if room:
        spoken = language(lang) if lang else None
        _room(out / "room", attempts or ROOM_ATTEMPTS, seed, spoken, serve=run, port=port, open_browser=open_browser)
        return
    from siming.cli.story import tell

    with progress() as bar:
        task = bar.add_task("simulating", total=None, note="")
        page = tell(
            out,
            attempts=attempts or 20,
            seed=seed,
            language=language(lang or language_of_terminal()),
            console=console(),
            on_progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    talk(f"open {page}")


def _room(
    folder: Path, attempts: int, seed: int, language: Language | None, *, serve: bool, port: int, open_browser: bool
) -> None:
    from siming.cli.room_story import LOGINS, fill_room
    from siming.errors import MissingExtraError

    try:
        from siming.web import server
    except ImportError as error:
        raise MissingExtraError("the exam room", "web") from error
    with progress() as bar:
        task = bar.add_task("simulating", total=None, note="")
        password = fill_room(
            folder,
            attempts=attempts,
            seed=seed,
            language=language,
            on_progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    for one in LOGINS:
        talk(f"  {one.login:8} {one.name} ({one.role})")
    talk(f"  password of all of them: {password}")
    if not serve:
        talk(f"run it with: siming serve --db sqlite:///{folder / 'room.db'} --media {folder / 'media'}")
        return
    server.log_to_stderr()
    server.serve(
        db_url=f"sqlite:///{folder / 'room.db'}",
        media=folder / "media",
        port=port,
        on_started=server.announce(as_json=False, open_browser=open_browser),
    )
