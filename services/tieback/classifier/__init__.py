"""Classifiers: heads over the vectors of any space, fitted on few examples; and models that read texts."""

from tieback.classifier.service import Classifier
from tieback.classifier.texts import TextClassifiers

__all__ = ["Classifier", "TextClassifiers"]
