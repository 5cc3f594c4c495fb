"""The generator service: text that rests on evidence, with a verdict on every claim."""

from tieback.generator.service import Generator, GeneratorParts

__all__ = ["Generator", "GeneratorParts"]
