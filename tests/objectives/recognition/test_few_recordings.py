"""How long hybrids train when recordings are few."""

import pytest

from parnassus.estimators.fitting.training import plan_of
from parnassus.estimators.speech_recognizer import SpeechRecognizer
from parnassus.train.phase import Objective


@pytest.mark.parametrize(("n_rows", "epochs"), [(10, 200), (30, 100), (160, 20), (5_000, 20)])
def test_few_recordings_are_taken_as_often_as_makes_steps_enough(n_rows, epochs):
    objective = Objective()
    objective.epochs, objective.least_steps = 20, 200
    assert plan_of(SpeechRecognizer("hybrid"), objective, n_rows).epochs == epochs
    assert plan_of(SpeechRecognizer("hybrid", epochs=3), objective, n_rows).epochs == 3
