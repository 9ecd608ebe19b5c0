"""Tests of external/providers/onepassword."""
