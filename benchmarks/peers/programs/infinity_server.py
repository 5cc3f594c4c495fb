"""Infinity, as its own command starts it, with the one thing that it has no setting for: one thread.

The engine makes its session without options, which is a thread per core, each of them spinning.
"""

from __future__ import annotations

import functools

import onnxruntime
from bare_encoder import one_thread

InferenceSession = onnxruntime.InferenceSession


@functools.wraps(InferenceSession, updated=())
def with_one_thread(*arguments, **options):
    options["sess_options"] = one_thread()
    return InferenceSession(*arguments, **options)


if __name__ == "__main__":
    from optimum.onnxruntime import modeling

    modeling.InferenceSession = with_one_thread
    from infinity_emb.cli import cli

    cli()
