"""Situations of family `word` about weights and volumes."""

from __future__ import annotations

from fcpref.core.problems.word_moves import Situation, move

_WATER = (
    "How many {unit} of water are in the tank?",
    "How much water does the tank hold now, in {unit}?",
)
_LOAD = ("How many {unit} does the load weigh?", "What is the weight of all this, in {unit}?")
_DRINK = (
    "How many {unit} of drink does {name} have?",
    "How much drink is there now, in {unit}?",
)
_COSTS = ("How many dollars does this cost {name}?", "What does {name} pay for this, in dollars?")

WATER = Situation(
    name="water",
    things=("garden", "roses", "lawn"),
    other_things=("orchard", "tulips", "hedge"),
    units=(("v", "liters"), ("d", "days")),
    moves=(
        move("start>v", "", "large@liters", _WATER,
             "{name} has {b} of water in a tank for the {things}.",
             "A tank for the {things} of {name} holds {b} of water."),
        move("start>v", "b * c", "few@hours few@liters", _WATER,
             "{name} lets water run into an empty tank for {b}, {c} an hour, for the {things}.",
             "For the {things} a pump fills {c} of water an hour into an empty tank, and {name} "
             "stops it after {b}."),
        move("v>v", "x + b", "count@liters", _WATER,
             "Rain adds {b} of water to the tank.", "{name} pours {b} of water into the tank."),
        move("v>v", "b * c; x + y", "few few@liters", _WATER,
             "{name} empties {b} buckets of {c} each into the tank.",
             "{other} carries {b} buckets to the tank and pours in {c} with each."),
        move("v>v", "x - b", "below@liters", _WATER,
             "{name} takes {b} of water from the tank.", "A leak costs the tank {b} of water."),
        move("v>v", "x / b; x - y", "part", _WATER,
             "On the {things} {name} uses {b} of the water.",
             "{name} waters the {things} with {b} of the water."),
        move("v>v", "b % x; x - y", "percent", _WATER,
             "In the sun {b}% of the water dries up.",
             "Before the weekend {b}% of the water is lost."),
        move("v>v", "x * b", "times", _WATER,
             "The tank of {other} holds {b} as much water as that of {name}.",
             "{other} has a tank, too, with {b} as much water in it.", switch=True),
        move("v>k", "x / b", "divisor@liters", "How many cans does {name} fill?",
             "{name} fills all the water into cans of {b}.",
             "All the water goes into cans that hold {b} each."),
        move("v>d", "x / b", "divisor@liters", "For how many {unit} does the water last?",
             "Each day {name} needs {b} of the water.",
             "The {things} then take {b} of water a day."),
    ),
    asides=(
        "The hose is {n} meters long.", "{other} grows {n} tomatoes.", "The tank cost ${n}.",
    ),
)  # fmt: skip

PARCELS = Situation(
    name="parcels",
    things=("parcels", "boxes", "crates"),
    other_things=("trunks", "barrels", "caskets"),
    units=(("w", "grams"),),
    moves=(
        move("start>w", "", "large@grams", _LOAD,
             "{name} puts a package of {b} on the scale.", "A package of {name} weighs {b}."),
        move("start>w", "b * c", "few large@grams", _LOAD,
             "{name} loads {b} {things} of {c} each.",
             "A load of {name} is made up of {b} {things}, and each weighs {c}."),
        move("w>w", "x + b", "large@grams", _LOAD,
             "{name} puts {b} of books on top.", "A bag of {b} is added to the load."),
        move("w>w", "b * c; x + y", "few count@grams", _LOAD,
             "{other} adds {b} cards that weigh {c} each.",
             "{name} also loads {b} tins, each of {c}."),
        move("w>w", "x - b", "below@grams", _LOAD,
             "{name} takes {b} out again.", "A piece of {b} has to come off the load."),
        move("w>w", "b % x; x + y", "percent", _LOAD,
             "Wrapping makes the load {b}% heavier.",
             "Packing it for the trip adds {b}% of weight."),
        move("w>w", "x / b; x - y", "part", _LOAD,
             "At the first stop {b} of the weight is unloaded.",
             "{other} takes over {b} of the weight."),
        move("w>w", "x * b", "times", _LOAD,
             "The load of {other} weighs {b} as much as that of {name}.",
             "{other} has a load that is {b} as heavy as that of {name}.", switch=True),
        move("w>k", "x / b", "divisor@grams", "How many equal bags does {name} make of it?",
             "{name} divides the whole load into bags of {b}.",
             "The whole load is split into bags that weigh {b} each."),
        move("k>m", "x * b", "price@dollars", _COSTS,
             "Sending a bag costs {name} {b}.", "{name} pays {b} of postage for each bag."),
    ),
    asides=(
        "The post office has {n} windows.", "{other} waits {n} minutes in line.",
        "The van is {n} years old.",
    ),
)  # fmt: skip

PARTY = Situation(
    name="party",
    things=("juice", "punch", "lemonade"),
    other_things=("cider", "cocoa", "milk"),
    units=(("v", "milliliters"),),
    moves=(
        move("start>v", "b * c", "few large@milliliters", _DRINK,
             "{name} has {b} bottles with {c} of {things} each for a party.",
             "For a party {name} buys {b} bottles of {things}, and each holds {c}."),
        move("start>v", "", "large@milliliters", _DRINK,
             "{name} mixes {b} of {things} for a party.",
             "At a party {name} serves {b} of {things}."),
        move("v>v", "x + b", "large@milliliters", _DRINK,
             "{other} brings {b} more {things}.", "{name} adds {b} of cold water to the {things}."),
        move("v>v", "x - b", "below@milliliters", _DRINK,
             "{name} spills {b} of the {things}.",
             "The guests drink {b} of the {things} right away."),
        move("v>v", "b * c; x - y", "few few@milliliters", _DRINK,
             "{name} pours {c} of the {things} into each of {b} vases by mistake.",
             "Then {b} children try {c} of the {things} each."),
        move("v>v", "b % x; x - y", "percent", _DRINK,
             "By noon {b}% of the {things} is gone.",
             "{name} drinks {b}% of the {things} with {their} friends."),
        move("v>v", "x / b; x - y", "part", _DRINK,
             "{name} puts {b} of the {things} away for later and counts only the rest.",
             "{other} takes {b} of the {things} home."),
        move("v>g", "x / b", "divisor@milliliters", "How many tiny cups can {name} fill?",
             "{name} serves all of the {things} in tiny cups of {b}.",
             "A tiny cup takes {b}, and {name} fills cups with all of the {things}."),
        move("g>m", "x * b", "price@dollars", "How many dollars does {name} take in?",
             "{name} sells every cup for {b}.", "Every cup brings in {b}."),
        move("v>each", "x / b", "divisor", "How many milliliters does each guest get?",
             "All of the {things} is shared equally by {b} guests.",
             "For each of {b} guests {name} pours the same amount of {things}, and uses it up."),
    ),
    asides=(
        "The band plays {n} songs.", "{other} blows up {n} balloons.",
        "The party lasts {n} hours.",
    ),
)  # fmt: skip
