"""The page in the browser for a saved result, or for the store of a fit that is running."""

import webbrowser
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from sufficiency.cli.errors import ENOUGH, BadInput, message_of
from sufficiency.cli.inputs import Layout
from sufficiency.cli.notices import Notices, say
from sufficiency.cli.saved import RESULT_FILES, load_result
from sufficiency.explore.answers import Exploration
from sufficiency.explore.asked import Place
from sufficiency.explore.live import Live, Progress
from sufficiency.explore.page import ExplorePage
from sufficiency.explore.samples import check_data
from sufficiency.result import SufficiencyResult
from sufficiency.store.running_fits import RunningFit

_MARKER = "sufficiency-store.json"


def explore_saved(
    directory: Path,
    *,
    data: Path | None,
    layout: Layout,
    port: int,
    browser: bool,
    debug: bool,
) -> int:
    """Serve the page until it is interrupted."""
    with Notices(debug).listening():
        exploration, look = _shown(directory, data, layout)
        try:
            page = ExplorePage(exploration, port, look=look)
        except ModuleNotFoundError as error:
            if error.name != "tornado":
                raise
            raise BadInput(str(error)) from error
        except ValueError as error:
            raise BadInput(message_of(error)) from error
        click.echo(f"{directory} is shown at {page.url} until you press Ctrl-C.")
        if browser and not _opened(page.url):
            say("Note: no browser could be started; open the address yourself")
        try:
            page.wait()
        except KeyboardInterrupt:
            page.close()
    return ENOUGH


def _opened(url: str) -> bool:
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False


def _shown(
    directory: Path, data: Path | None, layout: Layout
) -> tuple[Exploration, Callable[[], Progress] | None]:
    """What answers, and what looks at a fit that is running."""
    look = None
    if _is_store(directory):
        try:
            fit = RunningFit.newest(directory)
            live = Live(fit, SufficiencyResult.load(fit.result))
        except (ValueError, OSError) as error:
            raise BadInput(message_of(error, store=str(directory))) from error
        look, result, path = live.look, live.look().result, ""
    else:
        result, path = load_result(directory), str(directory)
    place = Place(path, result.family)
    return Exploration(result, place, None if data is None else _read(data, layout, result)), look


def _read(path: Path, layout: Layout, result: SufficiencyResult) -> Any:
    """The samples of a file, as they stand in it."""
    from sufficiency.cli.reading import read_samples

    with TemporaryDirectory(prefix="sufficiency-") as folder:
        samples = read_samples(path, Path(folder), layout)
    try:
        return check_data(samples, result.n_candidates if result.own_unseen else result.n_samples)
    except ValueError as error:
        raise BadInput(message_of(error, data=f"--data {path}")) from error


def _is_store(directory: Path) -> bool:
    return (directory / _MARKER).is_file() and not (directory / RESULT_FILES[0]).exists()
