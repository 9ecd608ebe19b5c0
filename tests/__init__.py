"""Tests, the real control plane they run on, benchmarks and the demo."""
