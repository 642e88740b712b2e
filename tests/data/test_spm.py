"""SentencePiece files: bytes written here by hand, cut as worked out by hand and as the package itself cuts."""

import json
import random
import struct

import pytest
import torch

import parnassus as pn
from parnassus.data.text.sentinels import SentinelPieces
from parnassus.data.text.spm import SentencePieces, ids_in, places_in, tokenizer_of

MARKS = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
SOURCE = [("▁", -2.0), ("▁the", -1.0), ("▁cat", -3.0), ("c", -4.0), ("a", -4.0), ("t", -4.0), ("at", -5.0), ("s", -6.0)]
TARGET = [
    ("▁die", -1.0),
    ("▁", -2.0),
    ("▁Katze", -2.5),
    ("d", -4.0),
    ("i", -4.0),
    ("e", -4.0),
    ("ß", -4.5),
    ("die", -5),
]
NAMES = ["</s>", "<unk>", *dict.fromkeys(name for name, _ in (*SOURCE, *TARGET)), ">>de<<", "<pad>"]
IDS = {name: i for i, name in enumerate(NAMES)}


def varint(n):
    return bytes([n & 0x7F | 0x80]) + varint(n >> 7) if n > 0x7F else bytes([n])


def field(number, value):
    """A field of a message: whole numbers, floats and bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def written(path, pieces, *, model_type=1, marks=MARKS, **spaces):
    entries = [*marks, *((name, score, 1) for name, score in pieces)]
    body = b"".join(
        field(1, field(1, name.encode()) + field(2, float(score)) + (field(3, kind) if kind != 1 else b""))
        for name, score, kind in entries
    )
    told = b"".join(field(n, int(spaces[k])) for n, k in ((3, "prefixed"), (4, "tidied")) if k in spaces)
    path.write_bytes(body + field(2, field(3, model_type) + field(4, len(entries))) + field(3, told))
    return path


def names_of(pieces, text):
    return [pieces.name(i) for i in pieces.rows([text])[0]]


@pytest.fixture
def source(tmp_path):
    held = SentencePieces.read(written(tmp_path / "source.spm", SOURCE))
    return SentinelPieces(tokenizer_of(held, IDS), "a test")


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("the cat", ["▁the", "▁cat"]),
        ("  the   cats ", ["▁the", "▁cat", "s"]),
        ("tat", ["▁", "t", "at"]),  # -2 - 4 - 5, above four letters
        ("the dog", ["▁the", "▁", "<unk>"]),  # what is unknown in a row is one
        ("the die", ["▁the", "▁", "die"]),  # a whole that the other side knows
        ("the ß", ["▁the", "▁", "ß"]),
        (">>de<< the", [">>de<<", "▁the"]),
        ("", []),
    ],
)
def test_texts_are_cut_into_the_likeliest_pieces_of_their_own_side(source, text, due):
    assert names_of(source, text) == due


def test_texts_come_back_from_pieces_of_either_side(source):
    assert source.text([IDS[name] for name in ("▁die", "▁Katze", "▁", "s", "</s>", "<pad>")]) == "die Katze s"
    again = SentinelPieces.hold(source.held())
    assert names_of(again, "the die") == ["▁the", "▁", "die"]
    assert again.names == source.names == NAMES


def test_places_are_ids_and_sentinels_stand_behind_them(tmp_path):
    marks = [("<pad>", 0.0, 3), ("</s>", 0.0, 3), ("<unk>", 0.0, 2)]
    held = SentencePieces.read(written(tmp_path / "spiece.model", SOURCE, marks=marks))
    pieces = SentinelPieces(tokenizer_of(held, places_in(held, 2)), "a test")
    assert pieces.rows(["the <extra_id_0> cat <extra_id_1>"]) == [[4, 12, 5, 11]]
    assert (pieces.pad, pieces.end, pieces.unknown, pieces.sentinels) == (0, 1, 2, [12, 11])


def test_spaces_are_left_where_a_file_says_so(tmp_path):
    held = SentencePieces.read(written(tmp_path / "a", SOURCE, prefixed=False, tidied=False))
    pieces = SentinelPieces(tokenizer_of(held, IDS), "a test")
    assert names_of(pieces, "cat  cat ") == ["c", "at", "▁", "▁cat", "▁"]


def test_what_is_no_unigram_model_is_refused(tmp_path):
    whole = written(tmp_path / "a", SOURCE).read_bytes()
    for name, data in (("cut", whole[:30]), ("text", b"the cat sat"), ("empty", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(pn.FileError, match=f"{name}.*SentencePiece model"):
            SentencePieces.read(tmp_path / name)
    with pytest.raises(pn.FileError, match="nowhere"):
        SentencePieces.read(tmp_path / "nowhere")
    with pytest.raises(pn.FileError, match="no unigram model; let transformers write"):
        SentencePieces.read(written(tmp_path / "bpe", SOURCE, model_type=2))
    for ids, words in (({"a": 1}, "an id from 0 on"), ({"a": 0}, "no <pad>, </s>, <unk>"), ([], "an id from 0 on")):
        (tmp_path / "vocab.json").write_text(json.dumps(ids))
        with pytest.raises(pn.FileError, match=words):
            ids_in(tmp_path / "vocab.json")


def test_the_package_itself_cuts_alike(tmp_path):
    theirs = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
    from pydoc_data import topics

    lines = [line.strip() for text in topics.topics.values() for line in text.splitlines() if line.strip()]
    (tmp_path / "lines").write_text("\n".join(lines[:1200]), encoding="utf-8")
    prefix = str(tmp_path / "m")
    theirs.SentencePieceTrainer.train(input=tmp_path / "lines", model_prefix=prefix, vocab_size=400, minloglevel=2)
    model = theirs.SentencePieceProcessor(model_file=f"{prefix}.model")
    held = SentencePieces.read(f"{prefix}.model")
    ids = {name: i for i, name in enumerate([*places_in(held, 0), "<pad>"])}
    pieces = SentinelPieces(tokenizer_of(held, ids), "a test")
    rng = random.Random(0)
    made = ["".join(rng.choice("abcé п中z.  ﬁⅧ\tÜ") for _ in range(rng.randint(0, 20))) for _ in range(500)]
    for text in (*lines[1200:2000], *made, "ﬁne ① ｆｕｌｌ", "e\u0301 a\u3000b"):
        if "==" not in text and "**" not in text:  # of equal scores either may win
            due = model.encode(text, out_type=str)
            assert names_of(pieces, text) == [n if n in ids else "<unk>" for n in due]
            if all(name in ids for name in due):
                assert pieces.text(pieces.rows([text])[0]) == model.decode(due)


@pytest.mark.slow
def test_a_marian_folder_with_two_files_is_read_started_from_and_written(tmp_path):
    pairs = [("the cat", "die Katze"), ("the cats", "die ß")]
    net = pn.model("marian", width=16, n_heads=2, n_layers=1)
    folder = tmp_path / "marian"
    made = pn.Translator(net, unit="pieces", shared=True, epochs=1, progress=False, max_words=180)
    pn.hub.save_pretrained(made.fit(pairs * 3), folder)
    (folder / "tokenizer.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    ids = NAMES[:-1] + [f"extra{i}" for i in range(config["vocab_size"] - len(NAMES))] + ["<pad>"]
    last = len(ids) - 1
    config |= {"decoder_start_token_id": last, "pad_token_id": last, "eos_token_id": 0}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(ids)}))
    for name, pieces in (("source", SOURCE), ("target", TARGET)):
        written(folder / f"{name}.spm", pieces)
    tuned = pn.Translator(start=folder, epochs=80, lr=0.01, batch_size=3, progress=False, seed=1).fit(pairs * 3)
    assert names_of(tuned.codec_.tokenizer, "the cats") == ["▁the", "▁cat", "s"]
    assert names_of(tuned.target_.tokenizer, "die Katze") == ["▁die", "▁Katze"]
    sources, targets = map(list, zip(*pairs, strict=True))
    assert tuned.translate(sources) == targets
    tuned.save(tmp_path / "t.parnassus")
    pn.hub.save_pretrained(tuned, tmp_path / "back")
    for again in (pn.load(tmp_path / "t.parnassus"), pn.Translator.read(tmp_path / "back")):
        assert again.translate(sources) == targets
        assert names_of(again.target_.tokenizer, "die ß") == ["▁die", "▁", "ß"]
    with torch.no_grad():
        weights = pn.hub.load(tmp_path / "back").state_dict()["sources.weight"]
    assert weights.shape[0] == len(ids)


def test_a_folder_without_its_units_is_told_of(tmp_path):
    X, y = ["a b", "b a"] * 4, ["x", "y"] * 4
    net = pn.model("marian", width=8, n_layers=1, n_heads=2)
    tr = pn.Translator(net, unit="words", shared=True, epochs=1, device="cpu").fit(X, y)
    with pytest.warns(pn.DataWarning, match="without its units.*unit='pieces'"):
        pn.hub.save_pretrained(tr, tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()
