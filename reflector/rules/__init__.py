"""What sources and administrators declare: annotations, patterns, selections, policy."""
