"""Reads the objects that a store refers to: Secrets, ConfigMaps, ServiceAccounts and their tokens."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from cryptography import x509

from external.api.fields import CaProvider, ConfigMapKeySelector, SecretKeySelector, ServiceAccountSelector
from manager.core.errors import Forbidden, NeedsHuman, NotFound, Retry
from manager.core.secret_value import SecretValue
from manager.kube.client import KubeClient
from manager.kube.references import resolve
from manager.kube.resources import CONFIGMAPS, SECRETS, SERVICE_ACCOUNTS, Body, Key
from manager.kube.secret_data import decoded

INVALID = "InvalidProviderConfig"
MAX_BUNDLE_BYTES = 384 << 10  # of base64: a system's bundle fits, and takes 35 ms to read
SHORT_BUNDLE_BYTES = 16 << 10  # checked in less than a millisecond
TOKEN_TIMEOUT_SECONDS = 10.0  # a thread waits no longer for a token


class Lookup:
    """Reads on behalf of one store and, where that is a cluster store, of one consumer.

    Args:
        consumer: namespace of the ExternalSecret, for a cluster store that uses its consumer's credentials.
    """

    def __init__(self, client: KubeClient, store: Key, consumer: str) -> None:
        self._client = client
        self.store = store
        self.consumer = consumer

    @property
    def cluster(self) -> object:
        """Stands for the API server that it reads from."""
        return self._client

    @property
    def namespace(self) -> str:
        """The namespace on whose behalf the store is used: its own, or its consumer's."""
        return self.store.namespace or self.consumer

    async def secret(self, selector: SecretKeySelector | None, at: str, key: str = "") -> SecretValue:
        """Return one value of a Secret; `key` is the default of the selector. Raises NeedsHuman."""
        if selector is None:
            raise NeedsHuman(INVALID, f"{at} is missing")
        place = resolve(self.store, SECRETS, selector.name, selector.namespace, at=at, consumer=self.consumer)
        secret = await self._client.find(place)
        if secret is None:
            text = f'cannot get Kubernetes secret "{place.name}" from namespace "{place.namespace}": it does not exist'
            raise NeedsHuman(INVALID, f"{at}: {text}")
        data, wanted = decoded(secret), selector.key or key
        if wanted not in data:
            raise NeedsHuman(INVALID, f'{at}: cannot find secret data for key: "{wanted}"')
        return data[wanted]

    async def members(self, selector: SecretKeySelector, at: str, label: tuple[str, str]) -> dict[str, SecretValue]:
        """Return all values of a Secret. Raises NeedsHuman, also for a Secret without the label.

        The values are read only after the label was seen: its owner has not agreed before.
        """
        place = resolve(self.store, SECRETS, selector.name, selector.namespace, at=at, consumer=self.consumer)
        _require_consent(await self._client.find_metadata(place), place, at, label)
        return decoded(_require_consent(await self._client.find(place), place, at, label))

    async def authority(self, bundle: str | None, provider: CaProvider | None, at: str) -> bytes | None:
        """Return the PEM certificates of the authorities to trust, None for the system's. Raises NeedsHuman."""
        if bundle:
            return await _checked(bundle.encode(), f"{at}.caBundle")
        if provider is None:
            return None
        place, key = f"{at}.caProvider", provider.key or "ca.crt"
        if not self.store.namespace and not provider.namespace:
            raise NeedsHuman(INVALID, f"{place}.namespace is missing: a cluster-scoped store must name it")
        if provider.type == "Secret":
            selector = SecretKeySelector(name=provider.name, namespace=provider.namespace, key=key)
            return await _checked((await self.secret(selector, place)).reveal(), place)
        where = resolve(self.store, CONFIGMAPS, provider.name, provider.namespace, at=place)
        found = ((await self._client.find(where)) or {}).get("data") or {}
        if key not in found:
            raise Retry(INVALID, f'{place}: there is no ConfigMap "{where.name}" with the key "{key}"')
        return await _checked(found[key].encode(), place)

    async def configuration(self, selector: ConfigMapKeySelector, at: str) -> str:
        """Return one text of a ConfigMap. Raises NeedsHuman."""
        place = resolve(self.store, CONFIGMAPS, selector.name, selector.namespace, at=at, consumer=self.consumer)
        found = ((await self._client.find(place)) or {}).get("data") or {}
        if selector.key not in found:
            raise NeedsHuman(INVALID, f'{at}: there is no ConfigMap "{place.name}" with the key "{selector.key}"')
        return str(found[selector.key])

    async def account(self, selector: ServiceAccountSelector, at: str) -> Body:
        """Return a ServiceAccount. Raises Retry if there is none: ServiceAccounts are not watched."""
        place = self._account_key(selector, at)
        found = await self._client.find(place)
        if found is None:
            raise Retry(INVALID, f'{at}: there is no ServiceAccount "{place.name}" in namespace "{place.namespace}"')
        return found

    def token_source(
        self, selector: ServiceAccountSelector, audiences: list[str], seconds: int | None, at: str
    ) -> Callable[[], SecretValue]:
        """Return a function for threads that gets a new token of a ServiceAccount.

        It raises Retry if the API server issues none, and TimeoutError.

        Raises:
            NeedsHuman: the store may not refer to the ServiceAccount.

        """
        ask = self.token_source_for(selector, seconds, at)
        return lambda: ask(audiences)

    def token_source_for(
        self, selector: ServiceAccountSelector, seconds: int | None, at: str
    ) -> Callable[[list[str]], SecretValue]:
        """Return what `token_source` does, for audiences that are known only when a token is needed."""
        loop, place = asyncio.get_running_loop(), self._account_key(selector, at)

        def ask(audiences: list[str]) -> SecretValue:
            coming = asyncio.run_coroutine_threadsafe(self._token(place, audiences, seconds, at), loop)
            return coming.result(TOKEN_TIMEOUT_SECONDS)

        return ask

    async def own_audiences(self, selector: ServiceAccountSelector, at: str) -> frozenset[str]:
        """Return the audiences that this cluster's API server accepts. Raises as `account`.

        It names them in a token that is requested without audiences, and is thrown away.
        """
        answer = await self._requested(self._account_key(selector, at), [], None, at)
        found = (answer.get("spec") or {}).get("audiences")
        return frozenset(each for each in found or () if isinstance(each, str))

    async def _token(self, place: Key, audiences: list[str], seconds: int | None, at: str) -> SecretValue:
        answer = await self._requested(place, audiences, seconds, at)
        return SecretValue(str(answer["status"]["token"]).encode())

    async def _requested(self, place: Key, audiences: list[str], seconds: int | None, at: str) -> Body:
        spec: dict[str, Any] = {"audiences": audiences} | ({"expirationSeconds": seconds} if seconds else {})
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = SERVICE_ACCOUNTS.path(place.namespace, place.name, "token")
        try:
            return await self._client.post(SERVICE_ACCOUNTS, path, body)
        except (NotFound, Forbidden) as error:
            raise Retry(INVALID, f'{at}: no token of ServiceAccount "{place.name}": {error.reason}') from error

    def _account_key(self, selector: ServiceAccountSelector, at: str) -> Key:
        return resolve(self.store, SERVICE_ACCOUNTS, selector.name, selector.namespace, at=at, consumer=self.consumer)


