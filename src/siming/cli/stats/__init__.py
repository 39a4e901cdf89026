"""`siming stats`: one statistic of a few columns, planning, and auditing printed tables."""

from __future__ import annotations

import typer

from siming.cli.stats.audit import EXAMPLES as AUDIT_EXAMPLES
from siming.cli.stats.audit import audit_figures
from siming.cli.stats.list import EXAMPLES as LIST_EXAMPLES
from siming.cli.stats.list import list_statistics
from siming.cli.stats.one import EXAMPLES as ONE_EXAMPLES
from siming.cli.stats.one import one_statistic
from siming.cli.stats.plan import EXAMPLES as PLAN_EXAMPLES
from siming.cli.stats.plan import plan_videos

app = typer.Typer(
    help="Statistics: one at a time, how many videos, and whether printed figures can stand.", no_args_is_help=True
)
app.command("list", epilog=LIST_EXAMPLES)(list_statistics)
app.command("one", epilog=ONE_EXAMPLES)(one_statistic)
app.command("plan", epilog=PLAN_EXAMPLES)(plan_videos)
app.command("audit", epilog=AUDIT_EXAMPLES)(audit_figures)
