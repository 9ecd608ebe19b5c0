"""Puts results into answers: keeps values for others, and shares the error of a provider that does not answer."""

from collections.abc import Iterable, Mapping
from functools import partial

from external.providers.protocol import ProviderError, ProviderUnavailable, SecretRequest
from external.reading.identity_queue import Answer, Given, IdentityQueue
from external.reading.value_budget import ValueBudget
from manager.core.clock import Clock
from manager.core.secret_value import SecretValue


class Settlement:
    """Settles answers within the budget for values in memory."""

    def __init__(self, clock: Clock, budget: ValueBudget) -> None:
        self._clock = clock
        self._budget = budget

    def settle(self, queue: IdentityQueue, answers: Iterable[tuple[Answer, Given | ProviderError]]) -> None:
        """Settle the answers of one call. If the provider did not answer, those still queued get its error too."""
        settled = list(answers)
        self._note(queue, [result for _, result in settled])
        for answer, result in settled:
            self._settle(queue, answer, result)

    def _note(self, queue: IdentityQueue, given: Iterable[Given | ProviderError]) -> None:
        silent = next((each for each in given if isinstance(each, ProviderUnavailable)), None)
        if silent is None:
            queue.breaker.close()
            return
        queue.breaker.open(str(silent), self._clock.monotonic())
        while queue.waiting:
            self._settle(queue, queue.waiting.popleft(), ProviderUnavailable(queue.breaker.text))

    def _settle(self, queue: IdentityQueue, answer: Answer, result: Given | ProviderError) -> None:
        size, tenant = _size(result), queue.session.tenant
        if size and not self._budget.takes(tenant, size):
            result = ProviderUnavailable("too much was read for the same namespace or cluster store at once")
        if isinstance(result, ProviderError):
            answer.coming.set_exception(result)
            _evict(queue, answer)
            if isinstance(answer.request, SecretRequest):
                queue.habits.pop(answer.request, None)
        else:
            answer.size = size
            answer.coming.set_result(result)
            self._budget.keep(tenant, size, partial(_evict, queue, answer))


def _evict(queue: IdentityQueue, answer: Answer) -> None:
    if queue.answers.get(answer.request) is answer:
        del queue.answers[answer.request]


def _size(given: Given | ProviderError) -> int:
    if isinstance(given, Mapping):
        return sum(len(name) + len(value) for name, value in given.items())
    return len(given) if isinstance(given, SecretValue) else 0
