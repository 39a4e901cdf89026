"""Passwords: argon2id, one length rule, and a check that costs the same whether or not the account exists."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from siming.errors import InputError

HASHER = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)
"""argon2id by RFC 9106's second choice: 64 MiB, three passes."""

_AT_ONCE = threading.BoundedSemaphore(4)
"""Hashes under way: each holds 64 MiB, and a flood of sign-ins must not eat the machine."""

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000


def check_new_password(password: str, login: str) -> None:
    """Long enough and not the login: length is what counts, rules about signs only make people write it down.

    Raises:
        InputError: saying which.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise InputError(
            f"the password has {len(password)} characters, at least {SHORTEST_PASSWORD} are wanted; a few words do",
            field="password",
            code="password_short",
            params={"n": len(password), "at_least": SHORTEST_PASSWORD},
        )
    if len(password) > LONGEST_PASSWORD:
        raise InputError(
            f"the password has {len(password)} characters, at most {LONGEST_PASSWORD} are taken",
            field="password",
            code="password_long",
            params={"at_most": LONGEST_PASSWORD},
        )
    plain = password.strip().lower()
    if plain in (login, login.partition("@")[0]) or len(set(password)) == 1:
        raise InputError(
            "the password is the login, or one sign repeated; choose another", field="password", code="password_easy"
        )


def _bytes_of(password: str) -> bytes:
    """One form for one password, whichever keyboard typed it."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def hash_password(password: str) -> str:
    """A hash to keep."""
    with _AT_ONCE:
        return HASHER.hash(_bytes_of(password))


@cache
def _nobody() -> str:
    """A hash that no password fits, for logins that do not exist."""
    return hash_password(secrets.token_hex(32))


def is_password(password: str, known: str | None) -> bool:
    """Whether a password belongs to a hash; for None it takes as long and says no."""
    against = known or _nobody()
    try:
        with _AT_ONCE:
            HASHER.verify(against, _bytes_of(password[: LONGEST_PASSWORD + 1]))
    except (VerificationError, InvalidHashError):
        return False
    return known is not None


def is_outdated(known: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(known)
