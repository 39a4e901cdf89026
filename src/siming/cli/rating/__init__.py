"""`siming rating`: how far physicians agree, and what their marks say about raters, steps and standards."""

from __future__ import annotations

import typer

from siming.cli.rating import agree, effects, gstudy, plan, standard, steps

app = typer.Typer(help="Rating: agreement, rater effects, generalizability, standards.", no_args_is_help=True)
app.command("agree", epilog=agree.EXAMPLES)(agree.agree)
app.command("effects", epilog=effects.EXAMPLES)(effects.effects)
app.command("gstudy", epilog=gstudy.EXAMPLES)(gstudy.gstudy)
app.command("steps", epilog=steps.EXAMPLES)(steps.steps)
app.command("standard", epilog=standard.EXAMPLES)(standard.standard)
app.command("plan", epilog=plan.EXAMPLES)(plan.plan)


@app.callback()
def _group() -> None:
    """Keeps `agree` a verb of its own while it is the only one."""
