"""What was decided about a question."""

from __future__ import annotations

from tieback.core.types.generation import AnswerAction, Decision
from tieback.serving.conversions.frames import Numbers
from tieback.v1 import generator_pb2

_ACTIONS = Numbers(generator_pb2.AnswerAction, AnswerAction, "action")


def read_decision(message: generator_pb2.Decision) -> Decision:
    """The decision of a message."""
    return Decision(
        _ACTIONS.members[message.action],
        {_ACTIONS.members[one.action]: one.probability for one in message.probabilities},
        message.method,
        message.evidence_id,
        message.item_id,
        message.section_id,
    )


def write_decision(decision: Decision) -> generator_pb2.Decision:
    """The message of a decision."""
    return generator_pb2.Decision(
        action=_ACTIONS.write(decision.action),
        probabilities=[
            generator_pb2.ActionProbability(action=_ACTIONS.write(action), probability=probability)
            for action, probability in decision.probabilities.items()
        ],
        method=decision.method,
        evidence_id=decision.evidence_id,
        item_id=decision.item_id,
        section_id=decision.section_id,
    )
