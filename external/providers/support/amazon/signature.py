"""Requests to AWS that somebody else sends: signed here, they prove who one is."""

from collections.abc import Mapping
from typing import Any


def signed_headers(
    credentials: Any, region: str, url: str, body: str = "", headers: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the headers of a POST to AWS's Security Token Service, its signature among them.

    Args:
        credentials: of the SDK, with `access_key`, `secret_key` and `token`.
        region: in which the request is sent.
        url: of the service.
        body: a form.
        headers: more headers, which are signed too.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    host = url.partition("://")[2].partition("/")[0].partition("?")[0]
    request = AWSRequest("POST", url, data=body, headers={"Host": host, **(headers or {})})
    SigV4Auth(credentials, "sts", region).add_auth(request)
    return {name: str(each) for name, each in sorted(request.headers.items())}
