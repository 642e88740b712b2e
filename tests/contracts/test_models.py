"""What every registered model goes through; a new one is tested before its author writes a test."""

import contextlib
import inspect
from collections.abc import Callable

import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.data.rows import Dense
from parnassus.objectives.supervised import Supervised
from parnassus.registry import Builder
from parnassus.train.phase import Objective
from parnassus.train.plan import Plan
from parnassus.train.randomness import kept_random
from parnassus.train.trainer import Trainer

TASKS = ("classifier", "regressor")
SMALLEST = {"in_features": 3, "n_outputs": 3, "in_channels": 1, "image_size": (8, 8), "cardinalities": (2, 4),
            "step_features": 3, "vocab_size": 6, "frames": 4, "max_length": 5,
            "n_segments": 2, "unit_vectors": (2,)}  # fmt: skip
KIND = {"classifier": "labels", "regressor": "numbers"}
# nets of the zoo, thin enough to learn by heart in a moment; their published sizes are tested in test_zoo.py
THIN = {"resnet": {"width": 0.125}, "vgg": {"width": 0.125, "head": 32, "norm": True, "dropout": 0.0},
        "alexnet": {"width": 0.25, "head": 64, "dropout": 0.0}, "zfnet": {"width": 0.25, "head": 64, "dropout": 0.0},
        "mobilenet_v1": {"width": 0.25}, "mobilenet_v2": {"width": 0.25, "dropout": 0.0},
        "xception": {"width": 0.05, "dropout": 0.0}, "densenet": {"growth": 4},
        "efficientnet_": {"width": 0.25, "dropout": 0.0, "drop_path": 0.0},
        "googlenet": {"width": 0.125, "dropout": 0.0}, "vit_": {"n_layers": 1},
        "inception_v": {"width": 0.0625, "dropout": 0.0}, "nin": {"width": 0.25, "dropout": 0.0},
        "convnext_": {"width": 0.125, "drop_path": 0.0, "scale": 0.3}, "bit_resnet": {"width": 0.125},
        "r3d18": {"width": 0.125}, "c3d": {"width": 0.125, "head": 32, "dropout": 0.0}, "cnn_lstm": {"hidden": 32},
        "highway_dense": {"hidden": 16, "n_layers": 3},
        "highway_convolutional": {"hidden": 12, "n_layers": 3}}  # fmt: skip


# state-space nets, narrow so that four hundred steps take a second
NARROW = {name: {"hidden": 24, "n_state": 6, "n_layers": 1} for name in ("s4", "s4d", "s5", "mamba", "bimamba")}
NARROW |= {n: {"width": 16, "n_layers": 1, "dropout": 0.0, "attention_dropout": 0.0} for n in ("bert", "distilbert")}
NARROW |= {"resnet1d": {"hidden": 8}, "inceptiontime": {"hidden": 4, "depth": 3}, "rocket": {"n_kernels": 60}}
NARROW["relevance_vector_machine"] = {"scale": 4.0}  # where it is found, 35 models are solved for
NARROW["neocognitron"] = {"selectivity": (2.0, 20.0)}  # at which each picture of noise gets a template
NARROW["mamba2"] = {"hidden": 16, "n_state": 8, "n_layers": 1, "head": 8}
NARROW["jamba"] = {"hidden": 16, "n_state": 4, "n_layers": 2, "attention_every": 2, "n_experts": 3, "feed": 16}

# a tenth of a second a step, and no more steps are needed
SLOW = ("xception", "densenet", "efficientnet_", "googlenet", "mobilenet_v1", "mobilenet_v2")
SLOW += ("inception_v", "convnext_", "bit_resnet", "r3d18")


def one_of_a_family(builders):
    """Of builders that are sizes of one function the first: resnet18 stands for all residual nets."""
    seen = set()
    for b in builders:
        origin = inspect.unwrap(b.make)
        if origin not in seen:
            yield b
        if hasattr(b.make, "__wrapped__"):
            seen.add(origin)


FAMILIES = list(one_of_a_family(pn.model))
CASES = [(b, task) for b in FAMILIES for task in b.tasks if task in TASKS and b.facts <= SMALLEST.keys()]

