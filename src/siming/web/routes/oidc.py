"""Signing in through an institution's provider: the code flow with PKCE, state and nonce.

What the browser must bring back (state, nonce, verifier, the page to go on to) lies in a cookie signed by us, so that
no server has to remember it and no other browser can use it.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from siming.errors import MissingExtraError, NotAllowedError, NotFoundError
from siming.store.accounts import people, sessions
from siming.store.secrets_kept import kept_key
from siming.web.page import keep, redirect
from siming.web.routes.sign_in import present_session, safe_next, start_session
from siming.web.settings import Oidc
from siming.web.who import database, settings

pages = APIRouter(include_in_schema=False)

MINUTES = 10


@pages.get("/oidc/begin")
def begin(request: Request, next: str = "/") -> Response:
    """Send the browser to the provider."""
    told = _provider(request)
    where = _discovered(request, told)
    flow = {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(64),
        "next": safe_next(next),
        "until": int(time.time()) + 60 * MINUTES,
    }
    query = {
        "response_type": "code",
        "client_id": told.client_id,
        "redirect_uri": _back(request),
        "scope": "openid email profile",
        "state": flow["state"],
        "nonce": flow["nonce"],
        "code_challenge": _plain64(sha256(str(flow["verifier"]).encode()).digest()),
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in where["authorization_endpoint"] else "?"
    response = RedirectResponse(where["authorization_endpoint"] + joint + urlencode(query), status_code=303)
    keep(request, response, _cookie(request), _signed(request, flow), seconds=60 * MINUTES)
    return response


@pages.get("/oidc/back")
def back(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
    """The browser comes back with a code; it becomes a session when everything fits."""
    told = _provider(request)
    flow = _flow(request)
    if flow is None or not hmac.compare_digest(state.encode(), str(flow["state"]).encode()):
        raise _refused("the answer does not belong to a sign-in begun in this browser, or came too late")
    if error or not code:
        raise _refused(f"the provider says {error[:80]!r}")
    claims = _claims(request, told, code, flow)
    person = people.person_by_oidc(
        database(request),
        issuer=told.issuer,
        subject=str(claims["sub"]),
        login=claims.get("email") if isinstance(claims.get("email"), str) else None,
        login_is_verified=claims.get("email_verified") is True,
    )
    if person is None:
        raise NotAllowedError(
            "the provider knows you, and this room does not: ask a coordinator to add you by your e-mail address",
            code="oidc_unknown_person",
        )
    response = redirect(str(flow["next"]))
    response.delete_cookie(_cookie(request), path="/", secure=settings(request).https)
    replaces = present_session(request)
    begun = sessions.begin(database(request), person.id, replaces=replaces, act="session.begin_oidc")
    start_session(request, response, begun)
    return response


def _claims(request: Request, told: Oidc, code: str, flow: dict[str, Any]) -> dict[str, Any]:
    """What the provider vouches for, with signature, issuer, audience, time and nonce checked."""
    try:
        import httpx
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
    except ImportError as error:
        raise MissingExtraError("sign-in through a provider", "oidc") from error

    where = _discovered(request, told)
    client = _client(request)
    try:
        answer = client.post(
            where["token_endpoint"],
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": _back(request),
                "client_id": told.client_id,
                "code_verifier": flow["verifier"],
            },
            auth=(told.client_id, told.client_secret),
        )
        answer.raise_for_status()
        token = answer.json()["id_token"]
        keys = KeySet.import_key_set(client.get(where["jwks_uri"]).raise_for_status().json())
        # Only signatures made with the provider's private key: with HS256 the client's secret would do.
        claims: dict[str, Any] = jwt.decode(token, keys, algorithms=["RS256", "ES256", "PS256"]).claims
        jwt.JWTClaimsRegistry(
            leeway=60,
            iss={"essential": True, "value": told.issuer},
            aud={"essential": True, "value": told.client_id},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": flow["nonce"]},
        ).validate(claims)
    except (httpx.HTTPError, JoseError, KeyError, TypeError, ValueError) as error:
        raise _refused(f"the provider's answer does not hold ({type(error).__name__})") from error
    authorized = claims.get("azp")
    if authorized is not None and authorized != told.client_id:
        raise _refused("the provider's answer is for another application")
    return claims


def _discovered(request: Request, told: Oidc) -> dict[str, str]:
    """The provider's addresses, asked for once."""
    known: dict[str, str] | None = getattr(request.app.state, "oidc_addresses", None)
    if known is not None:
        return known
    import httpx

    try:
        answer = _client(request).get(f"{told.issuer}/.well-known/openid-configuration")
        found = answer.raise_for_status().json()
        known = {name: str(found[name]) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        if found["issuer"].rstrip("/") != told.issuer:
            raise ValueError("another issuer")
    except (httpx.HTTPError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _refused(f"the provider does not answer as it should ({type(error).__name__})") from error
    request.app.state.oidc_addresses = known
    return known


def _client(request: Request) -> Any:
    """The way to the provider; tests put their own in its place."""
    client = getattr(request.app.state, "oidc_client", None)
    if client is None:
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError("sign-in through a provider", "oidc") from error
        client = request.app.state.oidc_client = httpx.Client(timeout=10, follow_redirects=False)
    return client


def _provider(request: Request) -> Oidc:
    told = settings(request).oidc
    if told is None:
        raise NotFoundError("no provider is set up here")
    return told


def _back(request: Request) -> str:
    return f"{settings(request).address}/oidc/back"


def _cookie(request: Request) -> str:
    """The name of the flow's cookie; by TLS one that no other host can set, who could else sign somebody in as himself."""
    return "__Host-siming-oidc" if settings(request).https else "siming_oidc"


def _signed(request: Request, flow: dict[str, Any]) -> str:
    plain = _plain64(json.dumps(flow).encode())
    return f"{plain}.{_seal(request, plain)}"


def _flow(request: Request) -> dict[str, Any] | None:
    plain, _, seal = request.cookies.get(_cookie(request), "").partition(".")
    if not hmac.compare_digest(seal.encode(), _seal(request, plain).encode()):
        return None
    flow: dict[str, Any] = json.loads(urlsafe_b64decode(plain + "=" * (-len(plain) % 4)))
    return flow if flow["until"] >= time.time() else None


def _seal(request: Request, plain: str) -> str:
    return hmac.new(kept_key(database(request), "oidc"), plain.encode(), sha256).hexdigest()


def _plain64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _refused(why: str) -> NotAllowedError:
    return NotAllowedError(f"signing in through the provider failed: {why}", code="oidc_failed", params={"why": why})
