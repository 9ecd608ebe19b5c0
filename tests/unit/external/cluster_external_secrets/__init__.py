"""Tests of external/cluster_external_secrets."""
