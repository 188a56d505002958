"""Moshi's own server, with a small Mimi and a small language model of random weights.

The weights are made from moshi's classes, written as a checkpoint, and loaded by ``moshi.server`` itself. Two
things are put in its way: its warm-up waits for a GPU, which is skipped; and the sound that Mimi encodes and
decodes is also written to files, for a test to compare with what was said and heard.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

os.environ["NO_TORCH_COMPILE"] = "1"

import sentencepiece
import torch
from moshi.models import loaders
from moshi.models.compression import MimiModel
from safetensors.torch import save_file

BINS = 64
WIDTH = 64
LOUDNESS = 0.1
"""RMS of what the decoder makes of random codes, with full scale 1; 0 is silence."""

MIMI: dict[str, Any] = {
    "sample_rate": 24000,
    "channels": 1,
    "frame_rate": 12.5,
    "seanet": {**loaders._seanet_kwargs, "dimension": WIDTH, "n_filters": 8, "last_kernel_size": 8},
    "quantizer": {
        **loaders._quantizer_kwargs,
        "dimension": WIDTH // 2,
        "bins": BINS,
        "input_dimension": WIDTH,
        "output_dimension": WIDTH,
    },
    "transformer": {
        **loaders._transformer_kwargs,
        "d_model": WIDTH,
        "num_heads": 2,
        "num_layers": 1,
        "dim_feedforward": 2 * WIDTH,
        "input_dimension": WIDTH,
        "output_dimensions": [WIDTH],
    },
}
LANGUAGE: dict[str, Any] = {
    **loaders._lm_kwargs,
    "dim": WIDTH,
    "card": BINS,
    "num_heads": 2,
    "num_layers": 2,
    "context": 500,
    "depformer_dim": WIDTH,
    "depformer_dim_feedforward": 2 * WIDTH,
    "depformer_num_heads": 2,
    "depformer_num_layers": 1,
}
TEXT = "the quick brown fox jumps over the lazy dog while five boxing wizards watch from the hill"


def make_tokenizer(path: Path) -> int:
    """Write a tokenizer of some pieces; returns how many."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([TEXT] * 20),
        model_writer=model,
        vocab_size=48,
        hard_vocab_limit=False,
        pad_id=3,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())
    return int(sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).vocab_size())


def make_noisy(mimi: MimiModel, bins: int, loudness: float) -> MimiModel:
    """Have a codec turn random codes into noise in the band of speech, of this RMS.

    Its codebooks are random. Biases would add a hum that no code changes, and are zero; the last convolution
    is a moving average, since random ones above it leave most of their sound at 6 and 12 kHz.
    """
    for name, buffer in mimi.named_buffers():
        if name.endswith("embedding_sum"):
            buffer.normal_()
        elif name.endswith(("cluster_usage", "_initialized")):
            buffer.fill_(1)
    for name, weights in mimi.decoder.named_parameters():
        if name.endswith("bias"):
            weights.zero_()
    last = [module for module in mimi.decoder.modules() if isinstance(module, torch.nn.Conv1d)][-1]
    last.weight.copy_(last.weight.mean(-1, keepdim=True).expand_as(last.weight))
    last.weight.mul_(loudness / mimi.decode(torch.randint(bins, (1, 8, 50))).std())
    return mimi


def make_checkpoint(folder: Path, loudness: float) -> list[str]:
    """Write it all; returns the arguments of ``moshi.server`` that name it."""
    torch.manual_seed(0)
    pieces = make_tokenizer(folder / "tokenizer.model")
    mimi = make_noisy(loaders.get_mimi(None, MIMI), BINS, loudness)
    save_file(mimi.state_dict(), folder / "mimi.safetensors")
    language = {**LANGUAGE, "text_card": pieces}
    save_file(loaders.get_moshi_lm(None, language).state_dict(), folder / "moshi.safetensors")
    (folder / "mimi.json").write_text(json.dumps(MIMI))
    (folder / "config.json").write_text(
        json.dumps({**language, "mimi_config_name": f"file://{folder / 'mimi.json'}"})
    )
    names = {"moshi-weight": "moshi.safetensors", "mimi-weight": "mimi.safetensors"}
    names |= {"tokenizer": "tokenizer.model", "config-path": "config.json"}
    return [word for option, name in names.items() for word in (f"--{option}", str(folder / name))]


def keep_sound(heard: Path, said: Path) -> None:
    """Append all that the first codec in use encodes and decodes to these files, as float32 at 24 kHz."""
    encode, decode = MimiModel.encode, MimiModel.decode
    first: list[MimiModel] = []

    def kept(codec: MimiModel, path: Path, sound: torch.Tensor) -> torch.Tensor:
        if not first:
            first.append(codec)
        if codec is first[0]:
            with open(path, "ab") as file:
                file.write(sound[0, 0].numpy().tobytes())
        return sound

    MimiModel.encode = lambda self, sound: encode(self, kept(self, heard, sound))
    MimiModel.decode = lambda self, codes: kept(self, said, decode(self, codes))


def options() -> argparse.Namespace:
    """What a test gives on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for checkpoint and sound")
    parser.add_argument("--loudness", type=float, default=LOUDNESS, help="of what it says")
    given = parser.parse_args()
    given.folder.mkdir()
    return given


def serve(port: str, checkpoint: list[str]) -> None:
    """Run ``moshi.server``."""
    place = ["--host", "127.0.0.1", "--port", port, "--device", "cpu", "--static", "none"]
    sys.argv = ["moshi.server", *place, *checkpoint]
    runpy.run_module("moshi.server", run_name="__main__")


def main() -> None:
    given = options()
    with torch.no_grad():
        checkpoint = make_checkpoint(given.folder, given.loudness)
    keep_sound(given.folder / "heard.f32", given.folder / "said.f32")
    torch.cuda.synchronize = lambda device=None: None
    serve(given.port, checkpoint)


if __name__ == "__main__":
    main()
