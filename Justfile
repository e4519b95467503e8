# Settings, each also as NAME=value on the command line: `just index=URL setup`.

# the interpreter that makes .venv
python := env("FCPREF_PYTHON", "python3")

# a package index in place of pip's own
index := env("FCPREF_INDEX", "")

# one more index, for a build of torch other than the default one (CPU only, another CUDA)
torch_index := env("FCPREF_TORCH_INDEX", "")

set shell := ["bash", "-euo", "pipefail", "-c"]

# Packages are installed uncompiled (three times faster), so what gets imported must be cached.
unexport PYTHONDONTWRITEBYTECODE

# list the recipes
default:
    @{{ just_executable() }} --list --unsorted

# make .venv from .ci/lock.txt; does nothing while the lock and pyproject.toml stay as they are
setup:
    #!/usr/bin/env bash
    set -euo pipefail
    done=.venv/.setup-done
    begun=.venv/.setup-begun
    if cat .ci/lock.txt pyproject.toml | cmp -s - "$done"; then exit 0; fi
    if [[ -e $begun ]] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        {{ quote(python) }} -m venv --clear .venv
    fi
    .venv/bin/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || {
        echo "fcpref needs Python 3.11 to 3.13, .venv has $(.venv/bin/python -V): just clean, just python=PATH setup" >&2
        exit 1
    }
    echo "setting up .venv (once, about half a minute and the downloads)" >&2
    rm -f "$done"
    touch "$begun"
    pip() {
        .venv/bin/python -m pip --disable-pip-version-check install -qq --no-compile \
            {{ if index == "" { "" } else { "--index-url " + quote(index) } }} \
            {{ if torch_index == "" { "" } else { "--extra-index-url " + quote(torch_index) } }} "$@"
    }
    pip -c .ci/lock.txt pip setuptools
    # Dependencies are followed, not skipped: they are all in the lock but the libraries that
    # a GPU build of torch names, and a lock that contradicts pyproject.toml fails here.
    pip -r .ci/lock.txt --no-build-isolation -e '.[dev]'
    cat .ci/lock.txt pyproject.toml >"$done"
    rm "$begun"

# the main job: problems to report, replaying what artifacts/ holds
pipeline *args: setup
    .venv/bin/fcpref run {{ args }}

# the fast tests
test *args: setup
    .venv/bin/pytest -q -n 2 tests --ignore tests/slow {{ args }}

# add the extra `ray` to .venv, from .ci/lock-ray.txt
setup-ray: setup
    #!/usr/bin/env bash
    set -euo pipefail
    done=.venv/.setup-ray-done
    if cmp -s .ci/lock-ray.txt "$done"; then exit 0; fi
    .venv/bin/python -m pip --disable-pip-version-check install -qq --no-compile \
        {{ if index == "" { "" } else { "--index-url " + quote(index) } }} \
        -c .ci/lock.txt -r .ci/lock-ray.txt
    cp .ci/lock-ray.txt "$done"

# the slow tests
test-slow *args: setup-ray
    .venv/bin/pytest -q tests/slow {{ args }}

# lint, format, types, layers
check: setup
    .venv/bin/ruff check
    .venv/bin/ruff format --check
    .venv/bin/mypy
    .venv/bin/lint-imports

# speed and memory, as ratios against named peers
bench *args: setup
    .venv/bin/python -m benchmarks {{ args }}

# write the report again
report *args: setup
    .venv/bin/fcpref report {{ args }}

# re-hash, re-execute and re-score every artifact
verify *args: setup
    .venv/bin/fcpref verify {{ args }}

# remove .venv, local artifacts and caches
clean:
    rm -rf .venv artifacts/local build dist *.egg-info
    rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
    find . -name __pycache__ -prune -exec rm -rf {} +
