"""Whose tasks are offered next, and how many wait at a time."""

from collections import Counter

from fallow.pipeline.order import LONG, MOST, SHORT, Line, Waiting, Window, fair, in_order


def a_line(job, count, owner="", at=0.0, cost=1.0, **more):
    return Line(owner, job, at, tuple(Waiting(f"{job}{number}", number, cost) for number in range(count)), **more)


def served(turns):
    return Counter(task[0] for task in turns.tasks)


def test_jobs_of_one_user_take_turns():
    turns = fair({"": 0.0}, [a_line("a", 9), a_line("b", 9)], 6)
    assert turns.tasks == ("a0", "b0", "a1", "b1", "a2", "b2")
    assert (turns.jobs, turns.owners) == ({"a": 3.0, "b": 3.0}, {"": 6.0})


def test_users_take_turns_before_their_jobs_do():
    lines = [a_line("a", 9, "ann"), a_line("b", 9, "ann"), a_line("c", 9, "bob")]
    assert served(fair({"ann": 0.0, "bob": 0.0}, lines, 8)) == {"a": 2, "b": 2, "c": 4}


def test_who_was_given_less_catches_up():
    lines = [a_line("a", 9, at=5.0), a_line("b", 9, at=2.0)]
    assert fair({"": 7.0}, lines, 4).tasks == ("b0", "b1", "b2", "a0")


def test_shares_are_of_work():
    lines = [a_line("a", 9, cost=3.0), a_line("b", 9, cost=1.0)]
    assert served(fair({"": 0.0}, lines, 8)) == {"a": 2, "b": 6}


def test_tasks_that_cost_nothing_take_turns_too():
    assert served(fair({"": 0.0}, [a_line("a", 9, cost=0.0), a_line("b", 9, cost=0.0)], 6)) == {"a": 3, "b": 3}


def test_nobody_is_passed_over_that_is_not_known_here():
    assert len(fair({"": 0.0}, [a_line("a", 5, more=True), a_line("b", 9)], 9).tasks) == 9
    assert len(fair({"": 0.0}, [a_line("a", 2, more=True), a_line("b", 9)], 9).tasks) == 3
    assert len(fair({"": 0.0}, [a_line("a", 9, bound=1.0)], 9).tasks) == 2
    assert len(fair({"": 0.0}, [a_line("a", 9)], 9, bound=2.0).tasks) == 3


def test_there_is_always_a_next_task_while_somebody_has_one():
    lines = [a_line("a", 1, at=5.0, more=True, bound=5.0), a_line("b", 0, at=1.0)]
    assert fair({"": 3.0}, lines, 4, bound=3.0).tasks == ("a0",)
    assert fair({"": 3.0}, [a_line("b", 0)], 4).tasks == ()


def test_chunks_are_done_from_the_first_on_and_the_last_ones_by_their_cost():
    tasks = (Waiting("late", 2, 9.0), Waiting("small", 1, 1.0), Waiting("large", 1, 4.0))
    assert [t.task for t in in_order(Line("", "j", 0.0, tasks, more=True))] == ["large", "small", "late"]
    assert [t.task for t in in_order(Line("", "j", 0.0, tasks))] == ["late", "large", "small"]


def test_a_window_grows_while_tasks_are_taken_quickly_and_shrinks_after():
    window = Window(4)
    assert window.room(9.0, 0) == 4
    for size in (8, 16, 32):
        window.level = window.size
        assert window.room(SHORT / 2, 0) == size
    assert window.room(SHORT / 2, 17) == 0
    assert window.room(2 * SHORT, 10) == 22
    assert [window.room(2 * LONG, 10), window.size] == [1, 11]
    assert [window.room(9 * LONG, 0) for _ in range(2)] == [4, 4]
    for _ in range(20):
        window.level = window.size
        window.room(0.0, 0)
    assert window.size == MOST


def test_a_window_does_not_grow_as_tasks_come_bit_by_bit():
    window = Window(4)
    for level in (1, 2, 3):
        window.level = level
        assert window.room(SHORT / 2, 2) == 2
    assert window.size == 4
