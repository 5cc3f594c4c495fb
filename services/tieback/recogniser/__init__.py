"""The recogniser: reads what is written in pictures, and writes down what is said in sounds."""

from tieback.recogniser.service import Recogniser

__all__ = ["Recogniser"]
