"""The demo: `make demo` tells Coffer's story on a real control plane; `make demo KEEP=1` leaves it running."""
