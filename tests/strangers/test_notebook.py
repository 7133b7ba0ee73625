"""A notebook as strangers run it: progress, figures, representations, each warning once."""

import os
import re

import pytest

SETUP = """
import numpy as np
from skorch import NeuralNetClassifier
from torch import nn
from grumbling import Grumbling
from sufficiency import LandscapeSufficiencyEstimator

y = np.arange(60) % 3
X = (np.random.default_rng(0).normal(size=(60, 4)) + y[:, None]).astype(np.float32)
net = NeuralNetClassifier(Grumbling, criterion=nn.CrossEntropyLoss, max_epochs=2, lr=0.1)
"""
FIT = """
est = LandscapeSufficiencyEstimator(
    net, sizes=4, n_repeats=2, n_draws=3, min_steps=0, random_state=0, verbose=1
)
est.fit(X, y)
"""
CELLS = {
    "setup": SETUP,
    "fit": FIT,
    "result": "est.result_",
    "verdict": "est.verdict(1e-3)",
    "plan": "est.plan(0.5)",
    "figure": "est.plot_delta(threshold=1e-3);",
    "display": "est.plot_learning_curve()",
    "cost": "est.estimate_cost(X, y)",
    "beyond": "est.predict_sufficient_size(1e-9)",
}
MODULE = """
import warnings
from torch import nn

class Grumbling(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, X):
        warnings.warn("this module is old", UserWarning)
        return self.layer(X)
"""
# What the libraries that run notebooks say themselves.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),
]


@pytest.fixture(scope="module")
def outputs(require_module, tmp_path_factory):
    """Outputs of all cells, by name."""
    require_module("ipykernel")
    nbformat, nbclient = require_module("nbformat"), require_module("nbclient")
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "grumbling.py").write_text(MODULE, encoding="utf-8")
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    # no profile of whoever runs the tests, and the notebook's own way to draw
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    client.execute(env=environment | {"IPYTHONDIR": str(folder / "ipython")})
    return dict(zip(CELLS, (cell.outputs for cell in notebook.cells), strict=True))


def written(outputs) -> str:
    return "".join(output.text for output in outputs if output.output_type == "stream")


def shown(outputs) -> dict[str, str]:
    [data] = [output.data for output in outputs if "data" in output]
    return data


def test_nothing_is_said_before_there_is_something_to_say(outputs):
    assert outputs["setup"] == []


def test_the_fit_shows_its_progress_and_each_warning_once(outputs):
    text = written(outputs["fit"])
    assert "100%" in text
    assert "8/8" in text
    warned = re.findall(r"(\w+Warning: .*)", text)
    assert len(warned) == len(set(warned))
    assert "UserWarning: this module is old" in warned
    assert any(line.startswith("NotSettledWarning: ") for line in warned)
    assert written(outputs["cost"]).count("UserWarning: this module is old") == 1
    assert written(outputs["beyond"]).count("ExtrapolationWarning: ") == 1
    assert all(written(outputs[name]) == "" for name in ("result", "verdict", "plan", "figure"))


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("fit", "LandscapeSufficiencyEstimator", "Fitted"),
        ("result", "SufficiencyResult", "2 repeats of 4 sizes"),
        ("verdict", "Verdict", "Samples you have"),
        ("plan", "CollectionPlan", "Collect"),
        ("cost", "CostEstimate", "One cell"),
    ],
)
def test_objects_are_shown_richly_and_shortly(outputs, name, kind, said):
    data = shown(outputs[name])
    assert data["text/plain"].startswith(f"{kind}(")
    assert said in data["text/html"]
    if name != "fit":  # scikit-learn's own
        assert len(data["text/plain"]) < 250
        assert not re.search("<(script|style|link|img)", data["text/html"])


def test_figures_are_shown_once(outputs):
    for name in ("figure", "display"):
        images = [output for output in outputs[name] if "image/png" in output.get("data", {})]
        assert len(images) == 1
