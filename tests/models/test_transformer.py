import numpy as np
import pytest
import torch
from scipy.special import erf
from torch import nn

from sufficiency.models import Transformer

N_TOKENS, CONTEXT = 11, 6


@pytest.fixture
def module():
    torch.manual_seed(0)
    return Transformer(N_TOKENS, CONTEXT, width=8, depth=2, n_heads=2).eval()


@pytest.fixture
def tokens(rng):
    return torch.from_numpy(rng.integers(0, N_TOKENS, (4, CONTEXT)))


# Embeddings of tokens and positions, blocks (two norms, the three projections, the output, the
# two layers in between), the last norm and the head, added up by hand
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            (11, 6, 8, 2, 2),
            88
            + 48
            + 2 * (2 * 16 + (3 * 64 + 24) + (64 + 8) + (256 + 32) + (256 + 8))
            + 16
            + (88 + 11),
        ),
        (
            (100, 32),
            6_400
            + 2_048
            + 2 * (2 * 128 + (12_288 + 192) + (4_096 + 64) + (16_384 + 256) + (16_384 + 64))
            + 128
            + (6_400 + 100),
        ),
        (
            (2, 1, 4, 1, 1),
            8 + 4 + (16 + (48 + 12) + (16 + 4) + (64 + 16) + (64 + 4)) + 8 + (8 + 2),
        ),
    ],
)
def test_parameters(arguments, expected):
    module = Transformer(*arguments)
    assert sum(parameter.numel() for parameter in module.parameters()) == expected


def norm(x, weight, bias):
    centered = x - x.mean(-1, keepdims=True)
    return weight * centered / np.sqrt(x.var(-1, keepdims=True) + 1e-5) + bias


def by_hand(module, sequence):
    """Logits (length, tokens) of one sequence in float64, position by position."""
    w = {name: p.detach().double().numpy() for name, p in module.named_parameters()}
    x = w["tokens.weight"][sequence] + w["positions.weight"][: len(sequence)]
    for block in ("blocks.0.", "blocks.1."):
        part = {n.removeprefix(block): p for n, p in w.items() if n.startswith(block)}
        z = norm(x, part["attention_norm.weight"], part["attention_norm.bias"])
        z = z @ part["attention.query_key_value.weight"].T + part["attention.query_key_value.bias"]
        heads = []
        for head in range(2):
            query, key, value = (z[:, 8 * i + 4 * head :][:, :4] for i in range(3))
            rows = []
            for i in range(len(sequence)):
                scores = np.exp(key[: i + 1] @ query[i] / 2)  # four features a head
                rows.append(scores @ value[: i + 1] / scores.sum())
            heads.append(rows)
        z = np.concatenate(heads, axis=1)
        x = x + z @ part["attention.output.weight"].T + part["attention.output.bias"]
        z = norm(x, part["feedforward_norm.weight"], part["feedforward_norm.bias"])
        z = z @ part["feedforward.0.weight"].T + part["feedforward.0.bias"]
        z = z * (1 + erf(z / np.sqrt(2))) / 2
        x = x + z @ part["feedforward.2.weight"].T + part["feedforward.2.bias"]
    return norm(x, w["norm.weight"], w["norm.bias"]) @ w["head.weight"].T + w["head.bias"]


def test_forward_is_the_formula(module, tokens):
    with torch.no_grad():
        for part in module.parameters():  # norms and biases that are not 1 and 0
            part += 0.1 * torch.randn(part.shape)
    found = module(tokens).detach()
    expected = np.stack([by_hand(module, sequence.numpy()) for sequence in tokens])
    # a dozen sums of up to 32 terms of order one in float32: some hundred roundings of 6e-8
    np.testing.assert_allclose(found.transpose(1, 2), expected, rtol=1e-4, atol=1e-5)


def test_positions_depend_on_no_later_token(module, tokens):
    before = module(tokens)
    for position in range(1, CONTEXT):
        changed = tokens.clone()
        changed[:, position] = (changed[:, position] + 1) % N_TOKENS
        after = module(changed)
        assert torch.equal(after[:, :, :position], before[:, :, :position])
        assert not torch.equal(after[:, :, position:], before[:, :, position:])


def test_shorter_sequences_are_the_beginnings_of_longer_ones(module, tokens):
    whole = module(tokens)
    assert whole.shape == (4, N_TOKENS, CONTEXT)
    # the same sums, perhaps in another order: a few roundings of numbers of order one
    torch.testing.assert_close(module(tokens[:, :3]), whole[:, :, :3], rtol=1e-5, atol=1e-6)


def test_dropout_acts_in_training_alone(tokens):
    module = Transformer(N_TOKENS, CONTEXT, width=8, depth=1, n_heads=2, dropout=0.5)
    assert not torch.equal(module.train()(tokens), module(tokens))
    assert torch.equal(module.eval()(tokens), module(tokens))


def test_second_derivatives_are_those_of_finite_differences(module, tokens):
    """Of the gradient, which central differences of the loss check in turn; all in float64."""
    module = module.double()
    parameters = dict(module.named_parameters())
    generator = torch.Generator().manual_seed(1)
    direction = {
        n: torch.randn(p.shape, generator=generator, dtype=p.dtype) for n, p in parameters.items()
    }
    targets = tokens.roll(1, 1)

    def loss(step=0.0):
        moved = {n: p + step * direction[n] for n, p in parameters.items()}
        logits = torch.func.functional_call(module, moved, (tokens,))
        return nn.functional.cross_entropy(logits, targets)

    step = torch.zeros((), dtype=torch.float64, requires_grad=True)
    value = loss(step)
    [slope] = torch.autograd.grad(value, step, create_graph=True)
    [curvature] = torch.autograd.grad(slope, step, create_graph=True)
    # Differences over h have a truncation error of h² L'''' and a rounding error of 1e-16/h²,
    # both 1e-8 at h = 1e-4 for derivatives of the loss along the direction of up to 1e2
    h = 1e-4
    with torch.no_grad():
        up, middle, down = loss(h), loss(), loss(-h)
    assert slope.item() == pytest.approx(((up - down) / (2 * h)).item(), rel=1e-4, abs=1e-5)
    second = (up - 2 * middle + down) / h**2
    assert curvature.item() == pytest.approx(second.item(), rel=1e-4, abs=1e-4)
    # a double backward through every parameter exists
    gradients = torch.autograd.grad(loss(), list(parameters.values()), create_graph=True)
    product = sum((g * v).sum() for g, v in zip(gradients, direction.values(), strict=True))
    seconds = torch.autograd.grad(product, list(parameters.values()))
    dotted = sum((s * v).sum() for s, v in zip(seconds, direction.values(), strict=True))
    # the same number by another way in float64
    assert dotted.item() == pytest.approx(curvature.item(), rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1, 6), ValueError, "`n_tokens` must be >= 2, got 1"),
        ((11, 0), ValueError, "`context` must be >= 1, got 0"),
        ((11, 6, 10, 2, 4), ValueError, "`width` must be a multiple of `n_heads`, got 10 .* 8 is"),
        ((11, 6, 2, 2, 4), ValueError, "`width` must be a multiple of `n_heads`, got 2 .* 4 is"),
        ((11, 6, 8, 0), ValueError, "`depth` must be >= 1, got 0"),
        ((11, 6, 8, 1, 2, 1.5), ValueError, r"`dropout` must be in \[0, 1\), got 1.5"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        Transformer(*arguments)


def test_too_long_sequences_are_refused(module):
    with pytest.raises(ValueError, match="`X` must hold sequences of at most 6 tokens, got 7"):
        module(torch.zeros(1, 7, dtype=torch.int64))
