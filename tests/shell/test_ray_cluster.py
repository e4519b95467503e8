"""What is said about a cluster before there is one; tests/slow/test_ray.py has real ones."""

from __future__ import annotations

import pytest

from fcpref.cli import main
from fcpref.errors import UsageError
from fcpref.shell import ray_cluster
from fcpref.shell.ray_cluster import RayExecutor


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(ray_cluster, "find_spec", lambda _: None)

    with pytest.raises(UsageError, match=r"^--ray needs Ray; run pip install 'fcpref\[ray\]'$"):
        RayExecutor("local")


@pytest.mark.parametrize("address", ["", "rubbish", "ray://head:10001", "head", "head:port", ":1"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError, match="give local, auto, or HOST:PORT of a head node"):
        RayExecutor(address)


@pytest.mark.parametrize("command", ["chains", "score", "pairs"])
def test_shards_need_a_cluster(command, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--artifacts", str(tmp_path), command, "abcd", "--shards", "3"])

    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("fcpref: --shards needs --ray ADDRESS; see ")
