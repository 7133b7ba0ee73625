import errno
import logging
import os
import pickle
import re
import resource
import stat
import subprocess
import sys

import pytest

from sufficiency.exceptions import StoreWarning
from sufficiency.store.directory import Store
from sufficiency.store.sealed_documents import parse_document, render_document

MARKER = "sufficiency-store.json"


def content(data: bytes) -> dict:
    return parse_document(data, "test", "key")


def rendered(**values) -> bytes:
    return render_document("test", "key", values)


def everything(folder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_new_store_explains_itself(tmp_path):
    folder = tmp_path / "deep" / "store"
    assert repr(Store(folder)) == f"Store({str(folder)!r})"
    assert set(everything(folder)) == {MARKER, "README.txt"}
    assert Store(os.path.relpath(folder)).directory.samefile(folder)
    text = (folder / "README.txt").read_text(encoding="utf-8")
    for name in ("centers/", "cells/", "nets/", "seeds/", "damaged/", "tmp/", MARKER):
        assert name in text


def test_files_are_kept_and_found_again(tmp_path, caplog):
    caplog.set_level(logging.INFO, "sufficiency.store")
    store = Store(tmp_path)
    assert store.load("cells", "a.json", content) is None
    assert store.save("cells", "a.json", rendered(x=1))
    again = pickle.loads(pickle.dumps(Store(str(tmp_path))))  # noqa: S301
    assert again.load("cells", "a.json", content) == {"x": 1}
    assert caplog.messages == ["cells/a.json: missing", "cells/a.json: kept", "cells/a.json: found"]
    # opening it again leaves it as it was
    assert set(everything(tmp_path)) == {MARKER, "README.txt", "cells/a.json"}


def test_copies_in_other_processes_leave_speaking_to_the_first(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "sufficiency.store")
    store = Store(tmp_path)
    copy = pickle.loads(pickle.dumps(store))  # noqa: S301
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    copy.save("cells", "a.json", b"nonsense")
    copy.load("cells", "a.json", content)
    messages = copy.take_messages()
    assert not copy.take_messages()
    assert not caplog.messages
    monkeypatch.setattr(os, "getpid", lambda: process)
    with pytest.warns(StoreWarning, match="damaged or foreign"):
        store.relay(messages)
    assert caplog.messages == ["cells/a.json: kept", "cells/a.json: damaged"]
    assert not store.take_messages()


@pytest.mark.parametrize("held", ["thesis.tex", ".git", "sufficiency-store.jsonl"])
def test_a_directory_with_other_things_is_refused(held, tmp_path):
    (tmp_path / held).write_text("")
    with pytest.raises(ValueError, match=f"must be a new or empty directory.*{re.escape(held)}"):
        Store(tmp_path)
    assert set(everything(tmp_path)) == {held}


def test_litter_of_file_managers_is_no_reason_to_refuse(tmp_path):
    (tmp_path / ".DS_Store").write_text("")
    Store(tmp_path)
    # what people put beside it later is theirs
    (tmp_path / "notes.txt").write_text("mine")
    Store(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_paths_that_are_no_directory_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match=r"`store` must be a directory that can be written to"):
            Store(path)
    with pytest.raises(TypeError, match="must be the path of a directory, got 3"):
        Store(3)


def test_another_version_is_refused(tmp_path):
    Store(tmp_path)
    marker = render_document("sufficiency store", MARKER, {"version": 99})
    (tmp_path / MARKER).write_bytes(marker)
    with pytest.raises(ValueError, match=r"of version 1, got .* of version 99"):
        Store(tmp_path)


def test_a_damaged_marker_is_made_again(tmp_path):
    Store(tmp_path).save("cells", "a.json", rendered(x=1))
    (tmp_path / MARKER).write_bytes(b"{}")
    with pytest.warns(StoreWarning, match=MARKER):
        store = Store(tmp_path)
    assert store.load("cells", "a.json", content) == {"x": 1}
    Store(tmp_path)


def test_an_unwritable_store_is_found_at_once(tmp_path, monkeypatch):
    Store(tmp_path)

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "replace", refuse)
    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(ValueError, match=r"can be written to, got .*: Permission denied"):
            Store(folder)


