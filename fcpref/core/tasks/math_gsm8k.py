"""Task `math.gsm8k`: GSM8K's word problems, read from its JSON Lines file."""

from __future__ import annotations

from fcpref.core.functions import Toolbox, arithmetic, flow
from fcpref.core.problems.gsm8k import TASK as NAME
from fcpref.core.problems.gsm8k import read_row
from fcpref.core.scores.arithmetic import supports
from fcpref.core.tasks.task import Task, exemplars_of
from fcpref.core.tasks.worked_solution import aloud, oracle

# Own problems in GSM8K's manner: a row of the data shown to a teacher would be a leak.
_EXEMPLARS = (
    {
        "question": (
            "Priya bakes 6 trays of rolls with 8 rolls on each tray. She keeps 12 rolls for "
            "her family and sells the rest. How many rolls does she sell?"
        ),
        "answer": (
            "She bakes 6 * 8 = <<6*8=48>>48 rolls.\n"
            "She sells 48 - 12 = <<48-12=36>>36 rolls.\n"
            "#### 36"
        ),
    },
    {
        "question": (
            "A jacket costs $80. The shop takes 25% off the price, and Omar also uses a $10 "
            "voucher. How much does Omar pay for the jacket?"
        ),
        "answer": (
            "The discount is 25% * 80 = $<<25%*80=20>>20.\n"
            "The sale price is 80 - 20 = $<<80-20=60>>60.\n"
            "With the voucher Omar pays 60 - 10 = $<<60-10=50>>50.\n"
            "#### 50"
        ),
    },
    {
        "question": (
            "Lena reads 15 pages on Monday, twice as many on Tuesday, and half as many on "
            "Wednesday as on Tuesday. The book has 100 pages. How many pages does she have "
            "left?"
        ),
        "answer": (
            "On Tuesday she reads 15 * 2 = <<15*2=30>>30 pages.\n"
            "On Wednesday she reads 30 / 2 = <<30/2=15>>15 pages.\n"
            "In all she reads 15 + 30 + 15 = <<15+30+15=60>>60 pages.\n"
            "She has 100 - 60 = <<100-60=40>>40 pages left.\n"
            "#### 40"
        ),
    },
    {
        "question": (
            "A pump fills 9 liters in 4 minutes. How many liters does it fill in an hour and "
            "a half?"
        ),
        "answer": (
            "An hour and a half is 1.5 * 60 = <<1.5*60=90>>90 minutes.\n"
            "It fills 9 / 4 = <<9/4=2.25>>2.25 liters a minute.\n"
            "So it fills 2.25 * 90 = <<2.25*90=202.5>>202.5 liters.\n"
            "#### 202.5"
        ),
    },
)

TASK = Task(
    name=NAME,
    summary="GSM8K: grade-school word problems, read from its JSON Lines file",
    toolbox=Toolbox(functions=(*arithmetic.FUNCTIONS, flow.REASONING, flow.NUMBER_ANSWER)),
    oracle=oracle,
    support=supports,
    exemplars=exemplars_of(
        oracle,
        tuple(read_row(row, index) for index, row in enumerate(_EXEMPLARS)),
    ),
    read=read_row,
    aloud=aloud,
)
