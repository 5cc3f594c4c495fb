"""All cards: those that come with the package, and those in the user's folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from tieback.catalog.card import Card, EncoderCard, GeneratorCard, MediaCard, RecogniserCard, RerankerCard
from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.classifier_card import ClassifierCard
from tieback.catalog.merge import with_parents
from tieback.core.errors import NotFound, StartupError

HERE = Path(__file__).parent
CardOfARole = (
    EncoderCard | RerankerCard | CheckerCard | ClassifierCard | RecogniserCard | GeneratorCard | MediaCard
)
_adapter: TypeAdapter[CardOfARole] = TypeAdapter(Annotated[CardOfARole, Field(discriminator="role")])


class Catalog:
    """The models that can be served, by name."""

    def __init__(self, cards: Iterable[Card], media: Iterable[MediaCard] = ()) -> None:
        self._cards = {card.name: card for card in cards}
        self._media = {card.name: card for card in media}

    @classmethod
    def load(cls, extra_directory: Path | None = None) -> Catalog:
        """Reads the package's cards and the user's; a user's card takes the place of one of the same name.

        StartupError names the file and the key that is wrong.
        """
        folders = [HERE / "cards", HERE / "media"]
        if extra_directory is not None:
            if not extra_directory.is_dir():
                raise StartupError(
                    f"the folder of cards {extra_directory} does not exist; create it or unset TIEBACK_CARDS"
                )
            folders.append(extra_directory)
        cards: dict[str, Card] = {}
        media: dict[str, MediaCard] = {}
        for folder in folders:
            seen: dict[str, Path] = {}
            for path in sorted(folder.glob("*.yaml")):
                card = read_card(path)
                if card.name in seen:
                    raise StartupError(f"{path}: the name {card.name!r} is taken by {seen[card.name].name}")
                seen[card.name] = path
                if isinstance(card, MediaCard):
                    media[card.name] = card
                else:
                    cards[card.name] = card
        _check_shared(cards.values())
        return cls(with_parents(cards).values(), media.values())

    def __iter__(self) -> Iterator[Card]:
        return iter(self._cards.values())

    def get(self, name: str) -> Card:
        """The model's card. NotFound, with the choices, where there is none."""
        if name not in self._cards:
            raise NotFound("model", name, self._cards)
        return self._cards[name]

    def encoders(self) -> list[EncoderCard]:
        """The encoders' cards, by name."""
        cards = [card for card in self._cards.values() if isinstance(card, EncoderCard)]
        return sorted(cards, key=lambda card: card.name)

    def sharing(self, name: str) -> list[str]:
        """The encoders that share a space of that name; the name itself where none do."""
        return [card.name for card in self.encoders() if card.shares == name] or [name]

    def rerankers(self) -> list[RerankerCard]:
        """The rerankers' cards, by name."""
        cards = [card for card in self._cards.values() if isinstance(card, RerankerCard)]
        return sorted(cards, key=lambda card: card.name)

    def checkers(self) -> list[CheckerCard]:
        """The checkers' cards, by name."""
        cards = [card for card in self._cards.values() if isinstance(card, CheckerCard)]
        return sorted(cards, key=lambda card: card.name)

    def classifiers(self) -> list[ClassifierCard]:
        """The cards of classifiers of texts, by name."""
        cards = [card for card in self._cards.values() if isinstance(card, ClassifierCard)]
        return sorted(cards, key=lambda card: card.name)

    def recognisers(self) -> list[RecogniserCard]:
        """The recognisers' cards, by name."""
        cards = [card for card in self._cards.values() if isinstance(card, RecogniserCard)]
        return sorted(cards, key=lambda card: card.name)

    def generators(self) -> list[GeneratorCard]:
        """The generators' cards, by name."""
        cards = [card for card in self._cards.values() if isinstance(card, GeneratorCard)]
        return sorted(cards, key=lambda card: card.name)

    def media(self) -> list[MediaCard]:
        """The media's cards, by name."""
        return sorted(self._media.values(), key=lambda card: card.name)

    def get_media(self, name: str) -> MediaCard:
        """The media's card. NotFound, with the choices, where there is none."""
        if name not in self._media:
            raise NotFound("media", name, self._media)
        return self._media[name]


def _check_shared(cards: Iterable[Card]) -> None:
    """StartupError where cards that share a space differ in whether it has a block of the joint one."""
    first: dict[str, EncoderCard] = {}
    for card in cards:
        if isinstance(card, EncoderCard) and card.shares is not None:
            other = first.setdefault(card.shares, card)
            if card.joint != other.joint:
                raise StartupError(
                    f"{other.name} and {card.name} share the space {card.shares!r}, and differ in joint "
                    f"({other.joint or 'none'} and {card.joint or 'none'}); write the same in both cards"
                )


def read_card(path: Path) -> CardOfARole:
    """Reads one card. StartupError names the file and the place."""
    try:
        # By libyaml, six times as quick: each process of the platform reads all cards, twice.
        data = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StartupError(f"{path}: is not a readable YAML file: {error}") from error
    if not isinstance(data, dict):
        raise StartupError(f"{path}: a card is a mapping of keys to values")
    merge = data.get("merge")
    if isinstance(merge, dict) and isinstance(probe := merge.get("probe"), dict) and "pairs" in probe:
        probe["pairs"] = (path.parent / Path(str(probe["pairs"])).expanduser()).resolve()
    if isinstance(merge, dict) and isinstance(samples := merge.get("samples"), str):
        merge["samples"] = (path.parent / Path(samples).expanduser()).resolve()
    for key in ("router", "folders"):
        if isinstance(merge, dict) and isinstance(named := merge.get(key), dict):
            for expert, place in named.items():
                named[expert] = (path.parent / Path(str(place)).expanduser()).resolve()
    if isinstance(data.get("directory"), str):
        data["directory"] = _own_directory(path, data["directory"])
    try:
        return _adapter.validate_python(data)
    except ValidationError as error:
        raise StartupError(f"{path}: {'; '.join(_faults(error, data))}") from None


def _own_directory(path: Path, directory: str) -> Path:
    folder = (path.parent / Path(directory).expanduser()).resolve()
    if not folder.is_dir():
        raise StartupError(f"{path}: directory: {folder} does not exist")
    return folder


def _faults(error: ValidationError, data: dict[str, Any]) -> Iterator[str]:
    for fault in error.errors():
        # Pydantic puts the tag of a union into the place; a reader of the YAML file does not see it there.
        tags = {data.get("role"), data.get("runtime")}
        place = ".".join(str(part) for part in fault["loc"] if part not in tags)
        if fault["type"] == "extra_forbidden":
            yield f"unknown key {place!r}"
        else:
            yield f"{place}: {fault['msg']}" if place else fault["msg"]
