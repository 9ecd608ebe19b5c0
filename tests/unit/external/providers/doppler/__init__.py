"""Tests of external/providers/doppler."""
