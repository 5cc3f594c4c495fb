"""The modules of a sentence-transformers folder after the token states: pool, project, normalise.

`modules.json` lists modules, each with a folder of its own. Their types are names to look up here, never
classes to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback.catalog.own_directory import read_json, read_object
from tieback.core.errors import StartupError

MODULES = "modules.json"
CONFIG = "config_sentence_transformers.json"
LIMITS = "sentence_bert_config.json"
OWNER = "sentence_transformers."
POOLINGS: Mapping[str, str] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_weightedmean_tokens": "weighted_mean",
    "pooling_mode_lasttoken": "last",
}
ACTIVATIONS: Mapping[str, str] = {
    "torch.nn.modules.linear.Identity": "identity",
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.GELU": "gelu",
    "torch.nn.modules.activation.Sigmoid": "sigmoid",
}
LARGEST_WIDTH = 65536


@dataclass(frozen=True, slots=True)
class Dense:
    """A linear layer in a folder: `[inputs]` to `[outputs]`, then the activation."""

    folder: str
    inputs: int
    outputs: int
    bias: bool
    activation: str


@dataclass(frozen=True, slots=True)
class Normalize:
    """Length 1."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """The leading dimensions alone, as Matryoshka models are cut."""

    outputs: int


Step = Dense | Normalize | Truncate


@dataclass(frozen=True, slots=True)
class SentenceModules:
    """Where the backbone lies, how its states are pooled, what happens to the pooled vector.

    `max_tokens` is what texts are cut to; `prompts` are put before them, some of which may be empty, and
    `default_prompt` where none is asked for. `similarity` is what the vectors were trained to be compared by,
    empty where nothing says.
    """

    transformer: str
    pooling: str
    steps: tuple[Step, ...]
    max_tokens: int | None
    prompts: Mapping[str, str]
    default_prompt: str
    pools_prompt: bool
    similarity: str = ""

    @property
    def width(self) -> int | None:
        """What the last dense layer or cut gives; None where the width is the backbone's."""
        widths = [step.outputs for step in self.steps if not isinstance(step, Normalize)]
        return widths[-1] if widths else None

    def within(self, name: str) -> str:
        """A file of the backbone, as seen from the folder."""
        return f"{self.transformer}/{name}" if self.transformer else name


def read_modules(folder: Path) -> SentenceModules | None:
    """The modules of the folder; None if it is not a sentence-transformers folder.

    StartupError names the module that is not known, or what of it is not done here.
    """
    if not (folder / MODULES).is_file():
        return None
    entries = read_json(folder, MODULES)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise StartupError(f"{MODULES} is a list of modules, each with a type and a path")
    kinds = [(_kind(entry), _path(entry)) for entry in entries]
    if [kind for kind, _ in kinds[:2]] != ["Transformer", "Pooling"]:
        raise StartupError(
            f"{MODULES} begins with {[kind for kind, _ in kinds[:2]]}; what is read begins with a "
            "Transformer and a Pooling"
        )
    pooling = read_object(folder, f"{kinds[1][1]}/config.json")
    steps = [_step(folder, kind, path) for kind, path in kinds[2:] if kind != "Dropout"]
    transformer = kinds[0][1]
    config = read_object(folder, CONFIG) if (folder / CONFIG).is_file() else {}
    prompts, default_prompt = _prompts(config)
    if config.get("truncate_dim") is not None:
        steps.append(Truncate(_width(config, "truncate_dim", CONFIG)))
    return SentenceModules(
        transformer,
        _pooling(pooling, f"{kinds[1][1]}/config.json"),
        tuple(steps),
        _max_tokens(folder, transformer),
        prompts,
        default_prompt,
        pooling.get("include_prompt", True) is not False,
        str(config.get("similarity_fn_name") or ""),
    )


def _kind(entry: Mapping[str, Any]) -> str:
    kind = str(entry.get("type", ""))
    if not kind.startswith(OWNER):
        raise StartupError(
            f"{MODULES} asks for the module {kind!r}, whose code comes with the weights and is never run here"
        )
    return kind.rpartition(".")[2]


def _path(entry: Mapping[str, Any]) -> str:
    path = str(entry.get("path", "")).strip("/")
    if path.startswith(".") or ".." in path.split("/"):
        raise StartupError(f"{MODULES} has the path {path!r}, which leads out of the folder")
    return path


def _pooling(config: Mapping[str, Any], name: str) -> str:
    modes = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    mode = config.get("pooling_mode")
    if isinstance(mode, str):  # as newer versions write it
        keys = [f"pooling_mode_{mode}{end}" for end in ("", "_token", "_tokens")]
        modes = [next((key for key in keys if key in POOLINGS), mode)]
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise StartupError(
            f"{name} pools by {', '.join(modes) or 'nothing'}; what is done here is one of: "
            f"{', '.join(POOLINGS)}"
        )
    return POOLINGS[modes[0]]


def _step(folder: Path, kind: str, path: str) -> Step:
    readers: Mapping[str, Callable[[], Step]] = {
        "Normalize": Normalize,
        "Dense": lambda: _dense(folder, path),
    }
    if kind not in readers:
        raise StartupError(
            f"{MODULES} has a module {kind}, which is not done here; what is: {', '.join(readers)}, Dropout"
        )
    return readers[kind]()


def _dense(folder: Path, path: str) -> Dense:
    name = f"{path}/config.json"
    config = read_object(folder, name)
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    if activation not in ACTIVATIONS:
        raise StartupError(f"{name} has the activation {activation!r}; known are: {', '.join(ACTIVATIONS)}")
    inputs, outputs = (_width(config, key, name) for key in ("in_features", "out_features"))
    return Dense(path, inputs, outputs, config.get("bias", True) is not False, ACTIVATIONS[activation])


def _width(config: Mapping[str, Any], key: str, name: str) -> int:
    width = config.get(key)
    if not isinstance(width, int) or not 0 < width <= LARGEST_WIDTH:
        raise StartupError(f"{name}: {key} is a number of 1 to {LARGEST_WIDTH}, not {width!r:.80}")
    return width


def _max_tokens(folder: Path, transformer: str) -> int | None:
    name = f"{transformer}/{LIMITS}" if transformer else LIMITS
    if not (folder / name).is_file():
        return None
    config = read_object(folder, name)
    if config.get("do_lower_case"):
        raise StartupError(
            f"{name} has texts lower-cased before they are tokenised (do_lower_case), which is not done; "
            "put a Lowercase normalizer into tokenizer.json instead"
        )
    most = config.get("max_seq_length")
    return most if isinstance(most, int) and most > 0 else None


def _prompts(config: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    given = config.get("prompts")
    prompts = given if isinstance(given, dict) else {}
    kept = {str(name): text for name, text in prompts.items() if isinstance(text, str)}
    default = config.get("default_prompt_name")
    return kept, default if isinstance(default, str) and default in kept else ""
