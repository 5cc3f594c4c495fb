"""Backbones and runtimes: fetch, load, run, report. Nothing here imports torch."""
