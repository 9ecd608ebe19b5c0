"""`metadata` of a PushSecret's entry: one model a provider that has settings there."""
