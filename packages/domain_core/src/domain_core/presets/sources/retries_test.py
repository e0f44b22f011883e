import threading

import pytest

from domain_core.presets.sources.retries import Deadline, with_retries


class Interrupted(Deadline):
    """A user presses Ctrl-C as soon as somebody waits."""

    waits = 0

    def left(self):
        self.waits += 1
        if self.waits == 2:
            raise KeyboardInterrupt
        return super().left()


def test_an_interrupt_ends_what_goes_on_in_the_background():
    deadline = Interrupted(60)
    ended = threading.Event()

    def action():
        while not deadline.is_over():
            threading.Event().wait(0.01)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        with_retries(action, lambda error: error, deadline, "label")
    assert ended.wait(10)
