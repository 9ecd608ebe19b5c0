"""The `kubeseal` command: installs alone; flags, texts and formats of the original."""
