# %% [markdown]
# # Language models, decoding and translation
#
# What comes next in a text, and the same text in another language.
# %%
from pydoc_data import topics

import numpy as np
from _size import size

import parnassus as pn
from parnassus.functional import metrics

pages = [p.strip() for page in topics.topics.values() for p in page.split("\n\n") if len(p) > 80]
prose = [" ".join(p.split())[:200] for p in pages]

# %% [markdown]
# ## A recurrent model of characters
# Exercise 0:D8
#
# Python's own help pages in place of Shakespeare. Perplexity a character says among how many the model still wavers;
# it must lie far below the number of characters. A low temperature writes what is likely, a high one what is odd.
# %%
train, held = prose[: size(80, 600)], prose[-60:]
lm = pn.LanguageModel(pn.model("lstm", hidden=size(64, 256)), unit="characters", context=64, epochs=size(4, 30),
                      batch_size=16, lr=0.01).fit(train)  # fmt: skip
found = lm.evaluate(held)
print({m.name: round(m.value, 2) for m in found.metrics}, "even chances:", round(found.metrics[0].baseline, 1))
for heat in (0.3, 1.0, 1.5):
    print(heat, repr(lm.generate("The ", n_tokens=50, temperature=heat, seed=0)))
assert lm.perplexity(held) < found.metrics[0].baseline / 2

# %% [markdown]
# ## Beam search against sampling
# Exercise 2b:P6.5
#
# A small GPT of the library's own. Greedy search and beams find likely texts, which repeat themselves; sampling from
# the most likely part varies. The mean log-probability a sign and the share of distinct words tell them apart.
# %%
texts = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog sat on the mat"] * 8
net = pn.model("gpt", width=32, n_layers=2)
gpt = pn.LanguageModel(net, context=32, epochs=size(60, 300), batch_size=8, lr=0.005).fit(texts)
ways = {"greedy": {"temperature": 0}, "beam of 4": {"beam": 4}, "top-p 0.9": {"top_p": 0.9}}
ways["heat 1.5"] = {"temperature": 1.5}
scores = {}
for name, way in ways.items():
    made = [gpt.generate(start, n_tokens=20, **way) for start in ("the", "a cat", "a dog")]
    scores[name] = float(np.mean(gpt.log_prob(made)) / np.mean([len(m) for m in made]))
    distinct = len(set(" ".join(made).split())) / len(" ".join(made).split())
    print(f"{name:10} log-probability a sign {scores[name]:6.2f}, distinct words {distinct:.2f}: {made[0]!r}")
assert max(scores["greedy"], scores["beam of 4"]) > scores["heat 1.5"]

# %% [markdown]
# ## Right to left: a Transformer from Arabic words
# Exercise 0:D9
#
# A made-up pair of languages with Arabic words, whose order is turned: text is stored in reading order, whatever way
# it is drawn, so that nothing has to be reversed. Greedy and with a beam.
# %%
cat, dog, house = "\u0642\u0637\u0629", "\u0643\u0644\u0628", "\u0628\u064a\u062a"
arabic = [cat, dog, house, "\u0643\u0628\u064a\u0631", "\u0635\u063a\u064a\u0631"]
words = dict(zip(arabic, ["cat", "dog", "house", "big", "small"], strict=True))
rng, pairs = np.random.default_rng(0), []
for _ in range(size(150, 800)):
    noun, kind = rng.choice(arabic[:3]), rng.choice(arabic[3:])
    pairs.append((f"{noun} {kind}", f"the {words[kind]} {words[noun]}"))
net = pn.model("transformer", width=32, n_layers=1, n_heads=2)
tr = pn.Translator(net, epochs=size(12, 40), lr=0.005, batch_size=16).fit(pairs[20:])
sources, wanted = [s for s, _ in pairs[:20]], [t for _, t in pairs[:20]]
for beam in (1, 4):
    made = tr.translate(sources, beam=beam)
    exact = np.mean([a == b for a, b in zip(made, wanted, strict=True)])
    print(f"beam {beam}: exact {exact:.2f}", ascii(sources[0]), "->", made[0])
assert size(True, made[0] == wanted[0])

# %% [markdown]
# ## German to English: a Transformer and an LSTM with attention
# Exercise 2b:P6.3
#
# Made-up sentences in place of Tatoeba's, with the German order of words. BLEU counts shared runs of one to four words
# and is nothing where texts are too short for that; both nets at equal sizes and epochs.
# %%
words = {"Hund": "dog", "Katze": "cat", "Vogel": "bird", "gestern": "yesterday", "heute": "today"}
words |= {"gesehen": "seen", "gesucht": "sought"}
rng, pairs = np.random.default_rng(1), []
names = list(words)
for _ in range(size(200, 1500)):
    who, day, verb = rng.choice(names[:3]), rng.choice(names[3:5]), rng.choice(names[5:])
    pairs.append((f"{day} habe ich den {who} {verb}", f"{words[day]} I have {words[verb]} the {words[who]}"))
cut = len(pairs) - 40
for name, net in {"transformer": pn.model("transformer", width=32, n_layers=1, n_heads=2),
                  "rnnsearch": pn.model("rnnsearch", cell="lstm", width=32, hidden=32)}.items():  # fmt: skip
    tr = pn.Translator(net, epochs=size(8, 30), lr=0.005, batch_size=16).fit(pairs[:cut])
    made = tr.translate([s for s, _ in pairs[cut:]])
    score = metrics.bleu([t for _, t in pairs[cut:]], made).score
    print(f"{name:12} BLEU {score:5.1f}: {made[0]!r}")
    assert size(True, score > 50)
(seen,) = tr.align([pairs[cut][0]])
seen.plot()
