"""Encoders and rerankers that other servers run, asked over HTTP."""
