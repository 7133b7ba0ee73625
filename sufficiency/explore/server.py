"""The page's server: on this machine only, for its own page only."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError, RequestHandler

from sufficiency._json import to_json
from sufficiency.exceptions import InvalidParameterError
from sufficiency.explore.answers import Exploration
from sufficiency.explore.asked import Query
from sufficiency.explore.live import Progress
from sufficiency.report.page import environment

HOST = "127.0.0.1"
_NAMES = {HOST, "localhost"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
)
# Notebooks show the page in a frame.
_ANCESTORS = {False: "'none'", True: "http://localhost:* http://127.0.0.1:* vscode-webview:"}
# Questions that are answered at once, and those that take longer or draw.
_QUICK = ("threshold", "target")
_SLOW = ("plan", "figure", "slices", "samples", "sample", "cells")
_STATIC = {"explore.js": "text/javascript", "explore.css": "text/css", "report.css": "text/css"}
_KINDS = {"png": "image/png", "svg": "image/svg+xml"}
# Longest question.
_LONGEST = 4000


@cache
def _static(name: str) -> bytes:
    """A file of the page."""
    if name == "report.css":
        return environment().get_template(name).render().encode()
    return files("sufficiency.explore").joinpath("static", name).read_bytes()


class _Handler(RequestHandler):
    """Answers requests of the page itself."""

    def initialize(self, site: Site) -> None:
        self.site = site

    def set_default_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.clear_header("Server")

    def prepare(self) -> None:
        """Refuse what does not come from this page: another name of this host, another origin."""
        request = self.request
        self.set_header("Content-Security-Policy", _POLICY + _ANCESTORS[self.site.embedded])
        if request.host_name not in _NAMES:
            raise HTTPError(403, reason="another host")
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{request.host}":
            raise HTTPError(403, reason="another origin")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            # the page itself may be opened from elsewhere, nothing else
            places = {"document"} | ({"iframe"} if self.site.embedded else set())
            opened = request.headers.get("Sec-Fetch-Dest") in places and request.path == "/"
            if not opened:
                raise HTTPError(403, reason="another site")
        if len(request.uri or "") > _LONGEST:
            raise HTTPError(414)

    @property
    def query(self) -> Query:
        """The values of the request, each once."""
        return Query({name: self.get_query_argument(name) for name in self.request.arguments})

    async def computed(
        self, function: Callable[..., Any], *values: Any, quick: bool = False
    ) -> Any:
        """What a function returns."""
        worker = self.site.quick if quick else self.site.slow
        return await asyncio.get_running_loop().run_in_executor(worker, function, *values)

    async def say(self, function: Callable[..., Any], *values: Any, quick: bool = False) -> None:
        """Answer in JSON, with a message in place of a refusal."""
        try:
            answer = await self.computed(function, *values, quick=quick)
        except ValueError as error:
            answer = {"error": str(error)}
        self.write(to_json(answer, reversible=False))

    def write_error(self, status_code: int, **extra: Any) -> None:
        """Say no more than why."""
        self.finish({"error": f"{status_code}: {self._reason}"})


class _Page(_Handler):
    async def get(self) -> None:
        self.write(await self.computed(self.site.exploration.page, self.site.embedded))


class _Static(_Handler):
    def get(self, name: str) -> None:
        self.set_header("Content-Type", f"{_STATIC[name]}; charset=utf-8")
        self.write(_static(name))


class _Question(_Handler):
    async def get(self, name: str) -> None:
        function = getattr(self.site.exploration, name)
        await self.say(function, self.query, quick=name in _QUICK)


class _State(_Handler):
    async def get(self) -> None:
        await self.say(self.site.state, quick=True)


class _Report(_Handler):
    async def get(self) -> None:
        # it has its own, which allows less
        self.clear_header("Content-Security-Policy")
        try:
            self.write(await self.computed(self.site.exploration.report, self.query))
        except ValueError as error:
            raise HTTPError(422, reason=_header(error)) from error


class _File(_Handler):
    async def get(self, name: str, kind: str) -> None:
        try:
            data = await self.computed(self.site.exploration.file, self.query, name, kind)
        except ValueError as error:
            raise HTTPError(422, reason=_header(error)) from error
        self.set_header("Content-Type", _KINDS[kind])
        self.set_header("Content-Disposition", f"attachment; filename={name}.{kind}")
        self.write(data)


class _Nothing(_Handler):
    def get(self) -> None:
        raise HTTPError(404)


def _header(error: Exception) -> str:
    """An error as it may stand in a header."""
    return " ".join(str(error).encode("ascii", errors="replace").decode().split())


class Site:
    """What all handlers share."""

    def __init__(
        self,
        exploration: Exploration,
        look: Callable[[], Progress] | None = None,
        *,
        embedded: bool = False,
    ) -> None:
        self.exploration = exploration
        self.embedded = embedded
        # one each: what draws is not for several threads, and nobody waits for it who asks
        self.quick = ThreadPoolExecutor(1, "sufficiency-answers")
        self.slow = ThreadPoolExecutor(1, "sufficiency-drawings")
        self._look = look
        self._finished = 0

    def state(self) -> Mapping[str, Any]:
        """What a running fit has finished; a new version has new answers."""
        if self._look is None:
            return {"version": "", "text": ""}
        found = self._look()
        if found.finished != self._finished:
            self._finished = found.finished
            self.exploration.show(found.result)
        return {"version": str(found.finished), "text": str(found)}

    def application(self) -> Application:
        """Its addresses."""
        with_site = {"site": self}
        return Application(
            [
                ("/", _Page, with_site),
                (f"/({'|'.join(map(_escaped, _STATIC))})", _Static, with_site),
                (f"/({'|'.join((*_QUICK, *_SLOW))})", _Question, with_site),
                ("/state", _State, with_site),
                (r"/report\.html", _Report, with_site),
                (r"/(delta|learning)\.(png|svg)", _File, with_site),
            ],
            default_handler_class=_Nothing,
            default_handler_args=with_site,
            log_function=lambda handler: None,
        )


def _escaped(name: str) -> str:
    return name.replace(".", r"\.")


class Server:
    """A page that is being served, in a thread of its own."""

    def __init__(self, site: Site, port: int = 0) -> None:
        try:
            listener = socket.create_server((HOST, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "which another program uses" if taken else f"which cannot be used ({error})"
            raise InvalidParameterError(
                "port", f"must be free, got {port}, {why}; choose another one, or 0 for any"
            ) from error
        listener.setblocking(False)
        self.port: int = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._site = site
        started = threading.Event()

        def serve() -> None:
            asyncio.set_event_loop(self._loop)

            async def listen() -> None:
                self._server = HTTPServer(site.application(), max_buffer_size=1 << 20)
                self._server.add_socket(listener)
                started.set()

            self._loop.create_task(listen())
            self._loop.run_forever()
            self._loop.close()

        self._thread = threading.Thread(target=serve, name="sufficiency-explore", daemon=True)
        self._thread.start()
        started.wait()

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.port}/"

    def wait(self) -> None:
        """Until somebody closes it, or interrupts."""
        self._thread.join()

    def close(self) -> None:
        """End it; pages that are open say so."""
        if self._thread.is_alive():

            async def stop() -> None:
                self._server.stop()
                await self._server.close_all_connections()
                self._loop.stop()

            asyncio.run_coroutine_threadsafe(stop(), self._loop)
            self._thread.join()
            for worker in (self._site.quick, self._site.slow):
                worker.shutdown(wait=False, cancel_futures=True)
