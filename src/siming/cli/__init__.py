"""The command line: noun, then verb. Results go to stdout, talk to stderr.

Exit status: 0 done; 1 done, but not what was asked for (coverage not reached, a file did not pass its check);
2 the command, a file or a recording could not be used; 130 interrupted.
"""

from __future__ import annotations

import sys

import typer

from siming import __version__
from siming.cli import (
    bench,
    board,
    demo,
    measure,
    medvid,
    rating,
    report,
    room,
    rubric,
    serve,
    sheets,
    simulate,
    stats,
    video,
)
from siming.errors import SimingError

app = typer.Typer(
    name="siming",
    help="Judge clinical procedures step by step from video, and say how far each judgement can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(rubric.app, name="rubric")
app.add_typer(video.app, name="video")
app.add_typer(measure.app, name="measure")
app.add_typer(rating.app, name="rating")
app.add_typer(bench.app, name="bench")
app.add_typer(stats.app, name="stats")
app.add_typer(board.app, name="board")
app.add_typer(medvid.app, name="medvid")
app.add_typer(sheets.app, name="sheets")
app.add_typer(room.app, name="room")
app.command("demo", epilog=demo.EXAMPLES)(demo.demo)
app.command("simulate", epilog=simulate.EXAMPLES)(simulate.simulate)
app.command("report", epilog=report.EXAMPLES)(report.report)
app.command("serve", epilog=serve.EXAMPLES)(serve.serve)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        typer.echo(f"siming {__version__}")
        raise typer.Exit


def main() -> None:
    """Run a command; siming's own errors and the system's become one line on stderr and exit status 2."""
    try:
        app()
    except SimingError as error:
        typer.echo(f"siming: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away (such as `head`): nothing to say to anybody
        sys.exit(0)
    except OSError as error:
        typer.echo(f"siming: {_in_words(error)}", err=True)
        sys.exit(2)


def _in_words(error: OSError) -> str:
    """What the system would not do, and to which file."""
    why = error.strerror or str(error)
    if error.filename is None:
        return why
    return f"{error.filename}: {why}; name another place, or mend this one"
