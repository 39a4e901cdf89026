"""How fast a run goes, how much memory it holds, and what kill -9 costs it.

    python benchmarks/bench_run.py                       200 attempts x 64 frames, concurrency 16
    python benchmarks/bench_run.py --kills 10            the same, killed at ten random moments and resumed
    python benchmarks/bench_run.py --dataset DIR         on the recordings of a dataset in place of its own

The model is the loopback server of the tests, in a process of its own; the run is a process of its own, too, so that
its peak memory is its own. Prints one line per measurement and ends with status 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
MOST_MB = 400
"""Peak resident memory a run of 200 x 64 frames at concurrency 16 may take."""


def write_videos(folder: Path, n: int, *, size: tuple[int, int], seconds: int = 20, fps: int = 5) -> list[Path]:
    """Recordings with moving texture and noise, no two alike, so that no picture is shared and none shrinks to nothing."""
    import av
    import numpy as np

    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    grain = np.random.default_rng(0).normal(0, 8, (8, height, width, 1))
    paths = []
    for k in range(n):
        path = folder / f"A-{k + 1:03}.mp4"
        paths.append(path)
        if path.exists():
            continue
        with av.open(str(path), "w") as file:
            stream = file.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "g": "25"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for i in range(seconds * fps):
                waves = 120 + 60 * np.sin((x + 7 * i + 31 * k) / 17) * np.cos((y - 3 * i) / 11)
                picture = np.clip(waves[..., None] + grain[i % 8] + [0, 10, 20], 0, 255).astype(np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            file.mux(stream.encode(None))
    return paths


def questions(dataset: Path, videos: list[Path], n_frames: int, max_side: int) -> list[Any]:
    """One request per recording, with the frame plan a real run would make."""
    from siming.bench.request import FramesPart, Request, RequestPlan, TextPart
    from siming.video.plan import FramePlan
    from siming.video.store import FrameStore

    store = FrameStore(dataset / ".frames")
    found = []
    for path in videos:
        index = store.index_of(path)
        times = FramePlan("middle", n_frames).times([(0.0, index.duration_s)])
        found.append(
            Request(
                id=path.stem,
                setting="full-points",
                attempt=path.stem,
                rubrics=("cpr-adult-single 0.1",),
                steps=("cpr01",),
                video=path.relative_to(dataset).as_posix(),
                plan=RequestPlan(policy=f"middle:{n_frames}", times_s=times, max_side=max_side),
                parts=(TextPart(text=f"This is attempt {path.stem} ."), FramesPart(), TextPart(text="Give points.")),
                answer_schema={"type": "object"},
            )
        )
    return found


def child(options: argparse.Namespace) -> None:
    """One process of the run; prints its outcome, seconds and peak memory as JSON."""
    from siming.bench.folder import RunInfo
    from siming.bench.request import Request
    from siming.run import Pacing, StoredFrames, open_backend, run
    from siming.video.store import FrameStore

    folder = Path(options.child)
    lines = (options.dataset / "questions.jsonl").read_text().splitlines()
    requests = [Request.from_plain(json.loads(line)) for line in lines]
    backend = open_backend(f"openai:m@{options.url}")
    info = RunInfo(
        name="bench",
        dataset="bench",
        dataset_version="1",
        rubrics=("cpr-adult-single 0.1",),
        setting="full-points",
        model=backend.model,
        options=backend.options,
        siming="0",
    )
    frames = StoredFrames(options.dataset, FrameStore(options.dataset / ".frames"))
    pacing = Pacing(concurrency=options.concurrency, backoff_s=0.05)
    started = time.perf_counter()
    outcome = run(folder, info, requests, backend, frames, pacing=pacing)
    seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"complete": outcome.complete, "counts": outcome.counts, "s": seconds, "peak_mb": peak_mb}))


class Server:
    """The loopback server as a process; ends when its standard input closes."""

    def __init__(self, delay_s: float, log: Path) -> None:
        command = [
            sys.executable,
            str(ROOT / "tests/run/loopback.py"),
            "--delay",
            str(delay_s),
            "--log",
            str(log),
        ]
        self._process = subprocess.Popen(
            [*command, "--lifetime", "3000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._log = log
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    @property
    def asks(self) -> list[str]:
        """The attempts asked for so far, in order, with repetitions."""
        return self._log.read_text().splitlines()

    def end(self) -> list[str]:
        """Stop it; what was asked."""
        self._process.communicate()
        return self.asks


async def own_rate(url: str, body_bytes: int, n: int, concurrency: int) -> float:
    """Requests per second that bare sockets get out of the server with bodies of this size."""
    parts = urlsplit(url)
    body = b'{"x": "attempt probe "}'.ljust(body_bytes)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    left = iter(range(n))

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for _ in left:
            writer.writelines([head, body])
            await writer.drain()
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
            await reader.readexactly(int(answer.lower().split("content-length:")[1].split()[0]))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(concurrency)))
    return n / (time.perf_counter() - started)


def start(options: argparse.Namespace, folder: Path, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--child", str(folder), "--url", url, "--dataset", str(options.dataset)]
    return subprocess.Popen(
        [*command, "--concurrency", str(options.concurrency)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENAI_API_KEY": ""},
    )


def answered(folder: Path) -> set[str]:
    path = folder / "predictions.jsonl"
    text = path.read_bytes() if path.exists() else b""
    return {json.loads(line)["request"] for line in text[: text.rfind(b"\n") + 1].splitlines()}


def content(folder: Path) -> list[dict[str, Any]]:
    from siming.bench.prediction import Prediction
    from siming.run import content_of

    lines = (folder / "predictions.jsonl").read_text().splitlines()
    # The two servers listen on different ports, which is part of the model's name.
    return [content_of(Prediction.from_plain(json.loads(line))) | {"model": ""} for line in lines]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=200)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--max-side", type=int, default=768)
    parser.add_argument("--size", default="320x240", help="of the recordings it makes")
    parser.add_argument("--delay", type=float, default=0.2, help="seconds the server thinks")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dataset", type=Path, help="a dataset folder with videos/")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options)
        return 0
    with tempfile.TemporaryDirectory(prefix="siming-bench-") as scratch:
        return measure(options, Path(scratch))


def measure(options: argparse.Namespace, scratch: Path) -> int:
    if options.dataset is None:
        options.dataset = scratch / "dataset"
        (options.dataset / "videos").mkdir(parents=True)
        width, height = map(int, options.size.split("x"))
        videos = write_videos(options.dataset / "videos", options.attempts, size=(width, height))
    else:
        videos = sorted((options.dataset / "videos").glob("*.mp4"))[: options.attempts]
    asked = questions(options.dataset, videos, options.frames, options.max_side)
    (options.dataset / "questions.jsonl").write_text("".join(request.to_line() for request in asked))
    broken: list[str] = []

    for name in ("calm, frames cut on the way", "calm, frames in the store"):
        server = Server(options.delay, scratch / "asks.txt")
        folder = scratch / name.replace(" ", "-")
        process = start(options, folder, server.url)
        told = json.loads(process.communicate()[0])
        asks = server.end()
        rate = len(asked) / told["s"]
        print(
            f"{name}: {told['s']:.1f} s, {rate:.1f} requests/s, {told['s'] / len(asked) * 1000:.0f} ms each, "
            f"peak {told['peak_mb']:.0f} MB, {told['counts']}"
        )
        if told["peak_mb"] >= MOST_MB:
            broken.append(f"{told['peak_mb']:.0f} MB is not under {MOST_MB} MB")
        if not told["complete"] or sorted(asks) != sorted(request.id for request in asked):
            broken.append(f"{name}: not every request was asked exactly once")

    frames = [options.dataset / ".frames" / key for key in content(folder)[0]["frames"]]
    body_bytes = sum(path.stat().st_size * 4 // 3 for path in frames)
    server = Server(options.delay, scratch / "asks.txt")
    own = asyncio.run(own_rate(server.url, body_bytes, len(asked), options.concurrency))
    server.end()
    print(
        f"server's own rate with bodies of {body_bytes / 1e6:.2f} MB: {own:.1f} requests/s; "
        f"the run with frames in the store reaches {rate / own:.2f} of it"
    )
    if options.kills:
        broken += kill_and_resume(options, scratch, asked, calm=folder)
    for line in broken:
        print("BROKEN:", line)
    return 1 if broken else 0


def kill_and_resume(options: argparse.Namespace, scratch: Path, asked: list[Any], *, calm: Path) -> list[str]:
    """Kill the run at random moments, resume it, and look for answers lost or asked for again."""
    rng, broken = random.Random(options.seed), []
    folder = scratch / "killed"
    server = Server(options.delay, scratch / "asks.txt")
    kept: set[str] = set()
    mark = 0
    for k in range(options.kills):
        process = start(options, folder, server.url)
        aim = len(kept) + rng.randint(1, max(1, 2 * (len(asked) - len(kept)) // (options.kills - k + 1)))
        while process.poll() is None and len(answered(folder)) < aim:
            time.sleep(0.002 + rng.random() * 0.02)
        process.kill()
        process.communicate()
        now = answered(folder)
        if not kept <= now:
            broken.append(f"kill {k + 1} lost {sorted(kept - now)}")
        # Between two kills nothing may be asked for that had its answer on disk before.
        if repeated := kept & set(server.asks[mark:]):
            broken.append(f"before kill {k + 1} answered requests were asked again: {sorted(repeated)}")
        kept = now
        mark = len(server.asks)
        print(f"kill {k + 1}: {len(kept)} of {len(asked)} answers kept")
    process = start(options, folder, server.url)
    told = json.loads(process.communicate()[0])
    asks = server.end()
    if repeated := kept & set(asks[mark:]):
        broken.append(f"at the end answered requests were asked again: {sorted(repeated)}")
    again = len(asks) - len(asked)
    most = options.kills * options.concurrency
    print(f"resumed to the end: {told['counts']}; {again} asks repeated, all in flight at a kill (at most {most})")
    if again > most or len(set(asks)) != len(asked):
        broken.append(f"{again} asks repeated, {len(set(asks))} requests asked")
    if content(folder) != content(calm):
        broken.append("the final file differs from that of the undisturbed run")
    else:
        print("final file: same content, line by line, as the undisturbed run")
    return broken


if __name__ == "__main__":
    sys.exit(main())
