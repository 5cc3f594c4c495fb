"""A user's folder of a language model that reranks by saying yes or no: its template, and the card for it."""

from __future__ import annotations

from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from tieback.catalog.own_directory import (
    LARGEST_JSON,
    LARGEST_TOKENIZER,
    own_file,
    read_json,
    read_object,
)
from tieback.catalog.runtimes.yes_no_reranker import DOCUMENT, INSTRUCTION, QUERY
from tieback.core.errors import StartupError
from tieback.recipes.graphs.backbone import read_config
from tieback.recipes.graphs.sentence_modules import MODULES
from tieback.recipes.own.folder import (
    CONFIG,
    SENTENCE_CONFIG,
    TOKENIZER,
    OwnFolder,
    places,
    sizes,
    tokens_read,
)
from tieback.recipes.own.generator import WRITES

TEMPLATE = "chat_template.jinja"
SCORE = "LogitScore"
YES_NO = "yes_no"
"""The option that says that a language model's yes and no are the score."""

TYPICAL_TOKENS = 1024
"""Of query, passage and template together; a card may say more, up to the model's places."""

QWEN = {
    "template": "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query "
    'and the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n<Instruct>: {instruction}\n<Query>: {query}\n<Document>: {document}<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n\n",
    "instruction": "Given a web search query, retrieve relevant passages that answer the query",
}
GEMMA = {
    "template": "<bos>A: {query}\nB: {document}\n{instruction}",
    "instruction": "Given a query A and a passage B, determine whether the passage contains an answer to the "
    "query by providing a prediction of either 'Yes' or 'No'.",
    "yes": "Yes",
    "no": "",
}
KNOWN = {"qwen3": QWEN, "gemma": GEMMA}
"""Templates that published rerankers were trained with (Qwen3-Reranker, bge-reranker-v2-gemma)."""


def answers_yes_no(folder: OwnFolder) -> bool:
    """Tell whether a folder's language model scores by yes and no: as asked for, or as its files say.

    Those are a module of sentence-transformers for it, or the README's task.
    """
    if not folder.is_class(WRITES) or folder.find_weights() is None:
        return False
    asked = folder.given.reranker == YES_NO
    return asked or bool(_score_module(folder)) or folder.of_readme("pipeline_tag") == "text-ranking"


def yes_no_cards(folder: OwnFolder) -> list[dict[str, Any]]:
    """One card."""
    found = folder.found
    config = read_config(folder.directory, CONFIG, head="next")
    known = dict(KNOWN.get(str(folder.config.get("model_type")), {}))
    options: dict[str, str] = known | _from_modules(folder) | folder.weights_option
    tokens = tokens_read(config, TYPICAL_TOKENS)
    answers = options.get("yes", "yes"), options.get("no", "no")
    found.facts |= {
        "kind": "folder of a language model that reranks by yes and no",
        "architecture": sizes(config),
        "gives": "one score for a query and a passage: the logit of "
        + repr(answers[0])
        + (f", less that of {answers[1]!r}" if answers[1] else ""),
        "reads": f"{tokens} tokens in all, of {places(config) or 'any number'}",
        "weights": folder.sized(folder.weights()),
    }
    if "template" in options:
        found.facts["template"] = repr(options["template"])
        if options.get("instruction"):
            found.facts["instruction"] = repr(options["instruction"])
        found.notes.append(
            "Change template and instruction in the card where the model was trained with others."
        )
    else:
        found.missing.append(
            f"template: the folder does not say what the model reads, and it is known of {', '.join(KNOWN)} "
            f"alone; write a card with options: {{template: …}}, in which {QUERY} and {DOCUMENT} stand "
            "(docs/own-models.md)"
        )
    return [{"role": "reranker", "runtime": "yes_no_reranker", "max_tokens": tokens, "options": options}]


def _score_module(folder: OwnFolder) -> str:
    """The folder of the module that reads the logits; empty where there is none."""
    if MODULES not in folder.files:
        return ""
    entries = read_json(folder.directory, MODULES)
    found = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    paths = [str(one.get("path", "")) for one in found if str(one.get("type", "")).endswith(f".{SCORE}")]
    return paths[0] if paths else ""


def _from_modules(folder: OwnFolder) -> dict[str, str]:
    """The answers, the template and the instruction of a folder of sentence-transformers."""
    module, files, directory = _score_module(folder), folder.files, folder.directory
    if not module:
        return {}
    numbers = read_object(directory, f"{module}/config.json")
    options = {}
    if TOKENIZER in files:
        tokenizer = Tokenizer.from_file(str(own_file(directory, TOKENIZER, largest=LARGEST_TOKENIZER)))
        for key, name in (("yes", "true_token_id"), ("no", "false_token_id")):
            number = numbers.get(name)
            options[key] = "" if number is None else str(tokenizer.id_to_token(int(number)) or "")
    if TEMPLATE not in files:
        return options
    settings = read_object(directory, SENTENCE_CONFIG) if SENTENCE_CONFIG in files else {}
    prompts, named = settings.get("prompts"), settings.get("default_prompt_name")
    instruction = str(prompts.get(named) or "") if isinstance(prompts, dict) and named else ""
    template = _rendered(own_file(directory, TEMPLATE, largest=LARGEST_JSON).read_text("utf-8"), instruction)
    has_place = INSTRUCTION in template
    return options | {"template": template, "instruction": instruction if has_place else ""}


def _rendered(source: str, instruction: str) -> str:
    """A template of messages with the card's places in the place of what they say.

    StartupError where it cannot be rendered, or leaves a text out.
    """
    messages = [{"role": "query", "content": QUERY}, {"role": "document", "content": DOCUMENT}]
    if instruction:
        messages.insert(0, {"role": "system", "content": INSTRUCTION})
    try:
        template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(source)
        rendered = template.render(messages=messages, add_generation_prompt=True)
    except TemplateError as error:
        raise StartupError(f"{TEMPLATE} cannot be used: {error}") from error
    if rendered.count(QUERY) != 1 or rendered.count(DOCUMENT) != 1:
        raise StartupError(f"{TEMPLATE} does not show the messages query and document once each")
    return rendered