def test_permissions_of_the_directory_count(tmp_path):
    Store(tmp_path)
    os.chmod(tmp_path / "tmp", stat.S_IRUSR | stat.S_IXUSR)
    try:
        if os.access(tmp_path / "tmp", os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(ValueError, match=r"can be written to, got .*: Permission denied"):
            Store(tmp_path)
    finally:
        os.chmod(tmp_path / "tmp", stat.S_IRWXU)


def test_a_full_disk_is_found_at_once(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(ValueError, match=r"can be written to, got .*: File too large"):
            Store(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_costs_what_does_not_fit(tmp_path, caplog):
    caplog.set_level(logging.INFO, "sufficiency.store")
    store = Store(tmp_path)
    store.save("cells", "a.json", rendered(x=1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.warns(StoreWarning, match=r"cannot be written to \(File too large\).*goes on"):
            assert not store.save("cells", "b.json", rendered(x=[1.0] * 1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.load("cells", "a.json", content) == {"x": 1}
    assert store.load("cells", "b.json", content) is None
    assert caplog.messages[1] == "cells/b.json: not kept"
    assert set(everything(tmp_path)) == {MARKER, "README.txt", "cells/a.json"}
    # as soon as there is room again
    assert store.save("cells", "b.json", rendered(x=2))


def test_damaged_files_are_named_and_set_aside(tmp_path):
    store = Store(tmp_path)
    store.save("cells", "a.json", rendered(x=1))
    data = (tmp_path / "cells" / "a.json").read_bytes()
    for number, damaged in enumerate((data[:-2], data.replace(b"1", b"2"), b""), start=1):
        (tmp_path / "cells" / "a.json").write_bytes(damaged)
        with pytest.warns(StoreWarning, match=r"cells/a\.json'.*damaged or foreign.*damaged/a"):
            assert store.load("cells", "a.json", content) is None
        assert not (tmp_path / "cells" / "a.json").exists()
        assert (tmp_path / "damaged" / f"a.json.{number}").read_bytes() == damaged
    store.save("cells", "a.json", data)
    assert store.load("cells", "a.json", content) == {"x": 1}


def test_unreadable_files_are_left_where_they_are(tmp_path):
    store = Store(tmp_path)
    (tmp_path / "cells" / "a.json").mkdir(parents=True)
    with pytest.warns(StoreWarning, match="cannot be read"):
        assert store.load("cells", "a.json", content) is None


def test_damage_that_cannot_be_set_aside_is_computed_again(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save("cells", "a.json", b"nonsense")
    (tmp_path / "damaged").write_text("not a folder")
    with pytest.warns(StoreWarning, match="could not be set aside"):
        assert store.load("cells", "a.json", content) is None
    assert store.save("cells", "a.json", rendered(x=1))
    assert store.load("cells", "a.json", content) == {"x": 1}


def test_read_only_stores_are_left_alone(tmp_path):
    writing = Store(tmp_path)
    writing.save("cells", "a.json", rendered(x=1))
    writing.save("cells", "b.json", b"nonsense")
    seed = writing.seed({"a": 1}, lambda: 5)
    before = everything(tmp_path)
    store = Store(tmp_path, read_only=True)
    assert store.load("cells", "a.json", content) == {"x": 1}
    assert not store.save("cells", "c.json", rendered(x=1))
    with pytest.warns(StoreWarning, match="left out"):
        assert store.load("cells", "b.json", content) is None
    assert store.seed({"a": 1}, lambda: 6) == seed
    assert store.seed({"a": 2}, lambda: 6) == 6
    assert everything(tmp_path) == before


def test_read_only_stores_must_be_there(tmp_path):
    with pytest.raises(ValueError, match=r"can be read, got .*: No such file"):
        Store(tmp_path / "none", read_only=True)
    with pytest.raises(ValueError, match="which is none"):
        Store(tmp_path, read_only=True)
    (tmp_path / MARKER).write_bytes(b"{}")
    with pytest.warns(StoreWarning, match="left out"):
        Store(tmp_path, read_only=True)


def test_seeds_are_drawn_once(tmp_path):
    draws = iter(range(10))
    store = Store(tmp_path)
    first = store.seed({"data": "a", "net": "b"}, lambda: next(draws))
    assert store.seed({"net": "b", "data": "a"}, lambda: next(draws)) == first
    assert store.seed({"data": "c", "net": "b"}, lambda: next(draws)) != first
    assert Store(tmp_path).seed({"data": "a", "net": "b"}, lambda: next(draws)) == first
    assert next(draws) == 2


def test_a_damaged_seed_is_drawn_again(tmp_path):
    store = Store(tmp_path)
    store.seed({}, lambda: 1)
    [path] = (tmp_path / "seeds").iterdir()
    path.write_bytes(path.read_bytes().replace(b'"seed":1', b'"seed":2'))
    with pytest.warns(StoreWarning, match="seeds"):
        assert store.seed({}, lambda: 3) == 3
    assert store.seed({}, lambda: 4) == 3


def test_a_seed_that_cannot_be_kept_is_named(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(StoreWarning, match=r"cannot keep the seed 7 .*random_state"):
        assert store.seed({}, lambda: 7) == 7


def test_the_faster_process_draws_the_seed(tmp_path, monkeypatch):
    """The other one has looked, found nothing, and comes too late."""
    store = Store(tmp_path)

    def draw():
        Store(tmp_path).seed({}, lambda: 1)
        return 2

    assert store.seed({}, draw) == 1


def test_a_new_run_clears_what_killed_ones_left(tmp_path):
    store = Store(tmp_path)
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from sufficiency._files import write_file\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_file(Path(sys.argv[1], 'a'), bytes(9), Path(sys.argv[1], 'tmp'))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode < 0
    assert len(list((tmp_path / "tmp").iterdir())) == 1
    assert store.load("cells", "a.json", content) is None
    Store(tmp_path)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_tilde_is_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Store("~/store").directory == tmp_path / "store"
