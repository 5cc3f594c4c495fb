"""Admission counts tokens, refuses what would wait too long and says when to come back."""

import contextvars
import threading
from typing import Any

import pytest
from tieback.admission import LONGEST_RETRY, RETRY_STEP, SHORTEST_RETRY, Admission, Ticket
from tieback.core.call import begun, in_bulk
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, Overloaded
from tieback.core.tenant import TENANT


def test_work_waits_then_runs_then_is_gone() -> None:
    admission = Admission(100)

    with admission.admit(60, items=3) as ticket:
        waiting = admission.load
        ticket.start(20, 1)
        partly = admission.load
        ticket.finish(20, 1)
        ticket.start()
        running = admission.load

    assert (waiting.queued_tokens, waiting.queued_items, waiting.active_items) == (60, 3, 0)
    assert (partly.queued_tokens, partly.queued_items, partly.active_items) == (40, 2, 1)
    assert (running.queued_tokens, running.active_items) == (0, 2)
    assert (admission.load.queued_tokens, admission.load.active_items) == (0, 0)


def test_a_full_queue_refuses_and_takes_again_when_it_has_emptied() -> None:
    admission = Admission(100)
    first = admission.admit(80)

    with pytest.raises(Overloaded) as refused:
        admission.admit(30)
    first.release()
    second = admission.admit(30)

    assert SHORTEST_RETRY <= refused.value.retry_after <= LONGEST_RETRY
    assert admission.load.rejected == 1
    second.release()


def test_what_runs_makes_room_for_what_waits() -> None:
    admission = Admission(100)
    ticket = admission.admit(80)

    ticket.start()

    admission.admit(80).release()
    ticket.release()


def test_the_retry_delay_is_what_waits_over_the_measured_rate_or_somewhat_more() -> None:
    admission = Admission(1000)
    admission.measure(500, 1.0)
    admission.admit(1000)

    delays = []
    for _ in range(200):
        with pytest.raises(Overloaded) as refused:
            admission.admit(1)
        delays.append(refused.value.retry_after)

    assert min(delays) >= 2.0  # who came sooner would be refused again
    assert max(delays) <= 3.0
    assert max(delays) - min(delays) > 0.5  # the refused do not return as one herd


def test_a_request_larger_than_the_whole_queue_is_told_to_shrink_and_not_to_wait() -> None:
    admission = Admission(100)

    with pytest.raises(InvalidInput, match="101 tokens") as refused:
        admission.admit(101)

    assert refused.value.reason == "REQUEST_TOO_LARGE"


def test_an_estimate_is_corrected_without_a_second_refusal() -> None:
    admission = Admission(100)
    other = admission.admit(60)
    ticket = admission.admit(40, items=4)

    ticket.resize(70, 3)

    assert (admission.load.queued_tokens, admission.load.queued_items) == (130, 4)
    ticket.release()
    other.release()
    with pytest.raises(InvalidInput):
        admission.admit(1).resize(101, 1)


def test_a_released_ticket_can_no_longer_move_anything() -> None:
    admission = Admission()
    ticket = admission.admit(10)
    ticket.release()

    ticket.start(10, 1)
    ticket.finish(10, 1)
    ticket.release()

    assert admission.load.queued_tokens == 0
    assert admission.load.active_items == 0


def test_the_rate_follows_the_work_and_many_small_pieces_do_not_outweigh_a_large_one() -> None:
    admission = Admission()
    admission.measure(1000, 1.0)
    for _ in range(10):
        admission.measure(1, 0.01)
    mixed = admission.load.tokens_per_second
    for _ in range(60):
        admission.measure(100, 1.0)

    assert 800 < mixed < 1000
    assert admission.load.tokens_per_second == pytest.approx(100, rel=0.01)


def test_workers_multiply_the_rate() -> None:
    admission = Admission(workers=4)

    admission.measure(100, 1.0)

    assert admission.load.tokens_per_second == pytest.approx(400)


def test_no_limit_admits_everything() -> None:
    Admission(0).admit(10**9).release()


def test_counts_survive_many_threads() -> None:
    admission = Admission(10**9)

    def work() -> None:
        for _ in range(500):
            with admission.admit(7, items=2) as ticket:
                ticket.start(3, 1)
                ticket.finish(3, 1, seconds=0.001)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    load = admission.load
    assert (load.queued_tokens, load.queued_items, load.active_items) == (0, 0, 0)


def admit_for(tenant: str, admission: Admission, tokens: int, **options: Any) -> Ticket:
    context = contextvars.copy_context()
    context.run(TENANT.set, tenant)
    return context.run(lambda: admission.admit(tokens, **options))


