"""Planes with known numbers for figures."""

import numpy as np

from sufficiency.landscape import ChangeSlice, Geometry, LandscapeSlice

# Unequal lengths and spacings, so that axes cannot be mixed up.
ALPHAS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
BETAS = np.array([-0.2, 0.0, 0.1, 0.4])
SLOPE = 2.0 + ALPHAS[:, None] + 4.0 * BETAS
GEOMETRY = Geometry(("u", "v"), "norm of w*", np.array([[4.0, 0.5], [0.5, 4.0]]), 2.0)


def landscape(losses=SLOPE, **changes):
    return LandscapeSlice(ALPHAS, BETAS, losses, **({"size": 1234, "geometry": GEOMETRY} | changes))


def change(values=SLOPE - 2.0, **changes):
    return ChangeSlice(ALPHAS, BETAS, values, **({"size": 100, "geometry": GEOMETRY} | changes))


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def color_at(contour, alpha, beta):
    """Index of the level interval that is painted at a point."""
    found = [i for i, path in enumerate(contour.get_paths()) if path.contains_point((alpha, beta))]
    assert len(found) <= 1
    return found[0] if found else None
