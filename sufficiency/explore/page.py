"""A page for a result at hand, in a notebook or in the browser."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from sufficiency.exceptions import InvalidParameterError
from sufficiency.explore.answers import Exploration
from sufficiency.explore.asked import Place
from sufficiency.explore.live import Progress
from sufficiency.explore.samples import check_data

if TYPE_CHECKING:
    from sufficiency.result import SufficiencyResult

# Pixels of the frame in a notebook.
_HEIGHT = 900


class ExplorePage:
    """
    A page in the browser about a result, until it is closed or Python ends.

    Attributes
    ----------
    url : str
        Its address, on this machine.
    """

    def __init__(
        self,
        exploration: Exploration,
        port: int = 0,
        *,
        look: Callable[[], Progress] | None = None,
        embedded: bool = False,
    ) -> None:
        try:
            from sufficiency.explore.server import Server, Site
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("tornado"):
                raise
            raise ModuleNotFoundError(
                "`explore` needs the package tornado; install it with "
                "`pip install 'sufficiency[explore]'`",
                name="tornado",
            ) from error
        self._server = Server(Site(exploration, look, embedded=embedded), port)

    @property
    def url(self) -> str:
        """Its address."""
        return self._server.url

    def wait(self) -> None:
        """Until it is closed, or an interrupt."""
        self._server.wait()

    def close(self) -> None:
        """End it."""
        self._server.close()

    def __repr__(self) -> str:
        return f"ExplorePage({self.url!r})"

    def _repr_html_(self) -> str:
        frame = '<iframe src="{}" width="100%" height="{}" title="{}"></iframe>'
        return str(Markup(frame).format(self.url, _HEIGHT, "sufficiency explore"))


def explore(
    result: SufficiencyResult, data: Any, port: int, open_browser: bool | None
) -> ExplorePage:
    """Serve a page about a result, and show it."""
    if data is not None:
        data = check_data(data, result.n_candidates if result.own_unseen else result.n_samples)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise InvalidParameterError("port", f"must be an integer in [0, 65535], got {port!r}")
    in_notebook = _in_notebook()
    page = ExplorePage(
        Exploration(result, Place(family=result.family), data), port, embedded=in_notebook
    )
    if not in_notebook if open_browser is None else open_browser:
        webbrowser.open(page.url)
    return page


def _in_notebook() -> bool:
    """Whether IPython shows HTML here."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")