def test_what_would_wait_past_its_deadline_is_refused_at_once() -> None:
    admission = Admission(10_000)
    admission.measure(1000, 1.0)
    admission.admit(2000, deadline=Deadline.after(0.9))  # two seconds of work

    admission.admit(10, deadline=Deadline.after(6.0)).release()
    with pytest.raises(Overloaded, match="deadline") as refused:
        admission.admit(10, deadline=Deadline.after(1.0))

    assert 2.0 <= refused.value.retry_after <= 3.0
    assert admission.load.rejected == 1


def test_a_part_of_work_that_was_begun_waits_where_another_is_refused() -> None:
    admission = Admission(100)
    admission.measure(10, 1.0)
    admission.admit(90, deadline=Deadline.after(1.0))

    with begun():
        admission.admit(10, deadline=Deadline.after(2.0)).release()
        with pytest.raises(Overloaded, match="limit"):  # there is room for so much and no more
            admission.admit(11, deadline=Deadline.after(2.0))
    with pytest.raises(Overloaded, match="deadline"):
        admission.admit(10, deadline=Deadline.after(2.0))


def test_what_is_wanted_later_does_not_count_for_it_gives_way() -> None:
    admission = Admission(10_000)
    admission.measure(1000, 1.0)
    admission.admit(2000, deadline=Deadline.after(60.0))

    admission.admit(10, deadline=Deadline.after(1.0)).release()


def test_an_empty_queue_refuses_no_deadline() -> None:
    admission = Admission(10_000)
    admission.measure(1, 1.0)

    admission.admit(5000, deadline=Deadline.after(0.5)).release()


def test_a_full_queue_lets_in_a_tenant_with_less_than_its_share() -> None:
    admission = Admission(100)
    admit_for("crawler", admission, 100)

    with pytest.raises(Overloaded):
        admit_for("crawler", admission, 1)
    admit_for("person", admission, 50)
    with pytest.raises(Overloaded):
        admit_for("person", admission, 1)
    admit_for("third", admission, 33).release()


def test_a_tenants_wait_is_for_its_own_turns_and_as_many_of_the_others() -> None:
    admission = Admission(10_000)
    admission.measure(1000, 1.0)
    admit_for("crawler", admission, 5000, deadline=Deadline.after(0.2))
    admit_for("person", admission, 80, deadline=Deadline.after(0.2))

    admit_for("person", admission, 10, deadline=Deadline.after(0.5)).release()
    with pytest.raises(Overloaded):
        admit_for("crawler", admission, 10, deadline=Deadline.after(0.5))


def test_nothing_is_left_counted_when_all_is_released() -> None:
    admission = Admission(100)
    for deadline in (Deadline(), Deadline.after(1.0), Deadline.after(60.0)):
        ticket = admission.admit(30, deadline=deadline)
        ticket.resize(20, 1)
        ticket.start(5, 1)
        ticket.release()

    assert not admission._by_slot
    assert not admission._by_tenant


def test_a_refusal_before_anything_is_known_of_a_request_is_one_that_every_request_would_get() -> None:
    admission = Admission(100)
    admission.measure(100, 1.0)
    soon, later = Deadline.after(0.5), Deadline.after(5.0)
    assert admission.refusal(soon) is None

    ticket = admission.admit(50, deadline=soon)
    assert not admission.is_pressed
    refusal = admission.refusal(soon)

    assert refusal is not None
    assert refusal.retry_after >= 0.5
    assert admission.load.rejected == 1
    assert admission.is_pressed
    assert admission.refusal(later) is None
    assert contextvars.copy_context().run(_as_another, admission, soon) is None
    ticket.release()
    assert admission.refusal(soon) is None


def test_refusals_that_are_given_to_many_are_few_errors_and_never_tell_to_return_too_early() -> None:
    admission = Admission(1000)
    admission.measure(500, 1.0)
    admission.admit(1000)

    refusals = [admission.refusal() for _ in range(500)]

    delays = [refusal.retry_after for refusal in refusals if refusal is not None]
    assert len(delays) == 500 == admission.load.rejected
    assert min(delays) >= 2.0
    assert max(delays) <= 3.0 * RETRY_STEP
    assert 8 <= len(set(delays)) == len({id(refusal) for refusal in refusals}) <= 12  # spread, and made once


def test_bulk_work_leaves_a_part_of_the_queue_to_others_and_is_not_counted_as_refused() -> None:
    admission = Admission(100)

    with in_bulk():
        admission.admit(70)
        with pytest.raises(Overloaded):
            admission.admit(10)
    pressed = admission.is_pressed
    admission.admit(25)

    assert not pressed
    assert admission.load.rejected == 0
    with in_bulk(), Admission(100).admit(90) as alone:  # larger than that part, it is let in all the same
        assert alone


def _as_another(admission: Admission, deadline: Deadline) -> Overloaded | None:
    TENANT.set("another")
    return admission.refusal(deadline)
