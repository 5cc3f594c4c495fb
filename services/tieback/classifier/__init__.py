"""The classifier: heads over the vectors of any space, fitted on few examples, kept by versions."""

from tieback.classifier.service import Classifier

__all__ = ["Classifier"]
