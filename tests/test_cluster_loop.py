"""What a cluster is given, and given again: decided here, and tried on workers that are made up."""

import asyncio
import pickle
import threading
from types import SimpleNamespace

import pytest

from nucensus.errors import ClusterError
from nucensus.execute.cluster_loop import ClusterLoop, Codec
from nucensus.execute.strategy import Lost
from nucensus.execute.task import Done

KilledWorker = pytest.importorskip("distributed.scheduler").KilledWorker
CODEC = Codec(failure=lambda outcome: outcome if isinstance(outcome, str) else None)


class Cluster:
    """Workers that answer at once with `work(address, item)`, and die of what raises a KeyError."""

    status = "running"

    def __init__(self, work, names, loop):
        self.work, self.names, self.sent = work, names, []
        self.loop = SimpleNamespace(asyncio_loop=loop)

    def nthreads(self):
        return dict.fromkeys(self.names, 1)

    def run(self, function, *args, workers, on_error, **options):
        assert on_error == "return"
        return {each: function(*args, **options) for each in workers}

    def submit(self, _, *args, workers, **__):
        return SimpleNamespace(
            address=workers[0], args=args, release=lambda: None, status=self.status_of(workers[0])
        )

    def status_of(self, address):  # noqa: ARG002 of workers that differ
        return "finished"

    async def gather(self, future, **_):
        _, pickled, in_subprocess = future.args
        items = pickle.loads(pickled)
        self.sent.append((future.address, items, in_subprocess))
        try:
            return Done([self.work(future.address, each) for each in items], 1, 0.01)
        except KeyError as error:
            raise KilledWorker("a task", future.address, 0) from error


@pytest.fixture(scope="module")
def loop():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class Stopped(Cluster):
    """Of two workers `a` never answers, and holds up the first answer of `b`."""

    def __init__(self, loop):
        super().__init__(lambda _, item: item, ["a", "b"], loop)
        self.end, self.polls, self.is_held_up = asyncio.Event(), 0, False

    def nthreads(self):
        self.polls += 1
        if self.polls > 60:
            self.status = "closed"  # else this would wait for ever
        return super().nthreads()

    def status_of(self, address):
        return "finished" if address == "b" else "pending"

    async def gather(self, future, **_):
        if future.address == "a" or not self.is_held_up:
            self.is_held_up = self.is_held_up or future.address == "b"
            await self.end.wait()
        return await super().gather(future)


def go_through(work, items, loop, *, workers="abcd", cluster=None, overdue_s=1e6, **changed):
    """Return the outcomes in the order of the items, what was sent, and the facts."""
    cluster = cluster or Cluster(work, list(workers), loop)
    vars(cluster).update(changed)
    facts = {"worker_processes": 0, "scheduler": "here"}
    steps = ClusterLoop(
        cluster, lambda item: item, items, CODEC, False, overdue_s, threading.Event(), facts
    )
    found = list(steps.outcomes())
    outcomes = dict(found)
    assert sorted(index for index, _ in found) == list(range(len(items)))  # each of them once
    return [outcomes[each] for each in range(len(items))], cluster.sent, facts


def test_every_item_is_given_once_if_nothing_goes_wrong(loop):
    outcomes, sent, facts = go_through(lambda _, item: 2 * item, range(90), loop)
    assert outcomes == [2 * item for item in range(90)]
    assert sorted(item for _, items, _ in sent for item in items) == list(range(90))
    assert {name for name, _, _ in sent} == set("abcd")
    assert facts["worker_processes"] == 4
    assert not any(in_subprocess for _, _, in_subprocess in sent)


def test_an_item_that_workers_die_of_four_times_is_lost_and_the_others_are_not(loop):
    others = {item: item for item in range(20) if item != 7}
    outcomes, sent, _ = go_through(lambda _, item: others[item], list(range(20)), loop)
    assert outcomes[7] == Lost("its worker was lost, 4 times")
    assert outcomes[:7] + outcomes[8:] == list(others)
    deadly = [(items, in_subprocess) for _, items, in_subprocess in sent if 7 in items]
    assert [in_subprocess for _, in_subprocess in deadly] == [False] + [True] * (len(deadly) - 1)
    assert len(deadly) >= 4
    assert deadly[-1][0] == [7]
    outcomes, sent, _ = go_through(lambda _, item: others[item], [7], loop)
    assert outcomes == [Lost("its worker was lost, 4 times")]
    assert len(sent) == 4


def test_what_fails_on_one_worker_is_done_by_another(loop):
    outcomes, _, facts = go_through(
        lambda name, item: "no disk" if name == "a" else item, list(range(60)), loop
    )
    assert outcomes == list(range(60))
    assert facts["workers_set_aside"] == 1


def test_what_fails_everywhere_is_tried_on_three_workers_and_told_as_the_first_said_it(loop):
    outcomes, sent, facts = go_through(
        lambda name, item: f"{name} cannot" if item == 3 else item, list(range(8)), loop
    )
    tried = [name for name, items, _ in sent if 3 in items]
    assert len(set(tried)) == len(tried) == 3
    assert outcomes[3] == f"{tried[0]} cannot"
    assert outcomes[:3] + outcomes[4:] == [0, 1, 2, 4, 5, 6, 7]
    assert "workers_set_aside" not in facts


def test_the_only_worker_is_believed(loop):
    outcomes, sent, _ = go_through(lambda *_: "no", list(range(5)), loop, workers="a")
    assert outcomes == ["no"] * 5
    assert sum(len(items) for _, items, _ in sent) == 5


def test_what_a_stopped_worker_holds_up_on_its_way_from_another_is_done_again(loop):
    """A client fetches outcomes of several workers together, and waits for each of them."""
    cluster = Stopped(loop)
    outcomes, sent, _ = go_through(None, list(range(40)), loop, cluster=cluster, overdue_s=0)
    answered = {name for name, _, _ in sent}
    loop.call_soon_threadsafe(cluster.end.set)
    assert outcomes == list(range(40))
    assert answered == {"b"}


class Part(SimpleNamespace):
    """An item that says how large it is, and whether it goes alone."""


def test_parts_of_images_go_alone_and_arrays_until_they_are_too_large_for_the_scheduler(loop):
    for each, most in ((Part(fills_task=True), 1), (Part(nbytes=3_000_000), 3), (Part(), 16)):
        _, sent, facts = go_through(lambda *_: 1, [each] * 64, loop, workers="a")
        assert len(sent[0][1]) == most
        assert ("images_per_task" in facts) == (most > 1)


def test_a_connection_that_is_lost_is_said_with_what_to_do(loop):
    with pytest.raises(ClusterError, match=r"the scheduler at here was lost.*it carries on"):
        go_through(lambda *_: 1, [1], loop, status="closed")
