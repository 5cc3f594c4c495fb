"""The generator service: text that rests on evidence, with a verdict on every claim."""

from tieback.generator.service import Generator

__all__ = ["Generator"]
