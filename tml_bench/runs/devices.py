"""Which devices worker processes have: each is told its number, and which GPUs are its own."""

from collections.abc import Iterable, Mapping, Sequence

from tml_bench.errors import UserError

WORKER = "TML_BENCH_WORKER"
"""The variable with the number of a worker process, from 0; one that takes another's place has its number."""

VISIBLE = "CUDA_VISIBLE_DEVICES"


def parse_devices(given: str | Iterable[int | str]) -> tuple[str, ...]:
    """What each worker is to see, one after the other, as ``CUDA_VISIBLE_DEVICES`` takes it.

    Args:
        given: names of devices, such as ``0,1`` or ``GPU-5f2c,MIG-77a0``, as a text or one by one; ``0+1``
            are two that a worker has together.

    Returns:
        ``("0", "1")`` for ``0,1`` and ``("0,1", "2,3")`` for ``0+1,2+3``; empty where nothing is given.

    Raises:
        UserError: a name is missing or holds what no name of a device does, or one stands there twice.
    """
    texts = given.split(",") if isinstance(given, str) else [str(one) for one in given]
    if texts == [""]:
        return ()
    parts = [[name.strip() for name in text.split("+")] for text in texts]
    names = [name for part in parts for name in part]
    for name in names:
        if not name.replace("-", "").replace("/", "").isalnum() or not name.isascii() or name[0] == "-":
            raise UserError(
                f"--gpus: {name!r} is no device", "give numbers such as 0,1, or names as `nvidia-smi -L` has"
            )
    if len({*names}) < len(names):
        raise UserError(
            "--gpus names a device twice", "workers take turns by themselves where there are more of them"
        )
    return tuple(",".join(part) for part in parts)


def worker_environment(number: int, devices: Sequence[str]) -> Mapping[str, str]:
    """The variables of worker ``number``; without devices it sees those that the command sees."""
    visible = {VISIBLE: devices[number % len(devices)]} if devices else {}
    return {WORKER: str(number), **visible}
