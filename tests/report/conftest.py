import pytest

from sufficiency.report import page
from sufficiency.report.figures import Figure


@pytest.fixture
def undrawn(monkeypatch):
    """A page without its figures, which would take most of the time."""
    for name in ("delta", "learning_curve", "slices", "concentration"):
        nothing = Figure(name, [], "Not drawn.")
        monkeypatch.setattr(page, f"draw_{name}", lambda *_, nothing=nothing: nothing)
