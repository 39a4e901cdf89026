"""What `siming demo` tells, chapter by chapter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siming.cli.console import strings

if TYPE_CHECKING:
    from rich.console import Console

    from siming.bench.request import Request
    from siming.rubric import Dataset, Language, Sheet

SETTINGS = ("full-points", "full-errors", "clip-points", "clip-errors")
REPLICATES = 1000

OnProgress = Callable[[str, int, int], None]


def tell(out: Path, *, attempts: int, seed: int, language: Language, console: Console, on_progress: OnProgress) -> Path:
    """Run the whole story in a folder and return the page it ends with. Run again, it goes on where it was.

    Raises:
        DatasetError, RunError: the folder holds something else.
    """
    from siming.cli.scoring import pictures, scored
    from siming.report import print_report, write_report
    from siming.simulate import simulate_dataset

    say = strings(language)

    def chapter(number: int, **values: Any) -> None:
        console.rule(say[f"chapter_{number}"], align="left")
        console.print(say[f"text_{number}"].format(**values))

    chapter(1, attempts=attempts)
    dataset = simulate_dataset(
        out / "exams",
        attempts=attempts,
        seed=seed,
        on_progress=lambda done, total: on_progress(say["drawing"], done, total),
    )
    chapter(2, **_physicians(dataset, seed))
    chapter(3)
    _runs(dataset, out / "runs", seed, on_progress)
    chapter(4)
    _measure(dataset, language, console)
    chapter(5)
    _one_loss(dataset, language, console)
    chapter(6)
    runs = [folder for folder in sorted((out / "runs").iterdir()) if (folder / "run.yaml").exists()]
    report = scored(runs, dataset, missing="strict", replicates=REPLICATES, seed=seed)
    print_report(report, console=console, language=language)
    _, page = write_report(report, out / "report.html", frames=pictures(dataset.folder / "frames"), language=language)
    return page


def _physicians(dataset: Dataset, seed: int) -> dict[str, str]:
    """The agreement of the two physicians, for one sentence."""
    from siming.rating import agree

    found = agree(dataset, "Wei", "Okafor", replicates=REPLICATES, seed=seed)
    return {name: _in_words(found[name]) for name in ("qwk", "qwk_within_step", "plcc")}


def _in_words(measured: Any) -> str:
    if measured.value is None:
        return f"— ({measured.reason})"
    interval = measured.interval
    return f"{measured.value:.2f}" + (f" [{interval.low:.2f}, {interval.high:.2f}]" if interval else "")


def _runs(dataset: Dataset, folder: Path, seed: int, on_progress: OnProgress) -> None:
    """A recorded model through all four settings, and a blind mock that is really shown frames."""
    from siming.bench.clinical import build_requests
    from siming.methods import judge
    from siming.methods.direct import Showing

    viewer = _half_blind_viewer(dataset, seed)
    for number, setting in enumerate(SETTINGS):
        on_progress(setting, number, len(SETTINGS) + 1)
        requests = build_requests(dataset, setting, n=16, max_side=480).requests
        recording = folder / f"recorded-{setting}.jsonl"
        _record(recording, requests, viewer, dataset, setting)
        showing = Showing(n=16, max_side=480)
        judge(dataset, folder / f"recorded-{setting}", setting=setting, model=f"replay:{recording}", showing=showing)
    on_progress("mock:random full-points", len(SETTINGS), len(SETTINGS) + 1)
    judge(
        dataset,
        folder / "mock-full-points",
        setting="full-points",
        model="mock:random",
        options={"pictures": True, "seed": seed},
        showing=Showing(n=8, max_side=480),
    )


def _half_blind_viewer(dataset: Dataset, seed: int) -> dict[str, list[Sheet]]:
    """Sheets by attempt of a simulated viewer who misses most of what is wrong: the recorded model of the demo."""
    from random import Random

    from siming.rubric import examine
    from siming.simulate.physicians import Physician, Quality, rate

    quality = Quality(notices=0.4, notices_cascade=0.15, invents=0.15, misgrades=0.4, halo=0.6, abstains=0.01)
    viewer = Physician("recorded", quality=quality)
    sheets = {}
    for attempt in dataset.attempts:
        truth = [examine(rubric, dataset.events_of(attempt.id)) for rubric in dataset.rubrics_of(attempt)]
        rng = Random(f"{seed}/{attempt.id}/recorded")  # noqa: S311 - simulation, no secret
        sheets[attempt.id] = rate(viewer, truth, attempt.segments, rng)
    return sheets


def _record(
    path: Path, requests: tuple[Request, ...], sheets: dict[str, list[Sheet]], dataset: Dataset, setting: str
) -> None:
    """Write the viewer's answers as a harness would, one refusal and one reply in prose among them."""
    from siming.bench.clinical import answer_text, get_setting

    asks = get_setting(setting).asks
    rubrics = tuple(dataset.rubrics.values())
    lines: list[dict[str, Any]] = []
    for number, request in enumerate(requests):
        text = answer_text(sheets[request.attempt], request, rubrics, asks)
        lines.append({"request": request.id, "text": text})
        if number == 1 and "clip" in setting:
            lines[-1] = {"request": request.id, "status": "refused", "text": "I cannot judge people in videos."}
        if number == 2:
            lines[-1]["text"] = f"Here is my assessment.\n```json\n{text}\n```\nI hope this helps."
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def _measure(dataset: Dataset, language: Language, console: Console) -> None:
    """What the sound of one recording says, beside the truth of the simulator."""
    from siming.measure import measure_compressions
    from siming.rubric import Event, builtin_rubric, examine

    say = strings(language)
    attempt = dataset.attempts[0]
    heard = measure_compressions(dataset.video_path(attempt))
    true_strokes = sum(event.action == "compression" for event in dataset.events_of(attempt.id))
    rates = ", ".join("—" if b.rate_per_min is None else f"{b.rate_per_min:.0f}" for b in heard.bouts)
    pauses = ", ".join(f"{pause.seconds:.1f}" for pause in heard.hands_off) or "—"
    console.print(
        say["heard"].format(
            attempt=attempt.id,
            bouts=len(heard.bouts),
            strokes=heard.n_strokes,
            truth=true_strokes,
            rates=rates,
            pauses=pauses,
        )
    )
    # The strokes after the shock belong to the AED's rubric: keep those within the time of the CPR steps.
    own = [span for step, spans in attempt.segments.items() if step.startswith("cpr") for span in spans]
    low, high = min(start for start, _ in own) - 1, max(end for _, end in own) + 1
    heard_events = [Event.from_plain(plain) for plain in heard.to_events(attempt=attempt.id)]
    strokes = [event for event in heard_events if low <= event.start_s <= high]
    if strokes:
        exam = examine(builtin_rubric("cpr-adult-single"), strokes, absent="unseen")
        for step, result in exam.steps.items():
            if result.points is not None:
                why = "; ".join(exam.reasons(step, language)) or say["nothing_lost"]
                console.print(f"  {step}: {result.points:g}/{exam.rubric.get_step(step).max_points:g}  {why}")


def _one_loss(dataset: Dataset, language: Language, console: Console) -> None:
    """The reasons of the exam whose points suffered most from a missing state."""
    from siming.rubric import examine

    exams = [
        examine(rubric, dataset.events_of(attempt.id))
        for attempt in dataset.attempts
        for rubric in dataset.rubrics_of(attempt)
    ]
    worst = max(exams, key=lambda exam: sum(loss.points for loss in exam.losses if loss.kind == "state"))
    rubric = worst.rubric
    console.print(f"{worst.attempt} · {rubric.title_in(language)}: {worst.points:g}/{worst.max_points:g}")
    for step, result in worst.steps.items():
        if result.losses:
            for sentence in worst.reasons(step, language):
                console.print(f"  {sentence}", highlight=False, markup=False)
