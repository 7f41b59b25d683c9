"""What the web UI of a real process lets nobody do: by another name, from another page, or beyond its folder."""

from __future__ import annotations

import urllib.error
import urllib.request

import psutil
import pytest
from locust_process import free_port
from user_folder import Folder
from web_ui import WebUi

pytestmark = pytest.mark.slow

LOAD = {"user_count": "2", "spawn_rate": "20"}
SECRET = "password = hunter2"
OTHER_PAGE = {"Origin": "http://evil.example"}

CALLED = """

def wipe():
    Path("called").touch()
"""


def start(folder: Folder, *arguments: str | int) -> WebUi:
    port = free_port()
    process = folder.start("--web-port", port, *arguments)
    process.wait_for("Starting web interface")
    return WebUi(port)


def ask(ui: WebUi, path: str, form: bytes | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Return status, text and headers of an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = urllib.request.Request(ui.root + path, form, named)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def listening(folder: Folder) -> set[str]:
    found = psutil.Process(folder.track[0].process.pid).net_connections("tcp")
    return {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}


def test_it_listens_on_this_machine_alone_and_says_so_where_it_is_told_otherwise(folder: Folder) -> None:
    start(folder)
    assert listening(folder) == {"127.0.0.1"}
    assert "without a login" not in folder.track[0].said
    folder.track.insert(0, folder.start("--web-port", free_port(), "--web-host", "*"))
    folder.track[0].wait_for("Starting web interface")
    folder.track[0].wait_for("without a login")
    assert sum("without a login" in line for line in folder.track[0].own_lines) == 1


def test_another_page_or_name_changes_and_reads_nothing(folder: Folder) -> None:
    ui = start(folder, "--web-name", "load.example")
    form = b"user_count=1&spawn_rate=1"
    for path in ("/swarm", "/stop", "/stats/reset", "/user"):
        assert ask(ui, path, form, **OTHER_PAGE)[0] == 403
    for path in ("/", "/stats/requests", "/exceptions", "/logs", "/routeswarm/status"):
        status, _, headers = ask(ui, path, **OTHER_PAGE)
        assert status == 200
        assert not [name for name in headers if name.lower().startswith("access-control")]
        assert ask(ui, path, Host="evil.example")[0] == 403
    assert ask(ui, "/stats/requests", Host="load.example")[0] == 200
    assert folder.runs == []
    assert ask(ui, "/swarm", form, Origin=ui.root)[0] == 200
    folder.wait_for_history(parts=1)


@pytest.fixture
def with_secrets(folder: Folder) -> Folder:
    """A folder with a secret in it, one beside it, and links to that."""
    outside = folder.path.parent / f"{folder.path.name}-outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (folder.path / ".env").write_text(SECRET)
    (folder.path / "link.txt").symlink_to(outside / "secret.txt")
    (folder.path / "danger.py").write_text(CALLED)
    return folder


def test_the_form_names_nothing_beyond_the_folder_calls_nothing_and_quotes_no_file(with_secrets: Folder) -> None:
    folder = with_secrets
    ui = start(folder)
    outside = folder.path.parent / f"{folder.path.name}-outside"
    for field, value in (
        ("criteria", str(outside / "secret.txt")),
        ("criteria", "link.txt"),
        ("criteria", ".env"),
        ("corpus", ".env"),
        ("fault_plan", ".env"),
        ("results_dir", str(outside / "results")),
        ("target", "os:getcwd"),
        ("target", "danger:wipe"),
        ("csv_prefix", "x"),
        ("html_file", str(outside / "x.html")),
    ):
        answer = ui.post("/swarm", **LOAD, **{field: value})
        assert answer["success"] is False, field
        assert SECRET.split()[-1] not in answer["message"]
        assert "\n" not in answer["message"]
    assert sorted(path.name for path in outside.iterdir()) == ["secret.txt"]
    assert not (folder.path / "called").exists()
    assert folder.runs == []
    folder.track[0].wait_for(r"\.env:1: ")  # the terminal says what is wrong


def test_a_link_in_a_run_is_not_followed_out_of_it(with_secrets: Folder) -> None:
    folder = with_secrets
    folder.draws_reports = True
    ui = start(folder)
    assert ui.post("/swarm", **LOAD)["success"] is True
    folder.wait_for_history(parts=1)
    ui.post("/stop")
    run = folder.run.path
    outside = folder.path.parent / f"{folder.path.name}-outside"
    (run / "plots" / "mine.txt").write_text("mine")
    (run / "plots" / "inner.txt").symlink_to("mine.txt")
    (run / "plots" / "secret.txt").symlink_to(outside / "secret.txt")
    (run / "away").symlink_to(outside)
    assert ask(ui, "/routeswarm/report")[0] == 200
    assert ask(ui, "/routeswarm/plots/inner.txt")[1] == "mine"
    for path in ("plots/secret.txt", "away/secret.txt", "away/", "../../.env"):
        status, text, _ = ask(ui, f"/routeswarm/{path}")
        assert (status, SECRET in text) == (404, False), path
    assert "secret.txt" not in ask(ui, "/routeswarm/plots/")[1]
    (run / "report.html").unlink()
    (run / "report.html").symlink_to(outside / "secret.txt")
    assert ask(ui, "/routeswarm/report")[0] == 404
