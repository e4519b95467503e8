"""The situations of family `word`: what may be said, and what it computes.

A move is one sentence that turns the running quantity ``x`` of one kind into another, by one or
two operations. ``y`` is the result of the move's first operation; ``b`` and ``c`` are its own
numbers. Fields of a text: name, they, their (the subject), other (someone else), things, b, c.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

Draw = Literal["count", "few", "large", "price", "below", "above", "times", "part", "divisor", "percent"]
START = "start"


@frozen(kw_only=True)
class Move:
    """One sentence and its operations.

    Attributes:
        source: kind of the running quantity before; ``start`` for an opening.
        target: kind after.
        text: the sentence.
        operations: such as ``"b * c"``; ``"b % x"`` is b percent of x. Empty for an opening that
            states the quantity ``b``.
        b: how the first number is drawn.
        c: how the second number is drawn, where there is one.
        question: what to ask when this move is the last.
        switch: the other person is the subject afterwards.
    """

    source: str
    target: str
    text: str
    operations: tuple[str, ...]
    b: Draw
    question: str
    c: Draw | None = None
    switch: bool = False


@frozen(kw_only=True)
class Situation:
    """Moves that fit together, the things they are about, and sentences beside the point."""

    name: str
    things: tuple[str, ...]
    moves: tuple[Move, ...]
    asides: tuple[str, ...]


def _move(  # noqa: PLR0913 - a table row
    path: str, text: str, operations: str, draws: str, question: str, *, switch: bool = False
) -> Move:
    source, _, target = path.partition(">")
    b, _, c = draws.partition(" ")
    return Move(
        source=source,
        target=target,
        text=text,
        operations=tuple(part.strip() for part in operations.split(";") if part.strip()),
        b=b,  # type: ignore[arg-type] # the table is checked by a test
        c=c or None,  # type: ignore[arg-type]
        question=question,
        switch=switch,
    )


_HAS = "How many {things} does {name} have now?"
_MONEY = "How many dollars does {name} have now?"

SITUATIONS = (
    Situation(
        name="shop",
        things=("apples", "pens", "candles", "postcards", "lemons", "toys"),
        moves=(
            _move("start>n", "{name} brings {b} {things} to the market.", "", "large", _HAS),
            _move("start>n", "{name} brings {b} boxes of {c} {things} to the market.", "b * c",
                  "few count", _HAS),
            _move("n>n", "{other} brings {b} more {things} for {name} to sell.", "x + b", "count", _HAS),
            _move("n>n", "Then {b} crates with {c} {things} each arrive for {name}.",
                  "b * c; x + y", "few count", _HAS),
            _move("n>n", "{name} throws away {b} bad {things}.", "x - b", "below", _HAS),
            _move("n>n", "{name} throws away {b}% of the {things}, as they are damaged.",
                  "b % x; x - y", "percent", _HAS),
            _move("n>n", "In the morning {name} gives away {b} of the {things} as samples.",
                  "x / b; x - y", "part", _HAS),
            _move("n>m", "{name} sells every one of the {things} for ${b}.", "x * b", "price", _MONEY),
            _move("n>m", "{name} sells the {things} in packs of {b}, at ${c} a pack.",
                  "x / b; y * c", "divisor price", _MONEY),
            _move("m>m", "{name} pays ${b} for the stall.", "x - b", "below", _MONEY),
            _move("m>m", "{name} adds the money to the ${b} in {their} purse.", "x + b", "count", _MONEY),
            _move("m>m", "{name} gives {b}% of the money to a charity.", "b % x; x - y", "percent",
                  _MONEY),
            _move("m>m", "{name} gives {b} helpers ${c} each.", "b * c; x - y", "few few", _MONEY),
            _move("m>share", "{name} splits the money equally among {b} people.", "x / b", "divisor",
                  "How many dollars does each of them get?"),
        ),
        asides=(
            "The market has {n} stalls.", "{other} sells {n} jars of honey.",
            "The market closes after {n} hours.",
        ),
    ),
    Situation(
        name="kitchen",
        things=("cookies", "muffins", "rolls", "pancakes", "dumplings"),
        moves=(
            _move("start>n", "{name} bakes {b} {things}.", "", "large", _HAS),
            _move("start>n", "{name} bakes {b} trays with {c} {things} on each tray.", "b * c",
                  "few count", _HAS),
            _move("n>n", "{name} eats {b} of the {things}.", "x - b", "below", _HAS),
            _move("n>n", "{name} takes {b} of the {things} to {their} neighbors.", "x / b; x - y",
                  "part", _HAS),
            _move("n>n", "{other} gives {name} {b} plates of {c} {things}.", "b * c; x + y", "few few",
                  _HAS),
            _move("n>n", "{name} burns {b}% of the {things} and throws those out.", "b % x; x - y",
                  "percent", _HAS),
            _move("n>n", "{name} makes {b} more {things}.", "x + b", "count", _HAS),
            _move("n>n", "{other} then has {b} as many {things} as {name}.", "x * b", "times", _HAS,
                  switch=True),
            _move("n>per", "{name} puts all the {things} into {b} bags, the same number in each.",
                  "x / b", "divisor", "How many {things} are in each bag?"),
            _move("n>bags", "{name} puts all the {things} into bags of {b}.", "x / b", "divisor",
                  "How many bags does {name} fill?"),
            _move("bags>m", "{name} sells every bag for ${b}.", "x * b", "price",
                  "How many dollars does {name} get?"),
        ),
        asides=(
            "The oven is {n} years old.", "{other} drinks {n} cups of tea.",
            "The recipe comes from a book of {n} pages.",
        ),
    ),
    Situation(
        name="trip",
        things=("miles", "kilometers"),
        moves=(
            _move("start>d", "{name} drives {b} {things}.", "", "large",
                  "How many {things} does {name} travel in all?"),
            _move("start>d", "{name} drives for {b} hours at {c} {things} an hour.", "b * c",
                  "few large", "How many {things} does {name} travel in all?"),
            _move("d>d", "Then {name} drives {b} {things} more.", "x + b", "count",
                  "How many {things} does {name} travel in all?"),
            _move("d>d", "Then {name} rides a train for {b} hours at {c} {things} an hour.",
                  "b * c; x + y", "few large", "How many {things} does {name} travel in all?"),
            _move("d>d", "{other} travels {b} {things} less than {name}.", "x - b", "below",
                  "How many {things} does {name} travel?", switch=True),
            _move("d>d", "{other} travels {b} as far as {name}.", "x * b", "times",
                  "How many {things} does {name} travel?", switch=True),
            _move("d>fuel", "For this whole way {name} needs one liter of fuel for every {b} {things}.",
                  "x / b", "divisor", "How many liters of fuel does {name} need?"),
            _move("fuel>fuel", "{name} buys {b} liters of fuel more than needed.", "x + b", "count",
                  "How many liters of fuel does {name} buy?"),
            _move("fuel>m", "{name} pays ${b} for each of these liters.", "x * b", "price",
                  "How many dollars does {name} pay?"),
            _move("d>days", "{name} spreads the whole way over days of {b} {things} each.", "x / b",
                  "divisor", "How many days does {name} need?"),
            _move("days>m", "Each day costs {name} ${b} for food.", "x * b", "price",
                  "How many dollars does {name} pay?"),
            _move("m>m", "{name} also pays ${b} in tolls.", "x + b", "count",
                  "How many dollars does {name} pay in all?"),
            _move("m>m", "{name} gets a discount of {b}% on everything.", "b % x; x - y", "percent",
                  "How many dollars does {name} pay in all?"),
            _move("m>share", "{b} friends share all these costs equally.", "x / b", "divisor",
                  "How many dollars does each friend pay?"),
        ),
        asides=(
            "The car has {n} seats.", "{other} listens to {n} songs on the way.",
            "{name} takes {n} photos.",
        ),
    ),
    Situation(
        name="farm",
        things=("trees", "bushes", "vines"),
        moves=(
            _move("start>n", "{name} has {b} rows of {c} {things} on a farm.", "b * c", "few count", _HAS),
            _move("start>n", "{name} has {b} {things} on a farm.", "", "large", _HAS),
            _move("n>n", "{name} plants {b} more {things}.", "x + b", "count", _HAS),
            _move("n>n", "A storm destroys {b} of the {things}.", "x - b", "below", _HAS),
            _move("n>n", "{name} cuts down {b} of the {things}.", "x / b; x - y", "part", _HAS),
            _move("n>n", "Then {name} plants {b}% more {things}.", "b % x; x + y", "percent", _HAS),
            _move("n>w", "In fall each of the {things} gives {b} kilograms of fruit.", "x * b", "few",
                  "How many kilograms of fruit does {name} get?"),
            _move("w>w", "Birds eat {b} kilograms of the fruit.", "x - b", "below",
                  "How many kilograms of fruit are left?"),
            _move("w>w", "{name} makes juice from {b}% of the fruit.", "b % x; x - y", "percent",
                  "How many kilograms of fruit are left?"),
            _move("w>w", "{name} adds {b} sacks with {c} kilograms of fruit each from {other}.",
                  "b * c; x + y", "few count", "How many kilograms of fruit does {name} have now?"),
            _move("w>boxes", "{name} packs the fruit into boxes of {b} kilograms.", "x / b", "divisor",
                  "How many boxes does {name} fill?"),
            _move("boxes>m", "{name} sells each box for ${b}.", "x * b", "price",
                  "How many dollars does {name} get?"),
            _move("m>m", "Then {name} pays workers ${b}.", "x - b", "below", _MONEY),
        ),
        asides=(
            "The farm has {n} cows.", "{other} lives {n} miles away.", "The barn is {n} years old.",
        ),
    ),
    Situation(
        name="school",
        things=("students", "children", "pupils"),
        moves=(
            _move("start>n", "{name} teaches at a school with {b} classes of {c} {things} each.",
                  "b * c", "few count", "How many {things} are at the school?"),
            _move("start>n", "{name} teaches at a school with {b} {things}.", "", "large",
                  "How many {things} are at the school?"),
            _move("n>n", "This year {b} {things} leave the school.", "x - b", "below",
                  "How many {things} are at the school now?"),
            _move("n>n", "Then {b} new {things} join the school.", "x + b", "count",
                  "How many {things} are at the school now?"),
            _move("n>n", "{other} teaches at a school with {b} as many {things}.", "x * b", "times",
                  "How many {things} are at the school of {name}?", switch=True),
            _move("n>g", "On Friday {b}% of these {things} stay for chess.", "b % x", "percent",
                  "How many {things} stay for chess?"),
            _move("n>g", "On Friday {b} of these {things} go to the museum.", "x / b", "part",
                  "How many {things} go to the museum?"),
            _move("n>g", "All these {things} but {b} go on a trip.", "x - b", "below",
                  "How many {things} go on the trip?"),
            _move("g>teams", "They form teams of {b}.", "x / b", "divisor", "How many teams are there?"),
            _move("g>p", "Each of them needs {b} sheets of paper.", "x * b", "few",
                  "How many sheets of paper do they need?"),
            _move("teams>p", "Each team gets {b} sheets of paper.", "x * b", "few",
                  "How many sheets of paper do they need?"),
            _move("p>p", "{name} also needs {b} sheets of paper.", "x + b", "count",
                  "How many sheets of paper do they need in all?"),
            _move("p>packs", "All this paper comes in packs of {b} sheets.", "x / b", "divisor",
                  "How many packs do they need?"),
            _move("packs>m", "Each pack costs ${b}.", "x * b", "price",
                  "How many dollars does the paper cost?"),
        ),
        asides=(
            "The school has {n} rooms.", "{other} walks {n} minutes to school.",
            "The library has {n} shelves.",
        ),
    ),
    Situation(
        name="savings",
        things=("dollars",),
        moves=(
            _move("start>m", "{name} works {b} hours for ${c} an hour.", "b * c", "count price", _MONEY),
            _move("start>m", "{name} saves ${b} a week for {c} weeks.", "b * c", "count few", _MONEY),
            _move("start>m", "{name} has ${b}.", "", "large", _MONEY),
            _move("m>m", "{name} gets ${b} from {other}.", "x + b", "count", _MONEY),
            _move("m>m", "{name} pays ${b} for shoes.", "x - b", "below", _MONEY),
            _move("m>m", "{name} buys {b} books for ${c} each.", "b * c; x - y", "few few", _MONEY),
            _move("m>m", "{name} spends {b} of the money on a gift.", "x / b; x - y", "part", _MONEY),
            _move("m>m", "The bank adds {b}% to the money of {name}.", "b % x; x + y", "percent", _MONEY),
            _move("m>m", "{other} has {b} as much money as {name}.", "x * b", "times", _MONEY,
                  switch=True),
            _move("m>m", "{other} has ${b} less than {name}.", "x - b", "below", _MONEY, switch=True),
            _move("m>need", "{name} wants a bike that costs ${b}.", "b - x", "above",
                  "How many more dollars does {name} need?"),
            _move("need>weeks", "From now on {name} saves ${b} a week for the missing money.", "x / b",
                  "divisor", "How many weeks does {name} need?"),
        ),
        asides=(
            "The bank is {n} minutes away.", "{other} has {n} coins from abroad.",
            "The bike shop has {n} helmets.",
        ),
    ),
    Situation(
        name="collection",
        things=("stamps", "marbles", "shells", "cards", "stickers"),
        moves=(
            _move("start>n", "{name} has {b} {things}.", "", "large", _HAS),
            _move("start>n", "{name} has {b} albums with {c} {things} each.", "b * c", "few count", _HAS),
            _move("n>n", "{name} finds {b} more {things}.", "x + b", "count", _HAS),
            _move("n>n", "{name} loses {b} {things}.", "x - b", "below", _HAS),
            _move("n>n", "{other} has {b} more {things} than {name}.", "x + b", "count", _HAS,
                  switch=True),
            _move("n>n", "{other} has {b} as many {things} as {name}.", "x * b", "times", _HAS,
                  switch=True),
            _move("n>n", "{name} gives {b} of the {things} to {other}.", "x / b; x - y", "part", _HAS),
            _move("n>n", "{name} trades away {b}% of the {things}.", "b % x; x - y", "percent", _HAS),
            _move("n>n", "For {b} days {name} buys {c} {things} a day.", "b * c; x + y", "few few", _HAS),
            _move("n>pages", "{name} puts the {things} on pages of {b}.", "x / b", "divisor",
                  "How many pages does {name} fill?"),
            _move("n>m", "{name} sells all the {things} for ${b} each.", "x * b", "price",
                  "How many dollars does {name} get?"),
        ),
        asides=(
            "{other} is {n} years old.", "The first album has {n} pages.",
            "{name} has {n} cousins.",
        ),
    ),
)  # fmt: skip
