"""What spares calls: values that are kept by their stamps, and budgets of requests."""
