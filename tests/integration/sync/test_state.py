# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The state file: it saves requests, and no run believes it more than it deserves."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError

from dev.seaweedfs import SeaweedFS

from .agreement import agrees_or_named, difference, kinds
from .conftest import MIB, WAYS_TO_AN_OLDER_FILE, Logged, ProgramRun, Upload, contents_of, give_content_of_an_older_file
from .fault_proxy import INTERNAL_ERROR, FaultProxy

Stored = Callable[[], dict[str, bytes]]
Tree = Callable[..., Path]
UploadLogged = Callable[..., Logged]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where the state file goes; not there yet, nor its folder."""
    return tmp_path / "state" / "job.state"


@pytest.fixture
def with_state(job_options: dict[str, Any], state: Path) -> dict[str, Any]:
    """The common options of every job of this test, with a state file."""
    job_options["state_path"] = str(state)
    return job_options


def rows(state: Path) -> dict[str, str]:
    """The recorded files: path -> how it was proven."""
    with closing(sqlite3.connect(state)) as connection:
        query = "SELECT path || name, method FROM file JOIN folder ON folder.id = folder"
        return dict(connection.execute(query).fetchall())


# --- what it saves


@pytest.mark.parametrize("count", [3, 300])
def test_an_unchanged_tree_costs_the_same_few_requests_whatever_its_size(
    count: int, tree: Tree, upload: Upload, s3_server: SeaweedFS, with_state: dict[str, Any]
) -> None:
    source = tree({**{f"{number // 50}/{number}.bin": 100 for number in range(count)}, "film.mov": 12 * MIB})
    with FaultProxy(s3_server.endpoint_url) as proxy:
        first = upload(source, endpoint_url=proxy.endpoint_url)
        assert (first.exit_code, first.files_synced, first.compare) == (0, count + 1, "remote")
        spent = len(proxy.requests)
        second = upload(source, endpoint_url=proxy.endpoint_url)
        asked = proxy.requests[spent:]
    assert (second.exit_code, second.files_synced, second.files_unchanged) == (0, 0, count + 1)
    assert second.s3_objects == count + 1
    assert [request.method for request in asked] == ["GET"], "one question whether bucket and credentials still answer"
    assert asked[0].lists and asked[0].query["max-keys"] == "1"


def test_an_unchanged_tree_still_tells_that_the_keys_or_the_bucket_are_gone(
    tree: Tree, upload: Upload, with_state: dict[str, Any], s3: Any, bucket: str
) -> None:
    """That one question is there so that a success never means more than it says."""
    source = tree({"a.txt": b"a"})
    upload(source)
    assert upload(source, secret_key="wrong").exit_code == 2
    s3.delete_bucket(Bucket=bucket)
    gone = upload(source)
    s3.create_bucket(Bucket=bucket)
    assert (gone.exit_code, kinds(gone)) == (3, {"": "run"})
    assert upload(source).files_synced == 1


def test_one_new_file_costs_the_requests_of_one_file(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, with_state: dict[str, Any]
) -> None:
    source = tree({f"{number}.bin": 100 for number in range(200)})
    with FaultProxy(s3_server.endpoint_url) as proxy:
        upload(source, endpoint_url=proxy.endpoint_url)
        spent = len(proxy.requests)
        (source / "new.bin").write_bytes(b"new")
        result = upload(source, endpoint_url=proxy.endpoint_url)
        asked = proxy.requests[spent:]
    assert (result.exit_code, result.files_synced, result.files_unchanged, result.s3_objects) == (0, 1, 200, 201)
    assert len(asked) < 8
    assert result.checksum_verification.verified
    agrees_or_named(result, source, stored())


def test_a_touched_file_is_hashed_and_not_sent(
    tree: Tree, upload: Upload, stored: Stored, s3_server: SeaweedFS, with_state: dict[str, Any]
) -> None:
    """A restore, a chmod or `touch` gives a file another time; its content is what was proven."""
    source = tree({"a.txt": b"a", "film.mov": 12 * MIB})
    with FaultProxy(s3_server.endpoint_url) as proxy:
        upload(source, endpoint_url=proxy.endpoint_url)
        sent = sum(request.stores for request in proxy.requests)
        for path in source.iterdir():
            os.utime(path)
        shutil.copy2(source / "a.txt", source / "copy")
        (source / "copy").replace(source / "a.txt")
        result = upload(source, endpoint_url=proxy.endpoint_url)
        assert sum(request.stores for request in proxy.requests) == sent
    assert (result.exit_code, result.files_synced, result.files_unchanged) == (0, 0, 2)
    agrees_or_named(result, source, stored())


# --- what it must not miss


@pytest.mark.parametrize("way", WAYS_TO_AN_OLDER_FILE)
def test_new_content_of_the_same_size_and_an_older_mtime_is_found(
    way: str, tree: Tree, upload: Upload, stored: Stored, with_state: dict[str, Any], tmp_path: Path
) -> None:
    source = tree({"film.mov": b"first take", "other.txt": b"other"})
    assert upload(source).files_synced == 2
    give_content_of_an_older_file(source / "film.mov", b"other take", way)
    result = upload(source)
    assert (result.exit_code, result.files_synced, result.files_unchanged) == (0, 1, 1)
    agrees_or_named(result, source, stored())
    assert upload(source).files_synced == 0


def test_new_content_with_the_very_mtime_of_the_old_is_found(
    tree: Tree, upload: Upload, stored: Stored, with_state: dict[str, Any]
) -> None:
    source = tree({"film.mov": b"first take"})
    before = (source / "film.mov").stat()
    upload(source)
    (source / "film.mov").write_bytes(b"other take")
    os.utime(source / "film.mov", ns=(before.st_atime_ns, before.st_mtime_ns))
    result = upload(source)
    assert (result.exit_code, result.files_synced) == (0, 1)
    agrees_or_named(result, source, stored())


def test_a_failed_upload_is_not_recorded_and_the_next_run_sends_it(
    tree: Tree, upload: Upload, stored: Stored, state: Path, s3_server: SeaweedFS, with_state: dict[str, Any]
) -> None:
    source = tree({"good.txt": b"good", "bad.txt": b"bad"})

    def fail(request: Any) -> Any:
        return INTERNAL_ERROR if request.stores and request.path.endswith("bad.txt") else None

    with FaultProxy(s3_server.endpoint_url, fail) as proxy:
        result = upload(source, endpoint_url=proxy.endpoint_url, retry_rounds=0, retry_count=0)
    assert (result.exit_code, kinds(result)) == (4, {"bad.txt": "upload_failed"})
    assert set(rows(state)) == {"good.txt"}
    agrees_or_named(result, source, stored())


def test_a_row_goes_before_its_file_is_sent_again(
    tree: Tree, upload: Upload, state: Path, s3_server: SeaweedFS, with_state: dict[str, Any]
) -> None:
    """Otherwise a killed run would leave a row of the old file beside an object of the new one."""
    source = tree({"film.mov": 12 * MIB, "other.txt": b"other"})
    seen: list[Any] = []
    with FaultProxy(s3_server.endpoint_url) as proxy:
        upload(source, endpoint_url=proxy.endpoint_url)
        with open(source / "film.mov", "r+b") as file:
            file.write(b"new")
        proxy.when_received(14 * MIB, lambda: seen.append(set(rows(state))))
        upload(source, endpoint_url=proxy.endpoint_url)
    assert seen == [{"other.txt"}]
    assert set(rows(state)) == {"film.mov", "other.txt"}


# --- when it cannot be trusted: one warning, and the listing


def _remove(state: Path, older: Path) -> None:
    state.unlink()


def _empty(state: Path, older: Path) -> None:
    state.write_bytes(b"")


def _overwrite_with_garbage(state: Path, older: Path) -> None:
    state.write_bytes(b"garbage" * 1000)


def _damage_its_middle(state: Path, older: Path) -> None:
    data = bytearray(state.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    state.write_bytes(data)


def _cut_in_half(state: Path, older: Path) -> None:
    os.truncate(state, state.stat().st_size // 2)


def _roll_back(state: Path, older: Path) -> None:
    shutil.copy(older, state)


def _put_another_jobs_there(state: Path, older: Path) -> None:
    with closing(sqlite3.connect(state)) as connection:
        connection.execute("""UPDATE meta SET value = replace(value, 'in/box', 'in/other') WHERE name = 'job'""")
        connection.commit()


def _put_another_programs_there(state: Path, older: Path) -> None:
    state.unlink()
    with closing(sqlite3.connect(state)) as connection:
        connection.execute("CREATE TABLE theirs (precious TEXT)")
        connection.commit()


def _put_a_newer_versions_there(state: Path, older: Path) -> None:
    with closing(sqlite3.connect(state)) as connection:
        connection.execute("PRAGMA user_version = 99")


def _put_a_folder_there(state: Path, older: Path) -> None:
    state.unlink()
    state.mkdir()


def _put_a_link_there(state: Path, older: Path) -> None:
    state.rename(state.with_name("elsewhere"))
    state.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "accident",
    [
        _remove,
        _empty,
        _overwrite_with_garbage,
        _damage_its_middle,
        _cut_in_half,
        _roll_back,
        _put_another_jobs_there,
        _put_another_programs_there,
        _put_a_newer_versions_there,
        _put_a_folder_there,
        _put_a_link_there,
    ],
)
def test_a_state_that_cannot_be_trusted_is_one_warning_and_the_listing_decides(
    accident: Callable[[Path, Path], None],
    tree: Tree,
    upload: Upload,
    upload_logged: UploadLogged,
    stored: Stored,
    state: Path,
    with_state: dict[str, Any],
    tmp_path: Path,
    s3: Any,
    bucket: str,
) -> None:
    """Between the runs a file changed, one came, one went, and an object vanished that the state knows."""
    source = tree({**{f"{number}.bin": 1000 for number in range(100)}, "film.mov": 12 * MIB})
    upload(source)
    older = tmp_path / "older"
    shutil.copy(state, older)
    (source / "10.bin").write_bytes(b"second take")
    assert upload(source).files_synced == 1
    (source / "11.bin").write_bytes(b"third take")
    (source / "new.bin").write_bytes(b"new")
    s3.delete_object(Bucket=bucket, Key="in/box/12.bin")
    accident(state, older)
    result, warnings, _lines = upload_logged(source)
    assert (result.exit_code, result.files_synced, result.files_unchanged) == (0, 3, 99)
    assert len(warnings) == 1, warnings
    assert str(state) in warnings[0]
    assert "listing" in warnings[0]
    agrees_or_named(result, source, stored())
    assert not difference(source, stored())
    again = upload_logged(source)
    assert (again.result.exit_code, again.result.files_synced) == (0, 0)


def test_another_programs_database_is_left_as_it_is(
    tree: Tree, upload: Upload, state: Path, with_state: dict[str, Any]
) -> None:
    """An operator who gives the wrong path has not lost what is there, nor the others who read it."""
    state.parent.mkdir()
    with closing(sqlite3.connect(state)) as connection:
        connection.execute("CREATE TABLE theirs (precious TEXT)")
        connection.commit()
    state.chmod(0o644)
    before = state.read_bytes()
    assert upload(tree({"a.txt": b"a"})).exit_code == 0
    assert state.read_bytes() == before
    assert stat.S_IMODE(state.stat().st_mode) == 0o644
    assert [path.name for path in state.parent.iterdir()] == [state.name]


def test_a_lost_lock_file_is_a_warning_because_nobody_knows_what_happened_since(
    tree: Tree, upload: Upload, upload_logged: UploadLogged, with_state: dict[str, Any], stored: Stored
) -> None:
    source = tree({"a.txt": b"a", "b.txt": b"b"})
    upload(source)
    Path(with_state["lock_path"]).unlink()
    result, warnings, _lines = upload_logged(source)
    assert (result.exit_code, result.files_synced, result.files_unchanged) == (0, 0, 2)
    assert len(warnings) == 1
    assert "lock file" in warnings[0]


@pytest.mark.parametrize("first", [True, False], ids=["from the start", "after a run"])
def test_a_folder_that_cannot_be_written_is_a_warning(
    first: bool,
    tree: Tree,
    env_file: Callable[..., Path],
    program: Callable[..., ProgramRun],
    stored: Stored,
    state: Path,
) -> None:
    source = tree({"a.txt": b"a"})
    config = str(env_file(SOURCE_DIR=source, STATE_FILE=state))
    if not first:
        assert program("sync", "--config", config).returncode == 0
        state.chmod(0o400)
    state.parent.mkdir(exist_ok=True)
    state.parent.chmod(0o500)
    (source / "b.txt").write_bytes(b"b")
    run = program("sync", "--json", "--config", config)
    state.parent.chmod(0o700)
    assert run.returncode == 0
    warnings = [line for line in run.stderr.splitlines() if line.startswith("[WARN]")]
    assert len(warnings) == 1, run.stderr
    assert str(state) in warnings[0]
    agrees_or_named(run, source, stored())


def test_a_dry_run_reads_it_and_does_not_write_it(
    tree: Tree, upload: Upload, upload_logged: UploadLogged, state: Path, with_state: dict[str, Any]
) -> None:
    source = tree({"a.txt": b"a"})
    assert upload_logged(source, dry_run=True).result.exit_code == 0
    assert not state.exists()
    upload(source)
    before = {path.name: path.read_bytes() for path in state.parent.iterdir()}
    (source / "b.txt").write_bytes(b"b")
    (source / "a.txt").unlink()
    planned = upload_logged(source, dry_run=True).result
    assert (planned.exit_code, planned.files_synced, planned.source_files) == (0, 0, 1)
    assert {path.name: path.read_bytes() for path in state.parent.iterdir()} == before


def test_it_is_private_and_may_not_lie_in_the_source(
    tree: Tree, upload: Upload, state: Path, with_state: dict[str, Any]
) -> None:
    source = tree({"a.txt": b"a"})
    upload(source)
    for path in state.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    with pytest.raises(ConfigurationError, match="inside src"):
        upload(source, state_path=str(source / "job.state"))


# --- against the bucket


def test_reconciling_finds_what_vanished_and_what_was_replaced_in_the_bucket(
    tree: Tree,
    upload: Upload,
    upload_logged: UploadLogged,
    stored: Stored,
    with_state: dict[str, Any],
    s3: Any,
    bucket: str,
) -> None:
    source = tree({f"{number}.bin": 1000 for number in range(20)})
    upload(source)
    s3.delete_object(Bucket=bucket, Key="in/box/3.bin")
    s3.put_object(Bucket=bucket, Key="in/box/4.bin", Body=b"x" * 1000)
    s3.put_object(Bucket=bucket, Key="in/box/5.bin", Body=b"shorter")
    assert upload(source).files_synced == 0, "the state file is believed until the next reconciliation"
    result, warnings, _lines = upload_logged(source, reconcile=True)
    assert (result.exit_code, result.files_synced, result.files_unchanged) == (0, 3, 17)
    assert result.as_dict()["reconciled"] == {"missing": 1, "different": 2}
    assert len(warnings) == 1 and "1 object had vanished" in warnings[0] and "2 had been replaced" in warnings[0]
    assert stored() == contents_of(source)
    agrees_or_named(result, source, stored())
    quiet = upload_logged(source, reconcile=True)
    assert (quiet.result.files_synced, quiet.warnings) == (0, [])
    assert any("reconciled" in line for line in quiet.lines)


def test_reconciling_happens_by_itself_after_some_days(
    tree: Tree, upload: Upload, stored: Stored, state: Path, with_state: dict[str, Any], s3: Any, bucket: str
) -> None:
    source = tree({"a.txt": b"a", "b.txt": b"b"})
    upload(source)
    s3.delete_object(Bucket=bucket, Key="in/box/a.txt")
    assert upload(source, reconcile_days=7).files_synced == 0
    with closing(sqlite3.connect(state)) as connection:  # no test can wait for a week
        query = "UPDATE meta SET value = CAST(value - 8 * 86400 AS INTEGER) WHERE name = 'reconciled_at'"
        assert connection.execute(query).rowcount == 1
        connection.commit()
    result = upload(source, reconcile_days=7)
    assert (result.exit_code, result.files_synced) == (0, 1)
    assert result.as_dict()["reconciled"] == {"missing": 1, "different": 0}
    agrees_or_named(result, source, stored())
    s3.delete_object(Bucket=bucket, Key="in/box/b.txt")
    assert upload(source, reconcile_days=0).files_synced == 1, "0 days: at each run"


def test_an_emptied_bucket_is_noticed_at_once(
    tree: Tree,
    upload: Upload,
    upload_logged: UploadLogged,
    stored: Stored,
    with_state: dict[str, Any],
    s3: Any,
    bucket: str,
) -> None:
    source = tree({"a.txt": b"a", "b.txt": b"b"})
    upload(source)
    for name in ("a.txt", "b.txt"):
        s3.delete_object(Bucket=bucket, Key=f"in/box/{name}")
    result, warnings, _lines = upload_logged(source)
    assert (result.exit_code, result.files_synced) == (0, 2)
    assert len(warnings) >= 1 and "empty" in warnings[0]
    agrees_or_named(result, source, stored())


@pytest.mark.parametrize(("compare", "found"), [("state", 0), ("remote", 0), ("checksum", 1)])
def test_what_each_comparison_finds_of_an_object_that_was_damaged_without_a_trace(
    compare: str,
    found: int,
    tree: Tree,
    upload: Upload,
    stored: Stored,
    with_state: dict[str, Any],
    s3: Any,
    bucket: str,
) -> None:
    """Same size, later time: nothing but the content can tell."""
    source = tree({"a.txt": b"content", "b.txt": b"content"})
    upload(source)
    metadata = s3.head_object(Bucket=bucket, Key="in/box/a.txt")["Metadata"]
    s3.put_object(Bucket=bucket, Key="in/box/a.txt", Body=b"c0ntent", Metadata=metadata)
    result = upload(source, compare=compare)
    assert (result.exit_code, result.files_synced) == (0, found)
    if found:
        agrees_or_named(result, source, stored())


def test_a_run_without_verification_is_not_believed_by_one_with(
    tree: Tree, upload: Upload, state: Path, with_state: dict[str, Any]
) -> None:
    """What is recorded tells how it was proven, and nothing that was not is called so."""
    source = tree({"a.txt": b"a"})
    assert upload(source, verify="none").exit_code == 0
    assert rows(state) == {"a.txt": ""}
    result = upload(source, verify="all")
    assert (result.exit_code, result.checksum_verification.verified) == (0, True)
    assert result.checksum_verification.methods == {"ETag": 1}
