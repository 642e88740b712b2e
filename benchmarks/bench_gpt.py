"""GPT: a training step and decoding, beside transformers' GPT2LMHeadModel and plain loops, with the same weights.

6 layers of 384 with 6 heads, a context of 256, 5,000 ids, batch 8; a run of training is 2 steps of AdamW. Decoding is
greedy: 16 ids of a prompt and 200 new ones, at batch 1 and 8, in float32; transformers' ids are compared with ours.
Run: python benchmarks/bench_gpt.py [--threads 2]. `--small` is a run of a second, to see that it works.
"""

import argparse
import os
import tempfile
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness import Work, compare, installed
from parnassus import hub
from parnassus.models.text.gpt import GPT


class Plain(nn.Module):
    """The net as it is widely written down: modules, torch's fused attention, a tied head, the loss over all logits."""

    def __init__(self, n_ids: int, context: int, width: int, n_layers: int, n_heads: int) -> None:
        super().__init__()
        self.wte, self.wpe, self.n_heads = nn.Embedding(n_ids, width), nn.Embedding(context, width), n_heads
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                [nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width), nn.LayerNorm(width),
                 nn.Linear(width, 4 * width), nn.Linear(4 * width, width)]
            ) for _ in range(n_layers)
        )  # fmt: skip
        self.last = nn.LayerNorm(width)
        self.apply(self._start)

    @staticmethod
    def _start(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        n, time = ids.shape
        h = self.wte(ids) + self.wpe(torch.arange(time))
        for norm1, qkv, out, norm2, inner, outer in self.blocks:  # type: ignore[misc]
            q, k, v = qkv(norm1(h)).split(h.shape[2], 2)
            q, k, v = (a.view(n, time, self.n_heads, -1).transpose(1, 2) for a in (q, k, v))
            z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            h = h + out(z.transpose(1, 2).reshape(n, time, -1))
            h = h + outer(F.gelu(inner(norm2(h)), approximate="tanh"))
        return F.cross_entropy(F.linear(self.last(h), self.wte.weight).flatten(0, 1), targets.flatten())


def training(net: nn.Module, loss: Callable[[], Tensor], *, half: bool = False) -> Work:
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-4, fused=True)

    def work() -> None:
        for _ in range(2):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                value = loss()
            optimizer.zero_grad()
            value.backward()
            optimizer.step()

    return work


def decoding(net: GPT, prompt: Tensor, n_new: int) -> Callable[[], Tensor]:
    def work() -> Tensor:
        with torch.inference_mode():
            logits, reading = net.read(prompt, capacity=prompt.shape[1] + n_new)
            written = [logits.argmax(-1)]
            for _ in range(n_new - 1):
                written.append(net.step(written[-1], reading).argmax(-1))
        return torch.stack(written, 1)

    return work


def settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--small", action="store_true")
    return parser.parse_args()


def transformers_net(n_ids: int, context: int, width: int, n_layers: int, n_heads: int) -> nn.Module:
    import transformers

    transformers.logging.set_verbosity_error()
    rates = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": None, "eos_token_id": None}
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            n_embd=width, n_layer=n_layers, n_head=n_heads, n_positions=context, vocab_size=n_ids, **rates
        )
    )


def ours_of(n_ids: int, context: int, width: int, n_layers: int, n_heads: int) -> GPT:
    return GPT(n_ids, context=context, width=width, n_layers=n_layers, n_heads=n_heads)


def train(sizes: tuple[int, int, int, int, int], args: argparse.Namespace) -> None:
    n_ids, context, width, n_layers, _ = sizes
    ids, targets = torch.randint(n_ids, (2, 8, context))
    one, other, plain = ours_of(*sizes), ours_of(*sizes), Plain(*sizes)
    works: dict[str, Work] = {"parnassus": training(one, lambda: one.loss(ids, targets))}
    works["parnassus bf16"] = training(other, lambda: other.loss(ids, targets), half=True)
    works["plain loop"] = training(plain, lambda: plain(ids, targets))
    if installed("transformers"):
        peer, given = transformers_net(*sizes), torch.cat([ids[:, :1], targets[:, :-1]], 1)
        works["transformers"] = training(peer, lambda: peer(ids, labels=given).loss)
    compare(f"GPT training, 2 steps, {n_layers} x {width}, context {context}", works, ours="parnassus", args=args)


def decode(sizes: tuple[int, int, int, int, int], args: argparse.Namespace, n_new: int) -> None:
    peer, net = None, ours_of(*sizes).eval()
    if installed("transformers"):
        import transformers

        with tempfile.TemporaryDirectory() as folder:
            hub.save_pretrained(net, folder)
            peer = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()
    for batch in (1, 8):
        prompt = torch.randint(sizes[0], (batch, min(16, sizes[1] - n_new)))
        work = decoding(net, prompt, n_new)
        works: dict[str, Work] = {"parnassus": work}
        if peer is not None:
            works["transformers"] = theirs = generating(peer, prompt, n_new)
            same = float((theirs()[:, prompt.shape[1] :] == work()).float().mean())
            assert same > 0.9, f"{1 - same:.1%} of the ids differ"
        compare(f"GPT decoding, {n_new} ids at batch {batch}", works, ours="parnassus", args=args)


def generating(peer: nn.Module, prompt: Tensor, n_new: int) -> Callable[[], Tensor]:
    fixed = {"max_new_tokens": n_new, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    return lambda: peer.generate(prompt, attention_mask=torch.ones_like(prompt), **fixed)


def main() -> None:
    args = settings()
    torch.manual_seed(0)
    sizes = (50, 32, 32, 2, 2) if args.small else (5000, 256, 384, 6, 6)
    train(sizes, args)
    decode(sizes, args, 8 if args.small else 200)


if __name__ == "__main__":
    main()
