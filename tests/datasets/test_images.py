"""torchvision's own reading, checksums included, on small files in the real formats."""

import functools
import os
import pickle
import shutil
import threading
import urllib.request
import warnings
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets as torchvision_datasets

from sufficiency.datasets import load_cifar10, load_cifar100, load_fashion_mnist, load_mnist
from tests.datasets.formats import N_TEST, N_TRAIN, Cifar, Idx, python2_pickle, write_idx

LOADERS = {
    "CIFAR10": (load_cifar10, Cifar, 5 * N_TRAIN),
    "CIFAR100": (load_cifar100, Cifar, N_TRAIN),
    "MNIST": (load_mnist, Idx, N_TRAIN),
    "FashionMNIST": (load_fashion_mnist, Idx, N_TRAIN),
}


URLOPEN = urllib.request.urlopen


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        pytest.fail("nobody asked for a download")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture(params=list(LOADERS))
def name(request):
    return request.param


@pytest.fixture
def load(name):
    return LOADERS[name][0]


@pytest.fixture
def collection(name, monkeypatch, rng):
    return LOADERS[name][1](getattr(torchvision_datasets, name), monkeypatch, rng)


@pytest.fixture
def folder(collection, tmp_path):
    return collection.write(tmp_path)


@pytest.mark.parametrize("train", [True, False])
def test_arrays_are_what_was_written(name, load, collection, folder, tmp_path, train):
    X, y = load(tmp_path, train=train)
    pixels, labels = collection.expected(train)
    assert len(X) == (LOADERS[name][2] if train else N_TEST)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    assert X.flags.c_contiguous
    # one division, rounded once to float32
    np.testing.assert_array_equal(X, (pixels / 255).astype(np.float32))
    np.testing.assert_array_equal(y, labels)


def test_a_memory_map_holds_the_arrays_and_is_written_once(load, folder, tmp_path):
    for train in (True, False):
        X, y = load(tmp_path, train=train)
        mapped, labels = load(tmp_path, train=train, mmap_mode="r")
        assert isinstance(mapped, np.memmap)
        assert mapped.dtype == np.float32
        np.testing.assert_array_equal(mapped, X)
        np.testing.assert_array_equal(labels, y)
    written = Path(mapped.filename)
    before = written.stat().st_mtime_ns
    load(tmp_path, train=False, mmap_mode="c")
    assert written.stat().st_mtime_ns == before


def test_a_memory_map_older_than_the_files_is_written_again(load, folder, tmp_path):
    mapped, _ = load(tmp_path, mmap_mode="r")
    X = np.array(mapped)
    path = Path(mapped.filename)
    np.save(path, np.zeros_like(X))
    os.utime(path, (0, 0))
    np.testing.assert_array_equal(load(tmp_path, mmap_mode="r")[0], X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mmap_mode": "r+"}, r"`mmap_mode` must be None, 'r' or 'c', got 'r\+'"),
        ({"mmap_mode": "r", "as_dataset": True}, "`mmap_mode` is for arrays"),
    ],
)
def test_modes_that_make_no_sense_are_refused(folder, load, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, **settings)


def test_a_dataset_has_the_samples_of_the_arrays(load, folder, tmp_path):
    X, y = load(tmp_path)
    dataset = load(str(tmp_path), as_dataset=True)
    assert isinstance(dataset, torch.utils.data.Dataset)
    assert len(dataset) == len(X)
    for (image, label), x, code in zip(dataset, X, y, strict=True):
        np.testing.assert_array_equal(image, x)
        assert label == code
    assert len(dataset.classes) > y.max()


def test_archives_are_unpacked(load, collection, folder, tmp_path):
    archive = collection.pack(tmp_path)
    X, y = load(tmp_path)
    pixels, labels = collection.expected(train=True)
    np.testing.assert_array_equal(np.rint(X * 255), pixels)
    np.testing.assert_array_equal(y, labels)
    assert archive.exists()
    archive.unlink()
    np.testing.assert_array_equal(load(tmp_path)[0], X)


