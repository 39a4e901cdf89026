"""`siming serve` and `siming room` as a person runs them: real processes, real sockets."""

from __future__ import annotations

import datetime
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "store"))

from exams import exam
from rating_rooms import unguard
from rooms import build_room
from sqlalchemy import text, update

from siming.store import Database, migrate
from siming.store.figures.snapshots import take_snapshot
from siming.store.schema import stat_snapshot

pytestmark = pytest.mark.slow


def command(*arguments):
    return [sys.executable, "-m", "siming", *map(str, arguments)]


def environment(home):
    return {**os.environ, "SIMING_HOME": str(home), "PYTHONUNBUFFERED": "1"}


@contextmanager
def running(home, *arguments):
    process = subprocess.Popen(
        command("serve", "--json", "--port", 0, *arguments),
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield process, json.loads(line)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def run(home, *arguments):
    done = subprocess.run(
        command(*arguments), env=environment(home), capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def get(address, *, headers=None, context=None):
    request = urllib.request.Request(address, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _Stay())
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read().decode()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments):
        return None


def test_one_command_on_a_fresh_machine_brings_a_room_that_stops_when_told(tmp_path):
    home = tmp_path / "home"
    with running(home) as (process, told):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", told["address"])
        status, _, page = get(told["setup"])
        assert (status, "Set up the exam room" in page) == (200, True)
        assert get(told["address"] + "/setup")[0] == 404
        assert get(told["address"] + "/sign-in", headers={"Host": "evil.example"})[0] == 421
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert (home / "room.db").stat().st_mode & 0o077 == 0
    assert home.stat().st_mode & 0o077 == 0
    with running(home) as (_, again):
        assert again["setup"] != told["setup"]  # a new token each time, until there is an owner
        assert get(again["address"] + told["setup"].partition(told["address"])[2])[0] == 404


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, err = run(tmp_path, "serve", "--no-open", "--port", taken.getsockname()[1])
    assert (code, out) == (2, "")
    assert "cannot be used" in err
    assert "--port" in err
    assert "Traceback" not in err


def test_a_database_of_a_later_siming_is_left_alone(tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'room.db'}")
    migrate(db)
    with db.write() as c:
        c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    db.close()
    for arguments in (("serve", "--no-open", "--port", 0), ("room", "verify")):
        code, _, err = run(tmp_path, *arguments)
        assert code == 2
        assert "9999" in err
        assert "upgrade" in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0"), "passwords would travel in the clear"),
        (("--host", "0.0.0.0", "--behind-proxy", "10.0.0.1"), "--address"),
        (("--certfile", "missing.pem"), "--keyfile"),
        (("--largest-upload", "plenty"), "write it as 500M"),
        (("--certfile", "missing.pem", "--keyfile", "missing.key"), "there is no such file"),
        (("--behind-proxy", "127.0.0.1", "--address", "room"), "not an address"),
        (
            ("--host", "no.such.host.invalid", "--certfile", __file__, "--keyfile", __file__),
            "no address of this machine",
        ),
    ],
)
def test_a_door_left_open_by_mistake_is_refused_with_the_mend(tmp_path, arguments, said):
    code, _, err = run(tmp_path / "home", "serve", "--no-open", *arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


def test_by_tls_cookies_are_bound_and_the_browser_is_told_to_stay(tmp_path, certificate):
    arguments = ("--certfile", certificate / "cert.pem", "--keyfile", certificate / "key.pem", "--host", "localhost")
    with running(tmp_path / "home", *arguments) as (_, told):
        assert told["address"].startswith("https://localhost:")
        context = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
        status, headers, _ = get(told["setup"], context=context)
        assert status == 200
        assert headers["strict-transport-security"]
        assert headers["set-cookie"].startswith("__Host-siming-visitor=")
        assert "Secure" in headers["set-cookie"]


def test_behind_a_proxy_the_room_knows_its_own_address(tmp_path):
    arguments = ("--behind-proxy", "127.0.0.1", "--address", "https://room.example.org")
    home = tmp_path / "home"
    process = subprocess.Popen(
        command("serve", "--json", "--port", 0, *arguments), env=environment(home), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        told = json.loads(process.stdout.readline())
        assert told["address"] == "https://room.example.org"
        assert told["setup"].startswith("https://room.example.org/setup?token=")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_killed_at_once_it_starts_again_on_the_same_room(tmp_path):
    home = tmp_path / "home"
    with running(home) as (process, _):
        process.kill()
        process.wait(timeout=30)
    with running(home) as (_, told):
        assert get(told["setup"])[0] == 200


def test_a_backup_of_a_running_room_is_restored_and_verified_by_commands(tmp_path):
    home, backup, into = tmp_path / "home", tmp_path / "backup", tmp_path / "into"
    with running(home):
        code, out, err = run(home, "room", "backup", "--to", backup, "--json")
        assert code == 0, err
        assert json.loads(out)["database"] is True
        code, out, _ = run(home, "room", "verify", "--json")
        assert (code, json.loads(out)["ok"]) == (0, True)
    code, out, err = run(home, "room", "restore", backup, "--into", into, "--json")
    assert code == 0, err
    assert json.loads(out)["audit"]["ok"]
    code, _, err = run(home, "room", "restore", backup, "--into", into)
    assert code == 2
    assert "something is there already" in err
    with running(into) as (_, told):
        assert get(told["setup"])[0] == 200


def test_a_room_whose_audit_was_tampered_with_fails_its_check(tmp_path):
    home = tmp_path / "home"
    with running(home):
        time.sleep(0)
    db = Database(f"sqlite:///{home / 'room.db'}")
    with db.write() as c:
        c.execute(text("UPDATE audit_head SET seq = 3"))
    db.close()
    code, _, err = run(home, "room", "verify")
    assert code == 1
    assert "cut off" in err


def test_a_statistic_that_was_tampered_with_fails_the_check_with_its_first_digit(tmp_path):
    room = build_room(tmp_path / "home")
    exam(room, 5)
    taken = take_snapshot(room.db, room.project)
    figures = {**taken.figures, "n_attempts": 6}
    with room.db.write() as c:
        unguard(c, "stat_snapshot", "stat_snapshot_no_update")
        c.execute(update(stat_snapshot).where(stat_snapshot.c.id == taken.id).values(figures=figures))
    room.db.close()
    place = ("--db", room.db.url.render_as_string(hide_password=False), "--media", room.media)
    code, _, err = run(tmp_path / "home", "room", "verify", *place)
    assert code == 1
    assert "n_attempts was kept as 6 and comes out as 5: digit 1 differs" in " ".join(err.split())
    code, out, _ = run(tmp_path / "home", "room", "verify", "--json", *place)
    assert code == 1
    told = json.loads(out)["statistics"]
    assert (told["ok"], told["n"], told["other_version"]) == (False, 1, 0)
    assert taken.id in told["problems"][0]


def test_a_room_that_is_not_there_is_said_so(tmp_path):
    for arguments in (("room", "verify"), ("room", "backup", "--to", tmp_path / "b")):
        code, _, err = run(tmp_path / "nowhere", *arguments)
        assert code == 2
        assert "no room here" in err
