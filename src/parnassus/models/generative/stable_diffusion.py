"""Stable Diffusion 1 from a folder in diffusers' layout: a text tower, a U-Net and a coder, and pictures of texts."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ...errors import DataError, FileError, SettingError
from ...functional.diffusion.process import clean_and_noise
from ...functional.diffusion.samplers import Sampler, guided, sampled
from ...functional.diffusion.schedules import noise_schedule
from ...layouts import FOLDERS, refuse_unfinite
from ...train.randomness import kept_random
from ..text.text_tower import TextTower
from .latent_coder import LatentCoder
from .unet_text import TextUNet

INDEX = "model_index.json"
FILES = {
    "text_encoder": "model.safetensors",
    "unet": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
}
START, END_OF_TEXT = "<|startoftext|>", "<|endoftext|>"
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
OLDER = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


class StableDiffusion(nn.Module):
    """Pictures of texts: `tower` reads, `unet` takes noise away from maps, `coder` makes pictures of them.

    Source: Rombach et al. 2022; Martinez-Ramon example 8.10.1 (fixture B8.21).
    """

    def __init__(
        self, tower: TextTower, unet: TextUNet, coder: LatentCoder, words: Any, settings: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.tower, self.unet, self.coder, self.words = tower, unet, coder, words
        self.size = int(settings["sample_size"])
        self.scale = float(settings["scaling_factor"])
        known = {name: settings[name] for name in ("start", "end") if name in settings}
        self.schedule = noise_schedule("scaled_linear", int(settings["n_steps"]), **known)

    def ids(self, texts: Sequence[str]) -> Tensor:
        """Ids (texts, n_tokens): a start, the text's, and the end as often as there is room."""
        n, rows = self.tower.n_tokens, []
        for row, text in enumerate(texts):
            own = self.words.encode(text).ids
            if len(own) > n - 2:
                raise DataError(f"text {row} has {len(own)} pieces of words, and {n - 2} are read; shorten it")
            end = self.words.token_to_id(END_OF_TEXT)
            rows.append([self.words.token_to_id(START), *own] + [end] * (n - 1 - len(own)))
        return torch.tensor(rows)

    @torch.inference_mode()
    def sample(
        self,
        texts: Sequence[str],
        *,
        guidance: float = 7.5,
        n_steps: int = 50,
        sampler: Sampler = "ddim",
        size: tuple[int, int] | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Pictures (texts, height, width, channels) of bytes, one a text.

        Parameters
        ----------
        guidance : how strongly they lean on the text; 1 is the net's own answer.
        n_steps, sampler : steps taken back, and how; see `functional.diffusion.samplers`.
        size : (height, width) in pixels; None takes that of training.
        """
        if isinstance(texts, str) or not len(texts):
            raise DataError("texts are a list of at least one text, such as ['a red square']")
        step = 2**self.coder.n_halvings
        height, width = (self.size * step,) * 2 if size is None else size
        if height % step or width % step:
            raise SettingError(f"sides are multiples of {step} pixels; got {height} x {width}")
        device = self.tower.final_layer_norm.weight.device
        generator = torch.Generator().manual_seed(seed)
        told = self.tower(self.ids(texts).to(device))
        untold = self.tower(self.ids([""] * len(texts)).to(device))
        start = torch.randn(len(texts), self.coder.n_latent, height // step, width // step, generator=generator)

        def denoise(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
            said = self.unet(x, t - 1, told)  # their steps begin at 0
            if guidance != 1:
                said = guided(self.unet(x, t - 1, untold), said, guidance)
            return clean_and_noise("noise", said, x, t, self.schedule)

        z = sampled(denoise, start.to(device), self.schedule, method=sampler, n_steps=n_steps, generator=generator)
        x = (self.coder.decode(z / self.scale) / 2 + 0.5).clamp(0, 1)
        return (x * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def load_stable_diffusion(folder: Path) -> StableDiffusion:
    """The parts of a folder that holds model_index.json, text_encoder, unet, vae, tokenizer and scheduler."""
    parts = {name: _json(folder / name / "config.json") for name in FILES}
    unet, vae, text = parts["unet"], parts["vae"], parts["text_encoder"]
    _refuse_others(folder, unet, vae, text)
    channels = tuple(unet["block_out_channels"])
    with kept_random(torch.device("cpu")):
        tower = TextTower(
            text["vocab_size"], text["hidden_size"], n_layers=text["num_hidden_layers"],
            n_heads=text["num_attention_heads"], n_tokens=text["max_position_embeddings"],
            hidden=text["intermediate_size"],
        )  # fmt: skip
        net = TextUNet(
            unet["in_channels"], channels, context=unet["cross_attention_dim"], n_heads=unet["attention_head_dim"],
            n_blocks=unet["layers_per_block"],
        )  # fmt: skip
        coder = LatentCoder(
            vae["in_channels"], tuple(vae["block_out_channels"]), n_blocks=vae["layers_per_block"],
            n_latent=vae["latent_channels"],
        )  # fmt: skip
    made: tuple[nn.Module, ...] = (tower, net, coder)
    for name, part in zip(FILES, made, strict=True):
        _fill(part, folder / name / FILES[name])
    noise = _json(folder / "scheduler" / "scheduler_config.json")
    if noise.get("beta_schedule") != "scaled_linear" or noise.get("prediction_type", "epsilon") != "epsilon":
        raise DataError(f"{folder}: the schedule is scaled_linear and the net says the noise; this one does otherwise")
    settings = {
        "sample_size": unet["sample_size"], "scaling_factor": vae.get("scaling_factor", 0.18215),
        "n_steps": noise["num_train_timesteps"], "start": noise["beta_start"], "end": noise["beta_end"],
    }  # fmt: skip
    return StableDiffusion(tower, net, coder, clip_words(folder / "tokenizer"), settings).eval()


FOLDERS[INDEX] = load_stable_diffusion


def clip_words(folder: Path) -> Any:
    """CLIP's pieces of words from vocab.json and merges.txt."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = _json(folder / "vocab.json")
    try:
        lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FileError(f"{folder / 'merges.txt'}: {error.strerror or error}") from error
    pairs = [line.split() for line in lines if line and not line.startswith("#version")]
    merges = [(first, second) for first, second in pairs]
    bpe = models.BPE(
        vocabulary, merges, unk_token=END_OF_TEXT, end_of_word_suffix="</w>", continuing_subword_prefix=""
    )  # fmt: skip
    words = Tokenizer(bpe)
    spaces = normalizers.Replace(Regex(r"\s+"), " ")
    words.normalizer = normalizers.Sequence([normalizers.NFC(), spaces, normalizers.Lowercase()])
    cut = pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True)
    words.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return words


