"""Unfitted skorch nets with the paper's training: Adam at 3e-4, batches of 64, cross-entropy."""

from typing import Any

import torch
from skorch import NeuralNet, NeuralNetClassifier
from torch import nn

from sufficiency.models.networks import MLP, ConvNet, Transformer

# Section 5.1 of the paper; what it leaves open: shuffled batches, no validation, silent.
_TRAINING: dict[str, Any] = {
    "criterion": nn.CrossEntropyLoss,
    "optimizer": torch.optim.Adam,
    "lr": 3e-4,
    "batch_size": 64,
    "iterator_train__shuffle": True,
    "train_split": None,
    "verbose": 0,
}


def mlp_classifier(n_inputs: int, n_outputs: int, **params: Any) -> NeuralNetClassifier:
    """
    Unfitted classifier on the paper's fully connected network, trained as the paper says.

    Adam with learning rate 3·10⁻⁴, batches of 64 and cross-entropy (section 5.1). The paper names
    no number of epochs; `max_epochs` stays at skorch's 10, and the estimator's `min_steps` gives
    small subsets more. Batches are shuffled and no sample is set aside for validation.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Features of a sample, after flattening, and classes.
    **params
        Anything that skorch's NeuralNetClassifier takes, in place of the above or beside it;
        those of :class:`MLP` as ``module__width``, ``module__depth``, ``module__batch_norm`` and
        ``module__dropout``.

    Returns
    -------
    NeuralNetClassifier
        Its module is a class, so that every clone starts from new weights.

    Examples
    --------
    >>> net = mlp_classifier(64, 10, module__batch_norm=True, max_epochs=20)
    >>> net.lr, net.batch_size, net.max_epochs
    (0.0003, 64, 20)
    """
    module = {"module__n_inputs": n_inputs, "module__n_outputs": n_outputs}
    return NeuralNetClassifier(MLP, **(_TRAINING | module | params))


def convnet_classifier(in_channels: int, n_outputs: int, **params: Any) -> NeuralNetClassifier:
    """
    Unfitted classifier on the paper's convolutional network, trained as :func:`mlp_classifier`.

    Parameters
    ----------
    in_channels, n_outputs : int
        Channels of an image, and classes.
    **params
        Anything that skorch's NeuralNetClassifier takes; those of :class:`ConvNet` as
        ``module__image_size`` (needed for images that are not 32 × 32), ``module__channels``,
        ``module__depth``, ``module__kernel_size``, ``module__padding``, ``module__batch_norm``
        and ``module__dropout``.

    Returns
    -------
    NeuralNetClassifier
        Its module is a class, so that every clone starts from new weights.

    Examples
    --------
    >>> net = convnet_classifier(1, 10, module__image_size=8, module__channels=16)
    >>> net.initialize().module_(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """
    module = {"module__in_channels": in_channels, "module__n_outputs": n_outputs}
    return NeuralNetClassifier(ConvNet, **(_TRAINING | module | params))


def language_model(n_tokens: int, context: int, **params: Any) -> NeuralNet:
    """
    Unfitted next-token model on a small decoder-only transformer.

    Training as in :func:`mlp_classifier`; the paper has no language model. A sample is a sequence
    X (context,) of tokens with the sequence y (context,) that comes one token later, and its loss
    is the mean cross-entropy over the positions, in nats per token.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary.
    context : int
        Longest sequence, in tokens.
    **params
        Anything that skorch's NeuralNet takes; those of :class:`Transformer` as
        ``module__width``, ``module__depth``, ``module__n_heads`` and ``module__dropout``.

    Returns
    -------
    NeuralNet
        Its ``predict`` gives logits, (n, n_tokens, length). It is no classifier in scikit-learn's
        sense, whose targets are single labels, and has no score.

    Examples
    --------
    >>> net = language_model(n_tokens=100, context=32, module__depth=1)
    >>> net.initialize().module_(torch.zeros(5, 32, dtype=torch.int64)).shape
    torch.Size([5, 100, 32])
    """
    module = {"module__n_tokens": n_tokens, "module__context": context}
    return NeuralNet(Transformer, **(_TRAINING | module | params))
