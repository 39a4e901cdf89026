"""What taking frames from an exam video costs, beside the least it can cost and beside the usual way.

    python benchmarks/bench_frames.py                      170 s, 1280x720, H.264, 64 frames; makes its own video
    python benchmarks/bench_frames.py --gop 250 --reps 5
    python benchmarks/bench_frames.py --video exam.mp4 --cli --json result.json

Every row is a fresh process, and all rows of one repetition run one after another, so that their ratios hold on any
machine however busy. Rows:

    floor      decode the packets that the wanted pictures need and nothing else: no scaling, no JPEG; divided by the
               number of threads, as if the work split evenly
    in_order   the default of evaluation harnesses such as lmms-eval: decode every picture, keep the wanted ones at
               full size as RGB, then shrink them and write JPEG
    siming     `siming.video.cut_frames` into a folder
    store      a second request to `FrameStore`: everything is there already
    cli        `python -m siming video frames`, with --cli

work: seconds inside the process, without interpreter and imports. process: wall time of the whole process.
cpu: user and system time of all its threads; the steadiest figure on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

GOALS = {
    "siming work / floor": (1.35, "at most"),
    "in_order / siming process": (6.0, "at least"),
    "siming MB": (120.0, "at most"),
}


def make_video(path: Path, *, seconds: int, gop: int, width: int = 1280, height: int = 720, fps: int = 30) -> None:
    """A fixed camera on a textured room with moving bodies and fresh sensor noise, H.264 at 4 Mbit/s."""
    import av
    import numpy as np

    draw = np.random.default_rng(11)

    def texture(cell: int, strength: float) -> np.ndarray:
        rough = draw.normal(0, strength, (height // cell + 2, width // cell + 2))
        return np.kron(rough, np.ones((cell, cell)))[:height, :width]

    room = np.clip(120 + texture(60, 25) + texture(12, 10) + texture(3, 5), 30, 225).astype(np.int16)
    noises = [np.round(draw.normal(0, 2.0, (height + 64, width + 64))).astype(np.int16) for _ in range(4)]
    bodies = [
        (
            draw.integers(30, 220, (220, 120)).astype(np.int16) // 3 + 60,
            draw.uniform(0, 6, 2),
            draw.uniform(0.3, 1.5, 2),
        )
        for _ in range(4)
    ]
    beside = path.with_suffix(".part.mp4")
    with av.open(str(beside), "w") as out:
        options = {"preset": "veryfast", "g": str(gop), "bf": "3", "x264-params": "scenecut=0"}
        stream = out.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", 4_000_000
        for number in range(seconds * fps):
            t = number / fps
            scene = room.copy()
            for body, phase, pace in bodies:
                y = int((height - 220) * (0.5 + 0.45 * np.sin(pace[0] * t + phase[0])))
                x = int((width - 120) * (0.5 + 0.45 * np.sin(pace[1] * t / 2 + phase[1])))
                scene[y : y + 220, x : x + 120] = body
            top, left = draw.integers(0, 64, 2)
            scene += noises[number % 4][top : top + height, left : left + width]
            grey = np.clip(scene, 16, 235).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    beside.replace(path)


def middles(index, n: int) -> list[int]:
    from siming.video import FramePlan, plan_times

    return index.packets_at(plan_times(index, FramePlan.parse("middle", n=n)))


def floor(job: dict) -> float:
    import av

    from siming.video.decode import DROPPING, Source, read_index

    path = Path(job["video"])
    index = read_index(path)
    spans = index.spans(middles(index, job["n"]))
    began = time.perf_counter()
    with Source(path) as source:
        source.ready(threads=1)
        codec = source.codec
        for span in spans:
            source.container.seek(index.pts[span.start], stream=source.stream, backward=True)
            if codec.is_open:
                codec.flush_buffers()
            at = None
            for packet in source.container.demux(source.stream):
                if at is None and packet.pts != index.pts[span.start]:
                    continue
                at = span.start if at is None else at + 1
                codec.skip_frame = "DEFAULT" if at in span.wanted or codec.name not in DROPPING else "NONREF"
                codec.decode(packet)
                if at >= span.wanted[-1]:
                    break
            codec.decode(None)
    assert av.__version__
    return (time.perf_counter() - began) / job["threads"]


def in_order(job: dict) -> float:
    import av
    from PIL import Image

    from siming.video.picture import fit

    began = time.perf_counter()
    with av.open(job["video"]) as source:
        stream = source.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", job["threads"]
        wanted = {int((k + 0.5) * stream.frames / job["n"]) for k in range(job["n"])}
        kept = [frame for number, frame in enumerate(source.decode(stream)) if number in wanted]
        full = [frame.to_ndarray(format="rgb24") for frame in kept]
    for number, pixels in enumerate(full):
        image = Image.fromarray(pixels)
        image = image.resize(fit(*image.size, job["side"]), Image.Resampling.BICUBIC)
        image.save(Path(job["out"]) / f"{number:05d}.jpg", quality=85)
    return time.perf_counter() - began


def siming(job: dict) -> float:
    from siming.video import FramePlan, cut_frames

    began = time.perf_counter()
    plan = FramePlan.parse("middle", n=job["n"])
    frames = cut_frames(job["video"], plan, max_side=job["side"], out=job["out"], threads=job["threads"])
    assert not any(frame.damaged for frame in frames)
    return time.perf_counter() - began


def store(job: dict) -> float:
    from siming.video import FramePlan, FrameStore

    times = FramePlan.parse("middle", n=job["n"]).times([(0.0, job["seconds"])])
    kept = FrameStore(job["store"], threads=job["threads"])
    kept.frames(job["video"], times, max_side=job["side"])
    began = time.perf_counter()
    for frame in kept.frames(job["video"], times, max_side=job["side"]):
        shutil.copy(frame.path, job["out"])
    return time.perf_counter() - began


ROWS = {"floor": floor, "in_order": in_order, "siming": siming, "store": store}


def timed(command: list[str], job: dict) -> dict:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    process_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    said = re.search(r"work_s=(\S+) mb=(\S+)", done.stdout)
    return {
        "work_s": float(said[1]) if said else None,
        "process_s": process_s,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "mb": float(said[2]) if said else None,
        "frames": len(list(Path(job["out"]).glob("*.jpg"))),
    }


def peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would also count what the parent had before this process began
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--video", help="a recording of your own; without it one is made and kept in the temporary folder"
    )
    parser.add_argument("--seconds", type=int, default=170)
    parser.add_argument("--gop", type=int, default=30, help="pictures from one key picture to the next")
    parser.add_argument("-n", type=int, default=64)
    parser.add_argument("--side", type=int, default=768)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--cli", action="store_true", help="also time the command line")
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        job = json.loads(args.row)
        work_s = ROWS[job["row"]](job)
        print(f"work_s={work_s:.4f} mb={peak_mb():.0f}")
        return
    video = Path(args.video or Path(tempfile.gettempdir()) / f"siming_bench_{args.seconds}s_g{args.gop}.mp4")
    if not video.exists():
        print(f"making {video} ...", file=sys.stderr)
        make_video(video, seconds=args.seconds, gop=args.gop)
    from siming.video import probe

    facts = probe(video)
    load = os.getloadavg()[0]
    print(
        f"{video.name}: {facts.codec} {facts.width}x{facts.height}, {facts.frames} pictures in {facts.duration_s:.0f} s; "
        f"{args.n} frames, longest side {args.side}, {args.threads} threads, {args.reps} repetitions, load {load:.1f}"
    )
    runs: dict[str, list[dict]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(args.reps):
            for row in [*ROWS, *(["cli"] if args.cli else [])]:
                out = tempfile.mkdtemp(dir=scratch)
                job = {
                    "row": row,
                    "video": str(video),
                    "out": out,
                    "store": f"{scratch}/store",
                    "seconds": facts.duration_s,
                }
                job |= {"n": args.n, "side": args.side, "threads": args.threads}
                command = [sys.executable, __file__, "--row", json.dumps(job)]
                if row == "cli":
                    command = [sys.executable, "-m", "siming", "video", "frames", str(video), "--n", str(args.n)]
                    command += [
                        "--policy",
                        "middle",
                        "--max-side",
                        str(args.side),
                        "--out",
                        out,
                        "--threads",
                        str(args.threads),
                    ]
                runs.setdefault(row, []).append(timed(command, job))
                shutil.rmtree(out)

    def middle(row: str, what: str) -> float | None:
        values = [run[what] for run in runs[row] if run[what] is not None]
        return statistics.median(values) if values else None

    def ratio(above: tuple[str, str], below: tuple[str, str]) -> float:
        """Median over repetitions of a ratio taken inside each: what else the machine did cancels best there."""
        return statistics.median(a[above[1]] / b[below[1]] for a, b in zip(runs[above[0]], runs[below[0]], strict=True))

    table = {row: {what: middle(row, what) for what in runs[row][0]} for row in runs}
    print(f"\n{'row':10} {'work s':>8} {'process s':>10} {'cpu s':>7} {'MB':>5} {'frames':>7}")
    for row, cells in table.items():
        shown = [f"{cells[what]:.3f}" if cells[what] is not None else "-" for what in ("work_s", "process_s", "cpu_s")]
        mb = "-" if cells["mb"] is None else f"{cells['mb']:.0f}"
        print(f"{row:10} {shown[0]:>8} {shown[1]:>10} {shown[2]:>7} {mb:>5} {cells['frames']:>7.0f}")
    figures = {
        "siming work / floor": ratio(("siming", "work_s"), ("floor", "work_s")),
        "siming cpu / floor cpu": ratio(("siming", "cpu_s"), ("floor", "cpu_s")),
        "in_order / siming process": ratio(("in_order", "process_s"), ("siming", "process_s")),
        "siming MB": table["siming"]["mb"],
        "store hit ms": table["store"]["work_s"] * 1000,
    }
    if args.cli:
        figures["in_order / cli process"] = ratio(("in_order", "process_s"), ("cli", "process_s"))
        figures["cli process / floor"] = ratio(("cli", "process_s"), ("floor", "work_s"))
    print()
    for name, value in figures.items():
        limit, how = GOALS.get(name, (None, ""))
        verdict = "" if limit is None else f"   goal: {how} {limit:g}"
        print(f"{name:28} {value:8.2f}{verdict}")
    if args.json:
        Path(args.json).write_text(
            json.dumps({"load": load, "rows": table, "figures": figures, "runs": runs}, indent=1)
        )


if __name__ == "__main__":
    main()
