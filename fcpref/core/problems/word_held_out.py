"""Situations of family `word` that only a held-out test set uses, with sentences of their own."""

from __future__ import annotations

from fcpref.core.problems.word_moves import Situation, move

_SEATS = (
    "How many seats are taken when the music starts?", "How many people are in the audience?",
)  # fmt: skip
_HONEY = ("How many {unit} of honey are there?", "What does the honey weigh, in {unit}?")
_WALL = ("How many bricks are in the wall of {name}?", "Of how many bricks is the wall?")
_SHIFT = (
    "How many {unit} does the machine run?", "What is the running time of the machine, in {unit}?",
)  # fmt: skip

CONCERT = Situation(
    name="concert",
    things=("students", "children"),
    other_things=("cadets", "trainees"),
    moves=(
        move("start>n", "b * c", "few count", _SEATS,
             "For the concert of {name}, {b} rows are full, and a row has {c} seats.",
             "{name} sings in a hall where {c} people sit in each of {b} rows."),
        move("start>n", "", "large", _SEATS,
             "{b} people come to hear {name} sing.",
             "A concert of {name} is visited by {b} people."),
        move("n>n", "x + b", "count", _SEATS,
             "Late by some minutes, {b} {things} squeeze in.",
             "At the last moment a group of {b} {things} sits down."),
        move("n>n", "x - b", "below", _SEATS,
             "Before the first song {b} people go home.",
             "The hall is too hot for {b} people, who walk out."),
        move("n>n", "b % x; x - y", "percent", _SEATS,
             "A train strike keeps {b}% of them away after all.",
             "As it snows, {b}% of the audience never arrives."),
        move("n>n", "x * b", "times", _SEATS,
             "{other} plays the next night to {b} as large an audience.",
             "An evening later the audience of {other} is {b} as large.", switch=True),
        move("n>p", "x * b", "few", "How many programs are printed?",
             "The printer makes {b} programs for everyone in the audience.",
             "Everyone in the audience leaves with {b} programs."),
        move("n>m", "x * b", "price@dollars", "How many dollars do the tickets bring in?",
             "A ticket was {b}.", "Everyone in the audience has bought a ticket at {b}."),
        move("m>r", "x - b", "below@dollars", "How many dollars remain?",
             "The hall is rented for {b}.", "Light and sound come to {b}."),
    ),
    asides=(
        "The concert hall was built {n} years ago.", "The choir of {other} has {n} members.",
        "The drum weighs {n} kilograms.",
    ),
)  # fmt: skip

BEES = Situation(
    name="bees",
    things=("cards", "candles", "toys"),
    other_things=("badges", "mirrors", "kites"),
    units=(("w", "grams"),),
    moves=(
        move("start>w", "b * c", "few large@grams", _HONEY,
             "From {b} hives {name} harvests {c} of honey each.",
             "{name} keeps bees in {b} hives, and every hive yields {c} of honey."),
        move("start>w", "", "large@grams", _HONEY,
             "The bees of {name} make {b} of honey.", "{name} harvests {b} of honey from a hive."),
        move("w>w", "x + b", "large@grams", _HONEY,
             "A wild swarm contributes {b} of honey.", "From last year {b} of honey remain."),
        move("w>w", "x - b", "below@grams", _HONEY,
             "A bear licks up {b} of the honey.", "{name} trades {b} of the honey for {things}."),
        move("w>w", "b % x; x - y", "percent", _HONEY,
             "When it is filtered, {b}% of the honey sticks to the cloth.",
             "The bees are fed with {b}% of the honey in winter."),
        move("w>w", "x / b; x - y", "part", _HONEY,
             "To {other}, who owns the meadow, {name} owes {b} of the honey and delivers it.",
             "The owner of the meadow claims {b} of the honey."),
        move("w>j", "x / b", "divisor@grams", "How many jars come out?",
             "{name} fills jars with {b} of honey until there is no honey left.",
             "A jar is full with {b} of honey, and all the honey is poured into jars."),
        move("j>m", "x * b", "price@dollars", "How many dollars is all of it worth?",
             "People are willing to give {b} for such a jar.", "Such a jar is worth {b}."),
    ),
    asides=(
        "A hive has {n} frames.", "{other} was stung {n} times last year.",
        "The meadow is {n} kilometers away.",
    ),
)  # fmt: skip

