"""Translation as an objective: what a net is given, its adversary, and the search for the likeliest text."""

import itertools
import math

import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional import unrolling
from parnassus.objectives.text.translation import Translation
from parnassus.train.randomness import kept_random


def made(name="rnnsearch", seed=0, **options):
    with kept_random(torch.device("cpu"), seed):
        spec = pn.model(name, width=8, **({} if name == "transformer" else {"hidden": 6}) | options)
        return spec.make(task="translator", source_vocab_size=7, target_vocab_size=5).double()


BATCH = {
    "x": torch.tensor([[3, 4, 6], [5, 6, 0]]),
    "lengths": torch.tensor([3, 2]),
    "y": torch.tensor([[2, 3], [3, 0]]),
    "y_lengths": torch.tensor([2, 1]),
}


@pytest.mark.parametrize("name", ["seq2seq", "rnnsearch", "transformer"])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_wide_beam_finds_the_best_of_all_texts(name, penalty):
    """Every text of at most three ids of 2 and 3, with its end or broken off, scored one by one."""
    objective = made(name, **({"n_heads": 2} if name == "transformer" else {})).eval()
    ends = [[*ids, 4] for n in range(3) for ids in itertools.product([2, 3], repeat=n)]
    texts = ends + [list(ids) for ids in itertools.product([2, 3], repeat=3)]
    with torch.no_grad():
        found = objective.translate(BATCH, n_tokens=3, beam=14, n_best=3, length_penalty=penalty, never=[0, 1])
        for row in range(2):
            x, lengths = BATCH["x"][row : row + 1, : BATCH["lengths"][row]], BATCH["lengths"][row : row + 1]
            scores = []
            for ids in texts:
                logits = objective.net(x, torch.tensor([[4, *ids[:-1]]]), lengths)[0]
                logits[:, :2] = -math.inf  # what is never written has no share
                log_p = logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None]).sum()
                scores.append(float(log_p) / len(ids) ** penalty)
            order = sorted(range(len(texts)), key=lambda i: -scores[i])[:3]
            assert [ids for ids, _ in found[row]] == [texts[i] for i in order]
            assert [s for _, s in found[row]] == pytest.approx([scores[i] for i in order])


@pytest.mark.parametrize("name", ["seq2seq", "rnnsearch", "transformer"])
def test_greedy_writing_is_the_likeliest_id_each_time_with_its_score(name):
    objective = made(name).eval()
    with torch.no_grad():
        found = objective.translate(BATCH, n_tokens=4, length_penalty=0.0)
        for row in range(2):
            x, lengths = BATCH["x"][row : row + 1, : BATCH["lengths"][row]], BATCH["lengths"][row : row + 1]
            ids, log_p = [4], 0.0
            while len(ids) < 5 and ids[1:][-1:] != [4]:
                each = objective.net(x, torch.tensor([ids]), lengths)[0, -1]
                each[0] = -math.inf
                ids.append(int(each.argmax()))
                log_p += float(each.log_softmax(0).max())
            ((best, score),) = found[row]
            assert best == ids[1:]
            assert score == pytest.approx(log_p)


def test_several_nets_write_by_the_mean_of_their_probabilities():
    nets = [made(seed=0).eval(), made(seed=1).eval(), made("seq2seq", seed=2).eval()]
    with torch.no_grad():
        ((ids, score),), _ = nets[0].translate(BATCH, n_tokens=1, beside=nets[1:])
        each = torch.stack([n.outputs(BATCH)[0, 0] for n in nets])
        each[:, 0] = -math.inf
        shares = each.softmax(-1).mean(0)
    assert ids == [int(shares.argmax())]
    assert math.exp(score) == pytest.approx(float(shares.max()))


def test_smoothing_is_for_training_alone():
    plain, smooth = made(), made(smoothing=0.2)
    scores = plain.outputs(BATCH)
    y, counted = plain.due(BATCH)
    log_p = scores.log_softmax(-1)
    wanted = -(0.8 * log_p.gather(2, y[..., None])[..., 0] + 0.2 * log_p.mean(-1))
    torch.testing.assert_close(smooth.mean_loss(BATCH), (wanted * counted).sum() / 5)
    torch.testing.assert_close(smooth.evaluate(BATCH)["loss"], plain.mean_loss(BATCH))


