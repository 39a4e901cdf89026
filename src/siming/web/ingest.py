"""From a complete upload to a derivative that a coordinator can look at: one thread, one job at a time.

Jobs lie in the table of uploads, so a server that starts goes on with what the last one left. The recording is decoded
in a process of its own; nothing of it is opened in this one but the file that siming itself has written.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any, Final

from fastapi import FastAPI

from siming.errors import (
    ConflictError,
    InputError,
    MissingExtraError,
    NotFoundError,
    RoomError,
    SimingError,
    StoreError,
    TaskError,
    VideoError,
)
from siming.store.access import SYSTEM, Actor
from siming.store.database import Database
from siming.store.media import uploads
from siming.store.media.attempts import attempt_of
from siming.store.media.media import Media, NewDerivative, add_derivative, add_original, media_of, reject_original
from siming.store.media.media_folder import MediaFolder, sha256_of
from siming.store.media.uploads import Reception, Upload
from siming.video.asset import Derivative
from siming.video.ingest import ingest_apart
from siming.video.recipe import Recipe

LOG = logging.getLogger("siming.web")

ABANDONED_AFTER: Final = timedelta(days=7)
LOOK_EVERY_S: Final = 3600.0
"""For abandoned uploads, and for jobs of another server of this database that has died."""

TRY_AGAIN_S: Final = 30.0
"""After the database or the disk could not be used."""

TOLD_EVERY_S: Final = 0.5
N_PREVIEWS: Final = 12
MOST_LOOKS: Final = 60
"""Pictures of a derivative in which faces are looked for once more."""

HASHED: Final = 0.1
"""Share of the progress at which the original has been hashed."""
DERIVED: Final = 0.95


@dataclass(frozen=True, slots=True)
class Work:
    """What an ingest may take."""

    time_limit_s: float = 4 * 3600.0
    memory_limit_bytes: int = 4 << 30


class Stopped(Exception):
    """The server ends; the job is put back."""


class IngestWorker:
    """Works on uploads, oldest first, in a thread that starts when it is first woken."""

    def __init__(self, db: Database, folder: MediaFolder, work: Work | None = None) -> None:
        self.db, self.folder, self.work = db, folder, work or Work()
        self._called = threading.Event()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """There is work; returns at once."""
        self._called.set()
        with self._lock:
            if not self._ending.is_set() and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="siming-ingest", daemon=True)
                self._thread.start()

    def stop(self, *, wait_s: float = 20.0) -> None:
        """End the thread; a job in hand is put back and its process stopped."""
        self._ending.set()
        self._called.set()
        if self._thread is not None:
            self._thread.join(wait_s)

    def run_waiting(self) -> int:
        """Work on everything that waits, in this thread; how many jobs ended."""
        done = 0
        for upload in uploads.waiting_uploads(self.db):
            with self.folder.working(upload.id) as mine:
                if mine and not self._ending.is_set():
                    ended = work_on(self.db, self.folder, upload.id, self.work, stop=self._ending.is_set)
                    done += ended is not None
        return done

    def _run(self) -> None:
        while not self._ending.is_set():
            self._called.clear()
            rest_s = LOOK_EVERY_S
            try:
                uploads.clean_uploads(self.db, self.folder, older_than=ABANDONED_AFTER)
                self.run_waiting()
            except (SimingError, OSError) as error:
                LOG.error("ingest: %s", error)
                rest_s = TRY_AGAIN_S
            self._called.wait(rest_s)


def work_on(
    db: Database,
    folder: MediaFolder,
    upload_id: str,
    work: Work,
    *,
    actor: Actor = SYSTEM,
    stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Upload | None:
    """Do one job, whatever comes of it; the caller holds its lock. None where it was not there to be done.

    Raises:
        StoreError: The database cannot be used; the job waits.
    """
    upload = uploads.set_working(db, upload_id)
    if upload is None:
        return None
    told = _Told(db, upload_id, stop, on_progress)
    original: Media | None = None
    try:
        original = _original(db, folder, upload, told, actor)
        derivative = _derive(db, folder, upload, original, work, told, actor)
        uploads.finish_upload(db, upload_id, derivative.id)
    except Stopped:
        uploads.put_back(db, upload_id)
        return None
    except Exception as error:  # one bad recording must not end the worker
        if isinstance(error, StoreError) and error.kind != "full":
            raise
        problem, text = _problem_of(error)
        if problem == "unforeseen":
            LOG.exception("ingest of upload %s", upload_id)
        text = text.replace(str(folder.root.absolute()), "").replace(str(folder.root), "")
        if original is not None:
            text = text.replace(str(folder.path_of(original.path)), upload.file_name)
            text = text.replace(f"/{original.path}", upload.file_name)
            with suppress(NotFoundError):
                reject_original(db, SYSTEM, original.id, problem)
        uploads.fail_upload(db, upload_id, problem, text)
        folder.forget_upload(upload_id)
    with db.read() as c:
        return uploads.upload_of(c, upload_id)


def add_video(
    db: Database,
    actor: Actor,
    media_dir: Path,
    attempt: str,
    path: Path,
    recipe: Recipe | None = None,
    *,
    camera: str = "main",
    on_progress: Callable[[float], None] = lambda share: None,
    work: Work | None = None,
) -> Media:
    """Bring a recording to an attempt without a browser; blocks until its derivative waits to be looked at.

    Args:
        media_dir: The server's media folder; the file is copied into it.
        attempt: Id of the attempt.
        recipe: What is masked and removed.

    Raises:
        VideoError: The recording cannot be used; the message says why.
        InputError, ConflictError, NotAllowedError: As for an upload.
    """
    folder, path = MediaFolder(Path(media_dir)), Path(path)
    with db.read() as c:
        found = attempt_of(c, attempt)
    if not path.is_file():
        raise VideoError(f"{path}: there is no such file; check the path", kind="missing")
    upload = uploads.begin_upload(
        db, actor, folder, found.project, code=found.code, file_name=path.name, size=path.stat().st_size,
        recipe=(recipe or Recipe()).to_json(), camera=camera, most_bytes=1 << 62,
    )  # fmt: skip
    with folder.working(upload.id):
        try:
            receive(db, actor, folder, upload.id, _pieces(path))
        except InputError as error:
            raise VideoError(f"{path}: {error}", kind="not_a_video") from error
        done = work_on(db, folder, upload.id, work or Work(), actor=actor, on_progress=on_progress)
    if done is None or done.state != "done" or done.derivative is None:
        problem = (done.problem if done else None) or "unforeseen"
        raise VideoError(f"{path}: {done.problem_text if done else 'the ingest was interrupted'}", kind=problem)
    with db.read() as c:
        return media_of(c, done.derivative)


def receive(
    db: Database, actor: Actor, folder: MediaFolder, upload_id: str, pieces: Iterable[bytes], *, queue: bool = False
) -> Upload:
    """Send a whole file to an upload from this program."""
    reception = Reception(db, actor, folder, upload_id, 0)
    try:
        for piece in pieces:
            reception.write(piece)
    except BaseException:
        reception.take_back()
        raise
    return reception.end(queue=queue)


def checked_recipe(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe that came from outside, complete.

    Raises:
        InputError: An option nobody knows, or a value outside its range.
    """
    try:
        return Recipe.from_json(plain).to_json()
    except (TaskError, TypeError, ValueError) as error:
        raise InputError(str(error), field="recipe", code="recipe_wrong", params={"why": str(error)}) from error