every_model = pytest.mark.parametrize(("builder", "task"), CASES, ids=[f"{b.name}-{t}" for b, t in CASES])


def test_every_builder_of_these_tasks_is_covered():
    uncovered = [b for b in pn.model for t in b.tasks if t in TASKS and not b.facts <= SMALLEST.keys()]
    assert not uncovered, f"add the smallest value of their facts to SMALLEST: {uncovered}"


def built(builder: Builder, seed: int = 0) -> nn.Module:
    options = builder.defaults | THIN.get(inspect.unwrap(builder.make).__name__, {}) | NARROW.get(builder.name, {})
    with kept_random(torch.device("cpu"), seed):
        return builder.make(**{k: SMALLEST[k] for k in builder.facts}, **options)


def objective_of(made: nn.Module, task: str) -> Objective:
    if isinstance(made, Objective):
        return made
    name = {"classifier": "cross_entropy", "regressor": "squared_error"}[task]
    return Supervised(made, pn.loss(name).make(task=KIND[task]), kind=KIND[task])


def batch_of(builder: Builder, task: str, n: int = 8, seed: int = 0) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    shape = (1, 8, 8) if "in_channels" in builder.facts else (5, 3) if "step_features" in builder.facts else (3,)
    shape = (1, 4, 8, 8) if "frames" in builder.facts else shape
    batch = {"x": torch.randn(n, *shape, generator=g)}
    if "vocab_size" in builder.facts:
        batch["x"] = torch.randint(0, 6, (n, 5), generator=g)
    if builder.name == "bernoulli_nb":  # which asks what is there at all
        batch["x"] -= 3
    if builder.name == "multinomial_nb":  # which takes counts
        batch["x"] = batch["x"].abs()
    if builder.name == "dbn":  # whose units take numbers from 0 to 1
        batch["x"] = (3 * batch["x"]).sigmoid()
    if "cardinalities" in builder.facts:
        batch["columns"] = torch.stack([torch.randint(0, c, (n,), generator=g) for c in SMALLEST["cardinalities"]], 1)
    batch["y"] = torch.arange(n) % 3 if task == "classifier" else torch.randn(n, 3, generator=g)
    return batch


@every_model
def test_outputs_have_the_shape_the_facts_fix_and_are_finite(builder, task):
    objective = objective_of(built(builder), task).eval()
    with torch.no_grad():
        outputs = objective.outputs(batch_of(builder, task))
    assert outputs.shape == (8, 3)
    assert outputs.isfinite().all()


@every_model
def test_a_batch_of_one_works(builder, task):
    with torch.no_grad():
        assert objective_of(built(builder), task).eval().outputs(batch_of(builder, task, n=1)).shape == (1, 3)


@every_model
def test_every_parameter_gets_a_gradient(builder, task):
    objective = objective_of(built(builder), task)
    phases = [p for p in objective.phases() if list(p.params)]
    for phase in phases:
        with kept_random(torch.device("cpu"), 0):
            phase.loss(batch_of(builder, task)).backward()
    moved = {id(p) for phase in phases for p in phase.params}
    for name, p in objective.named_parameters():
        assert id(p) in moved, f"{name} is in no phase"
        assert p.grad is not None, f"{name} got no gradient"
        assert p.grad.isfinite().all(), f"{name} has a gradient that is not finite"


@every_model
def test_same_seed_same_weights(builder, task):
    one, two, three = (built(builder, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[k], two[k]) for k in one)
    if any(p.ndim > 1 for p in built(builder).parameters()):
        assert any(not torch.equal(one[k], three[k]) for k in one)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* its noise is a guess:parnassus.DataWarning")
@every_model
def test_the_state_round_trips(builder, task):
    objective, batch = objective_of(built(builder), task), batch_of(builder, task)
    train(objective, batch, epochs=2, learned=lambda: False)
    other = objective_of(built(builder, seed=5), task)
    other.load_state_dict(objective.state_dict())
    with torch.no_grad():
        assert torch.equal(objective.eval().outputs(batch), other.eval().outputs(batch))


@every_model
def test_evaluation_is_deterministic(builder, task):
    objective, batch = objective_of(built(builder), task).eval(), batch_of(builder, task)
    with torch.no_grad(), kept_random(torch.device("cpu")):
        assert torch.equal(objective.outputs(batch), objective.outputs(batch))


