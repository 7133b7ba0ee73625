import errno
import itertools
import multiprocessing
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sufficiency._files import create_file, new_directory, remove_stale, write_file, write_files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_written_and_replaced(tmp_path):
    path, temporary = tmp_path / "a" / "b", tmp_path / "tmp"
    write_file(path, b"first", temporary)
    write_file(path, b"second", temporary)
    assert path.read_bytes() == b"second"
    assert names(path.parent) == ["b"]
    assert names(temporary) == []


def test_files_are_as_readable_as_others(tmp_path):
    """Unlike those of tempfile, which their owner alone may read."""
    write_file(tmp_path / "a", b"", tmp_path / "tmp")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind(call, tmp_path, monkeypatch):
    path, temporary = tmp_path / "a", tmp_path / "tmp"
    write_file(path, b"first", temporary)

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, b"second", temporary)
    assert path.read_bytes() == b"first"
    assert names(temporary) == []


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "a", b"first", tmp_path / "tmp")
    assert names(tmp_path) == ["tmp"]
    assert names(tmp_path / "tmp") == []


def test_a_real_limit_on_the_size_of_files(tmp_path):
    """What the operating system itself says when there is no more room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    write_file(tmp_path / "a", b"small", tmp_path / "tmp")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_file(tmp_path / "a", bytes(100_000), tmp_path / "tmp")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "a").read_bytes() == b"small"
    assert names(tmp_path / "tmp") == []


def test_files_that_belong_together_come_together(tmp_path, monkeypatch):
    first, last = tmp_path / "data", tmp_path / "index"
    write_files({first: b"old", last: b"old"})
    replace, seen = os.replace, []

    def watched(source, target):
        seen.append((first.read_bytes(), last.exists()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    write_files({first: b"new", last: b"new"})
    assert seen == [(b"old", False), (b"new", False)]
    assert (first.read_bytes(), last.read_bytes()) == (b"new", b"new")
    assert names(tmp_path) == ["data", "index"]


def test_links_and_permissions_stay(tmp_path):
    path, link = tmp_path / "real", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_file(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_directory_appears_when_it_is_complete(tmp_path):
    place = tmp_path / "deep" / "out"
    for content in ("first", "second"):
        with new_directory(place) as making:
            (making / content).touch()
            assert names(place) != [content]
        assert names(place) == [content]
    with pytest.raises(FileNotFoundError), new_directory(place) as making:
        (making / "no folder" / "third").touch()
    assert names(place) == ["second"]
    assert names(place.parent) == ["out"]
    assert place.stat().st_mode == (tmp_path / "deep").stat().st_mode


@pytest.mark.parametrize("links", [True, False])
def test_created_once(links, tmp_path, monkeypatch):
    if not links:

        def unsupported(*args):
            raise OSError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(os, "link", unsupported)
    path, temporary = tmp_path / "seed", tmp_path / "tmp"
    assert create_file(path, b"mine", temporary)
    assert not create_file(path, b"yours", temporary)
    assert path.read_bytes() == b"mine"
    assert names(temporary) == []


def test_stale_files_go_when_that_is_safe(tmp_path):
    host = platform.node() or "host"
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    gone, here = process.pid, os.getpid()
    for name in (
        f".{host}.{gone}.abc.tmp",
        f".{host}.{here}.abc.tmp",
        f".elsewhere.{gone}.abc.tmp",
        f".elsewhere.{gone}.old.tmp",
        ".strange.tmp",
        "notes.txt",
    ):
        (tmp_path / name).write_bytes(b"")
    yesterday = time.time() - 2 * 86_400
    os.utime(tmp_path / f".elsewhere.{gone}.old.tmp", (yesterday, yesterday))
    assert remove_stale(tmp_path) == 2
    assert names(tmp_path) == sorted(
        [f".{host}.{here}.abc.tmp", f".elsewhere.{gone}.abc.tmp", "notes.txt", ".strange.tmp"]
    )


def test_hosts_with_dots_are_read_rightly(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "node.of.a.cluster")
    path = tmp_path / f".node.of.a.cluster.{os.getpid()}.abc.tmp"
    path.touch()
    assert remove_stale(tmp_path) == 0
    path.rename(tmp_path / ".node.of.a.cluster.999999999.abc.tmp")
    assert remove_stale(tmp_path) == 1


def write_and_die(folder, step):
    """Replace a file, with SIGKILL before some step of it."""
    steps = []

    def counted(call):
        def step_of_writing(*args, **kwargs):
            steps.append(call)
            if len(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return step_of_writing

    for name in ("open", "fsync", "unlink", "replace"):
        setattr(os, name, counted(getattr(os, name)))
    write_file(folder / "a", b"new", folder / "tmp")


# what newer Pythons say of forks beside the threads of a library
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_killed_writer_leaves_whole_files_only(tmp_path):
    """Before each step of the writing, in turn; the next process removes what is unfinished."""
    found = []
    for step in itertools.count(1):
        write_file(tmp_path / "a", b"old", tmp_path / "tmp")
        process = multiprocessing.get_context("fork").Process(
            target=write_and_die, args=(tmp_path, step)
        )
        process.start()
        process.join()
        found.append((tmp_path / "a").read_bytes())
        remove_stale(tmp_path / "tmp")
        assert names(tmp_path / "tmp") == []
        assert names(tmp_path) == ["a", "tmp"]
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    assert list(dict.fromkeys(found)) == [b"old", b"new"]
