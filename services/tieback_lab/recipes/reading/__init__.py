"""Training of networks that read questions, claims and passages."""
