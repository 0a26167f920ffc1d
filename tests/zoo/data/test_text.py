"""Texts: files, tokens, batches and errors."""

import numpy as np
import pytest
import torch

from zoo.data.base import DataError
from zoo.data.text import load_text
from zoo.data.text_batches import TextBatches, columns, score_batches

LINES = "the cat sat\n\nthe dog\n"


def write_splits(folder, pattern="{}.txt", splits=("train", "valid", "test")):
    for number, split in enumerate(splits):
        (folder / pattern.format(split)).write_text(LINES + f"only{number}\n", encoding="utf-8")
    return folder


def back(data, ids):
    return [data.vocabulary[number] for number in ids]


def test_the_sample_is_shakespeare_by_character_in_order():
    data = load_text("sample")
    whole = "".join(back(data, np.concatenate([data.train, data.valid, data.test])))
    assert whole.startswith("First Citizen:\nBefore we proceed any further, hear me speak.")
    assert len(data.train) == pytest.approx(0.9 * len(whole), abs=1)
    assert len(data.valid) == pytest.approx(0.05 * len(whole), abs=1)
    assert (data.by, data.vocabulary_size) == ("char", 61)
    assert load_text("sample", by="word").vocabulary_size > 2000


@pytest.mark.parametrize("name, pattern", [
    ("ptb", "{}.txt"), ("ptb", "ptb.{}.txt"), ("wikitext2", "wiki.{}.tokens")])
def test_words_of_a_folder_end_each_line_with_eos(tmp_path, name, pattern):
    data = load_text(name, write_splits(tmp_path, pattern))
    assert back(data, data.train) == ["the", "cat", "sat", "<eos>", "<eos>", "the", "dog",
                                      "<eos>", "only0", "<eos>"]
    assert back(data, data.test)[-2:] == ["only2", "<eos>"]  # the vocabulary covers every split
    assert data.vocabulary_size == 8 and data.train.dtype == np.int64


def test_one_file_by_word_and_by_character(tmp_path):
    file = tmp_path / "mine.txt"
    file.write_bytes(("\ufeff" + "déjà vu\r\n" * 20).encode())
    words = load_text("text", file, by="word")
    assert words.vocabulary == ["déjà", "vu", "<eos>"]
    assert [len(words.train), len(words.valid), len(words.test)] == [54, 3, 3]
    assert set(load_text("text", str(file)).vocabulary) == set("déjà vu\n")


WRITTEN = "déjà vu\n\nencore\n" * 20


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le marked",
                                  "utf-16-be marked", "utf-32-be marked"])
def test_all_line_ends_and_marked_encodings_give_the_same_text(tmp_path, ends, code):
    """CR alone, as on old Macs, silently turned a file into one line."""
    code, _, marked = code.partition(" ")
    text = "\ufeff" * bool(marked) + WRITTEN.replace("\n", ends)
    (tmp_path / "mine.txt").write_bytes(text.encode(code))
    (tmp_path / "plain.txt").write_bytes(WRITTEN.encode())
    for by in ("word", "char"):
        found, wanted = (load_text("text", tmp_path / name, by)
                         for name in ("mine.txt", "plain.txt"))
        assert found.vocabulary == wanted.vocabulary
        for split in ("train", "valid", "test"):
            assert np.array_equal(getattr(found, split), getattr(wanted, split))


def test_all_line_ends_in_the_splits_of_a_folder(tmp_path):
    folder = write_splits(tmp_path)
    wanted = load_text("ptb", folder)
    file = folder / "valid.txt"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r"))
    assert np.array_equal(load_text("ptb", folder).valid, wanted.valid)


@pytest.mark.parametrize("content, by, said", [
    (WRITTEN.encode("utf-16-le"), None, "not UTF-8 text"),
    ("only ascii\n".encode("utf-16-be") * 40, None, "holds NUL characters: it is UTF-16"),
    ("only ascii\n".encode("utf-16-le") * 40, None, "iconv -f UTF-16LE -t UTF-8"),
    (WRITTEN.encode("utf-16")[:-1], None, "is not UTF-16 text"),
    (b"", None, "is empty"),
    (b" \n \n", None, "is empty"),
    (b"caf\xe9 " * 50, None, "not UTF-8 text (byte 3 is 0xe9)"),
    (b"a" * 100, "char", "repeats a single char"),
    (b"two words", "word", "too small: of 3 words"),
])
def test_texts_that_cannot_be_learned_from(tmp_path, content, by, said):
    file = tmp_path / "bad.txt"
    file.write_bytes(content)
    with pytest.raises(DataError, match=said.replace("(", r"\(").replace(")", r"\)")) as raised:
        load_text("text", file, by)
    assert str(file) in str(raised.value)


def test_a_missing_training_text_is_named_with_the_remedy(tmp_path):
    write_splits(tmp_path, splits=("valid", "test"))
    with pytest.raises(DataError, match="train.txt or wiki.train.tokens or ptb.train.txt is "
                       "missing; it has valid.txt and test.txt; .* --data text"):
        load_text("ptb", tmp_path)


