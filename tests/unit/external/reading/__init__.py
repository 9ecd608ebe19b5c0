"""Tests of external/reading."""