@every_model
def test_rows_do_not_see_each_other_when_predicting(builder, task):
    objective, batch = objective_of(built(builder), task).eval(), batch_of(builder, task)
    with torch.no_grad():
        whole = objective.outputs(batch)
        one = objective.outputs({k: v[3:4] for k, v in batch.items()})
    torch.testing.assert_close(whole[3:4], one, rtol=1e-4, atol=1e-5)


class LearnedError(Exception):
    """Nothing is left to learn."""


def train(objective: Objective, batch: dict[str, torch.Tensor], *, epochs: int, learned: Callable[[], bool]) -> None:
    """Steps on all rows, until they are learned: asked every tenth step."""
    plan = Plan(epochs=epochs, batch_size=8)

    def look(trainer: Trainer) -> None:
        if trainer.step % 10 == 0 and learned():
            raise LearnedError

    trainer = Trainer(
        objective,
        lambda b, training=False: b,
        plan=plan,
        n_rows=8,
        optimizer=pn.optimizer("adam", lr=0.01),
        schedule=pn.schedule("constant"),
    )
    with contextlib.suppress(LearnedError):
        trainer.fit(Dense(**batch), after_step=look)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* its noise is a guess:parnassus.DataWarning")
@every_model
def test_it_learns_eight_rows_by_heart(builder, task):
    objective, batch = objective_of(built(builder), task), batch_of(builder, task)
    if "vocab_size" in builder.facts:
        batch["x"] = torch.stack([torch.arange(8) % 6, torch.arange(8) // 6, *torch.zeros(3, 8).long()], 1)
        batch["y"] = torch.arange(8) % 3 if task == "classifier" else batch["x"][:, :3].float()
    elif task == "classifier":
        batch["x"][:, ..., :3] += 6 * torch.eye(3)[batch["y"]].view(8, *[1] * (batch["x"].ndim - 2), 3)
        batch["x"] = batch["x"].clamp(0, 1) if builder.name == "dbn" else batch["x"]
    else:
        batch["y"] = batch["x"].flatten(1)[:, :3] @ torch.tensor([[1.0, 0.0, 1.0], [0.0, -1.0, 0.5], [0.2, 0.0, 1.0]])
    family = inspect.unwrap(builder.make).__name__
    deep = family in THIN

    def learned() -> bool:
        with torch.no_grad():
            outputs = objective.eval().outputs(batch)
        objective.train()
        if task == "classifier":
            return bool((outputs.argmax(1) == batch["y"]).all())
        left = 0.5 if deep else 0.05
        return bool((outputs - batch["y"]).square().mean() < left * batch["y"].square().mean())

    train(objective, batch, epochs=100 if family in SLOW else 200 if deep else 400, learned=learned)
    assert learned()


@pytest.mark.parametrize(
    ("builder", "task"),
    [(b, t) for b, t in CASES if b.facts & {"step_features", "vocab_size"}],
    ids=lambda v: getattr(v, "name", v),
)
def test_padding_never_changes_a_score(builder, task):
    objective, batch = objective_of(built(builder), task).eval(), batch_of(builder, task)
    lengths = torch.tensor([1, 2, 3, 4, 5, 5, 4, 3])
    with torch.no_grad():
        padded = objective.outputs(batch | {"lengths": lengths})
        other = batch["x"].clone()
        for row, n in enumerate(lengths.tolist()):
            other[row, n:] = 1 if "vocab_size" in builder.facts else 1e3
        torch.testing.assert_close(objective.outputs({"x": other, "lengths": lengths}), padded, rtol=1e-4, atol=1e-5)
        for row, n in enumerate(lengths.tolist()):
            alone = {"x": batch["x"][row : row + 1, :n], "lengths": lengths[row : row + 1]}
            torch.testing.assert_close(objective.outputs(alone), padded[row : row + 1], rtol=1e-4, atol=1e-5)


@every_model
def test_options_are_annotated_so_that_a_command_line_can_read_them(builder, task):
    for parameter in inspect.signature(builder.make).parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.annotation is not parameter.empty, parameter
