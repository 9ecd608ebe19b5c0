"""What several providers share: network policy, TLS, deadlines, lookups, searches."""
