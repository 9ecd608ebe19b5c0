"""Counts provider calls in the page of metrics, as the process itself prints them."""

from prometheus_client import CollectorRegistry, generate_latest

from external.metrics import ExternalMetrics
from external.providers.registry import PRICES
from manager.cli.migrate.calls import provider_calls
from tests.builders.api_in_memory import HandClock


def page(*calls: tuple[str, str, str]) -> str:
    registry = CollectorRegistry()
    metrics = ExternalMetrics(registry, HandClock(), PRICES)
    for each in calls:
        metrics.called(*each)
    return generate_latest(registry).decode()


def test_calls_are_counted_by_provider_and_call() -> None:
    read = ("AWS/SecretsManager", "GetSecretValue", "success")
    failed = ("AWS/SecretsManager", "GetSecretValue", "error")
    found = provider_calls(page(read, read, failed, ("HashiCorp/Vault", "LookupSelf", "success")))

    assert found == {"AWS/SecretsManager GetSecretValue": 3, "HashiCorp/Vault LookupSelf": 1}


def test_a_page_without_calls_counts_none() -> None:
    assert provider_calls(page()) == {}
    assert provider_calls("") == {}
