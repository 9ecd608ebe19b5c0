"""Tests of external/providers/support/google."""
