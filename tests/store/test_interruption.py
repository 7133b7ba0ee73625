import multiprocessing
import signal
import subprocess
import sys
import threading
import time

import pytest

from sufficiency.store.interruption import interruptible

TEXT = "3 of 4 cells are kept; run it again to go on"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_with_a_word(number, caplog, interrupts):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible(lambda: TEXT):
        signal.raise_signal(number)
    assert caplog.messages == [f"interrupted: {TEXT}"]
    assert signal.getsignal(number) is before


def test_nothing_is_changed_without_a_signal():
    before = signal.getsignal(signal.SIGTERM)
    with interruptible(lambda: pytest.fail("not interrupted")):
        pass
    with pytest.raises(ValueError, match="mine"), interruptible(lambda: pytest.fail("no")):
        raise ValueError("mine")
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_leave_signals_alone():
    seen = []

    def inside():
        with interruptible(lambda: TEXT):
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_terminated_script_shows_how_to_go_on():
    code = (
        "import signal\n"
        "from sufficiency.store.interruption import interruptible\n"
        f"with interruptible(lambda: {TEXT!r}):\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    # without any set-up of logging, and before the traceback
    assert done.stderr.startswith(f"interrupted: {TEXT}")


def test_handlers_of_others_are_left_alone():
    def own(number, frame):
        raise SystemExit(3)

    before = signal.signal(signal.SIGTERM, own)
    try:
        with pytest.raises(SystemExit), interruptible(lambda: pytest.fail("no interrupt")):
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)


# what newer Pythons say of forks beside the threads of a library
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forked_workers_are_terminated_as_ever():
    """At once, too: a signal right after the fork must not meet the handler of the parent."""
    context = multiprocessing.get_context("fork")
    with interruptible(lambda: "as before"):
        for _ in range(20):
            worker = context.Process(target=time.sleep, args=(60,))
            worker.start()
            worker.terminate()
            worker.join(30)
            assert worker.exitcode == -signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
