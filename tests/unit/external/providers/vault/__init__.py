"""Tests of external/providers/vault."""
