"""A decoder-only transformer, small enough for the language example."""

import math

import torch
from torch import Tensor, nn

from sufficiency._validation import check_integer
from sufficiency.models.feedforward import check_dropout

__all__ = ["Transformer"]


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
        dropout = check_dropout(dropout)
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
