"""Signing in: by password, by link, by token, by a provider; in place; never by somebody else's cookie."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import pytest
from rooms import CHEAP, PASSWORD
from rooms_web import SETUP_TOKEN, build_web_room
from starlette.testclient import TestClient

from siming.errors import NotAllowedError
from siming.store import Database, migrate
from siming.store.accounts import invitations, passwords, people, sessions, tokens
from siming.web.app import create_app
from siming.web.security import Tries
from siming.web.settings import Oidc, Settings

GOOD = "a handful of words"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch):
    monkeypatch.setattr(passwords, "HASHER", CHEAP)
    passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()


def form_token(response):
    return re.search(r'name="csrf" value="([\w-]+)"', response.text)[1]


def sign_in(client, login, password, *, next="/"):
    token = form_token(client.get("/sign-in"))
    return client.post("/sign-in", data={"csrf": token, "login": login, "password": password, "next": next})


def test_login_and_password_open_the_room(web):
    client = web.visitor()
    assert client.get("/p/spring?x=1").headers["location"] == "/sign-in?next=/p/spring%3Fx%3D1"
    answer = sign_in(client, "Coordinator", PASSWORD, next="/p/spring")
    assert (answer.status_code, answer.headers["location"]) == (303, "/p/spring")
    assert client.get("/p/spring").status_code == 200


def test_a_rater_finds_himself_at_his_queue(web):
    client = web.visitor()
    sign_in(client, "wei", PASSWORD)
    assert client.get("/").headers["location"] == "/queue"


@pytest.mark.parametrize(("login", "password"), [("wei", "wrong"), ("nobody", PASSWORD), ("", ""), ("<script>", "x")])
def test_a_refusal_never_says_which_of_the_two_was_wrong(web, login, password):
    client = web.visitor()
    answer = sign_in(client, login, password)
    assert answer.status_code == 422
    assert "Login or password is not right." in answer.text
    assert "siming_session" not in client.cookies
    assert "<script>x" not in answer.text


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(web):
    cookie = next(c for c in sign_in(web.visitor(), "wei", PASSWORD).headers.get_list("set-cookie") if "session=" in c)
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))


def test_by_tls_the_cookie_is_bound_to_the_host_and_the_browser_told_to_stay(tmp_path):
    made = build_web_room(tmp_path)
    app = create_app(Settings(media=made.room.media, address="https://testserver"), made.room.db)
    with TestClient(app, base_url="https://testserver", follow_redirects=False) as client:
        answer = sign_in(client, "wei", PASSWORD)
        cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-siming="))
        assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert "max-age=31536000" in answer.headers["strict-transport-security"]
    made.room.db.close()


def test_a_session_planted_before_signing_in_is_worth_nothing_after_it(web):
    """Session fixation: the attacker knows the cookie that the victim's browser came with."""
    planted = sessions.begin(web.room.db, web.room.okafor.id).token
    client = web.visitor()
    client.cookies.set("siming_session", planted)
    csrf = client.get("/api/v1/session").json()["csrf"]
    client.post("/sign-in", data={"csrf": csrf, "login": "wei", "password": PASSWORD})
    values = [c.value for c in client.cookies.jar if c.name == "siming_session"]
    assert planted not in values[-1:]
    assert sessions.find(web.room.db, planted) is None


def test_a_made_up_session_is_never_taken_over(web):
    client = web.visitor()
    client.cookies.set("siming_session", "i-chose-this")
    token = form_token(client.get("/sign-in"))
    answer = client.post("/sign-in", data={"csrf": token, "login": "wei", "password": PASSWORD})
    assert "i-chose-this" not in answer.headers["set-cookie"]
    assert sessions.find(web.room.db, "i-chose-this") is None


@pytest.mark.parametrize(
    "there",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "", "evil", "/\t/evil"],
)
def test_after_signing_in_one_stays_in_the_room(web, there):
    assert sign_in(web.visitor(), "wei", PASSWORD, next=there).headers["location"] == "/"


def test_the_sign_in_form_belongs_to_one_browser(web):
    first, second = web.visitor(), web.visitor()
    token = form_token(first.get("/sign-in"))
    second.get("/sign-in")
    answer = second.post("/sign-in", data={"csrf": token, "login": "wei", "password": PASSWORD})
    assert answer.status_code == 403


