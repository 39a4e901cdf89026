"""`siming bench`: ask models, score what came back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.console import console, language_of_terminal, print_json, progress, talk
from siming.errors import TaskError

if TYPE_CHECKING:
    from siming.run import Progress

app = typer.Typer(help="Benchmark: ask models about a dataset, score their answers.", no_args_is_help=True)

ASK_EXAMPLES = "Example: [bold]siming bench ask exams --setting full-points --out runs/questions[/]"
RUN_EXAMPLES = (
    "Examples: [bold]siming bench run exams --setting full-points --model baseline:step-prior --out runs/prior[/]   "
    "[bold]siming bench run exams --setting clip-errors --model openai:NAME@http://127.0.0.1:8000/v1 --n 32 "
    "--concurrency 16 --out runs/name[/]   "
    "[bold]siming bench run runs/questions --model local:MODEL[/]"
)
SCORE_EXAMPLES = (
    "Examples: [bold]siming bench score runs/* --dataset exams[/]   "
    "[bold]siming bench score runs/name --dataset exams --missing drop --json[/]"
)

COMPARE_EXAMPLES = (
    "Examples: [bold]siming bench compare runs/a runs/b --dataset exams[/]   "
    "[bold]siming bench compare runs/* --dataset exams --setting full-points --metric plcc --html compare.html[/]"
)

DatasetFolder = Annotated[Path, typer.Argument(help="A dataset folder.", metavar="DATASET")]
Setting = Annotated[str, typer.Option(help="full-points, full-errors, clip-points or clip-errors.")]
Out = Annotated[Path, typer.Option(help="The run's folder, new or its own.")]
Policy = Annotated[str, typer.Option(help="Frames: middle, endpoints, fps:R, or a preset such as paper-64.")]
N = Annotated[int | None, typer.Option(help="How many frames, or the cap of fps. 64 where one is needed.")]
MaxSide = Annotated[int, typer.Option(help="Longest side of a frame, pixels.")]
Limit = Annotated[int | None, typer.Option(help="Ask about the first so many attempts only.", min=1)]
Lang = Annotated[str, typer.Option(help="Language of the prompts: en or zh.")]


@app.command(epilog=ASK_EXAMPLES)
def ask(
    dataset: DatasetFolder,
    setting: Setting,
    out: Out,
    policy: Policy = "middle",
    n: N = None,
    max_side: MaxSide = 768,
    limit: Limit = None,
    lang: Lang = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write every question of a run without asking a model."""
    from siming.cli.arguments import language
    from siming.methods.direct import Showing
    from siming.methods.direct import ask as ask_dataset
    from siming.rubric import load_dataset

    showing = Showing(policy=policy, n=n, max_side=max_side, language=language(lang))
    asked = ask_dataset(load_dataset(dataset), out, setting=setting, showing=showing, limit=limit)
    if as_json:
        print_json({"requests": len(asked.requests), "skipped": dict(asked.skipped), "folder": str(out)})
        return
    talk(f"{len(asked.requests)} requests in {out / 'requests.jsonl'}")
    for name, why in asked.skipped.items():
        talk(f"skipped {name}: {why}")


