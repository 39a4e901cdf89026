"""What the server is told when it starts."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from siming.errors import TaskError


@dataclass(frozen=True, slots=True)
class Oidc:
    """Sign-in through an institution's provider."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str = "OpenID"
    """What the button says."""


LARGEST_UPLOAD = "SIMING_LARGEST_UPLOAD"
"""Of the environment; ``siming serve --largest-upload`` sets it, so that what runs beside the server has it too."""


def size_of(text: str) -> int:
    """Bytes of a size such as ``50G``, in units of 1024.

    Raises:
        TaskError: it is none.

    >>> size_of("1.5G")
    1610612736
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE | re.ASCII)
    size = 0 if found is None else int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))
    if not 0 < size < 2**63:
        raise TaskError(f"{text[:40]!r} is no size of an upload; write it as 500M, 50G or 1.5T")
    return size


def _largest_upload() -> int:
    return size_of(os.environ.get(LARGEST_UPLOAD) or "20G")


@dataclass(frozen=True, slots=True)
class Settings:
    """The server's own settings; a project's rules are its `Policy`."""

    media: Path
    """Folder of recordings, content-addressed."""
    largest_upload: int = field(default_factory=_largest_upload)
    """Bytes of one video; 20 GiB where nothing is said."""
    address: str = "http://127.0.0.1:8470"
    """Scheme, host and port under which browsers see the room."""
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1", "testserver")
    """Names the Host header may carry, without ports."""
    behind_proxy: bool = False
    """Whether X-Forwarded-For and -Proto are believed (of the last proxy only)."""
    setup_token: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    """Opens the page that makes the first owner."""
    oidc: Oidc | None = None

    @property
    def https(self) -> bool:
        """Whether browsers come by TLS."""
        return urlsplit(self.address).scheme == "https"

    @property
    def vault_folder(self) -> Path:
        """The vault of identities, with its own database and its master key: beside the media."""
        return self.media.parent / "vault"


def default_home() -> Path:
    """The folder used when nothing is said: SIMING_HOME, or the system's place for a user's data."""
    named = os.environ.get("SIMING_HOME")
    if named:
        return Path(named)
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "siming"


def oidc_from_environment() -> Oidc | None:
    """The provider named by SIMING_OIDC_ISSUER, _CLIENT_ID and _CLIENT_SECRET; None when no issuer is named.

    Raises:
        TaskError: only a part of it is there.
    """
    values = {name: os.environ.get(f"SIMING_OIDC_{name}", "") for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")}
    if not values["ISSUER"]:
        return None
    missing = [f"SIMING_OIDC_{name}" for name, value in values.items() if not value]
    if missing:
        raise TaskError(f"sign-in through {values['ISSUER']} also needs {' and '.join(missing)} in the environment")
    return Oidc(
        issuer=values["ISSUER"].rstrip("/"),
        client_id=values["CLIENT_ID"],
        client_secret=values["CLIENT_SECRET"],
        name=os.environ.get("SIMING_OIDC_NAME", "OpenID"),
    )
