"""Tests of external/generator_states."""
