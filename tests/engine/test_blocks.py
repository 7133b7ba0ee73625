"""Blocks fit into the cache and the budget; what is a view costs nothing."""

import numpy as np
import pytest
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency.engine.blocks import plan_blocks

MIB = 2**20


def plan(module, shape, **kwargs):
    net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss).initialize()
    X, y = np.zeros(shape, dtype="float32"), np.zeros(shape[0], dtype="int64")
    return plan_blocks(net, X, y, **{"n_draws": 32, "vectorize": True, **kwargs})


def wide(n_inputs=64):
    return nn.Sequential(nn.Flatten(), nn.Linear(n_inputs, 256), nn.ReLU(), nn.Linear(256, 10))


def test_the_largest_layer_of_a_block_stays_in_the_cache():
    """256 floats are 1 KiB a draw and sample: 4 MiB hold 4 096 of them."""
    blocks = plan(wide(), (10_000, 64))
    assert (blocks.draws, blocks.samples) == (32, 4096 // 32)
    assert blocks.vectorize


def test_flattened_images_are_no_activation_of_every_draw():
    """3 072 floats of input would leave a quarter of the samples, were they counted."""
    blocks = plan(wide(3072), (10_000, 3, 32, 32))
    assert blocks.draws * blocks.samples == pytest.approx(4096, abs=32)


def test_maps_that_fill_the_cache_alone_are_looped():
    """64 maps of 32 × 32 are 256 KiB a sample: 16 samples of one draw."""
    convolutional = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.Flatten(), nn.Linear(65536, 2))
    blocks = plan(convolutional, (512, 3, 32, 32))
    assert (blocks.draws, blocks.samples, blocks.vectorize) == (1, 16, False)


@pytest.mark.parametrize("budget", [MIB, 4 * MIB, 64 * MIB])
def test_weights_stay_within_half_the_budget(budget):
    """16 640 + 2 570 floats a draw, twice while they are stacked."""
    blocks = plan(wide(), (10_000, 64), budget=budget)
    assert blocks.draws * 2 * 4 * (64 * 256 + 256 + 2570) <= budget / 2
    # ReLU's output besides the linear layers', three times
    assert blocks.draws * blocks.samples * 3 * 4 * (256 + 256 + 10) <= budget / 2


def test_a_restricted_probe_has_smaller_draws():
    whole = plan(wide(3072), (10_000, 3072), budget=64 * MIB)
    assert whole.draws == 5  # of 3.2 MB, twice, in 32 MiB
    last_layer = plan(wide(3072), (10_000, 3072), budget=64 * MIB, weight_bytes=4 * 2570)
    assert last_layer.draws == 32


def test_few_samples_are_one_block():
    blocks = plan(wide(), (20, 64))
    assert (blocks.draws, blocks.samples) == (32, 20)
