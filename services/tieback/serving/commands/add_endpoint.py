"""`tieback models add-endpoint` and `tieback models canary`: models that other servers run."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
import numpy as np
from pydantic import ValidationError
from tieback_client.cli.output import say
from tieback_client.cli.parameters import AS_JSON, argument, declared, option

from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.catalog.endpoint_options import (
    ClassifierEndpoint,
    EncoderEndpoint,
    RerankerEndpoint,
    TextEndpoint,
)
from tieback.catalog.runtimes import find_runtime
from tieback.core.deadline import Deadline
from tieback.core.errors import NotFound, StartupError
from tieback.models.store import Store
from tieback.serving.commands.add_model import as_yaml, check_cards, check_names, write_cards
from tieback.serving.commands.explained import explained
from tieback.serving.settings import load_settings

if TYPE_CHECKING:
    from tieback.models.endpoints.json_endpoint import JsonEndpoint

ENCODERS = ("openai_embeddings", "tei_embed", "kserve_encoder")
RERANKERS = ("cohere_rerank", "tei_rerank", "vllm_score", "kserve_reranker")
CLASSIFIERS = ("tei_predict", "vllm_classify")
ROLES = {"encoder": ENCODERS, "reranker": RERANKERS, "classifier": CLASSIFIERS}
SECONDS = 30.0
ASSUMED_TOKENS = 512
"""Tokens that a model reads where its server does not say: as most do, or more."""

T = TypeVar("T")


@click.command("add-endpoint")
@declared
def add_endpoint(
    url: str = argument(metavar="URL"),
    api: str = option(
        "The API of the server: of an encoder, of a reranker or of a classifier.",
        type=click.Choice([*ENCODERS, *RERANKERS, *CLASSIFIERS]),
        default=ENCODERS[0],
    ),
    model: str = option("The name of the model there."),
    name: str = option("The name of the model here; by default that of the model there."),
    max_tokens: int = option("Tokens that it reads; by default what the server says, else 512.", default=0),
    token_file: str = option("A file with the token that the server asks for.", "FILE"),
    tokenizer: str = option("A copy of the model's tokenizer.json, by which texts are cut exactly.", "FILE"),
    labels: tuple[str, ...] = option(
        "A label of a classifier, in the order of its outputs, if the server names none. Repeatable.",
        "NAME",
        flags="--label",
    ),
    only_print: bool = option("Print the card and write nothing.", flags="--print"),
    as_json: bool = AS_JSON,
) -> None:
    """Add an encoder, a reranker or a classifier of texts that another server runs.

    URL is what comes before the path of the API: https://HOST/v1 of OpenAI's, http://HOST:8080 of
    text-embeddings-inference. Asks the server for vectors, or scores, of some texts, and writes a card into
    the folder that TIEBACK_CARDS names, or else prints it.
    """
    with explained():
        settings = load_settings()
        given = {"base_url": url, "model": model, "token_file": token_file, "tokenizer": tokenizer}
        options = _options(api, {key: value for key, value in given.items() if value})
        found = asyncio.run(_asked(options, lambda endpoint: _found(endpoint, options, labels)))
        card = _card(options, found | ({"max_tokens": max_tokens} if max_tokens else {}), name)
        check_names([card], Catalog.load(settings.cards))
        check_cards([card])
        written = []
        if settings.cards is not None and not only_print:
            written = write_cards([card], settings.cards)
    if as_json:
        click.echo(json.dumps({"cards": [card], "written": [str(path) for path in written]}, indent=2))
        return
    for key, value in found.items():
        say(f"{key}: {value}", err=True)
    for path in written:
        say(f"wrote: {path}")
    if written and card["role"] == "encoder":
        say(f"next: tieback serve, then tieback index FOLDER --space {card['name']}")
    elif written and card["role"] == "classifier":
        say(f"next: tieback serve, then tieback classify TEXT --model {card['name']}")
    elif written:
        say(f"next: tieback serve, then tieback search TEXT -c NAME --reranker {card['name']}")
    else:
        say(as_yaml(card), nl=False)
        say(f"Save it as {card['name']}.yaml in a folder, and name that folder in TIEBACK_CARDS.", err=True)


@click.command()
@declared
def canary(
    name: str = argument(metavar="NAME"),
    accept: bool = option("Keep the vectors of today: the model counts as the same from now on."),
    as_json: bool = AS_JSON,
) -> None:
    """Compare what an encoder by endpoint answers with its canary: the vectors kept at its first use.

    Exit code 1 where another model answers. Accept it only where vectors of before and of today may be
    compared, as after a change of the server's number format; else put another version into the card.
    """
    from tieback.models.endpoints.canary import SMALLEST_COSINE, TEXTS
    from tieback.models.endpoints.encoder import EndpointEncoder

    with explained():
        settings = load_settings()
        cards = {card.name: card for card in Catalog.load(settings.cards).encoders() if _is_endpoint(card)}
        if name not in cards:
            raise NotFound("encoder by endpoint", name, cards)
        encoder = EndpointEncoder(cards[name], Store(settings.models).open(cards[name]))

        async def asked() -> Any:
            try:
                return await encoder.fresh_canary(Deadline.after(SECONDS))
            finally:
                await encoder.close()

        fresh = asyncio.run(asked())
        was_kept = encoder.canary.kept is not None
        if fresh.shape[1] != cards[name].width:
            raise StartupError(
                f"it answers with {fresh.shape[1]} dimensions and the card says {cards[name].width}: that is "
                "another space; put another version and width into the card"
            )
        each = [encoder.canary.cosine([row], place) for place, row in enumerate(fresh)] if was_kept else []
        is_same = not was_kept or min(each) >= SMALLEST_COSINE
        if accept or not was_kept:
            encoder.canary.keep(fresh)
    result = {"name": name, "same": is_same, "cosines": each, "kept": accept or not was_kept}
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        for text, cosine in zip(TEXTS, each, strict=False):
            say(f"{cosine:.6f}  {text.splitlines()[0]}")
        if not was_kept:
            say(f"There was no canary of {name} yet; its vectors are kept now.")
        elif accept:
            say(f"The vectors of today are the canary of {name} from now on.")
        else:
            say("The model is the same." if is_same else f"Another model answers (below {SMALLEST_COSINE}).")
    if not is_same and not accept:
        raise click.exceptions.Exit(1)


def _is_endpoint(card: EncoderCard) -> bool:
    return isinstance(card.options, EncoderEndpoint)


def _options(api: str, given: dict[str, Any]) -> TextEndpoint:
    role = next(role for role, apis in ROLES.items() if api in apis)
    try:
        options = find_runtime(api, role).options.model_validate({"runtime": api} | given)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise StartupError(f"{api}: {faults} (URL is base_url)") from None
    return cast("TextEndpoint", options)


async def _asked(options: TextEndpoint, ask: Callable[[JsonEndpoint], Awaitable[T]]) -> T:
    from tieback.models.endpoints.json_endpoint import JsonEndpoint

    endpoint = JsonEndpoint("this URL", options, correct="URL, --api or --model in place")
    try:
        return await ask(endpoint)
    finally:
        await endpoint.close()


async def _found(endpoint: JsonEndpoint, options: TextEndpoint, labels: Sequence[str]) -> dict[str, Any]:
    """Facts of the model: those that the server states, and those that its answers show."""
    from tieback.models.endpoints.canary import TEXTS

    found: dict[str, Any] = {}
    deadline = Deadline.after(SECONDS)
    if isinstance(options, EncoderEndpoint):
        path, body = options.request(TEXTS, cuts=True)
        rows = await endpoint.ask(path, body, deadline, options.vectors)
        found["width"] = int(np.asarray(rows[0]).shape[0])
    elif isinstance(options, RerankerEndpoint):
        path, body = options.request(TEXTS[0], TEXTS)
        scores = await endpoint.ask(path, body, deadline, options.scores)
        found["scores"] = [round(scores[place], 4) for place in range(len(TEXTS))]
    elif isinstance(options, ClassifierEndpoint):
        path, body = options.request([[text] for text in TEXTS], cuts=True)
        names = list(labels) or await endpoint.ask(path, body, deadline, _names)
        await endpoint.ask(path, body, deadline, lambda answer: options.scores(answer, names))
        found["labels"] = names
    said = await endpoint.described("/info" if options.runtime.startswith("tei") else "/models")
    return found | _said(said, options.model)


def _names(answer: Any) -> list[str]:
    """The labels of an answer of TEI's, which has them by their scores, in the order of their names."""
    if not isinstance(answer, list):
        raise StartupError("the server does not name all labels: say --label NAME for each, in their order")
    return sorted(str(one["label"]) for one in answer[0])


