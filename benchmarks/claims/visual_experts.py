"""Methods 8 and 9: an instruction and a photo's tokens in one linear mixing (EMMA, arXiv:2410.02080), and the
tokens of several encoders side by side (MouSi, arXiv:2401.17221).

EMMA mixes the tokens of a photo with those of the instruction by one matrix, which begins as that of the
photo's tokens alone. Here a "photo" has a colour in half of its tokens and a shape in the others, and the
question is for one of the two, by a word among others. A network of two layers reads the mixed tokens. What
is claimed is how many points more it answers rightly than without the instruction. The weights belong to
places of words, so words in another order change what is read: the table has that too.

MouSi projects groups of each encoder's tokens to one width and sets them side by side. Here one encoder sees
the colour alone, in 16 tokens, the other the shape, in 64; the question is for both. The method's own check
has two image networks of different size; the catalog has weights of one, so that is not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu

from benchmarks.claims import by_seed, claim
from benchmarks.report import Report, Tried

EMMA, MOUSI = "8 (arXiv:2410.02080)", "9 (arXiv:2401.17221)"
VALUES = 4
"""Colours, and shapes."""

TOKENS, WIDTH = 16, 24
WORDS, WORD_WIDTH = 6, 16
STEPS, ROWS, RATE, TESTED = 300, 128, 3e-3, 2000
NOISE = 0.7
GROUPS = (4, 16)
"""Tokens of each encoder that become one."""

POINTS = 20


class Mixing(nn.Module):
    """EMMA: `[batch, tokens, width]` and an instruction `[batch, words, word width]` to as many tokens."""

    def __init__(self, tokens: int, width: int, words: int, word_width: int) -> None:
        super().__init__()
        self.instruction = nn.Linear(word_width, width)
        self.weight = nn.Parameter(torch.cat([torch.eye(tokens), torch.zeros(tokens, words)], dim=1))
        self.bias = nn.Parameter(torch.zeros(tokens, 1))

    def forward(self, image: Tensor, instruction: Tensor) -> Tensor:
        stacked = torch.cat([image, gelu(self.instruction(instruction))], dim=1)
        mixed: Tensor = self.weight @ stacked + self.bias
        return mixed


class Experts(nn.Module):
    """MouSi: tokens of each encoder `[batch, tokens, own width]`, groups of which become one of `width`."""

    def __init__(self, widths: Sequence[int], groups: Sequence[int], width: int) -> None:
        super().__init__()
        self.groups = groups
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(own * group, width), nn.GELU(), nn.Linear(width, width))
            for own, group in zip(widths, groups, strict=True)
        )

    def forward(self, experts: Sequence[Tensor]) -> Tensor:
        parts = [
            projection(one.reshape(len(one), -1, group * one.shape[2]))
            for one, group, projection in zip(experts, self.groups, self.projections, strict=True)
        ]
        return torch.cat(parts, dim=1)


def positions(rows: int, columns: int, scheme: str) -> list[int]:
    """The position ids of a grid's tokens, row by row: `original`, one for all, or one a row."""
    each = {"original": range(rows * columns), "all": [0] * (rows * columns)}
    by_row = [row for row in range(rows) for _ in range(columns)]
    return list(each.get(scheme, by_row))


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims what an instruction adds to mixed tokens, and a second encoder to one."""
    rows = by_seed(report, f"{EMMA}: right answers, %", seeds, instructed, say)
    gained = [row["instructed"] - row["photo alone"] for row in rows]
    claim(
        report,
        Tried(8, "toy", product=False, data="generated"),
        f"{EMMA}: right answers over those without the instruction",
        gained,
        "points",
        f">= {POINTS}",
    )
    rows = by_seed(report, f"{MOUSI}: colour and shape right, %", seeds, fused, say)
    gained = [row["both"] - max(row["colours"], row["shapes"]) for row in rows]
    of = Tried(9, "toy", product=False, data="generated")
    claim(report, of, f"{MOUSI}: right answers over the better encoder alone", gained, "points", "> 0")


def instructed(seed: int) -> dict[str, float]:
    """Per cent of right answers by what is read."""
    draw = torch.Generator().manual_seed(seed)
    looks = torch.randn(2, VALUES, WIDTH, generator=draw)
    words = torch.randn(8, WORD_WIDTH, generator=draw)

    def asked(count: int) -> tuple[Tensor, Tensor, Tensor]:
        values = torch.randint(VALUES, (count, 2), generator=draw)
        image = NOISE * torch.randn(count, TOKENS, WIDTH, generator=draw)
        image[:, : TOKENS // 2] += looks[0][values[:, 0]][:, None]
        image[:, TOKENS // 2 :] += looks[1][values[:, 1]][:, None]
        wanted = torch.randint(2, (count,), generator=draw)
        others = torch.randint(2, 8, (count, WORDS), generator=draw)
        others[:, 2] = wanted
        return image, words[others], values[torch.arange(count), wanted]

    found = {}
    for name, shown in (("instructed", 1.0), ("photo alone", 0.0)):
        torch.manual_seed(seed)
        mixing = Mixing(TOKENS, WIDTH, WORDS, WORD_WIDTH)
        reader = nn.Sequential(nn.Linear(TOKENS * WIDTH, 64), nn.GELU(), nn.Linear(64, VALUES))
        read = partial(_read_mixed, mixing, reader, shown)
        learn([mixing, reader], partial(_loss, read, partial(asked, ROWS)))
        image, instruction, answers = asked(TESTED)
        found[name] = _right(read(image, instruction), answers)
        if shown:
            shuffled = instruction[:, torch.randperm(WORDS, generator=draw)]
            found["words shuffled"] = _right(read(image, shuffled), answers)
    return found


def fused(seed: int) -> dict[str, float]:
    """Per cent of pictures of which colour and shape are both right, by the encoders that are read."""
    draw = torch.Generator().manual_seed(seed)
    sizes = ((16, 24), (64, 12))
    looks = [torch.randn(VALUES, width, generator=draw) for _, width in sizes]

    def seen(count: int) -> tuple[list[Tensor], Tensor]:
        values = torch.randint(VALUES, (count, 2), generator=draw)
        tokens = [
            looks[one][values[:, one]][:, None] + 2 * torch.randn(count, *sizes[one], generator=draw)
            for one in (0, 1)
        ]
        return tokens, values

    found = {}
    for name, used in (("colours", (0,)), ("shapes", (1,)), ("both", (0, 1))):
        torch.manual_seed(seed)
        experts = Experts([sizes[one][1] for one in used], [GROUPS[one] for one in used], WIDTH)
        probe = nn.Linear(WIDTH * sum(sizes[one][0] // GROUPS[one] for one in used), 2 * VALUES)

        read = partial(_read_experts, experts, probe, used)
        learn([experts, probe], partial(_both, read, partial(seen, ROWS)))
        tokens, values = seen(TESTED)
        right = read(tokens).argmax(dim=2) == values
        found[name] = 100 * float(right.all(dim=1).float().mean())
    return found


def learn(modules: Sequence[nn.Module], loss: Callable[[], Tensor]) -> None:
    """Adam over the modules' parameters."""
    optimiser = torch.optim.Adam([one for module in modules for one in module.parameters()], RATE)
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]  # torch's
        optimiser.step()


def _read_mixed(
    mixing: Mixing, reader: nn.Module, shown: float, image: Tensor, instruction: Tensor
) -> Tensor:
    logits: Tensor = reader(mixing(image, shown * instruction).flatten(1))
    return logits


def _read_experts(
    experts: Experts, probe: nn.Module, used: Sequence[int], tokens: Sequence[Tensor]
) -> Tensor:
    logits: Tensor = probe(experts([tokens[one] for one in used]).flatten(1))
    return logits.reshape(-1, 2, VALUES)


def _loss(read: Callable[..., Tensor], asked: Callable[[], tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    image, instruction, answers = asked()
    return cross_entropy(read(image, instruction), answers)


def _both(read: Callable[..., Tensor], seen: Callable[[], tuple[list[Tensor], Tensor]]) -> Tensor:
    tokens, values = seen()
    return cross_entropy(read(tokens).transpose(1, 2), values)


def _right(logits: Tensor, answers: Tensor) -> float:
    return 100 * float((logits.argmax(dim=1) == answers).float().mean())