def test_missing_files_are_named_with_their_place_and_remedy(load, collection, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        load(tmp_path / "nowhere")
    message = str(caught.value)
    factory = collection.factory
    if isinstance(collection, Cifar):
        names = [name for name, _ in factory.train_list + factory.test_list]
        where, archive, url = factory.base_folder, factory.filename, factory.url
    else:
        names = [name.removesuffix(".gz") for name, _ in factory.resources]
        where, archive, url = f"{factory.__name__}/raw", names[0] + ".gz", factory.mirrors[0]
    for part in (*names, str(tmp_path / "nowhere" / where), archive, url):
        assert part in message
    assert "download=True" in message
    assert "$SUFFICIENCY_DATA" in message
    assert not (tmp_path / "nowhere").exists()


def test_one_missing_file_is_the_one_that_is_named(load, folder, tmp_path):
    victim = sorted(folder.iterdir())[0]
    victim.unlink()
    with pytest.raises(FileNotFoundError, match=rf"missing {victim.name}\. "):
        load(tmp_path)


def test_root_comes_from_the_environment_or_the_home(
    load, folder, tmp_path, monkeypatch, tmp_path_factory
):
    monkeypatch.setenv("SUFFICIENCY_DATA", str(tmp_path))
    X, _ = load()
    monkeypatch.delenv("SUFFICIENCY_DATA")
    home = tmp_path_factory.mktemp("home")
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    with pytest.raises(FileNotFoundError, match="sufficiency_data"):
        load()
    shutil.copytree(tmp_path, home / "sufficiency_data")
    np.testing.assert_array_equal(load()[0], X)


def test_root_must_be_a_path(load):
    with pytest.raises(TypeError, match="`root` must be None or the path of a folder, got 3"):
        load(3)


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_a_batch_with_another_checksum_is_refused(load, collection, folder, tmp_path):
    victim = folder / collection.factory.train_list[0][0]
    data = bytearray(victim.read_bytes())
    data[-10] ^= 1
    victim.write_bytes(data)
    with pytest.raises(OSError, match=rf"{victim.name} is damaged: its MD5 is not .*get it anew"):
        load(tmp_path)


def test_an_archive_with_another_checksum_is_refused(load, collection, folder, tmp_path):
    archive = collection.pack(tmp_path)
    archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(OSError, match=rf"{archive.name} is damaged: its MD5 is not .*get it anew"):
        load(tmp_path)
    assert all(path.suffix == ".gz" for path in archive.parent.iterdir())


def flat(path):
    write_idx(path, np.zeros(7, dtype=np.uint8))


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def another_magic(path):
    path.write_bytes(b"\0\0\7" + path.read_bytes()[3:])


def empty(path):
    path.write_bytes(b"")


def web_page(path):
    path.write_text("<html>Not found</html>")


def too_many(path):
    write_idx(path, np.zeros((N_TRAIN + 1, 28, 28), dtype=np.uint8))


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
@pytest.mark.parametrize("damage", [flat, cut, another_magic, empty, web_page, too_many])
def test_damaged_images_are_refused(name, load, folder, tmp_path, damage):
    damage(folder / "train-images-idx3-ubyte")
    with pytest.raises(OSError, match=rf"^{name} cannot be read from .*: \S.*get them anew"):
        load(tmp_path)
    assert len(load(tmp_path, train=False)[0]) == N_TEST


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_labels_beyond_the_classes_are_refused(load, folder, tmp_path):
    write_idx(folder / "train-labels-idx1-ubyte", np.full(N_TRAIN, 200, dtype=np.uint8))
    with pytest.raises(OSError, match=r"5 labels up to 200 for 5 images"):
        load(tmp_path)


def test_a_failing_download_says_why_and_what_to_do(load, tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(FileNotFoundError, match=r"(?s)Place them there.*no network here"):
        load(tmp_path, download=True)


def test_nothing_is_downloaded_if_everything_is_there(load, folder, tmp_path):
    np.testing.assert_array_equal(load(tmp_path, download=True)[0], load(tmp_path)[0])


@pytest.fixture
def server(tmp_path_factory):
    """A folder, and its address on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    folder = tmp_path_factory.mktemp("served")
    handler = functools.partial(Quiet, directory=str(folder))
    with HTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def test_a_download_that_was_asked_for(load, collection, folder, tmp_path, server, monkeypatch):
    served, address = server
    archive = collection.pack(tmp_path)
    for path in [archive] if isinstance(collection, Cifar) else list(folder.iterdir()):
        shutil.move(path, served)
    factory = collection.factory
    if isinstance(collection, Cifar):
        monkeypatch.setattr(factory, "url", address + archive.name)
    else:
        monkeypatch.setattr(factory, "mirrors", [address])
    with pytest.raises(FileNotFoundError):
        load(tmp_path)
    monkeypatch.setattr(urllib.request, "urlopen", URLOPEN)
    monkeypatch.setenv("no_proxy", "*")
    X, y = load(tmp_path, download=True)
    pixels, labels = collection.expected(train=True)
    np.testing.assert_array_equal(np.rint(X * 255), pixels)
    np.testing.assert_array_equal(y, labels)


def test_the_pickles_are_as_old_as_the_real_ones():
    """Their flags of a dtype are integers, which NumPy warns of from 2.4 on."""
    values = {"data": np.arange(300, dtype=np.uint8).reshape(2, 150), "labels": [1, 300]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        read = pickle.loads(python2_pickle(values), encoding="latin1")  # noqa: S301
    np.testing.assert_array_equal(read["data"], values["data"])
    assert read["labels"] == values["labels"]
