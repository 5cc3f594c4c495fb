"""The one reading of language: data of languages, tokens, and what a sentence is made of."""

from tieback.core.language.data import Language, language
from tieback.core.language.sentence import Sentence, sentence_of
from tieback.core.language.tokens import Token

__all__ = ["Language", "Sentence", "Token", "language", "sentence_of"]
