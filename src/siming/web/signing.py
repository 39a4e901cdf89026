"""Addresses of media that hold for one person and a short while.

The signature is not the key to the door: who asks must also be signed in as that person and hold the right at that
moment. It keeps addresses from being written down, guessed, or handed on.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from siming.errors import NotAllowedError
from siming.store.database import Database
from siming.store.secrets_kept import kept_key

LASTS: Final = timedelta(minutes=30)

_SECONDS: Final = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """Where a browser fetches a film."""

    url: str
    until: int
    """When it ends, in seconds since 1970; the page asks for a new one before."""


def media_address(db: Database, media_id: str, person_id: str, *, lasts: timedelta = LASTS) -> MediaAddress:
    """The address of a film for one person."""
    until = int((db.now() + lasts).timestamp())
    query = urlencode({"until": until, "for": person_id, "sig": _signature(db, media_id, person_id, until)})
    return MediaAddress(f"/media/{media_id}?{query}", until)


def frames_address(media_id: str) -> str:
    """The address of a film's frame table."""
    return f"/api/v1/media/{media_id}/frames"


def check_address(db: Database, media_id: str, person_id: str, *, until: str, whose: str, signature: str) -> None:
    """Go on if this address was given to this person for this film and still holds.

    Raises:
        NotAllowedError: It was not, or does no longer; the page then asks for a new one.
    """
    well_formed = _SECONDS.fullmatch(until) is not None
    wanted = _signature(db, media_id, whose, int(until) if well_formed else 0)
    signed = hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace"))
    if not (well_formed and signed):
        raise NotAllowedError(
            "the address of this video is not one of ours; load the page again", code="address_forged"
        )
    if whose != person_id:
        raise NotAllowedError(
            "the address of this video was given to somebody else; open the page as yourself", code="address_of_other"
        )
    if int(until) < db.now().timestamp():
        raise NotAllowedError("the address of this video has expired; load the page again", code="address_expired")


def _signature(db: Database, media_id: str, person_id: str, until: int) -> str:
    # No part can hold a line break unnoticed: ids come from the table and `until` is digits.
    text = f"siming.media/1\n{media_id}\n{person_id}\n{until}"
    return hmac.new(kept_key(db, "media"), text.encode("utf-8", "replace"), sha256).hexdigest()
