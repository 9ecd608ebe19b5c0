"""What a push of a certificate makes of a service that refuses, throttles or hangs; moto reads no certificate back."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from aiohttp import web

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.push import PushRequest, RemoteRef
from tests.cluster.moto import Moto
from tests.conformance.providers.amazon import AwsSubject
from tests.conformance.providers.faulty import FaultyService
from tests.conformance.providers.subject import request
from tests.conformance.providers.test_faults import HASTY_SECONDS, assert_all
from tests.unit.external.providers.aws.test_certificatemanager import ONE


class CertificateSubject(AwsSubject):
    """Certificate Manager; only its faults are asked for."""

    NAME = LABEL = "AWS/CertificateManager"
    SERVICE = "CertificateManager"
    refused_push = "allow tag:GetResources"
    without: ClassVar[frozenset[str]] = frozenset({"find", "read"})  # reads take ARNs

    def pushed_to_a_fault(self, value: bytes) -> PushRequest:
        return request(RemoteRef("app"), None, values={"tls.crt": ONE.certificate, "tls.key": value})

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        pytest.fail("only its faults are asked for")

    def content(self, key: str) -> bytes | None:
        pytest.fail("only its faults are asked for")


@pytest.fixture
def certificates(moto_server: Moto) -> CertificateSubject:
    return CertificateSubject(moto_server)


def test_a_denied_call_says_which_right_it_needs(certificates: CertificateSubject, service: FaultyService) -> None:
    service.says(*certificates.denied)
    told = assert_all(certificates, service, ProviderDenied)

    assert certificates.refused_push in told["push"]


def test_a_throttled_call_is_tried_again_later(certificates: CertificateSubject, service: FaultyService) -> None:
    service.says(*certificates.throttled)

    assert_all(certificates, service, ProviderUnavailable)


def test_a_call_without_an_answer_ends(certificates: CertificateSubject, service: FaultyService) -> None:
    async def never(_: Any) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    service.answer = never

    assert_all(certificates, service, ProviderUnavailable, HASTY_SECONDS)
