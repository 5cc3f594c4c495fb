"""Parts of `scripts/bench rollout`."""
