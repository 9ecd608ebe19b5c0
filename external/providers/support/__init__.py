"""What several providers share: HTTP client, egress policy, TLS, deadlines, lookups, searches."""
