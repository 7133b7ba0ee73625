"""Results that are worth a page, and servers for them."""

import dataclasses
from contextlib import contextmanager

import numpy as np
import pandas as pd

from sufficiency.explore.answers import Exploration
from sufficiency.explore.asked import Place
from sufficiency.explore.server import Server, Site
from sufficiency.result import SufficiencyResult
from tests.campaigns import result_of
from tests.helpers import with_parts

RUN = "<script>document.title = 'run'</script>"
IMAGE = "<img src=x onerror=\"document.title='run'\">"
LINK = "<a href=javascript:document.title='run'>site</a>"
# by how much the Δ of each slice exceeds that of all
FACTORS = {
    "site=3": 4.0,
    f"site={RUN}": 0.5,
    f"site={IMAGE}": 1.0,
    f"class={LINK}": 1.5,
    "class=b": 0.8,
}
N_SAMPLES = 1000


def hostile_result() -> SufficiencyResult:
    """Four repeats of eight sizes, with slices, samples, a failure, and names that are code."""
    result = with_parts(result_of(N_SAMPLES), FACTORS)
    cells = list(result.cells)
    cells[9] = dataclasses.replace(cells[9], delta=np.nan, failure=f"no luck {RUN}")
    return dataclasses.replace(result, cells=tuple(cells))


def hostile_data() -> pd.DataFrame:
    return pd.DataFrame({"text": [f"{i} {IMAGE}" for i in range(N_SAMPLES)], RUN: 1.5})


@contextmanager
def served(result, path="", data=None, look=None, **more):
    """Address of a page."""
    exploration = Exploration(result, Place(str(path), result.family), data)
    server = Server(Site(exploration, look, **more))
    try:
        yield server.url
    finally:
        server.close()
