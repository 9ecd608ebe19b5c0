"""The ground: errors, time, bounded readers, secret values. Imports nothing else of Coffer."""
