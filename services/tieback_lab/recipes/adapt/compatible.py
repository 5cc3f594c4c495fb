"""A layer that was trained to be compatible, and the encoder with it as a model of its own.

The new model is a folder with a graph, and a card like those of other folders (docs/own-models.md) that names
the earlier spaces which its leading dimensions are in. The encoder that it was made of is served beside it as
before, and so is the earlier one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tieback.artifacts import Artifact, Kind, file_digest
from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import InvalidInput
from tieback.models.pictures import classifier
from tieback.models.reference import DENSE
from tieback.models.store import Store
from tieback.models.text import transformer_text
from tieback.recipes.adapt.cards import base_of, places, write_card
from tieback_contract.field_path import FieldPath
from tieback_contract.vectors import VectorKind

COMPATIBLE = Kind("compatible_encoder", "compatible layer", 1, "train it again: tieback train compatible")
GRAPH = "model.onnx"
VECTOR, LOGITS = "compatible_vector", "compatible_logits"
BASE, LAYER, GIVEN = "base/", "compatible/", "vectors"
"""What names of the two parts begin with, and the input of the layer."""


def check_adaptable(card: EncoderCard, *, field: FieldPath) -> None:
    """InvalidInput, with the reason, where no layer can be put behind that card's encoder."""
    reason = ""
    if not isinstance(card.options, TransformerText | ImageClassifier) or VectorKind.DENSE not in card.kinds:
        reason = "it is no transformer text encoder and no image classifier, or has no dense vectors"
    elif card.shares is not None:
        reason = f"other encoders share its space {card.shares!r}, and their vectors would not compare"
    elif card.is_merged:
        reason = "its weights are made of those of others"
    if reason:
        raise InvalidInput(f"{card.name} cannot be made compatible: {reason}", field=field)


def adapt(
    artifact: Artifact,
    cards: Mapping[str, EncoderCard],
    store: Store,
    output: Path,
    say: Callable[[str], None],
) -> Path:
    """Writes the model and its card into `output`, and returns the card's file.

    OtherWeights where the encoder is not the one that the layer was made for; AlreadyExists where `output`
    has another card of that name.
    """
    card = base_of(artifact, cards)
    path, folder = places(artifact, artifact.facts["name"], output, is_ours=_is_compatible)
    say(f"putting the layer into the graph of {card.name}")
    served = store.open(card)
    if isinstance(card.options, ImageClassifier):
        reads, probabilities = classifier.FEATURES, classifier.PROBABILITIES
        shutil.copyfile(served.path(card.options.class_names), folder / card.options.class_names)
    else:
        reads, probabilities = DENSE, ""
        shutil.copyfile(served.path(transformer_text.TOKENIZER), folder / transformer_text.TOKENIZER)
    write_graph(served.path(GRAPH), artifact, folder / GRAPH, reads=reads, probabilities=probabilities)
    return write_card(path, _card(card, artifact.facts, folder))


def write_graph(source: Path, artifact: Artifact, path: Path, *, reads: str, probabilities: str = "") -> None:
    """The exported graph of an encoder with the layer behind its output `reads`.

    It keeps the `probabilities` of classes, if there are some. StartupError where the layer in the graph
    differs from that in torch.
    """
    import onnx
    import torch
    from tieback.methods.compatibility import GRAPH as FORM
    from tieback.methods.compatibility import compatibilities
    from tieback.methods.projection import unit_tensor
    from tieback.recipes.graphs.edits import keep_needed, load_graph, replace_outputs
    from tieback.recipes.graphs.external_data import save_graph
    from tieback.recipes.graphs.torch_export import check, export_module

    form = compatibilities.form(FORM, artifact.facts["policy"])

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, array in artifact.arrays.items():
                self.register_buffer(name.replace(".", "_"), torch.from_numpy(array))

        def forward(self, vectors: torch.Tensor) -> tuple[torch.Tensor]:
            state = {name: getattr(self, name.replace(".", "_")) for name in artifact.arrays}
            return (form(unit_tensor(vectors), state),)

    model = onnx.compose.add_prefix(load_graph(source), BASE, rename_inputs=False)
    width = int(artifact.facts["reads"])
    draws = torch.Generator().manual_seed(0)
    apart = path.with_name("layer.onnx")
    module = Layer().eval()
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    export_module(
        module, [torch.randn(2, width, generator=draws)], apart, inputs=[GIVEN], outputs=[VECTOR],
        dynamic={GIVEN: {0: "batch"}, VECTOR: {0: "batch"}}, opset=opset,
    )  # fmt: skip
    check(module, apart, [{GIVEN: torch.randn(5, width, generator=draws)}], [VECTOR])
    layer = onnx.compose.add_prefix(load_graph(apart), LAYER, rename_outputs=False)
    apart.unlink()
    layer.ir_version = model.ir_version
    kept = [VECTOR, *([f"{BASE}{probabilities}"] if probabilities else [])]
    joint = [(f"{BASE}{reads}", f"{LAYER}{GIVEN}")]
    whole = onnx.compose.merge_models(model, layer, io_map=joint, outputs=kept)
    outputs: dict[str, list[str | int | None]] = {VECTOR: ["batch", int(artifact.facts["width"])]}
    if probabilities:  # the softmax that an export of the card puts behind it takes the logarithm back
        whole.graph.node.append(onnx.helper.make_node("Log", kept[1:], [LOGITS], name=LOGITS))
        outputs[LOGITS] = ["batch", None]
    replace_outputs(whole.graph, outputs)
    keep_needed(whole.graph)
    save_graph(whole, path)


def _card(card: EncoderCard, facts: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    options = card.options
    earlier = [dict(one) for one in facts["compatible"]]
    common = {
        "name": facts["name"],
        "role": "encoder",
        "runtime": card.runtime,
        "description": f"{card.name}, by {facts['policy']}: {facts['says']}.",
        "license": card.license,
        "upstream": card.upstream,
        "directory": folder.name,
        "hashes": {file.name: file_digest(file) for file in sorted(folder.iterdir())},
        "modality": card.modality.value,
        "width": facts["width"],
        **({"max_tokens": card.max_tokens} if card.max_tokens else {}),
        **({"compatible": earlier} if earlier else {}),
    }
    if isinstance(options, ImageClassifier):
        kept = options.model_dump(
            mode="json", exclude={"runtime", "network", "weights", "features_tensor", "logits_tensor"}
        )
        tensors = {"features_tensor": VECTOR, "logits_tensor": LOGITS}
        return {
            **common,
            "kinds": sorted(kind.value for kind in card.kinds),
            "options": {"network": "onnx", "weights": GRAPH, **kept, **tensors},
        }
    prompts = options.model_dump(mode="json", include={"prompts", "prompt"}, exclude_defaults=True)
    return {
        **common,
        "kinds": [VectorKind.DENSE.value],
        "options": {"weights": GRAPH, "vector_tensor": VECTOR, **prompts},
    }


def _is_compatible(card: Any) -> bool:
    options = getattr(card, "options", None)
    return VECTOR in (getattr(options, "vector_tensor", ""), getattr(options, "features_tensor", ""))
