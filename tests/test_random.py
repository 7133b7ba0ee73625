import itertools
import random

import numpy as np
import pytest
import torch

from sufficiency._random import child_rng, child_seed, isolated_rng, seed_from
from tests.helpers import global_states, untouched_generators

PURPOSES = ("candidates", "order", "training", "probe", "refit", "check", "directions")


def test_seeds_depend_on_every_part_of_the_task_and_differ():
    tasks = [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0), (0, 0, 1), (2**20, 5)]
    seeds = [
        child_seed(root, purpose, *keys)
        for root, purpose, keys in itertools.product((0, 1, 2**31 - 2), PURPOSES, tasks)
    ]
    # 168 seeds of 63 bits: two collide by chance once in 10^15 tries
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_are_what_they_were():
    # written down once: results on disk and in papers rest on them
    assert child_seed(0, "training", 1, 100) == 440766904708905403
    assert child_seed(42, "probe", 0, 10, 3) == 2788616272686116904


def test_seeds_do_not_use_the_global_generators():
    with untouched_generators():
        child_rng(3, "order", 1).random(10)


def test_child_rng_is_the_generator_on_the_child_seed():
    expected = np.random.default_rng(child_seed(7, "order", 2)).random(5)
    assert child_rng(7, "order", 2).random(5).tobytes() == expected.tobytes()


def draws():
    return random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002


def test_inside_the_shelter_the_seed_decides_all_three_generators():
    with isolated_rng(5):
        first = draws()
    draws()
    with isolated_rng(5):
        second = draws()
    with isolated_rng(6):
        other = draws()
    assert first == second
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_large_seeds_are_taken():
    with isolated_rng(2**63 - 1):
        first = draws()
    with isolated_rng(2**63 - 1):
        assert draws() == first


def test_states_are_restored_after_success_and_after_an_exception():
    with untouched_generators(), isolated_rng(1):
        draws()
    with untouched_generators(), pytest.raises(ZeroDivisionError), isolated_rng(1):
        draws()[0] / 0


def test_shelters_may_be_nested():
    with isolated_rng(1):
        draws()
        expected = draws()
    with untouched_generators(), isolated_rng(1):
        draws()
        with isolated_rng(2):
            draws()
        assert draws() == expected


def test_the_oracle_of_these_tests_notices_each_generator():
    for use in (random.random, np.random.random, lambda: torch.rand(1)):
        before = global_states()
        use()
        assert global_states() != before


def test_a_random_state_is_what_scikit_learn_takes():
    assert seed_from(7) == seed_from(np.int64(7)) == 7
    state = np.random.RandomState(3)
    drawn = [seed_from(state), seed_from(state)]
    state = np.random.RandomState(3)
    assert drawn == [state.randint(2**31 - 1), state.randint(2**31 - 1)]
    with isolated_rng(1):
        first = seed_from(None)
    with isolated_rng(1):
        assert seed_from(None) == first
    for wrong in (-1, "seed"):
        with pytest.raises(ValueError, match=r"(?i)seed"):
            seed_from(wrong)
