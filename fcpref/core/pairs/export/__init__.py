"""Pairs and chains as rows for other tools: one file a tool, and the catalog of formats."""

from fcpref.core.pairs.export.axolotl import axolotl_row, axolotl_sft_row
from fcpref.core.pairs.export.chats import Sample, judged_sides, sides_of
from fcpref.core.pairs.export.columns import Fields, Kind, ListOf
from fcpref.core.pairs.export.formats import (
    FORMATS,
    ChainFormat,
    Format,
    PairFormat,
    find_format,
)
from fcpref.core.pairs.export.sharegpt import sharegpt_row, sharegpt_sft_row
from fcpref.core.pairs.export.trl import trl_kto_row, trl_prm_row, trl_row, trl_sft_row

__all__ = [
    "FORMATS",
    "ChainFormat",
    "Fields",
    "Format",
    "Kind",
    "ListOf",
    "PairFormat",
    "Sample",
    "axolotl_row",
    "axolotl_sft_row",
    "find_format",
    "judged_sides",
    "sharegpt_row",
    "sharegpt_sft_row",
    "sides_of",
    "trl_kto_row",
    "trl_prm_row",
    "trl_row",
    "trl_sft_row",
]
