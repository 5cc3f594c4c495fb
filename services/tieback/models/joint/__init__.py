"""Artifacts of joint spaces, and what methods learned in a space."""
