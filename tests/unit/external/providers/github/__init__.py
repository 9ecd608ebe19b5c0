"""GitHub Actions against its double."""
