"""Tests of external/providers."""
