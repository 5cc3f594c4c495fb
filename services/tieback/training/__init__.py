"""What recipes train with: a loop, losses, splits, texts to learn from, and a cache of their steps."""
