"""The fully connected and the convolutional networks of the paper, and a small transformer."""

import math

import torch
from torch import Tensor, nn

from sufficiency._validation import check_integer, check_number


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
        dropout = _check_dropout(dropout)
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
    n_outputs, batch_norm, dropout
        As in :class:`MLP`; dropout takes single numbers of feature maps.
    image_size : int or (int, int), default=32
        Height and width of an image in pixels; one number for squares.
    channels : int, default=64
        Channels of every convolution.
    depth : int, default=4
        Convolutions.
    kernel_size, padding : int, default=3 and 1
        Of every convolution, in pixels; the padding is zeros around the image.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or no number, or the convolutions leave nothing of the image.

    References
    ----------
    As for :class:`MLP`, sections 5.2 and 5.3, appendix B.

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
        dropout = _check_dropout(dropout)
        height, width = _feature_map(image_size, depth * (2 * padding - kernel_size + 1))
        layers: list[nn.Module] = []
        for _ in range(depth):
            norm = [nn.BatchNorm2d(channels)] if batch_norm else []
            conv = nn.Conv2d(fan_in, channels, kernel_size, padding=padding, bias=not batch_norm)
            layers += [conv, *norm, nn.ReLU(), nn.Dropout(dropout)]
            fan_in = channels
        layers += [nn.Flatten(), nn.Linear(channels * height * width, n_outputs)]
        self.layers = nn.Sequential(*layers)

    def forward(self, X: Tensor) -> Tensor:
        """Logits or regression values (n, n_outputs) of images (n, in_channels, height, width)."""
        output: Tensor = self.layers(X)
        return output


class Transformer(nn.Module):
    """
    Decoder-only transformer that predicts the next token at every position.

    Embeddings of tokens and of positions are added; then follow `depth` blocks of causal
    self-attention and a feed-forward layer of 4 · `width` GELU units, layer norms before both
    (Radford et al. 2019), a last layer norm and a linear layer to the tokens that shares no
    weights with the embedding. GELU and softmax are smooth, and attention is written out in matrix
    products, so that the loss has second derivatives everywhere and vmap takes the network.

    The number of parameters is, with v tokens, a context of t, d blocks and width w::

        (v + t) w  +  d (12 w² + 13 w)  +  2 w  +  (w + 1) v

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary.
    context : int
        Longest sequence, in tokens.
    width : int, default=64
        Features of a token, a multiple of `n_heads`.
    depth : int, default=2
        Blocks.
    n_heads : int, default=4
        Attention heads of `width` / `n_heads` features.
    dropout : float, default=0.0
        Probability that a number is dropped in training, in [0, 1): of the embeddings, of the
        attention and of what a block adds.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or no number.

    References
    ----------
    Vaswani et al. 2017: Attention is all you need.
    Radford et al. 2019: Language models are unsupervised multitask learners.

    Examples
    --------
    >>> module = Transformer(n_tokens=100, context=32)
    >>> sum(parameter.numel() for parameter in module.parameters())
    115044
    >>> tokens = torch.randint(0, 100, (5, 32))
    >>> module(tokens).shape
    torch.Size([5, 100, 32])
    """

    def __init__(
        self,
        n_tokens: int,
        context: int,
        width: int = 64,
        depth: int = 2,
        n_heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        n_tokens = check_integer("n_tokens", n_tokens, 2)
        self.context = check_integer("context", context, 1)
        width = check_integer("width", width, 1)
        depth = check_integer("depth", depth, 1)
        n_heads = check_integer("n_heads", n_heads, 1)
        dropout = _check_dropout(dropout)
        if width % n_heads:
            raise ValueError(
                f"`width` must be a multiple of `n_heads`, got {width} for {n_heads} heads; "
                f"{width - width % n_heads or n_heads} is one"
            )
        self.tokens = nn.Embedding(n_tokens, width)
        self.positions = nn.Embedding(self.context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(_Block(width, n_heads, dropout) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, n_tokens)

    def forward(self, X: Tensor) -> Tensor:
        """
        Logits of the token that follows each token.

        Parameters
        ----------
        X : (n, length) int64 tensor
            Tokens in [0, n_tokens), of at most `context` each.

        Returns
        -------
        (n, n_tokens, length) tensor
            Classes second, as torch's CrossEntropyLoss takes them. Position i depends on tokens
            0 … i alone.

        Raises
        ------
        ValueError
            If the sequences are longer than `context`.
        """
        length = X.shape[1]
        if length > self.context:
            raise ValueError(
                f"`X` must hold sequences of at most {self.context} tokens, got {length}; raise "
                "`context` or cut them"
            )
        places = torch.arange(length, device=X.device)
        features = self.dropout(self.tokens(X) + self.positions(places))
        logits: Tensor = self.head(self.norm(self.blocks(features)))
        return logits.transpose(1, 2)


class _Block(nn.Module):
    """Attention and feed-forward layer, each with a residual connection."""

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = _CausalAttention(width, n_heads, dropout)
        self.feedforward_norm = nn.LayerNorm(width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        features = features + self.dropout(self.attention(self.attention_norm(features)))
        change: Tensor = self.feedforward(self.feedforward_norm(features))
        return features + self.dropout(change)


class _CausalAttention(nn.Module):
    """softmax(Q Kᵀ / √(features of a head)) V, over positions that are not later."""

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        n, length, width = features.shape
        # Written out: torch's fused kernels have neither a batching rule nor second derivatives.
        parts = self.query_key_value(features).reshape(n, length, 3, self.n_heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-2, -1) / math.sqrt(width // self.n_heads)
        later = torch.ones(length, length, dtype=torch.bool, device=features.device).triu(1)
        attention = self.dropout(scores.masked_fill(later, -math.inf).softmax(-1))
        mixed = (attention @ value).transpose(1, 2).reshape(n, length, width)
        output: Tensor = self.output(mixed)
        return output


def _check_dropout(dropout: float) -> float:
    """Return `dropout` as float if it is a probability below 1."""
    rate = check_number("dropout", dropout, at_least=0.0)
    if rate >= 1:
        raise ValueError(f"`dropout` must be in [0, 1), got {dropout}; at 1 nothing is left")
    return rate


def _feature_map(image_size: int | tuple[int, int], growth: int) -> tuple[int, int]:
    """Height and width of the last feature maps."""
    sides = image_size if isinstance(image_size, (tuple, list, torch.Size)) else [image_size] * 2
    if len(sides) != 2:
        raise ValueError(
            f"`image_size` must be one number or (height, width), got {tuple(sides)}; the number "
            "of channels is `in_channels`"
        )
    height, width = (check_integer("image_size", side, 1) for side in sides)
    if min(height, width) + growth < 1:
        raise ValueError(
            f"`image_size` must be > {-growth} for these convolutions, got {(height, width)}; "
            "raise `padding`, or lower `depth` or `kernel_size`"
        )
    return height + growth, width + growth
