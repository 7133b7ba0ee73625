"""The nets of docs/studies/familiar_nets.py are measured, here on a few images of noise."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.docs_pages.pages import section_of, tables_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::sufficiency.exceptions.{name}Warning")
    for name in ("NotSettled", "HeavyTail", "InertProbe")
]

SMALL = {"sizes": [12, 20], "n_candidates": 8, "n_draws": 2, "min_steps": 2}


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.random((40, 1, 28, 28), dtype=np.float32), np.arange(40) % 10


# vmap does not take an LSTM
@pytest.mark.filterwarnings("ignore:vmap does not take this net:UserWarning")
# a ResNet-18 takes a minute here; tests/strangers/test_modules.py measures one on smaller images
@pytest.mark.parametrize("name", ["ViT", "LSTM", "frozen features"])
def test_every_net_is_measured(study, images, name):
    est = study("familiar_nets").estimator(name, **SMALL).set_params(net__max_epochs=1)
    deltas = est.fit(*images).result_.table("delta")
    assert deltas.shape == (2, 2)
    assert (deltas > 0).all()
    assert est.predict(images[0][:3]).shape == (3,)


def in_words(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def rows_of_nets(found):
    """A row for each net, the slowest first."""
    return [
        [
            name,
            f"{net['parameters']:,}".replace(",", " "),
            net["training"].split(":")[0],
            in_words(net["seconds"]),
            f"{in_words(net['fit_seconds'])}, {in_words(net['probe_seconds'])}",
            f"{net['by_size']['unseen_score'][-1]:.3f}",
        ]
        for name, net in sorted(found.items(), key=lambda item: -item[1]["seconds"])
    ]


def rows_of_heads(found):
    """A row for each σ."""
    return [
        [
            f"{row['sigma']:g}",
            *(
                f"{ratio:.4f} ± {ratio * error:.4f}"
                for ratio, error in zip(row["all_over_head"], row["stderr_of_log"], strict=True)
            ),
        ]
        for row in found
    ]


def test_the_page_shows_the_committed_run():
    run = json.loads((DOCS / "studies/results/familiar_nets.json").read_text("utf-8"))
    page = (DOCS / "how-to/familiar-nets.md").read_text("utf-8")
    nets, *_ = tables_of(page)
    assert nets[1:] == rows_of_nets(run["nets"])
    [heads] = tables_of(section_of(page, "A last layer on frozen features"))
    assert heads[1:] == rows_of_heads(run["heads"])
    assert all(row["trainable_is_head"] for row in run["heads"])


def test_a_probe_of_the_head_is_one_of_all_that_is_trained(study, images):
    """Exactly; with a small σ nearly one of all weights, which then hardly moves the features."""
    rows = study("familiar_nets").heads(*images, **SMALL)
    assert all(row["trainable_is_head"] for row in rows)
    # of a draw's σ of 1 % in the features, a loss and with it Δ change by some of these 1 %
    np.testing.assert_allclose(rows[0]["all_over_head"], 1.0, rtol=0.02)
