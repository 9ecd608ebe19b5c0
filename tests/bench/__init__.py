"""Benchmarks on a real control plane: `make bench`, or `make bench ONLY=sealed`."""