def test_weights_count_rows_by_their_ids():
    objective = made()
    losses = objective.row_losses(BATCH)
    weighted = objective.mean_loss(BATCH | {"weight": torch.tensor([1.0, 3.0]).double()})
    torch.testing.assert_close(weighted, (losses[0] + 3 * losses[1]) / (3 + 3 * 2))


@pytest.mark.parametrize("name", ["seq2seq", "rnnsearch"])
def test_what_a_net_is_given_follows_its_forcing(name, draws):
    teacher, free, half = made(name), made(name, forcing="free"), made(name, forcing="linear", decay=10.0)
    counted = teacher.due(BATCH)[1]
    torch.testing.assert_close(teacher.ran(BATCH, 1.0)[0][counted], teacher.outputs(BATCH)[counted])
    assert (teacher.truth(), free.truth(), half.truth()) == (1.0, 0.0, 1.0)
    torch.testing.assert_close(half.mean_loss(BATCH), teacher.mean_loss(BATCH))
    for _ in range(5):
        half.phases()[0].after()
    assert half.truth() == 0.5
    ran = free.ran(BATCH, 0.0)[0]
    torch.testing.assert_close(ran[:, 0], teacher.outputs(BATCH)[:, 0])  # nothing was written before the first
    assert made(name, forcing="exponential", decay=5.0).truth() == 1.0
    sigmoid = made(name, forcing="inverse_sigmoid", decay=5.0)
    assert sigmoid.truth() == unrolling.inverse_sigmoid_decay(0, k=5.0)


def test_a_net_that_writes_all_at_once_is_given_the_truth():
    with pytest.raises(SettingError, match="recurrent"):
        Translation(made("transformer").model, 5, forcing="linear")


@pytest.mark.parametrize("name", ["seq2seq", "rnnsearch"])
def test_the_two_players_of_professor_forcing_leave_each_other_alone(name, draws):
    objective = made(name, forcing="professor")
    objective.strength = 1.0
    fit, critic = objective.phases()
    critic.loss(BATCH).backward()
    assert all(p.grad is None for p in objective.model.parameters())
    assert all(p.grad is not None for p in objective.critic.parameters())
    objective.zero_grad()
    assert {id(p) for p in fit.params}.isdisjoint(id(p) for p in critic.params)


def test_professor_forcing_costs_what_is_published(monkeypatch):
    """C_d = -ln D(teacher) - ln(1 - D(free)), and -ln D(free) on top of -ln p, by plain logarithms."""
    objective = made(forcing="professor")
    logits = torch.tensor([0.3, 1.2]).double(), torch.tensor([-0.4, -0.5]).double()

    def judged(right):
        monkeypatch.setattr(objective, "judged", lambda *a: (*logits, torch.tensor(right)))

    d_real, d_fake = (1 / (1 + (-z).exp()) for z in logits)
    with kept_random(torch.device("cpu"), 0):
        judged(0.9)
        wanted = -d_real.log().mean() - (1 - d_fake).log().mean()
        torch.testing.assert_close(objective.criticise(BATCH), wanted)
        plain = objective.row_losses(BATCH).sum() / 5
        torch.testing.assert_close(objective.deceive(BATCH), plain - d_fake.log().mean())
        judged(0.5)  # a critic that does not know is not heard
        torch.testing.assert_close(objective.deceive(BATCH), plain)
        judged(1.0)  # and one that knows all rests
        assert float(objective.criticise(BATCH).detach()) == 0


@pytest.mark.slow
def test_a_critic_learns_to_tell_runs_apart_and_the_net_hears_of_it(draws):
    objective = made(forcing="professor")
    optimizer = torch.optim.Adam(objective.critic.parameters(), lr=0.02)
    g = torch.Generator().manual_seed(0)
    batch = {
        "x": torch.randint(2, 6, (64, 3), generator=g), "y": torch.full((64, 4), 2),
        "lengths": torch.full((64,), 3), "y_lengths": torch.full((64,), 4),
    }  # fmt: skip
    for _ in range(60):  # the truth is one id over and over, and a fresh net writes others too
        optimizer.zero_grad()
        objective.criticise(batch).backward()
        optimizer.step()
    one, other, _ = objective.behaviours(batch)
    assert objective.judged(batch, one, other)[2] > 0.9
    objective.zero_grad()
    objective.strength = 0.0
    objective.deceive(batch).backward()
    before = objective.model.head.weight.grad.clone()
    objective.zero_grad()
    objective.strength = 10.0
    objective.deceive(batch).backward()
    assert not torch.allclose(before, objective.model.head.weight.grad)
