"""Local models, through the very code that loads and asks a real one; the model is tiny and its words are nonsense."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from questions import DrawnFrames, info, request, requests

from siming.bench.folder import load_run
from siming.bench.request import RequestPlan
from siming.errors import MissingExtraError, TaskError
from siming.run import Pacing, RunOutcome, Shown, open_backend, run

pytest.importorskip("torch", reason="needs siming[local]")
pytest.importorskip("transformers", reason="needs siming[local]")

pytestmark = [
    pytest.mark.local,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the packages below the model
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    from tiny_model import build

    return build(tmp_path_factory.mktemp("tiny"))


def go(tmp_path: Path, model: Path, n: int = 1, *, asked=None, pacing=None, **options) -> RunOutcome:
    backend = open_backend(f"local:{model}", {"max_new_tokens": 5, **options})
    frames = DrawnFrames(tmp_path / "pictures")
    told = info(backend.model, options=backend.options)
    return run(tmp_path / "run", told, asked or requests(n), backend, frames, pacing=pacing)


def only(tmp_path: Path):
    (prediction,) = load_run(tmp_path / "run").predictions.values()
    return prediction


def test_a_local_model_is_loaded_from_its_folder_and_answers_every_request(tmp_path, folder):
    outcome = go(tmp_path, folder, n=3)
    assert outcome.complete
    kept = load_run(tmp_path / "run").predictions
    assert [len(p.frames) for p in kept.values()] == [3, 3, 3]
    assert {p.model for p in kept.values()} == {f"local:{folder}"}


def test_an_answer_that_reaches_the_limit_is_truncated(tmp_path, folder):
    go(tmp_path, folder)
    kept = only(tmp_path)
    # Random weights do not end by themselves within five tokens with this seed.
    assert (kept.status, kept.finish_reason, kept.usage["completion_tokens"]) == ("truncated", "length", 5)


def test_an_answer_that_ends_by_itself_is_not_truncated(tmp_path, folder):
    """The same weights with the end token set to what they write first: the reply is over at once, and empty."""
    ended = tmp_path / "ended"
    shutil.copytree(folder, ended)
    backend = open_backend(f"local:{folder}", {"max_new_tokens": 1})
    first = _first_token(backend, tmp_path)
    told = json.loads((ended / "generation_config.json").read_text())
    (ended / "generation_config.json").write_text(json.dumps(told | {"eos_token_id": first}))
    go(tmp_path, ended)
    kept = only(tmp_path)
    assert kept.usage["completion_tokens"] == 1
    assert kept.finish_reason == "stop"


def _first_token(backend, tmp_path: Path) -> int:
    import torch

    from siming.run.local import _messages

    shown = Shown(DrawnFrames(tmp_path / "pictures").frames(request()))
    inputs = backend._processor.apply_chat_template(
        _messages(request(), shown), add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    with torch.inference_mode():
        return int(backend._net(**inputs).logits[0, -1].argmax())


def test_every_frame_stands_in_the_prompt_after_its_time(tmp_path, folder):
    from siming.run.local import _messages

    shown = Shown(DrawnFrames(tmp_path).frames(request()))
    processor = open_backend(f"local:{folder}")._processor
    ids = processor.apply_chat_template(
        _messages(request(), shown), add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    text = processor.decode(ids["input_ids"][0])
    places = [text.index(time) for time in ("<0.5 seconds>", "<12.5 seconds>", "<30.0 seconds>")]
    assert places == sorted(places)
    # Four tokens a picture, and nothing between a time and its picture.
    picture = "<fake_token_around_image><global-img>" + 4 * "<image>" + "<fake_token_around_image>"
    assert text.count("<image>") == 12
    assert f"<12.5 seconds>{picture}<30.0 seconds>{picture}Give points." in text
    assert tuple(ids["pixel_values"].shape[:2]) == (1, 3)


def test_what_is_shown_changes_what_the_model_sees(tmp_path, folder):
    import torch

    from siming.run.local import _messages

    backend = open_backend(f"local:{folder}")
    frames = DrawnFrames(tmp_path).frames(request())
    logits = []
    for shown in (frames, frames[::-1]):
        inputs = backend._processor.apply_chat_template(
            _messages(request(), Shown(shown)), tokenize=True, return_dict=True, return_tensors="pt"
        )
        with torch.inference_mode():
            logits.append(backend._net(**inputs).logits[0, -1])
    assert not torch.allclose(*logits, atol=1e-5)


def test_greedy_answers_are_the_same_each_time(tmp_path, folder):
    for name in ("a", "b"):
        go(tmp_path / name, folder, n=2)
    first, second = (load_run(tmp_path / name / "run").predictions for name in ("a", "b"))
    assert [p.text for p in first.values()] == [p.text for p in second.values()]


def test_a_request_longer_than_the_model_fails_with_the_advice_to_show_less(tmp_path, folder):
    long = request(times=[float(k) for k in range(400)])
    outcome = go(tmp_path, folder, asked=[long])
    assert "takes 2048; show fewer or smaller frames" in outcome.missing[0][2]


def test_a_call_that_takes_too_long_frees_the_thread_for_the_next(tmp_path, folder):
    outcome = go(tmp_path, folder, max_new_tokens=1500, pacing=Pacing(timeout_s=0.3, retries=0, give_up_after=9))
    assert outcome.counts == {"failed": 1}
    assert "no answer within 0.3 s" in outcome.missing[0][2]


def test_native_video_is_refused_with_the_way_that_works(tmp_path, folder):
    native = request(plan=RequestPlan(policy="fps:2", times_s=(1.0,), max_side=64, time_form="native"))
    with pytest.raises(TaskError, match="ask with times in text"):
        go(tmp_path, folder, asked=[native])


def test_a_folder_that_is_no_model_is_named(tmp_path):
    with pytest.raises(TaskError, match="save_pretrained"):
        open_backend(f"local:{tmp_path}")


def test_a_processor_that_wants_torchvision_says_what_to_install(tmp_path):
    """Qwen's processors bring a video processor, which transformers builds only with torchvision."""
    from tiny_model import build

    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        pass
    else:
        pytest.skip("torchvision is installed here, so nothing is missing")
    folder = build(tmp_path / "qwen")
    names = {"processor_class": "Qwen3VLProcessor", "image_processor_type": "Qwen2VLImageProcessor"}
    (folder / "processor_config.json").write_text(json.dumps(names | {"image_processor": names}))
    (folder / "preprocessor_config.json").write_text(json.dumps(names))
    (folder / "video_preprocessor_config.json").write_text(
        json.dumps({"video_processor_type": "Qwen3VLVideoProcessor"})
    )
    with pytest.raises(MissingExtraError, match=r"processor of .* install the torchvision built for it"):
        open_backend(f"local:{folder}")


def test_a_torchvision_that_does_not_fit_torch_is_named_and_not_mistaken_for_a_missing_extra(tmp_path):
    """The published wheel of torchvision dies on import next to a CPU build of torch; transformers then hides why."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    facts = tmp_path / "torchvision-9.9.9.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 9.9.9\n")
    script = "from siming.run import open_backend; open_backend('local:anything')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert "does not fit the installed torch" in last
    assert "operator torchvision::nms does not exist" in last