@app.command(epilog=RUN_EXAMPLES)
def run(
    dataset: Annotated[
        Path,
        typer.Argument(
            help="A dataset folder; or a run folder of image questions, as `siming medvid ask` writes them.",
            metavar="DATASET|RUN",
        ),
    ],
    model: Annotated[
        str, typer.Option(help="openai:NAME@URL, local:PATH_OR_ID, replay:FILE, baseline:NAME, mock:KIND.")
    ],
    setting: Annotated[
        str | None, typer.Option(help="Of a dataset: full-points, full-errors, clip-points or clip-errors.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder, new or its own. A run folder takes its answers itself.")
    ] = None,
    policy: Policy = "middle",
    n: N = None,
    max_side: MaxSide = 768,
    limit: Limit = None,
    lang: Lang = "en",
    native_video: Annotated[
        bool, typer.Option("--native-video", help="Send the recording itself in place of frames.")
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", help="An option of the model: NAME=VALUE, such as temperature=0.2."),
    ] = None,
    concurrency: Annotated[int, typer.Option(help="Calls out at once.", min=1)] = 4,
    retries: Annotated[int, typer.Option(help="Tries after the first for calls that may succeed.", min=0)] = 4,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds one call may take.", min=1)] = 600,
    frames: Annotated[
        Path | None, typer.Option(help="Where cut frames are kept; DATASET/frames or RUN/frames by default.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Of a run: where its image files lie now, if they were moved.")
    ] = None,
    seed: Annotated[int, typer.Option(help="For baselines that draw.")] = 0,
    coverage: Annotated[
        float, typer.Option(help="Exit status is not 0 below this share of answers.", min=0, max=1)
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask a model about every attempt. Run the same command again to go on; answered questions are not asked twice."""
    from siming.cli.arguments import language, options
    from siming.methods.asked import go_on, is_asked_run
    from siming.methods.direct import Showing, judge
    from siming.rubric import load_dataset
    from siming.run import Pacing

    pacing = Pacing(concurrency=concurrency, retries=retries, timeout_s=timeout_s)
    given = options(option or [])
    asked = is_asked_run(dataset)
    with progress() as bar:
        task = bar.add_task(f"{model} {setting or ''}", total=None, note="")

        def tell(at: Progress) -> None:
            bar.update(task, completed=at.done, total=at.total, note=at.latest.status)

        if asked:
            outcome = go_on(
                dataset, model=model, out=out, options=given, pacing=pacing,
                pictures=pictures, store=frames, on_progress=tell,
            )  # fmt: skip
        else:
            if setting is None or out is None:
                raise TaskError(f"{dataset} is no run of questions, so say --setting and --out to ask about a dataset")
            showing = Showing(policy=policy, n=n, max_side=max_side, language=language(lang), native_video=native_video)
            outcome = judge(
                load_dataset(dataset), out, setting=setting, model=model, options=given, showing=showing, limit=limit,
                pacing=pacing, frames=frames, seed=seed, on_progress=tell,
            )  # fmt: skip
    out = out or dataset
    if as_json:
        print_json(
            {
                "folder": str(out),
                "requests": outcome.n_requests,
                "by_status": dict(outcome.counts),
                "coverage": outcome.coverage,
                "missing": [{"request": r, "status": s, "why": why} for r, s, why in outcome.missing],
                "skipped": [
                    {"request": r, "why": why, "counts_as_missing": r not in outcome.no_clip}
                    for r, why in outcome.skipped.items()
                ],
                "stopped": outcome.stopped,
            }
        )
    else:
        told = ", ".join(f"{count} {status}" for status, count in outcome.counts.items())
        talk(f"{out}: {outcome.n_requests} requests, {told or 'none asked'}; coverage {outcome.coverage:.1%}")
        _talk_some([f"{status} {request}: {why}" for request, status, why in outcome.missing])
        lost = {request: why for request, why in outcome.skipped.items() if request not in outcome.no_clip}
        if lost:
            talk(f"{len(lost)} requests could not be made and count as missing:")
            _talk_some([f"{request}: {why}" for request, why in lost.items()])
        if outcome.no_clip:
            talk(
                f"{len(outcome.no_clip)} steps have no stretch on the video and are not asked about (--json lists them)"
            )
        if outcome.stopped:
            talk(f"stopped: {outcome.stopped}")
        if cut := outcome.counts.get("truncated", 0):
            talk(f"{cut} replies were cut at the limit of tokens: they look whole and lose what stood at their end")
    if outcome.coverage < coverage:
        raise typer.Exit(1)


@app.command(epilog=SCORE_EXAMPLES)
def score(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", metavar="RUN...")],
    dataset: Annotated[Path, typer.Option(help="The dataset they were asked about.")],
    missing: Annotated[
        str, typer.Option(help="strict: a missing answer counts as the worst; drop: only cells all runs answered.")
    ] = "strict",
    replicates: Annotated[int, typer.Option(help="Bootstrap replicates.", min=100)] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    coverage: Annotated[
        float, typer.Option(help="Exit status is not 0 below this share of answers.", min=0, max=1)
    ] = 1.0,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
) -> None:
    """How far runs agree with the physicians' consensus, with intervals, beside blind baselines."""
    from siming.bench.score import coverage_reached
    from siming.cli.arguments import language
    from siming.cli.scoring import scored
    from siming.report import print_report
    from siming.rubric import load_dataset

    found = scored(runs, load_dataset(dataset), missing=missing, replicates=replicates, seed=seed)
    if as_json:
        print_json(found)
    else:
        print_report(found, console=console(), language=language(lang or language_of_terminal()))
    if not coverage_reached(found, coverage):
        talk(f"coverage of {coverage:.0%} was not reached")
        for line in _mends(found):
            talk(line)
        raise typer.Exit(1)


@app.command(epilog=COMPARE_EXAMPLES)
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", metavar="RUN...")],
    dataset: Annotated[Path, typer.Option(help="The dataset they were asked about.")],
    metric: Annotated[
        str | None, typer.Option(help="Such as plcc; by default within-step QWK, for verdicts MCC.")
    ] = None,
    setting: Annotated[str | None, typer.Option(help="Only runs of this setting; all settings by default.")] = None,
    missing: Annotated[
        str, typer.Option(help="strict: a missing answer counts as the worst; drop: only cells all runs answered.")
    ] = "strict",
    permutations: Annotated[int, typer.Option(help="Swaps of two models, for p.", min=100)] = 10_000,
    replicates: Annotated[int, typer.Option(help="Bootstrap replicates, for ranks.", min=100)] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of all that is drawn.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page as well.")] = None,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Which models can the data tell apart: paired differences, ranks with intervals, and the blind baselines."""
    from siming.bench.compare import compare_runs
    from siming.bench.folder import load_run
    from siming.cli.arguments import choice, language
    from siming.report.comparison import print_comparison, write_comparison_page
    from siming.rubric import load_dataset

    spoken = language(lang or language_of_terminal())
    found = compare_runs(
        [load_run(folder) for folder in runs],
        load_dataset(dataset),
        metric=metric,
        setting=setting,
        missing="drop" if choice("--missing", missing, ("strict", "drop")) == "drop" else "strict",
        permutations=permutations,
        replicates=replicates,
        seed=seed,
    ).to_plain()
    if html is not None:
        write_comparison_page(found, html, language=spoken)
    if as_json:
        print_json(found)
    else:
        print_comparison(found, console(), language=spoken)
    if html is not None:
        talk(f"open {html}")


def _talk_some(lines: list[str]) -> None:
    """The first ten lines, and how many more there are."""
    for line in lines[:10]:
        talk(f"  {line}")
    if len(lines) > 10:
        talk(f"  ... and {len(lines) - 10} more (--json lists all)")


ASKED_AGAIN = ("not answered", "failed", "skipped", "unreadable")
"""Causes of a missing answer after which the same command asks again. After any other the model has spoken."""


def _mends(report: dict[str, Any]) -> list[str]:
    """What to do about the cells without an answer, by why they have none."""
    again: Counter[str] = Counter()
    spoken: Counter[str] = Counter()
    for entry in report["entries"]:
        if entry["kind"] != "run":
            continue
        for cause, n in entry["coverage"]["cells_missing"].items():
            if not cause.endswith("(reference)"):
                (again if cause in ASKED_AGAIN else spoken)[cause] += n
    told = []
    if again:
        told.append(f"not asked with success: {_listed(again)} cells; rerun `siming bench run` to ask them again")
    if spoken:
        told.append(
            f"asked, but without a usable answer: {_listed(spoken)} cells; look at the replies in predictions.jsonl, "
            "a rerun asks none of them again"
        )
    return told


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{n} {cause}" for cause, n in counted.items())
