"""Tests of external/providers/support/call_saving."""
