"""Pictures that nets made, and how they are judged: against counts, colours and sets worked out apart."""

import numpy as np
import pytest
import torch

from parnassus.estimators.generator import Generator
from parnassus.recipes.convolutional_games import on_the_way
from parnassus.recipes.critic_features import patch_features, patches_of
from parnassus.recipes.made_pictures import Judge, unwarned, wider
from parnassus.recipes.maxout_game import ToldCritic, ToldGenerator, maxout_game, spread
from parnassus.recipes.pictures_of_words import COLOURS, captioned, captions, right_words
from parnassus.recipes.styles_taken_apart import games
from parnassus.recipes.tags_drawn import TAGS, Tagged, judged, tagged
from parnassus.recipes.turned_pictures import patches, recoloured, scenes


def test_the_published_players_have_as_many_weights_as_worked_out(draws):
    made, critic = ToldGenerator((1, 28, 28), 10), ToldCritic((1, 28, 28), 10)
    counts = [sum(p.numel() for p in net.parameters()) for net in (made, critic)]
    assert counts == [2_413_984, 1_224_351]
    pictures = made.eval()(torch.rand(3, 100), torch.eye(10)[:3])
    assert pictures.shape == (3, 1, 28, 28)
    assert pictures.abs().max() <= 1
    assert critic(pictures, torch.eye(10)[:3]).shape == (3,)


def test_a_game_built_by_hand_learns_pictures_and_their_classes():
    X, y = np.full((40, 4, 4), 20, np.uint8), np.arange(40) % 10
    made = Generator(maxout_game((1, 4, 4), share=0.02), epochs=1, progress=False).fit(X, y)
    drawn = made.sample(4, condition=[3, 1, 4, 1], seed=0)
    assert drawn.shape == (4, 4, 4)
    assert np.array_equal(drawn, made.sample(4, condition=[3, 1, 4, 1], seed=0))


def test_the_way_between_two_noises_keeps_its_ends_and_its_length():
    a, b = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 5.0]])
    assert torch.allclose(on_the_way(a, b, 0.0), a, atol=1e-5)
    assert torch.allclose(on_the_way(a, b, 1.0), b, atol=1e-5)
    assert torch.allclose(on_the_way(a, b, 0.5), torch.full((1, 2), 4 / 2**0.5), atol=1e-5)


def test_the_spread_is_within_classes_alone():
    pictures = np.array([0, 255, 100, 100], np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2)
    assert spread(pictures, np.array([0, 0, 1, 1])) == pytest.approx(0.25)


def test_a_judge_finds_no_distance_between_a_set_and_itself():
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (40, 8, 8)).astype(np.uint8), np.arange(40) % 10
    judge = Judge(pictures, labels, epochs=1)
    assert judge.apart(pictures, pictures) == pytest.approx(0, abs=1e-6)
    assert judge.apart(pictures, pictures // 4) > 1e-3
    assert judge.shares(pictures).sum() == pytest.approx(1)
    assert 1 <= judge.score(pictures) <= 10


def test_an_enlarged_picture_keeps_its_greys():
    pictures = np.full((2, 8, 8), 77, np.uint8)
    assert (wider(pictures, 16) == 77).all()
    assert wider(pictures, 16).shape == (2, 16, 16)


def test_patches_say_nothing_of_brightness_and_the_nearest_mean_is_the_patch_s_own():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 200, (30, 16, 16)).astype(np.uint8)
    assert np.allclose(patches_of(pictures, 5), patches_of(pictures + 40, 5), atol=1e-4)
    assert patches_of(pictures, 5).shape == (30, 12, 12, 25)
    train, same = patch_features(pictures, pictures + 40, n_means=6)
    assert train.shape == (30, 6 * 16)
    assert np.allclose(train, same, atol=1e-3)


def test_scenes_have_sky_above_ground_and_a_texture_for_each_class():
    found = scenes(20, seed=0)
    assert (found.maps[:, 0] == 0).all()
    assert (found.maps[:, -1] != 0).all()
    red, green, blue = (found.painted[found.maps == k].astype(float).mean(0) for k in (2, 3, 0))
    assert red.argmax() == 0
    assert green.argmax() == 1
    assert blue.argmax() == 2


def test_recoloured_pictures_have_the_other_s_mean_and_deviation():
    rng = np.random.default_rng(0)
    own, other = rng.integers(50, 120, (10, 8, 8, 3)), rng.integers(100, 180, (10, 8, 8, 3))
    found = recoloured(own, own, other).reshape(-1, 3)
    assert found.mean(0) == pytest.approx(other.reshape(-1, 3).mean(0), abs=0.5)
    assert found.std(0) == pytest.approx(other.reshape(-1, 3).std(0), abs=0.5)


def test_squares_come_from_the_strips_that_were_named():
    from sklearn.datasets import load_sample_image

    photo = load_sample_image("china.jpg")[:426].reshape(213, 2, 320, 2, 3).mean((1, 3)).astype(np.uint8)
    for square in patches("china.jpg", 3, (2,), np.random.default_rng(0)):
        places = [(photo[t : t + 32, c : c + 32] == square).all() for t in range(182) for c in range(80, 89)]
        assert any(places)


def test_a_caption_says_what_is_drawn():
    pictures, texts = captioned(30, seed=0)
    assert len(captions()) == 12
    for picture, text in zip(pictures.astype(float), texts.tolist(), strict=True):
        _, colour, *_, place = text.split()
        inked = picture.max(2) - picture.min(2) > 60
        assert (np.argwhere(inked)[:, 1].mean() > 7.5) == (place == "right")
        assert picture[inked].mean(0).argmax() == int(np.argmax(COLOURS[colour]))


def test_a_person_uses_own_words_and_sets_are_whole_that_either_writes():
    found = tagged(50, seed=0)
    assert (found.tags.sum(1) == found.shapes.sum(1)).all()
    assert not (found.tags[found.people == 0, 3:]).any()
    shapes = np.array([[True, False, True]] * 4)
    new = Tagged(np.zeros((4, 16, 16), np.uint8), shapes, np.array([0, 0, 1, 1]))
    assert TAGS[new.tags[0].astype(bool)].tolist() == ["disc", "cross"]
    said = np.array([[1, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 1], [1, 0, 0, 0, 0, 1], [1, 0, 1, 1, 0, 1]])
    whole, twice, f1 = judged(said, new)
    assert (whole, twice) == (0.5, 0.25)
    assert f1 == pytest.approx(2 * (2 + 0 + 1 + 2) / (10 + 8))


def test_a_game_without_noise_never_learns_any():
    X = np.random.default_rng(0).integers(0, 256, (16, 8, 8)).astype(np.uint8)
    moved = {}
    for name, game in games((8, 8), 2).items():
        with unwarned():
            made = Generator(game, epochs=1, batch_size=8, progress=False).fit(X)
        noises = [p for n, p in made.objective_.generator.named_parameters() if n.endswith("noise")]
        moved[name] = bool(noises) and any(bool(p.abs().sum() > 0) for p in noises)
    assert list(moved.values()) == [False, False, True, True]


def test_words_of_a_caption_are_counted_one_by_one():
    said = np.array(["a red disc on the left", "a red square on the right"])
    asked = np.array(["a red disc on the right", "a blue square on the right"])
    assert right_words(said, asked) == "colour 50 %, shape 100 %, place 50 %"
