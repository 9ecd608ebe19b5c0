"""What moto leaves out of certificates: a search by tags, and tags that outlive a second import."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp


class Certificates:
    """Calls moto's Certificate Manager under the identity of a request."""

    def __init__(self, session: aiohttp.ClientSession, headers: Mapping[str, str]) -> None:
        self._session = session
        signed = headers.get("Authorization", "").replace("/tagging/", "/acm/")
        self._headers = {**headers, "Authorization": signed}

    async def with_tags(self, wanted: Any) -> dict[str, Any]:
        """Return the answer of GetResources."""
        filters = {(each["Key"], value) for each in wanted["TagFilters"] for value in each["Values"]}
        listed = (await self._ask("ListCertificates"))["CertificateSummaryList"]
        tags = {each["CertificateArn"]: await self.tags(each["CertificateArn"]) for each in listed}
        found = [
            {"ResourceARN": arn, "Tags": given}
            for arn, given in tags.items()
            if filters <= {(tag["Key"], tag["Value"]) for tag in given}
        ]
        return {"PaginationToken": "", "ResourceTagMappingList": found}

    async def tags(self, arn: str) -> list[dict[str, str]]:
        """Return the tags of a certificate."""
        found: list[dict[str, str]] = (await self._ask("ListTagsForCertificate", CertificateArn=arn)).get("Tags", [])
        return found

    async def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Add tags to a certificate."""
        await self._ask("AddTagsToCertificate", CertificateArn=arn, Tags=tags)

    async def _ask(self, action: str, **arguments: Any) -> Any:
        target = {"X-Amz-Target": f"CertificateManager.{action}"}
        async with self._session.post("http://aws/", json=arguments, headers=self._headers | target) as answer:
            return json.loads(await answer.read() or b"{}")