def _refuse_others(folder: Path, unet: Mapping[str, Any], vae: Mapping[str, Any], text: Mapping[str, Any]) -> None:
    n = len(unet["block_out_channels"])
    due: tuple[tuple[str, Any, Any], ...] = (
        ("unet down_block_types", list(unet["down_block_types"]), ["CrossAttnDownBlock2D"] * (n - 1) + ["DownBlock2D"]),
        ("unet use_linear_projection", unet.get("use_linear_projection", False), False),
        ("unet attention_head_dim", isinstance(unet["attention_head_dim"], int), True),
        ("vae act_fn", vae.get("act_fn", "silu"), "silu"),
        ("text_encoder hidden_act", text.get("hidden_act", "quick_gelu"), "quick_gelu"),
    )
    for name, found, expected in due:
        if found != expected:
            raise DataError(f"{folder}: {name} is {found!r}; the nets here are Stable Diffusion 1's, with {expected!r}")


def _fill(part: nn.Module, path: Path) -> None:
    """Load weights under their names, older ones of attention's layers among them."""
    try:
        theirs = load_file(path)
    except (SafetensorError, OSError) as error:
        raise FileError(
            f"{path}: not a whole safetensors file ({error}); a pickle (.bin) is never opened: save it again by "
            "diffusers' save_pretrained(safe_serialization=True)"
        ) from error
    own = part.state_dict()
    ours = {}
    for name, tensor in theirs.items():
        name = name.removeprefix("text_model.")
        pieces = name.rsplit(".", 2)
        if len(pieces) == 3 and pieces[1] in OLDER and name not in own:
            name = f"{pieces[0]}.{OLDER[pieces[1]]}.{pieces[2]}"
        if name.endswith("position_ids"):
            continue
        ours[name] = tensor.reshape(own[name].shape) if name in own and tensor.numel() == own[name].numel() else tensor
    missing, strange = sorted(own.keys() - ours.keys()), sorted(ours.keys() - own.keys())
    wrong = [n for n in own.keys() & ours.keys() if own[n].shape != ours[n].shape]
    if missing or strange or wrong:
        raise DataError(
            f"{path}: the weights do not fit: missing {missing[:3]}, unknown {strange[:3]}, other shapes {wrong[:3]}"
        )
    refuse_unfinite(path, ours)
    part.load_state_dict(ours)


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}; a folder of Stable Diffusion holds it") from error
    except ValueError as error:
        raise FileError(f"{path}: no JSON ({error}); fetch it again") from error
