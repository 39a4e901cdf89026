"""`siming rating`: how far physicians agree, and what their marks say about raters, steps and standards."""

from __future__ import annotations

import typer

from siming.cli.rating import agree

app = typer.Typer(help="Rating: agreement, rater effects, generalizability, standards.", no_args_is_help=True)
app.command("agree", epilog=agree.EXAMPLES)(agree.agree)


@app.callback()
def _group() -> None:
    """Keeps `agree` a verb of its own while it is the only one."""
