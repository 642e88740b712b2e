"""What a text says as a vector a token: the text part of CLIP."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TowerAttention(nn.Module):
    """Attention to the tokens before and to itself."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            p(x).unflatten(2, (self.n_heads, -1)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.out_proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class TowerMLP(nn.Module):
    """Two layers with x sigmoid(1.702 x) between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc1(x)
        return self.fc2(h * torch.sigmoid(1.702 * h))


class TowerLayer(nn.Module):
    """Pre-norm attention and dense layers."""

    def __init__(self, width: int, n_heads: int, hidden: int) -> None:
        super().__init__()
        self.self_attn, self.mlp = TowerAttention(width, n_heads), TowerMLP(width, hidden)
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class TextTower(nn.Module):
    """ids (batch, n_tokens) -> (batch, n_tokens, width): a causal Transformer, its last states normalised.

    The parts bear the names of transformers' CLIPTextModel, inside `text_model`; with 49,408 ids, width 768, 12 layers
    and 77 tokens it is Stable Diffusion's of 123,060,480 parameters (fixture B8.21). Text that is shorter is filled up
    by its caller, and what fills it is attended to, as there.

    Source: Radford et al. 2021; Martinez-Ramon example 8.10.1.
    """

    def __init__(
        self, vocab_size: int, width: int, *, n_layers: int, n_heads: int, n_tokens: int, hidden: int = 0
    ) -> None:
        super().__init__()
        self.width, self.n_tokens = width, n_tokens
        self.embeddings = nn.ModuleDict(
            {"token_embedding": nn.Embedding(vocab_size, width), "position_embedding": nn.Embedding(n_tokens, width)}
        )
        layers = [TowerLayer(width, n_heads, hidden or 4 * width) for _ in range(n_layers)]
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(layers)})
        self.final_layer_norm = nn.LayerNorm(width)
        for table in self.embeddings.parameters():
            nn.init.normal_(table, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        at = torch.arange(ids.shape[1], device=ids.device)
        h = self.embeddings["token_embedding"](ids) + self.embeddings["position_embedding"](at)
        for layer in cast(nn.ModuleList, self.encoder["layers"]):
            h = layer(h)
        return self.final_layer_norm(h)
