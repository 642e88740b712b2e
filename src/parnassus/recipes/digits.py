"""Connected digits of voices never heard: hidden Markov models of words, of characters, and under a network."""

from typing import Any

from .. import registry
from ..data.audio.speech import Speech
from ..estimators.speech_recognizer import SpeechRecognizer
from ..functional.edit_distance import error_rate
from . import Size, Table, recipe
from .spoken import SAMPLE_RATE, TEST_VOICES, Spoken, spoken_digits, why_silent

MODELS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("word_hmm", {}),
    ("gmm_hmm", {"context": "none"}),
    ("gmm_hmm", {"context": "triphone"}),
    ("hybrid", {"network": "mlp"}),
    ("hybrid", {"network": "tdnn"}),
)


@recipe("spoken-digits-hmm", source="Hifny 13.4 and 13.5", figure="word error rates")
def spoken_digits_by_chains(size: Size) -> Table:
    """Word error rates of hidden Markov models on connected digits by six voices that training did not have.

    Without espeak-ng, which speaks the digits, the table says why it is empty.

    Systems: tied-state-triphones, hybrid-nn-hmm, asr-map-decision
    """
    title = "Connected digits of voices never heard, word error rates"
    columns = ("model", "options", "20 to 40 dB", "5 to 10 dB", "wrong", "digits")
    reason = why_silent()
    if reason is not None:
        return Table(title, columns, [("nothing spoken", "", "", "", 0, 0)], [reason], {"seed": 0})
    n_train, n_test = (12, 4) if size == "tiny" else (300, 200)
    train = spoken_digits(n_train, seed=0)
    clean = spoken_digits(n_test, voices=TEST_VOICES, seed=7)
    noisy = spoken_digits(n_test, voices=TEST_VOICES, seed=8, noise_db=(5.0, 10.0))
    rows = []
    for name, options in MODELS if size == "full" else MODELS[:1]:
        codec = Speech(sample_rate=SAMPLE_RATE, features="mfcc", deltas=2, normalize="utterance")
        made = SpeechRecognizer(registry.model(name, **options), codec=codec, progress=False)
        made.fit(train.sounds, train.transcripts)
        found = [error_rate(test.transcripts, heard(made, test)) for test in (clean, noisy)]
        wrong = round(found[0].rate * found[0].n_reference)
        given = ", ".join(map(str, options.values()))
        rows.append((name, given, found[0].rate, found[1].rate, wrong, found[0].n_reference))
    notes = ["The voices are espeak-ng's, which differ less than people do.", "Training had 20 to 40 dB alone."]
    return Table(title, columns, rows, notes, {"recordings": n_train, "seed": 0})


def heard(recognizer: SpeechRecognizer, data: Spoken) -> list[str]:
    """What the recogniser writes down for each recording."""
    return recognizer.predict(data.sounds)
