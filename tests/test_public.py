"""The names that users write. One may be added; one may leave only after a release in which it warned (CHANGELOG)."""

import importlib
import subprocess
import sys

import pytest

import parnassus as pn

FROZEN = {
    "Bagging", "Voting", "Stacking", "AdaBoost", "GradientBoosting", "Snapshot", "SWA",
    "Autoencoder", "Generator", "Clusterer", "Density", "KMeans", "GaussianMixture", "NaiveBayes", "RBM", "DBN",
    "__version__", "Classifier", "Regressor", "load", "keep_memory", "optimize", "find_rate", "summary", "drift",
    "find_batch_size",
    "cross_validate", "bias_variance", "SelectColumns", "project", "learning_curve", "validation_curve",
    "compare", "predict_views",
    "AnomalyDetector", "cluster_series", "find_motifs", "match_pattern", "segment_series",
    "choose_sequence_model", "choose_forecaster", "panel_sequences", "sample", "fit_variational",
    "Table", "Image", "HMM", "Forecaster", "LanguageModel", "Text", "Pieces", "Sequences", "Speech", "SpeechRecognizer",
    "Embedder", "ImageCaptioner", "Translator", "Tagger", "ImageTranslator",
    "QuestionAnswerer",
    "ContactPredictor",
    "Video", "Detector", "Segmenter", "KeypointFinder", "Boxes",
    "Conformal", "model", "optimizer", "schedule", "loss", "initializer", "regularizer", "inference",
    "ParnassusError", "DataError", "SettingError", "FileError", "MissingExtra", "Diverged", "DataWarning", "NotFitted",
    "byhand", "data", "evaluation", "export", "functional", "hub", "insight", "kernels", "labelling", "layers",
    "models", "objectives", "patterns", "sampling", "serve", "train", "tune", "tuning", "track",
}  # fmt: skip
MODELS = {
    ("perceptron", "classifier"), ("adaline", "classifier"), ("lms", "regressor"),
    ("linear", "classifier"), ("linear", "regressor"), ("logistic", "classifier"), ("softmax", "classifier"),
    ("mlp", "classifier"), ("mlp", "regressor"),
    ("tdnn", "classifier"), ("tdnn", "regressor"),
    *((name, "speech_recognizer") for name in ("ctc", "attention", "transducer")),
    *((name, task) for name in ("bert", "distilbert", "text_cnn") for task in ("classifier", "regressor")),
    *((name, "tagger") for name in ("bilstm", "bilstm_crf", "transformer")),
    ("bert", "language_model"), ("story", "language_model"), ("contact_transformer", "contact_predictor"),
    *((name, "translator") for name in ("transformer", "rnnsearch", "seq2seq", "deep_lstm", "conv_s2s")),
    *(
        (name, task)
        for task in ("classifier", "regressor")
        for name in (
            "rnn", "lstm", "gru", "alexnet", "zfnet", "googlenet", "mobilenet_v1", "mobilenet_v2", "xception",
            *(f"resnet{n}" for n in (18, 20, 32, 34, 44, 50, 56, 101, 110, 152)),
            *(f"vgg{n}" for n in (11, 13, 16, 19)),
            *(f"densenet{n}" for n in (121, 169, 201)), *(f"efficientnet_b{n}" for n in range(8)),
            "resnet1d", "inceptiontime", "rocket", "transformer", *(f"vit_{n}" for n in ("ti", "s", "b", "l", "h")),
        )
    ),
    ("lenet", "classifier"), ("lenet", "regressor"), ("lenet1", "classifier"), ("lenet1", "regressor"),
    ("cnn", "classifier"), ("cnn", "regressor"),
    ("gaussian_process", "regressor"), ("gaussian_process", "classifier"),
    ("bayesian_linear", "regressor"), ("bayesian_logistic", "classifier"),
    ("relevance_vector_machine", "regressor"), ("relevance_vector_machine", "classifier"),
    ("polynomial", "regressor"), ("vae_m2", "classifier"), ("dtw_neighbors", "classifier"),
    ("neocognitron", "classifier"),
    ("kmeans", "clusterer"), ("minibatch_kmeans", "clusterer"), ("gmm", "clusterer"), ("gmm", "density"),
    ("rbm", "density"), ("gaussian_rbm", "density"), ("dbn", "classifier"),
    *((name, "density") for name in ("gaussian_output_rbm", "softmax_rbm", "replicated_softmax")),
    ("ppca", "density"), ("factor_analysis", "density"), ("realnvp", "density"),
    ("dbm", "density"), ("helmholtz", "density"),
    ("multinomial_nb", "classifier"), ("bernoulli_nb", "classifier"), ("gaussian_nb", "classifier"),
    *((name, "detector") for name in ("ssd", "retinanet", "fcos", "faster_rcnn", "mask_rcnn")),
    ("gmm_nb", "classifier"), ("lda", "classifier"), ("qda", "classifier"),
    ("resnet_mlp", "classifier"), ("resnet_mlp", "regressor"), ("wide_deep", "classifier"), ("wide_deep", "regressor"),
    ("entity_embedding", "classifier"), ("entity_embedding", "regressor"),
    ("ft_transformer", "classifier"), ("ft_transformer", "regressor"),
}  # fmt: skip
NAMES = {
    "optimizer": {"adam", "sgd"},
    "schedule": {"constant", "cosine", "linear", "step", "exponential"},
    "loss": {
        "cross_entropy",
        "squared_error",
        "absolute_error",
        "huber",
        "hinge",
        "poisson",
        "focal",
        "gaussian",
        "gaussian_nll",
        "percentage_error",
        "squared_log_error",
        "cosine",
        "quantile",
        "ordinal",
    },
    "initializer": {
        "zeros",
        "normal",
        "uniform",
        "lecun_normal",
        "lecun_uniform",
        "fan_in_uniform",
        "glorot_normal",
        "glorot_uniform",
        "he_normal",
        "he_uniform",
        "orthogonal",
        "identity",
        "logistic_normal",
        "yilmaz_poli",
    },
    "inference": {"map", "vi", "mc_dropout", "laplace", "hmc", "nuts", "mh"},
    "regularizer": {
        "l0",
        "l1",
        "l2",
        "elastic",
        "activity_l1",
        "max_norm",
        "pruning",
        "dropconnect",
        "input_noise",
        "weight_noise",
        "gradient_noise",
        "label_noise",
        "output_noise",
        "mixup",
        "cutmix",
        "cutout",
    },
}
METHODS = {
    "Classifier": {"fit", "partial_fit", "predict", "predict_proba", "calibrate", "decision_function", "score",
                   "evaluate", "report", "save", "get_params", "set_params"},
    "Regressor": {"fit", "partial_fit", "predict", "predict_quantiles", "predict_interval", "score", "evaluate",
                  "report", "save", "get_params", "set_params"},
}  # fmt: skip
SETTINGS = {
    "model", "epochs", "batch_size", "micro_batch_size", "optimizer", "lr", "schedule", "loss", "clip_norm",
    "init", "regularizers",
    "clip_value", "patience", "monitor", "average", "precision", "codec", "view", "memory", "device", "seed", "out",
    "checkpoint_every", "resume", "progress",
}  # fmt: skip


