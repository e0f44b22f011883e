import threading
import time

import pytest

from domain_core.pipeline.prefetch import THREAD_NAME, Prefetcher


def threads():
    return [t for t in threading.enumerate() if t.name == THREAD_NAME]


def wait_until(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("It did not happen in two seconds.")


def test_items_come_in_order_and_then_nothing():
    prefetcher = Prefetcher(iter(range(5)), depth=2)
    assert list(prefetcher) == [0, 1, 2, 3, 4]
    assert list(prefetcher) == []
    wait_until(lambda: not threads())


def test_it_runs_ahead_by_its_depth_and_no_further():
    made = []

    def items():
        for index in range(10):
            made.append(index)
            yield index

    prefetcher = Prefetcher(items(), depth=3)
    wait_until(lambda: made == [0, 1, 2])
    time.sleep(0.05)
    assert made == [0, 1, 2]
    assert next(prefetcher) == 0
    wait_until(lambda: made == [0, 1, 2, 3])
    prefetcher.close()
    assert not threads()


def test_an_exception_keeps_its_type_and_says_where():
    class Special(ValueError):
        def __init__(self, first, second):  # cannot be made from a message
            super().__init__(first + second)

    def items():
        yield 0
        raise Special("a", "b")

    prefetcher = Prefetcher(items(), depth=2)
    assert next(prefetcher) == 0
    for _ in range(2):
        with pytest.raises(Special, match="ab") as caught:
            next(prefetcher)
        assert caught.value.__notes__ == ["Raised while batch 1 was prepared."]
    wait_until(lambda: not threads())


def test_closing_wakes_who_waits():
    release = threading.Event()

    def items():
        release.wait()
        yield 0

    prefetcher = Prefetcher(items(), depth=1)
    received = []
    reader = threading.Thread(target=lambda: received.extend(prefetcher))
    reader.start()
    prefetcher.close(timeout=0.05)  # the thread sits in user code
    reader.join(2.0)
    assert not reader.is_alive() and received == []
    release.set()
    wait_until(lambda: not threads())
