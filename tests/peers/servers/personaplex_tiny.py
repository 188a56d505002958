"""NVIDIA's PersonaPlex server, with a small Mimi and a small language model of random weights.

The weights are made from its own classes, whose sizes are constants, written as files, and loaded by its
``moshi.server`` itself; the voice is a file of random embeddings. Three things are put in its way: a hub that
it asks for ``config.json``, to be counted there, is not asked; it listens on loopback only; and what its
first Mimi encodes and decodes is also written to files, to be compared with what was said and heard.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import huggingface_hub
import torch
from aiohttp import web
from moshi.models import loaders
from moshi.models.compression import MimiModel
from moshi_tiny import keep_sound, make_noisy, make_tokenizer, options, serve
from safetensors.torch import save_file

WIDTH = 32
VOICE_FRAMES = 12

SMALL = {"num_heads": 2, "num_layers": 1}
loaders._seanet_kwargs |= {"dimension": WIDTH, "n_filters": 4, "last_kernel_size": 8}
loaders._quantizer_kwargs |= {"dimension": WIDTH // 2, "input_dimension": WIDTH, "output_dimension": WIDTH}
loaders._transformer_kwargs |= {**SMALL, "d_model": WIDTH, "dim_feedforward": 2 * WIDTH}
loaders._transformer_kwargs |= {"input_dimension": WIDTH, "output_dimensions": [WIDTH]}
loaders._lm_kwargs |= {**SMALL, "dim": WIDTH, "context": 500, "depformer_dim": WIDTH}
loaders._lm_kwargs |= {f"depformer_{name}": size for name, size in SMALL.items()}
loaders._lm_kwargs["depformer_dim_feedforward"] = 2 * WIDTH


def new_mimi() -> MimiModel:
    """A codec of the sizes above; the function that makes one can only load one."""
    load, loaders.load_model = loaders.load_model, lambda model, file: None
    mimi = loaders.get_mimi("none.safetensors", "cpu")
    loaders.load_model = load
    return mimi


def make_files(folder: Path, loudness: float) -> list[str]:
    """Write it all; returns the arguments of ``moshi.server`` that name it."""
    torch.manual_seed(0)
    loaders._lm_kwargs["text_card"] = make_tokenizer(folder / "tokenizer.model")
    mimi = make_noisy(new_mimi(), loaders._quantizer_kwargs["bins"], loudness)
    save_file(mimi.state_dict(), folder / "mimi.safetensors")
    model = loaders.get_moshi_lm(None)
    save_file(model.state_dict(), folder / "lm.safetensors")
    voice: dict[str, Any] = {
        "embeddings": torch.randn(VOICE_FRAMES, 1, 1, WIDTH, dtype=torch.bfloat16),
        "cache": torch.zeros(1, model.num_codebooks, max(model.delays) + 3, dtype=torch.long),
    }
    (folder / "voices").mkdir()
    torch.save(voice, folder / "voices" / "NATF2.pt")
    names = {"moshi-weight": "lm.safetensors", "mimi-weight": "mimi.safetensors"}
    names |= {"tokenizer": "tokenizer.model", "voice-prompt-dir": "voices"}
    return [word for option, name in names.items() for word in (f"--{option}", str(folder / name))]


def main() -> None:
    given = options()
    with torch.no_grad():
        files = make_files(given.folder, given.loudness)
    keep_sound(given.folder / "heard.f32", given.folder / "said.f32")
    huggingface_hub.hf_hub_download = lambda repository, name: ""
    web.run_app = functools.partial(web.run_app, host="127.0.0.1")
    serve(given.port, files)


if __name__ == "__main__":
    main()
