"""Which requests the web UI takes: by the name it is asked under, and by the page that asks."""

from __future__ import annotations

import pytest
from flask import Flask, Response, session
from flask_cors import CORS
from hypothesis import given
from hypothesis import strategies as st

from harness.swarm.web.doors import is_open, known_names, objection, shut

OWN = {"Host": "127.0.0.1:8089"}
HERE = known_names("127.0.0.1")


@pytest.mark.parametrize(
    ("bound", "named", "name", "known"),
    [
        ("127.0.0.1", "", "127.0.0.1", True),
        ("127.0.0.1", "", "localhost", True),
        ("127.0.0.1", "", "::1", True),
        ("127.0.0.1", "", "evil.example", False),
        ("127.0.0.1", "", "localhost.evil.example", False),
        ("127.0.0.1", "", "10.0.0.5", False),
        ("localhost", "", "127.0.0.1", True),
        ("10.0.0.5", "", "10.0.0.5", True),
        ("10.0.0.5", "", "localhost", False),
        ("10.0.0.5", "", "10.0.0.6", False),
        ("", "", "10.0.0.5", True),
        ("", "", "localhost", True),
        ("", "", "evil.example", False),
        ("", "load.example, other.example", "other.example", True),
        ("127.0.0.1", "https://load.example:8443/ui", "load.example", True),
        ("127.0.0.1", "load.example", "notload.example", False),
    ],
)
def test_a_name_is_known_if_it_leads_to_the_bound_address_or_was_named(
    bound: str, named: str, name: str, known: bool
) -> None:
    assert known_names(bound, [named])(name) is known


@pytest.mark.parametrize(
    ("bound", "open_"), [("", True), ("0.0.0.0", True), ("10.0.0.5", True), ("127.0.0.1", False), ("localhost", False)]
)
def test_an_address_is_open_unless_it_is_of_this_machine_alone(bound: str, open_: bool) -> None:
    assert is_open(bound) is open_


@pytest.mark.parametrize(
    "headers",
    [
        {},  # a program
        {"Origin": "http://127.0.0.1:8089"},
        {"Origin": "http://127.0.0.1:8089", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Referer": "http://127.0.0.1:8089/?tab=stats"},
    ],
)
def test_a_change_is_taken_from_its_own_page_and_from_programs(headers: dict[str, str]) -> None:
    assert objection({**OWN, **headers}, HERE, changes=True) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9000"},  # another server of this machine
        {"Origin": "http://127.0.0.1:8089.evil.example"},
        {"Origin": ""},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "http://evil.example/127.0.0.1:8089"},
        {"Host": "evil.example:8089", "Origin": "http://evil.example:8089"},  # its name leads here: DNS rebinding
        {"Host": ""},
    ],
)
def test_a_change_is_refused_from_any_other_page(headers: dict[str, str]) -> None:
    assert objection({**OWN, **headers}, HERE, changes=True) is not None


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, True),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, True),
        ({"Host": "evil.example"}, True),
        ({}, False),
    ],
)
def test_reading_is_refused_to_another_page_but_a_link_may_lead_here(headers: dict[str, str], refused: bool) -> None:
    assert (objection({**OWN, **headers}, HERE, changes=False) is not None) is refused


@given(st.text(), st.text(), st.text())
def test_no_header_of_a_stranger_raises_or_gets_in(host: str, origin: str, referrer: str) -> None:
    assert objection({"Host": f"x{host}", "Origin": origin, "Referer": referrer}, HERE, changes=True) is not None
    own = objection({**OWN, "Origin": f"http://evil{origin}", "Referer": referrer}, HERE, changes=True)
    assert own is not None


@pytest.fixture
def app() -> Flask:
    """As Locust makes it: open to every origin, with a login's cookie."""
    made = Flask(__name__)
    CORS(made)
    made.secret_key = "for the test"

    @made.route("/stop", methods=["GET", "POST"], endpoint="locust.stop")
    def stop() -> str:
        session["user"] = "me"
        return "stopped"

    @made.route("/stats")
    def stats() -> str:
        return "numbers"

    shut(made, "127.0.0.1")
    return made


def ask(app: Flask, path: str, method: str = "POST", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().open(path, method=method, base_url="http://127.0.0.1:8089", headers=named)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_view_that_changes_something_is_shut_whatever_its_method(app: Flask, method: str) -> None:
    assert ask(app, "/stop", method, Origin="http://evil.example").status_code == 403
    assert ask(app, "/stop", method, Origin="http://127.0.0.1:8089").status_code == 200


def test_no_origin_is_allowed_anything(app: Flask) -> None:
    for answer in (
        ask(app, "/stats", "GET", Origin="http://evil.example"),
        ask(app, "/stop", "OPTIONS", Origin="http://evil.example", Access_Control_Request_Method="POST"),
        ask(app, "/stop", Origin="http://evil.example"),
    ):
        assert [name for name in answer.headers.keys() if name.startswith("Access-Control")] == []  # noqa: SIM118
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'self'"


def test_the_cookie_of_a_login_is_not_sent_along_from_other_pages(app: Flask) -> None:
    assert "SameSite=Lax" in ask(app, "/stop").headers["Set-Cookie"]
    assert "HttpOnly" in ask(app, "/stop").headers["Set-Cookie"]
