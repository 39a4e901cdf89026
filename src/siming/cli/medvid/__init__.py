"""`siming medvid`: MedVidBench, from its data to a score."""

from __future__ import annotations

import typer

from siming.cli.medvid import ask, check, defects, judge, score, submission

app = typer.Typer(
    help="MedVidBench: ask, score as the official evaluator does or strictly, judge.", no_args_is_help=True
)
app.command("check", epilog=check.EXAMPLES)(check.check)
app.command("ask", epilog=ask.EXAMPLES)(ask.ask)
app.command("submission", epilog=submission.EXAMPLES)(submission.submission)
app.command("judge", epilog=judge.EXAMPLES)(judge.judge)
app.command("judges", epilog=judge.AGREEMENT_EXAMPLES)(judge.judges)
app.command("score", epilog=score.EXAMPLES)(score.score)
app.command("defects", epilog=defects.EXAMPLES)(defects.defects)
