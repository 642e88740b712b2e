"""The surface of the command line: which commands and flags there are, what help costs, how errors end."""

import json
import subprocess
import sys

import pytest

from parnassus.cli import main
from parnassus.cli.commands import NAMES, application
from parnassus.cli.settings import tasks

SHARED = """
    data target drop test validation overwrite config json model epochs batch-size micro-batch-size optimizer lr
    schedule loss clip-norm clip-value patience monitor average precision codec view memory device seed out
    parallelism compile
    deterministic checkpoint-every resume progress optimizer.lr optimizer.betas optimizer.eps optimizer.weight-decay
    schedule.warmup codec.size codec.resize codec.mode codec.memory codec.scaling codec.missing codec.fill-value
    codec.missing-indicator
    codec.categories codec.max-categories codec.unit-rows codec.unit codec.lower codec.min-count codec.max-words
    codec.clean codec.language codec.n-grams
    codec.augment codec.standardize codec.dtype codec.n-symbols
    codec.max-length codec.weighting codec.features codec.convention codec.sample-rate codec.n-mels codec.n-ceps
    codec.deltas codec.normalize codec.channels codec.hold codec.mask codec.noise codec.speed codec.room codec.column
    codec.speaker codec.folder codec.n-frames codec.stride
    model.hidden model.activation model.dropout model.norm init regularizers inference
"""
WITHOUT_MODEL = {name for name in SHARED.split() if not name.startswith("model.")}
TRANSFER = {"start", "freeze", "unfreeze", "rate-decay"}
SURFACE = {
    "train clusterer --model kmeans": WITHOUT_MODEL
    | {"n-clusters", "n-init", *(f"model.{name}" for name in ("n-clusters", "n-init", "tol", "init", "centers"))},
    "train anomaly-detector": {"data", "target", "time", "method", "window", "quantile", "threshold", "missing"}
    | {"duplicates", "seed", "out", "overwrite", "json"},
    "train hmm --model gaussian": WITHOUT_MODEL
    | {"sequence", "time", "initial", "model.topology", "model.entry-exit", "model.tied", "model.algorithm"}
    | {"model.start", "model.prior", "model.tol", "model.covariance", "model.covariance-floor", "model.emission-prior"}
    | {"model.n-states", "n-states", "topology", "entry-exit", "tied", "algorithm", "start", "prior", "tol"}
    | {"covariance", "covariance-floor", "emission-prior", "n-mixtures"},
    "train autoencoder --model linear_ae": WITHOUT_MODEL | {"quantile", "model.n-latent"},
    "train generator --model ddpm": WITHOUT_MODEL
    | {"condition", "pictures-every"}
    | {f"model.{name}" for name in ("channels", "n-blocks", "dropout", "hidden", "schedule", "n-steps", "target")}
    | {f"model.{name}" for name in ("weighting", "drop", "sampler", "n-sampled", "guidance", "guide")},
    "train density --model gmm": WITHOUT_MODEL
    | {"n-components", "covariance-type", "n-init", "tol", "reg-covar", "model.init", "model.means"}
    | {"model.weights", "model.concentration"}
    | {f"model.{name}" for name in ("n-components", "covariance-type", "n-init", "tol", "reg-covar")},
    "train rbm": WITHOUT_MODEL
    | {"n-components", "covariance-type", "n-init", "tol", "reg-covar"}
    | {"model.n-components", "model.n-steps", "model.n-chains", "model.n-powers"},
    "train dbn": WITHOUT_MODEL
    | {"class-weight", "threshold", "teacher", "teacher-share", "temperature", *TRANSFER}
    | {"model.hidden", "model.pretraining", "model.wake-sleep", "model.fine-tuning", "model.n-steps"},
    "train classifier --model mlp": {*SHARED.split(), *TRANSFER, "class-weight", "threshold"}
    | {"teacher", "teacher-share", "temperature"},
    "train regressor --model mlp": {*SHARED.split(), *TRANSFER},
    "train speech-recognizer --model ctc": WITHOUT_MODEL
    | {"units", "lower", "strip"}
    | {f"model.{name}" for name in ("encoder", "hidden", "n-layers", "subsample", "dropout", "n-heads")},
    "train embedder --model skip_gram": WITHOUT_MODEL
    | {"lower", "max-words", "min-count", "clean", "weighting"}
    | {f"model.{name}" for name in ("n-dimensions", "window", "output", "n-negative", "rate", "threshold", "power")}
    | {"model.shrink", "model.n-workers"},
    "train language-model --model gpt": WITHOUT_MODEL
    | {"unit", "lower", "max-words", "min-count", "context", "start"}
    | {f"model.{name}" for name in ("width", "n-layers", "n-heads", "hidden", "dropout", "activation", "positions")}
    | {"model.tied", "model.bias", "model.eps"},
    "train translator --model rnnsearch": WITHOUT_MODEL
    | {"unit", "target-unit", "lower", "max-words", "min-count", "shared", "start", "batch-tokens"}
    | {f"model.{name}" for name in ("cell", "width", "hidden", "n-layers", "head", "n-maxout", "dropout", "smoothing")}
    | {"model.forcing", "model.decay"},
    "train tagger --model bilstm_crf": WITHOUT_MODEL
    | {"scheme", "lower", "min-count", "n-endings", "constraints", "sequence", "time"}
    | {f"model.{name}" for name in ("width", "hidden", "n-layers", "dropout")},
    "train contact-predictor --model contact_transformer": WITHOUT_MODEL
    | {"cutoff", "least-separation"}
    | {f"model.{name}" for name in ("width", "n-layers", "n-heads", "dropout")},
    "train image-captioner --model vit_gpt": WITHOUT_MODEL
    | {"unit", "lower", "max-words", "min-count"}
    | {f"model.{name}" for name in ("encoder", "width", "n-layers", "n-heads", "patch-size", "context", "dropout")}
    | {"model.smoothing"},
    "train detector --model ssd": WITHOUT_MODEL
    | {"augment", "bad-boxes", *TRANSFER}
    | {f"model.{name}" for name in ("alpha", "anchor-scale", "backbone", "negatives", "ratios", "threshold", "widths")},
    "train image-translator --model cyclegan": WITHOUT_MODEL
    | {f"model.{name}" for name in ("width", "n-blocks", "cycle", "identity", "game", "n-past")}
    | {"schedule.hold"},
    "train keypoint-finder --model heat_unet": WITHOUT_MODEL | {"model.widths", "model.norm", "model.sigma", *TRANSFER},
    "train question-answerer --model bert": WITHOUT_MODEL
    | {"longest", "null-threshold", "start"}
    | {f"model.{n}" for n in ("width", "n-layers", "n-heads", "hidden", "context", "activation", "eps")}
    | {"model.dropout", "model.attention-dropout"},
    "train segmenter --model u_net": WITHOUT_MODEL | {"ignored", "model.widths", "model.norm", *TRANSFER},
    "train forecaster --model gru": WITHOUT_MODEL
    | {"horizon", "history", "season", "scope", "strategy", "distribution", "quantiles", "n-cross-fits", "scaling"}
    | {"transform", "calendar"}
    | {"time", "series", "past", "known", "frequency", "missing", "duplicates"}
    | {f"model.{name}" for name in ("hidden", "reset", "n-layers", "bidirectional", "merge", "pooling", "dropout")}
    | {"model.zoneout", "model.truncate", "model.embedding"},
    "tune classifier --model mlp": ({*SHARED.split(), *TRANSFER, "class-weight", "threshold"} - {"validation"})
    | {"teacher", "teacher-share", "temperature", "space", "trials", "budget", "metric", "folds", "outer"}
    | {"sampler", "pruner", "storage", "workers"},
    "runs": {"folders", "plot", "sort", "mlflow", "json"},
    "compare": {"data", "models", "target", "drop", "task", "folds", "groups", "metric", "seed", "json"},
    "evaluate": {"RUN", "data", "target", "report", "json"},
    "predict": {
        "RUN",
        "data",
        "text",
        "out",
        "proba",
        "std",
        "interval",
        "on-error",
        "horizon",
        "quantiles",
        "known",
        "json",
    }
    | {
        "n-tokens",
        "temperature",
        "top-k",
        "top-p",
        "seed",
        "beam",
        "n-best",
        "hot-words",
        "language-model",
        "spot",
        "to",
    }
    | {"threshold", "n-most", "impute", "draws"},
    "sample": {"RUN", "n", "condition", "seed", "out", "json"},
    "align": {"RUN", "data", "to", "out", "heard", "target", "json"},
    "report": {"RUN", "data", "out", "target", "json"},
    "export": {"RUN", "DATA", "to", "out", "int8", "codes", "target", "json"},
    "serve": {"RUN", "host", "port", "token", "max-batch", "max-wait-ms", "max-queue", "max-bytes", "timeout"},
    "plan": {"SIZE", "batch", "context", "devices", "memory", "bandwidth", "optimizer", "precision", "micro-batch"}
    | {"again", "json"},
    "models": {"name", "task", "modality", "costs", "size", "json"},
    "systems": {"id", "family", "claimed", "missing", "json"},
    "verify": {"what", "json"},
    "reproduce": {"what", "tiny", "data", "write", "json"},
    "demo": {"out", "seed", "json"},
}
HEAVY = ("torch", "numpy", "sklearn", "pandas", "scipy", "matplotlib", "PIL")


