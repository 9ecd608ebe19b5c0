"""Tests of external/external_secrets."""
