"""Google's token endpoints, and Secret Manager behind them.

Written from "Using OAuth 2.0 for Server to Server Applications" (POST of a JWT that is signed with the key of a service
account), "Security Token Service API, token" (RFC 8693), "IAM Service Account Credentials API, generateAccessToken",
and "Access tokens from the metadata server".
"""

import json
import time
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from external.providers.support.json_web_tokens import signed
from tests.cluster.serving import Served
from tests.doubles.google.secret_manager import SecretManagerApi
from tests.doubles.tokens import verified

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""Always, whatever `token_uri` the key names."""
LIFE_SECONDS = 3599


class Google:
    """One service account, and one cluster whose ServiceAccount may act as it; use it as a context manager."""

    email, subject_token = "app@project.iam.gserviceaccount.com", "token-of-builder"
    audience = (
        "identitynamespace:project.svc.id.goog:"
        "https://container.googleapis.com/v1/projects/project/locations/eu/clusters/one"
    )

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.facts: dict[str, str] = {}
        """What the metadata server says of project and cluster, by path."""
        self.exchanged: Any = None
        """Is shown a request to exchange a token, which is then granted whatever the token is."""
        self.secret_manager = SecretManagerApi({"ya29.key", "ya29.sts", "ya29.account", "ya29.node"})
        self._pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def __enter__(self) -> "Google":
        self._served = Served(self._handle)
        self.url = self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._served.stop()

    def key_file(self, **changes: str) -> str:
        """Return the key of the service account, as Google gives it."""
        key = {"type": "service_account", "client_email": self.email, "private_key": self._pem}
        return json.dumps({**key, "private_key_id": "k1", "token_uri": f"{self.url}/token", **changes})

    async def _handle(self, request: web.Request) -> web.Response:
        if request.method == "GET" and request.path.startswith("/computeMetadata/v1/"):
            if request.headers.get("Metadata-Flavor") != "Google":
                return web.Response(status=403)
            path = request.path.removeprefix("/computeMetadata/v1/")
            if path == "instance/service-accounts/default/identity" and request.query.get("format") == "full":
                return web.Response(text=f"identity-for-{request.query['audience']}")
            if path == "instance/service-accounts/default/token":
                return self._issued("ya29.node")
            return web.Response(text=self.facts.get(path, ""), status=200 if path in self.facts else 404)
        if request.path.startswith("/issuer/"):
            token = self.subject_token
            return web.json_response({"access_token": token}) if "json" in request.path else web.Response(text=token)
        if request.path == "/token":
            return self._by_key({name: str(value) for name, value in (await request.post()).items()})
        if request.path == "/v1/token":
            return self._exchanged(await request.json())
        if request.path == f"/v1/projects/-/serviceAccounts/{self.email}:signJwt":
            return self._signed(request.headers.get("Authorization", ""), await request.json())
        if request.path == f"/v1/projects/-/serviceAccounts/{self.email}:generateAccessToken":
            return self._impersonated(request.headers.get("Authorization", ""), await request.json())
        return await self.secret_manager.handle(request)

    def _issued(self, token: str) -> web.Response:
        return web.json_response({"access_token": token, "expires_in": LIFE_SECONDS, "token_type": "Bearer"})

    def _by_key(self, form: dict[str, str]) -> web.Response:
        claims = verified(form.get("assertion", ""), self._key.public_key())
        wanted = {"iss": self.email, "scope": SCOPE, "aud": AUDIENCE}
        now = time.time()
        fits = (
            form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            and claims is not None
            and wanted.items() <= claims.items()
            and claims["iat"] <= now < claims["exp"] <= claims["iat"] + 3600
        )
        return self._issued("ya29.key") if fits else web.json_response({"error": "invalid_grant"}, status=400)

    def _exchanged(self, wanted: dict[str, Any]) -> web.Response:
        if self.exchanged is not None:
            self.exchanged(wanted)
            return self._issued("ya29.sts")
        kinds = "urn:ietf:params:oauth:token-type:"
        expected = {
            "audience": self.audience,
            "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requestedTokenType": f"{kinds}access_token",
            "scope": SCOPE,
            "subjectTokenType": f"{kinds}jwt",
            "subjectToken": self.subject_token,
        }
        return self._issued("ya29.sts") if wanted == expected else web.json_response({"error": "x"}, status=400)

    def claims(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that this account has signed, None for another one."""
        return verified(token, self._key.public_key())

    def _signed(self, authorization: str, wanted: dict[str, Any]) -> web.Response:
        if authorization != "Bearer ya29.account" or not isinstance(wanted.get("payload"), str):
            return web.json_response({"error": {"code": 403}}, status=403)
        text = signed(json.loads(wanted["payload"]), self._key, kid="k1").reveal().decode()
        return web.json_response({"keyId": "k1", "signedJwt": text})

    def _impersonated(self, authorization: str, wanted: dict[str, Any]) -> web.Response:
        if authorization != "Bearer ya29.sts" or wanted.get("scope") != [SCOPE]:
            return web.json_response({"error": {"code": 403}}, status=403)
        ends = datetime.fromtimestamp(int(time.time()) + LIFE_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return web.json_response({"accessToken": "ya29.account", "expireTime": ends})