def test_wrong_passwords_have_to_wait_longer_each_time_and_a_right_one_ends_it(web):
    clock = [0.0]
    web.app.state.tries = Tries(clock=lambda: clock[0])
    client, waits = web.visitor(), []
    for _ in range(5):
        assert sign_in(client, "wei", "wrong").status_code == 422
    for _ in range(4):
        answer = sign_in(client, "wei", PASSWORD)
        assert answer.status_code == 429
        assert "wrong passwords" in answer.text
        waits.append(int(answer.headers.get("retry-after", 0)) or int(re.search(r"Wait (\d+) s", answer.text)[1]))
        clock[0] += waits[-1]
        sign_in(client, "wei", "wrong")
    assert waits == [3, 5, 9, 17]  # 2, 4, 8, 16 s, said as the next whole second
    assert sign_in(web.visitor(), "okafor", PASSWORD).status_code == 303
    clock[0] += 40
    assert sign_in(client, "wei", PASSWORD).status_code == 303
    assert sign_in(web.visitor(), "wei", "wrong").status_code == 422


def test_a_stranger_elsewhere_cannot_lock_a_rater_out():
    clock = [0.0]
    tries = Tries(clock=lambda: clock[0])
    for n in range(39):
        tries.begin("wei", f"10.0.0.{n}")
    tries.begin("wei", "ward")  # still let in
    tries.succeeded("wei", "ward")


def test_many_tries_at_once_gain_nothing():
    """A try counts before its password is looked at."""
    tries = Tries(clock=lambda: 0.0)
    let_in = 0
    for _ in range(50):
        with suppress(NotAllowedError):
            tries.begin("wei", "here")
            let_in += 1
    assert let_in == Tries.FREE_HERE


def test_signing_out_ends_the_session_for_everybody_who_has_its_cookie(web):
    client = web.client(web.room.wei)
    copied = client.cookies["siming_session"]
    assert client.post("/sign-out").headers["location"] == "/sign-in"
    assert sessions.find(web.room.db, copied) is None


def test_the_rating_page_signs_in_again_without_leaving(web):
    client = web.client(web.room.wei)
    web.room.clock.pass_by(days=1)
    expired = client.get("/api/v1/session")
    assert (expired.status_code, expired.json()["error"]["code"]) == (401, "signed_out")
    client.headers.pop("X-CSRF-Token")
    answer = client.post("/api/v1/session", json={"login": "wei", "password": PASSWORD})
    assert answer.status_code == 200
    client.cookies.clear()
    client.cookies.set("siming_session", re.search(r"siming_session=([^;]+)", answer.headers["set-cookie"])[1])
    assert client.get("/api/v1/session").json()["csrf"] == answer.json()["csrf"]
    moved = client.post("/language", data={"to": "zh", "csrf": answer.json()["csrf"]})
    assert moved.status_code == 303