def _require_consent(secret: Body | None, place: Key, at: str, label: tuple[str, str]) -> Body:
    """Return a Secret with the label. Raises NeedsHuman for one without it, and for none."""
    if secret is None:
        text = f'cannot get Kubernetes secret "{place.name}" from namespace "{place.namespace}": it does not exist'
        raise NeedsHuman(INVALID, f"{at}: {text}")
    if (secret["metadata"].get("labels") or {}).get(label[0]) != label[1]:
        text = f"secret does not contain needed label '{label[0]}: {label[1]}'"
        raise NeedsHuman(INVALID, f'{at}: {text}: "{place.name}" in namespace "{place.namespace}"')
    return secret


async def _checked(text: bytes, at: str) -> bytes:
    if len(text) > MAX_BUNDLE_BYTES:
        raise NeedsHuman(
            INVALID, f"{at}: it is longer than {MAX_BUNDLE_BYTES} bytes: leave only the authorities needed"
        )
    return await asyncio.to_thread(_pem, text, at) if len(text) > SHORT_BUNDLE_BYTES else _pem(text, at)


def _pem(text: bytes, at: str) -> bytes:
    """Return certificates that are given as PEM, or as base64 of it. Raises NeedsHuman."""
    for _ in range(3):
        if b"-----BEGIN CERTIFICATE-----" in text:
            try:
                x509.load_pem_x509_certificates(text)
            except ValueError:
                break
            return text
        try:
            text = base64.b64decode(b"".join(text.split()), validate=True)  # base64 may be wrapped
        except ValueError:
            break
    raise NeedsHuman(INVALID, f"{at}: there is no certificate in PEM form")
