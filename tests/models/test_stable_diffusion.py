"""A folder of Stable Diffusion's layout: read, the same answers, pictures of texts, and what is refused."""

import json
import shutil

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError, FileError, SettingError
from parnassus.models.generative.stable_diffusion import END_OF_TEXT, START, clip_words

pytestmark = pytest.mark.usefixtures("draws")


def write_words(folder):
    """A vocabulary of letters and two merges, as CLIP's files have it."""
    folder.mkdir(parents=True)
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789'!,."]
    names = [*letters, *(f"{c}</w>" for c in letters), "re", "red</w>", START, END_OF_TEXT]
    (folder / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}))
    (folder / "merges.txt").write_text("#version: 0.2\nr e\nre d</w>\n")
    return len(names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed; it writes the folder")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed; it writes the folder")
    path = tmp_path_factory.mktemp("sd")
    n = write_words(path / "tokenizer")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        diffusers.UNet2DConditionModel(
            sample_size=4, layers_per_block=1, block_out_channels=(32, 32), cross_attention_dim=16,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=8,
        ).save_pretrained(path / "unet")  # fmt: skip
        diffusers.AutoencoderKL(
            block_out_channels=(32, 32), layers_per_block=1, down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
        ).save_pretrained(path / "vae")  # fmt: skip
        config = transformers.CLIPTextConfig(
            vocab_size=n, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=12, bos_token_id=n - 2, eos_token_id=n - 1,
        )  # fmt: skip
        transformers.CLIPTextModel(config).save_pretrained(path / "text_encoder")
        diffusers.DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False
        ).save_pretrained(path / "scheduler")
    (path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return path


def test_its_words_are_clips(tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed; it is the oracle here")
    write_words(tmp_path / "tokenizer")
    theirs = transformers.CLIPTokenizer(
        str(tmp_path / "tokenizer" / "vocab.json"), str(tmp_path / "tokenizer" / "merges.txt")
    )
    ours = clip_words(tmp_path / "tokenizer")
    for text in ("a RED  square", "it's 3 reds, red!", ""):
        assert ours.encode(text).ids == theirs(text, add_special_tokens=False)["input_ids"]


def test_every_part_gives_the_answers_of_those_that_wrote_it(folder):
    import diffusers
    import transformers

    ours = pn.hub.load(folder)
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    vae = diffusers.AutoencoderKL.from_pretrained(folder / "vae").eval()
    tower = transformers.CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    ids = ours.ids(["a red square", "red"])
    assert ids.shape == (2, 12)
    z, t = torch.randn(2, 4, 4, 4), torch.tensor([5, 900])
    with torch.no_grad():
        told = tower(ids).last_hidden_state
        torch.testing.assert_close(ours.tower(ids), told, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.unet(z, t, told), unet(z, t, told).sample, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.coder.decode(z), vae.decode(z).sample, rtol=1e-4, atol=5e-5)
    bars = diffusers.DDIMScheduler.from_pretrained(folder / "scheduler").alphas_cumprod
    torch.testing.assert_close(ours.schedule.alpha_bar[1:].float(), bars)


def test_pictures_are_functions_of_text_and_seed(folder):
    ours = pn.hub.load(folder)
    first = ours.sample(["a red square", "blue"], n_steps=3)
    assert first.shape == (2, 8, 8, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, ours.sample(["a red square", "blue"], n_steps=3))
    assert not np.array_equal(first, ours.sample(["a red square", "blue"], n_steps=3, seed=1))
    assert not np.array_equal(first[0], ours.sample(["a sea", "blue"], n_steps=3)[0])
    assert ours.sample(["red"], n_steps=2, guidance=1, size=(8, 16)).shape == (1, 8, 16, 3)


def test_what_does_not_fit_is_refused(folder, tmp_path):
    ours = pn.hub.load(folder)
    with pytest.raises(DataError, match="10 are read"):
        ours.sample(["a b c d e f g h i j k"])
    with pytest.raises(DataError, match="list of at least one"):
        ours.sample("red")
    with pytest.raises(SettingError, match="multiples of 2"):
        ours.sample(["red"], size=(7, 8))
    broken = tmp_path / "sd"
    shutil.copytree(folder, broken)
    (broken / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(FileError, match="not a whole safetensors"):
        pn.hub.load(broken)
    config = json.loads((broken / "vae" / "config.json").read_text())
    (broken / "vae" / "config.json").write_text(json.dumps(config | {"act_fn": "relu"}))
    with pytest.raises(DataError, match="act_fn is 'relu'"):
        pn.hub.load(broken)
    (broken / "vae" / "config.json").unlink()
    with pytest.raises(FileError, match=r"config\.json"):
        pn.hub.load(broken)
