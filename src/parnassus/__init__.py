"""Deep learning, as five books teach it, usable on your own data: `import parnassus as pn`.

Names are loaded when they are first used, so that the import itself takes no time.
"""

import importlib
from typing import Any

from .version import __version__

_PUBLIC = {
    "Classifier": "estimators.classifier",
    "Regressor": "estimators.regressor",
    "Clusterer": "estimators.clusterer",
    "KMeans": "estimators.clusterer",
    "Density": "estimators.density",
    "Autoencoder": "estimators.autoencoder",
    "Generator": "estimators.generator",
    "ImageTranslator": "estimators.image_translator",
    "Detector": "estimators.detector",
    "Segmenter": "estimators.segmenter",
    "KeypointFinder": "estimators.keypoint_finder",
    "Boxes": "data.detection.boxes",
    "GaussianMixture": "estimators.density",
    "NaiveBayes": "estimators.bayes",
    "RBM": "estimators.energy",
    "DBN": "estimators.energy",
    "Conformal": "estimators.conformal",
    "HMM": "estimators.hmm",
    "Forecaster": "estimators.forecaster",
    "LanguageModel": "estimators.language_model",
    "Embedder": "estimators.embedder",
    "SpeechRecognizer": "estimators.speech_recognizer",
    "Translator": "estimators.translator",
    "ImageCaptioner": "estimators.image_captioner",
    "Tagger": "estimators.tagger",
    "QuestionAnswerer": "estimators.question_answerer",
    "ContactPredictor": "estimators.contact_predictor",
    "Bagging": "ensembles.bagging",
    "Voting": "ensembles.voting",
    "Stacking": "ensembles.stacking",
    "AdaBoost": "ensembles.adaboost",
    "GradientBoosting": "ensembles.gradient",
    "Snapshot": "ensembles.trajectory",
    "SWA": "ensembles.trajectory",
    "load": "ensembles.saving",
    "optimize": "estimators.fitting.descent",
    "find_rate": "estimators.fitting.rates",
    "find_batch_size": "estimators.fitting.batches",
    "summary": "estimators.judging.summary",
    "sample": "sampling.run",
    "fit_variational": "sampling.variational",
    "drift": "evaluation.drift",
    "cross_validate": "estimators.judging.selection",
    "learning_curve": "estimators.judging.selection",
    "validation_curve": "estimators.judging.selection",
    "bias_variance": "estimators.judging.selection",
    "compare": "estimators.judging.comparison",
    "tune": "tuning",
    "track": "tuning.tracking",
    "choose_sequence_model": "evaluation.choosing",
    "choose_forecaster": "evaluation.choosing_forecasts",
    "panel_sequences": "data.timeseries.panels",
    "SelectColumns": "estimators.features",
    "predict_views": "estimators.judging.views",
    "project": "insight.maps",
    "Table": "data.tables.table",
    "Image": "data.images.image",
    "Text": "data.text.text",
    "Pieces": "data.text.pieces",
    "Sequences": "data.timeseries.sequences",
    "Speech": "data.audio.speech",
    "Video": "data.images.video",
    "model": "registry",
    "optimizer": "registry",
    "schedule": "registry",
    "loss": "registry",
    "initializer": "registry",
    "regularizer": "registry",
    "inference": "registry",
    "AnomalyDetector": "estimators.anomaly_detector",
    "cluster_series": "patterns",
    "find_motifs": "patterns",
    "match_pattern": "patterns",
    "segment_series": "patterns",
    "ParnassusError": "errors",
    "DataError": "errors",
    "SettingError": "errors",
    "FileError": "errors",
    "MissingExtra": "errors",
    "Diverged": "errors",
    "DataWarning": "errors",
    "NotFitted": "estimators.base",
    "keep_memory": "memory",
}
_PACKAGES = (
    "byhand",
    "data",
    "evaluation",
    "export",
    "functional",
    "hub",
    "insight",
    "kernels",
    "labelling",
    "layers",
    "models",
    "objectives",
    "patterns",
    "sampling",
    "serve",
    "train",
    "tuning",
)

__all__ = ["__version__", *sorted(_PUBLIC), *_PACKAGES]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in _PACKAGES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
