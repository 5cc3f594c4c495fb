"""Graphs of ONNX: made from torch, changed, quantised."""
