from __future__ import annotations

import contextvars
import threading

import pytest

from miio_lan.record.runs import in_one_run, put_off


def test_without_a_run_nothing_is_put_off() -> None:
    done: list[str] = []
    assert not put_off(lambda: done.append("x"))
    assert done == []


def test_what_is_put_off_is_done_once_at_the_end_and_in_order() -> None:
    done: list[str] = []
    first, second = (lambda: done.append("first")), (lambda: done.append("second"))
    with in_one_run():
        assert [put_off(job) for job in (first, second, first)] == [True, True, True]
        assert done == []
    assert done == ["first", "second"]
    assert not put_off(first)


def test_a_run_within_a_run_is_a_part_of_it() -> None:
    done: list[str] = []
    with in_one_run():
        with in_one_run():
            put_off(lambda: done.append("x"))
        assert done == []
    assert done == ["x"]


def test_a_run_that_fails_ends_too() -> None:
    done: list[str] = []

    def fail() -> None:
        with in_one_run():
            put_off(lambda: done.append("x"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert done == ["x"]
    assert not put_off(lambda: None)


def test_a_run_is_of_one_thread_alone() -> None:
    found: list[bool] = []

    def ask() -> None:
        # Some Pythons give a new thread the context of the one that starts it; most give it a new one.
        contextvars.Context().run(lambda: found.append(put_off(lambda: None)))

    with in_one_run():
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert found == [False]


def test_whoever_kept_the_context_of_a_run_finds_it_over() -> None:
    done: list[str] = []
    with in_one_run():
        kept = contextvars.copy_context()

    def run_anew() -> None:
        assert not put_off(lambda: done.append("never"))
        with in_one_run():
            put_off(lambda: done.append("x"))
        assert done == ["x"]

    kept.run(run_anew)
    assert done == ["x"]
