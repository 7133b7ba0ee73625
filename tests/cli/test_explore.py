"""`sufficiency explore`: what it refuses, and that it serves until it is interrupted."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
from tornado.httpclient import HTTPClient

from tests.helpers import make_result


@pytest.fixture
def saved():
    make_result().save("result")
    return "result"


def changed(path, **changes):
    with open(f"{path}/result.json", encoding="utf-8") as file:
        content = json.load(file) | changes
    with open(f"{path}/result.json", "w", encoding="utf-8") as file:
        json.dump(content, file)


def test_what_is_no_result_is_refused(refused, saved, workplace):
    (workplace / "empty").mkdir()
    assert "empty holds no result, there is no result.json; name a directory" in refused(
        "explore", "empty"
    )
    assert "does not exist" in refused("explore", "nowhere")
    changed(saved, format=2)
    line = refused("explore", saved)
    assert "must hold a result of format 1" in line
    assert "read it with the version of sufficiency that wrote it" in line


def test_what_is_no_store_of_a_fit_is_refused(refused, run_tiny, workplace):
    result = run_tiny("--store", "store")
    assert result.exit_code == 0, result.output
    for path in (workplace / "store" / "fits").glob("*.json"):
        path.unlink()
    assert "shows no fit" in refused("explore", "store")


def test_a_port_in_use_is_refused(refused, saved):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = refused("explore", saved, "--port", port, "--no-browser")
        assert f"--port must be free, got {port}, which another program uses" in line
    assert "--port" in refused("explore", saved, "--port", 70000)


def test_without_the_extra_it_says_what_to_install(refused, saved, monkeypatch):
    for name in (
        "sufficiency.explore.server",
        *(n for n in sys.modules if n.startswith("tornado")),
    ):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "tornado", None)
    line = refused("explore", saved)
    assert "pip install 'sufficiency[explore]'" in line


def test_data_of_something_else_are_refused(refused, saved, csv, workplace):
    line = refused("explore", saved, "--data", csv, "--no-browser")
    assert f"--data {csv} must hold the 100 samples" in line
    np.savez("other.npz", y=np.zeros(100))
    assert "no such array" in refused("explore", saved, "--data", "other.npz")
    (workplace / "notes.md").write_text("nothing")
    assert "must be a file of the kind" in refused("explore", saved, "--data", "notes.md")


def test_it_serves_until_it_is_interrupted_and_without_torch(saved):
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from sufficiency.cli import main\n"
        "status = main(sys.argv[1:], standalone_mode=False)\n"
        "print('torch' in sys.modules)\nsys.exit(status)"
    )
    command = [sys.executable, "-c", code, "explore", saved]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # one that cannot be started
        env=os.environ | {"BROWSER": "no-such-browser", "PYTHONUNBUFFERED": "1"},
    )
    try:
        url = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
        client = HTTPClient()
        assert json.loads(client.fetch(f"{url}threshold?threshold=1e-3").body)["size"] > 0
        client.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert out == "False\n"
    assert err == "Note: no browser could be started; open the address yourself\n"
