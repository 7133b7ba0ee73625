"""The server talks to its own page, tells what it was asked, and reads nothing else."""

import json
import socket
from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPClient, HTTPRequest

from sufficiency.exceptions import InvalidParameterError
from sufficiency.explore.answers import Exploration
from sufficiency.explore.asked import Place
from sufficiency.explore.server import HOST, Server, Site
from tests.explore.served import N_SAMPLES, hostile_data, hostile_result, served


@pytest.fixture(scope="module")
def result():
    return hostile_result()


@pytest.fixture(scope="module")
def address(result):
    with served(result, "results", hostile_data()) as url:
        yield url


@pytest.fixture
def get():
    client = HTTPClient()
    yield lambda url, **headers: client.fetch(
        HTTPRequest(
            url, request_timeout=120, headers={k.replace("_", "-"): v for k, v in headers.items()}
        ),
        raise_error=False,
    )
    client.close()


def asked(get, address, question, **values):
    return json.loads(get(f"{address}{question}?{urlencode(values)}").body)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "script"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Dest": "empty"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "iframe"},
    ],
    ids=str,
)
def test_pages_from_elsewhere_are_refused(get, address, headers):
    for path in ("", "state", "report.html", "delta.png", "explore.js", "nothing"):
        found = get(f"{address}{path}", **headers)
        assert found.code == 403
        assert b"samples" not in found.body
        assert "Access-Control-Allow-Origin" not in found.headers


def test_the_page_itself_is_answered(get, address):
    own = {"Origin": address.rstrip("/"), "Sec_Fetch_Site": "same-origin"}
    assert get(f"{address}state", **own).code == 200
    assert get(address.replace(HOST, "localhost")).code == 200
    # a link or a bookmark
    assert get(address, Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document").code == 200
    policy = get(address).headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


def test_it_listens_on_this_machine_only(address):
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    # another address of the loopback network, which would answer if all were listened at
    with socket.socket() as other, pytest.raises(OSError, match=r"refused|unreachable|assign"):
        other.connect(("127.0.0.2", port))


@pytest.mark.parametrize(
    "path",
    ["../pyproject.toml", "..%2fresult.py", "static/explore.js", "explore.html.j2", "etc/passwd"],
)
def test_no_other_file_is_read(get, address, path):
    assert get(f"{address}{path}").code == 404


def test_files_are_those_of_the_result(get, address, result, tmp_path):
    found = get(f"{address}report.html?threshold=1e-5&confidence=0.9")
    result.report(tmp_path / "report.html", thresholds=1e-5, confidence=0.9)
    assert found.body == (tmp_path / "report.html").read_bytes()
    for name in ("delta", "learning"):
        assert get(f"{address}{name}.png?threshold=1e-5").body.startswith(b"\x89PNG")
        drawn = get(f"{address}{name}.svg")
        assert drawn.headers["Content-Disposition"] == f"attachment; filename={name}.svg"
        assert b"<svg" in drawn.body
    assert get(f"{address}delta.png?threshold=-1").code == 422


@pytest.mark.parametrize(
    ("question", "values", "why"),
    [
        ("threshold", {}, "`threshold` must be a number, got nothing"),
        ("threshold", {"threshold": "x"}, "`threshold` must be a number, got 'x'"),
        ("threshold", {"threshold": "inf"}, "`threshold` must be finite"),
        ("threshold", {"threshold": "1", "family": "cubic"}, "`family` must be one of"),
        ("threshold", {"threshold": "1", "prior": "hope"}, "`prior` must be"),
        ("threshold", {"threshold": "1", "confidence": "1"}, "`confidence` must be in (0, 1)"),
        ("threshold", {"threshold": "1", "growth": "-3"}, "`growth` must be"),
        ("target", {"target": "0.5", "quantity": "luck"}, "`quantity` must be one of"),
        ("target", {"target": "2", "quantity": "score"}, "`target` must be"),
        ("plan", {"target": "0.9", "quantity": "score", "rounds": "1.5"}, "a whole number"),
        ("plan", {"target": "0.9", "quantity": "score", "risk": "2"}, "`risk` must be in (0, 1)"),
        ("plan", {"target": "0.9", "quantity": "score", "limit": "5"}, "`limit` must be more"),
        ("plan", {"target": "0.9", "quantity": "score", "cost_per_sample": "1"}, "other cost"),
        ("sample", {"row": "999999"}, "`row` must be a sample of the table"),
        ("sample", {"row": "../x"}, "`row` must be a whole number"),
    ],
)
def test_refusals_say_why(get, address, question, values, why):
    assert why in asked(get, address, question, **values)["error"]


def test_too_long_questions_are_refused(get, address):
    assert get(f"{address}threshold?threshold={'1' * 5000}").code == 414


def test_numbers_are_those_of_the_result(get, address, result):
    found = asked(get, address, "threshold", threshold=1e-9, confidence=0.99, prior="none")
    verdict = result.verdict(1e-9, confidence=0.99, prior=None)
    assert [found["size"], found["low"]] == [verdict.size, verdict.interval[0]]
    high = verdict.interval[1]
    assert found["high"] == (high if high < float("inf") else None)
    plan = asked(get, address, "plan", target=0.97, quantity="score", cost_per_sample=1,
                 cost_of_missing=5000)  # fmt: skip
    made = result.plan(0.97, "score", cost_per_sample=1.0, cost_of_missing=5000.0)
    assert plan["collect"] == made.collect
    assert "cost_per_sample=1.0, cost_of_missing=5000.0" in plan["python"]


def test_ports_that_are_taken_are_refused(result, address):
    taken = int(address.rstrip("/").rsplit(":", 1)[1])
    site = Site(Exploration(result, Place()))
    with pytest.raises(InvalidParameterError, match=f"got {taken}, which another program uses"):
        Server(site, taken)


@pytest.mark.parametrize("data", [hostile_data().iloc[1:], 3.0])
def test_data_of_another_length_are_refused(result, data):
    with pytest.raises(ValueError, match=f"must hold the {N_SAMPLES:,} samples"):
        result.explore(data, open_browser=False)


def test_results_show_themselves(result, get, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    page = result.explore(hostile_data())
    try:
        assert opened == [page.url]
        assert get(page.url).code == 200
        assert page.url in repr(page)
        assert f'src="{page.url}"' in page._repr_html_()
    finally:
        page.close()
    with pytest.raises(ConnectionRefusedError):
        get(page.url)
