"""ClusterPushSecrets."""
