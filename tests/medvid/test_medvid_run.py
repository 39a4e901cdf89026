"""From a data folder to a scored submission; and the pictures on their way to a model."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from made_release import make_release, rows_of, write_rows
from PIL import Image

from siming.bench.folder import load_run
from siming.bench.medvid.columns import COLUMNS
from siming.bench.medvid.data import read_questions
from siming.bench.medvid.official.run import score_official
from siming.bench.medvid.strict.run import score_strict
from siming.bench.medvid.submission import read_submission
from siming.bench.request import FramesPart, Picture, Request, RequestPlan
from siming.errors import RunError, TaskError, VideoError
from siming.methods.asked import go_on
from siming.methods.medvid import ask, submission
from siming.run import PictureFrames
from siming.video.still import keep_still

sys.path.append(str(Path(__file__).resolve().parents[1] / "run"))  # its model server and its tiny model


@pytest.fixture
def data(tmp_path):
    return make_release(tmp_path / "data")


@pytest.fixture
def run(data, tmp_path):
    ask(data, tmp_path / "run", frames=data.parent / "frames")
    return tmp_path / "run"


def replayed(tmp_path, answers, run):
    """A file of answers by request, as another harness would write it."""
    path = tmp_path / "answers.jsonl"
    requests = load_run(run).requests
    lines = [{"request": r.id, "text": text} for r, text in zip(requests, answers, strict=True) if text is not None]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"replay:{path}"


# --- the whole way


def test_the_reference_texts_score_full_marks_through_the_whole_pipe(tmp_path, data, run):
    references = [q.reference for q in read_questions(data)]
    assert go_on(run, model=replayed(tmp_path, references, run)).coverage == 1
    filled = submission(run, tmp_path / "submission.json")
    assert (filled.n_rows, filled.n_answered, filled.coverage) == (14, 14, 1.0)
    official = score_official(rows_of(data), json.loads((tmp_path / "submission.json").read_text()))
    strict = score_strict(read_questions(data), read_submission(tmp_path / "submission.json"))
    for name in (name for name, column in COLUMNS.items() if not column.judged):
        assert official.full[name] == pytest.approx(1.0), name
        assert strict.columns[name].value == pytest.approx(1.0), name
    assert strict.matched.complete
    assert strict.matched.moved == 0


def test_a_mock_that_is_shown_the_frames_goes_the_whole_way_and_scores_next_to_nothing(tmp_path, data, run):
    outcome = go_on(run, model="mock:random", options={"pictures": True})
    assert outcome.counts == {"ok": 14}
    kept = load_run(run).predictions
    assert all(len(p.frames) == 7 and p.damaged_frames == 0 for p in kept.values())
    assert all((run / "frames" / key).is_file() for p in kept.values() for key in p.frames)
    submission(run, tmp_path / "submission.json")
    official = score_official(rows_of(data), json.loads((tmp_path / "submission.json").read_text()))
    strict = score_strict(read_questions(data), read_submission(tmp_path / "submission.json"))
    assert official.full["TAG_mIoU@0.5"] == 0
    assert strict.columns["CVS_acc"].value == 0


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    pytest.importorskip("torch", reason="needs siming[local]")
    pytest.importorskip("transformers", reason="needs siming[local]")
    from tiny_model import build

    return build(tmp_path_factory.mktemp("tiny"), positions=8192)


@pytest.mark.local
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_tiny_local_model_goes_the_whole_way(tmp_path, data, tiny):
    run = tmp_path / "run"
    ask(data, run, frames=data.parent / "frames", one_shot=True, max_side=64)
    outcome = go_on(run, model=f"local:{tiny}", options={"max_new_tokens": 12})
    assert outcome.coverage == 1
    assert all(len(p.frames) == 7 for p in load_run(run).predictions.values())
    filled = submission(run, tmp_path / "submission.json")
    assert filled.coverage == 1
    # Random weights seldom end by themselves: the replies are as long as they may be, and said to be cut.
    assert filled.counted("truncated") == outcome.counts["truncated"] > 0
    submitted = json.loads((tmp_path / "submission.json").read_text())
    assert score_official(rows_of(data), submitted).counts["NAP_acc"] == 2
    strict = score_strict(read_questions(data), read_submission(tmp_path / "submission.json"))
    assert strict.columns["TAG_mIoU@0.3"].n == 3


@pytest.mark.local
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_local_model_has_the_tasks_own_budget(tmp_path, data, tiny):
    run = tmp_path / "run"
    ask(data, run, frames=data.parent / "frames", tasks=["next_action", "cvs_assessment"], max_side=64)
    go_on(run, model=f"local:{tiny}")
    found = load_run(run)
    for request in found.requests:
        prediction = found.predictions[request.id]
        assert prediction.options["max_new_tokens"] == request.max_tokens
        assert prediction.usage["completion_tokens"] <= request.max_tokens
        assert (prediction.status == "truncated") == (prediction.usage["completion_tokens"] == request.max_tokens)
    assert found.info.options["max_new_tokens"] == "as each request says"


# --- answers


def test_a_model_behind_a_server_gets_frames_after_their_times_and_the_tasks_own_budget(tmp_path, run):
    pytest.importorskip("openai", reason="needs siming[openai]")
    from loopback import Loopback, Reply, completion

    with Loopback(lambda seen: Reply(body=completion("2.0-3.0 seconds."))) as server:
        go_on(run, model=f"openai:m@{server.url}")
    limits = [request.max_tokens for request in load_run(run).requests]
    assert sorted(seen.fields["max_tokens"] for seen in server.asks) == sorted(limits)
    assert not any("response_format" in seen.fields for seen in server.asks)  # answers are free text
    times = {seen.times for seen in server.asks}
    assert ("<0.0 seconds>", "<2.0 seconds>", "<4.0 seconds>", "<6.3 seconds>", "<8.0 seconds>", "<10.0 seconds>", "<12.0 seconds>") in times  # fmt: skip
    assert {seen.sizes[0] for seen in server.asks} == {(320, 180), (180, 320)}
    kept = load_run(run)
    assert {p.options["max_tokens"] for p in kept.predictions.values()} == set(limits)


def test_a_limit_that_a_user_gives_wins_over_the_tasks_and_belongs_to_the_runs_identity(tmp_path, run):
    pytest.importorskip("openai", reason="needs siming[openai]")
    from loopback import Loopback, Reply, completion

    with Loopback(lambda seen: Reply(body=completion("half an ans", finish="length"))) as server:
        outcome = go_on(run, model=f"openai:m@{server.url}", options={"max_tokens": "4096"})
        assert {seen.fields["max_tokens"] for seen in server.asks} == {4096}
        with pytest.raises(RunError, match=r"options\.max_tokens was 4096, is now 'as each request says'"):
            go_on(run, model=f"openai:m@{server.url}")
    assert outcome.counts == {"truncated": 14}
    filled = submission(run, tmp_path / "submission.json")
    assert filled.counted("truncated") == filled.n_answered == 14


def test_missing_refused_and_failed_answers_become_empty_texts_and_are_counted(tmp_path, run):
    answers = ["1-2 seconds."] * 14
    answers[3] = answers[6] = None
    outcome = go_on(run, model=replayed(tmp_path, answers, run))
    assert outcome.counts == {"ok": 12, "skipped": 2}
    filled = submission(run, tmp_path / "submission.json")
    rows = json.loads((tmp_path / "submission.json").read_text())
    assert [n for n, row in enumerate(rows) if not row["prediction"]] == [3, 6]
    assert filled.coverage == 12 / 14
    assert filled.by_status["dvc"] == {"skipped": 1, "ok": 1}


def test_a_refusal_is_no_prediction(tmp_path, run):
    go_on(run, model="mock:refuse")
    filled = submission(run, tmp_path / "submission.json")
    assert (filled.n_answered, filled.counted("refused")) == (0, 14)
    assert {row["prediction"] for row in json.loads((tmp_path / "submission.json").read_text())} == {""}


def test_what_a_model_thought_before_its_answer_is_not_submitted(tmp_path, run):
    """Thoughts are full of times, and every pair of numbers with a hyphen counts as an interval."""
    answers = ["<think>Perhaps 3-9? No.</think>\n1.0-2.5, 4.0-6.0 seconds."] * 14
    go_on(run, model=replayed(tmp_path, answers, run))
    submission(run, tmp_path / "submission.json")
    rows = json.loads((tmp_path / "submission.json").read_text())
    assert rows[0]["prediction"] == "1.0-2.5, 4.0-6.0 seconds."


def test_a_part_of_the_questions_still_makes_a_submission_of_all_rows(tmp_path, data):
    run = tmp_path / "part"
    ask(data, run, frames=data.parent / "frames", tasks=["tal"])
    go_on(run, model="mock:zero")
    filled = submission(run, tmp_path / "submission.json")
    assert (filled.n_rows, filled.n_wanted, filled.n_answered) == (14, 14, 3)
    assert filled.by_status["stg"] == {"unasked": 1}
    assert len(json.loads((tmp_path / "submission.json").read_text())) == 14


# --- going on


def test_a_run_goes_on_where_it_ended_and_asks_nothing_twice(tmp_path, data):
    run = tmp_path / "run"
    asked_first = ask(data, run, frames=data.parent / "frames", limit=5)
    go_on(run, model="mock:random")
    before = {name: p.started_at for name, p in load_run(run).predictions.items()}
    assert len(before) == 5
    grown = ask(data, run, frames=data.parent / "frames")
    assert grown.requests[:5] == asked_first.requests
    assert go_on(run, model="mock:random").counts == {"ok": 14}
    assert {name: load_run(run).predictions[name].started_at for name in before} == before


def test_another_model_gets_a_folder_of_its_own_with_the_same_questions(tmp_path, run):
    go_on(run, model="mock:random")
    with pytest.raises(RunError, match="model was 'mock:random', is now 'mock:zero'"):
        go_on(run, model="mock:zero")
    second = tmp_path / "second"
    go_on(run, model="mock:zero", options={"pictures": True}, out=second)
    assert [r.hash for r in load_run(second).requests] == [r.hash for r in load_run(run).requests]
    assert not (second / "frames").exists()  # kept once, beside the questions
    assert submission(second, tmp_path / "submission.json").coverage == 1


def test_other_data_under_the_same_name_is_another_run(tmp_path, data, run):
    rows = rows_of(data)
    rows[0]["conversations"][0]["value"] = "When is it cut?"
    write_rows(data.parent, rows)
    with pytest.raises(RunError, match="dataset_version was"):
        ask(data, run, frames=data.parent / "frames")


def test_frames_that_are_missing_cost_their_questions_only_until_they_are_there(tmp_path, data, run):
    file = data.parent / "frames" / "CholecT50" / "VID25" / "frame_0000150.jpg"
    file.rename(tmp_path / "kept.jpg")
    outcome = go_on(run, model="mock:random", options={"pictures": True})
    assert outcome.counts == {"ok": 13, "skipped": 1}
    assert "frame_0000150.jpg: there is no such picture" in outcome.missing[0][2]
    (tmp_path / "kept.jpg").rename(file)
    assert go_on(run, model="mock:random", options={"pictures": True}).counts == {"ok": 14}


def test_frames_may_be_moved_between_asking_and_running(tmp_path, data, run):
    (data.parent / "frames").rename(tmp_path / "elsewhere")
    outcome = go_on(run, model="mock:random", options={"pictures": True}, pictures=tmp_path / "elsewhere")
    assert outcome.coverage == 1


def test_a_folder_that_is_no_run_of_medvidbench_and_a_baseline_say_what_to_do(tmp_path, run):
    with pytest.raises(RunError, match="siming medvid ask"):
        submission(tmp_path, tmp_path / "x.json")
    with pytest.raises(TaskError, match="mock:random"):
        go_on(run, model="baseline:all-correct")


# --- pictures


def picture_request(*pictures, side=64, **changes):
    fields = {
        "id": "q", "setting": "s", "attempt": "a", "rubrics": (), "steps": ("rc",), "video": "v", "answer_schema": {},
        "plan": RequestPlan(policy="listed", times_s=tuple(float(n) for n in range(len(pictures))), max_side=side),
        "parts": (FramesPart(),), "pictures": tuple(pictures),
    }  # fmt: skip
    return Request(**{**fields, **changes})


@pytest.fixture
def source(tmp_path):
    (tmp_path / "pictures").mkdir()
    return PictureFrames(tmp_path / "pictures", tmp_path / "store")


def drawn(path: Path, size=(640, 360), colour=(90, 90, 90), **options) -> Picture:
    Image.new("RGB", size, colour).save(path, **options)
    return Picture(path=path.name)


def green(path: Path) -> np.ndarray:
    """Where a picture is green."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return (pixels[..., 1] > 150) & (pixels[..., 0] < 110) & (pixels[..., 2] < 110)


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (320, 180)], ids=["shrunk by 4", "by 2", "as it is"])
def test_a_region_lies_at_the_same_place_of_the_picture_however_much_it_is_shrunk(source, tmp_path, size):
    """The official script draws after shrinking with coordinates of the large picture, and mostly misses the frame."""
    picture = drawn(tmp_path / "pictures" / "a.png", size)
    box = tuple(share * side for share, side in zip((0.25, 0.25, 0.75, 0.5), size * 2, strict=True))
    (frame,) = source.frames(picture_request(Picture(path=picture.path, region=box), side=320))
    rows, columns = np.nonzero(green(frame.path))
    assert (columns.min(), columns.max()) == pytest.approx((80, 239), abs=2)
    assert (rows.min(), rows.max()) == pytest.approx((45, 89), abs=2)
    assert not green(frame.path)[60:75, 100:220].any()  # a frame, not a filled box


