"""ClusterPushSecrets: a PushSecret in each namespace that is chosen."""
