"""What a result records of how it was measured: enough to tell two ways apart."""

import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import LRScheduler
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.fit.plan import plan_fit
from tests.helpers import classifier, labeled, measured


def record(net, **parameters):
    est = LandscapeSufficiencyEstimator(net, sizes=3, min_steps=0, random_state=0, **parameters)
    return plan_fit(est, *labeled(120)).settings.record


def test_nets_that_train_otherwise_are_told_apart():
    nets = [
        classifier(),
        classifier(lr=0.2),
        classifier(max_epochs=4),
        classifier(optimizer=torch.optim.Adam),
        classifier(optimizer__weight_decay=0.1),
        classifier(module__dropout=0.1),
        classifier(callbacks=[LRScheduler(policy="StepLR", step_size=2)]),
        classifier(nn.Linear(3, 3)),
        classifier(nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 3))),
        classifier(nn.Sequential(nn.Linear(3, 9), nn.Linear(9, 3))),
    ]
    said = [record(net)["net_parameters"] for net in nets]
    assert len(set(said)) == len(nets)
    assert said[0].startswith("module=Perceptron, criterion=CrossEntropyLoss, optimizer=SGD")
    assert "module__n_outputs=3" in said[0]
    assert said == [record(net)["net_parameters"] for net in nets]


class Weighted(nn.Linear):
    def __init__(self, n_outputs, table):
        super().__init__(3, n_outputs)


def test_what_the_data_or_the_machine_decide_is_no_difference():
    said = []
    for seed in (0, 1):
        table = torch.full((3,), float(seed))
        net = classifier(Weighted, module__n_outputs=3, module__table=table, verbose=seed)
        said.append(record(net)["net_parameters"])
    assert said[0] == said[1]
    assert "module__table=Tensor" in said[0]
    assert " at 0x" not in said[0]


@pytest.mark.parametrize(
    ("scoring", "words"),
    [(None, "the net's own"), ("f1_macro", "f1_score"), (lambda net, X, y: 1.0, "<lambda>")],
)
def test_the_score_is_named(scoring, words):
    assert words in record(classifier(), scoring=scoring)["scoring"]


def test_a_net_without_a_score_says_so():
    net = NeuralNet(nn.Linear, module__in_features=3, module__out_features=1, criterion=nn.MSELoss)
    est = LandscapeSufficiencyEstimator(net, sizes=3, random_state=0)
    assert plan_fit(est, *measured(120)).settings.record["scoring"] == "none"
