"""Webhooks of an original: which are its own, and when they refuse writes."""

from typing import Any

import pytest

from manager.cli.migrate.hazards import Hazard
from manager.cli.migrate.webhooks import webhook_hazards

SERVICE = ("eso", "external-secrets-webhook")


def configuration(labels: Any = None, kind: str = "ValidatingWebhookConfiguration", **webhook: Any) -> Any:
    hook = {
        "rules": [{"apiGroups": ["external-secrets.io"], "resources": ["externalsecrets"]}],
        "clientConfig": {"service": {"namespace": SERVICE[0], "name": SERVICE[1]}},
        "failurePolicy": "Fail",
        **webhook,
    }
    return {"kind": kind, "metadata": {"name": "externalsecret-validate", "labels": labels or {}}, "webhooks": [hook]}


def said(body: Any, *, service: bool = True, running: bool = True) -> list[Hazard]:
    return list(webhook_hazards([body], {SERVICE} if service else set(), {"external"} if running else set()))


@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/name": "external-secrets-webhook"}])
def test_a_webhook_that_is_answered_refuses_later(labels: Any) -> None:
    (found,) = said(configuration(labels))

    assert found.about == "ValidatingWebhookConfiguration externalsecret-validate"
    assert found.problem == "it refuses every change of externalsecrets once its Service stops answering"
    assert not found.blocks


@pytest.mark.parametrize("missing", [{"service": False}, {"running": False}])
def test_a_webhook_that_nothing_answers_refuses_now(missing: Any) -> None:
    (found,) = said(configuration(), **missing)

    assert found.problem.endswith("now: nothing answers it")
    assert found.blocks


def test_a_missing_failure_policy_means_fail() -> None:
    body = configuration(kind="MutatingWebhookConfiguration")
    del body["webhooks"][0]["failurePolicy"]

    assert len(said(body)) == 1


@pytest.mark.parametrize(
    "webhook",
    [
        pytest.param({"failurePolicy": "Ignore"}, id="it is asked, and not obeyed when it is gone"),
        pytest.param({"clientConfig": {"url": "https://policy"}}, id="a URL"),
        pytest.param({"rules": [{"apiGroups": ["*"], "resources": ["*"]}]}, id="a policy engine"),
        pytest.param({"rules": [{"resources": ["pods"]}]}, id="the core group"),
        pytest.param({"rules": []}, id="nothing"),
    ],
)
def test_webhooks_of_others_are_not_named(webhook: Any) -> None:
    assert said(configuration(**webhook)) == []