def faces_can_be_masked() -> bool:
    """Whether the face detector is installed; nothing of it is loaded."""
    from siming.video.faces import CARRIER

    return all(find_spec(name) is not None for name in (CARRIER, "onnx", "onnxruntime"))


# --- in the application ---------------------------------------------------------------------------------------------


def media_folder(app: FastAPI) -> MediaFolder:
    """The application's media folder, made when first wanted."""
    if not hasattr(app.state, "media_folder"):
        app.state.media_folder = MediaFolder(Path(app.state.settings.media))
    folder: MediaFolder = app.state.media_folder
    return folder


def worker(app: FastAPI) -> IngestWorker:
    """The application's worker."""
    if not hasattr(app.state, "ingest"):
        app.state.ingest = IngestWorker(app.state.db, media_folder(app))
    found: IngestWorker = app.state.ingest
    return found


@contextmanager
def ingesting(app: FastAPI) -> Iterator[None]:
    """As long as the server runs: goes on with what the last one left."""
    worker(app).wake()
    try:
        yield
    finally:
        worker(app).stop()


# --- the steps of a job ---------------------------------------------------------------------------------------------


class _Told:
    """Writes progress to the table, not too often, and stops the job when the server ends."""

    def __init__(
        self, db: Database, upload_id: str, stop: Callable[[], bool], on_progress: Callable[[float], None]
    ) -> None:
        self.db, self.upload_id, self.stop, self.on_progress = db, upload_id, stop, on_progress
        self.last, self.at = 0.0, monotonic()

    def share(self, share: float) -> None:
        if self.stop():
            raise Stopped
        if share - self.last >= 0.005 and monotonic() - self.at >= TOLD_EVERY_S:
            self.last, self.at = share, monotonic()
            uploads.set_progress(self.db, self.upload_id, share)
            self.on_progress(share)


