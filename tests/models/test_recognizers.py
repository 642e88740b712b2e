"""Builders of end-to-end recognisers: padding, gradients, weights, options; numbers are torch's, or by other rows."""

import inspect

import pytest
import torch

import parnassus as pn
from parnassus.data.audio.transcripts import Units
from parnassus.errors import SettingError
from parnassus.train.phase import Objective
from parnassus.train.randomness import kept_random

UNITS = Units(("", " ", "a", "b"), "characters")
CASES = [(name, encoder) for name in ("ctc", "attention", "transducer") for encoder in ("bilstm", "tdnn", "conformer")]
every = pytest.mark.parametrize(("name", "encoder"), CASES)


def made(name, encoder, seed=0) -> Objective:
    with kept_random(torch.device("cpu"), seed):
        spec = pn.model(name, encoder=encoder, hidden=8, n_layers=1, n_heads=2)
        objective = spec.make(task="speech_recognizer", step_features=3, units=UNITS)
    return objective.double()


def drawn(seed=0):
    g = torch.Generator().manual_seed(seed)
    return {
        "x": torch.randn(4, 23, 3, generator=g, dtype=torch.float64),
        "lengths": torch.tensor([23, 20, 11, 7]),
        "y": torch.tensor([[2, 3, 3], [1, 2, 0], [3, 0, 0], [0, 0, 0]]),
        "y_lengths": torch.tensor([3, 2, 1, 0]),
    }


@every
def test_padding_never_changes_a_loss_or_a_text(name, encoder):
    objective, batch = made(name, encoder).eval(), drawn()
    spoilt = batch | {"x": batch["x"].clone()}
    for row, n in enumerate(batch["lengths"].tolist()):
        spoilt["x"][row, n:] = 1e3
    with torch.no_grad():
        whole, texts = objective.row_losses(batch), objective.transcribe(batch, beam=3, n_best=2)
        torch.testing.assert_close(objective.row_losses(spoilt), whole)
        for row, (n, m) in enumerate(zip(batch["lengths"].tolist(), batch["y_lengths"].tolist(), strict=True)):
            alone = {
                "x": batch["x"][row : row + 1, :n],
                "lengths": batch["lengths"][row : row + 1],
                "y": batch["y"][row : row + 1, : max(m, 1)],
                "y_lengths": batch["y_lengths"][row : row + 1],
            }
            torch.testing.assert_close(objective.row_losses(alone), whole[row : row + 1])
            assert objective.transcribe(alone, beam=3, n_best=2)[0][0][0] == texts[row][0][0]


@every
def test_every_parameter_gets_a_gradient(name, encoder, draws):
    objective, batch = made(name, encoder), drawn()
    (phase,) = objective.phases()
    phase.loss(batch).backward()
    for which, p in objective.named_parameters():
        assert p.grad is not None, which
        assert p.grad.isfinite().all(), which


@every
def test_weights_count_rows(name, encoder):
    objective, batch = made(name, encoder).eval(), drawn()
    rows = torch.tensor([0, 0, 1, 2, 3])
    twice = {k: v[rows] for k, v in batch.items()}
    weighted = batch | {"weight": torch.tensor([2.0, 1.0, 1.0, 1.0], dtype=torch.float64)}
    torch.testing.assert_close(objective.mean_loss(twice), objective.mean_loss(weighted))
    assert float(objective.weight(twice)) == float(objective.weight(weighted)) == 14


@every
def test_frames_that_are_left_are_those_that_are_counted(name, encoder):
    objective, batch = made(name, encoder).eval(), drawn()
    assert objective.encoded(batch)[1].tolist() == objective.frames_given(batch).tolist()
    assert objective.encoded(batch)[0].shape[1] == max(objective.frames_given(batch))


@pytest.mark.parametrize("name", ["ctc", "attention", "transducer"])
def test_options_are_annotated_and_wrong_ones_refused(name):
    (builder,) = pn.model(name).builders("speech_recognizer")
    assert all(p.annotation is not p.empty for p in inspect.signature(builder.make).parameters.values())
    for wrong in ({"hidden": 0}, {"subsample": 0}, {"dropout": 1.0}, {"encoder": "lstm"}):
        with pytest.raises(SettingError):
            pn.model(name, **wrong).make(task="speech_recognizer", step_features=3, units=UNITS)


def test_attention_s_loss_is_cross_entropy_and_ctc_by_their_share():
    whole, batch = made("attention", "tdnn").eval(), drawn()
    h, lengths = whole.encoded(batch)
    scores = torch.log_softmax(whole.outputs(batch), -1).detach()
    said = [[2, 3, 3, 0], [1, 2, 0], [3, 0], [0]]  # 0 is the end
    written = [-sum(float(scores[i, t, k]) for t, k in enumerate(row)) for i, row in enumerate(said)]
    by_ctc = torch.nn.functional.ctc_loss(
        whole.ctc_head(h).log_softmax(-1).transpose(0, 1), batch["y"], lengths, batch["y_lengths"], reduction="none"
    )
    expected = 0.7 * torch.tensor(written, dtype=torch.float64) + 0.3 * by_ctc
    torch.testing.assert_close(whole.row_losses(batch), expected)


@pytest.mark.parametrize("name", ["attention", "transducer"])
def test_scores_of_a_beam_are_log_probabilities_of_the_texts(name):
    """The beam's score of a text is minus its loss: for the transducer at most that, as a beam may miss ways."""
    objective, batch = made(name, "tdnn").eval(), drawn()
    if name == "attention":
        objective.ctc_weight, objective.ctc_head = 0.0, None
    one = {k: v[3:4] for k, v in batch.items()}
    with torch.no_grad():
        for text, score in objective.transcribe(one, beam=12, n_best=4)[0]:
            ids = torch.tensor([UNITS.ids(text)]).view(1, -1)
            known = one | {"y": ids.long(), "y_lengths": torch.tensor([ids.shape[1]])}
            loss = float(objective.row_losses(known))
            assert score <= -loss + 1e-6
            if name == "attention" and ids.shape[1] < 3:  # where it did not run out of frames
                assert score == pytest.approx(-loss)