def test_a_region_on_a_jpeg_that_the_decoder_halves_lies_right(source, tmp_path):
    drawn(tmp_path / "pictures" / "a.jpg", (1920, 1080), quality=95)
    (frame,) = source.frames(picture_request(Picture(path="a.jpg", region=(960, 540, 1920, 1080)), side=192))
    with Image.open(frame.path) as image:
        assert image.size == (192, 108)
    rows, columns = np.nonzero(green(frame.path))
    assert (columns.min(), rows.min()) == pytest.approx((96, 54), abs=2)
    assert (columns.max(), rows.max()) == pytest.approx((191, 107), abs=2)


def test_only_the_marked_frame_is_marked(source, tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        drawn(tmp_path / "pictures" / name, colour=(ord(name[0]), 90, 90))
    shown = source.frames(
        picture_request(Picture(path="a.png"), Picture(path="b.png", region=(10, 10, 300, 300)), Picture(path="c.png"))
    )
    assert [green(frame.path).any() for frame in shown] == [False, True, False]
    assert [frame.time_s for frame in shown] == [0, 1, 2]


@pytest.mark.parametrize("turned", [False, True])
def test_upright_frames_are_not_turned_and_neither_is_one_with_a_note_to_turn_it(source, tmp_path, turned):
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6  # "turn by 90 degrees when shown"; boxes count in the pixels as they are stored
    drawn(tmp_path / "pictures" / "a.jpg", (360, 640), exif=exif)
    (frame,) = source.frames(picture_request(Picture(path="a.jpg", region=(0, 0, 360, 100))))
    with Image.open(frame.path) as image:
        assert image.size == (36, 64)
        assert image.getexif().get(0x0112) is None
    rows, columns = np.nonzero(green(frame.path))
    assert (columns.max(), rows.max()) == pytest.approx((35, 9), abs=2)


def test_a_picture_is_kept_once_by_its_content_and_anew_with_another_box_or_size(source, tmp_path):
    drawn(tmp_path / "pictures" / "a.png")
    drawn(tmp_path / "pictures" / "same.png")
    first, same = source.frames(picture_request(Picture(path="a.png"), Picture(path="same.png")))
    assert first.key == same.key
    stamp = first.path.stat().st_mtime_ns
    source.frames(picture_request(Picture(path="a.png")))
    assert first.path.stat().st_mtime_ns == stamp
    others = [
        source.frames(picture_request(Picture(path="a.png", region=(1, 1, 50, 50))))[0].key,
        source.frames(picture_request(Picture(path="a.png"), side=32))[0].key,
    ]
    assert len({first.key, *others}) == 3
    drawn(tmp_path / "pictures" / "a.png", colour=(10, 20, 30))
    assert source.frames(picture_request(Picture(path="a.png")))[0].key != first.key


def test_a_kept_picture_that_was_cut_short_is_made_again(source, tmp_path):
    drawn(tmp_path / "pictures" / "a.png")
    (frame,) = source.frames(picture_request(Picture(path="a.png")))
    whole = frame.path.read_bytes()
    frame.path.write_bytes(whole[:100])
    assert source.frames(picture_request(Picture(path="a.png")))[0].path.read_bytes() == whole


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "1", "CMYK"])
def test_every_kind_of_pixel_is_shown_in_colour(source, tmp_path, mode):
    kind = "jpg" if mode == "CMYK" else "png"
    Image.new(mode, (40, 30)).save(tmp_path / "pictures" / f"a.{kind}")
    (frame,) = source.frames(picture_request(Picture(path=f"a.{kind}")))
    with Image.open(frame.path) as image:
        assert (image.mode, image.size) == ("RGB", (40, 30))


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "x/../../secret.png", "link.png"])
def test_no_picture_outside_the_folder_is_ever_read(source, tmp_path, path):
    drawn(tmp_path / "secret.png")
    (tmp_path / "pictures" / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(VideoError, match="leads out of the folder"):
        source.frames(picture_request(Picture(path=path)))


def test_a_damaged_frame_is_left_out_and_counted_but_not_the_marked_one(source, tmp_path):
    drawn(tmp_path / "pictures" / "a.png")
    (tmp_path / "pictures" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    request = picture_request(Picture(path="a.png"), Picture(path="b.png"))
    assert [frame.time_s for frame in source.frames(request)] == [0]
    with pytest.raises(VideoError, match="is damaged or no picture"):
        source.frames(picture_request(Picture(path="a.png"), Picture(path="b.png", region=(1, 1, 9, 9))))
    with pytest.raises(VideoError, match="none of the 1 pictures"):
        source.frames(picture_request(Picture(path="b.png")))


def test_a_region_outside_the_picture_is_not_asked_about(source, tmp_path):
    drawn(tmp_path / "pictures" / "a.png")
    with pytest.raises(VideoError, match="lies outside the picture of 640 x 360"):
        source.frames(picture_request(Picture(path="a.png", region=(700, 10, 800, 90))))


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
        b"II*\x00\x08\x00\x00\x00",
        b"8BPS\x00\x01" + b"\0" * 40,
        b"P6\n9999999 9999999\n255\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
    ids=["postscript", "tiff", "photoshop", "ppm", "svg"],
)
def test_files_that_frames_never_come_as_reach_no_decoder(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(VideoError, match="no picture") as caught:
        keep_still(tmp_path / "a.jpg", tmp_path, max_side=64)
    assert caught.value.kind == "damaged"


@pytest.mark.parametrize("size", [(7000, 7000), (10000, 10000), (20000, 20000)])
def test_a_bomb_is_refused_by_its_head(tmp_path, size):
    """Few bytes that unpack to hundreds of millions of pixels; Pillow itself only warns of the one in the middle."""
    Image.new("1", size).save(tmp_path / "a.png")
    with pytest.raises(VideoError) as caught:
        keep_still(tmp_path / "a.png", tmp_path, max_side=64)
    assert caught.value.kind == "too_large"


def test_a_file_too_large_for_a_frame_is_not_read(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as stream:
        stream.truncate(60_000_000)
    with pytest.raises(VideoError, match="60000000 bytes"):
        keep_still(tmp_path / "a.jpg", tmp_path, max_side=64)


def test_a_folder_in_the_place_of_a_frame_is_a_missing_frame(tmp_path):
    (tmp_path / "a.jpg").mkdir()
    with pytest.raises(VideoError, match="no such picture"):
        keep_still(tmp_path / "a.jpg", tmp_path, max_side=64)


# --- requests of older runs


def test_requests_of_older_runs_keep_their_hash():
    """The hash of a request as version 0.1.0 wrote it, before requests could hold pictures or a limit."""
    from questions import request

    plain = request()
    assert plain.hash == "9bf387eed16428c0a53dfcd3e2514aadb2328cd1fdf618da7c5ebe6d3e7ffe3d"
    again = Request.from_plain(plain.to_plain())
    assert again.hash == plain.hash
    assert plain.model_copy(update={"max_tokens": 9}).hash != plain.hash
    assert plain.model_copy(update={"pictures": (Picture(path="a.jpg"),)}).hash != plain.hash


def test_where_a_region_lies_and_how_long_an_answer_may_be_are_part_of_what_was_asked():
    plain = picture_request(Picture(path="a.jpg"), max_tokens=48)
    for changed in (
        picture_request(Picture(path="a.jpg", region=(1, 2, 3, 4)), max_tokens=48),
        picture_request(Picture(path="b.jpg"), max_tokens=48),
        picture_request(Picture(path="a.jpg"), max_tokens=49),
    ):
        assert changed.hash != plain.hash
    assert Request.from_plain(plain.to_plain()).hash == plain.hash
