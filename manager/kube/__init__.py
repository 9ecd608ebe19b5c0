"""Everything that speaks to the API server: client, metadata cache, the write gate, events, conditions, references."""
