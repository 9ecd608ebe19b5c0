"""Tests of external/stores."""
