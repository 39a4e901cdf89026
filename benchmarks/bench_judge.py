"""How fast captions are judged beside what the judge's server can take, and what kill -9 costs.

    python benchmarks/bench_judge.py                     1,500 captions; free server, limited server, known limit, kills
    python benchmarks/bench_judge.py --captions 300      quicker

The server is the judge of the tests, in a process of its own: one call in twenty fails (500, 503, a cut connection), three
in a hundred come back without grades, two in a hundred meet a 429 out of the blue, and the limited server turns away with 429
and Retry-After what comes too soon. Prints
one line per measurement and ends with status 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "medvid"))

SHARE = 0.9
"""Of the server's own rate that judging must reach."""

FAULTS = {"failing": 0.05, "garbling": 0.03, "scolding": 0.02}


def serve(options: argparse.Namespace) -> None:
    """Serve until standard input closes; print the URL first, and write down each ask and its end as it comes."""
    from judging import JudgeServer, by_script

    script = by_script(per_second=options.per_second, **({} if options.faults else dict.fromkeys(FAULTS, 0.0)))
    with options.serve.open("w", buffering=1) as log:

        def reply(ask: Any) -> Any:
            answer = script(ask)
            log.write(f"{time.monotonic()} {ask.id} {answer.status}\n")
            return answer

        with JudgeServer(reply, delay_s=options.delay, lifetime_s=3000, look=False) as server:
            print(server.url, flush=True)
            sys.stdin.read()


class Server:
    """The judge as a process; ends when its standard input closes."""

    def __init__(self, log: Path, *, delay_s: float, per_second: float | None = None, faults: bool = True) -> None:
        command = [sys.executable, __file__, "--serve", str(log), "--delay", str(delay_s)]
        command += ["--per-second", str(per_second)] if per_second else []
        command += ["--faults"] if faults else []
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._log = log
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    @property
    def asks(self) -> list[tuple[float, str, int]]:
        """Time, question and status of every ask so far."""
        found = (line.split() for line in self._log.read_text().splitlines())
        return [(float(at), name, int(status)) for at, name, status in found]

    def end(self) -> list[tuple[float, str, int]]:
        """Stop it; what was asked."""
        self._process.communicate()
        return self.asks


async def own_rate(url: str, body_bytes: int, n: int, concurrency: int) -> float:
    """Requests per second that bare sockets get out of a server that never fails, with bodies of this size."""
    parts = urlsplit(url)
    body = b'{"x": "mark of this question is 0123456789ab"}'.ljust(body_bytes)
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


def start(files: tuple[Path, Path], folder: Path, url: str, concurrency: int, *more: str) -> subprocess.Popen[str]:
    """`siming medvid judge` as a user runs it."""
    submission, truth = files
    command = [sys.executable, "-m", "siming", "medvid", "judge", str(submission), "--truth", str(truth)]
    command += ["--model", f"openai:m@{url}", "--out", str(folder), "--concurrency", str(concurrency), "--json", *more]
    environment = {**os.environ, "OPENAI_API_KEY": "", "SIMING_API_KEY": ""}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)


def rate_of(asks: list[tuple[float, str, int]]) -> float:
    """Asks per second that the server took, from the first to the last; those it turned away are not among them."""
    taken = [at for at, _, status in asks if status != 429]
    return (len(taken) - 1) / (taken[-1] - taken[0])


def answered(folder: Path) -> set[str]:
    """Marks of the pairs whose reply is on disk."""
    from siming.bench.medvid.judge.prompt import key_in, mark_for

    path = folder / "predictions.jsonl"
    text = path.read_bytes() if path.exists() else b""
    lines = [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]
    return {mark_for(key_in(line["request"])) for line in lines if line["status"] == "ok"}


