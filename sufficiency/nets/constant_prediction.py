"""Loss of the best constant prediction, which a net has to beat."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet, NeuralNetClassifier
from torch import Tensor, nn

from sufficiency.data.rows import take_rows
from sufficiency.nets.losses import sample_blocks
from sufficiency.nets.skorch_nets import evaluation_mode

_MAX_ITERATIONS = 200
_MAX_SAMPLES = 10_000


def _link(net: NeuralNet, free: Tensor) -> Tensor:
    """Outputs that the criterion accepts, from unconstrained numbers."""
    if isinstance(net.criterion_, nn.NLLLoss):
        # skorch's classifier takes probabilities here and logs them, plain nets give logarithms
        return free.softmax(0) if isinstance(net, NeuralNetClassifier) else free.log_softmax(0)
    return free.sigmoid() if isinstance(net.criterion_, nn.BCELoss) else free


def constant_loss(net: NeuralNet, X: Any, y: npt.NDArray) -> float:
    """
    Lowest mean loss over the samples that one output for all of them can have.

    For cross-entropy this is the entropy of the class shares, for squared error the variance of
    the targets. Found by L-BFGS through the net's own ``get_loss``.
    """
    with evaluation_mode(net):
        with torch.no_grad():
            output = net.infer(next(sample_blocks(net, take_rows(X, slice(2)), y[:2], 2))[0])
        if not isinstance(output, Tensor):
            return math.nan
        if len(y) > _MAX_SAMPLES:
            # at random, as classes may alternate
            y = y[np.random.default_rng(0).choice(len(y), _MAX_SAMPLES, replace=False)]
        target = torch.as_tensor(y, device=net.device)
        free = torch.zeros(output.shape[1:], dtype=output.dtype, device=output.device)
        # a regression starts at its mean, logits and probabilities at zero
        bounded = isinstance(net.criterion_, (nn.BCELoss, nn.BCEWithLogitsLoss, nn.PoissonNLLLoss))
        if target.shape[1:] == free.shape and target.is_floating_point() and not bounded:
            free = target.mean(0).to(free.dtype)
        return _minimize(net, free.requires_grad_(), target)


def _minimize(net: NeuralNet, free: Tensor, target: Tensor) -> float:
    optimizer = torch.optim.LBFGS(
        [free], max_iter=_MAX_ITERATIONS, line_search_fn="strong_wolfe", tolerance_grad=1e-7
    )

    def mean_loss() -> Tensor:
        optimizer.zero_grad()
        outputs = _link(net, free).expand(len(target), *free.shape)
        loss = net.get_loss(outputs, target, X=None, training=False)
        if loss.requires_grad:
            loss.backward()
        return loss

    first = float(mean_loss().detach())
    optimizer.step(mean_loss)
    final = float(mean_loss().detach())
    return min(first, final) if math.isfinite(final) else math.nan
