"""Make ``kokoro_styles.npz`` from the npm package kokoro-js 1.2.1: the speakers that ``voices`` names.

``npm pack kokoro-js@1.2.1 && python -m make_styles kokoro-js-1.2.1.tgz``
"""

from __future__ import annotations

import argparse
import tarfile
from pathlib import Path

import numpy as np

from tml_bench.synthesis import engines, voices


def main() -> None:
    """Take the style tables of the Kokoro voices out of the package, as float16."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("package", type=Path, help="kokoro-js-1.2.1.tgz")
    names = [v.speaker for v in voices.VOICES.values() if v.engine == "kokoro"]
    tables = {}
    with tarfile.open(parser.parse_args().package) as package:
        for name in names:
            member = package.extractfile(f"package/voices/{name}.bin")
            if member is None:
                raise SystemExit(f"the package has no voices/{name}.bin")
            tables[name] = np.frombuffer(member.read(), "<f4").reshape(-1, 256).astype(np.float16)
    np.savez_compressed(engines.STYLES, allow_pickle=False, **tables)


if __name__ == "__main__":
    main()
