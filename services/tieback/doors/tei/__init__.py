"""text-embeddings-inference's gRPC protocol (`tei.v1`): one model of the platform, as its own server would.

    door       which model a call means, and what of the protocol is not supported
    embedding  texts as vectors of every kind
    classifying  the labels of texts
    reranking  texts in the order of their scores
    tokens     texts as tokens

Nothing here knows gRPC: `serving/servicers/tei.py` serves the door.
"""
