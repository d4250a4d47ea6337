from __future__ import annotations

from smallbms.store.outlet import FIRST_RETRY_S, LONGEST_RETRY_S, Outlet


def test_retries_come_later_and_later_up_to_a_bound() -> None:
    outlet = Outlet(len, capacity=3, interval_s=60.0)
    now_s = 0.0
    outlet.put({"n": 0}, now_s, urgent=True)
    waits_s = []
    for _ in range(9):
        batch = outlet.begin(now_s)
        outlet.failed("no", now_s)
        waits_s.append(outlet.due_s - now_s)
        now_s = outlet.due_s
    assert waits_s == [1, 2, 4, 8, 16, 32, 60, 60, LONGEST_RETRY_S]
    batch = outlet.begin(now_s)
    outlet.done(batch, 1, now_s)
    assert outlet.error is None
    outlet.put({"n": 1}, now_s, urgent=True)
    outlet.begin(now_s)
    outlet.failed("no", now_s)
    assert outlet.due_s == now_s + FIRST_RETRY_S


def test_only_the_newest_wait_in_memory() -> None:
    outlet = Outlet(len, capacity=3, interval_s=0.0)
    for number in range(3):
        outlet.put({"n": number}, 0.0, urgent=True)
    batch = outlet.begin(0.0)
    outlet.put({"n": 3}, 0.0, urgent=True)
    outlet.put({"n": 4}, 0.0, urgent=True)
    outlet.done(batch, 1, 0.0)
    assert [item["n"] for _, item in outlet.begin(0.0)] == [2, 3, 4]


def test_urgent_is_tried_at_once_even_if_it_came_during_a_failing_write() -> None:
    outlet = Outlet(len, capacity=1, interval_s=60.0)
    outlet.put({"n": 0}, 0.0, urgent=True)
    outlet.begin(0.0)
    outlet.put({"n": 1}, 0.5, urgent=True)
    outlet.failed("no", 0.9)
    assert outlet.due_s == 0.5
