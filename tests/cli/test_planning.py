"""`parnassus plan`: sizes in, a table and an advice out."""

import json

import pytest

from parnassus.cli import main


def test_seven_billion_weights_fit_divided_and_not_whole(capsys):
    words = ["plan", "7B", "--batch", "64", "--micro-batch", "8", "--again", "--precision", "bfloat16", "--json"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["n_parameters"] == 7e9
    assert "zero3" in result["fits"]
    assert "data" not in result["fits"]
    by_name = {n["strategy"]: n for n in result["needs"]}
    assert by_name["data"]["weights"] == 28e9
    assert by_name["data"]["states"] == 56e9
    assert by_name["zero3"]["held"] < by_name["zero2"]["held"] < by_name["zero1"]["held"] < by_name["data"]["held"]
    assert "32 layers, 4096 wide" in err


def test_a_small_net_is_trained_whole_on_every_device(capsys):
    assert main(["plan", "1M", "--devices", "2", "--memory", "16", "--batch", "4", "--context", "64"]) == 0
    assert "torchrun --nproc-per-node" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "seven"], "seven"),
        (["plan", "0"], "7B"),
        (["plan", "1e30"], "at most 1000T"),
        (["plan", "1.2.3B"], "1.2.3B"),
        (["plan", "7B", "--optimizer", "newton"], "builds a matrix"),
        (["plan", "7B", "--devices", "0"], "--devices is at least 1"),
        (["plan", "7B", "--memory", "0"], "above 0"),
        (["plan", "7B", "--optimizer", "adamm"], "adam"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(words, said, capsys):
    assert main(words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_a_net_that_fits_divided_is_trained_by_what_is_here(capsys):
    assert main(["plan", "7B", "--batch", "64", "--devices", "64", "--memory", "24", "--precision", "bfloat16"]) == 0
    assert "--parallelism fsdp" in capsys.readouterr().out


def test_a_device_holds_whole_rows(capsys):
    held = []
    for batch in ("1", "3", "8", "9", "16"):
        assert main(["plan", "7B", "--devices", "8", "--batch", batch, "--json"]) == 0
        out, err = capsys.readouterr()
        held.append({n["strategy"]: n["activations"] for n in json.loads(out)["needs"]}["zero3"])
        assert ("leave 5 devices without one" in err) == (batch == "3")
    one, two = held[0], held[3]
    assert held == [one, one, one, two, two]
    assert two == pytest.approx(2 * one)


def test_a_small_net_is_counted_in_units_that_show_it(capsys):
    for n, unit, weights in (("1M", "MB", "4.00"), ("1000", "kB", "4.00"), ("1B", "GB", "4.00")):
        assert main(["plan", n, "--devices", "2"]) == 0
        said = capsys.readouterr().out
        assert f"all {unit}" in said
        assert next(line for line in said.splitlines() if line.startswith("data")).split()[1] == weights


def test_what_training_would_refuse_is_not_advised(capsys):
    assert main(["plan", "7B", "--optimizer", "lbfgs", "--devices", "64", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fits"] == []
    assert main(["plan", "7B", "--devices", "3", "--batch", "2", "--memory", "1000"]) == 0
    assert "32 heads do not come out even" in capsys.readouterr().out
    assert main(["plan", "7B", "--devices", "4", "--batch", "2", "--memory", "1000"]) == 0
    assert "every layer divided" in capsys.readouterr().out
