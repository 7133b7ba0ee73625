import tracemalloc

import numpy as np
import pytest
import torch

from sufficiency.store.fingerprints import array_fingerprint, digest, tensor_fingerprint


def test_layout_in_memory_does_not_matter(rng):
    array = rng.normal(size=(50, 3, 4))
    expected = array_fingerprint(array)
    assert array_fingerprint(np.asfortranarray(array)) == expected
    assert array_fingerprint(np.repeat(array, 2, axis=1)[:, ::2]) == expected
    assert array_fingerprint(array[::-1][::-1]) == expected


def test_every_bit_dtype_and_shape_matter(rng):
    array = rng.integers(0, 100, size=24)
    known = {array_fingerprint(array)}
    for other in (
        array.reshape(4, 6),
        array.reshape(6, 4),
        array[:, None],
        array.astype(np.uint64),
        array.astype(float),
        array.view(float),
        array.astype(">i8"),
        array[:-1],
        array[::-1],
    ):
        known.add(array_fingerprint(other))
    for i in range(len(array)):
        flipped = array.copy()
        flipped[i] ^= 1
        known.add(array_fingerprint(flipped))
    assert len(known) == 1 + 9 + len(array)


def test_zero_and_minus_zero_differ():
    assert array_fingerprint(np.array([0.0])) != array_fingerprint(np.array([-0.0]))


@pytest.mark.parametrize("n_rows", [1, 1023, 1024, 1025, 5000])
def test_blocks_are_seamless(n_rows, monkeypatch):
    from sufficiency.data import memory_maps as rows

    array = np.arange(n_rows * 3, dtype=np.float32).reshape(n_rows, 3)
    whole = array_fingerprint(array)
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 1024)
    assert array_fingerprint(array) == whole
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 1)
    assert array_fingerprint(array) == whole


def test_any_dtype_has_a_fingerprint():
    arrays = [
        np.zeros(0),
        np.zeros((0, 3)),
        np.array(3.0),
        np.array(["a", "b"]),
        np.array([b"a", b"b"]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.array([True, False]),
        np.array([1j]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("c", "f8")]),
        np.array(["a", 1, None, 1.5], dtype=object),
        np.array(["a", True, None, 1.5], dtype=object),
    ]
    assert len({array_fingerprint(array) for array in arrays}) == len(arrays)


def test_objects_without_content_are_refused():
    with pytest.raises(TypeError, match="must hold text, numbers or None"):
        array_fingerprint(np.array([object()]))


def test_a_memory_map_is_never_loaded_as_a_whole(tmp_path):
    path = tmp_path / "data.bin"
    mapped = np.memmap(path, dtype=np.float32, mode="w+", shape=(1 << 14, 1 << 10))
    mapped[::1000] = 1.0
    for array in (mapped, mapped.T):
        tracemalloc.start()
        fingerprint = array_fingerprint(array)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # blocks are of 4 MiB, and a transposed one is copied; the map has 64 MiB
        assert peak < 3 * (1 << 22)
        assert fingerprint == array_fingerprint(np.array(array))


def test_tensors_of_any_kind():
    base = torch.arange(12.0).reshape(3, 4)
    assert tensor_fingerprint(base.T) == tensor_fingerprint(base.T.contiguous())
    assert tensor_fingerprint(base) != tensor_fingerprint(base.T)
    tensors = [
        base,
        base.double(),
        base.bfloat16(),
        base.half(),
        base.long(),
        base > 3,
        torch.tensor(1.0),
        torch.zeros(0),
        torch.zeros(0, 3),
        torch.tensor([1 + 2j]),
        torch.tensor([1 + 2j]).conj(),
    ]
    assert len({tensor_fingerprint(tensor) for tensor in tensors}) == len(tensors)


def test_digests_know_no_order_of_dictionaries():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    different = [{"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"b": 1}, {"a": [1]}, {"a": None}]
    assert len({digest(node) for node in different}) == len(different)
