"""Tests of external/providers/support/logins."""
