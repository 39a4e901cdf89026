"""Models behind an OpenAI-compatible server (vLLM, SGLang, llama.cpp, LM Studio, cloud providers)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from siming.bench.request import Request
from siming.errors import MissingExtraError, TaskError
from siming.run.backend import Answer, Backend, CallError, Shown, Shows
from siming.run.model_name import ModelName
from siming.run.options import Options
from siming.run.wire import answer_of, error_of, lacks_schema, messages_of

try:
    import openai
except ImportError as cause:
    raise MissingExtraError("a model behind an OpenAI-compatible server", "openai") from cause

KEY_VARIABLES = ("SIMING_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the key; the first that is set counts."""

SHORTEST_SECRET = 8
"""Shorter keys ("none", "EMPTY") are placeholders; blotting them out would only spoil texts."""


class OpenAIOptions(Options):
    """What is sent beside the messages."""

    temperature: float | None = Field(default=0.0, ge=0)
    """``none`` leaves it to the server, for models that refuse the parameter."""
    max_tokens: int = Field(default=4096, gt=0)
    seed: int | None = 0
    json_schema: Literal["auto", "on", "off"] = "auto"
    """Whether the server is asked to hold the answer to the request's schema. ``auto``: as long as it takes that."""
    video_as: Literal["data", "file"] = "data"
    """How a native video travels: inside the message, or as a file URL for a server on the same disk."""
    extra_body: Mapping[str, Any] = Field(default_factory=dict)
    """Fields of one server's own, such as ``{"chat_template_kwargs": {"enable_thinking": false}}``."""

    @field_validator("extra_body", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value


class OpenAIBackend(Backend):
    """A server that speaks chat completions, through the official client."""

    def __init__(self, name: ModelName, options: OpenAIOptions, *, environment: Mapping[str, str] = os.environ) -> None:
        """
        Raises:
            TaskError: There is no key for a server that is not on this machine, or the key stands in the options.
        """
        if name.url is None:
            raise TaskError(f"{str(name)!r} does not say where the server listens")
        self.model = str(name)
        self._name, self._url = name.name, name.url
        self._local = _is_loopback(name.url)
        self._key = next((environment[v].strip() for v in KEY_VARIABLES if environment.get(v, "").strip()), None)
        if self._key is None and not self._local:
            raise TaskError(f"no key for {self._url}: set the environment variable {' or '.join(KEY_VARIABLES)}")
        self._asked = options
        self.options = options.to_plain()
        if self._key and len(self._key) >= SHORTEST_SECRET and self._key in self.model + json.dumps(self.options):
            raise TaskError(
                "the key stands in the model's name or its options, which are written down; take it out there"
            )
        self._schema_taken = options.json_schema != "off"
        self._limit_name = "max_tokens"
        self._client: openai.AsyncOpenAI | None = None

    def shows(self, request: Request) -> Shows:
        return "video" if request.plan.time_form == "native" else "frames"

    async def __aenter__(self) -> Self:
        # Proxies of the environment are not for a server on this machine.
        http = openai.DefaultAsyncHttpxClient(trust_env=not self._local, timeout=openai.Timeout(None, connect=20.0))
        # The runner retries, waits and times out: it knows the other calls of the run.
        self._client = openai.AsyncOpenAI(
            api_key=self._key or "none", base_url=self._url, max_retries=0, timeout=None, http_client=http
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def answer(self, request: Request, shown: Shown) -> Answer:
        """Ask once; a server that does not know the answer schema is asked again at once without it."""
        try:
            answer = await self._ask(request, shown)
        except CallError as error:
            error.args = (self._without_secrets(str(error)),)
            raise error from None  # the client's own error may hold the key
        return Answer(
            answer.status,
            self._without_secrets(answer.text),
            self._without_secrets(answer.finish_reason),
            answer.usage,
            self._without_secrets(answer.error),
            answer.options,
        )

    async def _ask(self, request: Request, shown: Shown) -> Answer:
        if shown.video is not None and request.stretches_s:
            raise CallError(
                "a native video is sent whole, and this request is about a stretch of it; ask with frames",
                stops_run=True,
            )
        messages = messages_of(request, shown, video_as=self._asked.video_as)
        while True:
            with_schema, limit_name = self._schema_taken, self._limit_name
            try:
                answer = answer_of(await self._create(messages, request, with_schema, limit_name))
            except openai.APIStatusError as error:
                said = f"{error.message} {error.code or ''}"
                if self._asked.json_schema == "auto" and with_schema and lacks_schema(error.status_code, said):
                    self._schema_taken = False
                elif error.status_code == 400 and limit_name == "max_tokens" and "max_completion_tokens" in said:
                    self._limit_name = "max_completion_tokens"  # the same limit under its newer name
                else:
                    raise error_of(
                        error.status_code, said, headers=error.response.headers, url=self._url, model=self._name
                    ) from error
            except openai.APITimeoutError as error:
                raise CallError(f"{self._url} did not take the connection in time", retryable=True) from error
            except openai.APIConnectionError as error:
                why = error.__cause__ or error
                raise CallError(
                    f"the connection to {self._url} broke ({type(why).__name__}: {why}); is the server running?",
                    retryable=True,
                ) from error
            except (openai.OpenAIError, ValueError) as error:
                raise CallError(
                    f"{self._url} sent a broken body ({type(error).__name__}: {error})"[:500],
                    status="unreadable",
                    retryable=True,
                ) from error
            else:
                dropped = self._asked.json_schema == "auto" and not with_schema
                return Answer(
                    answer.status, answer.text, answer.finish_reason, answer.usage, answer.error,
                    {
                        **({"json_schema": "not taken by the server"} if dropped else {}),
                        **self._asked.otherwise("max_tokens", request.max_tokens),
                    },
                )  # fmt: skip

    async def _create(
        self, messages: list[dict[str, Any]], request: Request, with_schema: bool, limit_name: str
    ) -> object:
        if self._client is None:
            raise RuntimeError("the backend is not open; use it inside `async with`")
        asked = self._asked
        fields: dict[str, Any] = {limit_name: asked.room("max_tokens", request.max_tokens)}
        if asked.temperature is not None:
            fields["temperature"] = asked.temperature
        if asked.seed is not None:
            fields["seed"] = asked.seed
        if with_schema and request.answer_schema:
            schema = {"name": "answer", "schema": dict(request.answer_schema)}
            fields["response_format"] = {"type": "json_schema", "json_schema": schema}
        body = {"model": self._name, "messages": messages, **fields, **asked.extra_body}
        # Not chat.completions.create: it walks through every part of every message in Python, which at 64 frames costs
        # 40 ms of a core and more than all the rest of the call; and it knows no video_url.
        return await self._client.post("/chat/completions", body=body, cast_to=object)

    def _without_secrets(self, text: str | None) -> str | None:
        if text is None or self._key is None or len(self._key) < SHORTEST_SECRET:
            return text
        return text.replace(self._key, "[key removed]")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
