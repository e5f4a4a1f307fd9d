"""State dicts from and to files, whatever wrapped the model."""

from __future__ import annotations

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from conversion.state_dict_files import PLACES, read_state_dict, write_state_dict
from gi_jax.errors import GiJaxError
from tests.conversion.cases import GOLDEN, assert_bit_equal, load

CASE = "lazy_batch_gelu_sum_L2"
TENSORS = {key: torch.from_numpy(np.array(value)) for key, value in load(CASE).state_dict.items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_written_files_hold_the_same_bits(tmp_path: Path, suffix: str) -> None:
    write_state_dict(load(CASE).state_dict, tmp_path / f"model{suffix}")
    file = read_state_dict(tmp_path / f"model{suffix}")
    assert_bit_equal(file.tensors, load(CASE).state_dict)
    assert (file.prefix, file.others) == ("", ())


def test_half_precision_is_kept(tmp_path: Path) -> None:
    half = {"gene_embedding.weight": np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)}
    for name in ("model.pt", "model.safetensors"):
        write_state_dict(half, tmp_path / name)
        assert_bit_equal(read_state_dict(tmp_path / name).tensors, half)


@pytest.mark.parametrize("prefix", ["model.", "module.", "_orig_mod.", "model._orig_mod.", "model.module."])
def test_prefixes_come_off(tmp_path: Path, prefix: str) -> None:
    content = {prefix + key: value for key, value in TENSORS.items()}
    torch.save(content, tmp_path / "model.pt")
    file = read_state_dict(tmp_path / "model.pt")
    assert file.prefix == prefix
    assert_bit_equal(file.tensors, load(CASE).state_dict)


def test_lightning_checkpoint(tmp_path: Path) -> None:
    state_dict = {f"model.{key}": value for key, value in TENSORS.items()}
    state_dict["loss_func.dist_loss.pred_buffer"] = torch.zeros(4, 1)
    torch.save({"state_dict": state_dict, "epoch": 3, "optimizer_states": [{}]}, tmp_path / "last.ckpt")
    file = read_state_dict(tmp_path / "last.ckpt")
    assert file.others == ("loss_func.dist_loss.pred_buffer",)
    assert_bit_equal(file.tensors, load(CASE).state_dict)


def test_dango_is_found_by_its_own_embedding(tmp_path: Path) -> None:
    expected = load("dango_hidden16").state_dict
    save_file({f"model.{key}": value for key, value in expected.items()}, tmp_path / "dango.safetensors")
    assert_bit_equal(read_state_dict(tmp_path / "dango.safetensors").tensors, expected)


def test_tied_tensors_that_a_file_keeps_once_come_back(tmp_path: Path) -> None:
    expected = load(CASE).state_dict
    tied = {key: keys[0] for keys in load(CASE).meta["tied_keys"] for key in keys[1:]}
    kept = {key: value for key, value in expected.items() if key not in tied}
    save_file(kept, tmp_path / "model.safetensors", metadata=tied)  # as safetensors.torch.save_model does
    assert_bit_equal(read_state_dict(tmp_path / "model.safetensors").tensors, expected)


class Opaque:
    """An object that only executing the pickle would bring back."""


def test_pickled_objects_are_never_executed(tmp_path: Path) -> None:
    torch.save({"state_dict": TENSORS, "hyper_parameters": Opaque()}, tmp_path / "last.ckpt")
    with pytest.raises(GiJaxError, match="cannot be read as weights alone .*save its state dict by itself"):
        read_state_dict(tmp_path / "last.ckpt")


def test_without_pytorch_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(TENSORS, tmp_path / "model.pt")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(GiJaxError, match=r"model\.pt: PyTorch files need PyTorch; run `pip install torch`"):
        read_state_dict(tmp_path / "model.pt")
    read_state_dict(GOLDEN / CASE / "params.safetensors")  # needs none


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.pt", None, "no such file"),
        ("model.bin", b"x", "of no known kind"),
        ("model.safetensors", b"nonsense", "no readable safetensors file"),
        ("model.pt", b"nonsense", "cannot be read as weights alone"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(GiJaxError, match=message):
        read_state_dict(tmp_path / name)


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(GiJaxError, match=r"holds no gene_embedding\.weight.*encoder\.weight"):
        read_state_dict(tmp_path / "other.pt")
    with pytest.raises(GiJaxError, match=r"\.safetensors, \.pt or \.pth"):
        write_state_dict({}, tmp_path / "model.ckpt")


@pytest.mark.parametrize("place", [*PLACES, "generator"])
def test_weights_are_found_under_any_usual_key_or_the_only_one_with_a_model(
    tmp_path: Path, place: str
) -> None:
    content = {"epoch": 3, "optimizer": {"state": {0: {"step": torch.zeros(())}}}, place: TENSORS}
    torch.save(content, tmp_path / "model.pt")
    file = read_state_dict(tmp_path / "model.pt")
    assert_bit_equal(file.tensors, load(CASE).state_dict)
    assert file.place == ""


def test_of_two_models_in_a_file_the_usual_one_is_taken_and_named(tmp_path: Path) -> None:
    average = {key: value + 1 for key, value in TENSORS.items()}
    torch.save({"ema": average, "model_state_dict": TENSORS}, tmp_path / "model.pt")
    file = read_state_dict(tmp_path / "model.pt")
    assert_bit_equal(file.tensors, load(CASE).state_dict)
    assert file.place == "model_state_dict"


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_target_that_cannot_be_written_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"folder{suffix}").mkdir()
    for target, said in (
        (tmp_path / f"folder{suffix}", "is a folder"),
        (tmp_path / "no" / f"x{suffix}", "not exist"),
    ):
        with pytest.raises(GiJaxError, match=said):
            write_state_dict(load(CASE).state_dict, target)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("folder", ["[1]", "a\\b", "M\udcfcller"])
def test_a_folder_may_have_any_name(tmp_path: Path, suffix: str, folder: str) -> None:
    (tmp_path / folder).mkdir()
    write_state_dict(load(CASE).state_dict, tmp_path / folder / f"model{suffix}")
    assert_bit_equal(read_state_dict(tmp_path / folder / f"model{suffix}").tensors, load(CASE).state_dict)