def flags_of(command):
    words = command.split()
    app = application(words)
    for word in (w for w in words[:2] if not w.startswith("--")):
        app = app[word]
    arguments = app.assemble_argument_collection()
    return {a.name.lstrip("-") for a in arguments}


@pytest.mark.slow
@pytest.mark.parametrize("command", SURFACE)
def test_the_flags_are_those_of_the_list(command):
    """A flag or command that comes or goes is written down here too."""
    assert {name.lower() for name in flags_of(command)} == {name.lower() for name in SURFACE[command]}


def test_the_commands_are_those_of_the_list():
    commands = {c.split(" --")[0] for c in SURFACE}
    assert {c.split()[0] for c in commands} == set(NAMES)
    trained = {"train anomaly-detector", "train rbm", "train dbn", *(f"train {t.replace('_', '-')}" for t in tasks())}
    assert trained == {c for c in commands if c.startswith("train")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["models", "--help"],
        ["systems", "lenet5"],
        ["models"],
        ["train", "--help"],
        ["train", "classifier", "--help"],
        ["train", "classifier", "--model", "cnn", "--help"],
        ["demo", "--help"],
        ["--version"],
        ["train", "classifier", "x.csv", "--epoch", "3"],
    ],
    ids=" ".join,
)
def test_help_and_lists_import_nothing_heavy(words):
    """What takes seconds is not imported; a clock would say the same, and less surely."""
    code = (
        "import sys; from parnassus.cli import main; main(sys.argv[1:]); "
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, parnassus; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_python_dash_m_is_the_command():
    done = subprocess.run([sys.executable, "-m", "parnassus", "modles"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == done.stderr.splitlines()[0] + "\n"
    assert 'Did you mean "models"' in done.stderr


def test_help_of_train_shows_defaults_and_words(capsys):
    assert main(["train", "classifier", "--model", "cnn", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--model.channels" in said
    assert "[default: 32 64]" in said
    assert "--epochs" in said
    assert "passes over the training rows" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["train", "poet"],
        ["train", "classifier"],
        ["--nothing"],
        ["predict"],
        ["predict", "a"],
        ["predict", "nowhere", "x.csv"],
        ["evaluate", "nowhere", "x.csv"],
        ["evaluate", "a"],
        ["report"],
        ["models", "--task", "poet"],
        ["models", "--modality", "smell"],
        ["models", "x"],
        ["systems", "nothing"],
        ["systems", "--family", "x"],
        ["systems", "--claimed", "--missing"],
        ["verify", "nothing"],
        ["demo", "--seed", "x"],
        ["train", "classifier", "nowhere.csv", "--target", "y"],
        ["train", "classifier", "\0"],
        ["predict", "\0", "x"],
        ["train", "classifier", "--epochs"],
        ["models", "--json=maybe"],
        ["train", "classifier", "a", "b"],
        ["", ""],
        ["train", "classifier", "x.csv", "--model"],
        ["train", "classifier", "--config"],
        ["evaluate", "a", "b", "--", "c"],
        ["train", "classifier", "x.csv", "--model="],
        ["train", "classifier", "x.csv", "--lr", "--epochs", "3"],
    ],
    ids=repr,
)
def test_garbage_ends_in_one_line_and_exit_code_2(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("parnassus: "), error
    assert len(error.splitlines()) == 1, error


def test_a_fault_of_our_own_is_told_from_a_user_s_mistake(capsys, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("of our own")

    monkeypatch.setattr("parnassus.cli.catalogue.models", fail)
    assert main(["models"]) == 70
    error = capsys.readouterr().err
    assert "RuntimeError: of our own" in error
    assert "please report it" in error


def test_an_interrupt_is_exit_code_130(capsys, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("parnassus.cli.catalogue.models", stop)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "parnassus: interrupted\n"


def test_debugging_shows_where_a_mistake_was_found(capsys, monkeypatch):
    monkeypatch.setenv("PARNASSUS_DEBUG", "1")
    assert main(["models", "--task", "poet"]) == 2
    assert "Traceback" in capsys.readouterr().err


# --- models, systems, verify ----------------------------------------------------------------------


def test_models_are_those_of_the_registry(capsys):
    from parnassus import registry

    assert main(["models", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {m["name"] for m in listed} == set(registry.model.names())
    for builder in registry.model:
        own = [m for m in listed if m["name"] == builder.name and set(m["tasks"]) == set(builder.tasks)]
        one = next(m for m in own if set(m["needs"]) == builder.facts)
        assert one["options"] == json.loads(json.dumps(dict(builder.defaults)))
        assert one["summary"] == builder.summary


@pytest.mark.parametrize("kind", ["optimizer", "schedule", "loss"])
def test_options_read_off_the_sources_are_those_of_the_registry(kind):
    from parnassus.cli.settings import builders
    from parnassus.registry import REGISTRIES

    read = {(b.name, b.tasks or (None,)): {k: s.default for k, s in b.settings.items()} for b in builders(kind)}
    assert read == {(b.name, b.tasks): dict(b.defaults) for b in REGISTRIES[kind]}


def test_settings_read_off_the_sources_are_those_of_the_constructors():
    import inspect

    from parnassus.cli import training  # noqa: F401
    from parnassus.estimators.classifier import Classifier
    from parnassus.estimators.regressor import Regressor

    for task, estimator in (("classifier", Classifier), ("regressor", Regressor)):
        signature = inspect.signature(estimator.__init__).parameters
        expected = {k: p.default for k, p in signature.items() if k != "self"}
        assert {k: s.default for k, s in tasks()[task].settings.items()} == expected
        assert all(s.words for s in tasks()[task].settings.values())


def test_models_of_a_modality_are_those_that_take_it(capsys):
    assert main(["models", "--modality", "table", "--task", "regressor", "--json"]) == 0
    names = {m["name"] for m in json.loads(capsys.readouterr().out)}
    assert "mlp" in names
    assert "cnn" not in names
    for modality, takes in (
        ("table", set()),
        ("text", {"rows of tokens"}),
        ("sequence", {"sequences of vectors", "sequences of symbols"}),
    ):
        assert main(["models", "--modality", modality, "--task", "tagger", "--json"]) == 0
        assert {m["takes"] for m in json.loads(capsys.readouterr().out)} == takes


@pytest.mark.slow
def test_a_system_is_shown_with_its_books_and_places(capsys):
    assert main(["systems", "lenet5", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert "parnassus.models.vision.cnn.LeNet5" in shown["computed"]
    assert main(["systems", "--claimed", "--json"]) == 0
    assert all(s["computed"] for s in json.loads(capsys.readouterr().out))


def test_verify_says_what_was_measured_and_fails_where_it_differs(capsys, monkeypatch):
    from parnassus import checks

    assert main(["verify", "lenet5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["verdict"] == "agrees"
    wrong = checks.Check(("lenet5",), "wrong", "(closed form)", 0.5, lambda: 1.0)
    monkeypatch.setattr(checks, "_CHECKS", [*checks.all_checks(), wrong])
    assert main(["verify", "wrong"]) == 1
    assert "differs" in capsys.readouterr().out


@pytest.mark.slow
def test_tasks_that_are_learned_from_python_say_so(capsys):
    assert main(["train", "contact-predictor", "data.txt"]) == 2
    assert "pn.ContactPredictor" in capsys.readouterr().err


def test_one_model_is_shown_in_full(capsys):
    assert main(["models", "keypoint_rcnn"]) == 0
    said = capsys.readouterr().out
    assert "Source: He et al. 2017" in said
    assert "--model.point-widths 64 64 64" in said
    assert "u_net" not in said
    assert main(["models", "keypoint_rcn"]) == 2
    assert "did you mean 'keypoint_rcnn'" in capsys.readouterr().err
