"""The chat-completions protocol in words: a request as messages, a body as an answer, a status as an error.

No client and no socket here: what nearly every model server speaks, and the ways in which servers differ.
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from siming.bench.request import Request, TextPart
from siming.run.backend import Answer, CallError, Shown
from siming.run.frames import time_texts

MOST_OF_A_MESSAGE = 600
"""Characters of a server's error message that are kept; some servers send the whole request back."""

TOO_LONG = (
    "context length", "context_length", "context window", "maximum length", "max_model_len", "model length",
    "too many tokens", "too long", "token limit", "input length", "too many images", "image(s) may be provided",
    "images may be provided", "too large",
)  # fmt: skip
"""What servers write when a request does not fit into the model."""

DECLINED = ("content_policy", "content_filter", "content management policy", "data_inspection", "safety system")
"""What servers write when their own filter turns a request away."""

WHOLE = ("stop", "eos", "end_turn", "stop_sequence")
"""Finish reasons of an answer that the model ended itself. Some servers give none at all."""

CUT_SHORT = ("length", "max_tokens")
"""Finish reasons of an answer that met the token limit."""

BROKEN_OFF = ("abort", "error", "insufficient_system_resource")
"""Finish reasons of an answer that the server gave up on: half a text that the model never meant to end there."""

NO_SCHEMA = ("response_format", "json_schema", "guided", "structured output", "grammar")
"""What servers write when they cannot hold an answer to a schema."""


def messages_of(request: Request, shown: Shown, *, video_as: str = "data") -> list[dict[str, Any]]:
    """The request as chat messages, pictures inlined as base64.

    Args:
        video_as: For a native video, ``data`` (the file inside the message) or ``file`` (a file URL, for a server
            that sees the same disk).
    """
    content: list[dict[str, Any]] = []
    for part in request.parts:
        if isinstance(part, TextPart):
            content.append({"type": "text", "text": part.text})
        elif shown.video is not None:
            url = _data_url(shown.video, "video/mp4") if video_as == "data" else shown.video.resolve().as_uri()
            content.append({"type": "video_url", "video_url": {"url": url}})
        else:
            for frame, text in zip(shown.frames, time_texts(shown.frames, request.language), strict=True):
                content.append({"type": "text", "text": text})
                content.append({"type": "image_url", "image_url": {"url": _data_url(frame.path, "image/jpeg")}})
    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, {"role": "user", "content": content}]


def _data_url(path: Path, otherwise: str) -> str:
    kind = mimetypes.guess_type(path.name)[0] or otherwise
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def answer_of(body: object) -> Answer:
    """Read a completion's body.

    Only a text that the model ended itself is ok. One that ended for a reason siming does not know counts as cut off.

    Raises:
        CallError: The body is no completion, which counts as unreadable once all tries are spent; or the server broke
            the answer off, which counts as failed. Asking again may help.
    """
    choice = _first_choice(body)
    if not isinstance(body, Mapping) or choice is None:
        raise CallError(f"the server's reply is no completion: {_short(body)}", status="unreadable", retryable=True)
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    finish = choice.get("finish_reason")
    finish = str(finish) if finish is not None else None
    text = _text_of(message.get("content"))
    usage = _usage_of(body.get("usage"))
    refusal = message.get("refusal")
    if refusal or finish == "content_filter":
        why = f"the model declined: {_short(refusal)}" if refusal else "the server's content filter cut the answer off"
        return Answer("refused", text or (refusal if isinstance(refusal, str) else None), finish, usage, why)
    how = finish.lower() if finish is not None else None
    if how in BROKEN_OFF:
        n = len(text or "")
        raise CallError(
            f"the server broke the answer off after {n} characters (finish reason {finish!r})", retryable=True
        )
    if how in CUT_SHORT:
        return Answer("truncated", text or "", finish, usage)
    if not text or not text.strip():
        thought = message.get("reasoning_content") or message.get("reasoning")
        why = "the model only thought and gave no answer" if thought else "the reply holds no text"
        return Answer("unreadable", text, finish, usage, f"{why} (finish reason {finish!r})")
    return Answer("ok" if how is None or how in WHOLE else "truncated", text, finish, usage)


def _first_choice(body: object) -> Mapping[str, Any] | None:
    choices = body.get("choices") if isinstance(body, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, Mapping) else None


def _text_of(content: object) -> str | None:
    """The reply's text; some servers send it as a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else None


def _usage_of(usage: object) -> dict[str, int]:
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    counts = {name: usage.get(name) for name in names} if isinstance(usage, Mapping) else {}
    return {name: n for name, n in counts.items() if isinstance(n, int) and not isinstance(n, bool)}


def error_of(status: int, message: str, *, headers: Mapping[str, str], url: str, model: str) -> CallError:
    """What an HTTP error status means for this call and for the run."""
    said = f"HTTP {status}: {_short(message)}"
    low = message.lower()
    if status in (401, 403):
        return CallError(
            f"{url} does not accept the key ({said}); set SIMING_API_KEY or OPENAI_API_KEY to one that may "
            f"use {model!r}",
            stops_run=True,
        )
    if status == 404:
        return CallError(
            f"{url} has no model {model!r} or is not the server's base ({said}); see what {url}/models lists",
            stops_run=True,
        )
    if status == 429:
        if "insufficient_quota" in low or "billing" in low:
            return CallError(f"the account at {url} is spent ({said}); top it up or use another key", stops_run=True)
        return CallError(
            f"{url} is asked too often ({said})", retryable=True, slow_down=True, retry_after_s=pause_of(headers)
        )
    if status in (408, 409, 425) or status >= 500:
        return CallError(
            f"{url} failed ({said})", retryable=True, slow_down=status == 503, retry_after_s=pause_of(headers)
        )
    if any(mark in low for mark in DECLINED):
        return CallError(f"the server's filter turned the request away ({said})", status="refused")
    if status == 413 or any(mark in low for mark in TOO_LONG):
        return CallError(
            f"the request is longer than {model!r} takes ({said}); show fewer frames or smaller ones "
            "(a lower max_side) in a new run, or give the model a longer context"
        )
    return CallError(f"{url} does not take the request ({said}); it is not asked again, since nothing would change")


def lacks_schema(status: int, message: str) -> bool:
    """Whether a server turned the request away for the answer schema and would take it without."""
    return status in (400, 422, 501) and any(mark in message.lower() for mark in NO_SCHEMA)


def pause_of(headers: Mapping[str, str]) -> float | None:
    """The pause a server asks for, seconds: ``Retry-After`` as a number or a date, or ``retry-after-ms``."""
    try:
        if "retry-after-ms" in headers:
            wait = float(headers["retry-after-ms"]) / 1000
        else:
            wait = float(headers["retry-after"])
    except KeyError:
        return None
    except ValueError:
        try:
            wait = (parsedate_to_datetime(headers["retry-after"]) - datetime.now(UTC)).total_seconds()
        except (KeyError, ValueError, TypeError):
            return None
    return wait if 0 <= wait < float("inf") else None


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= MOST_OF_A_MESSAGE else text[: MOST_OF_A_MESSAGE - 3] + "..."