def _said(said: Any, model: str) -> dict[str, Any]:
    """The model's name and how much it reads: of TEI's `/info`, or of the models of vLLM or tieback."""
    found: dict[str, Any] = {}
    rows = said.get("data", [said]) if isinstance(said, dict) else []
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or (model and row.get("id", model) != model):
            continue
        own = row["tieback"] if isinstance(row.get("tieback"), dict) else {}
        most = row.get("max_input_length") or row.get("max_model_len") or own.get("max_tokens")
        if isinstance(most, int) and most > 0:
            found["max_tokens"] = most
        if isinstance(row.get("model_id"), str):
            found["model"] = row["model_id"]
    return found


def _card(options: TextEndpoint, found: dict[str, Any], name: str) -> dict[str, Any]:
    model = options.model or str(found.get("model", ""))
    made = re.sub(r"[^a-z0-9.]+", "-", model.rpartition("/")[2].lower()).strip("-.")
    name = name or made
    if not name:
        raise StartupError("the server does not say what its model is called: say --name")
    said = options.model_dump(mode="json", exclude_unset=True, exclude={"runtime"})
    said |= {"model": model} if model else {}
    own: dict[str, Any] = {"role": "reranker", "max_tokens": found.get("max_tokens", ASSUMED_TOKENS)}
    if isinstance(options, EncoderEndpoint):
        own = {
            "role": "encoder",
            "modality": "text",
            "width": found["width"],
            "kinds": ["dense"],
            "max_tokens": found.get("max_tokens", ASSUMED_TOKENS),
        }
    if isinstance(options, ClassifierEndpoint):
        own |= {"role": "classifier", "labels": found["labels"]}
        own |= {"problem": "multi_label"} if len(found["labels"]) == 1 else {}
    shared = {
        "name": name,
        "runtime": options.runtime,
        "description": f"{model or name}, as another server runs it.",
        "license": "unstated",
        "upstream": model or name,
    }
    return shared | own | {"options": said}