BRICKS = Situation(
    name="bricks",
    things=("the lake", "the capital"),
    other_things=("the island", "the castle"),
    moves=(
        move("start>n", "b * c", "count few", _WALL,
             "{name} lays {b} layers of {c} bricks for a wall near {things}.",
             "Near {things} {name} builds a wall of {b} layers, with {c} bricks in a layer."),
        move("start>n", "", "large", _WALL,
             "So far a wall that {name} builds near {things} consists of {b} bricks.",
             "{name} has laid {b} bricks for a wall near {things}."),
        move("n>n", "x + b", "count", _WALL,
             "{other} helps and lays {b} bricks.", "On top come {b} bricks with a pattern."),
        move("n>n", "x - b", "below", _WALL,
             "The wind knocks {b} bricks out of the wall.",
             "For a window {name} knocks {b} bricks out."),
        move("n>n", "b % x; x + y", "percent", _WALL,
             "As the wall is too low, {name} enlarges it by {b}%.",
             "The plan changes, and the wall gets {b}% more bricks."),
        move("n>n", "x * b", "times", _WALL,
             "The wall that {other} builds consists of {b} as many bricks.",
             "For a new wall {other} uses {b} as many bricks.", switch=True),
        move("n>h", "x / b", "divisor", "How many hours does the builder of the wall work?",
             "Laying {b} bricks is the work of an hour.",
             "The bricks are laid at a rate of {b} an hour."),
        move("h>m", "x * b", "price@dollars", "How many dollars is the builder paid?",
             "A builder is paid {b} an hour.", "The wage for an hour is {b}."),
    ),
    asides=(
        "The crane is {n} meters high.", "{other} wears a helmet with the number {n}.",
        "The cement was mixed {n} minutes ago.",
    ),
)  # fmt: skip

FACTORY = Situation(
    name="factory",
    things=("pens", "rolls", "stickers"),
    other_things=("brushes", "bagels", "buttons"),
    units=(("t", "minutes"),),
    moves=(
        move("start>t", "", "large@minutes", _SHIFT,
             "A machine that {name} looks after runs for {b} without a stop.",
             "{name} switches on a machine, and it is not switched off for {b}."),
        move("start>t", "b * c", "few few@minutes", _SHIFT,
             "The machine of {name} completes {b} cycles, and a cycle lasts {c}.",
             "With {c} to a cycle, the machine of {name} goes through {b} cycles."),
        move("t>t", "x + b", "count@minutes", _SHIFT,
             "A test run of {b} follows.", "At night the machine is on for an extra {b}."),
        move("t>t", "x - b", "below@minutes", _SHIFT,
             "Of this time {b} were idle and have to be left out.",
             "A new setting makes the run {b} shorter."),
        move("t>t", "b % x; x - y", "percent", _SHIFT,
             "An upgrade cuts this time by {b}%.",
             "With fresh oil the machine is done {b}% sooner."),
        move("t>t", "x * b", "few@days", _SHIFT,
             "Day after day the same happens, {b} long.", "The same program is on daily for {b}."),
        move("t>q", "x * b", "few", "How many {things} come off the belt?",
             "Per minute {b} {things} come off the belt.",
             "The belt delivers {b} {things} a minute."),
        move("q>c", "x / b", "divisor", "How many cartons are needed?",
             "A carton has room for {b}.", "Robots stack them in cartons of {b}."),
    ),
    asides=(
        "The factory has {n} doors.", "{other} is employee number {n}.",
        "The canteen offers {n} dishes.",
    ),
)  # fmt: skip

HELD_OUT = (CONCERT, BEES, BRICKS, FACTORY)
