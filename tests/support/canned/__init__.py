"""A real gRPC server with canned answers: the whole contract, with as little behind it as can be.

Vectors are made of a text's length, writes go to a dictionary, an answer is the same five events. As a
program it serves until it is killed: ``python -m support.canned PORT``.
"""
