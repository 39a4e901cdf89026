"""The last resort: what a device cannot send leaves it as a sealed file, on a stick, and a coordinator brings it in.

The device seals its unsent changes to the server's public key, so that whoever carries the file cannot read them, and
the server replays them as if they had come by the network: known ones change nothing, those of a writer who lost the
lease are kept aside.

The file is one JSON object (``siming.handover/1``), every part in base64::

    key         first 16 hex digits of the sha256 of the server's public point, to tell servers apart
    ephemeral   the sender's public point on P-256, uncompressed (65 bytes), made for this file
    salt, iv    16 and 12 random bytes
    sealed      AES-256-GCM of the payload, its tag at the end; the key is HKDF-SHA256 of the ECDH secret with `salt`
                and info "siming.handover/1"; additional data is "siming.handover/1|" and `key`

The payload is JSON in UTF-8: ``{"assignment", "client", "fence", "ticket", "changes": [...]}``. Everybody can seal, so
the ticket, which only a tab that opened the assignment was given, says whose changes these are. `static/rate/handover.js`
writes the same file in browsers.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, insert, select

from siming.errors import ConflictError, InputError, NotFoundError
from siming.store import audit
from siming.store.access import Actor
from siming.store.blind.changes import check_client, note_device, take
from siming.store.blind.desk import desk_of
from siming.store.canonical import digest
from siming.store.database import Database
from siming.store.schema import audit_head, secret

SCHEMA = "siming.handover/1"
LONGEST_FILE = 8_000_000
"""Bytes; 500 changes with notes of full length fit."""
_PRIVATE = "handover.p256"
_TICKET = "handover.ticket"


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What came of a file. Says nothing of its content: who carries it need not know."""

    assignment: str
    n_changes: int
    n_aside: int
    """Of these, kept aside because somebody else writes there now, or the work was locked."""


def public_key(db: Database) -> str:
    """Base64 of the server's uncompressed point; the key pair is made when first asked for."""
    return _b64(_point_of(_private_key(db).public_key()))


def ticket_for(c: Connection, assignment_id: str, client: str) -> str:
    """Inside a transaction, after `public_key` made the secrets: what only this tab is told."""
    key = c.execute(select(secret.c.value).where(secret.c.name == _TICKET)).scalar_one()
    return hmac.new(bytes(key), f"{assignment_id}|{client}".encode(), sha256).hexdigest()


def seal(public_key: str, payload: Mapping[str, Any]) -> dict[str, str]:
    """The file of a payload, as a device writes it."""
    server_point = base64.b64decode(public_key)
    own = ec.generate_private_key(ec.SECP256R1())
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), server_point))
    salt, iv, key = secrets.token_bytes(16), secrets.token_bytes(12), _key_id(server_point)
    plain = json.dumps(payload, separators=(",", ":")).encode("ascii")
    return {
        "schema": SCHEMA,
        "key": key,
        "ephemeral": _b64(_point_of(own.public_key())),
        "salt": _b64(salt),
        "iv": _b64(iv),
        "sealed": _b64(AESGCM(_stretched(shared, salt)).encrypt(iv, plain, _about(key))),
    }


def bring_in(db: Database, actor: Actor, project_id: str, file: bytes) -> HandedOver:
    """Replay a hand-over file; the same file again changes nothing.

    Raises:
        InputError: it is no such file, is damaged, was sealed for another server, or carries a ticket that is not ours.
        NotFoundError: its assignment is not of this project.
        ConflictError: ``client_reused``.
    """
    actor.require("plan", project_id)
    payload = _opened(db, file)
    assignment_id, client, fence = payload["assignment"], payload["client"], payload["fence"]
    with db.write() as c:
        if not hmac.compare_digest(ticket_for(c, assignment_id, client), payload["ticket"]):
            raise _damaged("its ticket was not given out by this server", "ticket")
        desk = desk_of(c, assignment_id, lock=True)
        if desk.project != project_id:
            raise NotFoundError("this file is of another project; bring it in there", code="handover_other_project")
        taken = take(c, db, desk, client=client, fence=fence, changes=payload["changes"])
        note_device(c, db, desk, client=client, unsent=0, person=desk.rater)
        audit.record(
            c, db, actor, "handover.bring_in", f"assignment:{assignment_id}", project=project_id,
            after=digest(payload["changes"]), detail={"n": len(payload["changes"]), "aside": len(taken.aside)},
        )  # fmt: skip
    return HandedOver(assignment_id, len(payload["changes"]), len(taken.aside))


def _opened(db: Database, file: bytes) -> dict[str, Any]:
    if len(file) > LONGEST_FILE:
        raise _damaged(
            f"it has {len(file)} bytes, at most {LONGEST_FILE} are read", "large", n=len(file), at_most=LONGEST_FILE
        )
    private = _private_key(db)
    try:
        envelope = json.loads(file)
        if not isinstance(envelope, dict) or envelope.get("schema") != SCHEMA:
            raise _damaged(f"its schema is not {SCHEMA}", "form")
        key = _key_id(_point_of(private.public_key()))
        if envelope.get("key") != key:
            raise ConflictError(
                "the file was sealed for another server; bring it in there", kind="state", code="handover_other_server"
            )
        ephemeral, salt, iv, sealed = (
            base64.b64decode(envelope[name], validate=True) for name in ("ephemeral", "salt", "iv", "sealed")
        )
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ephemeral)
        plain = AESGCM(_stretched(private.exchange(ec.ECDH(), point), salt)).decrypt(iv, sealed, _about(key))
        payload = json.loads(plain)
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error, InvalidTag):
        raise _damaged("it cannot be opened; copy it from the device again", "unopened") from None
    kinds = {"assignment": str, "client": str, "fence": int, "ticket": str, "changes": list}
    if not isinstance(payload, dict) or any(not isinstance(payload.get(name), kind) for name, kind in kinds.items()):
        raise _damaged("something is missing in it", "lacking")
    texts = (payload["assignment"], payload["client"], payload["ticket"])
    if not all(isinstance(change, dict) for change in payload["changes"]) or not all(t.isascii() for t in texts):
        raise _damaged("something is missing in it", "lacking")
    check_client(payload["client"])
    return payload


def _private_key(db: Database) -> ec.EllipticCurvePrivateKey:
    """The server's own key; the first to ask makes it, together with the ticket's."""
    wanted = select(secret.c.value).where(secret.c.name == _PRIVATE)
    with db.read() as c:
        found = c.execute(wanted).scalar()
    if found is None:
        made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with db.write() as c:
            c.execute(select(audit_head.c.id).with_for_update())  # one maker at a time, among all servers
            found = c.execute(wanted).scalar()  # another server may have been faster
            if found is None:
                c.execute(
                    insert(secret),
                    [{"name": _PRIVATE, "value": made}, {"name": _TICKET, "value": secrets.token_bytes(32)}],
                )
                found = made
    key = serialization.load_der_private_key(bytes(found), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the hand-over key in the database is not on P-256")
    return key


def _stretched(shared: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=SCHEMA.encode()).derive(shared)


def _point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _key_id(point: bytes) -> str:
    return sha256(point).hexdigest()[:16]


def _about(key: str) -> bytes:
    return f"{SCHEMA}|{key}".encode()


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _damaged(message: str, why: str, **facts: object) -> InputError:
    return InputError(
        f"this is no hand-over file of siming: {message}",
        field="file",
        code="handover_unreadable",
        params={"why": f"handover_{why}", **facts},
    )
