"""Tests of manager/runtime/http."""
