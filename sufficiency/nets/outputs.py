"""What a module gives: in words, and whether its criterion can mean it."""

import dataclasses
from collections.abc import Mapping

import torch
from skorch import NeuralNet, NeuralNetClassifier
from torch import Tensor, nn

from sufficiency.exceptions import UnsupportedNetError

HOW_TO_CAST = (
    "; NumPy has no bfloat16: let `forward` begin with X.to(torch.bfloat16) and end with .float()"
)
# Rounding of probabilities in half precision.
_ROUNDING = 1e-2


def how_to_choose(output: object) -> str:
    """An output that is no tensor, and how a net picks the one that its criterion takes."""
    if output is None or isinstance(output, Tensor):
        return ""
    names: list[object] = []
    if isinstance(output, Mapping):
        names = list(output)
    elif dataclasses.is_dataclass(output):
        names = [field.name for field in dataclasses.fields(output)]
    name = "logits" if "logits" in names else next(iter(names), 0)
    chosen = f".{name}" if names and not isinstance(output, Mapping) else f"[{name!r}]"
    held = f" ({', '.join(map(str, names))})" if names else ""
    return (
        f"its module gives {type(output).__name__}{held}, no tensor; let `forward` return the one "
        "that the criterion takes, in training mode, too, or choose it in a subclass of the net, "
        f"`def infer(self, x, **fit_params): return super().infer(x, **fit_params){chosen}`, or "
        "compute the loss of all outputs in its get_loss"
    )


def check_output(net: NeuralNet, output: object) -> None:
    """Refuse what NumPy does not have, and logits for NLLLoss."""
    if not isinstance(output, Tensor):
        return
    if output.dtype == torch.bfloat16:
        raise UnsupportedNetError(
            f"`net` must give outputs that NumPy has, got bfloat16{HOW_TO_CAST}"
        )
    # skorch's classifier takes the logarithm itself
    of_class = NeuralNetClassifier if isinstance(net, NeuralNetClassifier) else NeuralNet
    if not isinstance(net.criterion_, nn.NLLLoss):
        return
    if type(net).get_loss is not of_class.get_loss:
        return
    least, most = float(output.min()), float(output.max())
    if of_class is NeuralNetClassifier and not (least >= 0.0 and most <= 1.0 + _ROUNDING):
        raise UnsupportedNetError(
            "`net` has the criterion NLLLoss, for which its module must give probabilities, got "
            f"values from {least:.3g} to {most:.3g}; set criterion=torch.nn.CrossEntropyLoss for "
            "logits, or end the module with a softmax"
        )
    if of_class is NeuralNet and most > _ROUNDING:
        raise UnsupportedNetError(
            "`net` has the criterion NLLLoss, for which its module must give logarithms of "
            f"probabilities, got values up to {most:.3g}; set "
            "criterion=torch.nn.CrossEntropyLoss for logits, or end the module with a log_softmax"
        )
