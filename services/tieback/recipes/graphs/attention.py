"""Attention of exported texts in blocks of query rows: its memory grows with the length, not with its square.

The graph has a node for the attention of each layer, and the functions of these nodes lie in the same file:
standard ONNX, plain attention up to `PLAIN` tokens, and above it a `Loop` over blocks of the rows of one head
(Rabe and Staats, 2021, arXiv:2112.05682, in blocks of queries alone). A block reads the keys that its rows
see: causal attention computes about half, and a sliding window its own width. The masks of tokens by tokens
that transformers would make are not there; a row's places say what it sees.

Measured with 12 heads of 64 on one thread, plain and in blocks, ms: 256 tokens 3.2 and 3.5, 512 14 and 13,
1,024 58 and 49; causal 3.9 and 4.2, 23 and 14, 82 and 42; a window of 64 to both sides 4.4 and 5.2, 23 and
15, 76 and 26.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx_ir
import torch
from onnx import FunctionProto, parser
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv

from tieback.models.reference import IDS
from tieback.models.text.working_memory import PLAIN, ROWS

DOMAIN, OPERATOR, WAY = "tieback", "Attention", "tieback_blocks"
SOME_ROWS = 128
"""Rows of a block that does not see all keys: what it computes in vain grows with its rows."""
UNBOUNDED = -1

FUNCTION = """
<domain: "%(domain)s", opset_import: ["": 20]>
%(name)s (q, k, v, padding) => (out) {
  scale_ = Constant <value_float: float = %(scale)r> ()
  scale = CastLike (scale_, q)
  lowest_ = Constant <value_float: float = -1.7e38> ()
  lowest = CastLike (lowest_, q)
  cap_ = Constant <value_float: float = %(cap)r> ()
  cap = CastLike (cap_, q)
  back = Constant <value_ints: ints = [%(back)d]> ()
  ahead = Constant <value_ints: ints = [%(ahead)d]> ()
  most = Constant <value_ints: ints = [%(rows)d]> ()
  limit = Constant <value_ints: ints = [%(plain)d]> ()
  unknown = Constant <value_ints: ints = [-1]> ()
  zero = Constant <value_ints: ints = [0]> ()
  one = Constant <value_ints: ints = [1]> ()
  two = Constant <value_ints: ints = [2]> ()
  first_axes = Constant <value_ints: ints = [0, 1]> ()
  outer_axes = Constant <value_ints: ints = [0, 2]> ()
  step = Constant <value_int: int = 1> ()
  yes = Constant <value = bool {1}> ()
  batch = Shape <start = 0, end = 1> (q)
  heads = Shape <start = 1, end = 2> (q)
  tokens = Shape <start = 2, end = 3> (q)
  width = Shape <start = 3, end = 4> (q)
  is_short_ = LessOrEqual (tokens, limit)
  is_short = Squeeze (is_short_)
  out = If (is_short) <
    then_branch = short () => (found) {
      across = Transpose <perm = [0, 1, 3, 2]> (k)
      products = MatMul (q, across)
      %(plain_weights)s
      each = MatMul (weights, v)
      found = Transpose <perm = [0, 2, 1, 3]> (each)
    },
    else_branch = long () => (found) {
      flat = Concat <axis = 0> (unknown, tokens, width)
      all_keys = Reshape (k, flat)
      all_values = Reshape (v, flat)
      of_texts = Concat <axis = 0> (batch, one, tokens)
      all_padding = Reshape (padding, of_texts)
      others = Sub (tokens, one)
      most_filled = Add (others, most)
      count = Div (most_filled, most)
      filled = Add (others, count)
      rows = Div (filled, count)
      room = Mul (rows, count)
      spare = Sub (room, tokens)
      behind = Concat <axis = 0> (zero, zero, zero, zero, spare, zero)
      flat_queries = Reshape (q, flat)
      queries = Pad (flat_queries, behind)
      groups = Mul (batch, heads)
      trips_ = Mul (groups, count)
      trips = Squeeze (trips_)
      blocks = Loop (trips, yes) <body = block (int64 number, bool going) => (on, block) {
        on = Identity (going)
        group = Div (number, count)
        group_end = Add (group, one)
        place = Mod (number, count)
        begin = Mul (place, rows)
        end = Add (begin, rows)
        from = Concat <axis = 0> (group, begin)
        to = Concat <axis = 0> (group_end, end)
        some = Slice (queries, from, to, first_axes)
        early = Sub (begin, back)
        late = Add (end, ahead)
        %(reach)s
        first_key = Concat <axis = 0> (group, first)
        last_key = Concat <axis = 0> (group_end, last)
        keys = Slice (all_keys, first_key, last_key, first_axes)
        values = Slice (all_values, first_key, last_key, first_axes)
        text = Div (group, heads)
        text_end = Add (text, one)
        first_place = Concat <axis = 0> (text, first)
        last_place = Concat <axis = 0> (text_end, last)
        seen = Slice (all_padding, first_place, last_place, outer_axes)
        across = Transpose <perm = [0, 2, 1]> (keys)
        products = MatMul (some, across)
        %(block_weights)s
        block = MatMul (weights, values)
      }>
      by_head = Concat <axis = 0> (batch, heads, room, width)
      joined = Reshape (blocks, by_head)
      cut = Slice (joined, zero, tokens, two)
      found = Transpose <perm = [0, 2, 1, 3]> (cut)
    }>
}
"""
CAPPED = """
      parts = Div (scaled, cap)
      bent = Tanh (parts)
      capped = Mul (bent, cap)"""
PLACES = """
      places_ = Squeeze ({first})
      places_end = Squeeze ({last})
      places = Range (places_, places_end, step)
      rows_ = Squeeze ({begin})
      rows_end = Squeeze ({end})
      own = Range (rows_, rows_end, step)
      own_column = Unsqueeze (own, one)
      away = Sub (places, own_column)
      {tests}
      masked = Where (allowed, padded, lowest)"""
BEHIND = "allowed = LessOrEqual (away, ahead)"
BOTH = """
      nearest = Neg (back)
      is_behind = GreaterOrEqual (away, nearest)
      is_before = LessOrEqual (away, ahead)
      allowed = And (is_behind, is_before)"""


@contextmanager
def in_blocks(module: torch.nn.Module) -> Iterator[None]:
    """Has the text models in a module attend by a node of their own, as long as it is exported.

    Those are the ones that transformers runs with FlashAttention too: their attention is said by their own
    padding, by causality and by a window. In others, such as DeBERTa, T5 and MPNet, with relative positions
    in each pair's score, attention stays as it is; so it does where no text is longer than `PLAIN`.
    """
    models = [one for one in module.modules() if isinstance(one, PreTrainedModel)]
    configs = [one.config for one in models if attends(type(one), one.config)]
    before = [config._attn_implementation for config in configs]
    AttentionInterface.register(WAY, _attend)
    AttentionMaskInterface.register(WAY, _padding)
    try:
        for config in configs:
            config._attn_implementation = WAY
        yield
    finally:
        for config, way in zip(configs, before, strict=True):
            config._attn_implementation = way


def attends(of: Any, config: Any) -> bool:
    """Tell whether a class of transformers attends in blocks when it is exported with a configuration."""
    is_text, places = of.main_input_name == IDS, getattr(config, "max_position_embeddings", None)
    is_one = not config.sub_configs  # of a pair the towers are asked by themselves
    return bool(is_text and is_one and of._supports_flash_attn and (places or PLAIN + 1) > PLAIN)


def add_functions(model: onnx_ir.Model) -> None:
    """Gives the nodes of a graph that was exported `in_blocks` their functions, one for each kind."""
    kinds: dict[tuple[Any, ...], str] = {}
    for node in model.graph:
        if node.domain != DOMAIN:
            continue
        kind = tuple(node.attributes[name].value for name in ("scale", "back", "ahead", "cap"))
        if kind not in kinds:
            kinds[kind] = f"{OPERATOR}{len(kinds) + 1}"
            function = onnx_ir.from_proto(_function(kinds[kind], *kind))
            model.functions[function.identifier()] = function
        node.op_type = kinds[kind]
        node.attributes.clear()
    if kinds:
        model.opset_imports[DOMAIN] = 1


def _attend(  # noqa: PLR0913 - transformers' interface
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    is_causal: bool | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Turns heads `[batch, heads, tokens, width]` into `[batch, tokens, heads, width]`."""
    batch, heads, tokens, width = query.shape
    key, value = (repeat_kv(one, heads // one.shape[1]) for one in (key, value))
    if attention_mask is None:
        attention_mask = query.new_zeros(batch, 1, 1, tokens)
    reach = UNBOUNDED if sliding_window is None else sliding_window - 1
    causal = module.is_causal if is_causal is None else is_causal
    attributes: dict[str, Any] = {
        "scale": float(width**-0.5 if scaling is None else scaling),
        "back": reach,
        "ahead": 0 if causal else reach,
        "cap": float(softcap or 0),
    }
    shape = (batch, tokens, heads, width)
    given = (query, key, value, attention_mask)
    found = torch.onnx.ops.symbolic(
        f"{DOMAIN}::{OPERATOR}", given, attributes, dtype=query.dtype, shape=shape, version=1
    )
    return found, None


def _padding(
    batch_size: int,
    q_length: int,  # noqa: ARG001 - transformers' interface
    kv_length: int,
    attention_mask: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    **_: Any,
) -> Tensor | None:
    """Summands of scores `[batch, 1, 1, tokens]`: 0 for a token, and the lowest number for padding."""
    if attention_mask is None:
        return None
    mask = attention_mask.view(batch_size, 1, 1, kv_length)
    return torch.where(mask, 0.0, torch.finfo(dtype).min)


def _function(name: str, scale: float, back: int, ahead: int, cap: float) -> FunctionProto:
    """Attention of one kind: `cap` bends scores where it is above 0, and -1 reaches all keys."""
    is_back, is_ahead = back != UNBOUNDED, ahead != UNBOUNDED
    tests = BOTH if is_back else BEHIND if is_ahead else ""

    def weights(padding: str, *places: str) -> str:
        scaled = f"scaled = Mul (products, scale){CAPPED if cap else ''}"
        padded = f"padded = Add ({'capped' if cap else 'scaled'}, {padding})"
        named = dict(zip(("first", "last", "begin", "end"), places, strict=True))
        masked = PLACES.format(**named, tests=tests) if tests else ""
        softmax = f"weights = Softmax <axis = -1> ({'masked' if tests else 'padded'})"
        return "\n".join((scaled, padded, masked, softmax))

    first = "first = Max (early, zero)" if is_back else "first = Identity (zero)"
    last = "last = Min (late, tokens)" if is_ahead else "last = Identity (tokens)"
    return parser.parse_function(
        FUNCTION
        % {
            "domain": DOMAIN,
            "name": name,
            "scale": scale,
            "cap": cap,
            "back": back,
            "ahead": ahead,
            "plain": PLAIN,
            "rows": SOME_ROWS if tests else ROWS,
            "reach": f"{first}\n{last}",
            "plain_weights": weights("padding", "zero", "tokens", "zero", "tokens"),
            "block_weights": weights("seen", "first", "last", "begin", "end"),
        }
    )
