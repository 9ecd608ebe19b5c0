"""Ask for refreshes and wait for them. Writes one annotation of each named object, and nothing else."""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from external.summaries import external_secret_summary
from manager.cli.refresh.outcome import ANNOTATION, Outcome, Verdict, at_the_end, compared, judged, problem_of
from manager.core.clock import Clock, rfc3339
from manager.core.errors import Forbidden, NotFound, SettingsError
from manager.kube.client import KubeClient
from manager.kube.resources import EXTERNAL_SECRETS, SECRETS, Body, Key

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Refresher:
    """Refreshes objects.

    Args:
        client: of the user who asks.
        clock: the time.
        patience: seconds to wait for each object.
    """

    client: KubeClient
    clock: Clock
    patience: float

    async def refresh(self, keys: Sequence[Key]) -> list[Outcome]:
        """Refresh objects at the same time. Raises ApiError if one may not be read or annotated, SettingsError."""
        return list(await asyncio.gather(*map(self._one, keys)))

    async def _one(self, key: Key) -> Outcome:
        salt = secrets.token_bytes(16)
        body = await self.client.find(key)
        if body is None:
            raise SettingsError(f"{key} does not exist")
        target = self._target(key, body)
        before = await self._fingerprints(target, salt)
        asked = await self._ask(key, body)
        verdict, now = await self._settled(key, asked)
        if verdict is not Verdict.DONE:
            return Outcome(key, verdict, problem=problem_of(now))
        changes = compared(before, await self._fingerprints(target, salt)) if target is not None else None
        return Outcome(key, verdict, changes)

    async def _ask(self, key: Key, body: Body) -> Body:
        """Set the annotation, by a moment that no earlier one is equal to."""
        meta = body["metadata"]
        stamp = _stamp(self.clock.now(), (meta.get("annotations") or {}).get(ANNOTATION, ""))
        patch = {"metadata": {"uid": meta["uid"], "annotations": {ANNOTATION: stamp}}}
        return await self.client.patch(key, patch, manager="coffer-refresh")

    async def _settled(self, key: Key, asked: Body) -> tuple[Verdict, Body]:
        end, now = self.clock.monotonic() + self.patience, asked
        while self.clock.monotonic() < end:
            now = await self.client.find(key) or now
            verdict = judged(asked, now)
            if verdict is not Verdict.WAITING:
                return verdict, now
            await asyncio.sleep(POLL_SECONDS)
        return at_the_end(now), now

    @staticmethod
    def _target(key: Key, body: Body) -> Key | None:
        """Return the Secret that an ExternalSecret writes; None for other kinds."""
        if key.resource is not EXTERNAL_SECRETS:
            return None
        summary = external_secret_summary(body)
        secret = summary.manifest == (SECRETS.api_version, SECRETS.kind)
        return Key(SECRETS, key.namespace, summary.target) if secret else None

    async def _fingerprints(self, target: Key | None, salt: bytes) -> Mapping[str, bytes] | None:
        """Return salted hashes of a Secret's values, which are dropped at once; None if it may not be read."""
        if target is None:
            return {}
        try:
            data = (await self.client.get(target)).get("data") or {}
        except NotFound:
            return {}
        except Forbidden:
            return None
        return {str(name): hashlib.sha256(salt + str(text).encode()).digest() for name, text in data.items()}


def _stamp(now: datetime, last: str) -> str:
    text = rfc3339(now)
    return text if text != last else f"{text}-{secrets.token_hex(2)}"