def _original(db: Database, folder: MediaFolder, upload: Upload, told: _Told, actor: Actor) -> Media:
    """The original of an upload: hashed, in its place, in the table. Interrupted anywhere, it can be done again."""
    if upload.original is not None:
        with db.read() as c:
            return media_of(c, upload.original)
    part = folder.part_of(upload.id)
    if not part.is_file() or part.stat().st_size != upload.size:
        raise _Lost("what was received is no longer on the server; send the file again")
    sha256 = sha256_of(part, on_block=lambda read: told.share(HASHED * read / upload.size))
    path, _, size = folder.keep(part, "originals", sha256=sha256)
    original = add_original(db, actor, upload.attempt, camera=upload.camera, sha256=sha256, bytes=size, path=path)
    uploads.set_original(db, upload.id, original.id)
    folder.forget_upload(upload.id)
    return original


class _Lost(Exception):
    """The bytes of an upload are gone."""


def _derive(
    db: Database, folder: MediaFolder, upload: Upload, original: Media, work: Work, told: _Told, actor: Actor
) -> Media:
    recipe = Recipe.from_json(upload.recipe)
    with folder.workplace(upload.id) as place:
        target = place / "derivative.mp4"
        made = ingest_apart(
            folder.path_of(original.path),
            target,
            recipe,
            on_progress=lambda share: told.share(HASHED + (DERIVED - HASHED) * share),
            time_limit_s=work.time_limit_s,
            memory_limit_bytes=work.memory_limit_bytes,
        )
        facts = _facts(made) | {"previews": _previews(folder, place, target, recipe, made)}
        told.share(0.98)
        facts["faces_left"] = _faces_left(target, recipe, made)
        path, sha256, size = folder.keep(target, "derivatives", sha256=made.sha256)
    told.share(0.99)
    return add_derivative(
        db,
        actor,
        original.id,
        NewDerivative(
            sha256=sha256,
            bytes=size,
            path=path,
            duration_s=made.duration_s,
            width=made.width,
            height=made.height,
            rate=_rate(made),
            time_map=made.time_map.to_json(),
            recipe=made.recipe.to_json(),
            facts=facts,
        ),
    )


def _facts(made: Derivative) -> dict[str, Any]:
    """What a coordinator should know; where people stand in the picture is not among it."""
    masks = made.masks
    return {
        "has_sound": made.has_sound,
        "pictures": made.pictures,
        "left_out": made.left_out,
        "damaged": made.damaged,
        "warnings": list(made.warnings),
        "made_with": dict(made.made_with),
        "largest_error_s": made.time_map.largest_error_s,
        "faces": None if masks is None else {
            "instants": len(masks.times), "with_faces": masks.with_faces, "most_at_once": masks.most_at_once,
        },
    }  # fmt: skip


def _previews(folder: MediaFolder, place: Path, film: Path, recipe: Recipe, made: Derivative) -> list[dict[str, Any]]:
    """Pictures as raters will see them, the masks outlined: evenly spread, and where faces were found."""
    from siming.video.review import preview_masks

    length, masks = made.duration_s, made.masks
    times = {length * (k + 0.5) / N_PREVIEWS for k in range(N_PREVIEWS)}
    if masks is not None and masks.with_faces:
        seen = [time for time, boxes in zip(masks.times, masks.found, strict=True) if boxes and time < length]
        times = set(sorted(times)[::2]) | {seen[len(seen) * (2 * k + 1) // 12] for k in range(6) if seen}
    kept = []
    for n, picture in enumerate(preview_masks(film, recipe, times=sorted(times), masks=masks)):
        file = place / f"{n}.jpg"
        file.write_bytes(picture.jpeg)
        path, _, _ = folder.keep(file, "previews")
        kept.append({"time_s": picture.time_s, "path": path, "masked": len(picture.masked)})
    return kept


def _faces_left(film: Path, recipe: Recipe, made: Derivative) -> list[float] | None:
    """Times at which a face is still found that no mask covers; None where none were to be masked."""
    if made.masks is None:
        return None
    from siming.video.review import faces_left

    found = faces_left(film, recipe, made.masks, every_s=max(1.0, made.duration_s / MOST_LOOKS))
    return sorted({face.time_s for face in found})


def _rate(made: Derivative) -> str:
    """Mean pictures per second, as a fraction of whole numbers."""
    seconds = made.time_map.derivative_end * made.time_map.derivative_base
    return str((made.pictures / Fraction(seconds)).limit_denominator(1001))


def _problem_of(error: Exception) -> tuple[str, str]:
    """A code of `uploads.PROBLEMS` and the words of what found it."""
    match error:
        case VideoError():
            return error.kind, str(error)
        case MissingExtraError():
            return "faces_missing", str(error)
        case StoreError():
            return "no_space", str(error)
        case ConflictError() if error.code == "same_recording":
            return "same_recording", str(error)
        case _Lost():
            return "lost", str(error)
        case RoomError():
            return "attempt_gone", str(error)
    return "unforeseen", f"{type(error).__name__}: {error}"


def _pieces(path: Path) -> Iterable[bytes]:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(4 << 20):
            yield piece
