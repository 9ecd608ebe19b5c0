"""Tests of external/providers/support/amazon."""
