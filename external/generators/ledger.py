"""Records what generators make before any target holds it, so that it can be ended whatever happens next."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog

from external.generators.protocol import Announced, Generated, Make, Recipe, State
from external.generators.states import (
    GENERATOR_STATES,
    MARGIN_SECONDS,
    OWNER_KEY,
    UNWRITTEN_SECONDS,
    Maker,
    Slot,
    new_state,
)
from external.providers.protocol import ConnectContext, ProviderDenied, ProviderError
from external.reading.thread_pool import ThreadPool
from manager.core.errors import ApiError, NeedsHuman, NotFound, Retry, WaitFor
from manager.kube.resources import Body, Key
from manager.kube.writer import Create, Delete, Patch
from manager.runtime.module import Context

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Recorded:
    """What was made, and the state that records it."""

    generated: Generated
    state: str = ""
    """Name of the state; empty if there is nothing to end."""
    usable_until: float | None = None
    """Unix time until which a target may be given the values for the first time; None if there is nothing to end."""


class Ledger:
    """Makes values of kinds that must be ended at their provider, and records them."""

    def __init__(self, context: Context, threads: ThreadPool) -> None:
        self._client = context.client
        self._writer = context.writer
        self._clock = context.clock
        self._threads = threads

    async def make(self, slot: Slot, maker: Maker, recipe: Recipe, make: Make, context: ConnectContext) -> Recorded:
        """Return new values after their state is written.

        Raises ProviderError; then nothing is left alive at the provider, or a state with a deadline records it.
        """
        await self._require_states(slot)
        announced = None
        if isinstance(make, Announced):  # even an answer that is lost on the way leaves something that can be found
            announced = await self._record(slot, maker, make.state)
        try:
            generated = await self._threads.run(f"namespace {slot.owner.namespace}", make)
        except ProviderDenied:
            # Only then: a service that gives no answer in time may make the credential after we have looked for it.
            if announced is not None:
                await self._end_now(announced)
            raise
        if generated.state is None:
            return Recorded(generated)
        try:
            state = await self._completed(slot, maker, announced, generated)
        except BaseException:  # also where this replica may write no more
            await self._end(recipe, generated, context, slot)
            raise
        return Recorded(generated, state["metadata"]["name"], self._deadline() - MARGIN_SECONDS)

    def _deadline(self) -> float:
        return self._clock.now().timestamp() + UNWRITTEN_SECONDS

    async def _require_states(self, slot: Slot) -> None:
        """Raise ProviderError before anything is made that could not be recorded."""
        namespace, selector = slot.owner.namespace, f"{OWNER_KEY}={slot.label}"
        try:
            async for _ in self._client.pages(GENERATOR_STATES, namespace=namespace, selector=selector):
                return
        except NotFound:
            raise ProviderError(
                "the CRD of GeneratorStates is not installed: nothing is made that no one ends"
            ) from None
        except ApiError as error:
            raise ProviderError(f"GeneratorStates cannot be read: {error}; the chart's roles give the right") from None

    async def _record(self, slot: Slot, maker: Maker, state: State) -> Body:
        body = new_state(slot, maker, state, self._deadline())
        key = Key(GENERATOR_STATES, slot.owner.namespace, body["metadata"]["name"])
        return await _written(partial(self._writer.apply, Create(key, body)))

    async def _completed(self, slot: Slot, maker: Maker, announced: Body | None, generated: Generated) -> Body:
        """Return the state with what is known after the answer."""
        if announced is None:
            return await self._record(slot, maker, generated.state or {})
        if announced["spec"]["state"] == generated.state:
            return announced
        meta = announced["metadata"]
        key = Key(GENERATOR_STATES, slot.owner.namespace, meta["name"])
        patch = Patch(key, meta["uid"], meta["resourceVersion"], {"spec": {"state": generated.state}})
        return await _written(partial(self._writer.apply, patch))

    async def _end(self, recipe: Recipe, generated: Generated, context: ConnectContext, slot: Slot) -> None:
        """End at once what could not be recorded; a state that was written nonetheless has a deadline."""
        if recipe.end is None or generated.state is None:
            return
        try:
            end = await recipe.end(context, generated.state)
            await self._threads.run(f"namespace {slot.owner.namespace}", end)
        except (ProviderError, NeedsHuman, Retry):
            log.warning("credential left behind", object=str(slot.owner), problem="neither recorded nor ended")

    async def _end_now(self, state: Body) -> None:
        """Let the state end what may have been made: its deletion runs that."""
        meta = state["metadata"]
        key = Key(GENERATOR_STATES, meta["namespace"], meta["name"])
        try:
            await self._writer.apply(Delete(key, meta["uid"], meta["resourceVersion"], "its values were not made"))
        except (ApiError, WaitFor) as error:  # its deadline does it later
            log.info("state not deleted yet", object=str(key), problem=str(error))


async def _written(write: Callable[[], Awaitable[Body | None]]) -> Body:
    """Return what was written. Raises ProviderError: it is tried again."""
    try:
        found = await write()
    except ApiError as error:
        raise ProviderError(f"its GeneratorState cannot be written: {error}") from None
    return found or {}
