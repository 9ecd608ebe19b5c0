"""Tests of manager/runtime."""