def test_signing_in_again_in_place_takes_json_alone(web):
    """A page of another site can send a form or plain text; for JSON its browser would have to ask us first."""
    client = web.visitor()
    body = '{"login": "wei", "password": "three quiet words"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = client.post("/api/v1/session", content=body, headers={"Content-Type": kind})
        assert answer.status_code in (400, 403)
        assert "siming_session" not in client.cookies
    wrong = client.post("/api/v1/session", json={"login": "wei", "password": "wrong"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "sign_in_wrong")


def test_an_invitation_is_used_by_choosing_a_password_and_not_by_looking(web):
    _, link = invitations.create_person(web.room.db, web.room.owner, login="tan", name="Tan")
    client = web.visitor()
    for _ in range(2):
        page = client.get(f"/welcome?token={link.token}")  # mail scanners look, too
        assert "Welcome, Tan" in page.text
    short = client.post("/welcome", data={"csrf": form_token(page), "token": link.token, "password": "short"})
    assert short.status_code == 422
    done = client.post("/welcome", data={"csrf": form_token(short), "token": link.token, "password": GOOD})
    assert done.status_code == 303
    assert client.get("/api/v1/session").json()["login"] == "tan"
    assert web.visitor().get(f"/welcome?token={link.token}").status_code == 404


@pytest.fixture
def fresh(tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'room.db'}")
    migrate(db)
    app = create_app(Settings(media=tmp_path / "media", address="http://testserver", setup_token=SETUP_TOKEN), db)
    yield TestClient(app, follow_redirects=False)
    db.close()


def test_only_who_holds_the_printed_address_takes_a_fresh_room_and_only_once(fresh):
    assert fresh.get("/sign-in").status_code == 503
    assert fresh.get("/setup").status_code == 404
    assert fresh.get("/setup?token=guessed").status_code == 404
    page = fresh.get(f"/setup?token={SETUP_TOKEN}")
    sent = {"csrf": form_token(page), "login": "olga", "name": "Olga", "password": GOOD}
    assert fresh.post("/setup", data={**sent, "token": "guessed"}).status_code == 404
    weak = fresh.post("/setup", data={**sent, "token": SETUP_TOKEN, "password": "short"})
    assert (weak.status_code, "at least 10" in weak.text) == (422, True)
    assert fresh.post("/setup", data={**sent, "token": SETUP_TOKEN}).status_code == 303
    assert fresh.get("/api/v1/session").json()["login"] == "olga"
    assert fresh.get(f"/setup?token={SETUP_TOKEN}").status_code == 404
    again = {**sent, "token": SETUP_TOKEN, "login": "mallory", "csrf": fresh.get("/api/v1/session").json()["csrf"]}
    assert fresh.post("/setup", data=again).status_code == 404


def test_a_program_signs_in_by_token_without_a_form_token(web):
    _, secret = tokens.make_token(web.room.db, web.room.owner, name="script")
    client = web.visitor()
    client.headers["Authorization"] = f"Bearer {secret}"
    assert client.get("/api/v1/session").json()["login"] == "owner"
    assert client.post("/p/spring/state", data={"to": "open"}).status_code == 303
    made = client.post("/account/tokens", data={"name": "another", "days": "1"})
    assert made.status_code == 403
    tokens.revoke_token(web.room.db, web.room.owner, tokens.tokens(web.room.db, web.room.owner)[0].id)
    assert client.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize("keep", [False, True])
def test_a_new_password_revokes_tokens_unless_the_page_is_told_to_keep_them(web, keep):
    client = web.client(web.room.wei)
    assert "keep_tokens" not in client.get("/account").text  # there is none yet
    _, secret = tokens.make_token(web.room.db, web.room.wei, name="script")
    page = client.get("/account").text
    assert 'name="keep_tokens"' in page
    assert "Keep my token for programs" in page
    sent = {"present": PASSWORD, "new": GOOD, **({"keep_tokens": "1"} if keep else {})}
    assert client.post("/account/password", data=sent).status_code == 303
    assert client.get("/account").status_code == 200  # this session goes on
    assert (tokens.find_by_token(web.room.db, secret) is not None) is keep


def test_a_made_up_token_beside_a_good_cookie_is_not_a_way_round_the_form_token(web):
    client = web.client(web.room.owner)
    client.headers.pop("X-CSRF-Token")
    client.headers["Authorization"] = "Bearer nonsense"
    answer = client.post("/p/spring/state", data={"to": "closed"})
    assert answer.headers["location"] == "/sign-in"


# --- a provider ---------------------------------------------------------------------------------------------------


class Provider:
    """An OpenID provider in a few lines; tests bend its answers."""

    ISSUER = "https://id.example"

    def __init__(self):
        httpx = pytest.importorskip("httpx")
        jwk = pytest.importorskip("joserfc.jwk", reason="needs the oidc extra: pip install 'siming[oidc]'")
        self.key = jwk.RSAKey.generate_key(2048, {"kid": "k1"})
        self.other = jwk.RSAKey.generate_key(2048, {"kid": "k1"})
        self.sign_with, self.algorithm = self.key, "RS256"
        self.claims, self.seen = {}, {}
        self.nonce = ""
        self.client = httpx.Client(transport=httpx.MockTransport(self.answer))
        self._httpx = httpx

    def answer(self, request):
        if request.url.path == "/.well-known/openid-configuration":
            return self._httpx.Response(
                200,
                json={
                    "issuer": self.ISSUER,
                    "authorization_endpoint": f"{self.ISSUER}/authorize",
                    "token_endpoint": f"{self.ISSUER}/token",
                    "jwks_uri": f"{self.ISSUER}/keys",
                },
            )
        if request.url.path == "/keys":
            return self._httpx.Response(200, json={"keys": [self.key.as_dict(private=False)]})
        self.seen = {name: value[0] for name, value in parse_qs(request.content.decode()).items()}
        from joserfc import jwt

        claims = {
            "iss": self.ISSUER,
            "aud": "room",
            "sub": "subject-1",
            "exp": int(time.time()) + 60,
            "nonce": self.nonce,
            "email": "tan@example.org",
            "email_verified": True,
            **self.claims,
        }
        token = jwt.encode({"alg": self.algorithm, "kid": "k1"}, claims, self.sign_with, algorithms=[self.algorithm])
        return self._httpx.Response(200, json={"id_token": token, "access_token": "x", "token_type": "Bearer"})


@pytest.fixture
def by_provider(tmp_path):
    provider = Provider()
    made = build_web_room(tmp_path, oidc=Oidc(provider.ISSUER, "room", "client-secret", name="Uni"))
    made.app.state.oidc_client = provider.client
    invitations.create_person(made.room.db, made.room.owner, login="tan@example.org", name="Tan")
    yield made, provider
    made.close()
    provider.client.close()
    made.room.db.close()


def go(made, provider, *, state=None):
    client = made.visitor()
    there = urlsplit(client.get("/oidc/begin?next=/account").headers["location"])
    asked = {name: value[0] for name, value in parse_qs(there.query).items()}
    provider.nonce = provider.claims.get("nonce", asked["nonce"])
    return client, asked, client.get(f"/oidc/back?code=c0de&state={state or asked['state']}")


def test_the_provider_signs_in_who_was_invited(by_provider):
    made, provider = by_provider
    assert "Uni" in made.visitor().get("/sign-in").text
    client, asked, answer = go(made, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert client.get("/api/v1/session").json()["login"] == "tan@example.org"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == provider.seen["redirect_uri"] == "http://testserver/oidc/back"
    from base64 import urlsafe_b64encode
    from hashlib import sha256

    proof = urlsafe_b64encode(sha256(provider.seen["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert proof == asked["code_challenge"]


def test_the_second_time_the_subject_counts_and_not_the_address(by_provider):
    made, provider = by_provider
    go(made, provider)
    provider.claims = {"email": "changed@example.org", "email_verified": False}
    assert go(made, provider)[2].status_code == 303
    provider.claims = {"sub": "subject-2"}  # somebody else who got the address later
    assert go(made, provider)[2].status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"iss": "https://evil.example"},
        {"aud": "another-app"},
        {"exp": 1},
        {"azp": "another-app"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": "stranger@example.org"},
        {"email": ["tan@example.org"]},
    ],
)
def test_an_answer_that_does_not_fit_opens_nothing(by_provider, claims):
    made, provider = by_provider
    provider.claims = claims
    client, _, answer = go(made, provider)
    assert answer.status_code == 403
    assert client.get("/api/v1/session").status_code == 401


def test_a_token_signed_by_somebody_else_or_with_the_shared_secret_opens_nothing(by_provider):
    made, provider = by_provider
    provider.sign_with = provider.other
    assert go(made, provider)[2].status_code == 403
    from joserfc.jwk import OctKey

    provider.sign_with, provider.algorithm = OctKey.import_key("client-secret-client-secret-client-secret"), "HS256"
    assert go(made, provider)[2].status_code == 403


def test_an_answer_begun_in_another_browser_is_refused(by_provider):
    made, provider = by_provider
    assert go(made, provider, state="made-up")[2].status_code == 403
    _, asked, _ = go(made, provider)
    assert made.visitor().get(f"/oidc/back?code=c0de&state={asked['state']}").status_code == 403


def test_without_settings_there_is_no_provider(web):
    assert web.visitor().get("/oidc/begin").status_code == 404
    assert people.has_people(web.room.db)
