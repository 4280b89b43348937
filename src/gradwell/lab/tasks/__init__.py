"""What the experiments learn: small tasks that are made from a seed or come with a library."""