def test_wrong_names_and_places(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(LINES)
    for arguments, said in [
        (("ptbb",), "did you mean ptb"), (("sample", file), "omit --path"),
        (("text",), "needs --path"), (("text", tmp_path), "is a folder"),
        (("text", tmp_path / "no.txt"), "no file"), (("ptb", file), "is a file"),
        (("ptb", tmp_path / "no"), "no folder"), (("text", file, "line"), "not by 'line'"),
        (("wikitext2", tmp_path), "no train split"),
    ]:
        with pytest.raises(DataError, match=said):
            load_text(*arguments)


def test_rows_of_the_hub_are_lines(monkeypatch):
    datasets = pytest.importorskip("datasets")
    rows, asked = {"sentence": ["the cat", "sat"]}, []

    def load_dataset(*where, **settings):
        asked.append((where, settings))
        return dict.fromkeys(("train", "validation", "test"), rows)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr("zoo.data.sets.hub.is_reachable", lambda: True)
    data = load_text("ptb")
    # Dataset scripts are no longer run; the branch has the same rows.
    assert asked == [(("ptb-text-only/ptb_text_only",), {"revision": "refs/convert/parquet"})]
    assert back(data, data.valid) == ["the", "cat", "<eos>", "sat", "<eos>"]


# --- batches ------------------------------------------------------------------------------------


def test_columns_are_read_downwards():
    text = columns(np.arange(11), 3)
    assert text.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    with pytest.raises(DataError, match=r"11 tokens do not fill 6 columns of 2; .*at most 5"):
        columns(np.arange(11), 6)


def stream(rows=103, valid_rows=17, time=10, seed=0):
    return TextBatches(columns(torch.arange(3 * rows), 3), columns(torch.arange(2 * valid_rows), 2),
                       hidden=4, time=time, seed=seed)


def test_an_epoch_reads_the_training_text_once():
    batches, read = stream(), []
    for (tokens, targets, hidden), _, factor in batches.epoch(1):
        assert torch.equal(tokens + 1, targets.view_as(tokens))
        assert hidden.shape == (1, 3, 4) and factor in (0.5, 1)
        read.append((tokens, factor))
    assert all(factor == len(tokens) / 10 for tokens, factor in read[:-1])
    assert len(read[-1][0]) < 10 * read[-1][1]  # cut at the end of the text, at the full rate
    assert torch.equal(torch.cat([tokens for tokens, _ in read]), batches.train[:102])


def test_lengths_are_a_function_of_seed_and_epoch_and_some_are_half():
    lengths = stream(rows=20000).lengths(3)
    assert lengths == stream(rows=20000).lengths(3) != stream(rows=20000).lengths(4)
    assert stream(rows=20000, seed=1).lengths(3) != lengths
    assert set(lengths) == {10, 5}
    assert 0.03 < lengths.count(5) / len(lengths) < 0.07
    assert sum(len(train[0]) for train, _, _ in stream(rows=12).epoch(1)) == 10  # one row remains


def test_hidden_states_are_carried_and_the_validation_text_wraps():
    batches, seen = stream(), []
    for number, (train, valid, _) in enumerate(batches.epoch(1)):
        seen.append((valid[0][0, 0].item(), valid[2].max().item(), train[2].max().item()))
        batches.carry(torch.full((1, 3, 4), number + 1.0), torch.full((1, 2, 4), number + 1.0))
    # 16 rows in sequences of 10: 10, then 6, then from the start again with a zero state.
    assert seen[:4] == [(0, 0, 0), (10, 1, 1), (0, 0, 2), (10, 3, 3)]


def test_a_resumed_stream_equals_an_uninterrupted_one():
    def run(batches, number):
        read = []
        for train, valid, factor in batches.epoch(number):
            read += [*train, *valid, torch.tensor(factor)]
            batches.carry(train[2] + 1, valid[2] + 1)
        return read

    whole = stream(rows=60)
    run(whole, 1)
    resumed = stream(rows=60)
    resumed.load_state_dict(whole.state_dict())
    assert resumed.state_dict()["valid_first"] > 0
    assert all(map(torch.equal, run(whole, 2), run(resumed, 2)))


def test_texts_too_small_for_a_batch_are_refused():
    with pytest.raises(DataError, match="3 are needed"):
        stream(rows=2)
    with pytest.raises(ValueError, match="at least 2 columns"):
        TextBatches(columns(torch.arange(9), 1), columns(torch.arange(9), 2), hidden=4)
    with pytest.raises(ValueError, match="at least 2 time steps"):
        stream(time=1)


def test_scoring_reads_every_token_once():
    text = columns(torch.arange(46), 2)
    pieces = list(score_batches(text, 10))
    assert [len(tokens) for tokens, _ in pieces] == [10, 10, 2]
    assert torch.equal(torch.cat([targets for _, targets in pieces]), text[1:].reshape(-1))
