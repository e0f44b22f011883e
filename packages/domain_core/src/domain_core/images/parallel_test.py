import sys

import pytest

from domain_core.images import parallel
from domain_core.testing import run_python


@pytest.mark.parametrize("cores", [1, 3])
def test_calls_each_once(monkeypatch, cores):
    monkeypatch.setattr(parallel, "cores", lambda: cores)
    calls = []
    parallel.for_each(calls.append, 10)
    assert sorted(calls) == list(range(10))
    parallel.for_each(calls.append, 0)
    assert len(calls) == 10


@pytest.mark.parametrize("cores", [1, 3])
def test_raises_what_a_call_raised(monkeypatch, cores):
    monkeypatch.setattr(parallel, "cores", lambda: cores)

    def fail(i):
        if i == 4:
            raise ValueError("image 4")

    with pytest.raises(ValueError, match="image 4"):
        parallel.for_each(fail, 10)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't fork")
def test_a_forked_process_makes_its_own_threads():
    # By the file's path: what else the package imports may not like forks.
    run_python(
        """
        import importlib.util, os, signal, sys
        spec = importlib.util.spec_from_file_location("parallel", sys.argv[1])
        parallel = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(parallel)
        parallel.cores = lambda: 2
        calls = []
        parallel.for_each(calls.append, 4)
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # instead of waiting for ever
            parallel.for_each(calls.append, 4)
            os._exit(len(calls))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 8
        """,
        parallel.__file__,
    )


def test_calls_within_calls(monkeypatch):
    """A thread that waited for others of its pool would wait for ever."""
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    parallel._pool.cache_clear()
    calls = []
    parallel.for_each(lambda i: parallel.for_each(calls.append, 5), 8)
    assert sorted(calls) == sorted(8 * list(range(5)))
