"""What `scripts/bench rollout` is made of."""
