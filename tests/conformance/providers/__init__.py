"""One table of cases for every provider that takes secrets, on a real or simulated service."""
