"""KServe v2 (`inference.GRPCInferenceService`): the platform's models for those who speak Triton's protocol.

    tensors      what travels: typed values or raw bytes
    parameters   what requests may ask beside their tensors
    model        what every model is: its tensors, its parameters, a run
    encoders rerankers checkers   the models
    statistics   what models were asked
    door         requests in, answers out

Nothing here knows gRPC: `serving/servicers/kserve.py` serves the door.
"""
