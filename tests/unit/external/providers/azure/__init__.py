"""Tests of external/providers/azure."""
