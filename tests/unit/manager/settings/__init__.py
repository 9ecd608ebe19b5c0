"""Tests of manager/settings."""
