"""Waiting for a condition, never for a span of time."""

import time


def eventually(condition, seconds=30, what=None, every=0.02):
    """Ask `condition` until it answers with something true, and return that. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(every)
