"""The fully connected and the convolutional networks of the paper."""

import torch
from torch import Tensor, nn

from sufficiency._validation import check_integer, check_number

__all__ = ["MLP", "ConvNet"]


class MLP(nn.Module):
    """
    Fully connected network of equally wide hidden layers.

    The defaults are those of the paper's section 5 and appendix B: four hidden layers of 128
    ReLU units, with batch norm and dropout switched on where an experiment asks for them. The
    paper gives neither their place nor a dropout rate; here a layer is linear, batch norm, ReLU,
    dropout, and a layer before a batch norm has no bias, which the norm would cancel.

    The number of parameters is, with n inputs, d hidden layers of w units, c outputs and b = 1,
    or b = 2 with batch norm (a scale and a shift in place of the bias)::

        (n + b) w  +  (d − 1) (w + b) w  +  (w + 1) c

    Parameters
    ----------
    n_inputs : int
        Features of a sample, after flattening.
    n_outputs : int
        Classes, or regression targets.
    width : int, default=128
        Units of a hidden layer.
    depth : int, default=4
        Hidden layers.
    batch_norm : bool, default=False
        Whether hidden layers are batch-normalized.
    dropout : float, default=0.0
        Probability that a hidden unit is dropped in training, in [0, 1).

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or no number.

    References
    ----------
    Kiselev, Meshkov, Grabovoy: Robust Convergence of Loss Landscapes through Distributional
    Averaging. Sections 5.2 and 5.4, appendix B.1.

    Examples
    --------
    The paper's network on CIFAR-10:

    >>> module = MLP(3 * 32 * 32, 10)
    >>> sum(parameter.numel() for parameter in module.parameters())
    444170
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        width: int = 128,
        depth: int = 4,
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        fan_in = check_integer("n_inputs", n_inputs, 1)
        n_outputs = check_integer("n_outputs", n_outputs, 1)
        width = check_integer("width", width, 1)
        dropout = check_dropout(dropout)
        layers: list[nn.Module] = [nn.Flatten()]
        for _ in range(check_integer("depth", depth, 1)):
            norm = [nn.BatchNorm1d(width)] if batch_norm else []
            linear = nn.Linear(fan_in, width, bias=not batch_norm)
            layers += [linear, *norm, nn.ReLU(), nn.Dropout(dropout)]
            fan_in = width
        layers.append(nn.Linear(fan_in, n_outputs))
        self.layers = nn.Sequential(*layers)

    def forward(self, X: Tensor) -> Tensor:
        """Logits or regression values (n, n_outputs) of samples (n, …) of `n_inputs` numbers."""
        output: Tensor = self.layers(X)
        return output


class ConvNet(nn.Module):
    """
    Convolutions with equal numbers of channels, then a linear layer on the flattened feature maps.

    The defaults are those of the paper's section 5 and appendix B: four convolutions of 64
    channels, kernel size 3, padding 1, ReLU, with batch norm and dropout switched on where an
    experiment asks for them. The paper mentions no pooling, so there is none: the last feature
    maps are flattened. As in :class:`MLP`, a layer is convolution, batch norm, ReLU, dropout,
    without a bias before a batch norm. A further convolution to 16 channels, which the authors'
    released code has and the paper does not mention, is left out.

    The number of parameters is, with i channels in, d convolutions of w channels and kernel size
    k, an image of h × v pixels after them, c outputs and b = 1, or b = 2 with batch norm::

        (k² i + b) w  +  (d − 1) (k² w + b) w  +  (h v w + 1) c

    A convolution changes h and v by 2 · padding − k + 1, which is 0 by default.

    Parameters
    ----------
    in_channels : int
        Channels of an image: 3 for colors, 1 for shades of gray.
    n_outputs : int
        Classes, or regression targets.
    image_size : int or (int, int), default=32
        Height and width of an image in pixels; one number for squares.
    channels : int, default=64
        Channels of every convolution.
    depth : int, default=4
        Convolutions.
    kernel_size : int, default=3
        Of every convolution, in pixels.
    padding : int, default=1
        Zeros around the image in every convolution, in pixels.
    batch_norm : bool, default=False
        Whether feature maps are batch-normalized.
    dropout : float, default=0.0
        Probability that one number of a feature map is dropped in training, in [0, 1).

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or no number, or the convolutions leave nothing of the image.

    References
    ----------
    Kiselev, Meshkov, Grabovoy: Robust Convergence of Loss Landscapes through Distributional
    Averaging. Sections 5.2 and 5.3, appendix B.

    Examples
    --------
    The paper's network on CIFAR-10:

    >>> module = ConvNet(3, 10)
    >>> sum(parameter.numel() for parameter in module.parameters())
    767946
    """

    def __init__(
        self,
        in_channels: int,
        n_outputs: int,
        image_size: int | tuple[int, int] = 32,
        channels: int = 64,
        depth: int = 4,
        kernel_size: int = 3,
        padding: int = 1,
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        fan_in = check_integer("in_channels", in_channels, 1)
        n_outputs = check_integer("n_outputs", n_outputs, 1)
        channels = check_integer("channels", channels, 1)
        depth = check_integer("depth", depth, 1)
        kernel_size = check_integer("kernel_size", kernel_size, 1)
        padding = check_integer("padding", padding, 0)
        dropout = check_dropout(dropout)
        height, width = _size_after(_pair(image_size), depth * (2 * padding - kernel_size + 1))
        layers: list[nn.Module] = []
        for _ in range(depth):
            norm = [nn.BatchNorm2d(channels)] if batch_norm else []
            convolution = nn.Conv2d(
                fan_in, channels, kernel_size, padding=padding, bias=not batch_norm
            )
            layers += [convolution, *norm, nn.ReLU(), nn.Dropout(dropout)]
            fan_in = channels
        layers += [nn.Flatten(), nn.Linear(channels * height * width, n_outputs)]
        self.layers = nn.Sequential(*layers)

    def forward(self, X: Tensor) -> Tensor:
        """Logits or regression values (n, n_outputs) of images (n, in_channels, height, width)."""
        output: Tensor = self.layers(X)
        return output


def check_dropout(dropout: float) -> float:
    """Return `dropout` as float if it is a probability below 1."""
    rate = check_number("dropout", dropout, at_least=0.0)
    if rate >= 1:
        raise ValueError(f"`dropout` must be in [0, 1), got {dropout}; at 1 nothing is left")
    return rate


def _pair(image_size: int | tuple[int, int]) -> tuple[int, int]:
    sides = image_size if isinstance(image_size, (tuple, list, torch.Size)) else [image_size] * 2
    if len(sides) != 2:
        raise ValueError(
            f"`image_size` must be one number or (height, width), got {tuple(sides)}; the number "
            "of channels is `in_channels`"
        )
    height, width = (check_integer("image_size", side, 1) for side in sides)
    return height, width


def _size_after(image_size: tuple[int, int], growth: int) -> tuple[int, int]:
    """Height and width of the last feature maps."""
    height, width = (side + growth for side in image_size)
    if min(height, width) < 1:
        raise ValueError(
            f"`image_size` must be > {-growth} for these convolutions, got {image_size}; raise "
            "`padding`, or lower `depth` or `kernel_size`"
        )
    return height, width
