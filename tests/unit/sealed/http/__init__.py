"""Tests of sealed/http."""
