"""Tests of external/providers/webhook."""
