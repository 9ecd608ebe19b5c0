"""AWS simulated by moto's server, behind a proxy that counts the calls and fails on demand."""

import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

import aiohttp
import boto3
import urllib3
from aiohttp import web

from tests.cluster.moto_certificates import Certificates
from tests.cluster.process import Folder, Process
from tests.cluster.serving import Served, abort, passed_on
from tests.cluster.wait import wait_until

REGION = "ap-northeast-2"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "an example, not a key"}
JSON = "application/x-amz-json-1.1"
MAIN = "import sys; from moto.server import main; main(sys.argv[1:])"


@dataclass(frozen=True)
class AwsCall:
    """One call to AWS."""

    action: str
    """GetSecretValue, AssumeRole, …"""
    access_key: str
    """The access key that signed it, which shows the identity."""
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The form fields, if the body is a form, as for STS."""


@dataclass
class AwsFault:
    """A fault for the next calls of an action."""

    action: str
    """The action; `*` for all."""
    times: int
    """How many calls it still affects."""
    code: str
    """AWS error code; empty: no answer until `heal`."""
    status: int
    """HTTP status."""


@dataclass(frozen=True)
class Kept:
    """A recorded answer."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str]

    def response(self) -> web.Response:
        """Return it as a new response."""
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    def without(self, secrets: Mapping[str, str]) -> "Kept":
        """Return it with errors in place of some secrets, as AWS reports secrets that it cannot return."""
        found = json.loads(self.body)
        values = found.get("SecretValues", [])
        found["SecretValues"] = [each for each in values if each["Name"] not in secrets]
        taken = [each["Name"] for each in values if each["Name"] in secrets]
        found["Errors"] = found.get("Errors", []) + [
            {"SecretId": name, "ErrorCode": secrets[name], "Message": "injected by the test"} for name in taken
        ]
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
        return Kept(self.status, json.dumps(found).encode(), headers)


@dataclass
class Moto:
    """Use it as a context manager, or call `start` and `stop`."""

    url: str = ""
    """Endpoint for every AWS service."""
    calls: list[AwsCall] = field(default_factory=list)
    """All calls so far."""
    faults: list[AwsFault] = field(default_factory=list)
    """Pending faults."""
    frozen: dict[str, dict[bytes, Kept]] = field(default_factory=dict, repr=False)
    """Frozen actions: their answers by request."""
    partial: dict[str, str] = field(default_factory=dict)
    """Secrets that batch calls do not return, and the error code for each."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and the proxy. Raises TimeoutError with the end of the log."""
        self._folder = Folder(Path(tempfile.mkdtemp(prefix="coffer-moto-")))
        socket, log = self._folder.path / "socket", self._folder.path / "moto.log"
        self._process = Process("moto", [sys.executable, "-c", MAIN, "-H", f"unix://{socket}", "-p", "0"], log, KEYS)
        self._served = Served(self._handle)
        self.url = self._served.start()
        self._served.call(self._open(socket))
        wait_until(self._answers, timeout=30, what="moto")

    def stop(self) -> None:
        """Stop both."""
        self.heal()
        self._served.call(self._session.close())
        self._served.stop()
        self._process.kill()
        self._folder.remove()

    def reset(self) -> None:
        """Remove all data, faults and recorded calls."""
        self.heal()
        self._ask("POST", "reset")
        self.calls.clear()

    def environment(self) -> dict[str, str]:
        """Return the variables that direct a process to this AWS; they contain no credentials."""
        services = ("SECRETSMANAGER", "STS", "SSM", "ACM", "RESOURCE_GROUPS_TAGGING_API")
        return {"AWS_ENDPOINT_URL": self.url} | {f"AWS_{service}_ENDPOINT": self.url for service in services}

    def client(self, service: str = "secretsmanager") -> Any:
        """Return a boto3 client to prepare data; its calls count too."""
        identity = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"]}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **identity)

    def counts(self, access_key: str = KEYS["AWS_ACCESS_KEY_ID"]) -> Mapping[str, int]:
        """Return how often each action was called with an access key; the preparing client uses AKIATEST."""
        return Counter(call.action for call in self.calls if call.access_key == access_key)

    def fail(self, action: str, code: str = "AccessDeniedException", status: int = 400, times: int = 1) -> AwsFault:
        """Let the next calls fail: ThrottlingException, InternalServiceError with 500, …; `*` is any action."""
        fault = AwsFault(action, times, code, status)
        self.faults.append(fault)
        return fault

    def hang(self, action: str, times: int = 1) -> AwsFault:
        """Let the next calls wait until `heal`, longer than any client waits."""
        return self.fail(action, code="", times=times)

    def freeze(self, action: str) -> None:
        """Repeat the next answer of an action from then on: AWS's lists lag like this."""
        self.frozen[action] = {}

    def heal(self) -> None:
        """Remove all faults; cut the connections that hang."""
        self.faults.clear()
        self.frozen.clear()
        self.partial.clear()
        self._served.call(self._release())

    def _answers(self) -> bool:
        self._process.check()
        return self._ask("GET", "data.json") == 200

    def _ask(self, method: str, what: str) -> int:
        with urllib3.PoolManager(retries=False, timeout=5.0) as pool:
            return pool.request(method, f"{self.url}/moto-api/{what}").status

    async def _open(self, socket: Path) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket), limit=0))
        self._healed = asyncio.Event()

    async def _release(self) -> None:
        self._healed.set()
        self._healed = asyncio.Event()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fault = self._note(request, body) if request.method == "POST" and request.path == "/" else None
        if fault and not fault.code:
            await self._healed.wait()
            return abort(request)
        if fault:
            text = json.dumps({"__type": fault.code, "message": "injected by the test"})
            return web.Response(status=fault.status, text=text, content_type=JSON)
        frozen = self.frozen.get(_action(request))
        if frozen is not None and body in frozen:
            return frozen[body].response()
        try:
            given = await self._passed(request, body)
        except aiohttp.ClientError:
            return abort(request)
        if self.partial and _action(request) == "BatchGetSecretValue":
            given = given.without(self.partial)
        if frozen is not None:
            frozen[body] = given
        return given.response()

    async def _passed(self, request: web.Request, body: bytes) -> Kept:
        """Return moto's answer, with what moto leaves out of certificates."""
        headers, action = passed_on(request.headers), _action(request)
        certificates = Certificates(self._session, headers)
        if action == "GetResources":
            found = await certificates.with_tags(json.loads(body))
            return Kept(200, json.dumps(found).encode(), {"Content-Type": JSON})
        arn = str(json.loads(body).get("CertificateArn") or "") if action == "ImportCertificate" else ""
        tags = await certificates.tags(arn) if arn else []
        async with self._session.request(
            request.method, f"http://aws{request.raw_path}", data=body, headers=headers
        ) as answer:
            given = Kept(answer.status, await answer.read(), passed_on(answer.headers))
        if tags:
            await certificates.tag(arn, tags)
        return given

    def _note(self, request: web.Request, body: bytes) -> AwsFault | None:
        """Record the call; return the fault that affects it."""
        target = _action(request)
        form = {} if target else {name: value[0] for name, value in parse_qs(body.decode(errors="replace")).items()}
        action = target or form.get("Action", "")
        key = request.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
        self.calls.append(AwsCall(action, key, form))
        fault = next((each for each in self.faults if each.times > 0 and each.action in ("*", action)), None)
        if fault:
            fault.times -= 1
        return fault


def _action(request: web.Request) -> str:
    """Return the action from the header, or for STS from the form."""
    return request.headers.get("X-Amz-Target", "").rpartition(".")[2]
