"""Images in memory stay below a ceiling."""

import pickle
import threading

from nucensus.batch.budget import Budget
from nucensus.execute import strategy_named


def test_what_is_taken_together_never_passes_the_ceiling():
    budget, taken, most, guard = Budget(100), 0, 0, threading.Lock()

    def work(size):
        nonlocal taken, most
        budget.take(size)
        with guard:
            taken += size
            most = max(most, taken)
        with guard:
            taken -= size
        budget.give_back(size)

    list(strategy_named("threads").run(work, [60, 50, 100, 1, 30] * 40, 8))
    assert most <= 100
    assert taken == 0


def test_a_budget_that_is_sent_is_the_one_of_the_process_where_it_arrives():
    sent = pickle.dumps(Budget(100))
    assert pickle.loads(sent) is pickle.loads(sent)
    assert pickle.loads(sent).ceiling_bytes == 100
    assert pickle.loads(pickle.dumps(Budget(None))).ceiling_bytes > 0
