"""Documents of many kinds and sizes, what watchers are told of their remaining time, and what that was worth.

A watcher's account of a run is a list of `Seen`; the last one is the end. `score` holds what was told against it.
"""

import random
import statistics
import threading
from dataclasses import dataclass

import documents
from client import MARKDOWN, PDF, TEXT
from watchers import watch

# Of the 100 that are shown. The upload is 20 of them already, so 40 is a quarter of the work behind it.
SHOWN_QUARTER, WORK_QUARTER = 25, 40
# Nearer to the end an error is a matter of the tenths that are shown.
ERROR_SECONDS_MIN = 0.5


@dataclass
class Seen:
    seconds: float  # since the run began
    state: dict


def shaped(lines_of, pages, seed):
    """A PDF whose page at a fraction of the whole has `lines_of(fraction)` lines."""
    return documents.pdf(pages=pages, seed=seed, font=b"6 Tf 6 TL",
                         lines=lambda page: max(2, int(lines_of((page - 1) / pages))))


def text(size, seed):
    choose, out, length = random.Random(seed), [], 0
    while length < size:
        out.append(documents.sentence(choose) + (" " if choose.random() > 0.1 else "\n\n"))
        length += len(out[-1])
    return "".join(out).encode()


def repeated(size, seed):
    """Text as long as one likes, of which each half megabyte is alike."""
    part = text(500_000, seed)
    return (part * (size // len(part) + 1))[:size]


def generated():
    """(name, content type, function that makes the bytes) of documents that take from no time to some seconds."""
    found = []

    def add(name, content_type, make, *arguments):
        found.append((name, content_type, lambda: make(*arguments)))

    for pages in (4, 40, 250, 1000, 5000, 16_000):
        for lines in (12, 40):
            add(f"even-{pages}x{lines}", PDF, documents.pdf, pages, lines, pages + lines)
    for pages in (500, 3000, 10_000):
        chance = random.Random(9)
        add(f"blocks-{pages}", PDF, shaped, lambda x: 70 if int(x * 6) % 2 else 8, pages, 5)
        add(f"noise-{pages}", PDF, shaped, lambda _, chance=chance: chance.lognormvariate(3, 1), pages, 6)
        if pages == 10_000:
            add(f"rising-{pages}", PDF, shaped, lambda x: 5 + 70 * x, pages, 3)
            add(f"falling-{pages}", PDF, shaped, lambda x: 75 - 70 * x, pages, 4)
            add(f"appendix-{pages}", PDF, shaped, lambda x: 50 if x < 0.6 else 4, pages, 7)
    for size in (100_000, 2_000_000, 12_000_000, 30_000_000, 60_000_000):
        add(f"text-{size}", TEXT, repeated, size, size)
        if size < 40_000_000:
            add(f"markdown-{size}", MARKDOWN, repeated, size, size + 1)
    return found


def run(client, name, content_type, body, seconds=600):
    """Process a document and return what its watcher saw of the run."""
    identifier = client.create(name=name, content_type=content_type, size=len(body))["document_id"]
    watcher = watch(client, identifier, seconds=seconds)
    client.put_content(identifier, body, content_type, timeout=seconds, expect=202)
    account = watcher.join_account(seconds)
    at = [(when, state) for when, state in zip(account.times, account.states)
          if state["status"] not in ("uploading", "queued")]
    return [Seen(when - at[0][0], state) for when, state in at]


def run_all(client, items, side_by_side=1):
    """Process documents in turn, so many at a time. Returns {name: what was seen}."""
    seen, waiting, lock = {}, list(items), threading.Lock()

    def work():
        while True:
            with lock:
                if not waiting:
                    return
                name, content_type, make = waiting.pop(0)
            account = run(client, name, content_type, make())
            with lock:
                seen[name] = account

    threads = [threading.Thread(target=work) for _ in range(side_by_side)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


@dataclass
class Score:
    coverage: float
    median_error: float
    answered: float  # share of the states with an estimate
    documents: int  # with any

    def __str__(self):
        return (f"{self.documents} documents: truth within the range {self.coverage:.1%}, median error "
                f"{self.median_error:.1%}, something told in {self.answered:.1%} of the states")


def score(runs, percent):
    """What the estimates from `percent` on were worth, each document counting as much as any other."""
    covered, errors, asked, answered = [], [], 0, 0
    for seen in runs:
        end = seen[-1].seconds
        states = [(one.state, end - one.seconds) for one in seen[:-1] if one.state["progress"] >= percent]
        told = [(state, truth) for state, truth in states if state["eta_seconds"] is not None]
        asked, answered = asked + len(states), answered + len(told)
        if told:
            covered.append(statistics.mean(state["eta_low"] <= truth + 0.05 and truth - 0.05 <= state["eta_high"]
                                           for state, truth in told))
        far = [abs(state["eta_seconds"] / truth - 1) for state, truth in told if truth >= ERROR_SECONDS_MIN]
        errors += [(error, 1 / len(far)) for error in far]
    coverage = statistics.mean(covered) if covered else 0
    return Score(coverage, weighted_median(errors), answered / max(1, asked), len(covered))


def weighted_median(values):
    half, total = sum(weight for _, weight in values) / 2, 0
    for value, weight in sorted(values):
        total += weight
        if total >= half:
            return value
    return 1
