"""Tests of external/api."""