def test_no_public_name_was_removed():
    assert set(pn.__all__) >= FROZEN


def test_a_new_public_name_is_entered_in_the_list():
    assert set(pn.__all__) <= FROZEN, "add it to FROZEN: from then on it is promised"


@pytest.mark.parametrize("name", sorted(pn.__all__))
def test_every_public_name_can_be_imported(name):
    assert getattr(pn, name) is not None
    assert name in dir(pn)


def test_no_model_was_removed():
    assert {(b.name, task) for b in pn.model for task in b.tasks} >= MODELS


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_no_optimizer_schedule_or_loss_was_removed(kind):
    assert set(getattr(pn, kind).names()) >= NAMES[kind]


@pytest.mark.parametrize("name", sorted(METHODS))
def test_no_method_or_setting_was_removed(name):
    estimator = getattr(pn, name)()
    assert set(dir(estimator)) >= METHODS[name]
    assert set(estimator.get_params(deep=False)) >= SETTINGS


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Clasifier"):
        pn.Clasifier


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def test_the_import_loads_nothing_heavy():
    heavy = ("torch", "numpy", "sklearn", "pandas", "scipy", "matplotlib")
    assert python(f"import sys, parnassus; print([m for m in {heavy} if m in sys.modules])") == "[]"


@pytest.mark.parametrize("name", ["Classifier", "functional", "Table"])
def test_names_below_the_package_are_found_on_first_use(name):
    assert python(f"import parnassus as pn; print(bool(pn.{name}))") == "True"


def test_the_plots_are_not_loaded_by_a_classifier():
    loaded = python(
        "import sys, parnassus as pn; pn.Classifier; print([m for m in ('matplotlib', 'jinja2', 'rich') "
        "if m in sys.modules])"
    )
    assert loaded == "[]"


@pytest.mark.parametrize("package", ["checks", "recipes", "hub", "systems", "store"])
def test_packages_without_a_short_name_can_be_imported(package):
    assert importlib.import_module(f"parnassus.{package}")
