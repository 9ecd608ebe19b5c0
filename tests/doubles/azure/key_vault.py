"""Azure Key Vault with the login of its tenant, on one address.

Written from "Authentication, requests and responses" (the 401 with WWW-Authenticate), "Azure Key Vault REST API" 7.4
(secrets, keys, certificates: get, set, import, update, delete, deleted objects, recover; lists of 25 with
nextLink), "REST error codes" and "Certificate credentials for application authentication".
"""

import base64
import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from tests.cluster.certificates import Pair
from tests.cluster.serving import Served
from tests.doubles.faults import Faults
from tests.doubles.tokens import claims_of, issued

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PAGE = 25
NOUNS = {"secrets": "Secret", "keys": "Key", "certificates": "Certificate"}
READABLE = {"contentType", "tags", "attributes", "value", "key", "policy"}


class KeyVault:
    """One vault, one tenant and one application; use it as a context manager."""

    tenant, client, secret = "11111111-aaaa-4bbb-8ccc-000000000000", "22222222-bbbb", "hunter2"
    api_version = "7.4"

    def __init__(self, tls: Pair | None = None) -> None:
        self.objects: dict[str, dict[str, list[dict[str, Any]]]] = {each: {} for each in NOUNS}
        """Collection -> name -> versions, the newest last."""
        self.deleted: dict[str, dict[str, list[dict[str, Any]]]] = {each: {} for each in NOUNS}
        self.calls: Counter[str] = Counter()
        """Method and path of requests that were let in, and `login`."""
        self.faults = Faults()
        self.certificate: x509.Certificate | None = None
        """Of the application."""
        self.accepts_assertion = lambda token: token == "token-of-builder"
        """Whether the application trusts a token of another issuer."""
        self.resource = ""
        """What the challenge names; by default the vault's own host."""
        self.challenge_tenant = self.tenant
        self.denied: set[str] = set()
        """Operations that the access policy forbids, such as `list`."""
        self.clock = time.time
        self._tls = tls
        self._tokens: set[str] = set()

    def __enter__(self) -> "KeyVault":
        self._served = Served(self._handle, tls=self._tls)
        self.url = self._served.start()
        self.host = self.url.partition("://")[2]
        self.resource = self.url.rpartition(":")[0]
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    def put(self, name: str, value: str = "", kind: str = "secrets", **body: Any) -> dict[str, Any]:
        """Store a version past the API, an hour ago."""
        given = {"value": value} if kind == "secrets" else {}
        return self._stored(kind, name, {**given, **body}, self.clock() - 3600)

    def expire_tokens(self) -> None:
        """Refuse all tokens that were issued so far."""
        self._tokens.clear()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        answer = await self._handled(request)
        if self._tls is not None:
            answer.force_close()  # a TLS connection that is open at the end waits for half a minute
        return answer

    async def _handled(self, request: web.Request) -> web.StreamResponse:
        fault = await self.faults.answer(request)
        if fault is not None:
            return fault
        if request.path == f"/{self.tenant}/oauth2/v2.0/token":
            return self._login({name: str(value) for name, value in (await request.post()).items()}, str(request.url))
        if request.path == "/metadata/identity/oauth2/token":
            return self._metadata(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self._tokens or claims_of(token)["exp"] < time.time():
            authority = f"https://login.microsoftonline.com/{self.challenge_tenant}"
            challenge = f'Bearer authorization="{authority}", resource="{self.resource}"'
            text = "AKV10000: Request is missing a Bearer or PoP token."
            return _error(401, "Unauthorized", text, challenge=challenge)
        if request.query.get("api-version") != self.api_version:
            return _error(400, "BadParameter", "The specified version is not recognized.")
        steps = request.path.strip("/").split("/")
        self.calls[f"{request.method} {steps[0]}"] += 1
        return await self._answer(request, steps)

    async def _answer(self, request: web.Request, steps: list[str]) -> web.Response:
        collection = steps[0].removeprefix("deleted")
        if collection not in NOUNS:
            return _error(404, "NotFound", "There is no such resource.")
        read = "get" if len(steps) > 1 else "list"
        operation = {"GET": read, "PUT": "set", "DELETE": "delete"}.get(request.method, "update")
        if operation in self.denied:
            text = f"The user, group or application does not have {collection} {operation} permission on key vault 'v'."
            return _error(403, "Forbidden", text, inner="AccessDenied")
        if steps[0] != collection:
            return self._of_deleted(request.method, collection, steps[1:])
        if len(steps) == 1:
            return self._page(request, collection)
        body = await request.json() if request.can_read_body else {}
        return self._one(request.method, collection, steps[1:], body)

    def _one(self, method: str, kind: str, steps: list[str], body: dict[str, Any]) -> web.Response:
        name, versions = steps[0], self.objects[kind].get(steps[0].lower())
        if method == "PUT" or (method == "POST" and steps[1:] == ["import"]):
            if name.lower() in self.deleted[kind]:
                text = f"{NOUNS[kind]} {name} is currently in a deleted but recoverable state."
                return _error(409, "Conflict", text, inner="ObjectIsDeletedButRecoverable")
            return self._written(kind, name, body)
        if not versions:
            return _absent(kind, name)
        if method == "DELETE":
            self.deleted[kind][name.lower()] = self.objects[kind].pop(name.lower())
            return web.json_response({**versions[-1], "recoveryId": f"{self.url}/deleted{kind}/{name}"})
        asked = steps[1] if len(steps) > 1 else ""
        wanted = [each for each in versions if asked in ("", _version(each))]
        if not wanted:
            return _absent(kind, f"{name}/{asked}")
        if method == "PATCH":
            return web.json_response(_shown(self._updated(wanted[-1], body)))
        if wanted[-1]["attributes"].get("enabled") is False and kind == "secrets":
            text = "Operation get is not allowed on a disabled secret."
            return _error(403, "Forbidden", text, inner="SecretDisabled")
        return web.json_response(_shown(wanted[-1], value=True))

    def _written(self, kind: str, name: str, body: dict[str, Any]) -> web.Response:
        if body.keys() - READABLE or (kind == "secrets" and not isinstance(body.get("value"), str)):
            return _error(400, "BadParameter", "Property has invalid value.")
        if kind == "certificates":
            try:
                body = {name: each for name, each in body.items() if name != "value"} | {"cer": _cer(body)}
            except ValueError:
                return _error(400, "BadParameter", "The specified certificate content is in an unexpected format.")
        if kind == "keys":
            body = {**body, "key": {n: e for n, e in body["key"].items() if n in ("kty", "n", "e", "crv", "x", "y")}}
        return web.json_response(_shown(self._stored(kind, name, body, self.clock()), value=True))

    def _stored(self, kind: str, name: str, body: Mapping[str, Any], now: float) -> dict[str, Any]:
        identifier = f"{self.url}/{kind}/{name}/{uuid4().hex}"
        attributes = {"enabled": True, **(body.get("attributes") or {}), "created": int(now), "updated": int(now)}
        stored = {**body, "id": identifier, "attributes": {**attributes, "recoveryLevel": "Recoverable+Purgeable"}}
        if kind == "keys":
            stored["key"] = {"kid": stored.pop("id"), **stored["key"]}
        self.objects[kind].setdefault(name.lower(), []).append(stored)
        return stored

    def _updated(self, stored: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        stored["attributes"] |= {**(body.get("attributes") or {}), "updated": int(self.clock())}
        stored.update({name: each for name, each in body.items() if name in ("contentType", "tags")})
        return stored

    def _of_deleted(self, method: str, kind: str, steps: list[str]) -> web.Response:
        versions = self.deleted[kind].get(steps[0].lower())
        if not versions:
            return _error(404, f"{NOUNS[kind]}NotFound", f"Deleted {NOUNS[kind]} not found: {steps[0]}")
        if method == "POST" and steps[1:] == ["recover"]:
            self.objects[kind][steps[0].lower()] = self.deleted[kind].pop(steps[0].lower())
        return web.json_response(_shown(versions[-1]))

    def _page(self, request: web.Request, kind: str) -> web.Response:
        names, start = sorted(self.objects[kind]), int(request.query.get("$skiptoken", "0"))
        size = min(PAGE, int(request.query.get("maxresults", PAGE)))
        items = []
        for name in names[start : start + size]:
            item = _shown(self.objects[kind][name][-1])
            items.append(item | {"id": item["id"].rpartition("/")[0]})
        more = f"{self.url}/{kind}?api-version={self.api_version}&$skiptoken={start + size}&maxresults={size}"
        return web.json_response({"value": items, "nextLink": more if start + size < len(names) else None})

    def _login(self, form: Mapping[str, str], url: str) -> web.Response:
        if (form.get("grant_type"), form.get("scope")) != ("client_credentials", f"{self.resource}/.default"):
            return _refused("AADSTS500011: The resource principal was not found.", "invalid_resource", 400)
        if form.get("client_id") != self.client:
            return _refused("AADSTS700016: Application was not found.", "unauthorized_client", 400)
        if form.get("client_secret") != self.secret and not self._asserted(form, url):
            return _refused("AADSTS7000215: Invalid client secret provided.", "invalid_client", 401)
        return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": self._token()})

    def _asserted(self, form: Mapping[str, str], url: str) -> bool:
        token = form.get("client_assertion", "")
        if form.get("client_assertion_type") != ASSERTION:
            return False
        known = self.certificate
        return self.accepts_assertion(token) or (known is not None and _signed_by(token, known, url))

    def _metadata(self, request: web.Request) -> web.Response:
        asked = (request.headers.get("Metadata"), request.query.get("resource"), request.query.get("client_id"))
        if asked != ("true", self.resource, self.client):
            return _refused("Identity not found", "invalid_request", 400)
        return web.json_response({"access_token": self._token(), "expires_in": "86399", "token_type": "Bearer"})

    def _token(self) -> str:
        self.calls["login"] += 1
        token = issued(exp=int(time.time()) + 3599, aud=self.resource, jti=str(uuid4()))
        self._tokens.add(token)
        return token


def _shown(stored: Mapping[str, Any], *, value: bool = False) -> dict[str, Any]:
    shown = {name: each for name, each in stored.items() if name != "value" or value}
    return shown if "id" in shown or value else {**shown, "id": shown["key"]["kid"]}


def _version(stored: Mapping[str, Any]) -> str:
    return str(stored.get("id") or stored["key"]["kid"]).rpartition("/")[2]


def _cer(body: Mapping[str, Any]) -> str:
    content = base64.b64decode(body["value"], validate=True)
    if ((body.get("policy") or {}).get("secret_props") or {}).get("contentType") == "application/x-pem-file":
        wanted = load_pem_private_key(content, None).public_key()
        found: Any = next(each for each in x509.load_pem_x509_certificates(content) if each.public_key() == wanted)
    else:
        found = pkcs12.load_key_and_certificates(content, None)[1]
    return base64.b64encode(found.public_bytes(Encoding.DER)).decode()


def _signed_by(token: str, certificate: x509.Certificate, audience: str) -> bool:
    head, body, signature = token.split(".")
    header, claims = (json.loads(_decoded(each)) for each in (head, body))
    thumbprint = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    key: Any = certificate.public_key()
    try:
        key.verify(_decoded(signature), f"{head}.{body}".encode(), pss, hashes.SHA256())
    except InvalidSignature:
        return False
    told = (header.get("alg"), header.get("x5t#S256"), claims["aud"], claims["iss"] == claims["sub"])
    return told == ("PS256", thumbprint, audience, True) and claims["exp"] > time.time() >= claims["nbf"]


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _error(status: int, code: str, message: str, *, inner: str = "", challenge: str = "") -> web.Response:
    error: dict[str, Any] = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    return web.json_response({"error": error}, status=status, headers=headers)


def _absent(kind: str, name: str) -> web.Response:
    return _error(
        404, f"{NOUNS[kind]}NotFound", f"A {kind[:-1]} with (name/id) {name} was not found in this key vault."
    )


def _refused(text: str, error: str, status: int) -> web.Response:
    varying = f" Trace ID: {uuid4()} Correlation ID: {uuid4()} Timestamp: 2026-11-30 01:00:00Z"
    return web.json_response({"error": error, "error_description": text + varying}, status=status)
