"""A service that dies around its COMMIT: what its audit entry says is what the database did, or that nobody knows.

Real processes, a real PostgreSQL, a real receiver.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.end_to_end.far_side import arrived, environment, journalled, program, run, says
from tests.parts.receiver import Receiver, running

pytestmark = pytest.mark.timeout(120)

#: COMMIT of a row called "slow" takes three seconds, and of one called "bad" fails.
TABLE = """
CREATE TABLE bought (name text);
CREATE FUNCTION checked() RETURNS trigger AS $$ BEGIN
    IF NEW.name LIKE 'slow%' THEN PERFORM pg_sleep(3); END IF;
    IF NEW.name LIKE 'bad%' THEN RAISE EXCEPTION 'bad'; END IF;
    RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE CONSTRAINT TRIGGER checked AFTER INSERT ON bought DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION checked();
"""

SQLALCHEMY = """
import sys
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
import otel_audit

def buy(name, before_commit=lambda: None):
    with Session(engine) as session, session.begin():
        session.execute(text("INSERT INTO bought VALUES (:name)"), {"name": name})
        otel_audit.record("order.create.success", ("order", name))
        before_commit()

engine = create_engine(sys.argv[1].replace("postgresql:", "postgresql+psycopg:"))
"""

DJANGO = """
import sys
from urllib.parse import parse_qs, urlsplit
import django
from django.conf import settings
socket = parse_qs(urlsplit(sys.argv[1]).query)["host"][0]
settings.configure(DATABASES={"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "audit", "HOST": socket,
}})
django.setup()
from django.db import connection, transaction
import otel_audit

def buy(name, before_commit=lambda: None):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO bought VALUES (%s)", [name])
        otel_audit.record("order.create.success", ("order", name))
        before_commit()
"""

LIBRARIES = {"sqlalchemy": SQLALCHEMY, "django": DJANGO}

DEATHS = {
    "before": "buy(NAME, lambda: (print('before', flush=True), sys.stdin.read()))",
    "in": "buy('slow-' + NAME, lambda: print('in', flush=True))",
    "after": "buy(NAME); print('after', flush=True); sys.stdin.read()",
}


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with running(tmp_path_factory.mktemp("receiver") / "data") as receiver:
        yield receiver


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[str]:
    with psycopg.connect(postgres_url) as connection:
        connection.execute(TABLE)
    yield postgres_url
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP TABLE bought; DROP FUNCTION checked")


def _stored(database: str, name: str) -> bool:
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT 1 FROM bought WHERE name LIKE %s", [f"%{name}"]).fetchone() is not None


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_killed_around_its_commit(library: str, death: str, receiver: Receiver, database: str, tmp_path: Path):
    """Before and in COMMIT nobody can know: ``unknown``; after it the success stands. One entry each time."""
    service = f"{library}-{death}"
    text = LIBRARIES[library].replace("sys.argv[1]", repr(database)) + (
        f"otel_audit.configure(service_name={service!r}, endpoint='http://127.0.0.1:1')\n"
        f"NAME = {service!r}\n{DEATHS[death]}\n"
    )
    environ = environment(receiver, tmp_path)
    with program(text, environ) as victim:
        says(victim, death)
        time.sleep(1 if death == "in" else 0)  # the COMMIT takes three
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)
    run("import otel_audit, time; otel_audit.configure(service_name='heir'); time.sleep(2)", environ)
    [entry] = _arrived_unnumbered(receiver, service)
    assert entry["action"] == "order.create.success"
    assert entry["outcome"] == ("success" if death == "after" else "unknown")
    if death == "in":
        time.sleep(2.5)  # PostgreSQL goes on with the COMMIT though its client is dead
    assert _stored(database, service) is (death != "before")


def _arrived_unnumbered(receiver: Receiver, service: str) -> list[dict[str, Any]]:
    """A pending event after a crash has no number: it never got one."""
    deadline = time.monotonic() + 30
    while not (entries := journalled(receiver, service)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return entries


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_the_database_did_is_what_is_told(library: str, receiver: Receiver, database: str, tmp_path: Path):
    """Committed, rolled back by an error, refused at the COMMIT: one entry each, in a stream without holes."""
    text = LIBRARIES[library].replace("sys.argv[1]", repr(database)) + (
        f"otel_audit.configure(service_name={library!r})\n"
        "def fail(): raise ValueError('no')\n"
        "buy('good')\n"
        "for name, before in (('raised', fail), ('bad', lambda: None)):\n"
        "    try:\n"
        "        buy(name, before)\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__)\n"
    )
    run(text, environment(receiver, tmp_path))
    entries = {entry["resource_id"]: entry for entry in arrived(receiver, library, 3)}
    assert {name: entry["action"] for name, entry in entries.items()} == {
        "good": "order.create.success",
        "raised": "order.create.failed",
        "bad": "order.create.failed",
    }
    assert [_stored(database, name) for name in ("raised", "bad")] == [False, False]


@pytest.mark.parametrize("library", LIBRARIES)
def test_enforced_waits_in_the_commit(library: str, receiver: Receiver, database: str, tmp_path: Path):
    """The commit returns with the entry stored; without a receiver it raises, and the transaction stands."""
    text = LIBRARIES[library].replace("sys.argv[1]", repr(database)) + (
        "service, endpoint = sys.stdin.readline().split()\n"
        "otel_audit.configure(service_name=service, endpoint=endpoint, guarantee='enforced', enforced_timeout_s=1)\n"
        "try:\n"
        "    buy(service)\n"
        "    print('stored', flush=True)\n"
        "except otel_audit.AuditNotStored as error:\n"
        "    print('not stored', flush=True)\n"
        "sys.stdin.read()\n"
    )
    environ = environment(receiver, tmp_path)
    for service, endpoint, told in (
        (f"{library}-enforced", f"http://{receiver.grpc}", "stored"),
        (f"{library}-refused", "http://127.0.0.1:1", "not stored"),
    ):
        with program(text, environ) as process:
            assert process.stdin is not None
            process.stdin.write(f"{service} {endpoint}\n")
            process.stdin.flush()
            says(process, told)
            if told == "stored":
                assert len(_arrived_unnumbered(receiver, service)) == 1
            process.kill()
        assert _stored(database, service)
    run("import otel_audit, time; otel_audit.configure(service_name='heir'); time.sleep(2)", environ)
    arrived(receiver, f"{library}-refused", 1, max_s=10)
