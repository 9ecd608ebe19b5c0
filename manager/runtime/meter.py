"""How long one piece of work keeps the event loop: what others wait for, without what it waits for itself."""

import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Metered(Generic[Result]):
    """Awaits something, and counts the seconds in which its own steps run.

    Tasks that it starts and threads that it waits for are not its own.
    """

    def __init__(self, work: Awaitable[Result], clock: Callable[[], float] = time.perf_counter) -> None:
        self._work = work
        self._clock = clock
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, Result]:
        steps = self._work.__await__()
        resume: Callable[[], Any] = lambda: next(steps)  # noqa: E731
        while True:
            began = self._clock()
            try:
                waited_for = resume()
            except StopIteration as end:
                result: Result = end.value
                return result
            finally:
                self.seconds += self._clock() - began
            try:
                given = yield waited_for
            except BaseException as error:
                resume = _raising(steps, error)
            else:
                resume = _sending(steps, given)


def _sending(steps: Any, given: Any) -> Callable[[], Any]:
    return lambda: steps.send(given) if given is not None else next(steps)


def _raising(steps: Any, error: BaseException) -> Callable[[], Any]:
    return lambda: steps.throw(error)
