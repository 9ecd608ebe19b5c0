"""What providers that take secrets share: metadata, marks, values, JSON documents."""
