"""A real control plane, with faults on demand."""
