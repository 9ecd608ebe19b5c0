"""Tests of external/values."""
