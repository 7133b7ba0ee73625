"""Where losses can be differentiated twice."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from skorch import NeuralNet
from torch.nn.attention import SDPBackend, sdpa_kernel

from sufficiency.exceptions import UnsupportedNetError
from sufficiency.nets.skorch_nets import evaluation_mode

__all__ = ["twice_differentiable"]


@contextmanager
def twice_differentiable(net: NeuralNet) -> Iterator[None]:
    """
    Evaluation mode, with every kernel switched off that has no second derivative.

    cuDNN has no backward pass for recurrent layers in evaluation mode, the fused attention kernels
    none of a backward pass, and the fused transformer layer of evaluation mode no backward at all.
    Everything is restored afterwards.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        stack.enter_context(evaluation_mode(net))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.callback(torch.backends.mha.set_fastpath_enabled, fused)
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        except NotImplementedError as error:
            raise UnsupportedNetError(
                f"`net` has no second derivatives: {error}; use method='monte_carlo' and a probe "
                "without curvature"
            ) from error
