"""The /v1 endpoints: requests, callers, rate limits."""
