"""Made questions about made texts: who went where, and when, told in sentences that share all but a few words."""

import random

from .questions import QuestionList, Span

WORDS = {
    "who": ["Anna", "Boris", "Clara", "David", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kofi", "Lena"],
    "where": ["Athens", "Berlin", "Cairo", "Dublin", "Geneva", "Havana", "Lagos", "Lima", "London", "Oslo", "Paris"],
    "when": [str(year) for year in range(1901, 1917)],
}
FORMS = ("{who} went to {where} in {when}.", "{who} saw {where} in {when}.", "In {when} {who} came to {where}.")
WITHOUT = {"who": "Nobody saw {where} in {when}.", "where": "In {when} {who} slept.", "when": "{who} came to {where}."}
QUESTIONS = {"who": "Who was in {where}?", "where": "Where did {who} go?", "when": "When did {who} travel?"}


def told_facts(n: int, *, n_facts: int = 2, none: float = 0.0, seed: int = 0) -> tuple[QuestionList, list[list[Span]]]:
    """n questions, each about a text of `n_facts` sentences on different people, places and years, and their answers.

    With one sentence a question says what to look for; with more it says also in which sentence.

    none : the share of questions whose sentence leaves out what is asked, so that nothing answers.

    >>> X, y = told_facts(1)
    >>> X[0][1][y[0][0].start :].startswith(y[0][0].text)
    True
    """
    draw = random.Random(seed)
    X, y = QuestionList(), []
    for _ in range(n):
        drawn = [draw.sample(words, n_facts) for words in WORDS.values()]
        facts = [dict(zip(WORDS, fact, strict=True)) for fact in zip(*drawn, strict=True)]
        kind, asked, absent = draw.choice(list(WORDS)), draw.randrange(n_facts), draw.random() < none
        forms = [draw.choice(FORMS) for _ in facts]
        if absent:
            forms[asked] = WITHOUT[kind]
        told = [form.format(**fact) for form, fact in zip(forms, facts, strict=True)]
        X.append((QUESTIONS[kind].format(**facts[asked]), " ".join(told)))
        start = len(" ".join([*told[:asked], ""])) + max(told[asked].find(facts[asked][kind]), 0)
        y.append([] if absent else [Span(facts[asked][kind], start)])
    return X, y