def speed(
    name: str, files: tuple[Path, Path], scratch: Path, options: argparse.Namespace, *, own: float,
    per_second: float | None, more: tuple[str, ...] = (),
) -> list[str]:  # fmt: skip
    """Judge all in one go and compare the rates."""
    from siming.bench.medvid.judge import load_grades

    slug = name.replace(" ", "-")
    server = Server(scratch / f"{slug}.txt", delay_s=options.delay, per_second=per_second)
    began = time.perf_counter()
    told = json.loads(start(files, scratch / slug, server.url, options.concurrency, *more).communicate()[0])
    seconds = time.perf_counter() - began
    asks = server.end()
    rate = rate_of(asks)
    by_status = Counter(status for _, _, status in asks)
    print(
        f"{name}: {told['graded']} of {told['pairs']} graded in {seconds:.1f} s; {rate:.1f} requests/s, the server's own "
        f"rate {own:.1f}: {rate / own:.1%}; statuses {dict(by_status)}, failed calls told {told['failed_calls']}"
    )
    broken = [f"{name}: {rate / own:.1%} of the server's own rate, wanted {SHARE:.0%}"] if rate < SHARE * own else []
    if sum(told["failed_calls"].values()) != len(asks) - told["graded"]:  # every ask has one end or the other
        broken.append(
            f"{name}: {len(asks)} asks, {told['graded']} graded, but {sum(told['failed_calls'].values())} failures told"
        )
    if len(load_grades(scratch / slug)) != told["graded"]:
        broken.append(f"{name}: the folder holds other grades than were told")
    return broken


def kills(files: tuple[Path, Path], scratch: Path, options: argparse.Namespace) -> list[str]:
    """Kill it at random moments, resume it, and look for what was asked twice."""
    rng, broken = random.Random(options.seed), []
    folder = scratch / "killed"
    server = Server(scratch / "kills.txt", delay_s=options.delay)
    kept: set[str] = set()
    mark = 0
    for k in range(options.kills):
        process = start(files, folder, server.url, options.concurrency)
        aim = len(kept) + rng.randint(1, max(1, 2 * (options.captions - len(kept)) // (options.kills - k + 1)))
        while process.poll() is None and len(answered(folder)) < aim:
            time.sleep(0.01 + rng.random() * 0.05)
        process.kill()
        process.communicate()
        now = answered(folder)
        if not kept <= now:
            broken.append(f"kill {k + 1} lost {len(kept - now)} replies")
        again = kept & {name for _, name, _ in server.asks[mark:]}
        if again:
            broken.append(f"before kill {k + 1}, {len(again)} answered pairs were asked again")
        kept, mark = now, len(server.asks)
        print(f"kill {k + 1}: {len(kept)} of {options.captions} replies kept")
    for _ in range(3):  # a pair that met a fault five times in a row is asked again by the same command
        told = json.loads(start(files, folder, server.url, options.concurrency).communicate()[0])
        if told["graded"] == told["pairs"]:
            break
    asks = server.end()
    if again := kept & {name for _, name, _ in asks[mark:]}:
        broken.append(f"at the end {len(again)} answered pairs were asked again")
    lost = len(asks) - told["graded"] - sum(told["failed_calls"].values())
    most = options.kills * options.concurrency
    print(
        f"resumed to the end: {told['graded']} of {told['pairs']} graded; {lost} calls were in flight at a kill (at most {most})"
    )
    if lost > most or told["graded"] != told["pairs"]:
        broken.append(f"{lost} calls unaccounted for, {told['graded']} of {told['pairs']} graded")
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=1500)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--delay", type=float, default=0.4, help="seconds the judge thinks")
    parser.add_argument("--limit", type=float, default=25.0, help="requests per second of the limited server")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--per-second", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--faults", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options)
        return 0
    from judging import write_captions

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        files = write_captions(scratch, options.captions)
        calm = Server(scratch / "calm.txt", delay_s=options.delay, faults=False)
        own = asyncio.run(
            own_rate(calm.url, 7000, 3 * options.concurrency * max(1, int(5 / options.delay)), options.concurrency)
        )
        calm.end()
        limit = options.limit
        broken = speed("free server", files, scratch, options, own=own, per_second=None)
        broken += speed("limited server", files, scratch, options, own=limit, per_second=limit)
        told = ("--rate-per-minute", str(60 * limit))
        broken += speed("limit told", files, scratch, options, own=limit, per_second=limit, more=told)
        broken += kills(files, scratch, options)
    for line in broken:
        print(f"BROKEN: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
