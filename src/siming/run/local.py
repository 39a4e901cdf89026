"""Open video models on this machine, through transformers: frames as images, each after its time in text."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from PIL import Image
from pydantic import Field

from siming.bench.request import Request, TextPart
from siming.errors import MissingExtraError, SimingError, TaskError
from siming.run.backend import Answer, Backend, CallError, Shown, Shows
from siming.run.frames import time_texts
from siming.run.options import Options


class TorchvisionError(MissingExtraError):
    """torchvision is wanted or broken. No extra of siming brings it: it must be built for the torch at hand."""

    def __init__(self, what: str, said: str) -> None:
        SimingError.__init__(
            self,
            f"{what} needs torchvision, which is not installed or does not fit the installed torch: install the "
            "torchvision built for it, from the same index (https://pytorch.org/get-started/locally shows the line); "
            f"a model whose processor works with Pillow does without: pip uninstall torchvision. What was said: {said}",
        )
        self.extra = "local"


def _torchvision_words(error: BaseException | None) -> str | None:
    """What an error or its causes say about torchvision; transformers hides it behind several others."""
    while error is not None:
        said = " ".join(str(error).split())
        if "torchvision" in said.lower():
            return said[:200]
        error = error.__cause__ or error.__context__
    return None


try:
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor, StoppingCriteriaList
except (ImportError, RuntimeError) as cause:
    if words := _torchvision_words(cause):
        raise TorchvisionError("transformers", words) from cause
    raise MissingExtraError("a local model", "local") from cause


class LocalOptions(Options):
    """How a local model is loaded and asked. Decoding is greedy."""

    max_new_tokens: int = Field(default=2048, gt=0)
    device: str = "auto"
    """``auto`` (all GPUs there are, else the CPU), ``cpu``, ``cuda:0`` ..."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """``auto``: as the model's folder says."""
    trust_remote_code: bool = False
    """Whether Python code in the model's folder may run."""


class LocalBackend(Backend):
    """One model in this process, one request at a time, in a thread of its own."""

    most_at_once = 1

    def __init__(self, name: str, options: LocalOptions) -> None:
        """Load the model: this takes a while.

        Raises:
            TaskError: There is no such model, or it is not one that reads pictures and writes text.
            TorchvisionError: Its processor needs torchvision.
        """
        self.model = f"local:{name}"
        self.options: Mapping[str, Any] = options.to_plain()
        self._settings = options
        self._processor = _load(name, AutoProcessor, trust_remote_code=options.trust_remote_code)
        spread = options.device == "auto" and torch.cuda.is_available()
        self._net = _load(
            name,
            AutoModelForImageTextToText,
            dtype=options.dtype,
            trust_remote_code=options.trust_remote_code,
            **({"device_map": "auto"} if spread else {}),
        )
        if not spread:
            self._net.to("cpu" if options.device == "auto" else options.device)
        self._net.eval()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="siming-local")

    def shows(self, request: Request) -> Shows:
        if request.plan.time_form == "native":
            raise TaskError("local models are shown frames; ask with times in text, or serve the model and use openai:")
        return "frames"

    async def answer(self, request: Request, shown: Shown) -> Answer:
        given_up = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._generate, request, shown, given_up
            )
        finally:
            given_up.set()  # a cancelled call ends at its next token and frees the thread

    def _generate(self, request: Request, shown: Shown, given_up: threading.Event) -> Answer:
        ends: list[Any] = [_GivenUp(given_up)]
        room_for_answer = self._settings.room("max_new_tokens", request.max_tokens)
        told = self._settings.otherwise("max_new_tokens", request.max_tokens)
        try:
            inputs = self._processor.apply_chat_template(
                _messages(request, shown),
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            ).to(self._net.device, dtype=self._net.dtype)
            n_prompt = inputs["input_ids"].shape[1]
            room = getattr(self._net.config.get_text_config(), "max_position_embeddings", None)
            if room is not None and n_prompt >= room:
                raise CallError(
                    f"the request is {n_prompt} tokens and {self.model} takes {room}; show fewer or smaller frames "
                    "in a new run"
                )
            with torch.inference_mode():
                out = self._net.generate(
                    **inputs,
                    do_sample=False,
                    max_new_tokens=room_for_answer,
                    stopping_criteria=StoppingCriteriaList(ends),
                )
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise CallError(
                f"{self.model} ran out of memory on {len(shown.frames)} frames; "
                "show fewer or smaller frames in a new run"
            ) from error
        new = out[0, n_prompt:]
        text = self._processor.decode(new, skip_special_tokens=True)
        usage = {"prompt_tokens": n_prompt, "completion_tokens": len(new), "total_tokens": n_prompt + len(new)}
        if len(new) >= room_for_answer and int(new[-1]) not in _ends(self._net.generation_config):
            return Answer("truncated", text, "length", usage, options=told)
        if not text.strip():
            return Answer("unreadable", text, "stop", usage, "the model ended without a word", told)
        return Answer("ok", text, "stop", usage, options=told)


class _GivenUp:
    """A stopping criterion: ends generation when nobody waits for it any more."""

    def __init__(self, given_up: threading.Event) -> None:
        self._given_up = given_up

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        return torch.full((input_ids.shape[0],), self._given_up.is_set(), device=input_ids.device, dtype=torch.bool)


def _messages(request: Request, shown: Shown) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for part in request.parts:
        if isinstance(part, TextPart):
            content.append({"type": "text", "text": part.text})
            continue
        for frame, text in zip(shown.frames, time_texts(shown.frames, request.language), strict=True):
            content.append({"type": "text", "text": text})
            with Image.open(frame.path) as picture:
                content.append({"type": "image", "image": picture.convert("RGB")})
    system = [{"role": "system", "content": [{"type": "text", "text": request.system}]}] if request.system else []
    return [*system, {"role": "user", "content": content}]


def _load(name: str, kind: Any, **options: Any) -> Any:
    try:
        return kind.from_pretrained(name, **options)
    except (ImportError, RuntimeError, OSError, ValueError, KeyError) as error:
        if words := _torchvision_words(error):
            raise TorchvisionError(f"the processor of {name!r}", words) from error
        said = " ".join(str(error).split())
        raise TaskError(
            f"{name!r} cannot be loaded as a model that reads pictures and writes text ({type(error).__name__}: "
            f"{said[:300]}); name a folder made with save_pretrained, or a hub id such as "
            "'local:Qwen/Qwen3-VL-2B-Instruct'"
        ) from error


def _ends(config: Any) -> set[int]:
    """Tokens that end an answer."""
    ends = config.eos_token_id
    return set(ends) if isinstance(ends, list) else {ends}
