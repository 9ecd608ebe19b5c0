"""The Helm chart, rendered by real helm."""
