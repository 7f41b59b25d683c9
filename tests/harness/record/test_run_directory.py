from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.record.run_directory import SPACE_NEEDED, RunDirectory, create_run_directory, require_writable
from harness.words.errors import UsageError

NOON = datetime(2025, 2, 19, 12, 0, 5, tzinfo=UTC)


@pytest.fixture
def free_bytes(monkeypatch):
    """Return a function that sets the free space of every disk."""

    def set_free(free):
        monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=free // 4096, f_frsize=4096))

    return set_free


class TestCreate:
    def test_a_run_is_named_by_utc_time_locustfile_and_four_hex_digits(self, tmp_path):
        run = create_run_directory(tmp_path / "results", "/some/where/route.py", NOON)
        assert re.fullmatch(r"20250219T120005Z-route-[0-9a-f]{4}", run.run_id)
        assert run.path == tmp_path / "results" / run.run_id
        assert run.history.is_dir()

    def test_now_is_taken_in_utc(self, tmp_path):
        before = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        run = create_run_directory(tmp_path, "route.py")
        assert before <= run.run_id[:16] <= datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")

    def test_latest_points_at_the_newest_run_by_a_relative_link(self, tmp_path):
        for locustfile in ("one.py", "two.py"):
            run = create_run_directory(tmp_path, locustfile, NOON)
            assert (tmp_path / "latest").readlink() == Path(run.run_id)
            assert (tmp_path / "latest").resolve() == run.path.resolve()

    def test_two_runs_at_once_both_have_a_folder_and_leave_a_valid_link(self, tmp_path):
        runs = [create_run_directory(tmp_path, "route.py", NOON) for _ in range(2)]
        assert runs[0].path != runs[1].path
        assert (tmp_path / "latest").readlink() == Path(runs[1].run_id)

    def test_many_runs_begun_at_once_leave_one_valid_link_and_no_litter(self, tmp_path):
        with ThreadPoolExecutor(6) as pool:
            runs = list(pool.map(lambda _: create_run_directory(tmp_path, "route.py"), range(30)))
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {run.run_id for run in runs} | {"latest"}
        assert (tmp_path / "latest").readlink().name in names - {"latest"}

    def test_results_may_be_a_link_to_another_disk(self, tmp_path):
        (tmp_path / "disk").mkdir()
        (tmp_path / "results").symlink_to("disk")
        run = create_run_directory(tmp_path / "results", "route.py")
        assert (tmp_path / "disk" / run.run_id).is_dir()


@pytest.mark.parametrize("make", [lambda results: create_run_directory(results, "route.py"), require_writable])
class TestRefused:
    def test_a_results_folder_below_a_file_is_refused_with_the_reason(self, tmp_path, make):
        (tmp_path / "file").write_text("x")
        results = tmp_path / "file" / "results"
        with pytest.raises(UsageError) as caught:
            make(results)
        assert str(caught.value) == f"--results-dir {results}: cannot write results: Not a directory"

    def test_a_results_folder_that_is_a_file_is_refused_with_the_reason(self, tmp_path, make):
        (tmp_path / "results").write_text("x")
        with pytest.raises(UsageError) as caught:
            make(tmp_path / "results")
        assert str(caught.value) == f"--results-dir {tmp_path}/results: cannot write results: File exists"

    def test_a_results_folder_that_cannot_be_made_is_refused_with_the_reason(self, tmp_path, make):
        results = tmp_path / ("x" * 300)
        with pytest.raises(UsageError) as caught:
            make(results)
        assert str(caught.value) == f"--results-dir {results}: cannot write results: File name too long"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_results_folder_without_permission_is_refused_with_the_reason(self, tmp_path, make):
        tmp_path.chmod(0o500)
        with pytest.raises(UsageError, match="cannot write results: Permission denied"):
            make(tmp_path / "results")

    def test_a_full_disk_is_refused_with_what_is_free_and_what_is_needed(self, tmp_path, make, free_bytes):
        free_bytes(SPACE_NEEDED - 4096)
        with pytest.raises(UsageError) as caught:
            make(tmp_path)
        assert str(caught.value) == f"--results-dir {tmp_path}: disk full: 63 MiB free, expected 64 MiB"
        assert list(tmp_path.iterdir()) == []

    def test_just_enough_space_is_enough(self, tmp_path, make, free_bytes):
        free_bytes(SPACE_NEEDED)
        make(tmp_path)


def test_asking_whether_results_can_be_kept_leaves_the_folder_and_nothing_in_it(tmp_path):
    require_writable(tmp_path / "a" / "results")
    assert list((tmp_path / "a" / "results").iterdir()) == []


def test_a_folder_in_the_place_of_latest_is_refused_and_no_half_made_link_is_left(tmp_path):
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine").write_text("x")
    with pytest.raises(UsageError, match=r"found a folder .*latest, expected a link"):
        create_run_directory(tmp_path, "route.py")
    assert (tmp_path / "latest" / "mine").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]
    with pytest.raises(UsageError, match=r"found a folder .*latest, expected a link"):
        require_writable(tmp_path)


class TestJson:
    @pytest.fixture
    def run(self, tmp_path):
        return RunDirectory(tmp_path)

    def test_a_manifest_is_read_back_as_it_was_written(self, run):
        content = {"argv": ["-u", "100"], "seed": 0, "label": "ü🚀\0", "nested": {"a": None, "b": [1.5, True]}}
        run.write_json(run.manifest, content)
        assert json.loads(run.manifest.read_text(encoding="utf-8")) == content
        assert "ü🚀" in run.manifest.read_text(encoding="utf-8")

    def test_writing_again_replaces_and_leaves_nothing_else(self, run):
        run.write_json(run.manifest, {"seed": 1})
        run.write_json(run.manifest, {"seed": 2})
        assert json.loads(run.manifest.read_text(encoding="utf-8")) == {"seed": 2}
        assert [path.name for path in run.path.iterdir()] == ["manifest.json"]
