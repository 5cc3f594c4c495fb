"""A rotation that learns keeps lengths and angles at every step."""

from __future__ import annotations

import numpy as np
import torch
from tieback.training.rotation import Rotation

WIDTH = 24


def test_a_rotation_keeps_every_product_whatever_it_has_learned() -> None:
    draw = torch.Generator().manual_seed(0)
    start = np.linalg.qr(np.random.default_rng(0).normal(size=(WIDTH, WIDTH)))[0].astype(np.float32)
    rotation, rows = Rotation(start), torch.randn(50, WIDTH, generator=draw)
    untouched = rotation().detach()
    with torch.no_grad():
        rotation.skew.copy_(torch.randn(WIDTH, WIDTH, generator=draw))

    turned = rows @ rotation().detach()

    assert torch.allclose(untouched, torch.from_numpy(start), atol=1e-6)
    assert not torch.allclose(turned, rows @ untouched, atol=0.1)
    assert torch.allclose(turned.norm(dim=1), rows.norm(dim=1), rtol=1e-5)
    assert torch.allclose(turned @ turned.T, rows @ rows.T, atol=1e-4)
