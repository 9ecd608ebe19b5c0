"""Tests of external/providers/support."""
