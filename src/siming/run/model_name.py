"""How a model is named on the command line and in every prediction."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from siming.errors import TaskError

EXAMPLES = {
    "openai": "openai:Qwen3-VL-8B-Instruct@http://127.0.0.1:8000/v1",
    "local": "local:Qwen/Qwen3-VL-2B-Instruct",
    "replay": "replay:predictions.jsonl",
    "baseline": "baseline:all-correct",
    "mock": "mock:random",
}
"""One name of each kind."""


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model's name, taken apart."""

    kind: str
    """``openai``, ``local``, ``replay``, ``baseline`` or ``mock``."""
    name: str
    """The model at the server, the folder or hub id, the file, the baseline, or the kind of mock."""
    url: str | None = None
    """Where the server listens; set exactly for ``openai``."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" + (f"@{self.url}" if self.url else "")

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Read a model's name.

        Raises:
            TaskError: with the spelling that was probably meant, or an example.

        >>> ModelName.parse("openai:org/model@http://127.0.0.1:8000/v1").name
        'org/model'
        """
        text = text.strip()
        kind, colon, name = text.partition(":")
        if kind not in EXAMPLES:
            near = difflib.get_close_matches(kind.lower(), EXAMPLES, n=1) if colon else []
            advice = f"did you mean '{near[0]}:{name}'?" if near else _examples()
            raise TaskError(f"{text!r} names no kind of model siming knows; {advice}")
        if not name:
            raise TaskError(f"{text!r} does not say which model; write for example '{EXAMPLES[kind]}'")
        if kind != "openai":
            return cls(kind, name)
        # A model's name may hold an "@", and so may a URL with a password in it, which is refused below.
        whole = re.fullmatch(r"(.+?)@(\w+://.*)", name)
        model, url = whole.groups() if whole else name.rpartition("@")[::2]
        if not model or not url:
            raise TaskError(
                f"{text!r} does not say where the server listens; write openai:NAME@URL, for example '{EXAMPLES[kind]}'"
            )
        return cls(kind, model, _checked_url(url, model))


def _checked_url(url: str, model: str) -> str:
    if "://" not in url:
        raise TaskError(f"the server's URL {url!r} lacks its scheme; did you mean 'openai:{model}@http://{url}'?")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as cause:
        raise TaskError(
            f"the server's URL cannot be read ({cause}); write for example '{EXAMPLES['openai']}'"
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TaskError(
            f"the server's URL {url!r} is no http or https address; write for example '{EXAMPLES['openai']}'"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        # Not repeated in the message: what stands there is most likely a key.
        raise TaskError(
            "the server's URL holds a user, a password or a query; a model's name is written into every prediction, "
            "so put the key into the environment variable SIMING_API_KEY or OPENAI_API_KEY instead"
        )
    tail = "/chat/completions"
    if parts.path.rstrip("/").endswith(tail):
        base = url.rstrip("/").removesuffix(tail)
        raise TaskError(f"the URL is the server's base, without {tail}; did you mean 'openai:{model}@{base}'?")
    return url.rstrip("/")


def _examples() -> str:
    return "write for example " + ", ".join(f"'{example}'" for example in EXAMPLES.values())
